/* The choice among ranked intermediaries, on tables made by hand. */
#include "cagentd/decide/path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define PICKS	   10000
#define NOW_US	   1000000000
#define SLOT_OF(i) (TABLE_ROWS_MAX - 1 - (i)) /* a slot is no row number */

/* One at a time: too large for the stack. */
static struct table table;
static struct path_index index_of;
static struct path_load loads[TABLE_ROWS_MAX];
static struct settings settings;
static struct settings_intermediary configured[TABLE_ROWS_MAX];
static struct verdict verdict;
static struct wire_host host;
static uint32_t picked[TABLE_ROWS_MAX];

static struct path_query
begin(void)
{
	memset(&table, 0, sizeof(table));
	memset(loads, 0, sizeof(loads));
	memset(&settings, 0, sizeof(settings));
	memset(configured, 0, sizeof(configured));
	settings.intermediaries = configured;
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
	    .now_us = NOW_US};
}

static struct table_row *
add(uint16_t tier)
{
	uint32_t i = table.rows_n++;
	struct table_row *row = &table.rows[i];

	row->slot = SLOT_OF(i);
	row->incarnation = i + 1;
	snprintf(row->name, sizeof(row->name), "hop-%u", i);
	snprintf(row->host, sizeof(row->host), "192.0.2.1");
	row->port = 1080;
	row->tier = row->tier_conf = tier;
	row->weight = 10;
	row->observed = TABLE_UP;
	loads[row->slot].incarnation = row->incarnation;
	memcpy(configured[i].name, row->name, sizeof(row->name));
	memcpy(configured[i].host, row->host, sizeof(configured[i].host));
	configured[i].port = row->port;
	settings.intermediaries_n++;
	return row;
}

static void
measure(uint32_t row, uint32_t ewma_us)
{
	loads[SLOT_OF(row)].ewma_us = ewma_us;
	loads[SLOT_OF(row)].ewma_at_us = NOW_US;
}

static struct path_tried
tried_row(uint32_t row, uint32_t times)
{
	return (struct path_tried){
	    table.rows[row].slot, table.rows[row].incarnation, times};
}

/* The row, or -1. */
static int
pick_one(const struct path_query *q, uint64_t *seed)
{
	struct path_pick pick;
	int error;

	path_index_build(&index_of, &table);
	error = path_pick(q, seed, &pick);
	CHECK(error == 0 || error == -ENOENT, "path_pick: %d", error);
	if (error != 0)
		return -1;
	CHECK(pick.row < table.rows_n && pick.rival < table.rows_n,
	    "a row of the table");
	CHECK_INT(pick.rank, pick.trial ? table.rows[pick.row].tier_conf
					: table.rows[pick.row].tier);
	return (int)pick.row;
}

static int
pick(const struct path_query *q)
{
	uint64_t seed = 42;

	return pick_one(q, &seed);
}

/* Many picks with nothing in flight; how often each row came. */
static void
pick_many(const struct path_query *q)
{
	uint64_t seed = 42;
	struct path_pick p;
	int i;

	memset(picked, 0, sizeof(picked));
	path_index_build(&index_of, &table);
	for (i = 0; i < PICKS && path_pick(q, &seed, &p) == 0; i++)
		picked[p.row]++;
	CHECK_INT(i, PICKS);
}

static void
check_share(uint32_t row, uint32_t members)
{
	uint32_t fair = PICKS / members;

	CHECK(picked[row] > fair * 85 / 100 && picked[row] < fair * 115 / 100,
	    "row %u of %u: %u picks, %u are fair", row, members, picked[row],
	    fair);
}

/* Half-open: in no tier, but due for trials. */
static struct table_row *
add_half_open(uint16_t tier)
{
	struct table_row *row = add(tier);

	row->observed = TABLE_HALF_OPEN;
	row->tier = 0;
	row->trials = 2;
	return row;
}

static void
finds_none_in_nothing(void)
{
	struct path_query q = begin();

	CHECK_INT(pick(&q), -1);
	add(1)->tier = 0;
	CHECK_INT(pick(&q), -1);
}

static void
takes_the_only_one(void)
{
	struct path_query q = begin();
	uint64_t seed = 1;
	struct path_pick p;

	add(7);
	path_index_build(&index_of, &table);
	CHECK_INT(path_pick(&q, &seed, &p), 0);
	CHECK_INT(p.row, 0);
	CHECK_INT(p.rival, 0);
	CHECK_INT(p.rank, 7);
	CHECK(!p.trial, "no trial");
}

static void
shares_among_equals(void)
{
	static const uint32_t sizes[] = {2, 3, 4, 8};
	struct path_query q;
	uint32_t i, k;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		q = begin();
		for (k = 0; k < sizes[i]; k++) {
			add(1);
			measure(k, 20000);
		}
		pick_many(&q);
		for (k = 0; k < sizes[i]; k++)
			check_share(k, sizes[i]);
	}
}

static void
shares_among_nearly_equals(void)
{
	struct path_query q = begin();
	uint32_t k;

	for (k = 0; k < 4; k++) {
		add(1);
		measure(k, 20000 + k * 1200);
	}
	pick_many(&q);
	for (k = 0; k < 4; k++)
		check_share(k, 4);
}

static void
gives_slow_ones_less(void)
{
	struct path_query q = begin();
	uint32_t k;

	for (k = 0; k < 4; k++) {
		add(1);
		measure(k, k == 3 ? 200000 : 20000);
	}
	pick_many(&q);
	CHECK(picked[3] < PICKS / 10, "the slow one: %u", picked[3]);
	CHECK(picked[0] > PICKS / 4, "a fast one: %u", picked[0]);
}

static void
gives_busy_ones_less(void)
{
	struct path_query q = begin();

	add(1);
	add(1);
	measure(0, 20000);
	measure(1, 20000);
	loads[SLOT_OF(0)].in_flight = 9;
	pick_many(&q);
	CHECK_INT(picked[1], PICKS);
}

/* In flight as it grows: the shares are those of the weights. */
static void
shares_by_weight(void)
{
	struct path_query q = begin();
	uint64_t seed = 42;
	struct path_pick p;
	uint32_t n[2] = {0, 0};
	int i;

	add(1)->weight = 30;
	add(1)->weight = 10;
	measure(0, 20000);
	measure(1, 20000);
	path_index_build(&index_of, &table);
	for (i = 0; i < 400; i++) {
		CHECK_INT(path_pick(&q, &seed, &p), 0);
		loads[table.rows[p.row].slot].in_flight++;
		n[p.row]++;
	}
	CHECK(n[0] > 280 && n[0] < 320, "%u of 400 to weight 30", n[0]);
}

static void
tries_the_unmeasured_first(void)
{
	struct path_query q = begin();

	add(1);
	add(1);
	measure(0, 1000);
	CHECK_INT(pick(&q), 1);
	/* But only one at a time. */
	loads[SLOT_OF(1)].in_flight = 1;
	CHECK_INT(pick(&q), 0);
}

static void
forgets_old_measures(void)
{
	struct path_query q = begin();
	int64_t ages_us[] = {0, PATH_EWMA_HALVE_US, 2 * PATH_EWMA_HALVE_US};
	uint64_t cost[3];
	int i;

	add(1);
	measure(0, 400000);
	for (i = 0; i < 3; i++) {
		q.now_us = NOW_US + ages_us[i];
		cost[i] = path_cost(&q, 0);
	}
	CHECK_INT(cost[1], cost[0] / 2);
	CHECK_INT(cost[2], cost[0] / 4);
	q.now_us = NOW_US + 1000ll * PATH_EWMA_HALVE_US;
	CHECK(path_cost(&q, 0) > 0, "never free again");
}

static void
slow_start_and_suspicion_cost(void)
{
	struct path_query q = begin();
	uint64_t up;

	add(1);
	measure(0, 20000);
	up = path_cost(&q, 0);
	table.rows[0].observed = TABLE_SLOW_START;
	CHECK(path_cost(&q, 0) > up, "slow start");
	table.rows[0].observed = TABLE_SUSPECT;
	CHECK(path_cost(&q, 0) > up, "suspect");
}

static void
ignores_the_loads_of_an_earlier_tenant(void)
{
	struct path_query q = begin();

	add(1);
	add(1);
	measure(0, 20000);
	measure(1, 1000);
	loads[SLOT_OF(0)].avoid_until_us = NOW_US + 1;
	loads[SLOT_OF(0)].incarnation++;
	CHECK_INT(path_cost(&q, 0), 0);
	CHECK_INT(pick(&q), 0);
}

static void
prefers_the_better_tier(void)
{
	struct path_query q = begin();

	add(20);
	add(10);
	measure(0, 1000);
	measure(1, 900000);
	pick_many(&q);
	CHECK_INT(picked[1], PICKS);
}

static void
goes_on_to_the_next_tier(void)
{
	struct path_query q = begin();

	add(1)->tier = 0; /* ejected */
	table.rows[0].observed = TABLE_EJECTED;
	add(1)->admin = TABLE_DRAIN;
	add(1);
	table.rows[2].connections_max = 5;
	table.rows[2].in_flight = 5;
	add(2);
	pick_many(&q);
	CHECK_INT(picked[3], PICKS);
}

static void
respects_reserved_tiers(void)
{
	struct path_query q = begin();

	table.tiers_n = 1;
	table.tiers[0].rank = 1;
	table.tiers[0].reserved_for = 1u << CLASS_CRITICAL;
	add(1);
	CHECK_INT(path_eligible(&q, 0), PATH_SKIP_RESERVED);
	CHECK_INT(pick(&q), -1);
	add(2);
	CHECK_INT(pick(&q), 1);
	verdict.class = CLASS_CRITICAL;
	CHECK_INT(pick(&q), 0);
}

/* One that is not built in, and the tiers that it may use: none are all. */
#define CLASS_OWN CLASS_BUILT_IN
static void
own_class(uint64_t ranks)
{
	settings.classes_n = CLASS_OWN + 1;
	settings.classes[CLASS_OWN].ranks[0] = ranks;
	settings.classes[CLASS_OWN].ranks_n =
	    (uint32_t)__builtin_popcountll(ranks);
	verdict.class = CLASS_OWN;
}

static void
keeps_to_the_tiers_of_its_class(void)
{
	struct path_query q = begin();
	struct path_tried tried;

	add(1);
	add(2);
	add(3);
	own_class(1u << 2 | 1u << 3);
	CHECK_INT(path_eligible(&q, 0), PATH_SKIP_CLASS);
	CHECK_INT(path_eligible(&q, 1), PATH_ELIGIBLE);
	CHECK_INT(pick(&q), 1);
	tried = tried_row(1, 2);
	q.tried = &tried;
	q.tried_n = 1;
	CHECK_INT(pick(&q), 2);
	q.tried_n = 0;
	/* In which tier it is now counts, not where it belongs. */
	table.rows[0].tier = 3;
	table.rows[2].admin = TABLE_DRAIN;
	table.rows[1].observed = TABLE_EJECTED;
	CHECK_INT(pick(&q), 0);
	/* Another class, or one that says nothing of tiers, has all. */
	table.rows[0].tier = 1;
	CHECK_INT(pick(&q), -1);
	verdict.class = CLASS_BULK;
	CHECK_INT(pick(&q), 0);
	own_class(0);
	CHECK_INT(pick(&q), 0);
	/* A tier that it may use, and that is for others, is none. */
	own_class(1u << 1);
	table.tiers_n = 1;
	table.tiers[0].rank = 1;
	table.tiers[0].reserved_for = 1u << CLASS_CRITICAL;
	CHECK_INT(path_eligible(&q, 0), PATH_SKIP_RESERVED);
	table.tiers[0].reserved_for |= 1u << CLASS_OWN;
	CHECK_INT(pick(&q), 0);
}

/* Of another configuration the bits are those of other classes. */
static void
knows_its_class_after_a_reload(void)
{
	struct path_query q = begin();

	add(1);
	add(2);
	own_class(0);
	table.tiers_n = 1;
	table.tiers[0].rank = 1;
	table.tiers[0].reserved_for = 1u << CLASS_OWN;
	CHECK_INT(pick(&q), 0);
	table.conf_serial = settings.serial + 1;
	CHECK_INT(path_eligible(&q, 0), PATH_SKIP_RESERVED);
	CHECK_INT(pick(&q), 1);
	table.tiers[0].reserved_for = 1u << (CLASS_OWN + 1);
	settings.tiers_n = 1;
	settings.tiers[0].rank = 1;
	settings.tiers[0].reserved_for = 1u << CLASS_OWN;
	CHECK_INT(pick(&q), 0);
	/* Those that are built in are the same in all. */
	verdict.class = CLASS_BULK;
	settings.tiers[0].reserved_for = 1u << CLASS_BULK;
	CHECK_INT(pick(&q), 1);
	table.tiers[0].reserved_for = 1u << CLASS_BULK;
	CHECK_INT(pick(&q), 0);
}

static void
obeys_rules(void)
{
	struct path_query q = begin();

	add(1);
	add(2);
	add(2);
	verdict.via = VIA_TIER;
	verdict.tier = 2;
	pick_many(&q);
	CHECK_INT(picked[0], 0);
	CHECK_INT(path_eligible(&q, 0), PATH_SKIP_TIER);
	verdict.tier = 3;
	CHECK_INT(pick(&q), -1);
	verdict.via = VIA_INTERMEDIARY;
	verdict.intermediary = 1;
	pick_many(&q);
	CHECK_INT(picked[1], PICKS);
	/* A rule does not lift an administrator's drain. */
	table.rows[1].admin = TABLE_DRAIN;
	CHECK_INT(pick(&q), -1);
	CHECK_INT(path_eligible(&q, 1), PATH_SKIP_DRAIN);
}

static uint32_t
in_flight_everywhere(void *arg, uint32_t slot)
{
	const uint32_t *n = arg;

	CHECK_INT(slot, SLOT_OF(0));
	return *n;
}

static void
counts_connections_of_all_workers(void)
{
	struct path_query q = begin();
	uint32_t n = 4;

	add(1)->connections_max = 5;
	q.in_flight = in_flight_everywhere;
	q.arg = &n;
	CHECK_INT(pick(&q), 0);
	n = 5;
	CHECK_INT(pick(&q), -1);
	CHECK_INT(path_eligible(&q, 0), PATH_SKIP_FULL);
}

static void
knows_what_a_type_carries(void)
{
	struct path_query q = begin();
	const uint8_t v6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};

	add(1)->type = TABLE_SOCKS4A;
	add(2)->type = TABLE_HTTP;
	CHECK_INT(pick(&q), 0);
	wire_host_set_v6(&host, v6);
	CHECK_INT(path_eligible(&q, 0), PATH_SKIP_TYPE);
	CHECK_INT(pick(&q), 1);
}

static void
tries_everything_once_before_twice(void)
{
	struct path_query q = begin();
	struct path_tried tried[3];

	q.tried = tried;
	q.tried_n = 1;
	add(1);
	add(2);
	add(3);
	tried[0] = tried_row(0, 1);
	CHECK_INT(pick(&q), 1);
	tried[1] = tried_row(1, 1);
	q.tried_n = 2;
	CHECK_INT(pick(&q), 2);
	tried[2] = tried_row(2, 1);
	q.tried_n = 3;
	CHECK_INT(pick(&q), 0);
	tried[0].times = 2;
	CHECK_INT(pick(&q), 1);
	CHECK_INT(path_eligible(&q, 0), PATH_SKIP_TRIED);
	tried[1].times = UINT32_MAX;
	tried[2].times = 2;
	CHECK_INT(pick(&q), -1);
	q.times_max = 3;
	pick_many(&q);
	CHECK_INT(picked[0], PICKS);
	/* Rows move, slots do not; a slot's next tenant was not tried. */
	q.times_max = 2;
	table.rows[1].incarnation++;
	CHECK_INT(pick(&q), 1);
}

static void
avoids_what_just_failed(void)
{
	struct path_query q = begin();
	uint32_t i;

	for (i = 0; i < 3; i++) {
		add(1);
		measure(i, 1000);
	}
	loads[SLOT_OF(0)].avoid_until_us = NOW_US + 1;
	loads[SLOT_OF(1)].avoid_until_us = NOW_US + 1;
	pick_many(&q);
	CHECK_INT(picked[2], PICKS);
	/* Also when another tier has to serve, */
	loads[SLOT_OF(2)].avoid_until_us = NOW_US + 1;
	add(2);
	measure(3, 900000);
	pick_many(&q);
	CHECK_INT(picked[3], PICKS);
	/* but not when there is nothing else, */
	loads[SLOT_OF(3)].avoid_until_us = NOW_US + 1;
	pick_many(&q);
	CHECK_INT(picked[3], 0);
	check_share(0, 3);
	/* nor for ever. */
	loads[SLOT_OF(1)].avoid_until_us = NOW_US;
	pick_many(&q);
	CHECK_INT(picked[1], PICKS);
}

static void
lets_trials_through(void)
{
	struct path_query q = begin();
	struct path_load *l;
	uint64_t seed = 1;
	struct path_pick p;

	add(1);
	add_half_open(2);
	l = &loads[SLOT_OF(1)];
	path_index_build(&index_of, &table);
	CHECK_INT(path_pick(&q, &seed, &p), 0);
	CHECK(p.row == 1 && p.trial, "a trial of row %u", p.row);
	/* The gap between them. */
	l->trial_us = NOW_US + 1;
	CHECK_INT(pick(&q), 0);
	CHECK_INT(path_eligible(&q, 1), PATH_SKIP_TRIAL);
	l->trial_us = NOW_US;
	CHECK_INT(pick(&q), 1);
	/* How many there may be at once. */
	l->trials = 2;
	CHECK_INT(pick(&q), 0);
	l->trials = 1;
	CHECK_INT(pick(&q), 1);
	/* Tunnels that outlived the ejection are no trials. */
	l->in_flight = 100;
	CHECK_INT(pick(&q), 1);
}

static void
tries_only_fresh_requests_on_trials(void)
{
	struct path_query q = begin();
	struct path_tried tried;

	add(1);
	add(2);
	add_half_open(3);
	tried = tried_row(0, 1);
	q.tried = &tried;
	q.tried_n = 1;
	CHECK_INT(pick(&q), 1);
	/* Unless nothing else is left. */
	table.rows[0].admin = table.rows[1].admin = TABLE_DRAIN;
	loads[SLOT_OF(2)].trials = 2;
	CHECK_INT(pick(&q), 2);
	/* Not even then more often than an intermediary may be tried. */
	tried = tried_row(2, 2);
	CHECK_INT(pick(&q), -1);
}

static void
trials_obey_rules(void)
{
	struct path_query q = begin();

	table.tiers_n = 1;
	table.tiers[0].rank = 1;
	table.tiers[0].reserved_for = 1u << CLASS_CRITICAL;
	add_half_open(1);
	add(2);
	CHECK_INT(pick(&q), 1);
	verdict.class = CLASS_CRITICAL;
	CHECK_INT(pick(&q), 0);
	verdict.via = VIA_TIER;
	verdict.tier = 2;
	CHECK_INT(pick(&q), 1);
}

static void
keeps_to_its_configuration(void)
{
	struct path_query q = begin();

	add(1);
	add(2);
	table.conf_serial = settings.serial + 1;
	CHECK_INT(pick(&q), 0);
	configured[0].port++;
	CHECK_INT(pick(&q), 1);
	CHECK_INT(path_eligible(&q, 0), PATH_SKIP_CONF);
	configured[1].name[0] = 'x';
	CHECK_INT(pick(&q), -1);
	table.conf_serial = settings.serial;
	CHECK_INT(pick(&q), 0);
}

/* A thousand rows, in a thousand tiers or in one, most of them not usable. */
static void
serves_a_thousand(void)
{
	struct path_query q = begin();
	uint32_t i;

	for (i = 0; i < 1000; i++) {
		add(1);
		measure(i, 20000);
	}
	pick_many(&q);
	for (i = 0; i < 1000; i++)
		CHECK(picked[i] < 100, "row %u: %u", i, picked[i]);
	for (i = 0; i < 1000; i++) {
		if (i != 3 && i != 997)
			table.rows[i].admin = TABLE_DRAIN;
	}
	pick_many(&q);
	check_share(3, 2);
	check_share(997, 2);
	for (i = 0; i < 1000; i++) {
		table.rows[i].admin = TABLE_ENABLED;
		table.rows[i].tier = table.rows[i].tier_conf =
		    (uint16_t)(1000 - i);
	}
	CHECK_INT(pick(&q), 999);
}

static void
notes_how_attempts_went(void)
{
	struct path_load l = {0};
	uint32_t i;

	path_load_ok(&l, 8000, NOW_US);
	CHECK_INT(l.ewma_us, 8000);
	path_load_ok(&l, 80000, NOW_US);
	CHECK(l.ewma_us > 40000, "a peak shows at once: %u", l.ewma_us);
	for (i = 0; i < 40; i++)
		path_load_ok(&l, 8000, NOW_US);
	CHECK(l.ewma_us < 9000, "and wears off: %u", l.ewma_us);
	path_load_ok(&l, -5, NOW_US);
	CHECK(l.ewma_us > 0, "0 means unknown");
	path_load_ok(&l, INT64_MAX, NOW_US);
	CHECK(l.ewma_us > 0 && l.ewma_us < UINT32_MAX / 4, "%u", l.ewma_us);

	path_load_failed(&l, NOW_US);
	CHECK_INT(l.avoid_until_us, NOW_US + PATH_AVOID_MIN_US);
	path_load_failed(&l, NOW_US);
	CHECK_INT(l.avoid_until_us, NOW_US + 2 * PATH_AVOID_MIN_US);
	for (i = 0; i < 100; i++)
		path_load_failed(&l, NOW_US);
	CHECK_INT(l.avoid_until_us, NOW_US + PATH_AVOID_MAX_US);
	path_load_ok(&l, 8000, NOW_US + 7999);
	CHECK(l.avoid_until_us != 0, "it was begun before");
	path_load_ok(&l, 8000, NOW_US + 8000);
	CHECK_INT(l.avoid_until_us, 0);
	path_load_failed(&l, NOW_US);
	CHECK_INT(l.avoid_until_us, NOW_US + PATH_AVOID_MIN_US);
}

static void
says_why(void)
{
	int i, k;

	for (i = 0; i < PATH_SKIP_COUNT; i++) {
		CHECK(strlen(path_skip_text((enum path_skip)i)) > 1, "%d", i);
		for (k = 0; k < i; k++)
			CHECK(strcmp(path_skip_text((enum path_skip)i),
				  path_skip_text((enum path_skip)k)) != 0,
			    "%d and %d read the same", i, k);
	}
}

static const struct unit_case cases[] = {
    {"finds none in nothing", finds_none_in_nothing},
    {"takes the only one", takes_the_only_one},
    {"shares among equals", shares_among_equals},
    {"shares among nearly equals", shares_among_nearly_equals},
    {"gives slow ones less", gives_slow_ones_less},
    {"gives busy ones less", gives_busy_ones_less},
    {"shares by weight", shares_by_weight},
    {"tries the unmeasured first", tries_the_unmeasured_first},
    {"forgets old measures", forgets_old_measures},
    {"slow start and suspicion cost", slow_start_and_suspicion_cost},
    {"ignores an earlier tenant's loads",
	ignores_the_loads_of_an_earlier_tenant},
    {"prefers the better tier", prefers_the_better_tier},
    {"goes on to the next tier", goes_on_to_the_next_tier},
    {"respects reserved tiers", respects_reserved_tiers},
    {"keeps to the tiers of its class", keeps_to_the_tiers_of_its_class},
    {"knows its class after a reload", knows_its_class_after_a_reload},
    {"obeys rules", obeys_rules},
    {"counts connections of all workers", counts_connections_of_all_workers},
    {"knows what a type carries", knows_what_a_type_carries},
    {"tries everything once before twice", tries_everything_once_before_twice},
    {"avoids what just failed", avoids_what_just_failed},
    {"lets trials through", lets_trials_through},
    {"only fresh requests are trials", tries_only_fresh_requests_on_trials},
    {"trials obey rules", trials_obey_rules},
    {"keeps to its configuration", keeps_to_its_configuration},
    {"serves a thousand", serves_a_thousand},
    {"notes how attempts went", notes_how_attempts_went},
    {"says why", says_why},
};

UNIT_MAIN("path", cases)
