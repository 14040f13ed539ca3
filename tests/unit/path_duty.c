/* The choice of a cache or a service, which are in no tier. */
#include "cagentd/decide/path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cagentd/decide/decision.h"
#include "tests/unit/unit.h"

#define NOW_US	1000000000
#define PICKS	10000
#define SLOT(i) (TABLE_ROWS_MAX - 1 - (i))

/* Too large for the stack. */
static struct table table, plain; /* what a record keeps of it */
static struct path_index index_of, plain_index;
static struct path_load loads[TABLE_ROWS_MAX];
static struct settings settings;
static struct settings_intermediary configured[TABLE_ROWS_MAX];
static struct verdict verdict;
static struct wire_host host;
static uint8_t record[DECISION_RECORD_MAX];
static struct decision decided;
static struct decision_replay replay;

static void
add(uint32_t i, enum table_duty duty, uint32_t cache_bit)
{
	struct table_row *row = &table.rows[i];

	row->slot = SLOT(i);
	row->incarnation = 1;
	snprintf(row->name, sizeof(row->name), "hop-%u", i);
	snprintf(row->host, sizeof(row->host), "192.0.2.1");
	row->port = 3128;
	row->type = TABLE_HTTP;
	row->tier = row->tier_conf =
	    duty == TABLE_RANKED ? 1 : table_duty_rank(duty);
	row->weight = 10;
	row->observed = TABLE_UP;
	loads[row->slot].incarnation = 1;
	memcpy(configured[i].name, row->name, sizeof(row->name));
	memcpy(configured[i].host, row->host, sizeof(configured[i].host));
	configured[i].port = row->port;
	configured[i].cache_bit = cache_bit;
	table.rows_n = settings.intermediaries_n = i + 1;
}

enum {
	HQ,
	SERVICE,
	CACHE1,
	CACHE2,
	SPARE,
	OTHER
};

static struct path_query
begin(enum table_duty duty)
{
	memset(&table, 0, sizeof(table));
	memset(loads, 0, sizeof(loads));
	memset(&settings, 0, sizeof(settings));
	memset(configured, 0, sizeof(configured));
	settings.intermediaries = configured;
	add(HQ, TABLE_RANKED, 0);
	add(SERVICE, TABLE_SERVICE, 0);
	add(CACHE1, TABLE_CACHE, 1);
	add(CACHE2, TABLE_CACHE, 2);
	add(SPARE, TABLE_RANKED, 0);
	add(OTHER, TABLE_SERVICE, 0);
	verdict =
	    (struct verdict){.rule = -1, .service = SERVICE, .caches = 1 | 2};
	host = (struct wire_host){.port = 80};
	wire_host_set(&host, "example.com", 11);
	return (struct path_query){.duty = duty,
	    .table = &table,
	    .index = &index_of,
	    .loads = loads,
	    .settings = &settings,
	    .verdict = &verdict,
	    .host = &host,
	    .times_max = 1,
	    .now_us = NOW_US};
}

/* Does the record of the choice come to the same? */
static void
check_replay(const struct path_query *q, const struct path_pick *pick)
{
	const struct decision_made made = {0, q, 42, pick};
	struct decision_outcome out;
	struct decision_record r;
	size_t len = decision_encode(&made, record);

	CHECK(len > 0, "a record");
	CHECK(decision_record_decode(record, len, &r) == (int)len, "decodes");
	CHECK_INT(decision_decode(&r, &decided), 0);
	len = decision_table_encode(0, &table, record);
	CHECK(decision_record_decode(record, len, &r) == (int)len, "decodes");
	CHECK_INT(decision_table_decode(&r, &plain), 0);
	path_index_build(&plain_index, &plain);
	CHECK(decision_replay(&replay, &plain, &plain_index, &decided, &out),
	    "the replay comes to something else: %d %u, not %d %u", out.picked,
	    out.slot, decided.outcome.picked, decided.outcome.slot);
}

/* The row, or -1. */
static int
pick(const struct path_query *q)
{
	uint64_t seed = 42;
	struct path_pick p;
	int error;

	path_index_build(&index_of, &table);
	error = path_pick(q, &seed, &p);
	check_replay(q, error == 0 ? &p : NULL);
	return error == 0 ? (int)p.row : -1;
}

static uint32_t
picked_of(const struct path_query *q, uint32_t row)
{
	uint64_t seed = 42;
	struct path_pick p;
	uint32_t i, n = 0;

	path_index_build(&index_of, &table);
	for (i = 0; i < PICKS && path_pick(q, &seed, &p) == 0; i++)
		n += p.row == row;
	return n;
}

static void
finds_what_is_looked_for(void)
{
	struct path_query q = begin(TABLE_SERVICE);

	CHECK_INT(pick(&q), SERVICE);
	verdict.service = OTHER;
	CHECK_INT(pick(&q), OTHER);
	verdict.service = -1;
	CHECK_INT(pick(&q), -1);
	q = begin(TABLE_CACHE);
	verdict.caches = 1;
	CHECK_INT(pick(&q), CACHE1);
	verdict.caches = 2;
	CHECK_INT(pick(&q), CACHE2);
	verdict.caches = 0;
	CHECK_INT(pick(&q), -1);
}

/* However the ranked ones are. */
static void
is_never_ranked(void)
{
	struct path_query q = begin(TABLE_RANKED);
	uint32_t i;

	q.times_max = 2;
	CHECK_INT(picked_of(&q, HQ) + picked_of(&q, SPARE), PICKS);
	for (i = 0; i < table.rows_n; i++) {
		if (i != HQ && i != SPARE)
			CHECK_INT(path_eligible(&q, i), PATH_SKIP_DUTY);
	}
	table.rows[HQ].observed = table.rows[SPARE].observed = TABLE_EJECTED;
	table.rows[HQ].tier = table.rows[SPARE].tier = 0;
	CHECK_INT(pick(&q), -1);
	/* Also while one is on trial. */
	table.rows[CACHE1].observed = TABLE_HALF_OPEN;
	table.rows[CACHE1].tier = 0;
	table.rows[CACHE1].trials = 2;
	CHECK_INT(pick(&q), -1);
	q = begin(TABLE_RANKED);
	verdict.via = VIA_TIER;
	verdict.tier = TABLE_RANK_CACHE;
	CHECK_INT(pick(&q), -1);
}

/* The tier that has lost one of two spills into nothing. */
static void
takes_no_spill(void)
{
	struct path_query q = begin(TABLE_RANKED);

	table.rows[HQ].tier = 0;
	table.rows[HQ].observed = TABLE_EJECTED;
	CHECK_INT(picked_of(&q, SPARE), PICKS);
	CHECK_INT(index_of.ranked_n, 1);
	CHECK_INT(index_of.tiers_n, 3);
	CHECK_INT(index_of.best_home, 1);
}

static void
shares_among_caches(void)
{
	struct path_query q = begin(TABLE_CACHE);
	uint32_t n = picked_of(&q, CACHE1);

	CHECK(n > PICKS * 45 / 100 && n < PICKS * 55 / 100, "%u", n);
	CHECK_INT(picked_of(&q, CACHE2), PICKS - n);
}

/* What is to be had only for want of a better one is not. */
static void
skips_who_is_not_well(void)
{
	struct path_query q = begin(TABLE_CACHE);
	struct table_row *row = &table.rows[CACHE1];
	struct path_tried tried = {SLOT(CACHE1), 1, 1};

	verdict.caches = 1;
	row->observed = TABLE_EJECTED;
	row->tier = 0;
	CHECK_INT(pick(&q), -1);
	row->observed = TABLE_HALF_OPEN;
	CHECK_INT(pick(&q), -1);
	row->trials = 2;
	CHECK_INT(pick(&q), CACHE1);
	loads[row->slot].trial_us = NOW_US + 1;
	CHECK_INT(pick(&q), -1);
	q = begin(TABLE_CACHE);
	verdict.caches = 1;
	row->admin = TABLE_DRAIN;
	CHECK_INT(pick(&q), -1);
	row->admin = TABLE_ENABLED;
	row->connections_max = row->in_flight = 3;
	CHECK_INT(pick(&q), -1);
	row->connections_max = 4;
	CHECK_INT(pick(&q), CACHE1);
	loads[row->slot].avoid_until_us = NOW_US + 1;
	CHECK_INT(pick(&q), -1);
	loads[row->slot].avoid_until_us = 0;
	q.tried = &tried;
	q.tried_n = 1;
	CHECK_INT(pick(&q), -1);
	verdict.caches = 3;
	CHECK_INT(pick(&q), CACHE2);
}

/* The table is of another configuration, in which the rows stand in another
 * order, and one is another server. */
static void
knows_other_settings(void)
{
	struct path_query q = begin(TABLE_CACHE);
	struct settings_intermediary swap = configured[CACHE1];

	settings.serial = 2;
	configured[CACHE1] = configured[CACHE2];
	configured[CACHE2] = swap;
	verdict.caches = 1;
	CHECK_INT(pick(&q), CACHE1);
	verdict.caches = 2;
	CHECK_INT(pick(&q), CACHE2);
	configured[CACHE1].port = 1;
	CHECK_INT(pick(&q), -1);
}

static void
says_so_in_words(void)
{
	struct path_pick p = {.rank = TABLE_RANK_CACHE};
	char text[128];

	CHECK_STR(path_why_text(&p, "x", text, sizeof(text)),
	    "cache, the only candidate");
	p.rank = TABLE_RANK_SERVICE;
	CHECK_STR(path_why_text(&p, "x", text, sizeof(text)),
	    "service, the only candidate");
}

static const struct unit_case cases[] = {
    {"finds what is looked for", finds_what_is_looked_for},
    {"is never ranked", is_never_ranked},
    {"takes no spill", takes_no_spill},
    {"shares among caches", shares_among_caches},
    {"skips who is not well", skips_who_is_not_well},
    {"knows other settings", knows_other_settings},
    {"says so in words", says_so_in_words},
};

UNIT_MAIN("path_duty", cases)
