/* Flapping: minutes of requests to an intermediary that sometimes works, drawn
 * from fixed seeds; how often does its tier change? */
#include "cagentd/decide/rank.h"

#include <string.h>

#include "tests/unit/unit.h"
#include "wire/wire.h"

#define MONO_US	  5000000000ll
#define WALL_US	  1700000000000000ll
#define S	  1000000ll
#define STEP_US	  10000 /* 100 requests a second */
#define TRIAL_US  500000
#define CHANGES	  256
#define SEEDS	  40
#define MINUTE_US (60 * S)

struct run {
	struct table_row row;
	struct rank_state st;
	struct rank_now now;
	uint64_t seed;
	int64_t trial_us;
	int64_t changed_us[CHANGES];
	int changes;
};

static uint64_t
draw(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

static void
begin(struct run *r, uint64_t seed)
{
	memset(r, 0, sizeof(*r));
	r->row.tier_conf = 1;
	r->seed = seed;
	r->now = (struct rank_now){
	    .mono_us = MONO_US, .wall_us = WALL_US, .usable_others = 3};
	rank_settle(&r->row);
}

/* Does one of its requests come now?  On trial, a few. */
static bool
asked(struct run *r)
{
	if (r->row.observed != TABLE_HALF_OPEN)
		return r->row.tier != 0;
	if (r->now.mono_us < r->trial_us)
		return false;
	r->trial_us = r->now.mono_us + TRIAL_US;
	return true;
}

static void
step(struct run *r, unsigned int percent)
{
	struct rank_seen seen = {.last_failure = REASON_HOP_REFUSED};
	uint16_t tier = r->row.tier;

	if (asked(r) && draw(&r->seed) % 100 < percent)
		seen.successes = 1;
	else if (r->row.tier != 0 || r->now.mono_us < r->trial_us)
		seen.charged = r->row.tier != 0 ||
			       r->trial_us == r->now.mono_us + TRIAL_US;
	r->now.seed = &r->seed;
	rank_step(&r->row, &r->st, &seen, &r->now);
	if (r->row.tier != tier && r->changes < CHANGES)
		r->changed_us[r->changes++] = r->now.mono_us;
	r->now.mono_us += STEP_US;
	r->now.wall_us += STEP_US;
}

/* The most changes in any 10 s. */
static int
most(const struct run *r)
{
	int i, first = 0, n = 0;

	for (i = 0; i < r->changes; i++) {
		while (r->changed_us[i] - r->changed_us[first] >= 10 * S)
			first++;
		n = i - first + 1 > n ? i - first + 1 : n;
	}
	return n;
}

static void
flaps(unsigned int percent, int64_t span_us, int at_least)
{
	static struct run r;
	uint64_t seed;
	int total = 0;

	for (seed = 1; seed <= SEEDS; seed++) {
		begin(&r, seed);
		while (r.now.mono_us < MONO_US + span_us)
			step(&r, percent);
		CHECK(most(&r) <= 1, "%u %%, seed %llu: %d changes in 10 s",
		    percent, (unsigned long long)seed, most(&r));
		total += r.changes;
	}
	/* One that is never moved shows nothing. */
	CHECK(total >= at_least, "%u %%: %d changes in all", percent, total);
}

static void
one_in_ten(void)
{
	flaps(10, MINUTE_US, SEEDS);
}

/* Trials that succeed often bring it back to fail again. */
static void
other_shares(void)
{
	flaps(0, MINUTE_US, SEEDS);
	flaps(30, MINUTE_US, SEEDS);
	flaps(50, 2 * MINUTE_US, 2 * SEEDS);
	flaps(70, 2 * MINUTE_US, 2 * SEEDS);
	flaps(90, MINUTE_US, 0);
}

static const struct unit_case cases[] = {
    {"10 % of requests work", one_in_ten},
    {"other shares", other_shares},
};

UNIT_MAIN("rank_flap", cases)
