/* What a started child is left with, detaching, notifying, back-off. */
#include "base/proc.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

/* What the child tells over its channel. */
struct told {
	uint32_t fds; /* bit set of the first 32 open ones */
	int blocked;  /* signals blocked */
	int handled;  /* signals not at their default */
	int stdin_null;
	int keep_byte; /* read from keep_fd, or -1 */
	ino_t stderr_ino;
};

static int
child_main(void)
{
	struct told t = {.keep_byte = -1};
	struct sigaction sa;
	struct stat st, null;
	sigset_t set;
	char byte;
	int i;

	sigprocmask(SIG_BLOCK, NULL, &set);
	for (i = 1; i < NSIG; i++) {
		t.blocked += sigismember(&set, i) == 1;
		if (i == SIGSEGV || i == SIGBUS || i == SIGFPE)
			continue; /* a sanitizer has its own */
		t.handled +=
		    sigaction(i, NULL, &sa) == 0 && sa.sa_handler != SIG_DFL;
	}
	for (i = 0; i < 32; i++)
		t.fds |= fcntl(i, F_GETFD) != -1 ? 1u << i : 0;
	t.stdin_null = fstat(0, &st) == 0 && stat("/dev/null", &null) == 0 &&
		       st.st_rdev == null.st_rdev;
	t.stderr_ino = fstat(2, &st) == 0 ? st.st_ino : 0;
	if (read(PROC_CHAN_FD + 1, &byte, 1) == 1)
		t.keep_byte = byte;
	return write(PROC_CHAN_FD, &t, sizeof(t)) == sizeof(t) ? 7 : 1;
}

static void
on_signal(int sig)
{
	(void)sig;
}

/* Spawn ourselves; the child's report into *t. */
static void
spawn_told(int chan[2], int keep_fd, struct told *t)
{
	static char name[] = "proc", role[] = "child";
	char *argv[] = {name, role, NULL};
	int status = 0, r;
	pid_t pid = -1;

	memset(t, 0, sizeof(*t));
	r = proc_spawn("/proc/self/exe", argv, chan[1], keep_fd, &pid);
	CHECK(r == 0, "spawn: %s", strerror(-r));
	if (r != 0)
		return;
	CHECK(read(chan[0], t, sizeof(*t)) == sizeof(*t), "no report");
	CHECK(waitpid(pid, &status, 0) == pid, "waitpid");
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7, "%x", status);
}

static void
test_spawn(void)
{
	struct sigaction sa = {.sa_handler = on_signal}, old;
	int chan[2], keep[2], leak;
	sigset_t set, before, after;
	struct stat st;
	struct told t;

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, chan) == 0, "pair");
	CHECK(pipe(keep) == 0, "pipe");
	leak = dup(0);
	CHECK(write(keep[1], "k", 1) == 1, "write");
	sigaction(SIGUSR1, &sa, &old);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &before);
	spawn_told(chan, keep[0], &t);
	sigprocmask(SIG_SETMASK, NULL, &after);
	CHECK_INT(t.fds, 0x1f);
	CHECK_INT(t.blocked, 0);
	CHECK_INT(t.handled, 0);
	CHECK_INT(t.stdin_null, 1);
	CHECK_INT(t.keep_byte, 'k');
	CHECK(fstat(2, &st) == 0 && st.st_ino == t.stderr_ino, "stderr");
	CHECK(sigismember(&after, SIGUSR2) == 1, "our mask was changed");
	CHECK(sigismember(&after, SIGTERM) == 0, "our mask was changed");
	spawn_told(chan, -1, &t);
	CHECK_INT(t.fds, 0x0f);
	sigprocmask(SIG_SETMASK, &before, NULL);
	sigaction(SIGUSR1, &old, NULL);
	close(chan[0]);
	close(chan[1]);
	close(keep[0]);
	close(keep[1]);
	close(leak);
}

/* Channel and keep_fd stand in each other's future places, or stdio's. */
static void
test_spawn_crossed_fds(void)
{
	int pair[2], keep[2], chan[2], saved[2], r;
	struct told t;

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0, "pair");
	CHECK(pipe(keep) == 0, "pipe");
	CHECK(write(keep[1], "x", 1) == 1, "write");
	saved[0] = fcntl(PROC_CHAN_FD, F_DUPFD_CLOEXEC, 40);
	saved[1] = fcntl(PROC_CHAN_FD + 1, F_DUPFD_CLOEXEC, 40);
	chan[0] = fcntl(pair[0], F_DUPFD_CLOEXEC, 40);
	chan[1] = fcntl(pair[1], F_DUPFD_CLOEXEC, 40);
	r = fcntl(keep[0], F_DUPFD_CLOEXEC, 40);
	dup2(chan[1], PROC_CHAN_FD + 1);
	dup2(r, PROC_CHAN_FD);
	chan[1] = PROC_CHAN_FD + 1;
	spawn_told(chan, PROC_CHAN_FD, &t);
	CHECK_INT(t.fds, 0x1f);
	CHECK_INT(t.keep_byte, 'x');
	dup2(saved[0], PROC_CHAN_FD);
	dup2(saved[1], PROC_CHAN_FD + 1);
	closefrom(5);
}

/* Started without stdout and stderr, the child still has three. */
static void
test_spawn_closed_stdio(void)
{
	int chan[2], saved = fcntl(2, F_DUPFD_CLOEXEC, 40);
	struct told t;

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, chan) == 0, "pair");
	close(2);
	spawn_told(chan, -1, &t);
	dup2(saved, 2);
	close(saved);
	CHECK_INT(t.fds, 0x0f);
	close(chan[0]);
	close(chan[1]);
}

static int
open_fds(void)
{
	int i, n = 0;

	for (i = 0; i < 256; i++)
		n += fcntl(i, F_GETFD) != -1;
	return n;
}

static void
test_spawn_fails(void)
{
	static char name[] = "x";
	char *argv[] = {name, NULL};
	int before = open_fds(), r;
	pid_t pid;

	r = proc_spawn("/nonexistent/x", argv, 0, -1, &pid);
	CHECK_INT(r, -ENOENT);
	r = proc_spawn("/dev/null", argv, 0, -1, &pid);
	CHECK_INT(r, -EACCES);
	r = proc_spawn("/bin/true", argv, 99, -1, &pid);
	CHECK_INT(r, -EBADF);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "a zombie");
	CHECK_INT(open_fds(), before);
}

/* What the detached process finds, as a letter over fd. */
static void __attribute__((noreturn)) detached(int fd, int ready_fd, bool lives)
{
	struct stat st, null, root, dot;
	bool ok = getsid(0) == getpid();
	int i;

	ok = ok && stat("/", &root) == 0 && stat(".", &dot) == 0 &&
	     root.st_ino == dot.st_ino && stat("/dev/null", &null) == 0;
	for (i = 0; i < 3; i++)
		ok = ok && fstat(i, &st) == 0 && st.st_rdev == null.st_rdev;
	if (write(fd, ok ? "y" : "n", 1) == 1 && lives)
		proc_ready(ready_fd);
	_exit(0);
}

static void
detach(bool lives, int want)
{
	int p[2], ready_fd, status = 0;
	char byte = '?';
	pid_t pid;

	CHECK(pipe2(p, O_CLOEXEC) == 0, "pipe");
	pid = fork();
	if (pid == 0) {
		if (proc_detach(&ready_fd) != 0)
			_exit(9);
		detached(p[1], ready_fd, lives);
	}
	close(p[1]);
	CHECK(waitpid(pid, &status, 0) == pid, "waitpid");
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == want, "%x", status);
	CHECK(read(p[0], &byte, 1) == 1, "nothing from the detached one");
	CHECK(byte == 'y', "detached: '%c'", byte);
	close(p[0]);
}

static void
test_detach(void)
{
	detach(true, 0);
	detach(false, 1);
}

static void
notify_with(const char *env, struct sockaddr_un *sun, size_t len)
{
	char got[64] = "";
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	CHECK(
	    bind(fd, (struct sockaddr *)sun,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0,
	    "bind %s: %s", env, strerror(errno));
	setenv("NOTIFY_SOCKET", env, 1);
	proc_notify("READY=1");
	CHECK(read(fd, got, sizeof(got) - 1) == 7, "%s: nothing", env);
	CHECK_STR(got, "READY=1");
	unsetenv("NOTIFY_SOCKET");
	proc_notify("READY=1");
	CHECK(read(fd, got, sizeof(got) - 1) == -1, "unset, and sent");
	close(fd);
}

static void
test_notify(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/cagent-proc-XXXXXX", env[64];

	CHECK(mkdtemp(dir) != NULL, "mkdtemp");
	snprintf(env, sizeof(env), "%s/n", dir);
	memcpy(sun.sun_path, env, strlen(env));
	notify_with(env, &sun, strlen(env));
	unlink(env);
	rmdir(dir);
	memset(sun.sun_path, 0, sizeof(sun.sun_path));
	snprintf(env, sizeof(env), "@cagent-proc-%d", (int)getpid());
	memcpy(sun.sun_path + 1, env + 1, strlen(env) - 1);
	notify_with(env, &sun, strlen(env));
	setenv("NOTIFY_SOCKET", "relative", 1);
	proc_notify("READY=1");
	unsetenv("NOTIFY_SOCKET");
}

#define MS INT64_C(1000)
#define S  INT64_C(1000000)

static const struct {
	int64_t life_us, want_us;
} deaths[] = {
    {0, 100 * MS},
    {0, 200 * MS},
    {9 * S, 400 * MS},
    {0, 800 * MS},
    {0, 1600 * MS},
    {0, 3200 * MS},
    {0, 6400 * MS},
    {0, 10 * S},
    {10 * S - 1, 10 * S},
    {10 * S, 0},
    {0, 100 * MS},
    {0, 200 * MS},
    {3600 * S, 0},
    {10 * S, 0},
};

static void
test_backoff(void)
{
	struct proc_backoff b = {0};
	int64_t now = 5 * S, got;
	size_t i;

	for (i = 0; i < N(deaths); i++) {
		b.started_us = now;
		now += deaths[i].life_us;
		got = proc_backoff_next(&b, now);
		CHECK(got == deaths[i].want_us, "death %zu: %lld us", i,
		    (long long)got);
		now += got;
	}
}

static void
test_throttle(void)
{
	struct proc_throttle t = {{0}, 0};
	int64_t now = 1 * S, wait; /* soon after boot */
	int i;

	for (i = 0; i < PROC_FORKS_A_MINUTE; i++, now += S) {
		CHECK(proc_throttle_take(&t, now, &wait), "start %d", i);
		CHECK_INT(wait, 0);
	}
	CHECK(!proc_throttle_take(&t, now, &wait), "an eleventh");
	CHECK_INT(wait, 50 * S);
	CHECK(!proc_throttle_take(&t, now + wait - 1, &wait), "too early");
	CHECK_INT(wait, 1);
	now += 50 * S;
	CHECK(proc_throttle_take(&t, now, &wait), "the first is a minute old");
	CHECK(!proc_throttle_take(&t, now, &wait), "the second is not");
	CHECK_INT(wait, S);
	for (i = 0, now += 60 * S; i < PROC_FORKS_A_MINUTE; i++)
		CHECK(
		    proc_throttle_take(&t, now, &wait), "after a rest: %d", i);
	CHECK(!proc_throttle_take(&t, now, &wait), "all in one go");
	CHECK_INT(wait, 60 * S);
}

static const struct unit_case cases[] = {
    {"spawn", test_spawn},
    {"spawn with crossed fds", test_spawn_crossed_fds},
    {"spawn with stderr closed", test_spawn_closed_stdio},
    {"spawn fails", test_spawn_fails},
    {"detach", test_detach},
    {"notify", test_notify},
    {"back-off", test_backoff},
    {"throttle", test_throttle},
};

int
main(int argc, char *argv[])
{
	if (argc > 1 && strcmp(argv[1], "child") == 0)
		return child_main();
	return unit_main("proc", cases, N(cases));
}
