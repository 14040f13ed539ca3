/* What a control process goes on with that takes up another's table: the same
 * row, kept and resumed at some later time and on other clocks. */
#include "cagentd/decide/rank.h"

#include <string.h>

#include "tests/unit/unit.h"
#include "wire/wire.h"

#define MONO_US 5000000000ll
#define WALL_US 1700000000000000ll
#define S	1000000ll
#define YEAR	(365 * 86400 * S)

struct one {
	struct table_row row;
	struct rank_state st;
	struct rank_seen seen;
	struct rank_now now;
	uint64_t seed;
};

static struct one o;

static void
begin(void)
{
	memset(&o, 0, sizeof(o));
	o.row.tier_conf = 1;
	o.now = (struct rank_now){.mono_us = MONO_US,
	    .wall_us = WALL_US,
	    .usable_others = 3,
	    .seed = &o.seed};
	rank_settle(&o.row);
}

static bool
look(int64_t after_us, uint64_t ok, uint64_t bad)
{
	o.now.mono_us += after_us;
	o.now.wall_us += after_us;
	o.seen.successes = ok;
	o.seen.charged = bad;
	o.seen.last_failure = REASON_HOP_REFUSED;
	return rank_step(&o.row, &o.st, &o.seen, &o.now);
}

/* Another process, after so long by the wall clock, on a machine that has
 * been up for so long. */
static void
restart(int64_t after_us, int64_t up_us)
{
	memset(&o.st, 0x5a, sizeof(o.st));
	o.now.wall_us += after_us;
	o.now.mono_us = up_us;
	rank_resume(&o.row, &o.st, &o.now);
}

/* Looks each 100 ms until something changes: after how long, or -1. */
static int64_t
change_after(int64_t most_us, uint64_t ok, uint64_t bad)
{
	int64_t us;

	for (us = 0; us <= most_us; us += S / 10) {
		if (look(us == 0 ? 0 : S / 10, ok, bad))
			return us;
	}
	return -1;
}

static void
slow_one(void)
{
	int i;

	begin();
	o.row.observed = TABLE_UP;
	o.seen.lower = 2;
	o.seen.limit_us = 100000;
	o.seen.p95_us = 200000;
	for (i = 0; i < 100 && o.row.tier_observed == 0; i++)
		look(S, 1, 0);
	CHECK_INT(o.row.tier, 2);
	o.seen.p95_us = 0;
	look(S, 0, 0);
}

static void
lowered(void)
{
	int64_t reconsider_us;

	slow_one();
	reconsider_us = o.row.reconsider_us;
	CHECK_INT(reconsider_us, o.now.wall_us + 59 * S);
	restart(20 * S, 77 * S);
	look(0, 0, 0);
	CHECK_INT(o.row.tier, 2);
	CHECK_INT(o.row.reconsider_us, reconsider_us);
	CHECK_INT(change_after(100 * S, 0, 0), 39 * S);
	CHECK_INT(o.row.tier, 1);
	CHECK_INT(o.row.why, TABLE_WHY_SLOW_RETRY);
	/* The next time is the second one, whoever counts. */
	restart(0, 500 * S);
	CHECK_INT(o.st.lowerings, 1);
	o.row.tier_observed = 2;
	o.row.lowerings = UINT32_MAX;
	o.row.lowered_until_us = o.now.wall_us + YEAR;
	restart(0, 500 * S);
	CHECK(o.st.lowerings < 1000, "%u lowerings", o.st.lowerings);
	CHECK_INT(o.st.lowered_until_us, o.now.mono_us + RANK_LOWERED_MAX_US);
	o.row.lowered_until_us = INT64_MIN;
	restart(0, 500 * S);
	CHECK_INT(o.st.lowered_until_us, o.now.mono_us);
}

/* The gap holds across the restart, whatever has become of the clocks. */
static const struct {
	const char *name;
	int64_t after_us, want_us;
} gaps[] = {
    {"at once", 0, 10 * S},
    {"after 3 s", 3 * S, 7 * S},
    {"after the gap", 10 * S, 0},
    {"much later", YEAR, 0},
    {"the clock was set back", -YEAR, 10 * S},
    {"the clock was set back a little", -S, 10 * S},
};

static void
gap(void)
{
	static const int64_t ups_us[] = {S, 5 * S, 100 * S, MONO_US};
	int64_t us;
	size_t i, k;

	for (i = 0; i < sizeof(gaps) / sizeof(*gaps); i++) {
		for (k = 0; k < sizeof(ups_us) / sizeof(*ups_us); k++) {
			begin();
			look(0, 1, 0);
			look(S, 0, 1);
			CHECK_INT(o.row.observed, TABLE_SUSPECT);
			restart(gaps[i].after_us, ups_us[k]);
			us = change_after(100 * S, 1, 0);
			CHECK(
			    us == gaps[i].want_us && o.row.observed == TABLE_UP,
			    "%s, up %lld s: %s after %lld us", gaps[i].name,
			    (long long)(ups_us[k] / S),
			    table_observed_word(
				(enum table_observed)o.row.observed),
			    (long long)us);
		}
	}
}

/* And so does the one between changes of tier. */
static void
tier_gap(void)
{
	begin();
	look(0, 0, 3);
	CHECK_INT(o.row.observed, TABLE_EJECTED);
	look(5 * S, 0, 0);
	look(5 * S, 2, 0);
	CHECK_INT(o.row.observed, TABLE_SLOW_START);
	CHECK_INT(o.row.tier, 1);
	restart(2 * S, 9 * S);
	CHECK_INT(change_after(100 * S, 0, 1), 8 * S);
	CHECK_INT(o.row.tier, 0);
}

static void
in_a_row(void)
{
	begin();
	look(0, 1, 0);
	look(S, 0, 2);
	CHECK_INT(o.row.observed, TABLE_SUSPECT);
	restart(S, MONO_US);
	look(S, 0, 1);
	CHECK_INT(o.row.observed, TABLE_EJECTED);
	CHECK_STR(o.row.reason,
	    "the intermediary refused the connection, 3 in a row");
	/* A success in between ends it. */
	begin();
	look(0, 1, 0);
	look(S, 0, 2);
	restart(S, MONO_US);
	look(S, 1, 0);
	look(S, 0, 2);
	CHECK_INT(o.row.observed, TABLE_SUSPECT);
	o.row.failures_row = UINT32_MAX;
	restart(S, MONO_US);
	CHECK(o.st.row < 1000, "%u in a row", o.st.row);
}

static void
timed(void)
{
	int64_t until_us;

	begin();
	look(0, 0, 3);
	until_us = o.row.reconsider_us;
	restart(S, 9 * S);
	CHECK_INT(o.row.observed, TABLE_EJECTED);
	CHECK_INT(o.row.reconsider_us, until_us);
	CHECK_INT(o.now.wall_us + o.st.until_us - o.now.mono_us, until_us);
	look(5 * S, 0, 0);
	CHECK_INT(o.row.observed, TABLE_HALF_OPEN);
	restart(S, 9 * S);
	CHECK_INT(o.row.observed, TABLE_HALF_OPEN);
	CHECK_INT(o.row.trials, RANK_TRIALS);
	look(5 * S, 2, 0);
	CHECK_INT(o.row.observed, TABLE_SLOW_START);
	until_us = o.row.reconsider_us;
	restart(12 * S, 9 * S);
	CHECK_INT(o.row.observed, TABLE_SLOW_START);
	CHECK_INT(o.row.reconsider_us, until_us);
	CHECK_INT(rank_wake_us(&o.row, &o.st) - o.now.mono_us, 18 * S);
}

/* Well for ten minutes is well for ten minutes, restarts or not. */
static void
well(void)
{
	begin();
	look(0, 1, 0);
	o.row.ejections = 3;
	restart(RANK_FORGET_US / 2, MONO_US);
	look(RANK_FORGET_US / 2, 1, 0);
	CHECK_INT(o.row.ejections, 3);
	look(1, 1, 0);
	CHECK_INT(o.row.ejections, 0);
	/* Of a time that is none it is not known. */
	o.row.ejections = 3;
	o.row.well_since_us = INT64_MIN;
	restart(0, MONO_US);
	look(RANK_FORGET_US, 1, 0);
	CHECK_INT(o.row.ejections, 3);
}

static void
rehomed(void)
{
	slow_one();
	CHECK(o.row.reconsider_us != 0, "no time");
	rank_rehome(&o.row, &o.st);
	CHECK_INT(o.row.reconsider_us, 0);
	restart(0, MONO_US);
	CHECK_INT(o.st.lowerings, 0);
	CHECK_INT(o.row.tier, 1);
	slow_one();
	rank_forget(&o.row, &o.st, &o.now);
	CHECK_INT(o.row.lowered_until_us, 0);
	CHECK_INT(o.row.moved_us, 0);
	CHECK_INT(o.row.why, TABLE_WHY_FORGOTTEN);
	CHECK(look(0, 1, 0), "nothing may move it");
}

static const struct unit_case cases[] = {
    {"lowered for slowness", lowered},
    {"the gap between changes", gap},
    {"the gap between changes of tier", tier_gap},
    {"failures in a row", in_a_row},
    {"ejected, half-open, slow start", timed},
    {"well for long", well},
    {"forgotten on purpose", rehomed},
};

UNIT_MAIN("rank_resume", cases)
