/* policyd/store: its rows, and what they keep apart. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policyd/store/store_impl.h"
#include "tests/unit/unit.h"

#define NOW  INT64_C(1800000000)
#define EVIL "x'); DROP TABLE agent; --\" %s \xc3\xa4"

static struct store *s;

/* In memory all is alike but the log, which the disk's tests have. */
static void
begin(void)
{
	char why[STORE_WHY_MAX];

	CHECK_INT(store_open(":memory:", &s, why), 0);
	CHECK_INT(store_begin(s), 0);
}

static void
end(void)
{
	CHECK_INT(store_commit(s), 0);
	store_close(s);
}

static int64_t
number(const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int64_t n = -1;

	if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

static struct store_agent
agent(const char *name, uint8_t key)
{
	struct store_agent a = {.group = "blue",
	    .software = "cagent 0.1",
	    .added_s = NOW,
	    .sequence = UINT64_MAX - 1,
	    .root_epoch = UINT32_MAX,
	    .policy = {3, 7},
	    .rank = {3, UINT64_MAX},
	    .nack_code = "rollback",
	    .nack_text = EVIL};

	memset(a.key, key, sizeof(a.key));
	snprintf(a.name, sizeof(a.name), "%s", name);
	return a;
}

static void
test_agent(void)
{
	struct store_agent a = agent("a1", 1), b;

	begin();
	CHECK_INT(store_agent_add(s, &a), 0);
	CHECK(a.id > 0, "no id");
	CHECK_INT(store_agent_by_key(s, a.key, &b), 0);
	CHECK(memcmp(&a, &b, sizeof(a)) == 0, "by key it is another one");
	CHECK_INT(store_agent_by_name(s, "a1", &b), 0);
	CHECK(memcmp(&a, &b, sizeof(a)) == 0, "by name it is another one");
	a.policy.serial = 8;
	a.seen_s = NOW + 5;
	snprintf(a.group, sizeof(a.group), "red");
	CHECK_INT(store_agent_update(s, &a), 0);
	CHECK_INT(store_agent_by_id(s, a.id, &b), 0);
	CHECK(memcmp(&a, &b, sizeof(a)) == 0, "it was not updated");
	CHECK_INT(store_agent_heard(s, a.id, 99, NOW + 9), 0);
	CHECK_INT(store_agent_by_id(s, a.id, &b), 0);
	CHECK_INT(b.sequence, 99);
	CHECK_INT(b.seen_s, NOW + 9);
	CHECK_STR(b.group, "red");
	end();
}

static void
test_agent_unique(void)
{
	struct store_agent a = agent("a1", 1), b = agent("a1", 2),
			   c = agent("c", 1), d;
	int64_t n = 0;

	begin();
	CHECK_INT(store_agent_add(s, &a), 0);
	CHECK_INT(store_agent_add(s, &b), -EEXIST);
	CHECK_INT(store_agent_add(s, &c), -EEXIST);
	CHECK_INT(store_agents_count(s, &n), 0);
	CHECK_INT(n, 1);
	CHECK_INT(store_agent_remove(s, a.id), 0);
	CHECK_INT(store_agent_remove(s, a.id), -ENOENT);
	CHECK_INT(store_agent_update(s, &a), -ENOENT);
	CHECK_INT(store_agent_heard(s, a.id, 1, NOW), -ENOENT);
	CHECK_INT(store_agent_by_key(s, a.key, &d), -ENOENT);
	CHECK_INT(store_agent_by_name(s, "a1", &d), -ENOENT);
	CHECK_INT(store_agent_by_id(s, a.id, &d), -ENOENT);
	CHECK_INT(store_agent_add(s, &b), 0);
	CHECK(b.id > a.id, "a number that was another one's");
	end();
}

/* Text is bound, and comes back as it is. */
static void
test_sql_in_text(void)
{
	struct store_agent a = agent(EVIL, 1), b;
	struct store_override o = {.until_s = NOW + 10};
	struct store_event e = {.at_s = NOW};
	struct store_seen r = {.at_s = NOW};

	begin();
	CHECK_INT(store_agent_add(s, &a), 0);
	CHECK_INT(store_agent_by_name(s, EVIL, &b), 0);
	CHECK_STR(b.name, EVIL);
	snprintf(o.use, sizeof(o.use), "%s", EVIL);
	CHECK_INT(store_override_add(s, &o), 0);
	snprintf(e.text, sizeof(e.text), "%s", EVIL);
	CHECK_INT(store_event_add(s, &e), 0);
	snprintf(r.name, sizeof(r.name), "%s", EVIL);
	CHECK_INT(store_seen_add(s, &r), 0);
	CHECK_INT(number("SELECT count(*) FROM agent"), 1);
	CHECK_INT(number("SELECT length(name) FROM seen"), sizeof(EVIL) - 2);
	end();
}

struct names {
	char text[256];
	int left;
};

static bool
add_name(void *arg, const struct store_agent *a)
{
	struct names *n = arg;
	size_t at = strlen(n->text);

	snprintf(n->text + at, sizeof(n->text) - at, "%s ", a->name);
	return --n->left > 0;
}

static void
test_agents(void)
{
	struct store_agent a = agent("zoe", 1), b = agent("ann", 2),
			   c = agent("max", 3);
	struct names all = {.left = 9}, two = {.left = 2};

	begin();
	CHECK_INT(store_agent_add(s, &a), 0);
	CHECK_INT(store_agent_add(s, &b), 0);
	CHECK_INT(store_agent_add(s, &c), 0);
	CHECK_INT(store_agents(s, add_name, &all), 0);
	CHECK_STR(all.text, "ann max zoe ");
	CHECK_INT(store_agents(s, add_name, &two), 0);
	CHECK_STR(two.text, "ann max ");
	end();
}

static void
test_token(void)
{
	uint8_t one[STORE_HASH_LEN] = {1}, two[STORE_HASH_LEN] = {2};
	char group[MANAGE_NAME_MAX + 1] = "";

	begin();
	CHECK_INT(store_token_add(s, one, "blue", NOW + 10), 0);
	CHECK_INT(store_token_add(s, one, "red", NOW + 99), -EEXIST);
	CHECK_INT(store_token_use(s, two, NOW, group), -ENOENT);
	CHECK_INT(store_token_use(s, one, NOW + 10, group), -ENOENT);
	CHECK_STR(group, "");
	CHECK_INT(store_token_use(s, one, NOW + 9, group), 0);
	CHECK_STR(group, "blue");
	CHECK_INT(store_token_use(s, one, NOW + 9, group), -ENOENT);
	CHECK_INT(store_token_use(s, one, NOW - 99, group), -ENOENT);
	end();
}

/* --- messages --- */

static int
put(enum envelope_type type, const char *audience, uint32_t epoch,
    uint64_t serial)
{
	struct envelope e = {.type = type, .epoch = epoch, .serial = serial};
	char bytes[96];

	snprintf(e.audience, sizeof(e.audience), "%s", audience);
	snprintf(bytes, sizeof(bytes), "%d %s %u.%" PRIu64, (int)type, audience,
	    epoch, serial);
	return store_message_put(
	    s, &(struct store_message){
		   0, &e, (const uint8_t *)bytes, strlen(bytes), "root", NOW});
}

static char list[4096];

static bool
add_message(void *arg, const uint8_t *message, size_t len)
{
	size_t at = strlen(list);

	(void)arg;
	snprintf(list + at, sizeof(list) - at, "%.*s, ", (int)len,
	    (const char *)message);
	return true;
}

static int64_t last_id;

static bool
add_header(void *arg, const struct store_message *m)
{
	size_t at = strlen(list);

	(void)arg;
	last_id = m->id;
	snprintf(list + at, sizeof(list) - at, "%d %s %u.%" PRIu64 " by %s, ",
	    (int)m->envelope->type, m->envelope->audience, m->envelope->epoch,
	    m->envelope->serial, m->by);
	return true;
}

static void
test_messages(void)
{
	uint8_t *bytes;
	size_t len;

	begin();
	CHECK_INT(put(ENVELOPE_POLICY, "*", 1, 9), 0);
	CHECK_INT(put(ENVELOPE_POLICY, "*", 1, 9), -EEXIST);
	CHECK_INT(put(ENVELOPE_POLICY, "*", 1, 5), 0);
	CHECK_INT(put(ENVELOPE_POLICY, "blue", 2, 1), 0);
	CHECK_INT(put(ENVELOPE_POLICY, "blue", 1, 10), 0);
	CHECK_INT(put(ENVELOPE_RANK, "blue", 1, 7), 0);
	CHECK_INT(put(ENVELOPE_RANK, "blue", 1, 8), 0);
	CHECK_INT(put(ENVELOPE_RANK, "red", 1, 1), 0);
	CHECK_INT(put(ENVELOPE_ROOT, "*", 2, 0), 0);
	CHECK_INT(put(ENVELOPE_ROOT, "*", 1, 0), 0);
	list[0] = '\0';
	CHECK_INT(store_messages(s, add_message, NULL), 0);
	CHECK_STR(list, "1 * 1.0, 1 * 2.0, 2 * 1.9, 2 blue 2.1, 3 red 1.1, "
			"3 blue 1.8, ");
	CHECK_INT(number("SELECT count(*) FROM message WHERE type = 3"), 2);
	list[0] = '\0';
	CHECK_INT(store_history(s, add_header, NULL), 0);
	CHECK_STR(list,
	    "2 blue 2.1 by root, 2 blue 1.10 by root, 2 * 1.9 by root, "
	    "2 * 1.5 by root, 1 * 2.0 by root, 1 * 1.0 by root, ");
	CHECK_INT(store_message_get(s, last_id, &bytes, &len), 0);
	CHECK(len == 7 && memcmp(bytes, "1 * 1.0", 7) == 0, "another one");
	free(bytes);
	CHECK_INT(store_message_get(s, 999, &bytes, &len), -ENOENT);
	end();
}

/* --- overrides --- */

static bool
add_override(void *arg, const struct store_override *o)
{
	size_t at = strlen(list);

	(void)arg;
	snprintf(list + at, sizeof(list) - at, "%s:%s:%s ", o->group, o->use,
	    o->avoid);
	return true;
}

static const char *
overrides(int64_t now_s)
{
	list[0] = '\0';
	CHECK_INT(store_overrides(s, now_s, add_override, NULL), 0);
	return list;
}

static void
test_overrides(void)
{
	struct store_override a = {.group = "*",
	    .use = "s1 s3",
	    .avoid = "s2",
	    .from_s = NOW,
	    .until_s = NOW + 10,
	    .by = "root"};
	struct store_override b = {
	    .group = "red", .avoid = "s9", .from_s = NOW, .until_s = NOW + 20};

	begin();
	CHECK_INT(store_override_add(s, &a), 0);
	CHECK_INT(store_override_add(s, &b), 0);
	CHECK(b.id > a.id, "ids do not rise");
	CHECK_STR(overrides(NOW), "*:s1 s3:s2 red::s9 ");
	CHECK_STR(overrides(NOW + 9), "*:s1 s3:s2 red::s9 ");
	CHECK_STR(overrides(NOW + 10), "red::s9 ");
	CHECK_INT(store_override_end(s, b.id, NOW + 11), 0);
	CHECK_INT(store_override_end(s, b.id, NOW + 11), -ENOENT);
	CHECK_INT(store_override_end(s, a.id, NOW + 11), -ENOENT);
	CHECK_INT(store_override_end(s, 77, NOW), -ENOENT);
	CHECK_STR(overrides(NOW + 12), "");
	end();
}

/* --- what was observed --- */

static void
test_observed(void)
{
	struct store_seen r = {.agent = 3,
	    .at_s = NOW,
	    .name = "hq-1",
	    .attempts = UINT64_MAX,
	    .successes = 5};
	struct store_probe p = {
	    .at_s = NOW, .name = "hq-1", .reason = "ok", .load_percent = -1};
	struct store_place a = {.at_s = NOW,
	    .group = "blue",
	    .name = "hq-1",
	    .tier = 2,
	    .weight = 10,
	    .drain = true,
	    .why = "slow",
	    .reason = "too slow",
	    .success_permille = 999,
	    .latency_us = 7,
	    .agents = 3};
	struct store_place b = {0};
	int64_t since_s = 0;

	begin();
	CHECK_INT(store_seen_add(s, &r), 0);
	CHECK_INT(number("SELECT attempts FROM seen"), INT64_MAX);
	CHECK_INT(store_probe_add(s, &p), 0);
	CHECK_INT(number("SELECT load_percent IS NULL FROM probe"), 1);
	p.load_percent = 0;
	CHECK_INT(store_probe_add(s, &p), 0);
	CHECK_INT(number("SELECT count(load_percent) FROM probe"), 1);
	CHECK_INT(store_place_last(s, "blue", "hq-1", &b), -ENOENT);
	CHECK_INT(store_place_add(s, &a), 0);
	a.tier = 1;
	CHECK_INT(store_place_add(s, &a), 0);
	CHECK_INT(store_place_last(s, "blue", "hq-1", &b), 0);
	CHECK(memcmp(&a, &b, sizeof(a)) == 0, "another place");
	CHECK_INT(store_place_last(s, "red", "hq-1", &b), -ENOENT);
	/* Told again and again, and then moved within the same second. */
	b.at_s = a.at_s + 10;
	CHECK_INT(store_place_add(s, &b), 0);
	b.at_s = a.at_s + 20;
	CHECK_INT(store_place_add(s, &b), 0);
	CHECK_INT(store_place_since(s, &b, &since_s), 0);
	CHECK_INT(since_s, a.at_s);
	b.drain = !b.drain;
	CHECK_INT(store_place_since(s, &b, &since_s), -ENOENT);
	CHECK_INT(store_place_add(s, &b), 0);
	CHECK_INT(store_place_since(s, &b, &since_s), 0);
	CHECK_INT(since_s, a.at_s + 20);
	end();
}

static bool
add_event(void *arg, int64_t id, const struct store_event *e)
{
	size_t at = strlen(list);

	(void)arg;
	snprintf(list + at, sizeof(list) - at, "%d:%s ", (int)id, e->text);
	return true;
}

static const char *
events(int64_t after, int64_t since_s, uint32_t n)
{
	list[0] = '\0';
	CHECK_INT(
	    store_events(s, &(struct store_events_query){after, since_s, n},
		add_event, NULL),
	    0);
	return list;
}

static void
test_events(void)
{
	struct store_event e = {.kind = "test"};
	int i;

	begin();
	for (i = 1; i <= 5; i++) {
		e.at_s = NOW + i;
		snprintf(e.text, sizeof(e.text), "e%d", i);
		CHECK_INT(store_event_add(s, &e), 0);
	}
	CHECK_STR(events(0, 0, 99), "1:e1 2:e2 3:e3 4:e4 5:e5 ");
	CHECK_STR(events(0, 0, 2), "4:e4 5:e5 ");
	CHECK_STR(events(3, 0, 99), "4:e4 5:e5 ");
	CHECK_STR(events(0, NOW + 5, 99), "5:e5 ");
	CHECK_STR(events(5, 0, 99), "");
	end();
}

static void
test_prune(void)
{
	const struct store_ages ages = {NOW, NOW + 1, NOW + 2, NOW + 3};
	struct store_seen seen = {.at_s = NOW - 1};
	struct store_probe probe = {.at_s = NOW};
	struct store_place place = {.at_s = NOW + 1};
	struct store_event event = {.at_s = NOW + 2};
	bool more = false;
	int i;

	begin();
	for (i = 0; i < STORE_PRUNE_ROWS + 7; i++)
		CHECK_INT(store_seen_add(s, &seen), 0);
	for (i = 0; i < 2;
	     i++, seen.at_s = probe.at_s = place.at_s = event.at_s = NOW + 4) {
		CHECK_INT(store_seen_add(s, &seen), 0);
		CHECK_INT(store_probe_add(s, &probe), 0);
		CHECK_INT(store_place_add(s, &place), 0);
		CHECK_INT(store_event_add(s, &event), 0);
	}
	CHECK_INT(store_prune(s, &ages, &more), 0);
	CHECK(more, "all at once");
	CHECK_INT(number("SELECT count(*) FROM seen"), 9);
	CHECK_INT(store_prune(s, &ages, &more), 0);
	CHECK(!more, "there is more");
	CHECK_INT(number("SELECT count(*) FROM seen"), 1);
	CHECK_INT(number("SELECT count(*) FROM probe"), 1);
	CHECK_INT(number("SELECT count(*) FROM place"), 1);
	CHECK_INT(number("SELECT count(*) FROM event"), 1);
	end();
}

static const struct unit_case cases[] = {
    {"an agent comes back as it was", test_agent},
    {"names and keys are one agent's", test_agent_unique},
    {"SQL in text is text", test_sql_in_text},
    {"all agents, by name", test_agents},
    {"a token is good for once", test_token},
    {"messages: what stays and what is in force", test_messages},
    {"overrides end", test_overrides},
    {"what was observed", test_observed},
    {"events by number and time", test_events},
    {"what is old goes in batches", test_prune},
};

UNIT_MAIN("store_rows", cases)
