/* Starts processes with nothing of ours but what they are meant to have, tells
 * those outside that we are up, and says when a dead child may come back. */
#include "base/proc.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEEP_FD	  (PROC_CHAN_FD + 1)
#define ERROR_FD  (PROC_CHAN_FD + 2) /* closed by the exec */
#define FIRST_FD  (PROC_CHAN_FD + 3)
#define MINUTE_US INT64_C(60000000)

struct spawn {
	const char *path;
	char *const *argv;
	int chan_fd;
	int keep_fd;
	int error_fd;
};

/* /dev/null in the place of fd; 0 or -1. */
static int
null_at(int fd, int flags)
{
	int null = open("/dev/null", flags);

	if (null == -1 || null == fd)
		return null == -1 ? -1 : 0;
	if (dup2(null, fd) == -1)
		return -1;
	return close(null);
}

/*
 * Whatever numbers the fds have, first all go out of the way of their future
 * places.  A CLOEXEC fd among the three standard ones is none: it got its
 * number because the parent had been started with that one closed.
 */
static int
child_fds(struct spawn *s)
{
	int chan = fcntl(s->chan_fd, F_DUPFD, FIRST_FD);
	int keep = s->keep_fd == -1 ? -1 : fcntl(s->keep_fd, F_DUPFD, FIRST_FD);
	int error = fcntl(s->error_fd, F_DUPFD_CLOEXEC, FIRST_FD);
	int fd, flags;

	if (error == -1)
		return -1;
	s->error_fd = error;
	if (chan == -1 || (keep == -1 && s->keep_fd != -1))
		return -1;
	if (null_at(STDIN_FILENO, O_RDONLY) == -1)
		return -1;
	for (fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		flags = fcntl(fd, F_GETFD);
		if ((flags == -1 || (flags & FD_CLOEXEC) != 0) &&
		    null_at(fd, O_WRONLY) == -1)
			return -1;
	}
	if (dup2(chan, PROC_CHAN_FD) == -1 ||
	    (keep != -1 && dup2(keep, KEEP_FD) == -1) ||
	    dup3(error, ERROR_FD, O_CLOEXEC) == -1)
		return -1;
	if (keep == -1)
		close(KEEP_FD);
	s->error_fd = ERROR_FD;
	closefrom(FIRST_FD);
	return 0;
}

static void
child_signals(void)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigset_t none;
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		sigaction(sig, &sa, NULL); /* KILL, STOP, libc's: EINVAL */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void __attribute__((noreturn)) child(struct spawn *s)
{
	int err;

	child_signals();
	if (child_fds(s) == 0)
		execv(s->path, s->argv);
	err = errno;
	if (write(s->error_fd, &err, sizeof(err)) == -1)
		_exit(126); /* nobody is left to tell */
	_exit(127);
}

/* fork(), with all signals blocked until the child has reset its handlers:
 * one of ours must not run in it. */
static pid_t
fork_quiet(struct spawn *s)
{
	sigset_t all, old;
	pid_t pid;
	int err;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		child(s);
	err = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	errno = err;
	return pid;
}

static ssize_t
read_all_intr(int fd, void *out, size_t len)
{
	ssize_t n;

	do
		n = read(fd, out, len);
	while (n == -1 && errno == EINTR);
	return n;
}

int
proc_spawn(
    const char *path, char *const argv[], int chan_fd, int keep_fd, pid_t *pid)
{
	struct spawn s = {path, argv, chan_fd, keep_fd, -1};
	int p[2], err = 0;

	if (pipe2(p, O_CLOEXEC) == -1)
		return -errno;
	s.error_fd = p[1];
	*pid = fork_quiet(&s);
	if (*pid == -1)
		err = errno;
	close(p[1]);
	if (*pid != -1 &&
	    read_all_intr(p[0], &err, sizeof(err)) == sizeof(err)) {
		while (waitpid(*pid, NULL, 0) == -1 && errno == EINTR)
			;
	}
	close(p[0]);
	return -err;
}

int
proc_detach(int *ready_fd)
{
	int p[2], fd;
	char byte;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) == -1)
		return -errno;
	pid = fork();
	if (pid == -1) {
		fd = errno;
		close(p[0]);
		close(p[1]);
		return -fd;
	}
	if (pid != 0) {
		close(p[1]);
		_exit(read_all_intr(p[0], &byte, 1) == 1 ? 0 : 1);
	}
	close(p[0]);
	*ready_fd = p[1];
	if (setsid() == -1 || chdir("/") == -1)
		return -errno;
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (null_at(fd, O_RDWR) == -1)
			return -errno;
	}
	return 0;
}

void
proc_ready(int ready_fd)
{
	ssize_t n;

	do
		n = write(ready_fd, "", 1);
	while (n == -1 && errno == EINTR);
	close(ready_fd);
}

void
proc_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	const struct timeval wait = {.tv_sec = 1};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	size_t len;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return;
	len = strlen(path);
	if (len < 2 || len >= sizeof(sun.sun_path))
		return;
	memcpy(sun.sun_path, path, len);
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	/* READY=1 is worth a short wait, a stuck init is not worth more. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL,
	    (const struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

int64_t
proc_backoff_next(struct proc_backoff *b, int64_t now_us)
{
	if (now_us - b->started_us >= PROC_LONG_LIFE_US)
		b->delay_us = 0;
	else if (b->delay_us == 0)
		b->delay_us = PROC_BACKOFF_MIN_US;
	else if (b->delay_us > PROC_BACKOFF_MAX_US / 2)
		b->delay_us = PROC_BACKOFF_MAX_US;
	else
		b->delay_us *= 2;
	return b->delay_us;
}

bool
proc_throttle_take(struct proc_throttle *t, int64_t now_us, int64_t *wait_us)
{
	uint32_t i = t->next % PROC_FORKS_A_MINUTE;

	/* Before the window has been filled once its oldest entry is none. */
	if (t->next >= PROC_FORKS_A_MINUTE &&
	    now_us - t->starts_us[i] < MINUTE_US) {
		*wait_us = t->starts_us[i] + MINUTE_US - now_us;
		return false;
	}
	t->starts_us[i] = now_us;
	t->next++;
	*wait_us = 0;
	return true;
}
