/* policyd/ranker: who may come in, what is stored before it is acknowledged,
 * and what is done when it cannot be. */
#include "tests/unit/ranker_rig.h"

#include "policyd/ranker/ranker_rank.h"
#include "policyd/store/store_impl.h"

static int64_t
number(struct rig *g, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int64_t n = -1;

	if (sqlite3_prepare_v2(g->ranker.store->db, sql, -1, &stmt, NULL) ==
		SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

static struct rig *
started(void)
{
	struct rig *g = rig_new();

	rig_start(g);
	CHECK_INT(rig_publish(g, "*", 7), 0);
	return g;
}

/* --- who may come in --- */

static void
test_tokens(void)
{
	struct rig *g = started();

	CHECK_STR(rig_hello(g, 1, 1, "aann", ""), "unknown-agent");
	CHECK_STR(rig_hello(g, 1, 1, "aann", "nonsense"), "bad-token");
	rig_token(g, "t1", "blue");
	CHECK_STR(rig_hello(g, 1, 2, "aann", "t1"), "blue");
	CHECK_INT(g->welcome.interval_ms, 20000);
	CHECK_INT(g->ranker.connected, 1);
	/* It is used, and another one's name is not free. */
	CHECK_STR(rig_hello(g, 2, 1, "bben", "t1"), "bad-token");
	rig_token(g, "t2", "red");
	CHECK_STR(rig_hello(g, 2, 1, "bann", "t2"), "name-taken");
	CHECK_STR(rig_hello(g, 2, 1, "bben", "t2"), "red");
	CHECK_INT(number(g, "SELECT count(*) FROM agent"), 2);
	CHECK_INT(
	    number(g, "SELECT count(*) FROM token WHERE used_s IS NULL"), 0);
	rig_free(g);
}

static void
test_listed(void)
{
	struct store_agent who = {.name = "cat", .group = "green"};
	struct rig *g = started();

	memset(who.key, 'c', sizeof(who.key));
	CHECK_INT(ranker_agent_add(&g->ranker, &who, "test", &g->why), 0);
	CHECK_INT(ranker_agent_add(&g->ranker, &who, "test", &g->why), -EEXIST);
	CHECK_STR(g->why.code, "already");
	CHECK_STR(rig_hello(g, 3, 5, "ccat", ""), "green");
	/* It may call itself something else, but not like another one. */
	CHECK_STR(rig_hello(g, 3, 6, "ctom", ""), "green");
	rig_token(g, "t", "blue");
	CHECK_STR(rig_hello(g, 4, 1, "dcat", "t"), "blue");
	CHECK_STR(rig_hello(g, 3, 7, "ccat", ""), "name-taken");
	rig_free(g);
}

static void
test_sequence(void)
{
	struct rig *g = started();

	rig_token(g, "t", "blue");
	CHECK_STR(rig_hello(g, 1, 100, "aann", "t"), "blue");
	CHECK_STR(rig_hello(g, 2, 100, "aann", ""), "old-sequence");
	CHECK_INT(g->welcome.sequence_floor, 100);
	CHECK_STR(rig_hello(g, 2, 99, "aann", ""), "old-sequence");
	CHECK_INT(g->expelled_n, 0);
	CHECK_STR(rig_hello(g, 2, 101, "aann", ""), "blue");
	/* It is here, so it is not there. */
	AWAIT(g, expelled_n, 1);
	CHECK_INT(g->expelled, 1);
	CHECK_INT(g->ranker.connected, 1);
	rig_restart(g);
	CHECK_STR(rig_hello(g, 3, 101, "aann", ""), "old-sequence");
	CHECK_STR(rig_hello(g, 3, 102, "aann", ""), "blue");
	rig_free(g);
}

static void
test_clock(void)
{
	struct pdmsg_hello h = {.agent = 1, .sequence = 1};
	struct rig *g = started();
	uint8_t buf[CHAN_DATA_MAX];
	int i;

	snprintf(h.said.name, sizeof(h.said.name), "ann");
	snprintf(h.said.group, sizeof(h.said.group), "blue");
	for (i = -1; i <= 1; i += 2) {
		h.issued_s = ranker_now_s() + i * 3700;
		CHECK_INT(
		    chan_send(g->lines[PDPROC_COLLECTOR].chan, PDMSG_HELLO, buf,
			pdmsg_hello_encode(&h, buf), NULL, 0),
		    0);
		AWAIT(g, welcomes, i == -1 ? 1 : 2);
		CHECK_STR(g->welcome.code, "clock");
	}
	rig_free(g);
}

static void
test_removed(void)
{
	struct rig *g = started();

	rig_token(g, "t", "blue");
	CHECK_STR(rig_hello(g, 9, 1, "aann", "t"), "blue");
	CHECK_INT(
	    ranker_agent_remove(&g->ranker, "ben", "test", &g->why), -ENOENT);
	CHECK_INT(ranker_agent_remove(&g->ranker, "ann", "test", &g->why), 0);
	AWAIT(g, expelled_n, 1);
	CHECK_INT(g->expelled, 9);
	CHECK_STR(rig_hello(g, 10, 2, "aann", ""), "unknown-agent");
	rig_free(g);
}

/* --- reports --- */

static void
test_reports(void)
{
	struct manage_row row = {.name = "s1",
	    .tier = 1,
	    .attempts = 100,
	    .successes = 90,
	    .charged = 5};
	struct rig *g = started();

	rig_token(g, "t", "blue");
	CHECK_STR(rig_hello(g, 1, 1, "aann", "t"), "blue");
	rig_report(g, 1, 2, &row);
	AWAIT(g, stored_n, 1);
	CHECK_INT(g->stored, 2);
	CHECK_INT(number(g, "SELECT sequence FROM agent"), 2);
	/* Since when the first one's counters run, nobody knows. */
	CHECK_INT(number(g, "SELECT sum(attempts) FROM seen"), 0);
	row.attempts += 10;
	row.successes += 7;
	row.charged += 1;
	row.handshake.count[1] += 10;
	rig_report(g, 1, 3, &row);
	AWAIT(g, stored_n, 2);
	CHECK_INT(number(g, "SELECT sum(attempts) FROM seen"), 10);
	CHECK_INT(number(g, "SELECT sum(successes) FROM seen"), 7);
	CHECK_INT(number(g, "SELECT max(handshake_p50_us) FROM seen"), 72);
	/* Again, and older. */
	rig_report(g, 1, 3, &row);
	AWAIT(g, unstored_n, 1);
	CHECK_STR(g->code, "old-sequence");
	rig_report(g, 1, 2, &row);
	AWAIT(g, unstored_n, 2);
	CHECK_INT(number(g, "SELECT sum(attempts) FROM seen"), 10);
	CHECK_INT(g->ranker.reports, 2);
	rig_free(g);
}

static void
test_reports_odd(void)
{
	struct manage_row row = {.name = "nowhere", .attempts = 3};
	uint8_t junk[40] = {0};
	struct rig *g = started();

	rig_token(g, "t", "blue");
	CHECK_STR(rig_hello(g, 1, 1, "aann", "t"), "blue");
	/* An intermediary that no policy names is counted, and no more. */
	rig_report(g, 1, 2, &row);
	row.attempts = 9;
	rig_report(g, 1, 3, &row);
	AWAIT(g, stored_n, 2);
	CHECK_INT(number(g, "SELECT count(*) FROM seen"), 0);
	CHECK_INT(ranker_agent_of(&g->ranker, 1)->unknown, 2);
	/* From nobody: it is to come in again. */
	rig_report(g, 77, 9, &row);
	AWAIT(g, unstored_n, 1);
	CHECK_STR(g->code, "unknown-agent");
	AWAIT(g, expelled_n, 1);
	CHECK_INT(g->expelled, 77);
	/* No report at all. */
	junk[7] = 1;
	junk[15] = 8;
	CHECK_INT(blob_send(g->lines[PDPROC_COLLECTOR].chan, PDMSG_REPORT, junk,
		      sizeof(junk)),
	    0);
	AWAIT(g, unstored_n, 2);
	CHECK_STR(g->code, "malformed");
	rig_free(g);
}

/* Many in one transaction, in the order of each agent's. */
static void
test_reports_many(void)
{
	struct manage_row row = {.name = "s1"};
	struct rig *g = started();
	uint64_t i;

	rig_token(g, "t", "blue");
	rig_token(g, "u", "blue");
	CHECK_STR(rig_hello(g, 1, 1, "aann", "t"), "blue");
	CHECK_STR(rig_hello(g, 2, 1, "bben", "u"), "blue");
	for (i = 0; i < 400; i++) {
		row.attempts = i * 2;
		rig_report(g, 1 + i % 2, 2 + i / 2, &row);
	}
	AWAIT(g, stored_n, 400);
	CHECK_INT(g->unstored_n, 0);
	CHECK_INT(number(g, "SELECT sum(attempts) FROM seen"), 2 * (2 * 398));
	rig_free(g);
}

/* What the agents of "blue" saw of s1, and by how many. */
static uint32_t
seen(struct rig *g, struct fuse_agent *out)
{
	return ranker_group_saw(&g->ranker, ranker_group(&g->ranker, "blue"),
	    (uint32_t)ranker_known(&g->ranker, "s1"), out);
}

/* As if the last report had come so much earlier. */
static void
wait_s(struct rig *g, int s)
{
	ranker_agent_of(&g->ranker, 1)->reported_us -= s * INT64_C(1000000);
}

/* The window is one minute, but this agent is heard every five. */
static void
test_reports_seldom(void)
{
	struct manage_row row = {.name = "s1", .attempts = 10};
	struct rig *g = started();
	struct ranker_agent *a;
	struct fuse_agent sum;
	int i;

	rig_token(g, "t", "blue");
	CHECK_STR(rig_hello(g, 1, 1, "aann", "t"), "blue");
	rig_report(g, 1, 2, &row);
	AWAIT(g, stored_n, 1);
	CHECK_INT(seen(g, &sum), 0);
	a = ranker_agent_of(&g->ranker, 1);
	CHECK_INT(a->window_us, 60000000);
	for (i = 0; i < 3; i++) {
		wait_s(g, 300);
		row.attempts += 10;
		rig_report(g, 1, 3 + i, &row);
		AWAIT(g, stored_n, 2 + i);
	}
	CHECK_INT(a->window_us, 960000000);
	CHECK_INT(ranker_longest_us(&g->ranker), 960000000);
	CHECK_INT(seen(g, &sum), 1);
	CHECK_INT(sum.attempts, 30);
	/* One that was away for so long says nothing of now. */
	CHECK_STR(rig_hello(g, 2, 10, "aann", ""), "blue");
	a->reported_us -= INT64_C(3600000000);
	row.attempts += 1000;
	rig_report(g, 2, 11, &row);
	AWAIT(g, stored_n, 5);
	CHECK_INT(seen(g, &sum), 1);
	CHECK_INT(sum.attempts, 30);
	/* When it comes more often, the window shrinks again. */
	for (i = 0; i < 10; i++) {
		rig_report(g, 2, 12 + i, &row);
		AWAIT(g, stored_n, 6 + i);
	}
	CHECK_INT(a->window_us, 60000000);
	rig_free(g);
}

static void
answer(struct rig *g, uint64_t conn, bool nack, const struct manage_answer *a)
{
	uint8_t buf[1024], *p = buf;

	p = pdfield_put(p, conn, 8);
	p = pdfield_put(p, nack, 1);
	p += manage_answer_encode(a, nack, p, 900);
	CHECK_INT(chan_send(g->lines[PDPROC_COLLECTOR].chan, PDMSG_ANSWER, buf,
		      (size_t)(p - buf), NULL, 0),
	    0);
}

static void
test_answers(void)
{
	struct manage_answer a = {.of = ENVELOPE_POLICY, .what = {1, 7}};
	struct manage_row row = {.name = "s1"};
	struct store_agent who;
	struct rig *g = started();

	rig_token(g, "t", "blue");
	CHECK_STR(rig_hello(g, 1, 1, "aann", "t"), "blue");
	answer(g, 1, false, &a);
	a.of = ENVELOPE_RANK;
	a.what.serial = 9;
	snprintf(a.code, sizeof(a.code), "mix");
	snprintf(a.text, sizeof(a.text), "for another policy");
	answer(g, 1, true, &a);
	answer(g, 1, true, &a);
	rig_report(g, 1, 2, &row); /* behind them */
	AWAIT(g, stored_n, 1);
	CHECK_INT(store_agent_by_name(g->ranker.store, "ann", &who), 0);
	CHECK_INT(who.policy.serial, 7);
	CHECK_INT(who.rank.serial, 0);
	CHECK_STR(who.nack_code, "mix");
	CHECK_INT(
	    number(g, "SELECT count(*) FROM event WHERE kind = 'nack'"), 1);
	rig_free(g);
}

/* --- the disk --- */

static void
fill_disk(struct rig *g)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %lld",
	    (long long)number(g, "PRAGMA page_count"));
	CHECK(number(g, sql) > 0, "no limit");
}

static void
test_full(void)
{
	struct manage_row row = {.name = "s1"};
	struct rig *g = started();
	int64_t until_us = mono_us() + WAIT_US;
	uint64_t sequence = 2;
	char body[16384];
	size_t i;

	rig_token(g, "t", "blue");
	CHECK_STR(rig_hello(g, 1, 1, "aann", "t"), "blue");
	AWAIT(g, states, 1);
	CHECK(!g->read_only, "read-only from the start");
	fill_disk(g);
	while (g->unstored_n == 0 && mono_us() < until_us) {
		row.attempts++;
		rig_report(g, 1, sequence++, &row);
		AWAIT(g, answered_n, (int)sequence - 2);
	}
	CHECK_STR(g->code, "read-only");
	AWAIT(g, states, 2);
	CHECK(g->read_only, "the page is not told");
	/* Who is known may come, and not twice with the same. */
	CHECK_STR(rig_hello(g, 2, sequence, "aann", ""), "blue");
	CHECK_STR(rig_hello(g, 2, sequence, "aann", ""), "old-sequence");
	CHECK_STR(rig_hello(g, 3, 1, "bben", "x"), "read-only");
	/* One that no page has room for. */
	snprintf(body, sizeof(body), "%s", BODY);
	for (i = strlen(body); i < sizeof(body) - 2; i += 2)
		memcpy(body + i, ";\n", 3);
	CHECK_INT(rig_publish_body(g, "*", 8, body), -ENOSPC);
	CHECK_STR(g->why.code, "read-only");
	/* There is room again: it finds out by itself. */
	CHECK_INT(number(g, "PRAGMA max_page_count = 100000"), 100000);
	AWAIT(g, states, 3);
	CHECK(!g->read_only, "still read-only");
	/* What was kept in mind is kept on the disk. */
	UNTIL(g, number(g, "SELECT sequence FROM agent") == (int64_t)sequence);
	g->stored_n = 0;
	rig_report(g, 2, sequence + 1, &row);
	AWAIT(g, stored_n, 1);
	CHECK_INT(rig_publish(g, "*", 8), 0);
	rig_free(g);
}

static const struct unit_case cases[] = {
    {"a token is good for one agent", test_tokens},
    {"a listed key needs none", test_listed},
    {"a sequence rises, also over a restart", test_sequence},
    {"a clock that is far off", test_clock},
    {"one that is removed", test_removed},
    {"what is new in a report is stored", test_reports},
    {"reports of what nobody knows", test_reports_odd},
    {"many reports at once", test_reports_many},
    {"an agent that reports seldom", test_reports_seldom},
    {"what agents say of messages", test_answers},
    {"a full disk, and room again", test_full},
};

UNIT_MAIN("ranker", cases)
