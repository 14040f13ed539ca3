/* Owns `cagent-policyd status`: the server as a whole, and its processes as
 * /proc shows them. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policyd/args.h"
#include "policyd/ask.h"
#include "policyd/grid.h"
#include "policyd/verb.h"

static const struct grid_field fields[] = {{"version", "version", GRID_TEXT},
    {"started_s", "since", GRID_TIME}, {"root_epoch", "root", GRID_RANK},
    {"agents", "agents", GRID_COUNT}, {"connected", "connected", GRID_COUNT},
    {"intermediaries", "intermediaries", GRID_COUNT},
    {"overrides", "overrides", GRID_COUNT},
    {"store_bytes", "store", GRID_BYTES}, {"read_only", "read-only", GRID_TEXT},
    {"read_only_why", "because", GRID_TEXT}, {NULL, NULL, GRID_TEXT}};

static const struct grid_field group_fields[] = {{"group", "GROUP", GRID_TEXT},
    {"policy_serial", "POLICY", GRID_RANK},
    {"policy_expires_s", "EXPIRES", GRID_TIME},
    {"rank_serial", "RANK", GRID_RANK}, {"rank_s", "RANK AGE", GRID_AGE},
    {"connected", "CONNECTED", GRID_COUNT},
    {"have_policy", "HAVE POLICY", GRID_COUNT},
    {"have_rank", "HAVE RANK", GRID_COUNT}, {NULL, NULL, GRID_TEXT}};

static const struct grid_field process_fields[] = {
    {"role", "PROCESS", GRID_TEXT}, {"pid", "PID", GRID_COUNT},
    {"started_s", "UP", GRID_AGE}, {"rss", "MEMORY", GRID_BYTES},
    {NULL, NULL, GRID_TEXT}};

/* A small file of /proc, NUL-terminated; its length, 0 for none. */
static size_t
slurp(const char *pid, const char *name, char *out, size_t cap)
{
	char path[300];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	n = read(fd, out, cap - 1);
	close(fd);
	out[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* Seconds since 1970 when this machine was started. */
static int64_t
boot_s(int64_t now_s)
{
	char text[64];

	if (slurp(".", "uptime", text, sizeof(text)) == 0)
		return now_s;
	return now_s - strtoll(text, NULL, 10);
}

/* The last fields of /proc/PID/stat, counted from behind the name, which may
 * be anything: the first is the state. */
static bool
read_stat(const char *pid, int64_t out[22])
{
	char text[1024], *at;
	int i;

	if (slurp(pid, "stat", text, sizeof(text)) == 0)
		return false;
	at = strrchr(text, ')');
	if (at == NULL || strlen(at) < 4)
		return false;
	at += 3;
	for (i = 1; i < 22; i++)
		out[i] = strtoll(at, &at, 10);
	return true;
}

static json_t *
process(const char *pid, int64_t master, int64_t boot)
{
	json_int_t number = strtoll(pid, NULL, 10), started_s, rss;
	char title[128], *role;
	int64_t f[22] = {0};

	if (!read_stat(pid, f) || (f[1] != master && number != master) ||
	    slurp(pid, "cmdline", title, sizeof(title)) == 0)
		return NULL;
	role = strstr(title, ": ");
	role = role != NULL ? role + 2 : title;
	role[strcspn(role, " [(")] = '\0';
	started_s = boot + f[19] / sysconf(_SC_CLK_TCK);
	rss = f[21] * sysconf(_SC_PAGESIZE);
	return json_pack("{s:s, s:I, s:I, s:I}", "role",
	    number == master ? "master" : role, "pid", number, "started_s",
	    started_s, "rss", rss);
}

/* The master and its children. */
static json_t *
processes(int64_t master, int64_t now_s)
{
	json_t *list = json_array(), *one;
	int64_t boot = boot_s(now_s);
	const struct dirent *d;
	DIR *dir = opendir("/proc");

	while (dir != NULL && (d = readdir(dir)) != NULL) {
		if (d->d_name[0] < '0' || d->d_name[0] > '9')
			continue;
		one = process(d->d_name, master, boot);
		if (one != NULL)
			json_array_append_new(list, one);
	}
	if (dir != NULL)
		closedir(dir);
	return list;
}

int
status_run(const struct call *c)
{
	struct answer a;
	json_t *list;
	int status = ask(c, &a, "status");

	if (a.head == NULL)
		return status;
	list = processes(a.master, c->now_s);
	json_object_set_new(a.head, "processes", list);
	if (c->json) {
		ask_print(&a, "groups");
	} else {
		grid_pairs(fields, a.head, c->now_s);
		if (json_array_size(list) > 0)
			putchar('\n');
		grid_table(process_fields, list, c->now_s);
		if (json_array_size(a.rows) > 0)
			putchar('\n');
		grid_table(group_fields, a.rows, c->now_s);
	}
	ask_free(&a);
	return status;
}
