/* Where what was seen puts an intermediary: stories of looks, each with what
 * came since the last one and what must be so afterwards. */
#include "cagentd/decide/rank.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "wire/wire.h"

/* Some boot and some day. */
#define MONO_US 5000000000ll
#define WALL_US 1700000000000000ll
#define S	1000000ll

struct one {
	struct table_row row;
	struct rank_state st;
	uint64_t seed;
	int64_t at_us; /* since MONO_US and WALL_US */
	uint32_t others;
};

static void
fresh(struct one *o)
{
	memset(o, 0, sizeof(*o));
	o->row.tier_conf = 2;
	o->others = 1;
	rank_settle(&o->row);
}

static struct rank_now
now_of(struct one *o)
{
	return (struct rank_now){.mono_us = MONO_US + o->at_us,
	    .wall_us = WALL_US + o->at_us,
	    .usable_others = o->others,
	    .seed = &o->seed};
}

static bool
look(struct one *o, uint64_t ok, uint64_t bad)
{
	struct rank_seen seen = {.successes = ok,
	    .charged = bad,
	    .last_failure = REASON_HOP_REFUSED};
	struct rank_now now = now_of(o);

	return rank_step(&o->row, &o->st, &seen, &now);
}

#define UNK TABLE_UNKNOWN
#define UP  TABLE_UP
#define SUS TABLE_SUSPECT
#define EJ  TABLE_EJECTED
#define HO  TABLE_HALF_OPEN
#define SS  TABLE_SLOW_START

struct step {
	double after_s;
	uint32_t ok, bad;
	uint32_t others;
	enum table_observed want;
	bool changed;
	const char *reason; /* NULL: not looked at */
};

#define STEPS_MAX 12
#define END                                   \
	{                                     \
		-1, 0, 0, 0, UNK, false, NULL \
	}

static const struct {
	const char *name;
	struct step steps[STEPS_MAX]; /* up to END */
} stories[] = {
    {"a success makes it up", {{0, 1, 0, 1, UP, true, "requests succeed"},
				  {1, 9, 0, 1, UP, false, NULL}, END}},
    {"nothing seen, nothing changed",
	{{0, 0, 0, 1, UNK, false, NULL}, {100, 0, 0, 1, UNK, false, NULL},
	    END}},
    {"a failure makes it suspect, a success up again",
	{{0, 1, 0, 1, UP, true, NULL},
	    {1, 0, 1, 1, SUS, true, "the intermediary refused the connection"},
	    {9, 0, 0, 1, SUS, false, NULL}, {1, 1, 0, 1, UP, true, NULL}, END}},
    {"no second change within 10 s",
	{{0, 20, 0, 1, UP, true, NULL}, {1, 0, 1, 1, SUS, true, NULL},
	    {9.9, 20, 0, 1, SUS, false, NULL},
	    {0.1, 0, 0, 1, UP, true, "requests succeed"},
	    {9.9, 0, 1, 1, UP, false, NULL}, {0.1, 0, 1, 1, SUS, true, NULL},
	    {9.9, 20, 0, 1, SUS, false, NULL}, {0.1, 0, 1, 1, SUS, false, NULL},
	    {5, 0, 0, 1, SUS, false, NULL}, END}},
    {"a bad share waits for it",
	{{0, 7, 0, 1, UP, true, NULL}, {1, 1, 1, 1, SUS, true, NULL},
	    {9.9, 1, 2, 1, SUS, false, NULL},
	    {0.1, 1, 1, 1, EJ, true, "71 % of requests in 30 s succeeded"},
	    END}},
    {"a row of three does not",
	{{0, 7, 0, 1, UP, true, NULL}, {1, 0, 1, 1, SUS, true, NULL},
	    {0, 0, 2, 1, EJ, true, NULL}, END}},
    {"the return from trials waits, unless there is nobody else",
	{{0, 0, 3, 1, EJ, true, NULL}, {5.1, 0, 0, 1, HO, true, NULL},
	    {1, 2, 0, 1, HO, false, NULL}, {3.8, 1, 0, 1, HO, false, NULL},
	    {0.1, 0, 0, 1, SS, true, NULL}, {10, 0, 3, 1, EJ, true, NULL},
	    {1, 0, 0, 0, HO, true, NULL}, {0, 2, 0, 0, SS, true, NULL}, END}},
    {"one that is back stays for 10 s, unless there is nobody else",
	{{0, 0, 3, 1, EJ, true, NULL}, {5.1, 0, 0, 1, HO, true, NULL},
	    {5, 2, 0, 1, SS, true, NULL}, {1, 0, 9, 1, SS, false, NULL},
	    {8.9, 0, 9, 1, SS, false, NULL}, {0.1, 0, 1, 1, EJ, true, NULL},
	    {1, 0, 0, 0, HO, true, NULL}, {1, 0, 1, 0, SUS, true, NULL},
	    {1, 0, 1, 1, SUS, false, NULL}, {9, 0, 1, 1, EJ, true, NULL}, END}},
    {"two in a row are not three",
	{{0, 20, 0, 1, UP, true, NULL}, {1, 0, 2, 1, SUS, true, NULL},
	    {10, 20, 0, 1, UP, true, NULL}, {10, 0, 2, 1, SUS, true, NULL},
	    END}},
    {"three in a row eject, at one look",
	{{0, 0, 3, 1, EJ, true,
	     "the intermediary refused the connection, 3 in a row"},
	    END}},
    {"three in a row eject, one by one",
	{{0, 1, 0, 1, UP, true, NULL}, {1, 0, 1, 1, SUS, true, NULL},
	    {1, 0, 1, 1, SUS, false, NULL},
	    {1, 0, 1, 1, EJ, true,
		"the intermediary refused the connection, 3 in a row"},
	    END}},
    {"a success between breaks the row",
	{{0, 0, 2, 1, SUS, true, NULL}, {0, 20, 1, 1, SUS, false, NULL},
	    {0, 0, 2, 1, SUS, false, NULL}, END}},
    {"under 80 % of at least 5 ejects",
	{{0, 7, 0, 1, UP, true, NULL}, {1, 1, 1, 1, SUS, true, NULL},
	    {1, 1, 1, 1, SUS, false, NULL},
	    {9, 1, 1, 1, EJ, true, "76 % of requests in 30 s succeeded"}, END}},
    {"just 80 % does not", {{0, 4, 1, 1, SUS, true, NULL}, END}},
    {"4 requests say nothing", {{0, 2, 2, 1, SUS, true, NULL}, END}},
    {"5 do", {{0, 3, 2, 1, EJ, true, NULL}, END}},
    {"what is 30 s old is forgotten",
	{{0, 3, 1, 1, SUS, true, NULL}, {30, 3, 1, 1, SUS, false, NULL},
	    {29, 3, 2, 1, EJ, true, NULL}, END}},
    {"and is forgotten in small steps, too",
	{{0, 3, 1, 1, SUS, true, NULL}, {10, 0, 0, 1, SUS, false, NULL},
	    {10, 0, 0, 1, SUS, false, NULL}, {10, 4, 1, 1, SUS, false, NULL},
	    END}},
    {"successes do not trip, however bad the share",
	{{0, 0, 3, 0, SUS, true, NULL}, {10, 2, 0, 1, UP, true, NULL}, END}},
    {"it comes back by trials and a slow start",
	{{0, 0, 3, 1, EJ, true, NULL}, {2.4, 0, 0, 1, EJ, false, NULL},
	    {2.7, 0, 0, 1, HO, true, "its ejection is over: 2 trials"},
	    {10, 0, 0, 1, HO, false, NULL}, {1, 1, 0, 1, HO, false, NULL},
	    {1, 1, 0, 1, SS, true, "2 trials in a row succeeded"},
	    {29.9, 5, 0, 1, SS, false, NULL},
	    {0.1, 5, 0, 1, UP, true, "served well through its slow start"},
	    END}},
    {"a trial that fails ejects again",
	{{0, 0, 3, 1, EJ, true, NULL}, {5.1, 0, 0, 1, HO, true, NULL},
	    {1, 1, 0, 1, HO, false, NULL},
	    {1, 0, 1, 1, EJ, true,
		"the intermediary refused the connection, on trial"},
	    END}},
    {"trials before an ejection do not count after it",
	{{0, 0, 3, 1, EJ, true, NULL}, {5.1, 0, 0, 1, HO, true, NULL},
	    {1, 1, 0, 1, HO, false, NULL}, {1, 0, 1, 1, EJ, true, NULL},
	    {10.1, 0, 0, 1, HO, true, NULL}, {1, 1, 0, 1, HO, false, NULL},
	    {1, 1, 0, 1, SS, true, NULL}, END}},
    {"both at one look eject, too",
	{{0, 0, 3, 1, EJ, true, NULL}, {5.1, 0, 0, 1, HO, true, NULL},
	    {1, 2, 1, 1, EJ, true, NULL}, END}},
    {"late failures do not prolong an ejection",
	{{0, 0, 3, 1, EJ, true, NULL}, {1, 0, 9, 1, EJ, false, NULL},
	    {4.1, 0, 9, 1, HO, true, NULL}, END}},
    {"one failure in a slow start is borne",
	{{0, 0, 3, 1, EJ, true, NULL}, {5.1, 0, 0, 1, HO, true, NULL},
	    {5, 2, 0, 1, SS, true, NULL}, {1, 4, 1, 1, SS, false, NULL},
	    {9, 0, 3, 1, EJ, true, NULL}, END}},
    {"the past is paid for after the trials",
	{{0, 0, 4, 1, EJ, true, NULL}, {5.1, 0, 0, 1, HO, true, NULL},
	    {5, 2, 0, 1, SS, true, NULL}, {1, 10, 1, 1, SS, false, NULL}, END}},
    {"the last one is kept, and says so",
	{{0, 0, 3, 0, SUS, true,
	     "the intermediary refused the connection; kept as the last one "
	     "usable"},
	    {1, 0, 3, 0, SUS, false, NULL}, END}},
    {"the last one says so, too, when it was suspect before",
	{{0, 1, 0, 0, UP, true, NULL},
	    {1, 0, 1, 0, SUS, true, "the intermediary refused the connection"},
	    {1, 0, 2, 0, SUS, true,
		"the intermediary refused the connection; kept as the last one "
		"usable"},
	    {9, 1, 0, 0, UP, true, "requests succeed"}, END}},
    {"the last one goes when it is the last no more",
	{{0, 0, 3, 0, SUS, true, NULL}, {1, 0, 1, 1, EJ, true, NULL}, END}},
    {"the last one on trial is kept",
	{{0, 0, 3, 1, EJ, true, NULL}, {5.1, 0, 0, 0, HO, true, NULL},
	    {1, 0, 1, 0, SUS, true, NULL}, END}},
    {"an ejection ends at once when nobody else is left",
	{{0, 0, 3, 1, EJ, true, NULL},
	    {0.1, 0, 0, 0, HO, true, "no other is usable: 2 trials"}, END}},
};

/* Each reason has its code; the first that fits counts. */
static const struct {
	const char *part;
	enum table_why why;
} codes[] = {
    {"kept as the last one usable", TABLE_WHY_LAST_USABLE},
    {"on trial", TABLE_WHY_TRIAL_FAILED},
    {"in a row succeeded", TABLE_WHY_TRIALS_PASSED},
    {"in a row", TABLE_WHY_IN_ROW},
    {"% of requests", TABLE_WHY_LOW_SUCCESS},
    {"its ejection is over", TABLE_WHY_EJECTION_OVER},
    {"no other is usable", TABLE_WHY_ONLY_CHOICE},
    {"slow start", TABLE_WHY_SLOW_START_OVER},
    {"requests succeed", TABLE_WHY_SUCCEEDS},
    {"the intermediary refused", TABLE_WHY_FAILED},
};

static const char *
code_of(const char *reason)
{
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		if (strstr(reason, codes[i].part) != NULL)
			return table_why_word(codes[i].why);
	}
	return table_why_word(TABLE_WHY_NONE);
}

static void
run_story(const char *name, const struct step *steps)
{
	struct one o;
	bool changed, out;
	int i;

	fresh(&o);
	for (i = 0; steps[i].after_s >= 0; i++) {
		o.at_us += (int64_t)(steps[i].after_s * 1e6);
		o.others = steps[i].others;
		changed = look(&o, steps[i].ok, steps[i].bad);
		CHECK(o.row.observed == steps[i].want,
		    "%s, step %d: %s, not %s", name, i,
		    table_observed_word((enum table_observed)o.row.observed),
		    table_observed_word(steps[i].want));
		CHECK(changed == steps[i].changed, "%s, step %d: changed is %d",
		    name, i, changed);
		CHECK(steps[i].reason == NULL ||
			  strcmp(steps[i].reason, o.row.reason) == 0,
		    "%s, step %d: \"%s\"", name, i, o.row.reason);
		CHECK(strcmp(table_why_word((enum table_why)o.row.why),
			  code_of(o.row.reason)) == 0,
		    "%s, step %d: \"%s\" has the code %s", name, i,
		    o.row.reason, table_why_word((enum table_why)o.row.why));
		out = o.row.observed == EJ || o.row.observed == HO;
		CHECK(o.row.tier == (out ? 0 : 2), "%s, step %d: tier %u", name,
		    i, o.row.tier);
		CHECK((o.row.trials != 0) == (o.row.observed == HO),
		    "%s, step %d: %u trials", name, i, o.row.trials);
	}
}

static void
all_stories(void)
{
	size_t i;

	for (i = 0; i < sizeof(stories) / sizeof(*stories); i++)
		run_story(stories[i].name, stories[i].steps);
}

/* Each ejection is twice as long, half of it drawn, up to 300 s; and the
 * times that are told are those that are kept. */
static void
back_off(void)
{
	int64_t us, full = RANK_EJECT_MIN_US, least = INT64_MAX, most = 0;
	struct one o;
	int i;

	fresh(&o);
	for (i = 1; i <= 12; i++) {
		look(&o, 0, 3);
		CHECK_INT(o.row.observed, EJ);
		CHECK_INT(o.row.ejections, i);
		us = o.row.reconsider_us - (WALL_US + o.at_us);
		CHECK(us >= full / 2 && us <= full, "%d: %lld us", i,
		    (long long)us);
		CHECK_INT(rank_wake_us(&o.row, &o.st), MONO_US + o.at_us + us);
		o.at_us += us - 1;
		CHECK(!look(&o, 0, 0), "%d: over too early", i);
		o.at_us++;
		CHECK(look(&o, 0, 0), "%d: not over", i);
		CHECK_INT(o.row.observed, HO);
		CHECK_INT(rank_wake_us(&o.row, &o.st), INT64_MAX);
		CHECK_INT(o.row.reconsider_us, 0);
		full =
		    full * 2 < RANK_EJECT_MAX_US ? full * 2 : RANK_EJECT_MAX_US;
	}
	/* The draw uses its range. */
	for (i = 0; i < 200; i++) {
		fresh(&o);
		o.seed = (uint64_t)i * 7919;
		look(&o, 0, 3);
		us = o.row.reconsider_us - WALL_US;
		least = us < least ? us : least;
		most = us > most ? us : most;
	}
	CHECK(least < 2600000 && most > 4900000, "%lld to %lld us",
	    (long long)least, (long long)most);
}

static void
forgets(void)
{
	struct one o;

	fresh(&o);
	look(&o, 0, 3);
	o.at_us += RANK_EJECT_MIN_US;
	look(&o, 0, 0);
	o.at_us += RANK_GAP_US;
	look(&o, 2, 0);
	CHECK_INT(o.row.observed, SS);
	CHECK_INT(o.row.reconsider_us, WALL_US + o.at_us + RANK_SLOW_START_US);
	CHECK_INT(rank_wake_us(&o.row, &o.st),
	    MONO_US + o.at_us + RANK_SLOW_START_US);
	o.at_us += RANK_SLOW_START_US;
	look(&o, 1, 0);
	CHECK_INT(o.row.observed, UP);
	CHECK_INT(o.row.ejections, 1);
	o.at_us += RANK_FORGET_US;
	look(&o, 1, 0);
	CHECK_INT(o.row.ejections, 1);
	o.at_us += 1;
	look(&o, 1, 0);
	CHECK_INT(o.row.ejections, 0);
}

/* "Since" is when state or tier changed, not when somebody looked. */
static void
since(void)
{
	struct one o;

	fresh(&o);
	look(&o, 1, 0);
	CHECK_INT(o.row.since_us, WALL_US);
	o.at_us += 7 * S;
	look(&o, 1, 0);
	CHECK_INT(o.row.since_us, WALL_US);
	look(&o, 0, 1);
	CHECK_INT(o.row.since_us, WALL_US + 7 * S);
	CHECK_INT(rank_wake_us(&o.row, &o.st), INT64_MAX);
	o.others = 0;
	o.at_us += S;
	look(&o, 0, 3); /* suspect before and after */
	CHECK_INT(o.row.since_us, WALL_US + 7 * S);
}

/* A worker's numbers may be anything. */
static void
absurd_counts(void)
{
	struct one o;
	int i;

	fresh(&o);
	for (i = 0; i < 300; i++)
		look(&o, UINT64_MAX, 0);
	CHECK_INT(o.row.observed, UP);
	o.others = 0;
	for (i = 0; i < 1000; i++) {
		look(&o, 0, UINT64_MAX);
		CHECK(o.row.observed == SUS && o.st.row >= RANK_ROW,
		    "look %d: %s, row %u", i, o.row.reason, o.st.row);
	}
	/* 2^32 of them are not none. */
	fresh(&o);
	look(&o, 0, 1ull << 32);
	CHECK_INT(o.row.observed, EJ);
}

static void
unknown_reasons(void)
{
	static const uint32_t reasons[] = {
	    REASON_OK, REASON_COUNT, SIZE_MAX & UINT32_MAX};
	struct rank_seen seen = {.charged = 3};
	struct rank_now now;
	struct one o;
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		fresh(&o);
		now = now_of(&o);
		seen.last_failure = reasons[i];
		rank_step(&o.row, &o.st, &seen, &now);
		CHECK_STR(o.row.reason, "requests fail, 3 in a row");
	}
}

static const struct {
	uint16_t conf, policy, pinned;
	enum table_observed observed;
	uint16_t want;
} columns[] = {
    {1, 0, 0, UP, 1},
    {1, 2, 0, UP, 2},
    {1, 2, 3, UP, 3},
    {1, 0, 3, SUS, 3},
    {1, 0, 3, HO, 0},
    {1, 2, 3, EJ, 0},
    {1, 0, 0, EJ, 0},
    {0, 0, 0, UP, 0},
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
		    .observed = (uint8_t)columns[i].observed};
		rank_settle(&row);
		CHECK(row.tier == columns[i].want, "row %zu: tier %u", i,
		    row.tier);
	}
}

/* A table that an earlier control process left, read at another time. */
static const struct {
	const char *name;
	uint8_t observed;
	int64_t reconsider_us; /* after now */
	uint8_t want;
	int64_t left_us;
} resumed[] = {
    {"an ejection goes on", EJ, 20 * S, EJ, 20 * S},
    {"one that is over", EJ, -1, EJ, 0},
    {"the clock was set back a year", EJ, 365 * 86400 * S, EJ,
	RANK_EJECT_MAX_US},
    {"no time at all", EJ, INT64_MIN / 2, EJ, 0},
    {"the end of time", EJ, INT64_MAX - WALL_US, EJ, RANK_EJECT_MAX_US},
    {"a slow start goes on", SS, 20 * S, SS, 20 * S},
    {"a slow start is never long", SS, 299 * S, SS, RANK_SLOW_START_US},
    {"no state", 99, 0, UNK, 0},
    {"up", UP, 0, UP, 0},
};

static void
resumes(void)
{
	struct one o;
	struct rank_now now;
	size_t i;

	for (i = 0; i < sizeof(resumed) / sizeof(*resumed); i++) {
		fresh(&o);
		memset(&o.st, 0x5a, sizeof(o.st));
		o.row.observed = resumed[i].observed;
		o.row.reconsider_us = WALL_US + resumed[i].reconsider_us;
		now = now_of(&o);
		rank_resume(&o.row, &o.st, &now);
		CHECK(o.row.observed == resumed[i].want, "%s: state %u",
		    resumed[i].name, o.row.observed);
		CHECK(o.row.tier == (resumed[i].want == EJ ? 0 : 2),
		    "%s: tier %u", resumed[i].name, o.row.tier);
		if (o.row.observed != EJ && o.row.observed != SS)
			continue;
		CHECK(o.st.until_us == MONO_US + resumed[i].left_us,
		    "%s: %lld us left", resumed[i].name,
		    (long long)(o.st.until_us - MONO_US));
		CHECK(o.row.reconsider_us == WALL_US + resumed[i].left_us,
		    "%s: tells another time", resumed[i].name);
	}
	/* Its window starts empty: one failure is one failure. */
	fresh(&o);
	o.row.observed = UP;
	now = now_of(&o);
	rank_resume(&o.row, &o.st, &now);
	o.row.ejections = 4;
	look(&o, 1, 0);
	CHECK_INT(o.row.ejections, 4); /* it has not been well for long */
	look(&o, 0, 1);
	CHECK_INT(o.row.observed, SUS);
}

/* However the clock jumps, a window never counts what is old. */
static void
jumps(void)
{
	static const int64_t gaps_s[] = {30, 31, 59, 60, 61, 3600, 1000000};
	struct one o;
	size_t i;

	for (i = 0; i < sizeof(gaps_s) / sizeof(*gaps_s); i++) {
		fresh(&o);
		look(&o, 3, 1);
		o.at_us += gaps_s[i] * S;
		look(&o, 4, 1);
		CHECK(o.row.observed == SUS, "%lld s: %s", (long long)gaps_s[i],
		    o.row.reason);
	}
	/* And 29 s is not old, second by second. */
	fresh(&o);
	look(&o, 3, 1);
	for (i = 0; i < 29; i++) {
		o.at_us += S;
		look(&o, 0, 0);
	}
	look(&o, 4, 1);
	CHECK_INT(o.row.observed, EJ);
}

static const struct unit_case cases[] = {
    {"stories", all_stories},
    {"back-off", back_off},
    {"ejections are forgotten", forgets},
    {"since", since},
    {"absurd counts", absurd_counts},
    {"reasons that are none", unknown_reasons},
    {"the columns settle", settles},
    {"resumes", resumes},
    {"the clock jumps", jumps},
};

UNIT_MAIN("rank", cases)
