/* Prints what is needed to understand a failed case; changes nothing. */
#include "tests/integ/rig_logs.h"

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig.h"
#include "tests/integ/rig_proc.h"

static void
print_tail(const char *dir, const char *name)
{
	char path[2 * RIG_PATH_MAX], text[RIG_LOG_TAIL + 1];
	struct stat st;
	ssize_t got;
	off_t from;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		goto out;
	from = st.st_size > RIG_LOG_TAIL ? st.st_size - RIG_LOG_TAIL : 0;
	got = pread(fd, text, RIG_LOG_TAIL, from);
	if (got > 0) {
		text[got] = '\0';
		printf("--- %s%s\n%s%s", name, from > 0 ? " (its end)" : "",
		    text, text[got - 1] == '\n' ? "" : "\n");
	}
out:
	if (fd != -1)
		close(fd);
}

void
rig_logs_print(const char *dir)
{
	struct dirent *e;
	size_t len;
	DIR *d = opendir(dir);

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		len = strlen(e->d_name);
		if (len > 4 && strcmp(e->d_name + len - 4, ".log") == 0)
			print_tail(dir, e->d_name);
	}
	closedir(d);
	printf("---\n");
}

static void
read_line(pid_t pid, const char *file, char *out, size_t cap)
{
	char path[64];
	ssize_t got = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		got = read(fd, out, cap - 1);
		close(fd);
	}
	out[got > 0 ? got : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

void
rig_stacks(void)
{
	pid_t pids[RIG_DESCENDANTS_MAX];
	char comm[64], wchan[64];
	size_t i, n;

	n = rig_descendants(getpid(), pids, RIG_DESCENDANTS_MAX);
	for (i = 0; i < n; i++) {
		read_line(pids[i], "comm", comm, sizeof(comm));
		read_line(pids[i], "wchan", wchan, sizeof(wchan));
		printf("  pid %d (%s) in %s\n", (int)pids[i], comm, wchan);
	}
}
