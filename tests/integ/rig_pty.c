/* Terminals for programs, and who sits before them. */
#include "tests/integ/rig_pty.h"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utmp.h>

#define AGAIN_MS 300

static void
exec_child(const struct rig_pty *p, const struct rig_pty_start *s)
{
	char *argv[RIG_ARGS_MAX + 1] = {NULL};
	sigset_t none;
	size_t i;

	if (login_tty(p->slave) == -1)
		_exit(126);
	syscall(SYS_close_range, 3u, ~0u, 0u);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("TERM", s->term, 1);
	for (i = 0; i < RIG_ARGS_MAX && s->argv[i] != NULL; i++)
		argv[i] = strdup(s->argv[i]);
	execv(argv[0], argv);
	_exit(127);
}

void
rig_pty_start(struct rig_pty *p, const struct rig_pty_start *s)
{
	struct winsize size = {.ws_row = s->rows, .ws_col = s->cols};

	memset(p, 0, sizeof(*p));
	REQUIRE(openpty(&p->master, &p->slave, NULL, NULL, &size) == 0,
	    "openpty: %s", strerror(errno));
	REQUIRE(tcgetattr(p->slave, &p->was) == 0, "tcgetattr: %s",
	    strerror(errno));
	fflush(NULL);
	p->pid = fork();
	REQUIRE(p->pid != -1, "fork: %s", strerror(errno));
	if (p->pid == 0)
		exec_child(p, s);
	p->pidfd = rig_pidfd(p->pid);
	REQUIRE(p->pidfd != -1, "pidfd_open: %s", strerror(errno));
}

/* What there is to read within that time; false: nothing. */
static bool
take(struct rig_pty *p, int timeout_ms)
{
	struct pollfd fd = {.fd = p->master, .events = POLLIN};
	char drop[4096];
	size_t room = RIG_PTY_SEEN_MAX - p->len;
	ssize_t n;

	if (poll(&fd, 1, timeout_ms) != 1)
		return false;
	/* Whoever says too much is read on, so that it can end. */
	n = room > 0 ? read(p->master, p->seen + p->len, room)
		     : read(p->master, drop, sizeof(drop));
	if (n <= 0)
		return false;
	if (room > 0)
		p->len += (size_t)n;
	p->seen[p->len] = '\0';
	return true;
}

static void
press(struct rig_pty *p, const char *keys)
{
	ssize_t len = (ssize_t)strlen(keys);

	CHECK(write(p->master, keys, (size_t)len) == len, "pressing \"%s\": %s",
	    keys, strerror(errno));
}

void
rig_pty_press(struct rig_pty *p, const char *keys)
{
	p->len = 0;
	p->seen[0] = '\0';
	press(p, keys);
}

/* Of a screen, what is no control: for people. */
static void
flatten(char *s)
{
	for (; *s != '\0'; s++) {
		if (*s < ' ' || *s > '~')
			*s = '.';
	}
}

void
rig_pty_see(
    struct rig_pty *p, const char *text, const char *again, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;
	int64_t next = rig_now_ms() + AGAIN_MS;

	while (memmem(p->seen, p->len, text, strlen(text)) == NULL) {
		if (rig_left_ms(deadline) == 0) {
			flatten(p->seen);
			REQUIRE(
			    false, "\"%s\" is not seen in: %s", text, p->seen);
		}
		if (again != NULL && rig_left_ms(next) == 0) {
			press(p, again);
			next = rig_now_ms() + AGAIN_MS;
		}
		take(p, rig_left_ms(again != NULL ? next : deadline));
	}
}

void
rig_pty_resize(struct rig_pty *p, unsigned short rows, unsigned short cols)
{
	struct winsize size = {.ws_row = rows, .ws_col = cols};

	CHECK(ioctl(p->master, TIOCSWINSZ, &size) == 0, "TIOCSWINSZ: %s",
	    strerror(errno));
}

static void
check_restored(const struct rig_pty *p)
{
	struct termios is;

	CHECK(tcgetattr(p->slave, &is) == 0, "tcgetattr: %s", strerror(errno));
	CHECK(is.c_lflag == p->was.c_lflag && is.c_iflag == p->was.c_iflag &&
		  is.c_oflag == p->was.c_oflag,
	    "the terminal is not as it was: %x %x %x", is.c_lflag, is.c_iflag,
	    is.c_oflag);
}

int
rig_pty_end(struct rig_pty *p, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;
	int status, code = -1000;
	pid_t pid = 0;

	/* It may still have to say something. */
	while (pid == 0 && rig_left_ms(deadline) > 0) {
		take(p, 20);
		pid = waitpid(p->pid, &status, WNOHANG);
	}
	if (pid == p->pid)
		code =
		    WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	else
		kill(p->pid, SIGKILL);
	while (take(p, 0))
		continue;
	check_restored(p);
	close(p->pidfd);
	close(p->master);
	close(p->slave);
	return code;
}
