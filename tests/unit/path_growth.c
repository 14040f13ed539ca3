/* A choice among a thousand intermediaries takes as many looks as among few;
 * and what it goes by is what a plain scan of the table would find. */
#include <stdio.h>
#include <string.h>

#include "cagentd/decide/draw.h"
#include "cagentd/decide/path.h"
#include "tests/unit/unit.h"

#define NOW_US 1000000000
#define MANY   1000
#define PICKS  200

static struct table table;
static struct path_index index_of;
static struct path_load loads[TABLE_ROWS_MAX];
static struct settings settings;
static struct settings_intermediary configured[TABLE_ROWS_MAX];
static struct verdict verdict;
static const struct wire_host host = {.kind = WIRE_HOST_V4, .port = 443};

/* n of them, in that many tiers. */
static void
make(uint32_t n, uint32_t tiers)
{
	struct table_row *row;
	uint32_t i;

	memset(&table, 0, sizeof(table));
	memset(loads, 0, sizeof(loads));
	settings.intermediaries = configured;
	settings.intermediaries_n = table.rows_n = n;
	verdict = (struct verdict){.rule = -1, .service = -1};
	for (i = 0; i < n; i++) {
		row = &table.rows[i];
		row->slot = i;
		row->incarnation = 1;
		row->tier = row->tier_conf = (uint16_t)(1 + i * tiers / n);
		row->weight = 10;
		row->observed = TABLE_UP;
		loads[i].incarnation = 1;
		snprintf(row->name, sizeof(row->name), "hop-%u", i);
		memcpy(configured[i].name, row->name, sizeof(row->name));
	}
}

static void
set_state(uint32_t first, uint32_t end, enum table_observed state)
{
	uint32_t i;

	for (i = first; i < end; i++) {
		table.rows[i].observed = (uint8_t)state;
		table.rows[i].tier = 0;
		loads[i].trials = table.rows[i].trials = 2;
	}
}

/* The most that any of many picks looks at. */
static uint32_t
looks(int want_row)
{
	uint32_t most = 0, n, i;
	struct path_query q = {.table = &table,
	    .index = &index_of,
	    .loads = loads,
	    .settings = &settings,
	    .verdict = &verdict,
	    .host = &host,
	    .times_max = 2,
	    .now_us = NOW_US,
	    .looks = &n};
	struct path_pick pick;
	uint64_t seed = 7;

	path_index_build(&index_of, &table);
	for (i = 0; i < PICKS; i++) {
		n = 0;
		CHECK_INT(path_pick(&q, &seed, &pick), 0);
		CHECK(want_row < 0 || (int)pick.row == want_row,
		    "row %u, not %d", pick.row, want_row);
		most = n > most ? n : most;
	}
	return most;
}

static void
a_thousand_take_as_many_looks_as_four(void)
{
	static const uint32_t sizes[] = {4, MANY};
	uint32_t n, i;

	for (i = 0; i < 2; i++) {
		n = sizes[i];
		make(n, 1);
		CHECK(looks(-1) <= 10, "%u in one tier", n);
		make(n, n < 64 ? n : 64);
		CHECK(looks(-1) <= 10, "%u in many", n);
		/* All but the last are dead. */
		set_state(0, n - 1, TABLE_EJECTED);
		CHECK(looks((int)n - 1) <= 8, "one of %u is left", n);
		make(n, n < 64 ? n : 64);
		set_state(0, n / 2, TABLE_EJECTED);
		CHECK(looks(-1) <= 10, "half of %u are left", n);
		/* On their way back, and being tried already. */
		make(n, 1);
		set_state(0, n / 2, TABLE_HALF_OPEN);
		CHECK(looks(-1) <= 28, "half of %u are half-open", n);
	}
}

static void
a_rule_leads_to_its_own(void)
{
	static const uint32_t sizes[] = {4, MANY};
	uint32_t n, i;

	for (i = 0; i < 2; i++) {
		n = sizes[i];
		make(n, n < 50 ? n : 50);
		verdict.via = VIA_TIER;
		verdict.tier = table.rows[n - 1].tier;
		CHECK(looks(-1) <= 10, "the last tier of %u", n);
		/* One lowered for slowness is where it is. */
		table.rows[0].tier = 900;
		verdict.tier = 1;
		if (n == 4)
			CHECK(looks(0) <= 10, "lowered");
		verdict.via = VIA_INTERMEDIARY;
		verdict.intermediary = n - 2;
		CHECK(looks((int)n - 2) <= 2 * 50 + 2, "one of %u", n);
		set_state(n - 2, n - 1, TABLE_HALF_OPEN);
		loads[n - 2].trials = 0;
		CHECK(looks((int)n - 2) <= 2, "that one on trial");
		make(n, 1);
		verdict.via = VIA_INTERMEDIARY;
		verdict.intermediary = n - 2;
		CHECK(looks((int)n - 2) <= 3, "one of %u in one tier", n);
	}
}

static void
drained_ones_are_not_drawn(void)
{
	uint32_t i;

	make(MANY, 1);
	for (i = 1; i < MANY; i++)
		table.rows[i].admin = TABLE_DRAIN;
	CHECK(looks(0) <= 8, "the one that is not");
}

/* --- what is kept between picks --- */

/* Of those that have just failed the same ones are taken, or left out, whether
 * or not it is kept which they are; and all of them are looked at once. */
static void
keeps_who_is_avoided(void)
{
	uint64_t seed = 5, a, b;
	struct path_pick with, without;
	uint32_t i, n, looks;
	struct path_query q = {.table = &table,
	    .index = &index_of,
	    .loads = loads,
	    .settings = &settings,
	    .verdict = &verdict,
	    .host = &host,
	    .times_max = 2,
	    .now_us = NOW_US,
	    .looks = &looks};
	int error;

	make(MANY, 7);
	path_index_build(&index_of, &table);
	for (i = 0; i < 20000; i++) {
		n = draw_below(&seed, MANY);
		q.now_us += draw_below(&seed, 5000);
		/* Few are well, now and then none. */
		if (draw_below(&seed, 200) != 0)
			path_load_failed(&loads[n], q.now_us);
		else if (loads[n].avoid_until_us != 0) {
			path_load_ok(&loads[n], 100, q.now_us + 200);
			path_memo_clear(&index_of.memo);
		}
		a = b = seed;
		q.memo = &index_of.memo;
		error = path_pick(&q, &a, &with);
		q.memo = NULL;
		CHECK_INT(path_pick(&q, &b, &without), error);
		CHECK(error != 0 || with.row == without.row,
		    "pick %u: %u, not %u", i, with.row, without.row);
		CHECK(a == b, "as many lots were drawn");
	}
	for (i = 0; i < MANY; i++)
		path_load_failed(&loads[i], q.now_us);
	path_memo_clear(&index_of.memo);
	loads[3].avoid_until_us = 0;
	q.memo = &index_of.memo;
	CHECK_INT(path_pick(&q, &seed, &with), 0);
	looks = 0;
	CHECK_INT(path_pick(&q, &seed, &with), 0);
	CHECK_INT(with.row, 3);
	CHECK(looks <= 7 * 10, "%u looks", looks);
}

/* --- what the index holds, by scanning --- */

static uint32_t
kept(uint16_t rank)
{
	uint64_t healthy = 0, total = 0;
	const struct table_row *row;
	uint32_t i;

	for (i = 0; i < table.rows_n; i++) {
		row = &table.rows[i];
		if (table_home(row) != rank || row->admin == TABLE_DRAIN)
			continue;
		total += row->weight;
		healthy += row->tier == rank ? row->weight : 0;
	}
	healthy = total == 0 ? 100 : healthy * PATH_OVERPROVISION / total;
	return healthy < 100 ? (uint32_t)healthy : 100;
}

static void
check_tier(const struct path_tier *pt)
{
	uint32_t i, n = 0;

	CHECK_INT(pt->keeps, kept(pt->rank));
	for (i = 0; i < table.rows_n; i++) {
		if (table.rows[i].tier != pt->rank ||
		    table_drained(&table.rows[i]))
			continue;
		CHECK(n < pt->n && index_of.order[pt->first + n] == i,
		    "row %u is at place %u of tier %u", i, n, pt->rank);
		n++;
	}
	CHECK_INT(pt->n, n);
}

static void
any_table(uint64_t *seed)
{
	struct table_row *row;
	uint32_t i;

	make(draw_below(seed, 40), 1);
	for (i = 0; i < table.rows_n; i++) {
		row = &table.rows[i];
		row->tier_conf = (uint16_t)(1 + draw_below(seed, 6));
		row->tier = row->tier_conf;
		row->weight = draw_below(seed, 30);
		if (draw_below(seed, 5) == 0)
			row->tier = 0;
		if (draw_below(seed, 5) == 0)
			row->tier = (uint16_t)draw_below(seed, 1000);
		if (draw_below(seed, 5) == 0)
			row->admin = TABLE_DRAIN;
		if (draw_below(seed, 9) == 0)
			row->tier_policy = TABLE_TIER_DRAIN;
	}
}

static void
has_every_row_once(void)
{
	uint64_t seed = 1;
	uint32_t i, t, n, rows;

	for (i = 0; i < 500; i++) {
		any_table(&seed);
		path_index_build(&index_of, &table);
		for (t = n = 0; t < index_of.tiers_n; t++) {
			CHECK(t == 0 || index_of.tiers[t - 1].rank <
					    index_of.tiers[t].rank,
			    "by rising rank");
			check_tier(&index_of.tiers[t]);
			n += index_of.tiers[t].n;
		}
		for (t = rows = 0; t < table.rows_n; t++)
			rows += table.rows[t].tier != 0 &&
				!table_drained(&table.rows[t]);
		CHECK_INT(n, rows);
	}
}

static const struct unit_case cases[] = {
    {"a thousand take as many looks as four",
	a_thousand_take_as_many_looks_as_four},
    {"a rule leads to its own", a_rule_leads_to_its_own},
    {"drained ones are not drawn", drained_ones_are_not_drawn},
    {"keeps who is avoided", keeps_who_is_avoided},
    {"has every row once", has_every_row_once},
};
UNIT_MAIN("path_growth", cases)
