/* What a pick knows of a tier beforehand, and what it says afterwards. */
#include <string.h>

#include "cagentd/decide/path.h"
#include "tests/unit/unit.h"

/* A tier of rows with these p95 of late, of ever, and to the first byte. */
static const struct {
	uint32_t recent[5], ever[5], first_byte[5];
	int64_t hedge_us, stall_us;
} tiers[] = {
    {.hedge_us = PATH_HEDGE_MIN_US, .stall_us = PATH_STALL_UNKNOWN_US},
    {{5000, 6000}, {0}, {9000, 9000}, PATH_HEDGE_MIN_US, PATH_STALL_MIN_US},
    {{300000}, {0}, {500000}, 300000, 1500000},
    /* Of late counts more than ever. */
    {{300000}, {900000}, {0}, 300000, PATH_STALL_UNKNOWN_US},
    {{0}, {900000}, {0}, 900000, PATH_STALL_UNKNOWN_US},
    /* One slow member moves nothing. */
    {{200000, 250000, 9000000}, {0}, {400000, 800000, 60000000}, 250000,
	2400000},
    {{200000, 9000000}, {0}, {400000, 60000000}, 200000, 1200000},
    {{0}, {0}, {60000000, 60000000}, PATH_HEDGE_MIN_US, PATH_STALL_MAX_US},
};

static void
waits(void)
{
	static struct table t;
	static struct path_index ix;
	size_t i, k;

	for (i = 0; i < sizeof(tiers) / sizeof(*tiers); i++) {
		memset(&t, 0, sizeof(t));
		t.rows_n = 5;
		for (k = 0; k < 5; k++) {
			t.rows[k].slot = (uint32_t)k;
			t.rows[k].tier = t.rows[k].tier_conf = 2;
			t.rows[k].weight = 10;
			t.rows[k].recent_p95_us = tiers[i].recent[k];
			t.rows[k].handshake_p95_us = tiers[i].ever[k];
			t.rows[k].first_byte_p95_us = tiers[i].first_byte[k];
		}
		path_index_build(&ix, &t);
		CHECK_INT(path_hedge_us(&ix, 2), tiers[i].hedge_us);
		CHECK_INT(path_stall_us(&ix, 2), tiers[i].stall_us);
		/* Of a tier that nobody serves in nothing is known. */
		CHECK_INT(path_hedge_us(&ix, 1), PATH_HEDGE_MIN_US);
		CHECK_INT(path_stall_us(&ix, 3), PATH_STALL_UNKNOWN_US);
	}
}

static const struct {
	struct path_pick pick;
	const char *text;
} whys[] = {
    {{.rank = 1, .why = PATH_WHY_ONLY}, "tier 1, the only candidate"},
    {{.rank = 2,
	 .why = PATH_WHY_CHEAPER,
	 .cost = 3 * 1024,
	 .rival_cost = 7 * 1024},
	"tier 2, cheaper than hq-2 (3 to 7)"},
    {{.rank = 1, .why = PATH_WHY_DRAWN, .cost = 1024, .rival_cost = 1024},
	"tier 1, drawn, as cheap as hq-2 (1 to 1)"},
    {{.rank = 1, .why = PATH_WHY_TRIAL, .trial = true},
	"tier 1, half-open, on trial"},
    {{.rank = 3, .why = PATH_WHY_ONLY, .avoided = true, .passed = true},
	"tier 3, the only candidate, though it failed a moment ago, as better "
	"tiers have no candidate"},
    {{.rank = 2, .why = PATH_WHY_ONLY, .spilled = true},
	"tier 2, the only candidate, as the tier above has lost weight"},
};

static void
says_why(void)
{
	char text[256];
	size_t i;

	for (i = 0; i < sizeof(whys) / sizeof(*whys); i++)
		CHECK_STR(
		    path_why_text(&whys[i].pick, "hq-2", text, sizeof(text)),
		    whys[i].text);
}

/* One that was given up costs what it was waited for, until it is forgotten
 * like any other measure. */
static void
remembers_who_was_slow(void)
{
	struct path_load l = {.incarnation = 1};

	path_load_ok(&l, 2000, 1);
	path_load_slow(&l, 100000, 2);
	CHECK_INT(l.ewma_us, 100000);
	CHECK_INT(l.ewma_at_us, 2);
	path_load_slow(&l, 50000, 3);
	CHECK_INT(l.ewma_us, 100000);
	CHECK_INT(l.failures, 0);
	CHECK_INT(l.avoid_until_us, 0);
	CHECK_INT(l.outruns, 2);
	path_load_ok(&l, 100000, 100003);
	CHECK_INT(l.outruns, 0);
	/* In a row they are no accident. */
	path_load_slow(&l, 1, 100005);
	path_load_slow(&l, 1, 100006);
	CHECK_INT(l.avoid_until_us, 0);
	path_load_slow(&l, 1, 100007);
	CHECK_INT(l.avoid_until_us, 100007 + PATH_AVOID_MIN_US);
	path_load_slow(&l, 1, 100008);
	CHECK_INT(l.avoid_until_us, 100008 + 2 * PATH_AVOID_MIN_US);
	path_load_ok(&l, 1, 100008); /* begun before that */
	CHECK_INT(l.outruns, 4);
	CHECK_INT(l.avoid_until_us, 100008 + 2 * PATH_AVOID_MIN_US);
	path_load_ok(&l, 1, 100009);
	CHECK_INT(l.avoid_until_us, 0);
	path_load_slow(&l, INT64_MAX, 4);
	CHECK(l.ewma_us > 100000, "bounded, not wrapped");
}

/* What another worker met is avoided here, too, once it is suspect; what
 * happened before this worker began is no news. */
static void
hears_of_others_failures(void)
{
	static struct table t = {.rows_n = 1};
	static struct path_load loads[TABLE_ROWS_MAX];
	struct table_row *row = &t.rows[0];
	struct path_load *l = &loads[5];

	row->slot = 5;
	row->incarnation = 2;
	row->charged = 7;
	row->observed = TABLE_SUSPECT;
	path_load_hear(loads, &t, 10);
	CHECK_INT(l->avoid_until_us, 0);
	path_load_hear(loads, &t, 20);
	CHECK_INT(l->avoid_until_us, 0);
	row->charged++;
	path_load_hear(loads, &t, 30);
	CHECK_INT(l->avoid_until_us, 30 + PATH_AVOID_MIN_US);
	CHECK_INT(l->failures, 0);
	/* Its own failures count for longer. */
	path_load_failed(l, 40);
	path_load_failed(l, 40);
	row->charged++;
	path_load_hear(loads, &t, 50);
	CHECK_INT(l->avoid_until_us, 40 + 2 * PATH_AVOID_MIN_US);
	/* A tunnel from before says nothing, one from now does. */
	path_load_ok(l, 1, 49);
	CHECK(l->avoid_until_us > 0, "it is avoided no longer");
	/* One that serves well otherwise is not given up for one failure. */
	path_load_ok(l, 1, 60);
	row->observed = TABLE_UP;
	row->charged++;
	path_load_hear(loads, &t, 60);
	CHECK_INT(l->avoid_until_us, 0);
	/* The next tenant begins afresh. */
	row->observed = TABLE_SUSPECT;
	row->incarnation = 3;
	row->charged = 100;
	path_load_hear(loads, &t, 70);
	CHECK_INT(l->avoid_until_us, 0);
	CHECK_INT(l->incarnation, 3);
}

static void
uses_no_slot_that_there_is_not(void)
{
	static const uint32_t slots[] = {
	    0, TABLE_ROWS_MAX - 1, TABLE_ROWS_MAX, UINT32_MAX};
	static struct table t;
	uint32_t i;

	memset(&t, 0, sizeof(t));
	t.rows_n = 4;
	for (i = 0; i < 4; i++)
		t.rows[i].slot = slots[i];
	path_table_clean(&t);
	for (i = 0; i < 4; i++) {
		CHECK(t.rows[i].slot < TABLE_ROWS_MAX, "row %u", i);
		CHECK_INT(t.rows[i].admin, i < 2 ? TABLE_ENABLED : TABLE_DRAIN);
	}
	CHECK_INT(t.rows[1].slot, TABLE_ROWS_MAX - 1);
}

static const struct unit_case cases[] = {
    {"uses no slot that there is not", uses_no_slot_that_there_is_not},
    {"waits", waits},
    {"says why", says_why},
    {"remembers who was slow", remembers_who_was_slow},
    {"hears of others' failures", hears_of_others_failures},
};

UNIT_MAIN("path_index", cases)
