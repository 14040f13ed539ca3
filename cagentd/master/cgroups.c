/* Owns the names of control groups: finds where they are mounted and reads
 * them, and decides nothing by them. */
#include "cagentd/master/cgroups.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define MOUNTINFO     "/proc/self/mountinfo"
#define MOUNTINFO_MAX (1u << 20)

/* Field i of a line of words, from 0. */
static const char *
word(const char *line, int i, size_t *len)
{
	for (; i > 0; i--) {
		line += strcspn(line, " \n");
		line += *line == ' ';
	}
	*len = strcspn(line, " \n");
	return line;
}

/* A blank and the like stand there in octal digits. */
static int
unescape(const char *in, size_t len, char out[static CGROUPS_PATH_MAX])
{
	size_t i, n = 0;

	for (i = 0; i < len && n + 1 < CGROUPS_PATH_MAX; i++) {
		out[n] = in[i];
		if (in[i] == '\\' && i + 3 < len) {
			out[n] =
			    (char)((in[i + 1] - '0') << 6 |
				   (in[i + 2] - '0') << 3 | (in[i + 3] - '0'));
			i += 3;
		}
		n++;
	}
	out[n] = '\0';
	return i == len && n > 0 ? 0 : -ENOENT;
}

int
cgroups_mount(const char *mountinfo, char out[static CGROUPS_PATH_MAX])
{
	const char *line, *type, *at;
	size_t len;

	for (line = mountinfo; *line != '\0';
	     line += strcspn(line, "\n"), line += *line == '\n') {
		type = strstr(line, " - ");
		if (type == NULL)
			break;
		if (type > line + strcspn(line, "\n") ||
		    strncmp(type, " - cgroup2 ", 11) != 0)
			continue;
		at = word(line, 4, &len);
		if (unescape(at, len, out) == 0)
			return 0;
	}
	out[0] = '\0';
	return -ENOENT;
}

static bool
is_slice(const char *part, size_t len)
{
	return len > 6 && strncmp(part + len - 6, ".slice", 6) == 0;
}

void
cgroups_service(const char *path, char out[static CGROUPS_NAME_MAX + 1])
{
	const char *first = path + 1, *last = strrchr(path, '/') + 1;
	size_t len = strcspn(first, "/"), i;
	int n;

	out[0] = '\0';
	while (is_slice(first, len) && first != last) {
		first += len + 1;
		len = strcspn(first, "/");
	}
	if (len == 0 || is_slice(first, len))
		return;
	for (i = 0; first[i] != '\0'; i++) {
		if (first[i] <= ' ' || first[i] > '~')
			return;
	}
	n = snprintf(out, CGROUPS_NAME_MAX + 1, "%.*s%s%s", (int)len, first,
	    first != last ? "/" : "", first != last ? last : "");
	if (n > CGROUPS_NAME_MAX)
		out[0] = '\0';
}

static int
read_mount(struct cgroups *c)
{
	char *text = malloc(MOUNTINFO_MAX);
	int fd = open(MOUNTINFO, O_RDONLY | O_CLOEXEC), error = -ENOENT;
	size_t n = 0;
	ssize_t r = 1;

	while (text != NULL && fd != -1 && r > 0 && n < MOUNTINFO_MAX - 1) {
		r = read(fd, text + n, MOUNTINFO_MAX - 1 - n);
		n += r > 0 ? (size_t)r : 0;
	}
	if (text != NULL) {
		text[n] = '\0';
		error = cgroups_mount(text, c->at);
	}
	if (fd != -1)
		close(fd);
	free(text);
	return error;
}

static int
by_id(const void *pa, const void *pb)
{
	uint64_t a = ((const struct cgroup *)pa)->id;
	uint64_t b = ((const struct cgroup *)pb)->id;

	return a < b ? -1 : a > b;
}

/* A reading under way. */
struct walk {
	struct cgroups *c;
	char path[CGROUPS_PATH_MAX]; /* below the mount */
	int depth;
};

static void
add(struct walk *w, uint64_t id)
{
	struct cgroup *one = &w->c->all[w->c->n++];

	one->id = id;
	cgroups_service(w->path, one->name);
}

static void read_dir(struct walk *w, int fd);

static void
read_child(struct walk *w, int dir, const char *name)
{
	size_t len = strlen(w->path), more = strlen(name) + 1;
	struct stat st;
	int fd;

	if (w->c->n == CGROUPS_MAX || w->depth == CGROUPS_DEPTH_MAX ||
	    len + more >= sizeof(w->path))
		return;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return;
	snprintf(w->path + len, sizeof(w->path) - len, "/%s", name);
	if (fstat(fd, &st) == 0)
		add(w, st.st_ino);
	w->depth++;
	read_dir(w, fd);
	w->depth--;
	w->path[len] = '\0';
}

/* Takes fd. */
static void
read_dir(struct walk *w, int fd)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;

	if (d == NULL) {
		close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			read_child(w, fd, e->d_name);
	}
	closedir(d);
}

static void
read_all(struct cgroups *c)
{
	struct walk w = {.c = c};
	int fd = -1;

	c->n = 0;
	if (c->all == NULL)
		c->all = calloc(CGROUPS_MAX, sizeof(*c->all));
	if (c->all == NULL)
		return;
	if (c->at[0] != '\0' || read_mount(c) == 0)
		fd = open(c->at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1) {
		if (!c->said)
			log_warnx("services are unknown: no cgroup2 mount%s%s",
			    c->at[0] != '\0' ? " at " : "", c->at);
		c->said = true;
		c->at[0] = '\0';
		return;
	}
	read_dir(&w, fd);
	qsort(c->all, c->n, sizeof(*c->all), by_id);
}

static const struct cgroup *
find(const struct cgroups *c, uint64_t id)
{
	const struct cgroup key = {.id = id};

	return c->n > 0 ? bsearch(&key, c->all, c->n, sizeof(key), by_id)
			: NULL;
}

/* A bucket of readings, as the time at which it is full again. */
static bool
may_read(struct cgroups *c, int64_t now_us)
{
	if (c->full_us < now_us)
		c->full_us = now_us;
	if (c->full_us + CGROUPS_READ_US >
	    now_us + (int64_t)CGROUPS_READS * CGROUPS_READ_US)
		return false;
	c->full_us += CGROUPS_READ_US;
	return true;
}

const char *
cgroups_name(struct cgroups *c, uint64_t id, int64_t now_us)
{
	const struct cgroup *g = find(c, id);

	if (g == NULL && may_read(c, now_us)) {
		read_all(c);
		g = find(c, id);
	}
	return g != NULL ? g->name : "";
}

void
cgroups_fini(struct cgroups *c)
{
	free(c->all);
	memset(c, 0, sizeof(*c));
}
