/* The policy server's life as its administrator sees it: how it starts,
 * refuses to, reloads, replaces its dead and ends, with and without root. */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_net.h"
#include "tests/integ/rig_origin.h"
#include "tests/integ/rig_policyd.h"

#define WAIT_MS 15000
#define USER	64950u

static const char *const roles[] = {
    "collector", "prober", "ranker", "signer", "page"};
#define ROLES_N (sizeof(roles) / sizeof(*roles))

/* Run it; it must end with that code and have said that on stderr. */
static void
expect_run(
    struct rig_policyd *p, int code, const char *says, const char *const *args)
{
	struct rig_output o;

	rig_policyd_run(p, &o, args);
	CHECK(o.code == code, "%s %s: exit %d, not %d: %s", args[0],
	    args[1] != NULL ? args[1] : "", o.code, code, o.err);
	CHECK(says == NULL ? o.err_len == 0 : strstr(o.err, says) != NULL,
	    "it says \"%s\", not \"%s\"", o.err, says != NULL ? says : "");
	rig_output_free(&o);
}

#define EXPECT_RUN(p, code, says, ...) \
	expect_run(p, code, says, (const char *const[]){__VA_ARGS__, NULL})

static bool
exists(const char *dir, const char *name, struct stat *st)
{
	char path[RIG_PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return lstat(path, st) == 0;
}

static long
pid_in(const char *path)
{
	char *text = rig_read(path, NULL);
	long pid = text != NULL ? strtol(text, NULL, 10) : -1;

	free(text);
	return pid;
}

static void
accepts(struct rig_policyd *p, uint16_t port, const char *what)
{
	int rc = rig_proc_wait_port(&p->proc, "127.0.0.1", port, 0);

	CHECK(rc == 0, "%s: %s", what, strerror(-rc));
}

static void
await_log(struct rig_policyd *p, size_t mark, const char *text)
{
	const struct rig_wait w = {.mark = mark, .timeout_ms = WAIT_MS};
	int rc = rig_proc_wait_log(&p->proc, text, &w);

	CHECK(rc == 0, "it never says \"%s\": %s", text, strerror(-rc));
}

static void
t_start_stop(void)
{
	static struct rig_policyd p;
	char path[RIG_PATH_MAX + 32];
	struct stat st;
	size_t i;

	rig_policyd_init(&p, "server");
	rig_policyd_start(&p);
	snprintf(path, sizeof(path), "%s/cagent-policyd.pid", p.run_dir);
	CHECK_INT(pid_in(path), p.proc.pid);
	for (i = 0; i < ROLES_N; i++)
		CHECK(rig_policyd_child(&p, roles[i]) != 0, "no %s", roles[i]);
	accepts(&p, p.port, "agents");
	accepts(&p, p.page, "readers");
	CHECK(exists(p.run_dir, "control", &st) && S_ISSOCK(st.st_mode) &&
		  (st.st_mode & 07777) == 0660,
	    "the control socket");
	CHECK(stat(p.state_dir, &st) == 0 && (st.st_mode & 0027) == 0,
	    "the state directory has mode %o", st.st_mode);
	rig_policyd_stop(&p);
	CHECK(!exists(p.run_dir, "cagent-policyd.pid", &st),
	    "the pid file is left");
	CHECK(!exists(p.run_dir, "control", &st), "the socket is left");
	/* What is there now is what the next one finds. */
	rig_policyd_start(&p);
	rig_policyd_stop(&p);
}

static void
t_one_only(void)
{
	static struct rig_policyd a, b;
	char says[64];
	struct stat st;

	rig_policyd_init(&a, "server");
	rig_policyd_start(&a);
	snprintf(
	    says, sizeof(says), "already running as pid %d", (int)a.proc.pid);
	EXPECT_RUN(&a, 1, says, "serve", "-f", a.path);
	rig_policyd_init(&b, "other");
	snprintf(b.run_dir, sizeof(b.run_dir), "%s", a.run_dir);
	rig_policyd_key(&b, "pid-file = %s/other.pid", rig_dir());
	rig_policyd_write(&b);
	EXPECT_RUN(
	    &b, 1, "another policy server runs there", "serve", "-f", b.path);
	CHECK(!exists(rig_dir(), "other.pid", &st), "a pid file is left");
	/* Of one store there is one writer. */
	rig_path(b.run_dir, "other.run");
	snprintf(b.state_dir, sizeof(b.state_dir), "%s", a.state_dir);
	rig_policyd_write(&b);
	EXPECT_RUN(
	    &b, 1, "another policy server has it", "serve", "-f", b.path);
	CHECK(rig_policyd_child(&a, "ranker") != 0, "the first is disturbed");
	rig_policyd_stop(&a);
}

/* What is wrong is said before anything is changed. */
static void
t_refuses(void)
{
	static struct rig_policyd p;
	char path[RIG_PATH_MAX + 32], says[RIG_PATH_MAX + 64];
	struct stat st;

	rig_policyd_init(&p, "server");
	rig_policyd_write(&p);
	EXPECT_RUN(&p, 0, NULL, "serve", "-t", "-f", p.path);
	EXPECT_RUN(&p, 1, "No such file", "serve", "-t", "-f", "/nonexistent");
	EXPECT_RUN(&p, 2, "takes no", "serve", "--json");
	EXPECT_RUN(&p, 1, "without --role", "serve", "--role", "ranker");
	EXPECT_RUN(&p, 2, "our own use", "serve", "--role", "nobody");
	snprintf(path, sizeof(path), "%s/online.key", p.keys);
	REQUIRE(chmod(path, 0640) == 0, "chmod");
	snprintf(says, sizeof(says), "%s: ", path);
	EXPECT_RUN(&p, 1, says, "serve", "-t", "-f", p.path);
	EXPECT_RUN(&p, 1, says, "serve", "-f", p.path);
	CHECK(!exists(p.run_dir, "control", &st), "a refused start began");
	REQUIRE(chmod(path, 0600) == 0, "chmod");
	rig_policyd_key(&p, "rank-key = %s/seal.key", p.keys);
	rig_policyd_write(&p);
	EXPECT_RUN(
	    &p, 1, "expected a key to sign with", "serve", "-t", "-f", p.path);
	p.lines_len = 0;
	rig_policyd_key(&p, "root = %s/seal.pub", p.keys);
	rig_policyd_write(&p);
	EXPECT_RUN(&p, 1, "not a root to go by", "serve", "-t", "-f", p.path);
	p.lines_len = 0;
	rig_policyd_key(&p, "lissten = 127.0.0.1:1");
	rig_policyd_write(&p);
	EXPECT_RUN(
	    &p, 1, "did you mean 'listen'?", "serve", "-t", "-f", p.path);
}

static void
t_users(void)
{
	static struct rig_policyd p;
	char text[4096];

	rig_policyd_init(&p, "server");
	snprintf(text, sizeof(text),
	    "[policyd]\nroot = %s/root.1\nrank-key = %s/online.key\n"
	    "seal-key = %s/seal.key\nrun-dir = %s\nstate-dir = %s\n"
	    "collector-user = 1\nprober-user = 1\nranker-user = 1\n"
	    "signer-user = 0:1\npage-user = 1\n",
	    p.keys, p.keys, p.keys, p.run_dir, p.state_dir);
	rig_write(p.path, text, 0644);
	EXPECT_RUN(
	    &p, 1, "'signer-user': 0:1 is root", "serve", "-t", "-f", p.path);
}

/* A child that dies comes back, and is connected again. */
static void
t_killed(void)
{
	static struct rig_policyd p;
	char ready[64], connected[64];
	pid_t pid, next;
	size_t i, mark;

	rig_policyd_init(&p, "server");
	rig_policyd_start(&p);
	for (i = 0; i < ROLES_N; i++) {
		mark = rig_proc_mark(&p.proc);
		pid = rig_policyd_child(&p, roles[i]);
		REQUIRE(pid != 0 && kill(pid, SIGKILL) == 0, "no %s", roles[i]);
		next = rig_policyd_await_child(&p, roles[i], pid, WAIT_MS);
		snprintf(ready, sizeof(ready), "%s (pid %d) is ready", roles[i],
		    (int)next);
		await_log(&p, mark, ready);
		snprintf(connected, sizeof(connected),
		    "ranker: debug: connected with the %s", roles[i]);
		if (strcmp(roles[i], "ranker") != 0)
			await_log(&p, mark, connected);
	}
	/* The others have a new ranker each. */
	for (i = 0; i < ROLES_N; i++) {
		snprintf(connected, sizeof(connected),
		    "%s: debug: connected with the ranker", roles[i]);
		if (strcmp(roles[i], "ranker") != 0)
			await_log(&p, 0, connected);
	}
	accepts(&p, p.port, "agents");
	rig_policyd_stop(&p);
}

static int
connect_to(uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	REQUIRE(fd != -1, "socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* One that cannot start says why, is tried again, and comes when it can. */
static void
t_cannot_start(void)
{
	static struct rig_policyd p;
	char key[RIG_PATH_MAX + 32], away[RIG_PATH_MAX + 32];
	size_t mark;

	rig_policyd_init(&p, "server");
	rig_policyd_start(&p);
	snprintf(key, sizeof(key), "%s/seal.key", p.keys);
	snprintf(away, sizeof(away), "%s/away", p.keys);
	REQUIRE(rename(key, away) == 0, "rename");
	mark = rig_proc_mark(&p.proc);
	REQUIRE(kill(rig_policyd_child(&p, "collector"), SIGKILL) == 0, "kill");
	await_log(&p, mark, "collector: error: start: ");
	await_log(&p, mark, "exited with 1");
	REQUIRE(rename(away, key) == 0, "rename");
	await_log(&p, mark, " is ready (");
	accepts(&p, p.port, "agents");
	rig_policyd_stop(&p);
}

/* One that hangs is found out, killed and replaced. */
static void
t_hung(void)
{
	static struct rig_policyd p;
	pid_t pid;
	size_t mark;

	rig_policyd_init(&p, "server");
	rig_policyd_start(&p);
	mark = rig_proc_mark(&p.proc);
	pid = rig_policyd_child(&p, "ranker");
	REQUIRE(kill(pid, SIGSTOP) == 0, "stop");
	await_log(&p, mark, "has been silent for");
	rig_policyd_await_child(&p, "ranker", pid, WAIT_MS);
	await_log(&p, mark, " is ready (");
	rig_policyd_stop(&p);
}

/* What the prober has read changes: it learns of it unasked. */
static void
t_hosts_change(void)
{
	static struct rig_policyd p;
	size_t mark;
	pid_t before;
	int fd;

	rig_policyd_init(&p, "server");
	rig_policyd_start(&p);
	before = rig_policyd_child(&p, "prober");
	mark = rig_proc_mark(&p.proc);
	fd = open("/etc/hosts", O_WRONLY | O_APPEND | O_CLOEXEC);
	REQUIRE(fd != -1 && write(fd, "192.0.2.9 new.test\n", 19) == 19,
	    "/etc/hosts");
	close(fd);
	await_log(&p, mark, "/etc/hosts has changed");
	rig_policyd_await_child(&p, "prober", before, WAIT_MS);
	await_log(&p, mark, "connected with the prober");
	rig_policyd_stop(&p);
}

/* -D returns when the service is there, and says so if it is not to be. */
static void
t_detach(void)
{
	static struct rig_policyd p;
	char path[RIG_PATH_MAX + 32];
	uint16_t port = rig_port("127.0.0.1");
	int fd;
	long pid;

	rig_port_release(port);
	rig_policyd_init(&p, "server");
	rig_policyd_key(&p, "listen = 127.0.0.1:%u", port);
	rig_policyd_write(&p);
	EXPECT_RUN(&p, 0, "no log from here on", "serve", "-D", "-f", p.path);
	snprintf(path, sizeof(path), "%s/cagent-policyd.pid", p.run_dir);
	pid = pid_in(path);
	REQUIRE(pid > 0 && kill((pid_t)pid, 0) == 0, "pid file: %ld", pid);
	CHECK(getsid((pid_t)pid) == pid, "no session of its own");
	fd = connect_to(port);
	CHECK(fd >= 0, "nobody is there: %s", strerror(-fd));
	close(fd);
	EXPECT_RUN(&p, 1, "already running", "serve", "-D", "-f", p.path);
	rig_policyd_key(&p, "nonsense = 1");
	rig_policyd_write(&p);
	EXPECT_RUN(&p, 1, "nonsense", "serve", "-D", "-f", p.path);
	kill((pid_t)pid, SIGTERM);
}

/* The listeners stay open while the processes behind them change. */
static void
t_reload(void)
{
	static struct rig_policyd p;
	int fds[512], i, n = 0;
	pid_t old;
	struct rig_wait w = {.timeout_ms = 0};

	rig_policyd_init(&p, "server");
	rig_policyd_start(&p);
	old = rig_policyd_child(&p, "collector");
	w.mark = rig_proc_mark(&p.proc);
	rig_policyd_key(&p, "report-interval = 7s");
	rig_policyd_write(&p);
	rig_proc_signal(&p.proc, SIGHUP);
	while (n < 512 &&
	       rig_proc_wait_log(&p.proc, " reloaded: ", &w) == -ETIMEDOUT) {
		fds[n] = connect_to(p.port);
		if (!CHECK(fds[n] >= 0, "an agent is refused: %s",
			strerror(-fds[n])))
			break;
		n++;
	}
	await_log(&p, w.mark, "reloaded: configuration 2 is in force");
	for (i = 0; i < n; i++)
		close(fds[i]);
	CHECK(rig_policyd_child(&p, "collector") != old,
	    "the collector is the old one");
	accepts(&p, p.port, "agents");
	rig_policyd_stop(&p);
}

static void
refused(struct rig_policyd *p, const char *why)
{
	size_t mark = rig_proc_mark(&p->proc);
	pid_t before = rig_policyd_child(p, "ranker");

	CHECK_INT(rig_policyd_reload(p, WAIT_MS, NULL), 1);
	await_log(p, mark, why);
	CHECK(rig_policyd_child(p, "ranker") == before,
	    "\"%s\", and yet something changed", why);
	accepts(p, p->port, "agents");
}

static void
t_reload_refused(void)
{
	static struct rig_policyd p;
	static struct rig_server other;
	char key[RIG_PATH_MAX + 32];

	rig_origin_start(&other, RIG_ORIGIN_ECHO, "127.0.0.1", 0, NULL);
	rig_policyd_init(&p, "server");
	rig_policyd_start(&p);
	rig_policyd_key(&p, "heartbeat = soon");
	refused(&p, "server.ini:");
	p.lines_len = 0;
	rig_policyd_key(&p, "pid-file = %s/x.pid", rig_dir());
	refused(&p, "'pid-file' takes a restart to change");
	p.lines_len = 0;
	rig_policyd_key(&p, "listen = 127.0.0.1:%u", other.port);
	refused(&p, "Address already in use");
	p.lines_len = 0;
	p.lines[0] = '\0';
	snprintf(key, sizeof(key), "%s/seal.key", p.keys);
	REQUIRE(chmod(key, 0644) == 0, "chmod");
	refused(&p, "seal.key: ");
	REQUIRE(chmod(key, 0600) == 0, "chmod");
	CHECK_INT(rig_policyd_reload(&p, WAIT_MS, NULL), 0);
	rig_policyd_stop(&p);
}

static void
t_reload_listeners(void)
{
	static struct rig_policyd p;
	uint16_t was, now = rig_port("127.0.0.1");

	rig_port_release(now);
	rig_policyd_init(&p, "server");
	rig_policyd_start(&p);
	was = p.port;
	rig_policyd_key(&p, "listen = 127.0.0.1:0");
	rig_policyd_key(&p, "listen = 127.0.0.1:%u", now);
	CHECK_INT(rig_policyd_reload(&p, WAIT_MS, NULL), 0);
	accepts(&p, was, "the one that was there");
	accepts(&p, now, "the new one");
	p.lines_len = 0;
	rig_policyd_key(&p, "listen = 127.0.0.1:%u", now);
	CHECK_INT(rig_policyd_reload(&p, WAIT_MS, NULL), 0);
	accepts(&p, now, "the one that is left");
	CHECK_INT(connect_to(was), -ECONNREFUSED);
	rig_policyd_stop(&p);
}

/* The master alone decides, and a second signal ends it at once. */
static void
t_interrupt(void)
{
	static struct rig_policyd p;

	rig_policyd_init(&p, "server");
	rig_policyd_start(&p);
	rig_proc_signal_group(&p.proc, SIGINT);
	CHECK_INT(rig_proc_wait(&p.proc, WAIT_MS), 0);
	CHECK(p.proc.status == 0, "it ends with %#x", p.proc.status);
}

/* A master that is killed takes its children along, and the next one has the
 * same addresses at once. */
static void
t_master_killed(void)
{
	static struct rig_policyd p;
	uint16_t port = rig_port("127.0.0.1");
	int i;

	rig_port_release(port);
	rig_policyd_init(&p, "server");
	rig_policyd_key(&p, "listen = 127.0.0.1:%u", port);
	for (i = 0; i < 5; i++) {
		rig_policyd_start(&p);
		rig_proc_signal(&p.proc, SIGKILL);
		CHECK_INT(rig_proc_wait(&p.proc, WAIT_MS), 0);
	}
	rig_policyd_start(&p);
	rig_policyd_stop(&p);
}

static void
t_no_root(void)
{
	static struct rig_policyd p;
	char made[RIG_PATH_MAX + 32];
	struct stat st;
	pid_t pid;

	rig_policyd_init_as(&p, "server", USER);
	snprintf(made, sizeof(made), "%s/cagent-policyd.ini", p.keys);
	EXPECT_RUN(&p, 0, NULL, "serve", "-t", "-f", made);
	rig_policyd_start(&p);
	accepts(&p, p.port, "agents");
	CHECK(stat(p.state_dir, &st) == 0 && (st.st_mode & 0077) == 0,
	    "the state directory has mode %o", st.st_mode);
	pid = rig_policyd_child(&p, "signer");
	REQUIRE(kill(pid, SIGKILL) == 0, "kill");
	rig_policyd_await_child(&p, "signer", pid, WAIT_MS);
	CHECK_INT(rig_policyd_reload(&p, WAIT_MS, NULL), 0);
	rig_policyd_stop(&p);
}

static const struct rig_case cases[] = {
    {"start_stop", t_start_stop, 0, 0},
    {"one_only", t_one_only, 0, 0},
    {"refuses", t_refuses, 0, 0},
    {"users", t_users, 0, RIG_NEEDS_ROOT},
    {"killed", t_killed, 0, 0},
    {"cannot_start", t_cannot_start, 0, 0},
    {"hung", t_hung, 0, 0},
    {"hosts_change", t_hosts_change, 0, RIG_NEEDS_NETNS},
    {"detach", t_detach, 0, RIG_NEEDS_NETNS},
    {"reload", t_reload, 0, 0},
    {"reload_refused", t_reload_refused, 0, 0},
    {"reload_listeners", t_reload_listeners, 0, 0},
    {"interrupt", t_interrupt, 0, 0},
    {"master_killed", t_master_killed, 0, 0},
    {"no_root", t_no_root, 0, RIG_NEEDS_ROOT},
};

RIG_MAIN("server_life", cases, NULL)
