/* Recorded choices: made by chance, written, read and made again. */
#include "cagentd/decide/decision.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "wire/wire.h"

#define NOW_US	 1000000000
#define CHOICES	 4000
#define ROWS_FEW 12
#define HEAD_LEN 12

/* One at a time: too large for the stack. */
static struct table table, table_read_back;
static struct path_index index_of, index_read_back;
static struct path_load loads[TABLE_ROWS_MAX];
static uint32_t in_flight[TABLE_ROWS_MAX];
static struct settings settings;
static struct settings_intermediary configured[TABLE_ROWS_MAX];
static struct path_tried tried[DECISION_TRIED_MAX + 1];
static struct verdict verdict;
static struct wire_host host;
static struct path_query query;
static struct path_pick pick;
static struct decision decision;
static struct decision_replay replay;
static uint8_t buf[DECISION_RECORD_MAX], table_buf[DECISION_RECORD_MAX];
static uint64_t chance_state;

static uint32_t
chance(uint32_t bound)
{
	chance_state = chance_state * 6364136223846793005ull + 1;
	return (uint32_t)((chance_state >> 33) % bound);
}

static void
chance_fill(void *out, size_t len)
{
	uint8_t *p = out;
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)chance(256);
}

static uint32_t
ask(void *arg, uint32_t slot)
{
	CHECK(arg == &query, "the query's own argument");
	return in_flight[slot];
}

/*
 * Every byte of a row by chance but for what must hold of it: whatever
 * path_pick() comes to look at that is not recorded shows as a choice that is
 * not made again.
 */
static void
make_row(uint32_t i)
{
	struct table_row *row = &table.rows[i];
	struct path_load *l;

	chance_fill(row, sizeof(*row));
	memset(row->name, 0, sizeof(row->name));
	memset(row->host, 0, sizeof(row->host));
	snprintf(row->name, sizeof(row->name), "hop-%u", i);
	snprintf(row->host, sizeof(row->host), "192.0.2.%u", i % 250);
	row->slot = TABLE_ROWS_MAX - 1 - i;
	row->type = (uint8_t)chance(TABLE_HTTPS + 1);
	row->admin = chance(8) == 0 ? TABLE_DRAIN : TABLE_ENABLED;
	row->observed = (uint8_t)chance(TABLE_SLOW_START + 1);
	row->tier_conf = (uint16_t)(1 + chance(3));
	row->tier_policy = (uint16_t)chance(2);
	row->tier_pinned = chance(4) == 0 ? (uint16_t)(1 + chance(3)) : 0;
	row->tier = chance(8) == 0 ? 0 : (uint16_t)(1 + chance(3));
	row->weight = chance(20);
	row->connections_max = chance(3) == 0 ? 1 + chance(4) : 0;
	row->in_flight = chance(4);
	row->trials = chance(3);
	row->handshake_p50_us = chance(4) == 0 ? 0 : chance(50000);
	in_flight[row->slot] = chance(4);
	l = &loads[row->slot];
	chance_fill(l, sizeof(*l));
	l->incarnation = row->incarnation + (chance(8) == 0);
	l->in_flight = chance(4);
	l->ewma_us = chance(3) == 0 ? 0 : chance(50000);
	l->ewma_at_us = NOW_US - chance(30000000);
	l->trials = chance(3);
	l->avoid_until_us = chance(4) == 0 ? NOW_US + chance(1000) : 0;
	l->trial_us = chance(2) * (NOW_US + chance(2000) - 1000);
	if (chance(3) == 0)
		memset(l, 0, sizeof(*l));
}

static void
make_classes(bool same)
{
	struct settings_class *c;
	uint32_t i;

	settings.classes_n = SETTINGS_CLASSES_MAX - 2;
	for (i = 0; i < settings.classes_n; i++) {
		c = &settings.classes[i];
		c->ranks[0] = chance(3) == 0 ? chance(8) << 1 : 0;
		c->ranks_n = (uint32_t)__builtin_popcountll(c->ranks[0]);
	}
	settings.tiers_n = chance(4);
	for (i = 0; i < settings.tiers_n; i++) {
		settings.tiers[i].rank = (uint16_t)(i + 1);
		settings.tiers[i].reserved_for = same ? 0 : chance(1 << 16);
	}
}

static void
make_settings(bool same)
{
	struct settings_intermediary *si;
	uint32_t i;

	memset(&settings, 0, sizeof(settings));
	memset(configured, 0, sizeof(configured));
	make_classes(same);
	settings.intermediaries = configured;
	settings.serial = table.conf_serial + (same ? 0 : 1);
	for (i = 0; i < table.rows_n; i++) {
		if (!same && chance(4) == 0)
			continue;
		si = &configured[settings.intermediaries_n++];
		memcpy(si->name, table.rows[i].name, sizeof(si->name));
		memcpy(si->host, table.rows[i].host, sizeof(si->host));
		si->port =
		    (uint16_t)(table.rows[i].port + (!same && chance(4) == 0));
	}
	if (settings.intermediaries_n == 0)
		snprintf(
		    configured[settings.intermediaries_n++].name, 8, "other");
}

static void
make_request(void)
{
	static const char *const hosts[] = {
	    "example.com", "192.0.2.7", "2001:db8::1", "0.0.0.7"};
	const char *text = hosts[chance(4)];
	uint32_t i;

	verdict = (struct verdict){.rule = -1};
	verdict.via = VIA_DEFAULT;
	if (chance(3) == 0) {
		verdict.via = chance(2) == 0 ? VIA_TIER : VIA_INTERMEDIARY;
		verdict.tier = (uint16_t)(1 + chance(3));
		verdict.intermediary = chance(settings.intermediaries_n);
	}
	verdict.class = (uint8_t)chance(SETTINGS_CLASSES_MAX);
	host = (struct wire_host){.port = 443};
	CHECK_INT(wire_host_set(&host, text, strlen(text)), 0);
	query = (struct path_query){.table = &table,
	    .index = &index_of,
	    .loads = loads,
	    .settings = &settings,
	    .verdict = &verdict,
	    .host = &host,
	    .tried = tried,
	    .times_max = 1 + chance(3),
	    .now_us = NOW_US,
	    .in_flight = chance(3) != 0 ? ask : NULL,
	    .arg = &query};
	query.tried_n = table.rows_n > 0 ? chance(4) : 0;
	for (i = 0; i < query.tried_n; i++) {
		const struct table_row *row = &table.rows[chance(table.rows_n)];

		tried[i] = (struct path_tried){
		    row->slot, row->incarnation, 1 + chance(2)};
	}
}

static void
make_all(uint32_t rows_n)
{
	uint32_t i;

	memset(loads, 0, sizeof(loads));
	memset(&table, 0, sizeof(table));
	table.generation = 7;
	table.conf_serial = 3;
	table.rows_n = rows_n;
	table.tiers_n = 3;
	for (i = 0; i < table.tiers_n; i++) {
		table.tiers[i].rank = (uint16_t)(i + 1);
		table.tiers[i].reserved_for =
		    chance(3) == 0 ? chance(1 << 16) : 0;
	}
	for (i = 0; i < rows_n; i++)
		make_row(i);
	make_settings(chance(3) != 0);
	make_request();
	path_index_build(&index_of, &table);
}

/* Choose, and write it down; the length. */
static size_t
choose(uint64_t seed)
{
	struct decision_made made = {
	    .worker = 5, .query = &query, .seed = seed};
	uint64_t s = seed;

	if (path_pick(&query, &s, &pick) == 0)
		made.pick = &pick;
	return decision_encode(&made, buf);
}

static struct decision_record
record_of(const uint8_t *b, size_t len, enum decision_kind kind)
{
	struct decision_record r = {0};

	CHECK(len > 0, "it can be written");
	CHECK_INT(decision_record_decode(b, len, &r), len);
	CHECK_INT(r.kind, kind);
	CHECK_INT(r.worker, 5);
	return r;
}

static void
read_back(size_t len)
{
	struct decision_record r = record_of(buf, len, DECISION_PICK);
	size_t table_len = decision_table_encode(5, &table, table_buf);

	CHECK_INT(decision_decode(&r, &decision), 0);
	r = record_of(table_buf, table_len, DECISION_TABLE);
	CHECK_INT(decision_table_decode(&r, &table_read_back), 0);
	CHECK_INT(table_read_back.generation, table.generation);
	CHECK_INT(decision.generation, table.generation);
	CHECK_INT(table_read_back.rows_n, table.rows_n);
	path_index_build(&index_read_back, &table_read_back);
}

static bool
again(struct decision_outcome *out)
{
	return decision_replay(
	    &replay, &table_read_back, &index_read_back, &decision, out);
}

static void
chooses_the_same_again(void)
{
	struct decision_outcome out;
	uint32_t i, found = 0, rows_n;

	chance_state = 1;
	for (i = 0; i < CHOICES; i++) {
		rows_n = i % 400 == 0 ? TABLE_ROWS_MAX : chance(ROWS_FEW);
		make_all(rows_n);
		read_back(choose(i));
		CHECK(again(&out), "choice %u of %u rows: %d slot %u cost %llu",
		    i, rows_n, out.picked, out.slot,
		    (unsigned long long)out.cost);
		CHECK_INT(decision.outcome.picked, out.picked);
		found += out.picked;
	}
	CHECK(found > CHOICES / 4 && found < CHOICES,
	    "%u of %u found one: this shows little", found, CHOICES);
}

/* As if path_pick() had become another, or had seen something else. */
static void
sees_another_outcome(void)
{
	struct decision_outcome out, was;

	chance_state = 1;
	do {
		make_all(ROWS_FEW);
		read_back(choose(1));
	} while (!decision.outcome.picked);
	was = decision.outcome;
	CHECK(again(&out), "it is the same");
	decision.outcome.slot--;
	CHECK(!again(&out), "another slot");
	decision.outcome = was;
	decision.outcome.incarnation++;
	CHECK(!again(&out), "another tenant of it");
	decision.outcome = was;
	decision.outcome.rank++;
	CHECK(!again(&out), "another rank");
	decision.outcome = was;
	decision.outcome.trial = !was.trial;
	CHECK(!again(&out), "a trial");
	decision.outcome = was;
	decision.outcome.cost++;
	CHECK(!again(&out), "another cost");
	decision.outcome = was;
	decision.outcome.why =
	    was.why == PATH_WHY_ONLY ? PATH_WHY_DRAWN : PATH_WHY_ONLY;
	CHECK(!again(&out), "another reason");
	decision.outcome = was;
	decision.outcome.avoided = !was.avoided;
	CHECK(!again(&out), "avoided");
	decision.outcome = was;
	decision.outcome.spilled = !was.spilled;
	CHECK(!again(&out), "spilled");
	decision.outcome = was;
	decision.outcome.passed = !was.passed;
	CHECK(!again(&out), "passed");
	decision.outcome = (struct decision_outcome){0};
	CHECK(!again(&out), "none");
	CHECK_INT(out.slot, was.slot);
	decision.outcome = was;
	CHECK(again(&out), "and the same");
}

/* Four alike, of which one is picked by chance, the rest by what differs. */
static void
make_four(void)
{
	uint32_t i;

	make_all(0);
	table.rows_n = 4;
	memset(table.tiers, 0, sizeof(table.tiers));
	for (i = 0; i < 4; i++) {
		make_row(i);
		table.rows[i] = (struct table_row){.slot = 10 + i,
		    .incarnation = 1,
		    .tier = 1,
		    .tier_conf = 1,
		    .weight = 10,
		    .connections_max = 2};
		snprintf(table.rows[i].name, TABLE_NAME_MAX, "hop-%u", i);
		in_flight[10 + i] = 0;
		loads[10 + i] = (struct path_load){
		    .incarnation = 1, .ewma_us = 20000, .ewma_at_us = NOW_US};
	}
	make_settings(true);
	memset(settings.classes, 0, sizeof(settings.classes));
	make_request();
	verdict = (struct verdict){.class = CLASS_NORMAL, .rule = -1};
	query.tried_n = 0;
	query.in_flight = ask;
	path_index_build(&index_of, &table);
}

static void
changed_seed(uint32_t slot)
{
	(void)slot; /* whatever it was */
	decision.seed += 12345;
}

static void
changed_load(uint32_t slot)
{
	uint32_t i;

	for (i = 0; i < decision.loads_n; i++) {
		if (decision.loads[i].slot == slot)
			decision.loads[i].load.ewma_us *= 10;
	}
}

static void
changed_in_flight(uint32_t slot)
{
	uint32_t i;

	for (i = 0; i < decision.in_flight_n; i++) {
		if (decision.in_flight[i].slot == slot)
			decision.in_flight[i].n = 2;
	}
}

static void
changed_tried(uint32_t slot)
{
	decision.tried[0] = (struct path_tried){slot, 1, 2};
	decision.tried_n = 1;
}

static void
changed_table(uint32_t slot)
{
	table_read_back.rows[slot - 10].admin = TABLE_DRAIN;
}

static void
changed_settings(uint32_t slot)
{
	memset(decision.configured, 0xff, sizeof(decision.configured));
	decision.configured[0] &= (uint8_t) ~(1u << (slot - 10));
	decision.same_settings = false;
}

static void
changed_verdict(uint32_t slot)
{
	decision.verdict.via = VIA_INTERMEDIARY;
	snprintf(
	    decision.via, sizeof(decision.via), "hop-%u", (slot - 10 + 1) % 4);
}

static void
changed_class(uint32_t slot)
{
	(void)slot; /* all are in another tier */
	decision.ranks_n = 1;
	decision.ranks[0] = 2;
}

static void
changed_host(uint32_t slot)
{
	(void)slot; /* none can carry it */
	decision.host = DECISION_HOST_NONE;
}

/* Each thing that is recorded is of consequence. */
static void
needs_all_that_it_records(void)
{
	static const struct {
		const char *name;
		void (*change)(uint32_t slot);
	} rows[] = {
	    {"seed", changed_seed},
	    {"load", changed_load},
	    {"in flight", changed_in_flight},
	    {"tried", changed_tried},
	    {"table", changed_table},
	    {"settings", changed_settings},
	    {"verdict", changed_verdict},
	    {"class", changed_class},
	    {"host", changed_host},
	};
	struct decision_outcome out;
	uint32_t i, seed, differ;

	chance_state = 1;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		differ = 0;
		for (seed = 0; seed < 50; seed++) {
			make_four();
			query.times_max = 2;
			read_back(choose(seed * 1000003ull));
			CHECK(decision.outcome.picked, "one is found");
			CHECK(again(&out), "unchanged it is the same");
			rows[i].change(decision.outcome.slot);
			differ += !again(&out);
		}
		CHECK(
		    differ >= 25, "%s: %u of 50 differ", rows[i].name, differ);
	}
}

static void
check_cuts(const uint8_t *b, size_t len)
{
	struct decision_record r;
	uint8_t *exact;
	size_t n;

	for (n = 0; n < len; n++) {
		exact = malloc(n > 0 ? n : 1);
		memcpy(exact, b, n);
		CHECK_INT(decision_record_decode(exact, n, &r), WIRE_MORE);
		free(exact);
	}
}

/* A record whose bytes were damaged anywhere is none. */
static void
check_flips(uint8_t *b, size_t len)
{
	struct decision_record r;
	size_t n;
	int bit;

	for (n = 0; n < len; n++) {
		for (bit = 0; bit < 8; bit++) {
			b[n] ^= (uint8_t)(1 << bit);
			CHECK(decision_record_decode(b, len, &r) <= 0,
			    "byte %zu, bit %d", n, bit);
			b[n] ^= (uint8_t)(1 << bit);
		}
	}
}

static void
tells_what_is_cut_or_damaged(void)
{
	size_t len, table_len;

	chance_state = 3;
	make_all(ROWS_FEW);
	len = choose(1);
	table_len = decision_table_encode(5, &table, table_buf);
	check_cuts(buf, len);
	check_cuts(table_buf, table_len);
	check_flips(buf, len);
	check_flips(table_buf, table_len);
}

/* Content of every length that the record's head says rightly. */
static void
refuses_content_that_ends_early(void)
{
	struct decision_record r, cut;
	size_t len;

	chance_state = 3;
	make_all(ROWS_FEW);
	read_back(choose(1));
	r = record_of(buf, choose(1), DECISION_PICK);
	for (len = 0; len < r.len; len++) {
		cut = r;
		cut.len = len;
		CHECK_INT(decision_decode(&cut, &decision), -EPROTO);
	}
	CHECK_INT(decision_table_decode(&r, &table_read_back), -EPROTO);
	cut = r;
	cut.len++; /* the checksum lies behind */
	CHECK_INT(decision_decode(&cut, &decision), -EPROTO);
	r = record_of(table_buf, decision_table_encode(5, &table, table_buf),
	    DECISION_TABLE);
	for (len = 0; len < r.len; len++) {
		cut = r;
		cut.len = len;
		CHECK_INT(
		    decision_table_decode(&cut, &table_read_back), -EPROTO);
	}
	CHECK_INT(decision_decode(&r, &decision), -EPROTO);
}

/* Fields with a range, by their place in the content, and what is too much. */
static void
refuses_what_cannot_be(void)
{
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {
	    {16, 0x40},			  /* now_us: after the end of time */
	    {24, 1},			  /* times_max */
	    {27, DECISION_TIMES_MAX + 1}, /* likewise */
	    {28, VIA_DENY + 1},
	    {31, SETTINGS_CLASSES_MAX},
	    {32, TABLE_NAME_MAX + 1}, /* of the name's length */
	    {33, DECISION_HOST_DATAGRAMS + 1},
	    {34, 4}, /* flags */
	    {35, DECISION_TRIED_MAX + 1},
	};
	struct decision_record r;
	uint8_t *content;
	size_t i, len;

	chance_state = 1;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		make_four();
		len = choose(1);
		r = record_of(buf, len, DECISION_PICK);
		content = buf + HEAD_LEN;
		CHECK_INT(decision_decode(&r, &decision), 0);
		content[rows[i].at] = rows[i].value;
		CHECK(decision_decode(&r, &decision) == -EPROTO, "row %zu", i);
	}
	/* A load of the future, on which a shift would be undefined. */
	make_four();
	loads[10].ewma_at_us = NOW_US + 1;
	r = record_of(buf, choose(1), DECISION_PICK);
	CHECK_INT(decision_decode(&r, &decision), -EPROTO);
}

static void
refuses_rows_that_cannot_be(void)
{
	struct decision_record r;

	chance_state = 1;
	make_four();
	table.rows[1].slot = TABLE_ROWS_MAX;
	r = record_of(table_buf, decision_table_encode(5, &table, table_buf),
	    DECISION_TABLE);
	CHECK_INT(decision_table_decode(&r, &table_read_back), -EPROTO);
	make_four();
	table.rows[1].type = TABLE_HTTPS + 1;
	r = record_of(table_buf, decision_table_encode(5, &table, table_buf),
	    DECISION_TABLE);
	CHECK_INT(decision_table_decode(&r, &table_read_back), -EPROTO);
	make_four();
	table.rows[1].observed = TABLE_SLOW_START + 1;
	r = record_of(table_buf, decision_table_encode(5, &table, table_buf),
	    DECISION_TABLE);
	CHECK_INT(decision_table_decode(&r, &table_read_back), -EPROTO);
	CHECK_INT(
	    decision_table_encode(DECISION_WORKERS_MAX, &table, table_buf), 0);
}

/* The largest of both fit, and what is larger is not written at all. */
static void
has_room_for_the_largest(void)
{
	uint32_t i;

	chance_state = 1;
	make_all(TABLE_ROWS_MAX);
	for (i = 0; i < TABLE_ROWS_MAX; i++) {
		memset(table.rows[i].name, 'x', TABLE_NAME_MAX);
		table.rows[i].connections_max = 1;
		loads[table.rows[i].slot] = (struct path_load){
		    .incarnation = table.rows[i].incarnation, .in_flight = 1};
	}
	make_settings(false);
	query.in_flight = ask;
	query.tried_n = DECISION_TRIED_MAX;
	read_back(choose(1));
	CHECK_INT(decision.loads_n, TABLE_ROWS_MAX);
	CHECK_INT(decision.in_flight_n, TABLE_ROWS_MAX);
	CHECK_INT(decision.tried_n, DECISION_TRIED_MAX);
	query.tried_n++;
	CHECK_INT(choose(1), 0);
	query.tried_n--;
	query.times_max = DECISION_TIMES_MAX + 1;
	CHECK_INT(choose(1), 0);
}

static const struct unit_case cases[] = {
    {"chooses the same again", chooses_the_same_again},
    {"sees another outcome", sees_another_outcome},
    {"needs all that it records", needs_all_that_it_records},
    {"tells what is cut or damaged", tells_what_is_cut_or_damaged},
    {"refuses content that ends early", refuses_content_that_ends_early},
    {"refuses what cannot be", refuses_what_cannot_be},
    {"refuses rows that cannot be", refuses_rows_that_cannot_be},
    {"has room for the largest", has_room_for_the_largest},
};

UNIT_MAIN("decision", cases)
