/* Them or us: stories of looks at four intermediaries, each with what came
 * since the last one and what is to be believed of it. */
#include "cagentd/decide/uplink.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define MONO_US	   5000000000ll
#define ATTEMPT_US 3000000
#define ROWS	   4

static struct uplink u;
static struct table t;
static struct uplink_news news[ROWS];
static int64_t at_us;

static void
begin(void)
{
	uint32_t i;

	memset(&u, 0, sizeof(u));
	memset(&t, 0, sizeof(t));
	t.rows_n = ROWS;
	for (i = 0; i < ROWS; i++)
		t.rows[i] = (struct table_row){.slot = 7 * i,
		    .incarnation = 1,
		    .observed = TABLE_UP,
		    .tier = 1};
	at_us = 0;
}

/*
 * What came of a row, a letter each and how often: k success; charged: t timed
 * out, u unreachable, s silent, r refused; not charged: T, U, f (the
 * destination's).
 */
static void
add(struct uplink_news *n, const char *what)
{
	uint64_t times;
	char kind;

	while (*what != '\0') {
		kind = *what++;
		times = *what >= '0' && *what <= '9' ? (uint64_t)(*what++ - '0')
						     : 1;
		n->successes += kind == 'k' ? times : 0;
		n->failures += kind != 'k' ? times : 0;
		n->charged += strchr("tusr", kind) != NULL ? times : 0;
		n->timeouts += kind == 't' || kind == 'T' ? times : 0;
		n->unreachable += kind == 'u' || kind == 'U' ? times : 0;
		n->silences += kind == 's' ? times : 0;
	}
}

static enum uplink_turn
look(int64_t after_us, const char *const what[ROWS])
{
	uint32_t i;

	at_us += after_us;
	memset(news, 0, sizeof(news));
	for (i = 0; i < ROWS; i++) {
		add(&news[i], what[i] != NULL ? what[i] : "");
		news[i].ok_us = MONO_US + at_us;
		news[i].took_us = ATTEMPT_US;
	}
	return uplink_look(&u, &t, news, MONO_US + at_us);
}

#define SAME UPLINK_SAME
#define DOWN UPLINK_DOWN
#define UP   UPLINK_UP

struct step {
	double after_s;
	const char *what[ROWS];
	enum uplink_turn want;
	uint64_t believed[ROWS];
};

#define STEPS_MAX 20
#define END                       \
	{                         \
		-1, {NULL}, SAME, \
		{                 \
			0         \
		}                 \
	}
#define QUIET(s)                 \
	{                        \
		s, {NULL}, SAME, \
		{                \
			0        \
		}                \
	}
#define WORKS                                     \
	{                                         \
		0.25, {"k", "k", "k", "k"}, SAME, \
		{                                 \
			0                         \
		}                                 \
	}
#define ONLY_D                                 \
	{                                      \
		0.25, {"", "", "", "k"}, SAME, \
		{                              \
			0                      \
		}                              \
	}

static const struct {
	const char *name;
	struct step steps[STEPS_MAX];
} stories[] = {
    {"silence of all of them is ours, and so is what it leaves behind",
	{WORKS, WORKS, QUIET(1), QUIET(1), {1, {"t", "", "", ""}, SAME, {0}},
	    {0.005, {"t2", "t3", "t", "t4"}, DOWN, {0}},
	    {1, {"t9", "t9", "t9", "t9"}, SAME, {0}},
	    {1, {"", "k", "", ""}, UP, {0}},
	    {0.25, {"t3", "k", "t3", "t3"}, SAME, {0}},
	    {1, {"t", "k", "t", "t"}, SAME, {0}}, WORKS, END}},
    {"what it leaves behind at once in all of them does not say it again",
	{WORKS, {0.25, {"t2", "t3", "t", "t4"}, DOWN, {0}},
	    {9, {"k", "", "", ""}, UP, {0}},
	    {0.01, {"t5", "t5", "t5", "t5"}, SAME, {0}},
	    {2.9, {"t5", "t5", "t5", "t5"}, SAME, {0}},
	    {1.2, {"t5", "t5", "t5", "t5"}, DOWN, {0}}, END}},
    {"no route to any of them",
	{WORKS, {0.25, {"U5", "U5", "U5", "U5"}, DOWN, {0}},
	    {1, {"U5", "U5", "U5", "U5"}, SAME, {0}}, QUIET(5),
	    {0.25, {"ku3", "u3", "u3", "u3"}, UP, {0}},
	    {0.25, {"k", "u", "u", "u"}, SAME, {0}}, WORKS, END}},
    {"three dead and the fourth fine, at the first look",
	{WORKS, ONLY_D, ONLY_D, ONLY_D, ONLY_D, ONLY_D, ONLY_D, ONLY_D, ONLY_D,
	    ONLY_D, ONLY_D, ONLY_D, ONLY_D,
	    {0.01, {"t3", "t4", "t5", ""}, SAME, {3, 4, 5, 0}},
	    {0.005, {"t", "t", "t", ""}, SAME, {1, 1, 1, 0}}, END}},
    {"one dead with little traffic, one by one",
	{{0, {"k", "", "", ""}, SAME, {0}}, QUIET(60),
	    {3, {"t", "", "", ""}, SAME, {0}},
	    {0.25, {"", "k", "", ""}, SAME, {1}}, QUIET(60),
	    {3, {"t", "", "", ""}, SAME, {0}},
	    {0.25, {"", "k", "", ""}, SAME, {1}}, END}},
    {"a burst of it counts once, as it may be ours",
	{{0, {"k", "", "", ""}, SAME, {0}}, QUIET(60),
	    {3, {"t9", "", "", ""}, SAME, {0}},
	    {0.25, {"", "k", "", ""}, SAME, {1}}, QUIET(1), END}},
    {"an own success forgets it",
	{{0, {"t9", "", "", ""}, SAME, {0}}, {1, {"k", "", "", ""}, SAME, {0}},
	    {1, {"", "k", "", ""}, SAME, {0}}, END}},
    {"both at one look say that it works",
	{{0, {"t9k", "", "", ""}, SAME, {0}}, {1, {"", "k", "", ""}, SAME, {0}},
	    END}},
    {"unless others worked all the time",
	{WORKS, ONLY_D, ONLY_D, ONLY_D, ONLY_D, ONLY_D, ONLY_D, ONLY_D, ONLY_D,
	    ONLY_D, ONLY_D, ONLY_D, ONLY_D,
	    {0.01, {"t3k", "", "", ""}, SAME, {3}}, END}},
    {"two thirds are enough, when nothing is heard of the others",
	{{0, {"t9", "", "", ""}, SAME, {0}}, {1, {"", "t", "", ""}, SAME, {0}},
	    {1, {"", "", "t", ""}, SAME, {0}}, {0.9, {NULL}, SAME, {0}},
	    {0.1, {NULL}, DOWN, {0}}, {0.1, {"", "", "", "k"}, UP, {0}}, END}},
    {"a witness is heard in time",
	{{0, {"t", "t", "t", ""}, SAME, {0}},
	    {0.9, {"", "", "", "k"}, SAME, {1, 1, 1}}, QUIET(9), END}},
    {"what is charged for something else is believed at once",
	{{0, {"r3", "t3", "", ""}, SAME, {3}},
	    {1, {"", "", "t", ""}, SAME, {0}},
	    {1, {"r2", "", "", "t2"}, SAME, {2}},
	    {1, {"r2", "", "", ""}, DOWN, {2}},
	    {1, {"r2", "", "", ""}, SAME, {2}}, END}},
    {"half of them refuse: they are reached",
	{{0, {"r3", "r3", "t3", "t3"}, SAME, {3, 3}}, END}},
    {"destinations that fail are not the uplink",
	{{0, {"f9", "f9", "s", "s"}, SAME, {0}},
	    {0, {"f9", "f9", "T", "T"}, SAME, {0}}, END}},
    {"a success in between begins anew",
	{{0, {"t", "", "", ""}, SAME, {0}}, {1, {"", "", "k", ""}, SAME, {1}},
	    {1, {"", "t", "", ""}, SAME, {0}}, END}},
    {"unreachable alone, for some time",
	{WORKS, WORKS, {0.25, {"u3", "", "", "k"}, SAME, {0}},
	    {0.25, {"u", "", "", "k"}, SAME, {0}},
	    {0.25, {"u", "", "", "k"}, SAME, {0}},
	    {0.25, {"u", "", "", "k"}, SAME, {6}}, END}},
    {"or for a moment", {WORKS, WORKS, {0.25, {"u3", "", "", "k"}, SAME, {0}},
			    {0.25, {"", "", "", "k"}, SAME, {1}}, END}},
    {"silent alone, for some time",
	{WORKS, WORKS, {0.25, {"", "s3", "", "k"}, SAME, {0}},
	    {0.25, {"", "s", "", "k"}, SAME, {0}},
	    {0.25, {"", "s", "", "k"}, SAME, {0}},
	    {0.25, {"", "s", "", "k"}, SAME, {0, 6}}, END}},
};

static void
run_story(const char *name, const struct step *steps)
{
	enum uplink_turn got;
	int i, k;

	begin();
	for (i = 0; steps[i].after_s >= 0; i++) {
		got = look((int64_t)(steps[i].after_s * 1e6), steps[i].what);
		CHECK(got == steps[i].want, "%s, step %d: turn %d, not %d",
		    name, i, (int)got, (int)steps[i].want);
		for (k = 0; k < ROWS; k++)
			CHECK(news[k].believed == steps[i].believed[k],
			    "%s, step %d, row %d: %llu believed", name, i, k,
			    (unsigned long long)news[k].believed);
	}
}

static void
all_stories(void)
{
	size_t i;

	for (i = 0; i < sizeof(stories) / sizeof(*stories); i++)
		run_story(stories[i].name, stories[i].steps);
}

/*
 * Under load, an outage of any length, with looks each 20 ms: attempts begin
 * each 20 ms at each row, those in the outage send their SYN again after 1 s,
 * and fail after 3 s unless that gets through.  Nobody gets three in a row, and
 * nothing at all once the outage was recognised.
 */
#define LOOK_US 20000

struct totals {
	uint64_t believed, row[ROWS], most_in_row;
	int turns;
};

/* How an attempt that began then ends: when it succeeds, or -1. */
static int64_t
answered_at(int64_t begun_us, int64_t outage_us)
{
	if (begun_us < 0 || begun_us >= outage_us)
		return begun_us;
	return begun_us + UPLINK_SYN_US >= outage_us ? begun_us + UPLINK_SYN_US
						     : -1;
}

static void
row_at(char out[8], int64_t now_us, int64_t outage_us)
{
	int64_t again = now_us - UPLINK_SYN_US;
	int n = 0;

	if (answered_at(now_us - ATTEMPT_US, outage_us) == -1)
		out[n++] = 't';
	if (answered_at(now_us, outage_us) == now_us ||
	    (again >= 0 && again < outage_us &&
		answered_at(again, outage_us) == now_us))
		out[n++] = 'k';
	out[n] = '\0';
}

/* Successes come to one row first: workers avoid who has failed. */
static void
outage(int64_t outage_us, bool shared, struct totals *sum)
{
	char what[ROWS][8];
	const char *const list[ROWS] = {what[0], what[1], what[2], what[3]};
	int64_t us;
	int k;

	memset(sum, 0, sizeof(*sum));
	begin();
	for (us = -20 * LOOK_US; us < outage_us + 2 * ATTEMPT_US;
	     us += LOOK_US) {
		for (k = 0; k < ROWS; k++) {
			row_at(what[k], us, outage_us);
			if (!shared && us > 0 && k != 2)
				what[k][strcspn(what[k], "k")] = '\0';
		}
		sum->turns += look(LOOK_US, list) != UPLINK_SAME;
		for (k = 0; k < ROWS; k++) {
			if (news[k].successes > 0)
				sum->row[k] = 0;
			sum->row[k] += news[k].believed;
			sum->believed += news[k].believed;
			if (sum->row[k] > sum->most_in_row)
				sum->most_in_row = sum->row[k];
		}
	}
}

static void
outages(void)
{
	struct totals sum;
	int64_t us;

	for (us = 100000; us < 10000000; us += 170000) {
		outage(us, true, &sum);
		CHECK(sum.most_in_row < 3, "%lld us: %llu in a row",
		    (long long)us, (unsigned long long)sum.most_in_row);
		outage(us, false, &sum);
		CHECK(sum.most_in_row < 3, "%lld us, one: %llu in a row",
		    (long long)us, (unsigned long long)sum.most_in_row);
		if (us < 3200000)
			continue;
		CHECK_INT(sum.turns, 2);
		CHECK(sum.believed == 0, "%lld us: %llu believed",
		    (long long)us, (unsigned long long)sum.believed);
	}
}

static void
who_counts(void)
{
	static const char *const all[ROWS] = {"t", "t", "t", "t"};
	static const char *const two[ROWS] = {"t", "t", "", ""};
	uint32_t i;

	/* Drained ones do not; with one enabled there is nobody to compare
	 * with. */
	begin();
	for (i = 0; i < 3; i++)
		t.rows[i].admin = TABLE_DRAIN;
	CHECK_INT(look(0, all), UPLINK_SAME);
	CHECK_INT(news[3].believed, 1);
	begin();
	t.rows[0].admin = TABLE_DRAIN;
	CHECK_INT(look(0, two), UPLINK_SAME);
	CHECK_INT(news[1].believed, 0);
	CHECK_INT(look(0, all), UPLINK_DOWN);
	CHECK_INT(u.lost_n, 3);
	/* Those who are out are expected to fail. */
	begin();
	t.rows[0].tier = 0;
	t.rows[0].observed = TABLE_HALF_OPEN;
	t.rows[1].tier = 0;
	t.rows[1].observed = TABLE_HALF_OPEN;
	CHECK_INT(look(0, two), UPLINK_SAME);
	CHECK_INT(look(0, all), UPLINK_DOWN);
	/* Of those who were never used nothing is. */
	begin();
	t.rows[2].observed = TABLE_UNKNOWN;
	t.rows[3].observed = TABLE_UNKNOWN;
	CHECK_INT(look(0, two), UPLINK_DOWN);
	CHECK(uplink_lost(&u, &t.rows[0]), "not lost");
	CHECK(!uplink_lost(&u, &t.rows[2]), "lost");
	/* None at all. */
	begin();
	t.rows_n = 0;
	CHECK_INT(look(0, all), UPLINK_SAME);
}

static void
new_tenants(void)
{
	static const char *const lost[ROWS] = {"t9", "", "", ""};
	static const char *const ok[ROWS] = {"", "k", "", ""};

	begin();
	look(0, lost);
	t.rows[0].incarnation = 2;
	look(1000, ok);
	CHECK_INT(news[0].believed, 0);
}

/* A worker's clock may say anything. */
static void
stamps(void)
{
	static const int64_t stamps_us[] = {
	    INT64_MIN / 2, 0, INT64_MAX / 2, MONO_US - 4000000};
	static const char *const ok[ROWS] = {"", "k", "", ""};
	static const char *const lost[ROWS] = {"t3", "", "", ""};
	size_t i;

	for (i = 0; i < sizeof(stamps_us) / sizeof(*stamps_us); i++) {
		begin();
		look(0, ok);
		at_us += 3500000;
		look(0, lost);
		memset(news, 0, sizeof(news));
		news[1] =
		    (struct uplink_news){.successes = 1, .ok_us = stamps_us[i]};
		uplink_look(&u, &t, news, MONO_US + at_us + 1000);
		CHECK(news[0].believed == 1, "%zu: %llu believed", i,
		    (unsigned long long)news[0].believed);
	}
}

static const struct unit_case cases[] = {
    {"stories", all_stories},
    {"outages of any length", outages},
    {"who counts", who_counts},
    {"new tenants", new_tenants},
    {"stamps", stamps},
};

UNIT_MAIN("uplink", cases)
