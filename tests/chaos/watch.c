/* Reads the agent's shared memory, as a test that runs as root can; writes
 * nothing there. */
#include "tests/chaos/watch.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/ctl.h"

#define LOOK_MS 1

static bool
is_demoted(const struct table_row *r)
{
	return r->observed == TABLE_EJECTED || r->observed == TABLE_HALF_OPEN ||
	       r->tier == 0 || r->tier > table_home(r);
}

static void
note(struct watch *w, const struct table_row *was, const struct table_row *r)
{
	unsigned int n = atomic_load(&w->changes_n);
	struct watch_change *c = &w->changes[n];

	if (n == WATCH_CHANGES_MAX)
		return;
	c->us = rig_now_us();
	memcpy(c->name, r->name, sizeof(c->name));
	memcpy(c->reason, r->reason, sizeof(c->reason));
	c->observed = r->observed;
	c->observed_was = was->observed;
	c->tier = r->tier;
	c->tier_was = was->tier;
	c->demoted = is_demoted(r);
	atomic_store(&w->changes_n, n + 1);
}

static void
compare(struct watch *w)
{
	const struct table_row *r, *was;
	struct table *swap = w->now;
	uint32_t i;

	for (i = 0; i < w->next->rows_n; i++) {
		r = &w->next->rows[i];
		was = table_find(w->now, r->name);
		if (was != NULL &&
		    (was->observed != r->observed || was->tier != r->tier))
			note(w, was, r);
	}
	w->now = w->next;
	w->next = swap;
}

static void *
look(void *arg)
{
	struct watch *w = arg;

	while (!atomic_load(&w->stop)) {
		if (table_changed(w->reader) &&
		    table_read(w->reader, w->next) == 1)
			compare(w);
		poll(NULL, 0, LOOK_MS);
	}
	return NULL;
}

static bool
have_slab(const struct watch *w, const struct slab *s)
{
	unsigned int i;

	for (i = 0; i < w->slabs_n; i++) {
		if (w->slabs[i]->worker == s->worker)
			return true;
	}
	return false;
}

/* The master holds all slabs. */
static void
map_slabs(struct watch *w, pid_t master)
{
	char dir[64], path[384], target[64];
	struct dirent *e;
	struct slab *s;
	ssize_t len;
	DIR *d;
	int fd;

	snprintf(dir, sizeof(dir), "/proc/%d/fd", (int)master);
	d = opendir(dir);
	REQUIRE(d != NULL, "%s: %s", dir, strerror(errno));
	while ((e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		target[len > 0 ? len : 0] = '\0';
		if (strstr(target, "cagent-slab") == NULL)
			continue;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		REQUIRE(fd != -1 && slab_map(fd, false, &s) == 0,
		    "cannot map a slab: %s", strerror(errno));
		close(fd);
		if (have_slab(w, s) || w->slabs_n == WATCH_SLABS_MAX)
			slab_unmap(s);
		else
			w->slabs[w->slabs_n++] = s;
	}
	closedir(d);
	REQUIRE(w->slabs_n > 0, "the master has no slab");
}

void
watch_start(struct watch *w, const struct rig_agent *a)
{
	char path[RIG_PATH_MAX + 16];
	sigset_t all, old;
	int fd, rc;

	memset(w, 0, sizeof(*w));
	w->now = calloc(1, sizeof(*w->now));
	w->next = calloc(1, sizeof(*w->next));
	REQUIRE(w->now != NULL && w->next != NULL, "out of memory");
	snprintf(path, sizeof(path), "%s/%s", a->run_dir, CTL_TABLE_NAME);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	REQUIRE(fd != -1, "%s: %s", path, strerror(errno));
	rc = table_reader_open(&w->reader, fd);
	close(fd);
	REQUIRE(rc == 0, "%s: %s", path, strerror(-rc));
	table_read(w->reader, w->now);
	map_slabs(w, a->proc.pid);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&w->thread, NULL, look, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	REQUIRE(rc == 0, "cannot start a thread: %s", strerror(rc));
}

void
watch_stop(struct watch *w)
{
	unsigned int i;

	atomic_store(&w->stop, 1);
	pthread_join(w->thread, NULL);
	table_reader_close(w->reader);
	for (i = 0; i < w->slabs_n; i++)
		slab_unmap(w->slabs[i]);
	free(w->now);
	free(w->next);
}

static bool
is_tier_change(const struct watch_change *c, const char *name)
{
	return c->tier != c->tier_was &&
	       (name == NULL || strcmp(c->name, name) == 0);
}

unsigned int
watch_tier_changes(const struct watch *w, const char *name)
{
	return watch_most_within(w, name, INT64_MAX);
}

unsigned int
watch_most_within(const struct watch *w, const char *name, int64_t window_us)
{
	unsigned int i, j, here, most = 0, n = atomic_load(&w->changes_n);

	for (i = 0; i < n; i++) {
		here = 0;
		for (j = i; j < n; j++) {
			if (w->changes[j].us - w->changes[i].us < window_us)
				here += is_tier_change(&w->changes[j], name);
		}
		if (is_tier_change(&w->changes[i], name) && here > most)
			most = here;
	}
	return most;
}

const struct watch_change *
watch_demotion(const struct watch *w, const char *name)
{
	unsigned int i, n = atomic_load(&w->changes_n);

	for (i = 0; i < n; i++) {
		if (w->changes[i].demoted &&
		    (name == NULL || strcmp(w->changes[i].name, name) == 0))
			return &w->changes[i];
	}
	return NULL;
}

uint64_t
watch_attempts(const struct watch *w)
{
	uint64_t sum = 0;
	unsigned int i, slot;

	for (i = 0; i < w->slabs_n; i++) {
		for (slot = 0; slot < TABLE_ROWS_MAX; slot++)
			sum += atomic_load_explicit(
			    &w->slabs[i]->rows[slot].attempts,
			    memory_order_relaxed);
	}
	return sum;
}
