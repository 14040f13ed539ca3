/* Lowered for slowness and back, and how often anything may change at all:
 * minutes of looks, with the clock passed in. */
#include "cagentd/decide/rank.h"

#include <string.h>

#include "tests/unit/unit.h"
#include "wire/wire.h"

#define MONO_US 5000000000ll
#define WALL_US 1700000000000000ll
#define S	1000000ll
#define MS	1000

struct one {
	struct table_row row;
	struct rank_state st;
	struct rank_seen seen;
	uint64_t seed;
	int64_t at_us;
	uint32_t others;
};

static struct one o;

static void
begin(void)
{
	memset(&o, 0, sizeof(o));
	o.row.tier_conf = 1;
	o.row.observed = TABLE_UP;
	o.others = 3;
	o.seen.lower = 2;
	o.seen.limit_us = 150 * MS;
	rank_settle(&o.row);
}

static bool
look(void)
{
	struct rank_now now = {.mono_us = MONO_US + o.at_us,
	    .wall_us = WALL_US + o.at_us,
	    .usable_others = o.others,
	    .seed = &o.seed};

	return rank_step(&o.row, &o.st, &o.seen, &now);
}

/* Looks each second; the second in which something changed, or -1. */
static int
change_within(int seconds, uint32_t p95_us)
{
	int i;

	o.seen.p95_us = p95_us;
	for (i = 0; i < seconds; i++) {
		if (look())
			return i;
		o.at_us += S;
	}
	return -1;
}

static void
lower_it(void)
{
	begin();
	CHECK_INT(change_within(100, 210 * MS), 30);
	CHECK_INT(o.row.tier, 2);
	CHECK_INT(o.row.tier_observed, 2);
	o.at_us += S;
}

static void
lowers_and_raises(void)
{
	lower_it();
	CHECK_STR(o.row.reason, "p95 210 ms, over 150 ms for 30 s; was tier 1");
	CHECK_INT(o.row.why, TABLE_WHY_SLOW);
	CHECK_INT(o.row.since_us, WALL_US + 30 * S);
	CHECK_INT(o.row.observed, TABLE_UP);
	CHECK_INT(change_within(1000, 210 * MS), -1);
	/* Under the limit, but not well under it. */
	CHECK_INT(change_within(1000, 121 * MS), -1);
	CHECK_INT(change_within(59, 100 * MS), -1);
	CHECK_INT(change_within(1, 130 * MS), -1);
	CHECK_INT(change_within(100, 100 * MS), 60);
	CHECK_INT(o.row.tier, 1);
	CHECK_INT(o.row.tier_observed, 0);
	CHECK_STR(o.row.reason, "p95 100 ms, under 120 ms for 60 s");
	CHECK_INT(o.row.why, TABLE_WHY_FAST_AGAIN);
}

static void
needs_evidence(void)
{
	begin();
	CHECK_INT(change_within(100, 150 * MS), -1); /* at the limit */
	CHECK_INT(change_within(30, 210 * MS), -1);
	CHECK_INT(change_within(1, 140 * MS), -1); /* one good second */
	CHECK_INT(change_within(30, 210 * MS), -1);
	CHECK_INT(change_within(1, 0), -1); /* too few to say */
	CHECK_INT(change_within(30, 210 * MS), -1);
	o.seen.limit_us = 0; /* no peers */
	CHECK_INT(change_within(100, 210 * MS), -1);
}

static void
spares(void)
{
	begin();
	o.others = 0; /* the last one */
	CHECK_INT(change_within(100, 210 * MS), -1);
	o.others = 1;
	o.seen.lower = 0; /* a reserved tier without a lesser one */
	CHECK_INT(change_within(100, 210 * MS), -1);
	o.seen.lower = 2;
	o.row.tier_pinned = 1;
	CHECK_INT(change_within(100, 210 * MS), -1);
	/* Pinned when it was lowered already. */
	lower_it();
	o.row.tier_pinned = 1;
	rank_settle(&o.row);
	CHECK_INT(o.row.tier, 1);
	CHECK_INT(change_within(1, 210 * MS), 0);
	CHECK_INT(o.row.tier_observed, 0);
}

/* Without requests to judge by: 60 s, 120 s, up to 600 s. */
static void
held_down(void)
{
	static const int want_s[] = {60, 120, 240, 480, 600, 600};
	size_t i;

	begin();
	for (i = 0; i < sizeof(want_s) / sizeof(*want_s); i++) {
		CHECK_INT(change_within(100, 210 * MS), 30);
		o.seen.p95_us = 0;
		look();
		CHECK_INT(
		    o.row.reconsider_us, WALL_US + o.at_us + want_s[i] * S);
		CHECK_INT(change_within(1000, 0), want_s[i]);
		CHECK_INT(o.row.tier, 1);
		CHECK_STR(o.row.reason,
		    "was slow; back on trial, as too few requests told");
	}
	/* Well for ten minutes: as if it had never been. */
	CHECK_INT(change_within(1300, 20 * MS), -1);
	CHECK_INT(change_within(100, 210 * MS), 30);
	CHECK_INT(change_within(1000, 0), 60);
}

/* An ejection does not make it fast, and a success does not either. */
static void
stays_lowered(void)
{
	lower_it();
	o.seen.charged = 3;
	look();
	CHECK_INT(o.row.tier, 2); /* which has just changed */
	o.at_us += 10 * S;
	look();
	CHECK_INT(o.row.observed, TABLE_EJECTED);
	CHECK_INT(o.row.tier, 0);
	o.seen.charged = 0;
	o.at_us += 11 * S;
	look();
	CHECK_INT(o.row.observed, TABLE_HALF_OPEN);
	o.seen.successes = 2;
	look();
	CHECK_INT(o.row.observed, TABLE_SLOW_START);
	CHECK_INT(o.row.tier, 2);
	/* The configuration moves it: all is forgotten. */
	o.row.tier_conf = 3;
	rank_rehome(&o.row, &o.st);
	CHECK_INT(o.row.tier, 3);
	CHECK_INT(o.row.tier_observed, 0);
}

static const struct {
	uint16_t conf, policy, pinned, observed, want;
} columns[] = {
    {1, 0, 0, 2, 2},
    {3, 0, 0, 2, 3},
    {1, 4, 0, 2, 4},
    {1, 2, 0, 4, 4},
    {1, 0, 1, 2, 1},
    {0, 0, 0, 2, 0},
};

static void
settles(void)
{
	struct table_row row;
	size_t i;

	for (i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
		row = (struct table_row){.tier_conf = columns[i].conf,
		    .tier_policy = columns[i].policy,
		    .tier_pinned = columns[i].pinned,
		    .tier_observed = columns[i].observed,
		    .observed = TABLE_UP};
		rank_settle(&row);
		CHECK(row.tier == columns[i].want, "row %zu: tier %u", i,
		    row.tier);
	}
}

static uint64_t
draw(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

#define MINUTES	 20
#define LOOKS_HZ 20
#define MOVES	 (MINUTES * 60 * LOOKS_HZ)

/*
 * One look of a primary that flaps: 50 requests a second while it serves, a
 * trial a look while it is half-open.  period_s 0: each request works with 10
 * percent; else the first tenth of each period does.
 */
static void
flap(int period_s, uint64_t *seed)
{
	uint32_t i, n = 0;
	bool works;

	if (o.row.tier != 0)
		n = 50 / LOOKS_HZ + 1;
	else if (o.row.observed == TABLE_HALF_OPEN)
		n = 1;
	o.seen.successes = o.seen.charged = 0;
	for (i = 0; i < n; i++) {
		works = period_s == 0
			    ? draw(seed) % 10 == 0
			    : o.at_us % (period_s * S) < period_s * S / 10;
		o.seen.successes += works;
		o.seen.charged += !works;
	}
}

/* Most changes within any minute; an ejection that goes on is none. */
static int
most_a_minute(int period_s, uint64_t seed)
{
	static int64_t at[MOVES];
	int moves = 0, first = 0, most = 0;
	uint8_t was;
	uint16_t tier;
	bool standing;

	begin();
	o.seed = seed;
	o.seen.last_failure = REASON_HOP_CLOSED;
	for (; o.at_us < MINUTES * 60 * S; o.at_us += S / LOOKS_HZ) {
		flap(period_s, &seed);
		was = o.row.observed;
		tier = o.row.tier;
		look();
		standing = (was == TABLE_EJECTED || was == TABLE_HALF_OPEN) &&
			   o.row.tier == 0;
		if (tier == o.row.tier && (was == o.row.observed || standing))
			continue;
		at[moves++] = o.at_us;
		while (o.at_us - at[first] >= 60 * S)
			first++;
		if (moves - first > most)
			most = moves - first;
	}
	CHECK(moves > 0, "it was never even ejected");
	return most;
}

static void
flaps_seldom(void)
{
	static const int periods_s[] = {0, 1, 3, 10, 30, 60, 200};
	uint64_t seed;
	size_t i;
	int most;

	for (i = 0; i < sizeof(periods_s) / sizeof(*periods_s); i++) {
		for (seed = 1; seed <= 20; seed++) {
			most = most_a_minute(periods_s[i], seed);
			CHECK(most <= 4, "period %d s, seed %d: %d a minute",
			    periods_s[i], (int)seed, most);
		}
	}
}

static const struct unit_case cases[] = {
    {"lowered and raised", lowers_and_raises},
    {"evidence", needs_evidence},
    {"who is spared", spares},
    {"held down", held_down},
    {"stays lowered", stays_lowered},
    {"the columns settle", settles},
    {"flaps seldom", flaps_seldom},
};

UNIT_MAIN("rank_slow", cases)
