/*
 * The publisher and readers as threads on one mapping, for ThreadSanitizer,
 * which sees nothing across processes nor across two mappings.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/table_layout.h"
#include "tests/unit/table_pattern.h"
#include "tests/unit/unit.h"

#define READERS	     2
#define PUBLICATIONS 2000
#define TURN	     25 /* publications between waits for the readers */

struct watcher {
	pthread_t thread;
	struct table_reader *reader; /* owned; on the writer's mapping */
	struct table *table;	     /* owned */
	struct pattern *pattern;     /* owned */
	_Atomic uint64_t reads;
	uint64_t torn, refused, backwards, last;
};

static _Atomic bool stop;

static void *
watch(void *arg)
{
	struct watcher *w = arg;
	bool last_one = false;
	int r;

	while (!last_one) {
		last_one = stop;
		r = table_read(w->reader, w->table);
		w->reads++;
		if (r == 0)
			continue;
		w->refused += r != 1;
		w->torn += !pattern_same(w->pattern, w->table);
		w->backwards += w->table->generation < w->last;
		w->last = w->table->generation;
	}
	return NULL;
}

/* Until every reader has read on: so nobody starves and counts bound it. */
static void
let_read(struct watcher *watchers)
{
	uint64_t reads;
	int i;

	for (i = 0; i < READERS; i++) {
		reads = watchers[i].reads;
		while (watchers[i].reads < reads + 2)
			sched_yield();
	}
}

static void
publish_all(struct table_writer *writer, struct watcher *watchers)
{
	struct table *t = calloc(1, sizeof(*t));
	uint64_t generation;

	CHECK(t != NULL, "memory");
	for (generation = 1; t != NULL && generation <= PUBLICATIONS;
	     generation++) {
		pattern_fill(t, generation);
		table_publish(writer, t);
		if (generation % TURN == 0)
			let_read(watchers);
	}
	free(t);
}

static void
watchers_init(struct watcher *watchers, struct table_map *map)
{
	int i;

	for (i = 0; i < READERS; i++) {
		watchers[i].reader = calloc(1, sizeof(struct table_reader));
		watchers[i].table = calloc(1, sizeof(struct table));
		watchers[i].pattern = calloc(1, sizeof(struct pattern));
		if (watchers[i].reader == NULL || watchers[i].table == NULL ||
		    watchers[i].pattern == NULL)
			exit(1);
		watchers[i].reader->map = map;
		if (pthread_create(
			&watchers[i].thread, NULL, watch, &watchers[i]) != 0)
			exit(1);
	}
}

static void
threads(void)
{
	struct watcher watchers[READERS] = {0};
	uint64_t head[TABLE_HEAD_WORDS];
	struct table_writer *writer;
	int fd, i, r;

	fd = memfd_create("table", MFD_CLOEXEC);
	table_head(head);
	if (ftruncate(fd, (off_t)table_size()) == -1 ||
	    pwrite(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
		exit(1);
	r = table_writer_open(&writer, fd);
	CHECK_INT(r, 0);
	watchers_init(watchers, writer->map);
	publish_all(writer, watchers);
	stop = true;
	for (i = 0; i < READERS; i++) {
		pthread_join(watchers[i].thread, NULL);
		CHECK_INT(watchers[i].torn, 0);
		CHECK_INT(watchers[i].refused, 0);
		CHECK_INT(watchers[i].backwards, 0);
		CHECK_INT(watchers[i].last, PUBLICATIONS);
		free(watchers[i].reader);
		free(watchers[i].table);
		free(watchers[i].pattern);
	}
	table_writer_close(writer);
	close(fd);
}

static const struct unit_case cases[] = {
    {"a publisher and two readers", threads},
};

UNIT_MAIN("table_threads", cases)
