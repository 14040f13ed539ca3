/* Finds and ends the descendants of this process. */
#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_proc.h"

static size_t
read_children(const char *path, pid_t *pids, size_t max)
{
	char text[8192], *s = text, *end;
	ssize_t got = -1;
	size_t n = 0;
	long pid;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd != -1) {
		got = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[got > 0 ? got : 0] = '\0';
	while (n < max && (pid = strtol(s, &end, 10)) > 0 && end != s) {
		pids[n++] = (pid_t)pid;
		s = end;
	}
	return n;
}

static size_t
children(pid_t parent, pid_t *pids, size_t max)
{
	char path[320];
	struct dirent *e;
	size_t n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)parent);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/children",
		    (int)parent, e->d_name);
		n += read_children(path, pids + n, max - n);
	}
	if (d != NULL)
		closedir(d);
	return n;
}

size_t
rig_descendants(pid_t root, pid_t *pids, size_t max)
{
	size_t n = children(root, pids, max), i;

	for (i = 0; i < n; i++)
		n += children(pids[i], pids + n, max - n);
	return n;
}

void
rig_end_all(void)
{
	pid_t pids[RIG_DESCENDANTS_MAX];
	size_t i, n;

	/* Orphans come to us as the subreaper, so this ends when none is
	 * left to fork another. */
	while ((n = rig_descendants(getpid(), pids, RIG_DESCENDANTS_MAX)) > 0) {
		for (i = 0; i < n; i++)
			kill(pids[i], SIGKILL);
		if (waitpid(-1, NULL, 0) == -1)
			break;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}
