/* The control process's picture, over a real table file and real slabs: what
 * it folds, what it tells, and what it does not believe. */
#include "cagentd/control/ranking.h"

#include <fcntl.h>

#include "tests/unit/ranking_rig.h"

static void
first_table(void)
{
	const struct table_row *a;

	rig_open("[tier \"gold\"]\nrank = 1\nreserved-for = critical\n" ABC);
	a = published("a");
	CHECK_STR(a->host, "192.0.2.1");
	CHECK_INT(a->port, 1080);
	CHECK_INT(a->tier, 1);
	CHECK_INT(a->observed, TABLE_UNKNOWN);
	CHECK_STR(a->reason, "not used yet");
	CHECK_INT(a->why, TABLE_WHY_UNUSED);
	CHECK_INT(a->incarnation, 1);
	CHECK_INT(r->table->tiers_n, 2);
	CHECK_STR(r->table->tiers[0].name, "gold");
	CHECK_INT(r->table->tiers[0].reserved_for, 1u << CLASS_CRITICAL);
	CHECK_INT(rig_control.events.last_id, 0);
	rig_close();
}

static void
folds(void)
{
	struct slab_row *s;

	rig_open(ABC);
	works(0, "a", 2);
	works(1, "a", 3);
	s = rig_counts(0, "a");
	atomic_store(&s->in_flight, 4);
	slab_add(&s->bytes_up, 10);
	hist_add(&s->handshake, 20000);
	hist_add(&s->connect, 1000);
	s = rig_counts(1, "a");
	atomic_store(&s->in_flight, 1);
	slab_add(&s->bytes_down, 99);
	hist_add(&s->handshake, 40000);
	hist_add(&s->handshake, 40000);
	step();
	CHECK_INT(published("a")->attempts, 5);
	CHECK_INT(published("a")->successes, 5);
	CHECK_INT(published("a")->in_flight, 5);
	CHECK_INT(published("a")->bytes_up, 10);
	CHECK_INT(published("a")->bytes_down, 99);
	CHECK(published("a")->handshake_p50_us > 35000, "p50");
	CHECK(published("a")->connect_p50_us > 800, "connect");
	CHECK_INT(published("a")->observed, TABLE_UP);
	CHECK_INT(published("b")->observed, TABLE_UNKNOWN);
	CHECK_STR(last_event(0)->text, "up, was unknown: requests succeed");
	rig_close();
}

/* Nothing new: no publication for its own sake. */
static void
publishes_what_changed(void)
{
	uint64_t generation;

	rig_open(ABC);
	works(0, "a", 1);
	step();
	generation = r->table->generation;
	step();
	step();
	CHECK_INT(r->table->generation, generation);
	works(0, "a", 1);
	step();
	CHECK_INT(r->table->generation, generation + 1);
	rig_close();
}

static void
ejects(void)
{
	int64_t next;

	rig_open(ABC);
	works(0, "a", 1);
	step();
	fails(0, "a", 1);
	fails(1, "a", 2);
	next = ranking_step(r);
	CHECK_INT(published("a")->observed, TABLE_EJECTED);
	CHECK_INT(published("a")->tier, 0);
	CHECK_INT(published("a")->last_failure, REASON_HOP_REFUSED);
	CHECK_INT(last_event(1)->kind, EVENT_STATE);
	CHECK_STR(last_event(1)->text,
	    "ejected, was up: the intermediary refused the connection, 3 in a "
	    "row");
	CHECK_INT(last_event(0)->kind, EVENT_TIER);
	CHECK_INT(last_event(0)->why, TABLE_WHY_IN_ROW);
	CHECK(next > mono_us() && next <= mono_us() + RANK_EJECT_MIN_US,
	    "wants to be called in %lld us", (long long)(next - mono_us()));
	skew_us += RANK_EJECT_MIN_US;
	next = ranking_step(r);
	CHECK_INT(published("a")->observed, TABLE_HALF_OPEN);
	CHECK_INT(published("a")->tier, 0);
	CHECK_INT(published("a")->trials, RANK_TRIALS);
	CHECK(next == INT64_MAX, "wants to be called without need");
	rig_close();
}

/* Never all: of those who fail together, one stays. */
static void
last_one(void)
{
	uint32_t i, kept = 0;
	static const char *const names[] = {"a", "b", "c"};

	rig_open(ABC);
	for (i = 0; i < 3; i++)
		fails(0, names[i], 5);
	step();
	for (i = 0; i < 3; i++)
		kept += ranking_usable(published(names[i]));
	CHECK_INT(kept, 1);
	CHECK_INT(published("c")->observed, TABLE_SUSPECT);
	CHECK_STR(published("c")->reason,
	    "the intermediary refused the connection; kept as the last one "
	    "usable");
	/* As it fails, it is nobody to count on: the others are tried at
	 * once, and with nobody better all are used. */
	step();
	CHECK_INT(published("a")->observed, TABLE_HALF_OPEN);
	CHECK_STR(published("a")->reason, "no other is usable: 2 trials");
	for (i = 0; i < 3; i++)
		fails(0, names[i], 5);
	step();
	for (i = 0; i < 3; i++)
		CHECK_INT(published(names[i])->observed, TABLE_SUSPECT);
	/* Until one of them serves; with nothing moved twice in 10 s. */
	skew_us += RANK_GAP_US;
	slab_add(&rig_counts(0, "b")->successes, 1);
	step();
	fails(0, "a", 1);
	fails(0, "c", 1);
	step();
	CHECK_INT(published("a")->observed, TABLE_EJECTED);
	CHECK_INT(published("b")->observed, TABLE_UP);
	CHECK_INT(published("c")->observed, TABLE_EJECTED);
	/* Drained, it is no longer there to count on, either. */
	ranking_drain(r, "b", true, "test");
	step();
	CHECK_INT(published("a")->observed, TABLE_HALF_OPEN);
	CHECK_STR(published("a")->reason, "no other is usable: 2 trials");
	rig_close();
}

static void
orders(void)
{
	rig_open(ABC);
	CHECK_INT(ranking_drain(r, "nobody", true, "x"), -ENOENT);
	CHECK_INT(ranking_pin(r, "nobody", 1, "x"), -ENOENT);
	CHECK_INT(ranking_drain(r, "a", false, "x"), -EALREADY);
	CHECK_INT(ranking_pin(r, "a", 0, "x"), -EALREADY);
	CHECK_INT(rig_control.events.last_id, 0);
	CHECK_INT(ranking_drain(r, "a", true, "uid 7"), 0);
	CHECK_INT(published("a")->admin, TABLE_DRAIN);
	CHECK_STR(last_event(0)->text, "drained by uid 7");
	CHECK_INT(last_event(0)->why, TABLE_WHY_DRAINED);
	CHECK_INT(ranking_drain(r, "a", true, "uid 7"), -EALREADY);
	r->table->rows[0].since_us = 1;
	CHECK_INT(ranking_pin(r, "a", 9, "uid 7"), 0);
	CHECK_INT(published("a")->tier, 9);
	CHECK(published("a")->since_us > 1, "since an older tier");
	CHECK_STR(last_event(0)->text, "pinned to tier 9 by uid 7");
	CHECK_INT(last_event(0)->why, TABLE_WHY_PINNED);
	CHECK_INT(published("a")->why, TABLE_WHY_PINNED);
	CHECK_STR(published("a")->reason, "pinned to tier 9 by uid 7");
	CHECK_INT(ranking_pin(r, "a", 9, "uid 7"), -EALREADY);
	CHECK_INT(ranking_pin(r, "a", 0, "uid 7"), 0);
	CHECK_INT(published("a")->tier, 1);
	CHECK_STR(last_event(0)->text, "unpinned by uid 7");
	CHECK_INT(published("a")->why, TABLE_WHY_UNPINNED);
	rig_close();
}

/* Random bytes in the slabs, again and again: sums stay in bounds, and the
 * table stays one. */
static void
hostile_slabs(void)
{
	uint64_t seed = 1;
	uint8_t *bytes;
	size_t i, n;
	int round;

	rig_open(ABC);
	for (round = 0; round < 50; round++) {
		bytes = (uint8_t *)&rig_slabs[round % 2]->rows[0];
		n = 3 * sizeof(struct slab_row);
		for (i = 0; i < n; i++) {
			seed =
			    seed * 6364136223846793005u + 1442695040888963407u;
			bytes[i] = (uint8_t)(seed >> 56);
		}
		for (i = 0; i < 3; i++)
			atomic_store(
			    &rig_slabs[round % 2]->rows[i].incarnation, 1);
		skew_us += 1000;
		step();
		for (i = 0; i < 3; i++) {
			CHECK(r->table->rows[i].attempts <= 1ull << 49,
			    "attempts");
			CHECK(r->table->rows[i].in_flight <= 1u << 21,
			    "in flight");
			CHECK(
			    r->table->rows[i].last_failure_us <= mono_wall_us(),
			    "a failure to come");
			CHECK(r->table->rows[i].observed <= TABLE_SLOW_START,
			    "a state that is none");
		}
		CHECK(ranking_usable(published("a")) ||
			  ranking_usable(published("b")) ||
			  ranking_usable(published("c")),
		    "round %d: none left", round);
	}
	rig_close();
}

static void
no_slabs(void)
{
	int fd;

	rig_open(ABC);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK(ranking_slab(r, 0, fd) != 0, "/dev/null is a slab");
	CHECK(fcntl(fd, F_GETFD) == -1, "the fd is still open");
	CHECK(r->slabs[0] == NULL, "a slab in spite of it");
	step();
	works(1, "a", 1);
	step();
	CHECK_INT(published("a")->attempts, 1);
	rig_close();
}

static const struct unit_case cases[] = {
    {"the first table", first_table},
    {"folds the slabs", folds},
    {"publishes what changed", publishes_what_changed},
    {"ejects and takes back", ejects},
    {"the last one stays", last_one},
    {"orders", orders},
    {"hostile slabs", hostile_slabs},
    {"without a slab", no_slabs},
};

UNIT_MAIN("ranking", cases)
