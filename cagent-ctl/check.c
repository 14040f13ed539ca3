/* Owns running `cagentd -t`; understands nothing of a configuration. */
#include "cagent-ctl/check.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM	    "cagentd"
#define DAEMON_DIRS "/usr/sbin:/usr/local/sbin:/sbin"

static int
found(char out[PATH_MAX], const char *dir, size_t dir_len)
{
	int n = snprintf(out, PATH_MAX, "%.*s/" PROGRAM, (int)dir_len, dir);

	return dir_len > 0 && n < PATH_MAX && access(out, X_OK) == 0;
}

static int
search(char out[PATH_MAX], const char *dirs)
{
	size_t len;

	for (; *dirs != '\0'; dirs += len + (dirs[len] != '\0')) {
		len = strcspn(dirs, ":");
		if (len < PATH_MAX && found(out, dirs, len))
			return 0;
	}
	return -ENOENT;
}

int
check_program(char out[PATH_MAX])
{
	const char *path = getenv("PATH");
	char self[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash != NULL && found(out, self, (size_t)(slash - self)))
			return 0;
	}
	if (path != NULL && search(out, path) == 0)
		return 0;
	return search(out, DAEMON_DIRS);
}

static void __attribute__((noreturn))
run(const char *program, const char *file, int out)
{
	if (dup2(out, STDOUT_FILENO) != -1 && dup2(out, STDERR_FILENO) != -1) {
		signal(SIGPIPE, SIG_DFL);
		execl(program, PROGRAM, "-t", "-f", file, (char *)NULL);
		dprintf(STDERR_FILENO, "%s: %s\n", program, strerror(errno));
	}
	_exit(127);
}

/* All of it is read, so that the writer ends; only the first part is kept. */
static void
collect(int in, char text[CHECK_TEXT_MAX])
{
	char rest[4096];
	size_t len = 0;
	ssize_t n;

	for (;;) {
		if (len < CHECK_TEXT_MAX - 1)
			n = read(in, text + len, CHECK_TEXT_MAX - 1 - len);
		else
			n = read(in, rest, sizeof(rest));
		if (n == 0 || (n == -1 && errno != EINTR))
			break;
		if (n > 0 && len < CHECK_TEXT_MAX - 1)
			len += (size_t)n;
	}
	text[len] = '\0';
}

int
check_file(const char *file, char text[CHECK_TEXT_MAX])
{
	char program[PATH_MAX];
	int fds[2], status;
	pid_t pid;

	text[0] = '\0';
	if (check_program(program) != 0)
		return -ENOENT;
	if (pipe2(fds, O_CLOEXEC) == -1)
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		run(program, file, fds[1]);
	status = -errno;
	close(fds[1]);
	if (pid != -1)
		collect(fds[0], text);
	close(fds[0]);
	if (pid == -1)
		return status;
	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
