/* Looks at the daemon's processes from outside, through /proc. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_agent.h"

/* A whole file of /proc, whose size is not known before: NUL-terminated,
 * with NULs inside turned to spaces; "" when it cannot be read. */
static void
slurp(const char *path, char *out, size_t cap)
{
	size_t len = 0, i;
	ssize_t got = 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	while (fd != -1 && got > 0 && len + 1 < cap) {
		got = read(fd, out + len, cap - 1 - len);
		if (got > 0)
			len += (size_t)got;
	}
	if (fd != -1)
		close(fd);
	for (i = 0; i < len; i++) {
		if (out[i] == '\0')
			out[i] = ' ';
	}
	out[len] = '\0';
}

pid_t
rig_agent_child(const struct rig_agent *a, const char *title)
{
	pid_t pids[RIG_DESCENDANTS_MAX];
	char path[64], line[256];
	size_t i, n;

	if (a->proc.pid == 0)
		return 0;
	n = rig_descendants(a->proc.pid, pids, RIG_DESCENDANTS_MAX);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pids[i]);
		slurp(path, line, sizeof(line));
		/* A zombie has no command line. */
		if (strstr(line, title) != NULL)
			return pids[i];
	}
	return 0;
}

pid_t
rig_agent_await_child(
    const struct rig_agent *a, const char *title, pid_t not, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;
	pid_t pid;

	for (;;) {
		pid = rig_agent_child(a, title);
		if (pid != 0 && pid != not )
			return pid;
		REQUIRE(rig_pause(deadline), "no (new) %s after %d ms", title,
		    timeout_ms);
	}
}

/* The inode of the agent's end of a connection from that port; 0: none. */
static unsigned long
inode_of(uint16_t agent_port, uint16_t client_port)
{
	static char text[4 << 20];
	char local[16], remote[16];
	unsigned long inode;
	char *line, *save = NULL;

	slurp("/proc/net/tcp", text, sizeof(text));
	for (line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line,
			" %*[^:]: %*8[0-9A-F]:%4s %*8[0-9A-F]:%4s %*s %*s %*s "
			"%*s %*s %*s %lu",
			local, remote, &inode) != 3)
			continue;
		if (strtoul(local, NULL, 16) == agent_port &&
		    strtoul(remote, NULL, 16) == client_port)
			return inode;
	}
	return 0;
}

static bool
holds(pid_t pid, unsigned long inode)
{
	char path[320], want[64], link[64];
	struct dirent *e;
	bool found = false;
	ssize_t len;
	DIR *d;

	snprintf(want, sizeof(want), "socket:[%lu]", inode);
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	while (d != NULL && !found && (e = readdir(d)) != NULL) {
		snprintf(
		    path, sizeof(path), "/proc/%d/fd/%s", (int)pid, e->d_name);
		len = readlink(path, link, sizeof(link) - 1);
		link[len > 0 ? len : 0] = '\0';
		found = strcmp(link, want) == 0;
	}
	if (d != NULL)
		closedir(d);
	return found;
}

static pid_t
find_owner(const struct rig_agent *a, uint16_t client_port)
{
	pid_t pids[RIG_DESCENDANTS_MAX];
	unsigned long inode = inode_of(a->port, client_port);
	size_t i, n;

	n = rig_descendants(a->proc.pid, pids, RIG_DESCENDANTS_MAX);
	for (i = 0; inode != 0 && i < n; i++) {
		if (holds(pids[i], inode))
			return pids[i];
	}
	return 0;
}

pid_t
rig_agent_owner(const struct rig_agent *a, uint16_t client_port)
{
	int64_t deadline = rig_now_ms() + (geteuid() == 0 ? 2000 : 0);
	pid_t pid;

	/* The kernel's list leaves some out while others come and go. */
	do {
		pid = find_owner(a, client_port);
	} while (pid == 0 && rig_pause(deadline));
	return pid;
}

int64_t
rig_cpu_ms(pid_t pid)
{
	char path[64], text[1024], *after;
	unsigned long user = 0, system = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	slurp(path, text, sizeof(text));
	after = strrchr(text, ')');
	if (after == NULL ||
	    sscanf(after + 1,
		" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		&system) != 2)
		return -1;
	return (int64_t)(user + system) * 1000 / sysconf(_SC_CLK_TCK);
}

int64_t
rig_rss_kb(pid_t pid)
{
	char path[64], text[4096], *field;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	slurp(path, text, sizeof(text));
	field = strstr(text, "VmRSS:");
	return field != NULL ? strtol(field + 6, NULL, 10) : -1;
}

int64_t
rig_anon_kb(pid_t pid)
{
	char path[64], text[4096], *field;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	slurp(path, text, sizeof(text));
	field = strstr(text, "Pss_Anon:");
	return field != NULL ? strtol(field + 9, NULL, 10) : -1;
}

size_t
rig_fds(pid_t pid)
{
	char path[64];
	struct dirent *e;
	size_t n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	if (d != NULL)
		closedir(d);
	return n;
}
