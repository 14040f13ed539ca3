/* What `make install` lays out, and the service that comes of it. */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_client.h"
#include "tests/integ/rig_proc.h"

#define MAKE_MS	 120000
#define INIT_MS	 60000
#define LIST_MAX 4096

static void
run(struct rig_output *o, int timeout_ms, const char *const *argv)
{
	/* Not a part of the make that runs us. */
	static const char *const env[] = {"MAKEFLAGS=", "MAKELEVEL=", NULL};
	const struct rig_spawn s = {.name = "run", .argv = argv, .env = env};

	rig_run(o, &s, timeout_ms);
}

static void
run_ok(const char *const *argv)
{
	struct rig_output o;

	run(&o, MAKE_MS, argv);
	REQUIRE(o.code == 0, "%s %s: exit %d: %s%s", argv[0], argv[1], o.code,
	    o.out, o.err);
	rig_output_free(&o);
}

#define RUN_OK(...) run_ok((const char *const[]){__VA_ARGS__, NULL})

static char list[LIST_MAX];
static size_t root_len;

static int
list_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	size_t len = strlen(list);

	(void)ftw;
	if (type == FTW_F)
		snprintf(list + len, sizeof(list) - len, "%03o %s\n",
		    st->st_mode & 0777, path + root_len);
	return 0;
}

static int
by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a + 4, *(char *const *)b + 4);
}

/* All files below root, "mode path" lines by path, into list. */
static void
list_files(const char *root)
{
	static char sorted[LIST_MAX];
	char *lines[128], *rest = list, *line;
	size_t n = 0, i;

	list[0] = sorted[0] = '\0';
	root_len = strlen(root);
	REQUIRE(nftw(root, list_one, 16, FTW_PHYS) == 0, "%s", root);
	while ((line = strsep(&rest, "\n")) != NULL && n < 128) {
		if (line[0] != '\0')
			lines[n++] = line;
	}
	qsort(lines, n, sizeof(*lines), by_line);
	for (i = 0; i < n; i++) {
		strlcat(sorted, lines[i], sizeof(sorted));
		strlcat(sorted, "\n", sizeof(sorted));
	}
	memcpy(list, sorted, sizeof(list));
}

static const char files[] =
    "644 /etc/cagent/cagent-policyd.ini\n"
    "644 /etc/cagent/cagentd.ini\n"
    "755 /etc/init.d/cagent-policyd\n"
    "755 /etc/init.d/cagentd\n"
    "644 /lib/systemd/system/cagent-policyd.service\n"
    "644 /lib/systemd/system/cagentd.service\n"
    "644 /usr/lib/sysusers.d/cagent.conf\n"
    "755 /usr/sbin/cagent-ctl\n"
    "755 /usr/sbin/cagent-policyd\n"
    "755 /usr/sbin/cagent-probe\n"
    "755 /usr/sbin/cagentd\n"
    "644 /usr/share/bash-completion/completions/cagent-ctl\n"
    "644 /usr/share/bash-completion/completions/cagent-policyd\n"
    "644 /usr/share/bash-completion/completions/cagent-probe\n"
    "644 /usr/share/doc/cagent/cagent-policyd.ini\n"
    "644 /usr/share/doc/cagent/cagentd.ini\n"
    "644 /usr/share/man/man5/cagent-policyd.ini.5\n"
    "644 /usr/share/man/man5/cagentd.ini.5\n"
    "644 /usr/share/man/man7/cagent-policyd-api.7\n"
    "644 /usr/share/man/man8/cagent-ctl.8\n"
    "644 /usr/share/man/man8/cagent-policyd.8\n"
    "644 /usr/share/man/man8/cagent-probe.8\n"
    "644 /usr/share/man/man8/cagentd.8\n";

static void
t_files(void)
{
	char root[RIG_PATH_MAX], dest[RIG_PATH_MAX + 16],
	    ini[RIG_PATH_MAX + 64];
	char *text;

	rig_path(root, "root");
	snprintf(dest, sizeof(dest), "DESTDIR=%s", root);
	snprintf(ini, sizeof(ini), "%s/etc/cagent/cagentd.ini", root);
	RUN_OK("make", "-s", "install", dest);
	list_files(root);
	CHECK(strcmp(list, files) == 0, "installed:\n%snot:\n%s", list, files);
	/* What the administrator has written stays, whatever comes. */
	rig_write(ini, "[agent]\n", 0600);
	RUN_OK("make", "-s", "install", dest);
	text = rig_read(ini, NULL);
	CHECK(text != NULL && strcmp(text, "[agent]\n") == 0, "overwritten");
	free(text);
	RUN_OK("make", "-s", "uninstall", dest);
	list_files(root);
	CHECK(strcmp(list, "644 /etc/cagent/cagent-policyd.ini\n"
			   "600 /etc/cagent/cagentd.ini\n") == 0,
	    "left behind:\n%s", list);
}

/* systemd's own opinion, but for the pages that man(1) does not know yet. */
static void
t_unit(void)
{
	char root[RIG_PATH_MAX], dest[RIG_PATH_MAX + 16],
	    sed[RIG_PATH_MAX + 32];
	char agent[RIG_PATH_MAX + 64], server[RIG_PATH_MAX + 64], *rest, *line;
	const char *const argv[] = {
	    "systemd-analyze", "verify", agent, server, NULL};
	struct rig_output o;

	if (access("/usr/bin/systemd-analyze", X_OK) == -1)
		rig_skip("no systemd-analyze");
	rig_path(root, "root");
	snprintf(dest, sizeof(dest), "DESTDIR=%s", root);
	snprintf(sed, sizeof(sed), "s|=/usr/sbin/|=%s/usr/sbin/|", root);
	snprintf(agent, sizeof(agent), "%s/lib/systemd/system/cagentd.service",
	    root);
	snprintf(server, sizeof(server),
	    "%s/lib/systemd/system/cagent-policyd.service", root);
	/* The units must name programs that are there. */
	RUN_OK("make", "-s", "install", dest);
	RUN_OK("sed", "-i", "-e", sed, agent, server);
	run(&o, INIT_MS, argv);
	rest = o.err;
	while ((line = strsep(&rest, "\n")) != NULL)
		CHECK(line[0] == '\0' || strstr(line, "Command 'man ") != NULL,
		    "%s", line);
	rig_output_free(&o);
}

static char jail[RIG_PATH_MAX + 32];

/* A copy of this system that can be written to, and forgets. */
static bool
make_jail(void)
{
	char top[RIG_PATH_MAX], options[3 * RIG_PATH_MAX],
	    path[RIG_PATH_MAX + 32];
	static const char *const dirs[] = {"upper", "work", "jail"};
	size_t i;

	rig_path(top, "overlay");
	if (mkdir(top, 0755) == -1 ||
	    mount("tmpfs", top, "tmpfs", 0, NULL) == -1)
		return false;
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", top, dirs[i]);
		if (mkdir(path, 0755) == -1)
			return false;
	}
	memcpy(jail, path, sizeof(jail));
	snprintf(options, sizeof(options),
	    "lowerdir=/,upperdir=%s/upper,workdir=%s/work", top, top);
	if (mount("overlay", jail, "overlay", 0, options) == -1)
		return false;
	rig_path(path, "overlay/jail/proc");
	if (mount("/proc", path, NULL, MS_BIND | MS_REC, NULL) == -1)
		return false;
	rig_path(path, "overlay/jail/dev");
	if (mount("/dev", path, NULL, MS_BIND | MS_REC, NULL) == -1)
		return false;
	rig_path(path, "overlay/jail/run");
	return mount("tmpfs", path, "tmpfs", 0, "mode=0755") == 0;
}

static void
in_jail(struct rig_output *o, const char *program, const char *arg)
{
	const char *const argv[] = {"chroot", jail, program, arg, NULL};

	run(o, INIT_MS, argv);
}

static const char *service = "/etc/init.d/cagentd";

static void
expect_init(const char *verb, int code)
{
	struct rig_output o;

	in_jail(&o, service, verb);
	CHECK(o.code == code, "%s: exit %d, not %d: %s%s", verb, o.code, code,
	    o.out, o.err);
	rig_output_free(&o);
}

static void
expect_ctl(const char *verb, const char *says)
{
	struct rig_output o;

	in_jail(&o, "/usr/sbin/cagent-ctl", verb);
	CHECK(strstr(o.out, says) != NULL, "%s: exit %d: \"%s\" \"%s\"", verb,
	    o.code, o.out, o.err);
	rig_output_free(&o);
}

static bool
listens_at(uint16_t port)
{
	struct rig_conn c;
	bool ok = rig_open(&c, "127.0.0.1", port, 2000) == RIG_OK;

	rig_conn_close(&c);
	return ok;
}

static bool
listens(void)
{
	return listens_at(1080);
}

static void
install_in_jail(void)
{
	char cwd[RIG_PATH_MAX], script[RIG_PATH_MAX + 64];

	REQUIRE(getcwd(cwd, sizeof(cwd)) != NULL, "getcwd");
	snprintf(script, sizeof(script), "cd %s && make -s install", cwd);
	RUN_OK("make", "-s");
	RUN_OK("chroot", jail, "sh", "-c", script);
}

static void
t_service(void)
{
	char path[RIG_PATH_MAX + 96];
	char *text;

	if (!make_jail())
		rig_skip("no overlay over /: %s", strerror(errno));
	install_in_jail();
	snprintf(path, sizeof(path), "%s/etc/passwd", jail);
	text = rig_read(path, NULL);
	CHECK(text != NULL && strstr(text, "\n_cagent:") != NULL &&
		  strstr(text, "\n_cagentw:") != NULL &&
		  strstr(text, "\n_cagentr:") != NULL &&
		  strstr(text, "\n_cagentv:") != NULL,
	    "users are missing");
	free(text);
	expect_init("status", 3);
	expect_init("start", 0);
	CHECK(listens(), "started, and nobody is there");
	expect_init("status", 0);
	expect_init("start", 0); /* LSB: running already is success */
	expect_ctl("status", "127.0.0.1:1080");
	expect_init("reload", 0);
	expect_init("restart", 0);
	CHECK(listens(), "restarted, and nobody is there");
	expect_init("stop", 0);
	CHECK(!listens(), "stopped, and somebody is there");
	expect_init("status", 3);
	expect_init("stop", 0);
	/* What would be refused does not take down what runs. */
	expect_init("start", 0);
	snprintf(path, sizeof(path), "%s/etc/cagent/cagentd.ini", jail);
	rig_write(path, "[agent]\nnonsense = 1\n", 0644);
	expect_init("reload", 6);
	expect_init("restart", 6);
	CHECK(listens(), "a refused restart has ended it");
	expect_init("stop", 0);
	expect_init("start", 6);
	expect_init("status", 3);
}

/* Installed, and given keys, it runs by the defaults. */
static void
t_server(void)
{
	char path[RIG_PATH_MAX + 96];
	struct stat st;

	if (!make_jail())
		rig_skip("no overlay over /: %s", strerror(errno));
	install_in_jail();
	service = "/etc/init.d/cagent-policyd";
	expect_init("start", 6); /* it has no keys yet */
	RUN_OK("chroot", jail, "/usr/sbin/cagent-policyd", "init",
	    "/etc/cagent-policyd");
	expect_init("status", 3);
	expect_init("start", 0);
	CHECK(listens_at(7443) && listens_at(7480),
	    "started, and nobody is there");
	expect_init("status", 0);
	expect_init("reload", 0);
	expect_init("restart", 0);
	CHECK(listens_at(7443), "restarted, and nobody is there");
	snprintf(path, sizeof(path), "%s/var/lib/cagent-policyd", jail);
	CHECK(stat(path, &st) == 0 && st.st_uid != 0 &&
		  (st.st_mode & 0777) == 0750,
	    "the store's directory");
	expect_init("stop", 0);
	CHECK(!listens_at(7443), "stopped, and somebody is there");
	expect_init("status", 3);
}

static const struct rig_case cases[] = {
    {"files", t_files, 180, 0},
    {"unit", t_unit, 180, 0},
    {"service", t_service, 180, RIG_NEEDS_ROOT | RIG_NEEDS_NETNS},
    {"server", t_server, 180, RIG_NEEDS_ROOT | RIG_NEEDS_NETNS},
};

RIG_MAIN("install", cases, NULL)
