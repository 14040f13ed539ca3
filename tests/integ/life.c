/* The daemon's life as its administrator sees it: how it starts, refuses to,
 * reloads and ends, with and without root. */
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_net.h"

#define WAIT_MS 15000
#define USER	64950u

static void
run_daemon(struct rig_output *o, const char *const *args)
{
	char program[PATH_MAX];
	const char *argv[RIG_ARGS_MAX] = {program, NULL};
	const struct rig_spawn s = {.name = "cagentd-once", .argv = argv};
	size_t i;

	rig_agent_program(program, sizeof(program));
	for (i = 0; args[i] != NULL && i + 2 < RIG_ARGS_MAX; i++)
		argv[i + 1] = args[i];
	argv[i + 1] = NULL;
	rig_run(o, &s, 20000);
}

/* Run it; it must end with that code and have said that on stderr. */
static void
expect_run(int code, const char *says, const char *const *args)
{
	struct rig_output o;

	run_daemon(&o, args);
	CHECK(o.code == code, "%s %s: exit %d, not %d: %s", args[0],
	    args[1] != NULL ? args[1] : "", o.code, code, o.err);
	CHECK(says == NULL ? o.err_len == 0 : strstr(o.err, says) != NULL,
	    "it says \"%s\", not \"%s\"", o.err, says != NULL ? says : "");
	rig_output_free(&o);
}

#define EXPECT_RUN(code, says, ...) \
	expect_run(code, says, (const char *const[]){__VA_ARGS__, NULL})

static long
pid_in(const char *path)
{
	char *text = rig_read(path, NULL);
	long pid = text != NULL ? strtol(text, NULL, 10) : -1;

	free(text);
	return pid;
}

static bool
exists(const char *dir, const char *name)
{
	char path[RIG_PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void
start(struct rig_agent *a)
{
	rig_agent_init(a, "agent");
	rig_agent_direct(a);
	rig_agent_start(a);
}

/* One agent a run directory; what it leaves behind is what the next needs. */
static void
t_one_only(void)
{
	static struct rig_agent a, b;
	char path[RIG_PATH_MAX + 32], says[64];

	start(&a);
	snprintf(path, sizeof(path), "%s/cagentd.pid", a.run_dir);
	CHECK_INT(pid_in(path), a.proc.pid);
	snprintf(
	    says, sizeof(says), "already running as pid %d", (int)a.proc.pid);
	EXPECT_RUN(1, says, "-f", a.path);
	EXPECT_RUN(1, says, "-D", "-f", a.path);
	rig_agent_init(&b, "other");
	snprintf(b.run_dir, sizeof(b.run_dir), "%s", a.run_dir);
	rig_agent_key(&b, "pid-file = %s/other.pid", rig_dir());
	rig_agent_write(&b);
	EXPECT_RUN(1, "another agent runs there", "-f", b.path);
	CHECK(!exists(rig_dir(), "other.pid"), "a pid file is left");
	CHECK_INT(pid_in(path), a.proc.pid);
	rig_agent_serves(&a, "127.0.0.1", "after these");
	rig_agent_stop(&a);
	CHECK(!exists(a.run_dir, "cagentd.pid"), "the pid file is left");
	CHECK(!exists(a.run_dir, "control"), "the control socket is left");
	CHECK(exists(a.run_dir, "tiers"), "the tier table is gone");
}

/* A pid file that says what it likes is only a file, unless it is locked. */
static void
t_stale_pid(void)
{
	static const char *const texts[] = {
	    "1\n", "rubbish", "", "-1\n", "99999999999999999999999\n"};
	static struct rig_agent a;
	char path[RIG_PATH_MAX + 32];
	size_t i;

	rig_agent_init(&a, "agent");
	REQUIRE(mkdir(a.run_dir, 0755) == 0, "mkdir");
	snprintf(path, sizeof(path), "%s/cagentd.pid", a.run_dir);
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		rig_write(path, texts[i], 0644);
		rig_agent_start(&a);
		CHECK_INT(pid_in(path), a.proc.pid);
		rig_agent_stop(&a);
	}
}

static void
t_run_dir(void)
{
	static struct rig_agent a;
	char link[RIG_PATH_MAX + 8];

	rig_agent_init(&a, "agent");
	rig_agent_write(&a);
	REQUIRE(mkdir(a.run_dir, 0755) == 0 && chmod(a.run_dir, 0775) == 0,
	    "mkdir");
	EXPECT_RUN(1, "only we can write", "-f", a.path);
	REQUIRE(chmod(a.run_dir, 0757) == 0, "chmod");
	EXPECT_RUN(1, "only we can write", "-f", a.path);
	REQUIRE(chmod(a.run_dir, 0755) == 0, "chmod");
	snprintf(link, sizeof(link), "%s.real", a.run_dir);
	REQUIRE(rename(a.run_dir, link) == 0 && symlink(link, a.run_dir) == 0,
	    "symlink");
	EXPECT_RUN(1, "must be a directory", "-f", a.path);
	REQUIRE(unlink(a.run_dir) == 0, "unlink");
	rig_write(a.run_dir, "", 0644);
	EXPECT_RUN(1, "must be a directory", "-f", a.path);
	REQUIRE(unlink(a.run_dir) == 0, "unlink");
	if (geteuid() == 0) {
		REQUIRE(mkdir(a.run_dir, 0755) == 0 &&
			    chown(a.run_dir, USER, USER) == 0,
		    "chown");
		EXPECT_RUN(1, "only we can write", "-f", a.path);
	}
}

static void
t_status_codes(void)
{
	static char giant[120000];
	static struct rig_agent a;

	memset(giant, 'a', sizeof(giant) - 1);
	rig_agent_init(&a, "agent");
	rig_agent_write(&a);
	EXPECT_RUN(0, NULL, "-t", "-f", a.path);
	EXPECT_RUN(0, NULL, "-t", "-f", "-");
	EXPECT_RUN(0, NULL, "-V");
	EXPECT_RUN(0, NULL, "-h");
	EXPECT_RUN(2, "usage:", "-x");
	EXPECT_RUN(2, "usage:", "-f");
	EXPECT_RUN(2, "usage:", "extra");
	EXPECT_RUN(2, "usage:", "");
	EXPECT_RUN(2, "usage:", "--", "-t");
	EXPECT_RUN(1, "too long", "-t", "-f", giant);
	EXPECT_RUN(2, "usage:", giant);
	EXPECT_RUN(1, "No such file", "-t", "-f", "/nonexistent/x.ini");
	EXPECT_RUN(1, "start cagentd without --role", "--role", "worker");
	EXPECT_RUN(1, "for cagentd's own use", "--role", "nobody");
	EXPECT_RUN(2, "usage:", "--role", "worker", "--index", "64");
	rig_agent_key(&a, "lissten = 127.0.0.1:1");
	rig_agent_write(&a);
	EXPECT_RUN(1, "did you mean 'listen'?", "-t", "-f", a.path);
	EXPECT_RUN(1, "did you mean 'listen'?", "-f", a.path);
	if (access("/etc/cagent/cagentd.ini", F_OK) == -1)
		EXPECT_RUN(1, "name another by -f", "-v");
}

/* -D returns when the service is there, and says so if it is not to be. */
static void
t_detach(void)
{
	static struct rig_agent a;
	char path[RIG_PATH_MAX + 32];
	uint16_t port = rig_port("127.0.0.1");
	char listen[32];
	long pid;

	rig_port_release(port);
	snprintf(listen, sizeof(listen), "127.0.0.1:%u", port);
	rig_agent_init(&a, "agent");
	a.listen = listen;
	a.port = port;
	rig_agent_direct(&a);
	rig_agent_write(&a);
	expect_run(0, "no log from here on",
	    (const char *const[]){"-D", "-f", a.path, NULL});
	snprintf(path, sizeof(path), "%s/cagentd.pid", a.run_dir);
	pid = pid_in(path);
	REQUIRE(pid > 0 && kill((pid_t)pid, 0) == 0, "pid file: %ld", pid);
	CHECK(getsid((pid_t)pid) == pid, "no session of its own");
	rig_agent_serves(&a, "127.0.0.1", "at once");
	/* What is wrong shows where it can be seen. */
	EXPECT_RUN(1, "already running", "-D", "-f", a.path);
	snprintf(a.run_dir, sizeof(a.run_dir), "%s/second", rig_dir());
	rig_agent_write(&a);
	EXPECT_RUN(1, "Address already in use", "-D", "-f", a.path);
	CHECK(
	    !exists(a.run_dir, "cagentd.pid") && !exists(a.run_dir, "control"),
	    "a failed start leaves something behind");
	rig_agent_key(&a, "nonsense = 1");
	rig_agent_write(&a);
	EXPECT_RUN(1, "nonsense", "-D", "-f", a.path);
	kill((pid_t)pid, SIGTERM);
}

/* Ctrl-C reaches every process of the terminal's group, and killall all of the
 * name; the master alone decides, and a second one ends it at once. */
static void
t_interrupt(void)
{
	static struct rig_agent a;
	struct rig_wait w = {.timeout_ms = 300};
	struct rig_conn c;
	struct rig_proxy p;
	struct rig_server echo;

	memset(&echo, 0, sizeof(echo));
	rig_origin_start(&echo, RIG_ORIGIN_ECHO, "127.0.0.1", 0, NULL);
	start(&a);
	p = rig_agent_proxy(&a, RIG_SOCKS5);
	REQUIRE(rig_dial(&c, &p, "127.0.0.1", echo.port, 5000) == RIG_OK,
	    "no tunnel: %s", c.text);
	rig_proc_signal_group(&a.proc, SIGTERM);
	CHECK(rig_proc_wait_log(&a.proc, "killed by signal", &w) == -ETIMEDOUT,
	    "a child has died of it, or all have left");
	CHECK(rig_echo(&c, 1, 0, 1000) == RIG_OK, "the tunnel: %s", c.text);
	rig_proc_signal_group(&a.proc, SIGINT);
	CHECK_INT(rig_proc_wait(&a.proc, 3000), 0);
	CHECK_INT(WEXITSTATUS(a.proc.status), 0);
	rig_conn_close(&c);
}

/* Without root all of it works, in a place of its own. */
static void
t_no_root(void)
{
	static struct rig_agent a;
	char env[RIG_PATH_MAX + 32], line[512] = "";
	const char *const envs[] = {env, NULL};
	struct stat st;

	rig_agent_init(&a, "agent");
	rig_agent_direct(&a);
	REQUIRE(mkdir(a.run_dir, 0700) == 0, "run dir");
	if (geteuid() == 0) {
		a.uid = USER;
		REQUIRE(chown(a.run_dir, USER, USER) == 0, "run dir");
	}
	snprintf(env, sizeof(env), "XDG_RUNTIME_DIR=%s", a.run_dir);
	a.env = envs;
	strlcat(a.run_dir, "/cagent", sizeof(a.run_dir));
	rig_agent_start(&a);
	REQUIRE(stat(a.run_dir, &st) == 0, "%s", a.run_dir);
	CHECK_INT(st.st_mode & 0777, 0700);
	rig_agent_serves(&a, "127.0.0.1", "without root");
	CHECK_INT(rig_agent_reload(&a, WAIT_MS, line), 0);
	a.workers = 3;
	rig_agent_write(&a);
	CHECK_INT(rig_agent_reload(&a, WAIT_MS, line), 0);
	CHECK(rig_agent_await_child(&a, "worker 2", 0, WAIT_MS) != 0, "worker");
	rig_agent_serves(&a, "127.0.0.1", "after reloads");
	rig_agent_stop(&a);
}

/* What takes a restart is refused, and the rest of such a file too. */
static void
t_refused(void)
{
	static const char *const keys[] = {"pid-file = /tmp/other.pid",
	    "control-user = 64999:64999", "worker-user = 64999",
	    "resolver-user = 64999", "verifier-user = 64999"};
	static struct rig_agent a;
	size_t i, len;
	char run_dir[RIG_PATH_MAX];

	start(&a);
	memcpy(run_dir, a.run_dir, sizeof(run_dir));
	rig_path(a.run_dir, "elsewhere");
	rig_agent_write(&a);
	CHECK_INT(rig_agent_reload(&a, WAIT_MS, NULL), 1);
	CHECK(access(a.run_dir, F_OK) == -1, "it was made");
	memcpy(a.run_dir, run_dir, sizeof(run_dir));
	len = a.keys_len;
	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (i > 0 && geteuid() == 0)
			break; /* the rig has said them already */
		rig_agent_key(&a, "%s", keys[i]);
		rig_agent_write(&a);
		CHECK_INT(rig_agent_reload(&a, WAIT_MS, NULL), 1);
		a.keys[a.keys_len = len] = '\0';
	}
	rig_agent_write(&a);
	CHECK_INT(rig_agent_reload(&a, WAIT_MS, NULL), 0);
	rig_agent_serves(&a, "127.0.0.1", "after these");
	rig_agent_stop(&a);
}

static int
syslog_bind(void)
{
	struct sockaddr_un sun = {AF_UNIX, "/dev/log"};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	unlink(sun.sun_path);
	REQUIRE(bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 &&
		    chmod(sun.sun_path, 0666) == 0,
	    "/dev/log: %s", strerror(errno));
	return fd;
}

/* Until syslog has a line of that process: requests make workers talk. */
static void
syslog_wait(struct rig_agent *a, int fd, const char *who)
{
	int64_t until = rig_now_ms() + WAIT_MS;
	char line[2048];
	ssize_t n;

	do {
		rig_agent_serves(a, "127.0.0.1", "meanwhile");
		while ((n = recv(fd, line, sizeof(line) - 1, 0)) > 0) {
			line[n] = '\0';
			if (strstr(line, who) != NULL)
				return;
		}
	} while (rig_pause(until));
	CHECK(false, "syslog hears nothing of %s", who);
}

/* A /dev of our own, with little in it. */
static void
make_dev(void)
{
	REQUIRE(mount("tmpfs", "/dev", "tmpfs", 0, "mode=0755") == 0 &&
		    mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)) == 0 &&
		    mknod("/dev/urandom", S_IFCHR | 0666, makedev(1, 9)) == 0 &&
		    chmod("/dev/null", 0666) == 0,
	    "/dev: %s", strerror(errno));
}

/* Detached, it logs to syslog, and to the next one when that is restarted,
 * though its children cannot see it. */
static void
t_syslog(void)
{
	static struct rig_agent a;
	uint16_t port = rig_port("127.0.0.1");
	char listen[32], path[RIG_PATH_MAX + 32];
	int fd;

	make_dev();
	fd = syslog_bind();
	rig_port_release(port);
	snprintf(listen, sizeof(listen), "127.0.0.1:%u", port);
	rig_agent_init(&a, "agent");
	a.listen = listen;
	a.port = port;
	a.workers = 1;
	rig_agent_direct(&a);
	rig_agent_write(&a);
	EXPECT_RUN(0, NULL, "-D", "-f", a.path);
	syslog_wait(&a, fd, ": ready: ");
	syslog_wait(&a, fd, ": worker 0: ");
	close(fd);
	fd = syslog_bind();
	syslog_wait(&a, fd, ": worker 0: ");
	close(fd);
	snprintf(path, sizeof(path), "%s/cagentd.pid", a.run_dir);
	kill((pid_t)pid_in(path), SIGTERM);
}

/* The service manager hears of every change of state, and only of those. */
static void
t_notify(void)
{
	static const char *const words[] = {
	    "READY=1", "RELOADING=1\nMONOTONIC_USEC=", "READY=1", "STOPPING=1"};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	static struct rig_agent a;
	char env[RIG_PATH_MAX + 32], got[256], path[RIG_PATH_MAX];
	const char *const envs[] = {env, NULL};
	ssize_t n;
	size_t i;
	int fd;

	rig_path(path, "notify");
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%.100s", path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	REQUIRE(bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0, "bind");
	snprintf(env, sizeof(env), "NOTIFY_SOCKET=%s", path);
	rig_agent_init(&a, "agent");
	a.env = envs;
	rig_agent_start(&a);
	CHECK_INT(rig_agent_reload(&a, WAIT_MS, NULL), 0);
	rig_agent_stop(&a);
	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		n = recv(fd, got, sizeof(got) - 1, 0);
		got[n > 0 ? n : 0] = '\0';
		CHECK(strncmp(got, words[i], strlen(words[i])) == 0,
		    "%zu: \"%s\", not \"%s\"", i, got, words[i]);
	}
	CHECK_INT(recv(fd, got, sizeof(got), 0), -1);
	close(fd);
}

/* Started with its standard files closed: the log goes into no file of ours. */
static void
t_closed(void)
{
	static const char script[] =
	    "\"$0\" -f \"$1\" <&- >&- 2>&- & p=$!\n"
	    "while kill -0 $p && ! [ -S \"$2/control\" ]; do sleep 0.05; done\n"
	    "readlink /proc/$p/fd/0 /proc/$p/fd/1 /proc/$p/fd/2\n"
	    "kill $p; wait $p";
	static struct rig_agent a;
	char program[PATH_MAX];
	const char *const argv[] = {
	    "sh", "-c", script, program, a.path, a.run_dir, NULL};
	const struct rig_spawn spawn = {.name = "closed", .argv = argv};
	struct rig_output o;

	rig_agent_program(program, sizeof(program));
	rig_agent_init(&a, "agent");
	rig_agent_write(&a);
	rig_run(&o, &spawn, 20000);
	CHECK_INT(o.code, 0);
	CHECK(strcmp(o.out, "/dev/null\n/dev/null\n/dev/null\n") == 0,
	    "its first files are %s", o.out);
	rig_output_free(&o);
}

static const struct rig_case cases[] = {
    {"closed", t_closed, 0, 0},
    {"one-only", t_one_only, 0, 0},
    {"stale-pid", t_stale_pid, 0, 0},
    {"run-dir", t_run_dir, 0, 0},
    {"status-codes", t_status_codes, 0, 0},
    {"detach", t_detach, 0, 0},
    {"interrupt", t_interrupt, 0, 0},
    {"no-root", t_no_root, 0, 0},
    {"refused", t_refused, 0, 0},
    {"notify", t_notify, 0, 0},
    {"syslog", t_syslog, 0, RIG_NEEDS_ROOT | RIG_NEEDS_NETNS},
};

RIG_MAIN("life", cases, NULL)
