/* What a daemon that runs for months must get through: reloads, and faults of
 * its own processes and of the system around them. */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_ns.h"

#define WAIT_MS 15000
#define USER	64950u
#define RELOADS 200

static void
start(struct rig_agent *a)
{
	rig_agent_init(a, "agent");
	rig_agent_direct(a);
	rig_agent_start(a);
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
	rig_agent_serves(&a, "127.0.0.1", "warm");
	REQUIRE(stat(path, &before) == 0, "%s", path);
	for (j = 0; j < sizeof(now) / sizeof(*now); j++)
		now[j].n = fds_of(&a, now[j].title);
	for (i = 0; i < RELOADS; i++)
		reload_as(&a, i % 10);
	rig_agent_serves(&a, "127.0.0.1", "after them");
	for (j = 0; j < sizeof(now) / sizeof(*now); j++) {
		/* Closing takes a moment after the last one. */
		until = rig_now_ms() + 3000;
		do
			n = fds_of(&a, now[j].title);
		while (n > now[j].n && rig_pause(until));
		CHECK(n <= now[j].n, "%s: %zu fds, was %zu",
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
	rig_agent_serves(&a, "127.0.0.1", "with 64 workers");
	control = rig_agent_child(&a, "control");
	kill(control, SIGKILL);
	CHECK(rig_agent_await_child(&a, "control", control, WAIT_MS) != 0,
	    "control");
	CHECK_INT(rig_agent_reload(&a, WAIT_MS, NULL), 0);
	CHECK_INT(workers(&a), 64);
	reload_workers(&a, 2);
	rig_agent_serves(&a, "127.0.0.1", "with 2 workers");
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
	rig_agent_serves(&a, "127.0.0.1", "while it is stopped");
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
	rig_agent_serves(&a, "127.0.0.1", "beside the old one");
	kill(control, SIGCONT);
	rig_agent_serves(&a, "127.0.0.1", "after it");
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
	rig_agent_serves(&a, "127.0.0.1", "with a spoilt slab");
	kill(worker0, SIGKILL);
	CHECK_INT(rig_proc_wait_log(&a.proc, "exited with 3", &w), 0);
	rig_agent_await_child(&a, "worker 0", worker0, WAIT_MS);
	CHECK(slab_of(&a, 0) != -1, "no new slab");
	CHECK_INT(rig_agent_reload(&a, WAIT_MS, NULL), 0);
	rig_agent_serves(&a, "127.0.0.1", "with a new one");
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
	rig_agent_serves(&a, RIG_NAME, "by name");
	before = rig_agent_child(&a, "resolver");
	fd = open("/etc/hosts", O_WRONLY | O_APPEND | O_CLOEXEC);
	REQUIRE(fd != -1 && write(fd, "127.0.0.1 fresh.test\n", 21) == 21,
	    "/etc/hosts");
	close(fd);
	CHECK_INT(rig_proc_wait_log(&a.proc, "/etc/hosts has changed", &w), 0);
	CHECK(rig_agent_await_child(&a, "resolver", before, WAIT_MS) != 0,
	    "resolver");
	rig_agent_serves(&a, "fresh.test", "a new name");
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
	rig_agent_serves(&a, "127.0.0.1", "after it");
	rig_agent_stop(&a);
}

/* What root may do at the start it must be able to do at a reload, with most
 * of its rights gone: low ports, and what is a user's own. */
static void
t_rights(void)
{
	static struct rig_agent a;
	char dir[RIG_PATH_MAX], secret[RIG_PATH_MAX], line[512] = "";
	struct rig_conn c;

	start(&a);
	rig_path(dir, "home");
	REQUIRE(mkdir(dir, 0700) == 0 && chown(dir, USER, USER) == 0, "mkdir");
	rig_path(secret, "home/secret");
	rig_write(secret, "hush\n", 0600);
	REQUIRE(chown(secret, USER, USER) == 0, "chown");
	rig_agent_key(&a, "listen = 127.0.0.1:81");
	rig_agent_key(&a, "listen = unix:%s/sock", dir);
	rig_agent_intermediary(&a, "one", "socks5", "127.0.0.1", 9);
	rig_agent_add(&a, "username = u\npassword-file = %s\n", secret);
	rig_agent_write(&a);
	REQUIRE(rig_agent_reload(&a, WAIT_MS, line) == 0, "%s", line);
	CHECK(rig_open(&c, "127.0.0.1", 81, 2000) == RIG_OK, "port 81");
	rig_conn_close(&c);
	strlcat(dir, "/sock", sizeof(dir));
	CHECK(access(dir, F_OK) == 0, "no unix listener");
	rig_agent_serves(&a, "127.0.0.1", "after it");
	rig_agent_stop(&a);
	CHECK(access(dir, F_OK) == -1, "the unix listener is left");
}

static const struct rig_case cases[] = {
    {"flat-fds", t_flat_fds, 180, 0},
    {"workers", t_workers, 120, 0},
    {"stopped-master", t_stopped_master, 0, 0},
    {"hung-control", t_hung_control, 0, 0},
    {"spoilt-slab", t_spoilt_slab, 0, 0},
    {"hosts-change", t_hosts_change, 0, RIG_NEEDS_NETNS},
    {"rights", t_rights, 0, RIG_NEEDS_ROOT | RIG_NEEDS_NETNS},
    {"no-fork", t_no_fork, 0, RIG_NEEDS_ROOT},
};

RIG_MAIN("upkeep", cases, NULL)
