/* The daemon's life as its administrator sees it: how it starts, refuses to,
 * reloads and ends, with and without root. */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_ns.h"

#define WAIT_MS	  15000
#define USER	  64950u
#define RELOADS	  200
#define FDS_SLACK 0 /* none: not one fd may be left behind */

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

/* A request through the agent to an origin. */
static void
serves(struct rig_agent *a, const char *host, const char *when)
{
	struct rig_proxy p = rig_agent_proxy(a, RIG_SOCKS5H);
	static struct rig_server origin;
	struct rig_conn c;
	enum rig_fail f;

	if (origin.port == 0)
		rig_origin_start(
		    &origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	f = rig_dial(&c, &p, host, origin.port, 5000);
	if (f == RIG_OK)
		f = rig_http_get(&c, 1000);
	rig_conn_close(&c);
	CHECK(f == RIG_OK, "%s: %s: %s: %s", when, host, rig_fail_word(f),
	    c.text);
}

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
	serves(&a, "127.0.0.1", "after these");
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
	static struct rig_agent a;

	rig_agent_init(&a, "agent");
	rig_agent_write(&a);
	EXPECT_RUN(0, NULL, "-t", "-f", a.path);
	EXPECT_RUN(0, NULL, "-t", "-f", "-");
	EXPECT_RUN(0, NULL, "-V");
	EXPECT_RUN(0, NULL, "-h");
	EXPECT_RUN(2, "usage:", "-x");
	EXPECT_RUN(2, "usage:", "-f");
	EXPECT_RUN(2, "usage:", "extra");
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
	serves(&a, "127.0.0.1", "at once");
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

/* Ctrl-C reaches every process of the terminal's group; the master alone
 * decides, and a second one ends it at once. */
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
	rig_proc_signal_group(&a.proc, SIGINT);
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
	serves(&a, "127.0.0.1", "without root");
	CHECK_INT(rig_agent_reload(&a, WAIT_MS, line), 0);
	a.workers = 3;
	rig_agent_write(&a);
	CHECK_INT(rig_agent_reload(&a, WAIT_MS, line), 0);
	CHECK(rig_agent_await_child(&a, "worker 2", 0, WAIT_MS) != 0, "worker");
	serves(&a, "127.0.0.1", "after reloads");
	rig_agent_stop(&a);
}

struct fds {
	const char *title;
	size_t n;
};

static size_t
fds_of(const struct rig_agent *a, const char *title)
{
	return rig_fds(title == NULL ? a->proc.pid : rig_agent_child(a, title));
}

static void
reload_as(struct rig_agent *a, unsigned int i)
{
	size_t keys = a->keys_len, sections = a->sections_len;
	char line[512] = "";
	int64_t until;
	int rc;

	/* Listeners come and go, a unix one stays, intermediaries change. */
	rig_agent_key(a, "listen = unix:%s/sock", rig_dir());
	if (i % 2 == 1)
		rig_agent_key(a, "listen = [::1]:0");
	rig_agent_intermediary(
	    a, "one", "socks5", "127.0.0.1", (uint16_t)(2000 + i));
	rig_agent_write(a);
	rc = rig_agent_reload(a, WAIT_MS, line);
	CHECK(rc == 0, "reload %u: %d: %s", i, rc, line);
	/* Past LOG_RATE the line that says so is only counted. */
	until = rig_now_ms() + 2 * 1000 / LOG_RATE;
	while (rig_pause(until))
		continue;
	a->keys[a->keys_len = keys] = '\0';
	a->sections[a->sections_len = sections] = '\0';
}

static void
t_flat_fds(void)
{
	struct fds now[] = {{NULL, 0}, {"control", 0}, {"resolver", 0},
	    {"worker 0", 0}, {"worker 1", 0}};
	static struct rig_agent a;
	struct stat before, after;
	char path[RIG_PATH_MAX];
	int64_t until;
	unsigned int i;
	size_t j, n;

	start(&a);
	rig_path(path, "sock");
	for (i = 0; i < 10; i++)
		reload_as(&a, i);
	serves(&a, "127.0.0.1", "warm");
	REQUIRE(stat(path, &before) == 0, "%s", path);
	for (j = 0; j < sizeof(now) / sizeof(*now); j++)
		now[j].n = fds_of(&a, now[j].title);
	for (i = 0; i < RELOADS; i++)
		reload_as(&a, i % 10);
	serves(&a, "127.0.0.1", "after them");
	for (j = 0; j < sizeof(now) / sizeof(*now); j++) {
		/* Closing takes a moment after the last one. */
		until = rig_now_ms() + 3000;
		do
			n = fds_of(&a, now[j].title);
		while (n > now[j].n + FDS_SLACK && rig_pause(until));
		CHECK(n <= now[j].n + FDS_SLACK, "%s: %zu fds, was %zu",
		    now[j].title != NULL ? now[j].title : "master", n,
		    now[j].n);
	}
	CHECK(stat(path, &after) == 0 && after.st_ino == before.st_ino,
	    "the unix listener is another");
	rig_agent_stop(&a);
	CHECK(access(path, F_OK) == -1, "the unix listener is left");
}

static unsigned int
workers(const struct rig_agent *a)
{
	unsigned int i, n = 0;
	char title[32];

	for (i = 0; i < 64; i++) {
		snprintf(title, sizeof(title), "worker %u ", i);
		n += rig_agent_child(a, title) != 0;
	}
	return n;
}

static void
reload_workers(struct rig_agent *a, unsigned int n)
{
	int64_t until = rig_now_ms() + WAIT_MS;

	a->workers = n;
	rig_agent_write(a);
	CHECK_INT(rig_agent_reload(a, WAIT_MS, NULL), 0);
	while (workers(a) != n && rig_pause(until))
		continue;
	CHECK_INT(workers(a), n);
}

/* As many as there may be: what they are told must fit into a socket that
 * takes eleven messages. */
static void
t_workers(void)
{
	static struct rig_agent a;
	pid_t control;

	start(&a);
	reload_workers(&a, 5);
	reload_workers(&a, 1);
	reload_workers(&a, 64);
	serves(&a, "127.0.0.1", "with 64 workers");
	control = rig_agent_child(&a, "control");
	kill(control, SIGKILL);
	CHECK(rig_agent_await_child(&a, "control", control, WAIT_MS) != 0,
	    "control");
	CHECK_INT(rig_agent_reload(&a, WAIT_MS, NULL), 0);
	CHECK_INT(workers(&a), 64);
	reload_workers(&a, 2);
	serves(&a, "127.0.0.1", "with 2 workers");
	rig_agent_stop(&a);
}

/* What takes a restart is refused, and the rest of such a file too. */
static void
t_refused(void)
{
	static const char *const keys[] = {"pid-file = /tmp/other.pid",
	    "control-user = 64999:64999", "worker-user = 64999",
	    "resolver-user = 64999"};
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
	serves(&a, "127.0.0.1", "after these");
	rig_agent_stop(&a);
}

/* A master that was stopped itself must not take its children for hung. */
static void
t_stopped_master(void)
{
	static struct rig_agent a;
	int64_t until;
	pid_t before;

	start(&a);
	before = rig_agent_child(&a, "worker 0");
	rig_proc_signal(&a.proc, SIGSTOP);
	until = rig_now_ms() + 11000;
	while (rig_pause(until))
		continue;
	serves(&a, "127.0.0.1", "while it is stopped");
	rig_proc_signal(&a.proc, SIGCONT);
	until = rig_now_ms() + 2500;
	while (rig_pause(until))
		continue;
	CHECK_INT(rig_agent_child(&a, "worker 0"), before);
	CHECK_INT(rig_agent_reload(&a, WAIT_MS, NULL), 0);
	rig_agent_stop(&a);
}

/* The control process of a killed master hangs, with the table and its
 * socket: the next agent starts all the same, with new ones. */
static void
t_hung_control(void)
{
	static struct rig_agent a;
	pid_t control;

	start(&a);
	control = rig_agent_child(&a, "control");
	kill(control, SIGSTOP);
	rig_proc_signal(&a.proc, SIGKILL);
	CHECK_INT(rig_proc_wait(&a.proc, 3000), 0);
	rig_agent_start(&a);
	serves(&a, "127.0.0.1", "beside the old one");
	kill(control, SIGCONT);
	serves(&a, "127.0.0.1", "after it");
	rig_agent_stop(&a);
}

/* The first words of the slab of that worker; -1 if it is none. */
static int
slab_of(const struct rig_agent *a, uint32_t worker)
{
	char path[64], target[64] = "";
	uint32_t head[4];
	int fd, i;

	for (i = 0; i < 200; i++) {
		snprintf(
		    path, sizeof(path), "/proc/%d/fd/%d", (int)a->proc.pid, i);
		if (readlink(path, target, sizeof(target) - 1) <= 0 ||
		    strstr(target, "cagent-slab") == NULL)
			continue;
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd != -1 &&
		    pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
		    head[3] == worker)
			return fd;
		if (fd != -1)
			close(fd);
	}
	return -1;
}

/* A worker ruins its slab: it gets a new one, and nobody else has minded. */
static void
t_spoilt_slab(void)
{
	static struct rig_agent a;
	struct rig_wait w = {.timeout_ms = WAIT_MS};
	pid_t worker0, worker1, control;
	int fd;

	start(&a);
	worker0 = rig_agent_child(&a, "worker 0");
	worker1 = rig_agent_child(&a, "worker 1");
	control = rig_agent_child(&a, "control");
	fd = slab_of(&a, 0);
	REQUIRE(fd != -1, "worker 0 has no slab");
	CHECK_INT(pwrite(fd, "spoilt!!", 8, 0), 8);
	/* Those who start with it as another's, or to read it, must live. */
	kill(worker1, SIGKILL);
	kill(control, SIGKILL);
	CHECK(rig_agent_await_child(&a, "worker 1", worker1, WAIT_MS) != 0 &&
		  rig_agent_await_child(&a, "control", control, WAIT_MS) != 0,
	    "they are not back");
	serves(&a, "127.0.0.1", "with a spoilt slab");
	kill(worker0, SIGKILL);
	CHECK_INT(rig_proc_wait_log(&a.proc, "exited with 3", &w), 0);
	rig_agent_await_child(&a, "worker 0", worker0, WAIT_MS);
	CHECK(slab_of(&a, 0) != -1, "no new slab");
	CHECK_INT(rig_agent_reload(&a, WAIT_MS, NULL), 0);
	serves(&a, "127.0.0.1", "with a new one");
	rig_agent_stop(&a);
}

/* What the resolver has read changes: it learns of it unasked. */
static void
t_hosts_change(void)
{
	struct rig_wait w = {.timeout_ms = WAIT_MS};
	static struct rig_agent a;
	pid_t before;
	int fd;

	start(&a);
	serves(&a, RIG_NAME, "by name");
	before = rig_agent_child(&a, "resolver");
	fd = open("/etc/hosts", O_WRONLY | O_APPEND | O_CLOEXEC);
	REQUIRE(fd != -1 && write(fd, "127.0.0.1 fresh.test\n", 21) == 21,
	    "/etc/hosts");
	close(fd);
	CHECK_INT(rig_proc_wait_log(&a.proc, "/etc/hosts has changed", &w), 0);
	CHECK(rig_agent_await_child(&a, "resolver", before, WAIT_MS) != 0,
	    "resolver");
	serves(&a, "fresh.test", "a new name");
	w.timeout_ms = 100;
	CHECK(rig_proc_wait_log(&a.proc, "resolver died", &w) == -ETIMEDOUT,
	    "that is no death");
	rig_agent_stop(&a);
}

/* As its own user: root may not, where it lacks CAP_SYS_RESOURCE. */
static void
limit_forks(pid_t master, rlim_t n)
{
	struct rlimit rl;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (setresgid(USER, USER, USER) == -1 ||
		    setresuid(USER, USER, USER) == -1 ||
		    prlimit(master, RLIMIT_NPROC, NULL, &rl) == -1)
			_exit(1);
		rl.rlim_cur = n < rl.rlim_max ? n : rl.rlim_max;
		_exit(prlimit(master, RLIMIT_NPROC, &rl, NULL) == 0 ? 0 : 1);
	}
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0,
	    "prlimit");
}

/* No process to be had: the master goes on trying, and kills nobody. */
static void
t_no_fork(void)
{
	struct rig_wait w = {.timeout_ms = WAIT_MS};
	static struct rig_agent a;
	pid_t worker, control;

	rig_agent_init(&a, "agent");
	rig_agent_direct(&a);
	a.uid = USER;
	REQUIRE(
	    mkdir(a.run_dir, 0700) == 0 && chown(a.run_dir, USER, USER) == 0,
	    "run dir");
	rig_agent_start(&a);
	control = rig_agent_child(&a, "control");
	worker = rig_agent_child(&a, "worker 1");
	limit_forks(a.proc.pid, 0);
	kill(worker, SIGKILL);
	CHECK_INT(rig_proc_wait_log(&a.proc, "cannot be started", &w), 0);
	CHECK_INT(rig_agent_child(&a, "control"), control);
	limit_forks(a.proc.pid, RLIM_INFINITY);
	CHECK(rig_agent_await_child(&a, "worker 1", worker, WAIT_MS) != 0,
	    "it does not come back");
	CHECK_INT(rig_agent_child(&a, "control"), control);
	serves(&a, "127.0.0.1", "after it");
	rig_agent_stop(&a);
}

static const struct rig_case cases[] = {
    {"one-only", t_one_only, 0, 0},
    {"stale-pid", t_stale_pid, 0, 0},
    {"run-dir", t_run_dir, 0, 0},
    {"status-codes", t_status_codes, 0, 0},
    {"detach", t_detach, 0, 0},
    {"interrupt", t_interrupt, 0, 0},
    {"no-root", t_no_root, 0, 0},
    {"flat-fds", t_flat_fds, 180, 0},
    {"workers", t_workers, 120, 0},
    {"refused", t_refused, 0, 0},
    {"stopped-master", t_stopped_master, 0, 0},
    {"hung-control", t_hung_control, 0, 0},
    {"spoilt-slab", t_spoilt_slab, 0, 0},
    {"hosts-change", t_hosts_change, 0, RIG_NEEDS_NETNS},
    {"no-fork", t_no_fork, 0, RIG_NEEDS_ROOT},
};

RIG_MAIN("life", cases, NULL)
