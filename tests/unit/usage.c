/* The table that users are counted in: places, spans, a hostile one. */
#include "shm/usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct usage *
fresh(void)
{
	struct usage *u = calloc(1, sizeof(*u));

	memcpy(u->key, "0123456789abcdef", sizeof(u->key));
	return u;
}

static struct usage_entry *
enter(struct usage *u, const char *name, int64_t now_us)
{
	return usage_enter(u, usage_hash(u, name), name, now_us);
}

static void
counts_connections(void)
{
	struct usage *u = fresh();
	uint64_t alice = usage_hash(u, "login alice");
	struct usage_entry *e;

	CHECK_INT(usage_connections(u, alice), 0);
	e = enter(u, "login alice", 1);
	usage_up(e);
	usage_up(e);
	CHECK(enter(u, "login alice", 2) == e, "the same place");
	CHECK_INT(usage_connections(u, alice), 2);
	CHECK_INT(usage_connections(u, usage_hash(u, "login bob")), 0);
	usage_down(e);
	usage_down(e);
	usage_down(e);
	CHECK_INT(usage_connections(u, alice), 0);
	free(u);
}

static void
counts_requests_by_span(void)
{
	struct usage *u = fresh();
	uint64_t uid = usage_hash(u, "uid 5");
	struct usage_entry *e = enter(u, "uid 5", 1);
	int i;

	for (i = 0; i < 3; i++)
		usage_count(e, 70, 1);
	usage_count(e, 71, 2);
	CHECK_INT(usage_requests(u, uid, 69), 0);
	CHECK_INT(usage_requests(u, uid, 70), 3);
	CHECK_INT(usage_requests(u, uid, 71), 1);
	usage_count(e, 72, 3); /* in the place of the first */
	CHECK_INT(usage_requests(u, uid, 70), 0);
	CHECK_INT(usage_requests(u, uid, 71), 1);
	CHECK_INT(usage_requests(u, uid, 72), 1);
	free(u);
}

/* Names enough to overflow every set; the table stays within itself, who has
 * a connection keeps its place, and the rest is told that there is none. */
static void
is_bounded(void)
{
	struct usage *u = fresh();
	struct usage_entry *e;
	uint32_t i, placed = 0, seen = 0;
	struct usage_sample s;
	char name[32];

	for (i = 0; i < 10 * USAGE_ENTRIES; i++) {
		snprintf(name, sizeof(name), "uid %u", i);
		e = enter(u, name, i);
		if (e == NULL)
			continue;
		placed++;
		usage_up(e);
	}
	CHECK_INT(placed, USAGE_ENTRIES);
	CHECK_INT(u->homeless, 9 * USAGE_ENTRIES);
	for (i = 0; i < USAGE_ENTRIES; i++) {
		if (usage_at(u, i, &s)) {
			CHECK_INT(s.connections, 1);
			CHECK_INT(s.hash, usage_hash(u, s.name));
			seen++;
		}
	}
	CHECK_INT(seen, USAGE_ENTRIES);
	CHECK(!usage_at(u, USAGE_ENTRIES, &s), "beyond the end");
	free(u);
}

static void
who_is_quiet_makes_room(void)
{
	struct usage *u = fresh();
	uint64_t busy = usage_hash(u, "login busy");
	struct usage_entry *e = enter(u, "login busy", 1);
	char name[32];
	uint32_t i;

	usage_up(e);
	usage_count(e, 9, 1);
	for (i = 0; i < 4 * USAGE_ENTRIES; i++) {
		snprintf(name, sizeof(name), "uid %u", i);
		CHECK(enter(u, name, i + 2) != NULL, "%s finds a place", name);
	}
	CHECK_INT(usage_connections(u, busy), 1);
	CHECK_INT(usage_requests(u, busy, 9), 1);
	/* The last one is there, and the first one is not. */
	CHECK_INT(usage_requests(u, usage_hash(u, name), 9), 0);
	usage_count(enter(u, name, i + 2), 9, i + 2);
	CHECK_INT(usage_requests(u, usage_hash(u, name), 9), 1);
	free(u);
}

static void
a_new_tenant_starts_from_nothing(void)
{
	struct usage *u = fresh();
	struct usage_entry *e;
	char name[32];
	uint32_t i;

	for (i = 0; i < 2 * USAGE_ENTRIES; i++) {
		snprintf(name, sizeof(name), "uid %u", i);
		e = enter(u, name, i);
		usage_refuse(e);
		usage_count(e, 7, i);
		CHECK_INT(usage_requests(u, usage_hash(u, name), 7), 1);
		CHECK_INT(e->refused, 1);
	}
	free(u);
}

static void
a_successor_has_no_connections(void)
{
	struct usage *u = fresh();
	struct usage_entry *e = enter(u, "uid 5", 1);

	usage_up(e);
	usage_count(e, 3, 1);
	usage_start(u);
	CHECK_INT(usage_connections(u, usage_hash(u, "uid 5")), 0);
	CHECK_INT(usage_requests(u, usage_hash(u, "uid 5"), 3), 1);
	free(u);
}

/* Any bytes at all are read without harm and within bounds. */
static void
a_hostile_table_is_clamped(void)
{
	struct usage *u = fresh();
	struct usage_sample s;
	uint64_t x = 88172645463325252ull;
	size_t i;

	for (i = 0; i < sizeof(*u) / 8; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy((uint8_t *)u + i * 8, &x, 8);
	}
	for (i = 0; i < USAGE_ENTRIES; i++) {
		uint64_t h = u->hashes[i];

		CHECK(usage_connections(u, h) <= 1u << 20, "connections");
		CHECK(usage_requests(u, h, x) < 1u << 24, "requests");
		if (usage_at(u, (uint32_t)i, &s))
			CHECK(strlen(s.name) <= USAGE_NAME_MAX &&
				  s.connections <= 1u << 20,
			    "a sample");
	}
	memset(u, 0xff, sizeof(*u));
	CHECK_INT(usage_connections(u, UINT64_MAX), 1u << 20);
	CHECK_INT(usage_requests(u, UINT64_MAX, UINT64_MAX), (1u << 24) - 1);
	CHECK(!usage_at(u, 0, &s), "no name");
	free(u);
}

static void
names_have_a_hash_by_the_key(void)
{
	struct usage *u = fresh(), *v = fresh();
	char a[200], b[200];

	v->key[0] ^= 1;
	CHECK(usage_hash(u, "uid 1") != usage_hash(v, "uid 1"), "keyed");
	CHECK(usage_hash(u, "uid 1") != usage_hash(u, "uid 2"), "by name");
	CHECK(usage_hash(u, "") != 0, "never 0");
	memset(a, 'a', sizeof(a));
	a[sizeof(a) - 1] = '\0';
	memcpy(b, a, sizeof(a));
	b[USAGE_NAME_MAX] = 'b';
	CHECK(usage_hash(u, a) == usage_hash(u, b), "so much of it counts");
	b[USAGE_NAME_MAX - 1] = 'b';
	CHECK(usage_hash(u, a) != usage_hash(u, b), "and all of that");
	free(u);
	free(v);
}

static const struct unit_case cases[] = {
    {"counts connections", counts_connections},
    {"counts requests by span", counts_requests_by_span},
    {"is bounded", is_bounded},
    {"who is quiet makes room", who_is_quiet_makes_room},
    {"a new tenant starts from nothing", a_new_tenant_starts_from_nothing},
    {"a successor has no connections", a_successor_has_no_connections},
    {"a hostile table is clamped", a_hostile_table_is_clamped},
    {"names have a hash by the key", names_have_a_hash_by_the_key},
};

UNIT_MAIN("usage", cases)
