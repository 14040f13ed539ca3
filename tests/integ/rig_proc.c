/* Starts, watches and ends the programs of a case; by pid only. */
#include "tests/integ/rig_proc.h"

#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_net.h"

int
rig_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static void
log_path(const struct rig_proc *p, char out[static RIG_PATH_MAX])
{
	rig_path(out, "%s.log", p->name);
}

static void
enter_netns(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || setns(fd, CLONE_NEWNET) == -1) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		_exit(126);
	}
	close(fd);
}

static void
take_output(const char *log, const char *out)
{
	int fd = open("/dev/null", O_RDONLY);

	dup2(fd, 0);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
	dup2(fd, 1);
	dup2(fd, 2);
	if (out != NULL) {
		fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		dup2(fd, 1);
	}
	syscall(SYS_close_range, 3u, ~0u, 0u);
}

static void
become(const struct rig_spawn *s)
{
	struct rlimit lim = {s->files, s->files};

	if (s->netns != 0)
		enter_netns(s->netns);
	if (s->files != 0 && setrlimit(RLIMIT_NOFILE, &lim) == -1)
		fprintf(stderr, "setrlimit: %s\n", strerror(errno));
	if (s->dir != NULL && chdir(s->dir) == -1)
		fprintf(stderr, "%s: %s\n", s->dir, strerror(errno));
	if (s->uid != 0 && (setgroups(0, NULL) == -1 || setgid(s->uid) == -1 ||
			       setuid(s->uid) == -1)) {
		fprintf(stderr, "uid %u: %s\n", s->uid, strerror(errno));
		_exit(126);
	}
}

static void
exec_child(const struct rig_spawn *s, const char *log)
{
	char *argv[RIG_ARGS_MAX + 1] = {NULL};
	sigset_t none;
	size_t i;
	int program = -1;

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	take_output(log, s->out);
	/* Another user may not be able to find it where this one can: a clone
	 * below a private home. */
	if (s->uid != 0 && strchr(s->argv[0], '/') != NULL)
		program = open(s->argv[0], O_RDONLY | O_CLOEXEC);
	become(s);
	/* After the change of uid, which would clear it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 0; s->env != NULL && s->env[i] != NULL; i++)
		putenv(strdup(s->env[i]));
	for (i = 0; i < RIG_ARGS_MAX && s->argv[i] != NULL; i++)
		argv[i] = strdup(s->argv[i]);
	if (program != -1)
		fexecve(program, argv, environ);
	else
		execvp(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

void
rig_proc_start(struct rig_proc *p, const struct rig_spawn *s)
{
	char log[RIG_PATH_MAX];

	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", s->name);
	log_path(p, log);
	p->log_from = rig_proc_mark(p);
	fflush(NULL);
	p->pid = fork();
	REQUIRE(p->pid != -1, "fork: %s", strerror(errno));
	if (p->pid == 0)
		exec_child(s, log);
	/* In both, so that a signal to the group cannot come too early. */
	setpgid(p->pid, p->pid);
	p->pidfd = rig_pidfd(p->pid);
	REQUIRE(p->pidfd != -1, "pidfd_open: %s", strerror(errno));
}

size_t
rig_proc_mark(const struct rig_proc *p)
{
	char log[RIG_PATH_MAX];
	struct stat st;

	log_path(p, log);
	return stat(log, &st) == 0 ? (size_t)st.st_size : 0;
}

char *
rig_read(const char *path, size_t *len)
{
	struct stat st;
	char *text = NULL;
	size_t got;
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return NULL;
	if (fstat(fileno(f), &st) == 0)
		text = malloc((size_t)st.st_size + 1);
	if (text != NULL) {
		got = fread(text, 1, (size_t)st.st_size, f);
		text[got] = '\0';
		if (len != NULL)
			*len = got;
	}
	fclose(f);
	return text;
}

/* Only whole lines count, so that a port is never read half-written. */
static bool
find_in_log(const struct rig_proc *p, const char *log, const char *text,
    const struct rig_wait *w)
{
	size_t len = 0, from = w->mark > p->log_from ? w->mark : p->log_from;
	char *all = rig_read(log, &len), *hit, *start, *end;
	bool found = false;

	if (all == NULL)
		return false;
	start = from < len ? all + from : all + len;
	hit = strstr(start, text);
	end = hit != NULL ? strchr(hit, '\n') : NULL;
	if (end != NULL) {
		while (hit > start && hit[-1] != '\n')
			hit--;
		*end = '\0';
		if (w->line != NULL)
			snprintf(w->line, w->line_cap, "%s", hit);
		found = true;
	}
	free(all);
	return found;
}

int
rig_proc_wait_log(
    struct rig_proc *p, const char *text, const struct rig_wait *w)
{
	int64_t deadline = rig_now_ms() + w->timeout_ms;
	char log[RIG_PATH_MAX], events[4096];
	struct pollfd fds[2];
	int rc = -ETIMEDOUT;
	bool ended;

	log_path(p, log);
	fds[0].fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	fds[0].events = fds[1].events = POLLIN;
	fds[1].fd = p->pidfd;
	/* The child may not have opened its log yet: watch the folder. */
	REQUIRE(inotify_add_watch(
		    fds[0].fd, rig_dir(), IN_MODIFY | IN_CREATE) != -1,
	    "inotify: %s", strerror(errno));
	for (;;) {
		ended = rig_proc_wait(p, 0) == 0;
		if (find_in_log(p, log, text, w)) {
			rc = 0;
			break;
		}
		if (ended) {
			rc = -ESRCH;
			break;
		}
		if (rig_left_ms(deadline) == 0)
			break;
		poll(fds, 2, rig_left_ms(deadline));
		while (read(fds[0].fd, events, sizeof(events)) > 0)
			;
	}
	close(fds[0].fd);
	return rc;
}

int
rig_proc_wait_port(
    struct rig_proc *p, const char *address, uint16_t port, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;
	int fd;

	for (;;) {
		fd = rig_net_connect(address, port, 500);
		if (fd >= 0) {
			close(fd);
			return 0;
		}
		if (rig_proc_wait(p, 0) == 0)
			return -ESRCH;
		if (!rig_pause(deadline))
			return -ETIMEDOUT;
	}
}

int
rig_proc_wait(struct rig_proc *p, int timeout_ms)
{
	struct pollfd fd = {.fd = p->pidfd, .events = POLLIN};

	if (p->done || p->pid == 0)
		return 0;
	if (poll(&fd, 1, timeout_ms) <= 0)
		return -ETIMEDOUT;
	if (waitpid(p->pid, &p->status, 0) != p->pid)
		return -ETIMEDOUT;
	p->done = true;
	close(p->pidfd);
	p->pidfd = -1;
	return 0;
}

void
rig_proc_signal(const struct rig_proc *p, int sig)
{
	if (p->pid != 0 && !p->done)
		kill(p->pid, sig);
}

void
rig_proc_signal_group(const struct rig_proc *p, int sig)
{
	if (p->pid != 0)
		kill(-p->pid, sig);
}

static int
exit_code(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int
rig_proc_stop(struct rig_proc *p, int timeout_ms)
{
	int code = -1000;

	if (p->pid == 0)
		return 0;
	rig_proc_signal(p, SIGTERM);
	/* A stopped process takes no other signal. */
	rig_proc_signal_group(p, SIGCONT);
	if (rig_proc_wait(p, timeout_ms) == 0)
		code = exit_code(p->status);
	rig_proc_kill(p);
	return code;
}

void
rig_proc_kill(struct rig_proc *p)
{
	int64_t deadline = rig_now_ms() + 5000;

	if (p->pid == 0)
		return;
	rig_proc_signal_group(p, SIGKILL);
	rig_proc_wait(p, 5000);
	/* The rest of its group has become ours; a port is free only when
	 * the last of them is gone. */
	while (waitpid(-p->pid, NULL, WNOHANG) != -1 && rig_pause(deadline))
		;
	p->pid = 0;
}

void
rig_run(struct rig_output *o, const struct rig_spawn *spawn, int timeout_ms)
{
	static unsigned int serial;
	char out[RIG_PATH_MAX], log[RIG_PATH_MAX], name[32];
	struct rig_spawn s = *spawn;
	struct rig_proc p;

	memset(o, 0, sizeof(*o));
	rig_path(out, "%s.%u.out", s.name, ++serial);
	snprintf(name, sizeof(name), "%.20s.%u", s.name, serial);
	s.out = out;
	s.name = name;
	rig_proc_start(&p, &s);
	log_path(&p, log);
	o->code = -1000;
	if (rig_proc_wait(&p, timeout_ms) == 0)
		o->code = exit_code(p.status);
	rig_proc_kill(&p);
	o->out = rig_read(out, &o->out_len);
	o->err = rig_read(log, &o->err_len);
	unlink(out);
	if (o->code == 0)
		unlink(log);
	REQUIRE(
	    o->out != NULL && o->err != NULL, "%s left no output", spawn->name);
}

void
rig_output_free(struct rig_output *o)
{
	free(o->out);
	free(o->err);
	memset(o, 0, sizeof(*o));
}
