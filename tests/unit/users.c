/* The table that users are counted in: places, spans, a hostile one. */
#include "shm/users.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct users *
fresh(void)
{
	struct users *u = calloc(1, sizeof(*u));

	memcpy(u->key, "0123456789abcdef", sizeof(u->key));
	return u;
}

static struct users_entry *
enter(struct users *u, const char *name, int64_t now_us)
{
	return users_enter(u, users_hash(u, name), name, now_us);
}

static void
counts_connections(void)
{
	struct users *u = fresh();
	uint64_t alice = users_hash(u, "login alice");
	struct users_entry *e;

	CHECK_INT(users_connections(u, alice), 0);
	e = enter(u, "login alice", 1);
	users_up(e);
	users_up(e);
	CHECK(enter(u, "login alice", 2) == e, "the same place");
	CHECK_INT(users_connections(u, alice), 2);
	CHECK_INT(users_connections(u, users_hash(u, "login bob")), 0);
	users_down(e);
	users_down(e);
	users_down(e);
	CHECK_INT(users_connections(u, alice), 0);
	free(u);
}

static void
counts_requests_by_span(void)
{
	struct users *u = fresh();
	uint64_t uid = users_hash(u, "uid 5");
	struct users_entry *e = enter(u, "uid 5", 1);
	int i;

	for (i = 0; i < 3; i++)
		users_count(e, 70, 1);
	users_count(e, 71, 2);
	CHECK_INT(users_requests(u, uid, 69), 0);
	CHECK_INT(users_requests(u, uid, 70), 3);
	CHECK_INT(users_requests(u, uid, 71), 1);
	users_count(e, 72, 3); /* in the place of the first */
	CHECK_INT(users_requests(u, uid, 70), 0);
	CHECK_INT(users_requests(u, uid, 71), 1);
	CHECK_INT(users_requests(u, uid, 72), 1);
	free(u);
}

/* Names enough to overflow every set; the table stays within itself, who has
 * a connection keeps its place, and the rest is told that there is none. */
static void
is_bounded(void)
{
	struct users *u = fresh();
	struct users_entry *e;
	uint32_t i, placed = 0, seen = 0;
	struct users_sample s;
	char name[32];

	for (i = 0; i < 10 * USERS_ENTRIES; i++) {
		snprintf(name, sizeof(name), "uid %u", i);
		e = enter(u, name, i);
		if (e == NULL)
			continue;
		placed++;
		users_up(e);
	}
	CHECK_INT(placed, USERS_ENTRIES);
	CHECK_INT(u->homeless, 9 * USERS_ENTRIES);
	for (i = 0; i < USERS_ENTRIES; i++) {
		if (users_at(u, i, &s)) {
			CHECK_INT(s.connections, 1);
			CHECK_INT(s.hash, users_hash(u, s.name));
			seen++;
		}
	}
	CHECK_INT(seen, USERS_ENTRIES);
	CHECK(!users_at(u, USERS_ENTRIES, &s), "beyond the end");
	free(u);
}

static void
who_is_quiet_makes_room(void)
{
	struct users *u = fresh();
	uint64_t busy = users_hash(u, "login busy");
	struct users_entry *e = enter(u, "login busy", 1);
	char name[32];
	uint32_t i;

	users_up(e);
	users_count(e, 9, 1);
	for (i = 0; i < 4 * USERS_ENTRIES; i++) {
		snprintf(name, sizeof(name), "uid %u", i);
		CHECK(enter(u, name, i + 2) != NULL, "%s finds a place", name);
	}
	CHECK_INT(users_connections(u, busy), 1);
	CHECK_INT(users_requests(u, busy, 9), 1);
	/* The last one is there, and the first one is not. */
	CHECK_INT(users_requests(u, users_hash(u, name), 9), 0);
	users_count(enter(u, name, i + 2), 9, i + 2);
	CHECK_INT(users_requests(u, users_hash(u, name), 9), 1);
	free(u);
}

static void
a_new_tenant_starts_from_nothing(void)
{
	struct users *u = fresh();
	struct users_entry *e;
	char name[32];
	uint32_t i;

	for (i = 0; i < 2 * USERS_ENTRIES; i++) {
		snprintf(name, sizeof(name), "uid %u", i);
		e = enter(u, name, i);
		users_refuse(e);
		users_count(e, 7, i);
		CHECK_INT(users_requests(u, users_hash(u, name), 7), 1);
		CHECK_INT(e->refused, 1);
	}
	free(u);
}

static void
a_successor_has_no_connections(void)
{
	struct users *u = fresh();
	struct users_entry *e = enter(u, "uid 5", 1);

	users_up(e);
	users_count(e, 3, 1);
	users_start(u);
	CHECK_INT(users_connections(u, users_hash(u, "uid 5")), 0);
	CHECK_INT(users_requests(u, users_hash(u, "uid 5"), 3), 1);
	free(u);
}

/* Any bytes at all are read without harm and within bounds. */
static void
a_hostile_table_is_clamped(void)
{
	struct users *u = fresh();
	struct users_sample s;
	uint64_t x = 88172645463325252ull;
	size_t i;

	for (i = 0; i < sizeof(*u) / 8; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy((uint8_t *)u + i * 8, &x, 8);
	}
	for (i = 0; i < USERS_ENTRIES; i++) {
		uint64_t h = u->hashes[i];

		CHECK(users_connections(u, h) <= 1u << 20, "connections");
		CHECK(users_requests(u, h, x) < 1u << 24, "requests");
		if (users_at(u, (uint32_t)i, &s))
			CHECK(strlen(s.name) <= USERS_NAME_MAX &&
				  s.connections <= 1u << 20,
			    "a sample");
	}
	memset(u, 0xff, sizeof(*u));
	CHECK_INT(users_connections(u, UINT64_MAX), 1u << 20);
	CHECK_INT(users_requests(u, UINT64_MAX, UINT64_MAX), (1u << 24) - 1);
	CHECK(!users_at(u, 0, &s), "no name");
	free(u);
}

static void
names_have_a_hash_by_the_key(void)
{
	struct users *u = fresh(), *v = fresh();
	char a[200], b[200];

	v->key[0] ^= 1;
	CHECK(users_hash(u, "uid 1") != users_hash(v, "uid 1"), "keyed");
	CHECK(users_hash(u, "uid 1") != users_hash(u, "uid 2"), "by name");
	CHECK(users_hash(u, "") != 0, "never 0");
	memset(a, 'a', sizeof(a));
	a[sizeof(a) - 1] = '\0';
	memcpy(b, a, sizeof(a));
	b[USERS_NAME_MAX] = 'b';
	CHECK(users_hash(u, a) == users_hash(u, b), "so much of it counts");
	b[USERS_NAME_MAX - 1] = 'b';
	CHECK(users_hash(u, a) != users_hash(u, b), "and all of that");
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

UNIT_MAIN("users", cases)
