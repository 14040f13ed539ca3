/* The connection to one manager, over a socket pair whose other end follows a
 * script, with a clock of ours. */
#include "cagentd/control/link.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/unit/manager_fake.h"
#include "tests/unit/unit.h"

#define S 1000000ll

static int64_t skew_us;

static int64_t
clock_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * S + ts.tv_nsec / 1000 + skew_us;
}

int64_t
mono_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

int64_t
mono_wall_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

static struct loop *loop;
static struct resolve *resolve;
static struct events events;
static struct msg_identity identity;
static uint64_t seed;
static struct link l;
static struct link_owner own;
static struct manager_fake m;
static int peer; /* the other end */

static int ups, downs, answers, messages;
static bool answer_now;
static uint8_t message[ENVELOPE_MAX];
static size_t message_len;

static void
introduce(void *arg, struct manage_register *r)
{
	(void)arg;
	strlcpy(r->group, "ours", sizeof(r->group));
	strlcpy(r->software, "test 1", sizeof(r->software));
	r->root_epoch = 3;
	r->policy = (struct manage_mark){3, 4};
	r->rank = (struct manage_mark){3, 5};
}

static void
on_up(void *arg, struct link *link)
{
	(void)arg, (void)link;
	ups++;
}

static void
on_down(void *arg, struct link *link)
{
	(void)arg, (void)link;
	downs++;
}

static void
on_answered(void *arg, struct link *link)
{
	(void)arg, (void)link;
	answers++;
}

static bool
on_message(void *arg, struct link *link, const uint8_t *bytes, size_t len)
{
	(void)arg, (void)link;
	messages++;
	memcpy(message, bytes, len);
	message_len = len;
	return answer_now;
}

/* What is ready, and what that makes ready. */
static void
turn(void)
{
	int i;

	for (i = 0; i < 20; i++)
		loop_turn(loop, 0);
}

static void
pass(int64_t us)
{
	skew_us += us;
	turn();
}

static void
hear(void)
{
	ssize_t n;

	turn();
	while ((n = read(peer, m.in + m.in_len, sizeof(m.in) - m.in_len)) > 0) {
		m.in_len += (size_t)n;
		turn();
	}
}

static bool
is_hung_up(void)
{
	uint8_t byte;

	hear();
	return read(peer, &byte, 1) == 0;
}

static void
tell_bytes(const void *data, size_t len)
{
	CHECK_INT(write(peer, data, len), (ssize_t)len);
	turn();
}

static void
answer(const struct manage_answer *a, bool nack)
{
	uint8_t out[1024];

	tell_bytes(out, manager_fake_answer(&m, a, nack, out, sizeof(out)));
}

/* To what was heard last. */
static void
ack(uint32_t interval_ms)
{
	answer(&(struct manage_answer){.of = (uint8_t)m.head.type,
		   .sequence = m.head.sequence,
		   .interval_ms = interval_ms},
	    false);
}

static void
nack(const char *code, uint64_t floor)
{
	struct manage_answer a = {.of = (uint8_t)m.head.type,
	    .sequence = m.head.sequence,
	    .sequence_floor = floor};

	strlcpy(a.code, code, sizeof(a.code));
	strlcpy(a.text, "for a reason", sizeof(a.text));
	answer(&a, true);
}

/* The next connection stands. */
static void
connect_pair(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		fds) == -1)
		abort();
	if (peer != -1)
		close(peer);
	peer = fds[1];
	m.in_len = 0;
	link_adopt(&l, fds[0]);
}

static void
begin_as(const char *name, uint32_t keys)
{
	struct link_peer p;
	struct manager_fake other;
	uint32_t i;

	peer = -1;
	ups = downs = answers = messages = 0;
	answer_now = true;
	skew_us = 0;
	seed = 12345;
	memset(&events, 0, sizeof(events));
	memset(&identity, 0, sizeof(identity));
	manager_fake_init(&other, 9);
	identity.keys = other.keys;
	strlcpy(identity.token, "t0ken", sizeof(identity.token));
	manager_fake_init(&m, 1);
	if (loop_new(&loop) != 0 || resolve_new(&resolve, loop) != 0)
		abort();
	own = (struct link_owner){.loop = loop,
	    .resolve = resolve,
	    .events = &events,
	    .identity = &identity,
	    .seed = &seed,
	    .introduce = introduce,
	    .up = on_up,
	    .down = on_down,
	    .answered = on_answered,
	    .message = on_message};
	link_init(&l, &own);
	memset(&p, 0, sizeof(p));
	strlcpy(p.name, name, sizeof(p.name));
	strlcpy(p.as, "web-7", sizeof(p.as));
	strlcpy(p.at[0].host, "127.0.0.1", sizeof(p.at[0].host));
	p.at[0].port = 1;
	p.at_n = 1;
	p.keys_n = keys;
	for (i = 0; i < keys; i++) {
		manager_fake_init(&other, (uint8_t)(1 + i));
		memcpy(p.keys[i], other.keys.public_key, SEALED_KEY_LEN);
	}
	link_start(&l, &p);
	connect_pair();
}

static void
begin(void)
{
	begin_as("", 1);
}

static void
end(void)
{
	link_stop(&l, "");
	CHECK_INT(l.state, LINK_OFF);
	CHECK_INT(ups, downs);
	if (peer != -1)
		close(peer);
	resolve_free(resolve);
	loop_free(loop);
}

/* As far as that the agent may come in. */
static void
let_in(void)
{
	hear();
	CHECK(manager_fake_next(&m), "a register");
	CHECK_INT(m.head.type, SEALED_REGISTER);
	ack(30000);
	CHECK_INT(l.state, LINK_UP);
}

static void
registers(void)
{
	struct manage_register r;

	begin();
	hear();
	CHECK_INT(l.state, LINK_REGISTERING);
	CHECK(manager_fake_next(&m), "a register");
	CHECK_INT(m.head.type, SEALED_REGISTER);
	CHECK(memcmp(m.head.sender, identity.keys.public_key, 32) == 0, "ours");
	CHECK(manage_register_decode(m.body, m.head.body_len, &r) > 0, "body");
	CHECK_STR(r.name, "web-7");
	CHECK_STR(r.group, "ours");
	CHECK_STR(r.token, "t0ken");
	CHECK_INT(r.root_epoch, 3);
	CHECK_INT(r.policy.serial, 4);
	CHECK_INT(r.rank.serial, 5);
	ack(30000);
	CHECK_INT(l.state, LINK_UP);
	CHECK_INT(l.interval_ms, 30000);
	CHECK_INT(ups, 1);
	CHECK_STR(l.why, "");
	end();
}

/* Whoever it is: the token is the policy server's alone. */
static void
keeps_the_token(void)
{
	struct manage_register r;

	begin_as("other", 1);
	hear();
	CHECK(manager_fake_next(&m), "a register");
	CHECK(manage_register_decode(m.body, m.head.body_len, &r) > 0, "body");
	CHECK_STR(r.token, "");
	end();
}

static void
is_refused(void)
{
	begin();
	hear();
	CHECK(manager_fake_next(&m), "a register");
	nack("unknown-agent", 0);
	CHECK_INT(l.state, LINK_WAITING);
	CHECK_STR(l.why, "it refuses us: unknown-agent: for a reason");
	CHECK_STR(l.nack_code, "unknown-agent");
	CHECK_INT(events.last_id, 2);
	CHECK(strncmp(events_get(&events, 2)->text, "to let this agent in",
		  20) == 0,
	    "what to do");
	CHECK(strstr(events_get(&events, 2)->text, "or a new token") != NULL,
	    "all of it");
	CHECK(is_hung_up(), "closed");
	CHECK_INT(ups, 0);
	end();
}

static size_t
make_message(uint8_t *out, size_t cap, size_t body_len)
{
	static uint8_t body[ENVELOPE_BODY_MAX];
	struct envelope e = {.type = ENVELOPE_POLICY,
	    .epoch = 1,
	    .serial = 1,
	    .issued_s = 1,
	    .expires_s = 2,
	    .audience = "*",
	    .body = body,
	    .body_len = body_len};
	uint8_t pk[32], sk[64], s[32] = {1};
	int n = envelope_encode(&e, out, cap);

	crypto_sign_seed_keypair(pk, sk, s);
	n = n > 0 ? envelope_sign(out, (size_t)n, cap, pk, sk) : n;
	CHECK(n > 0, "a message");
	return (size_t)n;
}

/* Each ends the connection, and nothing is believed. */
static void
lies(void)
{
	static const char *const why[] = {"it has another key than it should",
	    "it has not the key that it says", "it answers somebody else",
	    "it has not the key that it says", "not a sealed message",
	    "it does not say whether we may come in"};
	struct manager_fake right;
	uint8_t out[1024];
	size_t i, n;

	for (i = 0; i < 6; i++) {
		begin();
		hear();
		CHECK(manager_fake_next(&m), "a register");
		right = m;
		if (i == 0)
			manager_fake_init(&m, 7);
		memcpy(m.agent, right.agent, sizeof(m.agent));
		m.head = right.head;
		if (i == 2)
			m.agent[0] ^= 1;
		n = manager_fake_answer(&m,
		    &(struct manage_answer){
			.of = SEALED_REGISTER, .sequence = m.head.sequence},
		    false, out, sizeof(out));
		if (i == 1)
			out[n - 1] ^= 1;
		if (i == 3) /* the type is under the seal, too */
			out[5] = SEALED_NACK;
		if (i == 4)
			out[4] = 2;
		if (i == 5)
			n = make_message(out, sizeof(out), 100);
		tell_bytes(out, n);
		CHECK_STR(l.why, why[i]);
		CHECK_INT(l.state, LINK_WAITING);
		CHECK_INT(ups + messages, 0);
		end();
	}
}

static const uint8_t report[] = "a report";

static void
send_report(void)
{
	CHECK(link_report(&l, report, sizeof(report)), "sent");
	hear();
	CHECK(manager_fake_next(&m), "a report");
	CHECK_INT(m.head.type, SEALED_REPORT);
	CHECK_INT(m.head.body_len, sizeof(report));
	CHECK(memcmp(m.body, report, sizeof(report)) == 0, "the body");
}

static void
reports(void)
{
	uint64_t before;

	begin();
	CHECK(!link_report(&l, report, sizeof(report)), "not yet");
	let_in();
	before = m.head.sequence;
	send_report();
	CHECK(m.head.sequence > before, "it rises");
	CHECK_INT(l.asked_n, 1);
	ack(0);
	CHECK_INT(l.asked_n, 0);
	CHECK_INT(answers, 1);
	CHECK_INT(l.interval_ms, 30000);
	send_report();
	nack("quota", 0);
	CHECK_INT(answers, 2);
	CHECK_INT(l.state, LINK_UP);
	CHECK_STR(l.nack_code, "quota");
	CHECK_INT(l.reports, 2);
	end();
}

/* An answer is believed once, and only to what was said. */
static void
replays(void)
{
	uint8_t out[1024];
	size_t n;

	begin();
	let_in();
	send_report();
	n = manager_fake_answer(&m,
	    &(struct manage_answer){
		.of = SEALED_REPORT, .sequence = m.head.sequence},
	    false, out, sizeof(out));
	tell_bytes(out, n);
	CHECK_INT(answers, 1);
	send_report();
	tell_bytes(out, n);
	CHECK_INT(answers, 1);
	CHECK_INT(l.asked_n, 1);
	answer(&(struct manage_answer){.of = SEALED_REGISTER,
		   .sequence = m.head.sequence},
	    false);
	CHECK_INT(answers, 1);
	CHECK_INT(l.state, LINK_UP);
	ack(0);
	CHECK_INT(answers, 2);
	end();
}

/* Nothing is queued for one that does not answer. */
static void
no_more_than(void)
{
	int i;

	begin();
	let_in();
	for (i = 0; i < LINK_ASKED_MAX; i++)
		send_report();
	CHECK(!link_report(&l, report, sizeof(report)), "one too many");
	pass(LINK_ANSWER_US - S);
	CHECK_INT(l.state, LINK_UP);
	pass(S);
	CHECK_INT(l.state, LINK_WAITING);
	CHECK_STR(l.why, "it does not answer any more");
	CHECK_INT(downs, 1);
	end();
}

static void
signed_messages(void)
{
	static uint8_t out[4 * 1024];
	size_t n, i;

	begin();
	let_in();
	n = make_message(out, sizeof(out), 100);
	for (i = 0; i < n; i++) {
		CHECK_INT(messages, 0);
		tell_bytes(out + i, 1);
	}
	CHECK_INT(messages, 1);
	CHECK_INT(message_len, n);
	CHECK(memcmp(message, out, n) == 0, "as it was");
	CHECK(!link_in_waits(&l.in), "no memory is kept");
	/* Two at once, and a part of the third. */
	make_message(out + n, n, 100);
	memcpy(out + 2 * n, out, n / 2);
	tell_bytes(out, 2 * n + n / 2);
	CHECK_INT(messages, 3);
	CHECK(link_in_waits(&l.in), "half of one");
	pass(LINK_MESSAGE_US);
	CHECK_STR(l.why, "not all of a message came in time");
	end();
}

static void
waits_for_the_owner(void)
{
	static uint8_t out[4 * 1024];
	struct manage_answer a = {.of = ENVELOPE_POLICY, .what = {1, 1}};
	size_t n;

	begin();
	let_in();
	answer_now = false;
	n = make_message(out, sizeof(out), 100);
	memcpy(out + n, out, n);
	tell_bytes(out, 2 * n);
	CHECK_INT(messages, 1);
	pass(LINK_MESSAGE_US);
	CHECK_INT(l.state, LINK_UP);
	CHECK_INT(messages, 1);
	answer_now = true;
	link_answer(&l, &a, false);
	link_resume(&l);
	turn();
	CHECK_INT(messages, 2);
	tell_bytes(out, n);
	CHECK_INT(messages, 3);
	hear();
	CHECK(manager_fake_next(&m), "an ack");
	CHECK_INT(m.head.type, SEALED_ACK);
	CHECK(manage_answer_decode(m.body, m.head.body_len, false, &a) > 0,
	    "body");
	CHECK_INT(a.of, ENVELOPE_POLICY);
	CHECK_INT(a.what.serial, 1);
	end();
}

/* A fault is told, and then the connection is at its end. */
static void
faults(void)
{
	static const char *const texts[] = {
	    "not a signed message: the body is too long", ""};
	static uint8_t out[4 * 1024];
	struct manage_answer a;
	size_t n;
	int i;

	for (i = 0; i < 2; i++) {
		begin();
		let_in();
		n = make_message(out, sizeof(out), 100);
		if (i == 0)
			memset(out + 8, 0xff, 4);
		else
			memcpy(out, "GET ", 4);
		tell_bytes(out, n);
		CHECK_INT(messages, 0);
		CHECK_INT(l.state, LINK_LEAVING);
		hear();
		CHECK(manager_fake_next(&m), "a nack");
		CHECK_INT(m.head.type, SEALED_NACK);
		CHECK(
		    manage_answer_decode(m.body, m.head.body_len, true, &a) > 0,
		    "body");
		CHECK_STR(a.code, "malformed");
		if (i == 0)
			CHECK(strncmp(a.text, texts[0], 21) == 0, "%s", a.text);
		CHECK(is_hung_up(), "no more comes");
		tell_bytes(out, n);
		CHECK_INT(messages, 0);
		CHECK_INT(downs, 0);
		close(peer);
		peer = -1;
		turn();
		CHECK_INT(l.state, LINK_WAITING);
		CHECK_INT(downs, 1);
		end();
	}
}

static void
a_subscriber_signs_nothing(void)
{
	static uint8_t out[4 * 1024];
	size_t n;

	begin_as("other", 1);
	let_in();
	n = make_message(out, sizeof(out), 100);
	tell_bytes(out, n);
	CHECK_INT(messages, 0);
	CHECK_INT(l.state, LINK_WAITING);
	CHECK_STR(l.why, "it sends what only the policy server may");
	end();
}

static void
sequences(void)
{
	uint64_t first, floor;

	begin();
	hear();
	CHECK(manager_fake_next(&m), "a register");
	first = m.head.sequence;
	CHECK(first >= (uint64_t)mono_wall_us() - 60 * S, "by the clock");
	floor = first + 1000000 * S;
	nack("old-sequence", floor);
	CHECK_INT(l.state, LINK_WAITING);
	connect_pair();
	hear();
	CHECK(manager_fake_next(&m), "another");
	CHECK_INT(m.head.sequence, floor + 1);
	/* Once: the second time it is a no. */
	nack("old-sequence", floor + 100);
	CHECK(strstr(l.why, "it refuses us") != NULL, "%s", l.why);
	connect_pair();
	hear();
	CHECK(manager_fake_next(&m), "another");
	CHECK_INT(m.head.sequence, floor + 2);
	end();
}

static void
hang_up(void)
{
	hear(); /* or it would be a reset */
	close(peer);
	peer = -1;
	turn();
	CHECK_INT(l.state, LINK_WAITING);
}

static void
backs_off(void)
{
	int64_t most = LINK_BACKOFF_MIN_US, wait_us;
	int i;

	begin();
	for (i = 0; i < 12; i++) {
		hang_up();
		CHECK_STR(l.why, "it hung up before it had answered");
		wait_us = l.try_us - l.state_us;
		CHECK(wait_us >= most / 2 && wait_us <= most,
		    "try %d: %lld of %lld", i, (long long)wait_us,
		    (long long)most);
		most = 2 * most < LINK_BACKOFF_MAX_US ? 2 * most
						      : LINK_BACKOFF_MAX_US;
		connect_pair();
	}
	/* A good one has all forgotten, a short one not. */
	let_in();
	pass(LINK_GOOD_US - S);
	hang_up();
	CHECK(l.try_us - l.state_us > 2 * LINK_BACKOFF_MIN_US, "still long");
	connect_pair();
	let_in();
	pass(LINK_GOOD_US);
	hang_up();
	CHECK(l.try_us - l.state_us <= LINK_BACKOFF_MIN_US, "short again");
	end();
}

/* Whichever of them it has. */
static void
tries_its_keys(void)
{
	begin_as("", 3);
	manager_fake_init(&m, 3);
	hear();
	CHECK(!manager_fake_next(&m), "not ours");
	hang_up();
	connect_pair();
	hear();
	CHECK(!manager_fake_next(&m), "not ours");
	CHECK(l.try_us - l.state_us <= LINK_BACKOFF_MIN_US, "soon");
	hang_up();
	CHECK(l.backoff_us == LINK_BACKOFF_MIN_US, "no round is over");
	connect_pair();
	let_in();
	hang_up();
	connect_pair();
	let_in();
	end();
}

static void
has_deadlines(void)
{
	begin();
	pass(LINK_REGISTER_US);
	CHECK_INT(l.state, LINK_WAITING);
	CHECK_STR(l.why, "no answer to who we are came in time");
	end();
}

static void
does_not_drown(void)
{
	struct manage_answer a = {.of = ENVELOPE_POLICY, .code = "rollback"};
	int i;

	begin();
	let_in();
	for (i = 0; i < LINK_REFUSED_MAX; i++)
		link_answer(&l, &a, true);
	CHECK_INT(l.state, LINK_UP);
	link_answer(&l, &a, true);
	CHECK_STR(l.why, "too much of what it sends is refused");
	end();
	begin();
	let_in();
	for (i = 0; i < 10000 && l.state == LINK_UP; i++)
		link_answer(&l, &a, false);
	CHECK_STR(l.why, "it does not read our answers");
	end();
}

/* One line each time that something is new. */
static void
tells(void)
{
	uint64_t n;

	begin();
	hang_up();
	CHECK_INT(events.last_id, 1);
	CHECK_STR(events_get(&events, 1)->text,
	    "policy server at 127.0.0.1:1: not reached: it hung up before it "
	    "had answered");
	connect_pair();
	hang_up();
	CHECK_INT(events.last_id, 1);
	connect_pair();
	let_in();
	n = events.last_id;
	CHECK_INT(n, 2);
	CHECK_STR(events_get(&events, n)->text,
	    "policy server at 127.0.0.1:1: connected, as web-7");
	hang_up();
	CHECK_INT(events.last_id, 3);
	end();
}

static const struct unit_case cases[] = {
    {"registers", registers},
    {"keeps the token", keeps_the_token},
    {"is refused", is_refused},
    {"lies", lies},
    {"reports", reports},
    {"replays", replays},
    {"no more than it answers", no_more_than},
    {"signed messages", signed_messages},
    {"waits for the owner", waits_for_the_owner},
    {"faults", faults},
    {"a subscriber signs nothing", a_subscriber_signs_nothing},
    {"sequences", sequences},
    {"backs off", backs_off},
    {"tries its keys", tries_its_keys},
    {"has deadlines", has_deadlines},
    {"does not drown", does_not_drown},
    {"tells", tells},
};

int
main(void)
{
	log_level_set(LOG_LEVEL_ERROR);
	return unit_main("link", cases, sizeof(cases) / sizeof(*cases));
}
