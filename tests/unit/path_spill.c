/* How much of the requests a tier keeps that has lost some of its weight. */
#include "cagentd/decide/path.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define PICKS 20000

static struct table table;
static struct path_index index_of;
static struct path_load loads[TABLE_ROWS_MAX];
static struct settings settings;

/* A letter a row: its weight is 10, that of a capital 30.  u: up, e: ejected,
 * h: half-open with no trial due, l: lowered by a tier, d: drained, x: drained
 * and ejected. */
static void
add(uint16_t tier, char how)
{
	uint32_t i = table.rows_n++;
	struct table_row *row = &table.rows[i];
	bool big = how < 'a';

	how = big ? (char)(how + 'a' - 'A') : how;
	row->slot = i;
	row->incarnation = 1;
	snprintf(row->name, sizeof(row->name), "hop-%u", i);
	row->tier = row->tier_conf = tier;
	row->weight = big ? 30 : 10;
	row->observed = TABLE_UP;
	if (how == 'd' || how == 'x')
		row->admin = TABLE_DRAIN;
	if (how == 'e' || how == 'x')
		row->observed = TABLE_EJECTED;
	if (how == 'h')
		row->observed = TABLE_HALF_OPEN;
	if (how == 'l')
		row->tier = row->tier_observed = (uint16_t)(tier + 1);
	if (row->observed != TABLE_UP)
		row->tier = 0;
}

static const struct {
	const char *tiers[3];
	int want[3]; /* percent of the picks */
} spills[] = {
    {{"uuuu", "uu"}, {100, 0}},
    {{"uuue", "uu"}, {100, 0}},
    {{"uuee", "uu"}, {70, 30}},
    {{"ueee", "uu"}, {35, 65}},
    {{"eeee", "uu"}, {0, 100}},
    {{"uuhh", "uu"}, {70, 30}},
    {{"uull", "uu"}, {85, 15}}, /* half of tier 2 is of tier 1 */
    {{"uudd", "uu"}, {100, 0}},
    {{"uuxx", "uu"}, {100, 0}},
    {{"Ue", "uu"}, {100, 0}},
    {{"uE", "uu"}, {35, 65}},
    {{"uuuuueee", "uu"}, {87, 13}},
    {{"ue", NULL}, {100, 0}},
    {{"ue", "ue", "uu"}, {70, 21, 9}},
    {{"ue", "ee", "uu"}, {70, 0, 30}},
    {{"ueee", "ueee"}, {77, 23}},
};

static struct path_query
begin(size_t n)
{
	static struct verdict verdict;
	static struct wire_host host;
	uint16_t tier;
	const char *c;

	memset(&table, 0, sizeof(table));
	for (tier = 1; tier <= 3; tier++) {
		for (c = spills[n].tiers[tier - 1]; c != NULL && *c != 0; c++)
			add(tier, *c);
	}
	verdict = (struct verdict){.class = CLASS_NORMAL, .rule = -1};
	host = (struct wire_host){.port = 443};
	wire_host_set(&host, "example.com", 11);
	return (struct path_query){.table = &table,
	    .index = &index_of,
	    .loads = loads,
	    .settings = &settings,
	    .verdict = &verdict,
	    .host = &host,
	    .times_max = 2,
	    .now_us = 1000000000};
}

static void
count(const struct path_query *q, int picked[4])
{
	struct path_pick pick;
	uint64_t seed = 42;
	int i;

	memset(picked, 0, 4 * sizeof(*picked));
	path_index_build(&index_of, &table);
	for (i = 0; i < PICKS && path_pick(q, &seed, &pick) == 0; i++)
		picked[table.rows[pick.row].tier_conf]++;
	CHECK_INT(i, PICKS);
}

static void
shares(void)
{
	struct path_query q;
	int picked[4], percent, want;
	size_t n, tier;

	for (n = 0; n < sizeof(spills) / sizeof(*spills); n++) {
		q = begin(n);
		count(&q, picked);
		for (tier = 1; tier <= 3; tier++) {
			percent = (picked[tier] * 100 + PICKS / 2) / PICKS;
			want = spills[n].want[tier - 1];
			CHECK(percent >= want - 1 && percent <= want + 1 &&
				  (want != 0 || picked[tier] == 0),
			    "%s %s: tier %zu has %d %%, not %d",
			    spills[n].tiers[0], spills[n].tiers[1], tier,
			    percent, want);
		}
	}
}

/* A rule that asks for a tier gets it, however little of it is left. */
static void
rules(void)
{
	struct path_query q = begin(3);
	struct verdict v = *q.verdict;
	int picked[4];

	v.via = VIA_TIER;
	v.tier = 1;
	q.verdict = &v;
	count(&q, picked);
	CHECK_INT(picked[1], PICKS);
}

/* A reserved tier neither spills for those who may not use it, nor takes what
 * spills. */
static void
reserved(void)
{
	struct path_query q = begin(13); /* ue ue uu */
	int picked[4];

	table.tiers_n = 1;
	table.tiers[0].rank = 1;
	table.tiers[0].reserved_for = 1u << CLASS_CRITICAL;
	count(&q, picked);
	CHECK_INT(picked[1], 0);
	CHECK(picked[2] > PICKS * 69 / 100 && picked[2] < PICKS * 71 / 100,
	    "%d of tier 2", picked[2]);
	table.tiers[0].rank = 2;
	count(&q, picked);
	CHECK_INT(picked[2], 0);
	CHECK(picked[1] > PICKS * 69 / 100 && picked[1] < PICKS * 71 / 100,
	    "%d of tier 1", picked[1]);
}

static const struct unit_case cases[] = {
    {"shares", shares},
    {"rules", rules},
    {"reserved tiers", reserved},
};

UNIT_MAIN("path_spill", cases)
