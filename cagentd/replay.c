/* Owns the replay of a record of decisions: reads the file and counts; how a
 * choice is made again is decision_replay.c's. */
#include "cagentd/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cagentd/decide/decision.h"
#include "wire/wire.h"

/* Two records, so that one is whole wherever it begins. */
#define BUF_LEN (2 * DECISION_RECORD_MAX)

/* The last table that a worker has written. */
struct replay_worker {
	bool has_table;
	struct table table;
	struct path_index index;
};

struct replay {
	const char *path;
	int fd;
	uint8_t buf[BUF_LEN];
	size_t at, len;	   /* in buf */
	uint64_t offset;   /* of buf in the file */
	bool at_end;	   /* there is no more behind buf */
	uint64_t broken_n; /* bytes that are in none */
	uint64_t decisions_n, tables_n, differ_n, lost_n;
	uint32_t workers_n;
	struct decision decision;
	struct decision_replay again;
	struct replay_worker *workers[DECISION_WORKERS_MAX]; /* owned */
};

/* false, and said why. */
static bool
fill(struct replay *r)
{
	ssize_t n;

	memmove(r->buf, r->buf + r->at, r->len - r->at);
	r->offset += r->at;
	r->len -= r->at;
	r->at = 0;
	while (r->len < sizeof(r->buf) && !r->at_end) {
		n = read(r->fd, r->buf + r->len, sizeof(r->buf) - r->len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			fprintf(stderr, "cagentd: %s: %s\n", r->path,
			    strerror(errno));
			return false;
		}
		r->at_end = n == 0;
		r->len += (size_t)n;
	}
	return true;
}

/* In the file, of what is looked at. */
static unsigned long long
position(const struct replay *r)
{
	return r->offset + r->at;
}

static struct replay_worker *
worker_of(struct replay *r, uint32_t i)
{
	if (r->workers[i] != NULL)
		return r->workers[i];
	r->workers[i] = calloc(1, sizeof(*r->workers[i]));
	if (r->workers[i] == NULL)
		fprintf(stderr, "cagentd: out of memory\n");
	else
		r->workers_n++;
	return r->workers[i];
}

static const char *
why_word(enum path_why why)
{
	switch (why) {
	case PATH_WHY_ONLY:
		return "alone";
	case PATH_WHY_CHEAPER:
		return "cheaper";
	case PATH_WHY_DRAWN:
		return "drawn";
	case PATH_WHY_TRIAL:
		return "on trial";
	}
	return "?";
}

static void
say_outcome(const struct table *t, const struct decision_outcome *o)
{
	const char *name = "an intermediary that is not in the table";
	uint32_t i;

	if (!o->picked) {
		printf("none");
		return;
	}
	for (i = 0; i < t->rows_n; i++) {
		if (t->rows[i].slot == o->slot &&
		    t->rows[i].incarnation == o->incarnation)
			name = t->rows[i].name;
	}
	printf("%s (tier %u, %s%s%s%s, cost %llu)", name, o->rank,
	    why_word(o->why), o->avoided ? ", avoided" : "",
	    o->spilled ? ", spilled" : "", o->passed ? ", passed on" : "",
	    (unsigned long long)o->cost);
}

static void
choose_again(struct replay *r, uint32_t worker, const struct replay_worker *w)
{
	const struct decision *d = &r->decision;
	struct decision_outcome now;

	r->decisions_n++;
	if (!w->has_table || w->table.generation != d->generation) {
		r->lost_n++;
		return;
	}
	if (decision_replay(&r->again, &w->table, &w->index, d, &now))
		return;
	if (r->differ_n++ > 0)
		return;
	printf("%s: byte %llu, worker %u, generation %llu of the table: "
	       "recorded is ",
	    r->path, position(r), worker, (unsigned long long)d->generation);
	say_outcome(&w->table, &d->outcome);
	printf(", again it is ");
	say_outcome(&w->table, &now);
	printf("\n");
}

/* false, and said why. */
static bool
take(struct replay *r, const struct decision_record *record)
{
	struct replay_worker *w = worker_of(r, record->worker);
	int error;

	if (w == NULL)
		return false;
	if (record->kind == DECISION_TABLE) {
		error = decision_table_decode(record, &w->table);
		w->has_table = error == 0;
		if (w->has_table)
			path_index_build(&w->index, &w->table);
		r->tables_n++;
	} else {
		error = decision_decode(record, &r->decision);
		if (error == 0)
			choose_again(r, record->worker, w);
	}
	if (error != 0)
		fprintf(stderr,
		    "cagentd: %s: byte %llu: a record that makes no sense\n",
		    r->path, position(r));
	return error == 0;
}

/* One record, or one byte that begins none; false, and said why. */
static bool
step(struct replay *r)
{
	struct decision_record record;
	int n;

	n = decision_record_decode(r->buf + r->at, r->len - r->at, &record);
	if (n == WIRE_MORE && !r->at_end)
		return fill(r);
	if (n <= 0) {
		r->broken_n++;
		r->at++;
		return true;
	}
	if (!take(r, &record))
		return false;
	r->at += (size_t)n;
	return true;
}

static int
say_result(const struct replay *r)
{
	if (r->workers_n == 0 && r->broken_n > 0) {
		fprintf(stderr,
		    "cagentd: %s: not a record of decisions of version %d\n",
		    r->path, DECISION_VERSION);
		return 2;
	}
	printf("%llu decisions of %llu tables by %u workers: ",
	    (unsigned long long)r->decisions_n, (unsigned long long)r->tables_n,
	    r->workers_n);
	if (r->differ_n + r->lost_n == 0)
		printf("all the same\n");
	else
		printf("%llu differ, %llu have lost their table\n",
		    (unsigned long long)r->differ_n,
		    (unsigned long long)r->lost_n);
	if (r->broken_n > 0)
		printf("%llu bytes belong to no whole record\n",
		    (unsigned long long)r->broken_n);
	return r->differ_n + r->lost_n == 0 ? 0 : 1;
}

int
replay_main(const char *path)
{
	struct replay *r = calloc(1, sizeof(*r));
	int status = 2;
	uint32_t i;

	if (r == NULL) {
		fprintf(stderr, "cagentd: out of memory\n");
		return 2;
	}
	r->path = path;
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r->fd == -1) {
		fprintf(stderr, "cagentd: %s: %s\n", path, strerror(errno));
	} else if (fill(r)) {
		while (r->at < r->len || !r->at_end) {
			if (!step(r))
				break;
		}
		if (r->at == r->len && r->at_end)
			status = say_result(r);
	}
	if (r->fd != -1)
		close(r->fd);
	for (i = 0; i < DECISION_WORKERS_MAX; i++)
		free(r->workers[i]);
	free(r);
	return status;
}
