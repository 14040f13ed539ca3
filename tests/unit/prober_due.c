/* When an intermediary is probed, with clock and lots passed in. */
#include "policyd/prober/prober_due.h"

#include "tests/unit/unit.h"

#define MS    1000ll
#define S     1000000ll
#define START (1000 * S)

static const struct prober_due_rules rules = {.interval_us = 10 * S,
    .fall = 3,
    .rise = 2};

static struct prober_due due;
static uint64_t seed;

static void
begin(void)
{
	seed = 1;
	prober_due_new(&due, START);
}

/* A probe that takes so long: when the next one is due, after its begin. */
static int64_t
probe(enum prober_says says, int64_t took_us)
{
	int64_t begun = due.at_us;

	prober_due_begin(&due, begun);
	CHECK(due.at_us == INT64_MAX, "due while it is under way");
	prober_due_end(&due, &rules, says, begun + took_us, &seed);
	return due.at_us - begun;
}

static bool
about(int64_t us, int64_t want_us)
{
	return us >= want_us - want_us / 20 && us <= want_us + want_us / 20;
}

#define ABOUT(us, want) about_at(us, want, __LINE__)

static void
about_at(int64_t us, int64_t want_us, int line)
{
	CHECK(
	    about(us, want_us), "line %d: %lld ms", line, (long long)us / 1000);
}

static void
each_interval(void)
{
	int64_t us, least = INT64_MAX, most = 0;
	int i;

	begin();
	CHECK_INT(due.at_us, START);
	for (i = 0; i < 1000; i++) {
		us = probe(PROBER_PASSED, 50 * MS);
		ABOUT(us, 10 * S);
		least = us < least ? us : least;
		most = us > most ? us : most;
	}
	CHECK(most - least > 900 * MS, "no jitter: %lld ms",
	    (long long)(most - least) / 1000);
}

/* A death is seen within three failures, two of which come soon. */
static void
failures_are_followed_up(void)
{
	begin();
	ABOUT(probe(PROBER_PASSED, 50 * MS), 10 * S);
	ABOUT(probe(PROBER_FAILED, 50 * MS), 2 * S);
	ABOUT(probe(PROBER_FAILED, 50 * MS), 2 * S);
	CHECK(!due.dead, "dead too soon");
	ABOUT(probe(PROBER_FAILED, 50 * MS), 10 * S);
	CHECK(due.dead, "not dead");
	ABOUT(probe(PROBER_FAILED, 50 * MS), 10 * S);
	ABOUT(probe(PROBER_PASSED, 50 * MS), 2 * S);
	ABOUT(probe(PROBER_FAILED, 50 * MS), 10 * S); /* not yet */
	ABOUT(probe(PROBER_PASSED, 50 * MS), 2 * S);
	ABOUT(probe(PROBER_PASSED, 50 * MS), 10 * S);
	CHECK(!due.dead, "still dead");
	ABOUT(probe(PROBER_FAILED, 50 * MS), 2 * S);
	ABOUT(probe(PROBER_PASSED, 50 * MS), 10 * S);
}

static void
the_targets_failures_are_not(void)
{
	int i;

	begin();
	for (i = 0; i < PROBER_DUE_UNSURE; i++)
		ABOUT(probe(PROBER_UNSURE, 50 * MS), 2 * S);
	for (i = 0; i < 10; i++)
		ABOUT(probe(PROBER_UNSURE, 50 * MS), 10 * S);
	CHECK(!due.dead && due.failed_row == 0, "held against it");
	ABOUT(probe(PROBER_FAILED, 50 * MS), 2 * S);
	ABOUT(probe(PROBER_UNSURE, 50 * MS), 2 * S);
	ABOUT(probe(PROBER_FAILED, 50 * MS), 2 * S);
	ABOUT(probe(PROBER_FAILED, 50 * MS), 10 * S);
	CHECK(due.dead, "not dead");
}

/* One that takes longer than the gap is not probed without a pause. */
static void
slow_ones_pause(void)
{
	const struct prober_due_rules quick = {
	    .interval_us = 100 * MS, .fall = 3, .rise = 2};

	begin();
	ABOUT(probe(PROBER_FAILED, 5 * S), 5 * S + PROBER_DUE_SOON_US);
	CHECK_INT(probe(PROBER_FAILED, 15 * S), 15 * S + PROBER_DUE_SOON_US);
	/* Never less often than the interval says. */
	prober_due_begin(&due, START);
	prober_due_end(&due, &quick, PROBER_PASSED, START + 1, &seed);
	ABOUT(due.at_us - START, 100 * MS);
	prober_due_begin(&due, START);
	prober_due_end(&due, &quick, PROBER_FAILED, START + 1, &seed);
	ABOUT(due.at_us - START, 100 * MS);
}

static const struct unit_case cases[] = {
    {"each interval", each_interval},
    {"failures are followed up", failures_are_followed_up},
    {"the target's failures are not", the_targets_failures_are_not},
    {"slow ones pause", slow_ones_pause},
};

UNIT_MAIN("prober_due", cases)
