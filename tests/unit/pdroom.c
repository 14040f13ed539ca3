/* The collector's connections, from registering to what is pushed, and what the
 * hostile get. */
#include "policyd/collector/pdroom.h"

#include "tests/unit/room.h"

static void
registers(void)
{
	static struct rig t;
	struct peer p;

	rig_init(&t);
	peer_comes(&t, &p, 1, "box");
	CHECK_INT(p.said.interval_ms, 60000);
	CHECK_INT(p.said.sequence, 101);
	CHECK_STR(t.hello.said.name, "box");
	CHECK_STR(t.hello.said.token, "once");
	CHECK_INT(t.hello.sequence, 101);
	CHECK_INT(t.hello.issued_s, NOW_S);
	CHECK(memcmp(t.hello.key, p.keys.public_key, SEALED_KEY_LEN) == 0,
	    "its key");
	CHECK_INT(t.room.known_n, 1);
	CHECK_INT(t.room.guests.n, 0);
	peer_close(&p);
	AWAIT(&t, t.room.n == 0);
	AWAIT(&t, t.gone_n == 1);
	rig_fini(&t);
}

static void
is_refused_with_a_reason(void)
{
	static struct rig t;
	struct peer p;

	rig_init(&t);
	t.no = "bad-token";
	t.floor = 555;
	peer_open(&t, &p, 1);
	peer_register(&p, "box");
	CHECK(p.nack, "refused");
	CHECK_STR(p.said.code, "bad-token");
	CHECK_STR(p.said.text, "because of the test");
	CHECK_INT(p.said.sequence_floor, 555);
	AWAIT(&t, is_closed(&p));
	peer_close(&p);
	AWAIT(&t, t.room.n == 0);
	CHECK_INT(t.gone_n, 0);
	rig_fini(&t);
}

/* One that comes again takes its own place, also when all are taken. */
static void
has_places_for_so_many(void)
{
	static struct rig t;
	struct peer p, q, again;

	rig_init(&t);
	t.conf.agents_max = 1;
	peer_comes(&t, &p, 1, "box");
	peer_open(&t, &q, 2);
	peer_register(&q, "other");
	CHECK(q.nack, "it is let in");
	CHECK_STR(q.said.code, "full");
	CHECK_INT(t.room.known_n, 1);
	AWAIT(&t, is_closed(&q));
	peer_close(&q);
	peer_open(&t, &again, 1);
	again.sequence = p.sequence;
	peer_register(&again, "box");
	CHECK(!again.nack, "%s", again.said.code);
	CHECK_INT(t.room.known_n, 1);
	AWAIT(&t, is_closed(&p));
	peer_close(&p);
	peer_close(&again);
	rig_fini(&t);
}

static void
reports(void)
{
	static struct rig t;
	struct peer p;

	rig_init(&t);
	peer_comes(&t, &p, 1, "box");
	t.keeps = true;
	peer_reports(&p);
	AWAIT(&t, t.reports_n == 1);
	CHECK_INT(t.reports[0].agent, t.hello.agent);
	CHECK_INT(t.reports[0].sequence, 102);
	turns(&t, 20);
	CHECK(peer_read(&p) && p.answers_n == 1, "no ack before it is stored");
	/* The next one waits for that. */
	peer_reports(&p);
	turns(&t, 20);
	CHECK_INT(t.reports_n, 1);
	say_stored(&t, &t.reports[0]);
	await_answer(&p, "");
	CHECK_INT(p.said.of, SEALED_REPORT);
	CHECK_INT(p.said.sequence, 102);
	AWAIT(&t, t.reports_n == 2);
	/* What was never sent is not acknowledged. */
	say_stored(&t, &(struct report){t.reports[1].agent, 999, 0});
	turns(&t, 20);
	CHECK(peer_read(&p) && p.answers_n == 2, "none for another");
	say_stored(&t, &t.reports[1]);
	await_answer(&p, "");
	peer_close(&p);
	rig_fini(&t);
}

static void
tells_what_cannot_be_stored(void)
{
	static struct rig t;
	uint8_t buf[128], *q = buf;
	struct peer p;

	rig_init(&t);
	peer_comes(&t, &p, 1, "box");
	t.keeps = true;
	peer_reports(&p);
	AWAIT(&t, t.reports_n == 1);
	q = pdfield_put(q, t.reports[0].agent, 8);
	q = pdfield_put(q, t.reports[0].sequence, 8);
	q = pdfield_put_str(q, "read-only");
	q = pdfield_put_str(q, "the disk\nis full");
	CHECK_INT(chan_send(t.ranker, PDMSG_UNSTORED, buf, (size_t)(q - buf),
		      NULL, 0),
	    0);
	await_answer(&p, "read-only");
	CHECK_STR(p.said.text, "the disk?is full");
	t.keeps = false;
	peer_reports(&p);
	await_answer(&p, "");
	peer_close(&p);
	rig_fini(&t);
}

static void
gets_what_it_lacks_in_order(void)
{
	static struct rig t;
	struct peer p, q;

	rig_init(&t);
	publish(&t, ENVELOPE_RANK, 2, 7, "ny", 10);
	publish(&t, ENVELOPE_POLICY, 2, 5, "*", 10);
	publish(&t, ENVELOPE_ROOT, 1, 1, "*", 10);
	publish(&t, ENVELOPE_ROOT, 2, 1, "*", 10);
	publish(&t, ENVELOPE_RANK, 2, 8, "rome", 10);
	AWAIT(&t, t.room.shelf.roots_n == 2 && t.room.shelf.all.policy != NULL);
	peer_comes(&t, &p, 1, "box");
	AWAIT(&t, peer_read(&p) && p.notes_n == 4);
	CHECK_STR(p.notes, "r1.1 r2.1 p2.5 k2.7");
	peer_comes(&t, &q, 2, "other");
	publish(&t, ENVELOPE_RANK, 2, 9, "ny", 10);
	AWAIT(&t, peer_read(&p) && p.notes_n == 5);
	AWAIT(&t, peer_read(&q) && q.notes_n >= 4);
	turns(&t, 50);
	CHECK(peer_read(&p) && peer_read(&q), "both are there");
	CHECK_STR(p.notes, "r1.1 r2.1 p2.5 k2.7 k2.9");
	publish(&t, ENVELOPE_RANK, 2, 10, "rome", 10);
	publish(&t, ENVELOPE_POLICY, 2, 6, "ny", 10);
	AWAIT(&t, peer_read(&p) && p.notes_n == 6);
	CHECK_STR(p.notes, "r1.1 r2.1 p2.5 k2.7 k2.9 p2.6");
	peer_close(&p);
	peer_close(&q);
	rig_fini(&t);
}

/* A reader that is slow gets what was begun, and then the newest alone. */
static void
a_slow_reader_gets_the_newest(void)
{
	static struct rig t;
	struct peer p;
	uint64_t i;

	rig_init(&t);
	peer_comes(&t, &p, 1, "box");
	for (i = 1; i <= 20; i++) {
		publish(&t, ENVELOPE_POLICY, 1, i, "ny", 1000000);
		AWAIT(&t, agent_of(&p)->group->policy != NULL &&
			      agent_of(&p)->group->policy->mark.serial == i);
		turns(&t, 10);
	}
	CHECK(
	    agent_of(&p)->note != NULL && agent_of(&p)->note->mark.serial == 1,
	    "it is at the first one");
	AWAIT(&t, peer_read(&p) && p.notes_n == 2);
	CHECK_STR(p.notes, "p1.1 p1.20");
	CHECK_INT(p.note.body_len, 1000000);
	peer_close(&p);
	rig_fini(&t);
}

/* The kernel's buffers are full and stay so. */
static void
one_that_reads_nothing_is_closed(void)
{
	static struct rig t;
	struct pdagent *a;
	struct peer p;

	rig_init(&t);
	peer_comes(&t, &p, 1, "box");
	publish(&t, ENVELOPE_POLICY, 1, 1, "ny", 1000000);
	a = agent_of(&p);
	AWAIT(&t, pdagent_is_sending(a));
	a->sent_us -= PDAGENT_STALL_US - 1000000;
	pdagent_watch(a);
	turns(&t, 20);
	CHECK_INT(t.room.n, 1);
	a->sent_us -= 1000000;
	pdagent_watch(a);
	AWAIT(&t, t.room.n == 0);
	peer_close(&p);
	rig_fini(&t);
}

static void
says_what_it_has_taken(void)
{
	static struct rig t;
	struct manage_answer said = {
	    .of = ENVELOPE_RANK, .what = {2, 9}, .code = "unsigned"};
	uint8_t body[512], out[1024];
	struct peer p;
	int n;

	rig_init(&t);
	peer_comes(&t, &p, 1, "box");
	n = manage_answer_encode(&said, true, body, sizeof(body));
	send_all(
	    &p, out, seal(&p, SEALED_NACK, body, (size_t)n, out, sizeof(out)));
	AWAIT(&t, t.answers_n == 1);
	CHECK_INT(t.answer_len, 9 + n);
	CHECK(t.answer[8] == 1 && memcmp(t.answer + 9, body, (size_t)n) == 0,
	    "word for word");
	n = manage_answer_encode(&said, false, body, sizeof(body));
	send_all(
	    &p, out, seal(&p, SEALED_ACK, body, (size_t)n, out, sizeof(out)));
	AWAIT(&t, t.answers_n == 2);
	CHECK_INT(t.answer[8], 0);
	/* The next ranker hears of it, too. */
	ranker_goes(&t);
	AWAIT(&t, t.room.line.chan == NULL);
	ranker_comes(&t);
	AWAIT(&t, t.hellos_n == 2);
	CHECK_INT(t.hello.said.rank.serial, 9);
	CHECK_INT(t.hello.issued_s, PDMSG_HELLO_AGAIN);
	CHECK_INT(t.hello.sequence, p.sequence);
	CHECK_STR(t.hello.said.token, "");
	/* Of what was sealed there is nothing to answer so. */
	said = (struct manage_answer){.of = SEALED_REPORT, .sequence = 1};
	n = manage_answer_encode(&said, false, body, sizeof(body));
	send_all(
	    &p, out, seal(&p, SEALED_ACK, body, (size_t)n, out, sizeof(out)));
	AWAIT(&t, t.room.n == 0);
	peer_close(&p);
	rig_fini(&t);
}

static void
takes_bytes_one_at_a_time(void)
{
	static struct rig t;
	uint8_t out[4096];
	struct peer p;
	size_t n, i;

	rig_init(&t);
	peer_open(&t, &p, 1);
	n = make_register(&p, "box", out, sizeof(out));
	for (i = 0; i < n; i++) {
		CHECK(t.hellos_n == 0, "not before the end");
		send_all(&p, out + i, 1);
	}
	await_answer(&p, "");
	n = make_report(&p, 20, out, sizeof(out));
	n += make_report(&p, 1, out + n, sizeof(out) - n);
	for (i = 0; i < n; i++)
		send_all(&p, out + i, 1);
	AWAIT(&t, t.reports_n == 2);
	AWAIT(&t, peer_read(&p) && p.answers_n == 3);
	CHECK(agent_of(&p)->in == NULL, "nothing is kept");
	peer_close(&p);
	rig_fini(&t);
}

static void
takes_the_largest(void)
{
	static struct rig t;
	uint8_t *out = malloc(SEALED_MAX);
	struct peer p;

	rig_init(&t);
	peer_comes(&t, &p, 1, "box");
	send_all(&p, out, make_report(&p, MANAGE_ROWS_MAX, out, SEALED_MAX));
	await_answer(&p, "");
	CHECK_INT(t.reports_n, 1);
	CHECK_INT(t.room.pending, 0);
	free(out);
	peer_close(&p);
	rig_fini(&t);
}

/* Each of these closes the connection at once, and reaches nobody. */
static void
closes_what_is_not_ours(void)
{
	static struct rig t;
	uint8_t good[1024], bad[1024];
	struct peer p;
	size_t n, i;
	static const struct {
		const char *why;
		size_t at;
		uint8_t with;
	} rows[] = {{"garbage", 0, 'G'}, {"a version", 4, 9},
	    {"a report first", 5, SEALED_REPORT}, {"an ack", 5, SEALED_ACK},
	    {"too long", 9, 16}, {"somewhat too long", 10, 2},
	    {"to somebody else", 64, 1}, {"by somebody else", 32, 1},
	    {"sequence", 23, 7}, {"a body", 125, 1}};

	rig_init(&t);
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		peer_open(&t, &p, 1);
		n = make_register(&p, "box", good, sizeof(good));
		memcpy(bad, good, n);
		bad[rows[i].at] = (uint8_t)(bad[rows[i].at] ^ rows[i].with);
		if (rows[i].at == 5)
			bad[5] = rows[i].with;
		send_all(&p, bad, n);
		turns(&t, 10);
		CHECK(is_closed(&p), "%s: closed", rows[i].why);
		CHECK_INT(t.hellos_n, 0);
		peer_close(&p);
	}
	peer_open(&t, &p, 1);
	n = make_register(&p, "box", good, sizeof(good));
	good[n] = 'x';
	send_all(&p, good, n + 1);
	turns(&t, 10);
	CHECK(is_closed(&p), "trailing bytes");
	peer_close(&p);
	AWAIT(&t, t.room.n == 0);
	rig_fini(&t);
}

static void
closes_garbage_later_on(void)
{
	static struct rig t;
	uint8_t out[2048];
	struct peer p, q;
	size_t n;

	rig_init(&t);
	peer_comes(&t, &p, 1, "box");
	peer_comes(&t, &q, 2, "other");
	n = make_report(&p, 1, out, sizeof(out));
	memcpy(out + n, "garbage", 7);
	send_all(&p, out, n + 7);
	AWAIT(&t, t.room.n == 1);
	CHECK_INT(t.reports_n, 1);
	/* In another's name, on a connection of one's own. */
	send_all(&q, out, make_report(&p, 1, out, sizeof(out)));
	AWAIT(&t, t.room.n == 0);
	CHECK_INT(t.reports_n, 1);
	peer_close(&p);
	peer_close(&q);
	/* To register twice, and a report that is none. */
	peer_comes(&t, &p, 1, "box");
	send_all(&p, out, seal(&p, SEALED_REPORT, out, 40, out + 100, 900));
	send_all(&p, out + 100,
	    seal(&p, SEALED_REPORT, (const uint8_t *)"", 0, out + 100, 900));
	turns(&t, 20);
	peer_close(&p);
	AWAIT(&t, t.room.n == 0);
	peer_comes(&t, &p, 3, "box");
	send_all(&p, out,
	    seal(&p, SEALED_REPORT, (const uint8_t *)"zz", 2, out, 900));
	await_answer(&p, "malformed");
	peer_reports(&p);
	await_answer(&p, "");
	send_all(&p, out, make_register(&p, "box", out, sizeof(out)));
	AWAIT(&t, t.room.n == 0);
	peer_close(&p);
	rig_fini(&t);
}

/* Who listens in on the way can say again what was said. */
static void
takes_nothing_twice(void)
{
	static struct rig t;
	uint8_t hello[1024], first[1024], second[1024];
	struct peer p, q;
	size_t hello_n, first_n, second_n;

	rig_init(&t);
	peer_open(&t, &p, 1);
	hello_n = make_register(&p, "box", hello, sizeof(hello));
	send_all(&p, hello, hello_n);
	await_answer(&p, "");
	first_n = make_report(&p, 1, first, sizeof(first));
	second_n = make_report(&p, 1, second, sizeof(second));
	send_all(&p, second, second_n);
	await_answer(&p, "");
	send_all(&p, second, second_n);
	await_answer(&p, "old-sequence");
	CHECK_INT(p.said.sequence_floor, p.sequence);
	send_all(&p, first, first_n);
	await_answer(&p, "old-sequence");
	CHECK_INT(p.said.sequence, p.sequence - 1);
	CHECK_INT(t.reports_n, 1);
	/* The register again: the first connection stays. */
	peer_open(&t, &q, 1);
	send_all(&q, hello, hello_n);
	await_answer(&q, "old-sequence");
	CHECK_INT(q.said.sequence_floor, p.sequence);
	CHECK_INT(t.hellos_n, 1);
	peer_close(&q);
	peer_reports(&p);
	await_answer(&p, "");
	peer_close(&p);
	rig_fini(&t);
}

/* Both wait for the ranker, which has no memory of its own in this test. */
static void
lets_one_of_two_in(void)
{
	static struct rig t;
	struct pdmsg_hello first;
	uint8_t out[1024];
	struct peer p, q;
	size_t n;

	rig_init(&t);
	t.is_mute = true;
	peer_open(&t, &p, 1);
	peer_open(&t, &q, 1);
	n = make_register(&p, "box", out, sizeof(out));
	send_all(&p, out, n);
	AWAIT(&t, t.hellos_n == 1);
	first = t.hello;
	send_all(&q, out, n);
	AWAIT(&t, t.hellos_n == 2);
	welcome(&t, &first);
	welcome(&t, &t.hello);
	await_answer(&p, "");
	await_answer(&q, "old-sequence");
	CHECK_INT(t.room.known_n, 1);
	peer_close(&p);
	peer_close(&q);
	rig_fini(&t);
}

static void
the_newer_connection_wins(void)
{
	static struct rig t;
	struct peer p, q;

	rig_init(&t);
	peer_comes(&t, &p, 1, "box");
	peer_open(&t, &q, 1);
	q.sequence = p.sequence;
	peer_register(&q, "box");
	CHECK(!q.nack, "it is let in");
	AWAIT(&t, is_closed(&p));
	AWAIT(&t, t.gone_n == 1);
	CHECK_INT(t.room.known_n, 1);
	peer_reports(&q);
	await_answer(&q, "");
	peer_close(&p);
	peer_close(&q);
	rig_fini(&t);
}

static void
a_flood_meets_its_quota(void)
{
	static struct rig t;
	uint8_t out[1024];
	struct peer p, q, again;
	uint32_t i, sent;

	rig_init(&t);
	t.conf.quota_messages = 10;
	peer_comes(&t, &p, 1, "flood");
	peer_comes(&t, &q, 2, "other");
	for (sent = 0; sent < 200; sent++) {
		size_t n = make_report(&p, 1, out, sizeof(out));

		if (send(p.fd, out, n, MSG_NOSIGNAL) != (ssize_t)n)
			break;
	}
	AWAIT(&t, peer_read(&p) && p.nack);
	CHECK_STR(p.said.code, "quota");
	turns(&t, 200);
	CHECK(peer_read(&p), "it stays");
	/* The register was the first of ten; one nack a second. */
	CHECK_INT(t.reports_n, 9);
	CHECK_INT(p.answers_n, 1 + 9 + 1);
	CHECK_INT(agent_of(&p)->reading, PDAGENT_HELD_QUOTA);
	for (i = 0; i < 9; i++) {
		peer_reports(&q);
		await_answer(&q, "");
	}
	/* To come again helps nothing, whether one is still there or not. */
	for (i = 0; i < 2; i++) {
		peer_open(&t, &again, 1);
		again.sequence = 1000;
		peer_register(&again, "flood");
		CHECK(again.nack, "refused");
		CHECK_STR(again.said.code, "quota");
		peer_close(&again);
		if (i == 0)
			pdagent_close(agent_of(&p), NULL);
	}
	peer_close(&p);
	peer_close(&q);
	rig_fini(&t);
}

static void
bears_with_a_ranker_that_is_away(void)
{
	static struct rig t;
	struct peer p, q;
	uint8_t out[1024];

	rig_init(&t);
	peer_comes(&t, &p, 1, "box");
	t.keeps = true;
	peer_reports(&p);
	AWAIT(&t, t.reports_n == 1);
	ranker_goes(&t);
	/* That one may or may not be stored: it is not acknowledged. */
	await_answer(&p, "busy");
	peer_reports(&p);
	peer_open(&t, &q, 2);
	send_all(&q, out, make_register(&q, "late", out, sizeof(out)));
	turns(&t, 50);
	CHECK_INT(agent_of(&p)->reading, PDAGENT_HELD_TURN);
	CHECK_INT(t.room.n, 2);
	t.keeps = false;
	t.hellos_n = 0;
	ranker_comes(&t);
	await_answer(&p, "");
	await_answer(&q, "");
	CHECK_INT(t.hellos_n, 2);
	CHECK_INT(t.reports_n, 2);
	/* And not for ever. */
	ranker_goes(&t);
	AWAIT(&t, t.room.line.chan == NULL);
	peer_reports(&p);
	AWAIT(&t, agent_of(&p)->reading == PDAGENT_HELD_TURN);
	agent_of(&p)->turn_us -= PDAGENT_WAIT_US;
	pdagent_watch(agent_of(&p));
	await_answer(&p, "busy");
	/* Nor when very many wait. */
	t.room.pending += PDROOM_WAITING_MAX;
	peer_reports(&p);
	await_answer(&p, "busy");
	t.room.pending -= PDROOM_WAITING_MAX;
	/* What is published goes on being so. */
	ranker_comes(&t);
	t.no = "unknown-agent";
	peer_reports(&p);
	AWAIT(&t, is_closed(&p));
	peer_close(&p);
	peer_close(&q);
	rig_fini(&t);
}

static void
paces_its_hellos(void)
{
	enum {
		N = PDLINE_HELLOS_MAX + 40
	};
	static struct rig t;
	static struct peer p[N];
	uint8_t out[1024];
	uint32_t i;

	rig_init(&t);
	t.conf.quota_messages = 1000;
	for (i = 0; i < N; i++) {
		peer_open(&t, &p[i], 1);
		memcpy(p[i].keys.secret_key + 8, &i, sizeof(i));
		crypto_scalarmult_base(
		    p[i].keys.public_key, p[i].keys.secret_key);
		peer_register(&p[i], "box");
	}
	CHECK_INT(t.room.known_n, N);
	ranker_goes(&t);
	AWAIT(&t, t.room.line.chan == NULL);
	t.hellos_n = 0;
	t.is_mute = true;
	ranker_comes(&t);
	AWAIT(&t, t.hellos_n == PDLINE_HELLOS_MAX);
	turns(&t, 50);
	CHECK_INT(t.hellos_n, PDLINE_HELLOS_MAX);
	welcome(&t, &t.hello);
	AWAIT(&t, t.hellos_n == PDLINE_HELLOS_MAX + 1);
	ranker_goes(&t);
	t.is_mute = false;
	t.hellos_n = 0;
	AWAIT(&t, t.room.line.chan == NULL);
	ranker_comes(&t);
	AWAIT(&t, t.hellos_n == N);
	send_all(&p[0], out, make_report(&p[0], 1, out, sizeof(out)));
	await_answer(&p[0], "");
	for (i = 0; i < N; i++)
		peer_close(&p[i]);
	AWAIT(&t, t.room.n == 0);
	rig_fini(&t);
}

static void
holds_to_its_deadlines(void)
{
	static struct rig t;
	uint8_t out[1024];
	struct pdagent *a;
	struct peer p, q;

	rig_init(&t);
	peer_open(&t, &p, 1);
	send_all(&p, out, make_register(&p, "box", out, sizeof(out)) - 1);
	a = TAILQ_FIRST(&t.room.all);
	a->begun_us -= PDAGENT_REGISTER_US;
	pdagent_watch(a);
	AWAIT(&t, t.room.n == 0);
	peer_close(&p);
	/* Nobody says whether it may come in. */
	t.is_mute = true;
	peer_open(&t, &p, 1);
	send_all(&p, out, make_register(&p, "box", out, sizeof(out)));
	AWAIT(&t, t.hellos_n == 1);
	a = TAILQ_FIRST(&t.room.all);
	a->begun_us -= PDAGENT_WELCOME_US;
	pdagent_watch(a);
	await_answer(&p, "busy");
	/* It does not close its end. */
	a->begun_us -= PDAGENT_LEAVE_US;
	pdagent_watch(a);
	AWAIT(&t, t.room.n == 0);
	peer_close(&p);
	t.is_mute = false;
	/* Half a message; and not a word. */
	peer_comes(&t, &p, 1, "box");
	peer_comes(&t, &q, 2, "other");
	send_all(&p, out, make_report(&p, 1, out, sizeof(out)) / 2);
	a = agent_of(&p);
	a->begun_us -= PDAGENT_MESSAGE_US;
	pdagent_watch(a);
	AWAIT(&t, t.room.n == 1);
	a = agent_of(&q);
	a->heard_us -= 3 * 60000000ll - 1000000;
	pdagent_watch(a);
	turns(&t, 20);
	CHECK_INT(t.room.n, 1);
	a->heard_us -= 1000000;
	pdagent_watch(a);
	AWAIT(&t, t.room.n == 0);
	peer_close(&p);
	peer_close(&q);
	rig_fini(&t);
}

static void
a_thousand_that_say_nothing(void)
{
	static struct rig t;
	static struct peer idle[1000];
	struct peer p;
	uint32_t i;

	rig_init(&t);
	for (i = 0; i < 1000; i++)
		peer_open(&t, &idle[i], 9);
	peer_comes(&t, &p, 1, "box");
	peer_reports(&p);
	await_answer(&p, "");
	CHECK_INT(t.room.pending, 0);
	CHECK_INT(t.room.guests.n, 1000);
	for (i = 0; i < 1000; i++)
		peer_close(&idle[i]);
	AWAIT(&t, t.room.n == 1);
	peer_close(&p);
	rig_fini(&t);
}

static void
expels(void)
{
	static struct rig t;
	struct peer p;
	uint8_t buf[8];

	rig_init(&t);
	peer_comes(&t, &p, 1, "box");
	pdfield_put(buf, t.hello.agent, 8);
	CHECK_INT(
	    chan_send(t.ranker, PDMSG_EXPEL, buf, sizeof(buf), NULL, 0), 0);
	AWAIT(&t, is_closed(&p));
	CHECK_INT(t.room.n, 0);
	peer_close(&p);
	rig_fini(&t);
}

/* What an agent costs that has nothing to say. */
static void
is_small_when_idle(void)
{
	static struct rig t;
	struct peer p;

	rig_init(&t);
	peer_comes(&t, &p, 1, "box");
	turns(&t, 10);
	CHECK(agent_of(&p)->in == NULL && agent_of(&p)->answers == NULL &&
		  agent_of(&p)->note == NULL,
	    "no buffer");
	CHECK(sizeof(struct pdagent) + agent_of(&p)->said_len < 1024,
	    "%zu bytes", sizeof(struct pdagent) + agent_of(&p)->said_len);
	peer_close(&p);
	rig_fini(&t);
}

static const struct unit_case cases[] = {
    {"registers", registers},
    {"is refused with a reason", is_refused_with_a_reason},
    {"has places for so many", has_places_for_so_many},
    {"reports", reports},
    {"tells what cannot be stored", tells_what_cannot_be_stored},
    {"gets what it lacks in order", gets_what_it_lacks_in_order},
    {"a slow reader gets the newest", a_slow_reader_gets_the_newest},
    {"one that reads nothing is closed", one_that_reads_nothing_is_closed},
    {"says what it has taken", says_what_it_has_taken},
    {"takes bytes one at a time", takes_bytes_one_at_a_time},
    {"takes the largest", takes_the_largest},
    {"closes what is not ours", closes_what_is_not_ours},
    {"closes garbage later on", closes_garbage_later_on},
    {"takes nothing twice", takes_nothing_twice},
    {"lets one of two in", lets_one_of_two_in},
    {"the newer connection wins", the_newer_connection_wins},
    {"a flood meets its quota", a_flood_meets_its_quota},
    {"bears with a ranker that is away", bears_with_a_ranker_that_is_away},
    {"paces its hellos", paces_its_hellos},
    {"holds to its deadlines", holds_to_its_deadlines},
    {"a thousand that say nothing", a_thousand_that_say_nothing},
    {"expels", expels},
    {"is small when idle", is_small_when_idle},
};

UNIT_MAIN("pdroom", cases)
