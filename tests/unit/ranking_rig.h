#ifndef TESTS_UNIT_RANKING_RIG_H
#define TESTS_UNIT_RANKING_RIG_H

#include <time.h>

#include "base/mono.h"
#include "cagentd/control/ranking.h"
#include "tests/unit/ctl_rig.h"

/* The clock is ours. */
static int64_t skew_us;
static struct timespec stopped[2]; /* by clockid_t; zero: it runs */

static inline int64_t
clock_us(clockid_t id)
{
	struct timespec ts = stopped[id];

	if (ts.tv_sec == 0)
		clock_gettime(id, &ts);
	return ts.tv_sec * 1000000ll + ts.tv_nsec / 1000 + skew_us;
}

/* From now on only we move it. */
static inline void
clock_stop(void)
{
	clock_gettime(CLOCK_REALTIME, &stopped[CLOCK_REALTIME]);
	clock_gettime(CLOCK_MONOTONIC, &stopped[CLOCK_MONOTONIC]);
}

int64_t
mono_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

int64_t
mono_wall_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

#define ONE(name, address, tier)                                         \
	"[intermediary \"" name "\"]\ntype = socks5\naddress = " address \
	"\ntier = " tier "\n"
#define A   ONE("a", "192.0.2.1:1080", "1")
#define B   ONE("b", "192.0.2.2:1080", "1")
#define C   ONE("c", "192.0.2.3:1080", "2")
#define ABC RIG_HEAD A B C

static struct ranking *const r = &rig_control.ranking;

static inline void
step(void)
{
	ranking_step(r);
}

/* What workers and cagent-ctl see. */
static inline const struct table_row *
published(const char *name)
{
	static struct table t;
	struct table_reader *reader;
	const struct table_row *row;

	rig_ok(table_reader_open(&reader, rig_table_fd), "reader");
	CHECK_INT(table_read(reader, &t), 1);
	table_reader_close(reader);
	row = table_find(&t, name);
	if (row == NULL) {
		CHECK(0, "%s is not published", name);
		abort();
	}
	return row;
}

static inline void
works(int worker, const char *name, uint64_t n)
{
	struct slab_row *s = rig_counts(worker, name);

	slab_add(&s->attempts, n);
	slab_add(&s->successes, n);
	atomic_store(&s->last_ok_us, mono_wall_us());
}

static inline void
fails_by(int worker, const char *name, uint64_t n, enum wire_reason reason)
{
	struct slab_row *s = rig_counts(worker, name);

	slab_add(&s->attempts, n);
	slab_add(&s->charged, n);
	slab_add(&s->failures[reason], n);
	atomic_store(&s->last_failure, reason);
	atomic_store(&s->last_failure_us, mono_wall_us());
}

static inline void
fails(int worker, const char *name, uint64_t n)
{
	fails_by(worker, name, n, REASON_HOP_REFUSED);
}

static inline const struct event *
last_event(uint64_t back)
{
	const struct event *e =
	    events_get(&rig_control.events, rig_control.events.last_id - back);

	if (e == NULL) {
		CHECK(0, "no event %llu before the last",
		    (unsigned long long)back);
		abort();
	}
	return e;
}

#endif
