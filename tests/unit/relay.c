/* Tunnels between two TCP connections of the test's own. */
#include "cagentd/worker/relay/relay.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/relay_rig.h"
#include "tests/unit/unit.h"

static const char hello[] = "\x16\x03\x01\x01\x20\x01 client hello";
#define HELLO_LEN (sizeof(hello) - 1)

static void
moves_bytes(void)
{
	struct tunnel *t = tunnel_open(false);

	rig_write(t->client, "ping");
	expect(t, t->upstream, "ping", 4);
	CHECK_INT(t->answered, 0);
	rig_write(t->upstream, "pong");
	expect(t, t->client, "pong", 4);
	CHECK_INT(t->answered, 1);
	rig_write(t->upstream, "more");
	expect(t, t->client, "more", 4);
	CHECK_INT(t->answered, 1);
	CHECK(t->relay.first_byte_us > 0, "timed");
	CHECK_INT(t->relay.side[RELAY_CLIENT].bytes, 4);
	CHECK_INT(t->relay.side[RELAY_UPSTREAM].bytes, 8);
	hang_up(t, &t->client, false);
	CHECK_INT(end_of(t, t->upstream), 0);
	hang_up(t, &t->upstream, false);
	RIG_UNTIL(t->loop, t->n > 0);
	CHECK_INT(t->end, RELAY_CLOSED);
	CHECK_INT(t->where, RELAY_UPSTREAM);
	tunnel_free(t);
}

static void
sends_what_came_early(void)
{
	struct tunnel *t = tunnel_new();

	t->start.to_client = buf_copy("reply and early", 15);
	t->start.early = 5;
	t->start.to_upstream = buf_copy("payload ", 8);
	tunnel_start(t);
	rig_write(t->client, "and more");
	expect(t, t->client, "reply and early", 15);
	expect(t, t->upstream, "payload and more", 16);
	CHECK_INT(t->relay.side[RELAY_CLIENT].bytes, 16);
	CHECK_INT(t->relay.side[RELAY_UPSTREAM].bytes, 5);
	CHECK_INT(t->answered, 0);
	tunnel_free(t);
}

static void
moves_much_both_ways(void)
{
	struct tunnel *t = tunnel_open(false);
	struct bulk up = {t->client, t->upstream, 0, 0, false, false, 0};
	struct bulk down = {t->upstream, t->client, 0, 0, false, false, 0};
	int64_t end_us = mono_us() + RIG_DEADLINE_US;

	while (!(up.ended && down.ended) && mono_us() < end_us) {
		bulk_push(&up);
		bulk_push(&down);
		loop_turn(t->loop, 0);
		bulk_pull(&up);
		bulk_pull(&down);
	}
	RIG_UNTIL(t->loop, t->n > 0);
	CHECK_INT(t->end, RELAY_CLOSED);
	CHECK_INT(up.got, BULK);
	CHECK_INT(down.got, BULK);
	CHECK(!up.wrong && !down.wrong, "the bytes are the same");
	CHECK_INT(t->relay.side[RELAY_CLIENT].bytes, BULK);
	CHECK_INT(t->relay.side[RELAY_UPSTREAM].bytes, BULK);
	tunnel_free(t);
}

/* A half-close passes, and the other way goes on. */
static void
passes_half_closes(void)
{
	struct tunnel *t = tunnel_open(false);

	rig_write(t->client, "request");
	CHECK_INT(shutdown(t->client, SHUT_WR), 0);
	expect(t, t->upstream, "request", 7);
	CHECK_INT(end_of(t, t->upstream), 0);
	rig_write(t->upstream, "response");
	expect(t, t->client, "response", 8);
	CHECK_INT(t->n, 0);
	CHECK_INT(shutdown(t->upstream, SHUT_WR), 0);
	CHECK_INT(end_of(t, t->client), 0);
	RIG_UNTIL(t->loop, t->n > 0);
	CHECK_INT(t->end, RELAY_CLOSED);
	tunnel_free(t);
}

/* Nobody reads: what is taken from the sender comes to an end, at a fixed
 * size; it all arrives once somebody does. */
static void
holds_back_a_fast_sender(void)
{
	struct tunnel *t = tunnel_open(false);
	struct bulk down = {t->upstream, t->client, 0, 0, false, false, 0};
	struct op *send = &t->relay.side[RELAY_CLIENT].send;
	size_t before;
	int64_t end_us = mono_us() + RIG_DEADLINE_US;

	do {
		before = down.sent;
		bulk_push(&down);
		rig_settle(t->loop);
	} while (down.sent > before);
	CHECK(down.sent < BULK, "no back-pressure");
	CHECK(loop_op_active(send), "nothing is kept");
	/* Of a ring the loop holds it. */
	if (strcmp(loop_backend(t->loop), "epoll") == 0)
		CHECK(send->out->cap <= LOOP_RECV_MAX,
		    "at most what a receive lent is kept");
	else
		CHECK(loop_unsent(
			  t->loop, t->relay.side[RELAY_CLIENT].stream.fd) <=
			  2 * LOOP_RECV_MAX,
		    "at most what was taken, and one receive");
	CHECK(!loop_op_active(&t->relay.side[RELAY_UPSTREAM].recv),
	    "and nothing more is read");
	CHECK_INT(t->relay.side[RELAY_UPSTREAM].flow, FLOW_SENDING);
	rig_idle(t->loop);
	/* The other way is not held up. */
	rig_write(t->client, "still here");
	expect(t, t->upstream, "still here", 10);
	while (!down.ended && mono_us() < end_us) {
		bulk_push(&down);
		loop_turn(t->loop, 0);
		bulk_pull(&down);
	}
	CHECK_INT(down.got, BULK);
	CHECK(!down.wrong, "the bytes are the same");
	tunnel_free(t);
}

static void
passes_resets(void)
{
	struct tunnel *t;
	int way;

	for (way = 0; way < 2; way++) {
		t = tunnel_open(false);
		rig_write(t->upstream, "some");
		expect(t, t->client, "some", 4);
		hang_up(t, way == 0 ? &t->client : &t->upstream, true);
		RIG_UNTIL(t->loop, t->n > 0);
		CHECK_INT(t->end, RELAY_BROKE);
		CHECK_INT(t->where, way == 0 ? RELAY_CLIENT : RELAY_UPSTREAM);
		CHECK_INT(
		    end_of(t, way == 0 ? t->upstream : t->client), -ECONNRESET);
		tunnel_free(t);
	}
}

/* A send meets the reset before a receive does, which then sees an end like
 * any other. */
static void
passes_a_reset_that_a_send_met(void)
{
	struct tunnel *t = tunnel_open(false);

	rig_write(t->upstream, "half of it");
	expect(t, t->client, "half of it", 10);
	rig_write(t->client, "thanks");
	hang_up(t, &t->upstream, true);
	RIG_UNTIL(t->loop, t->n > 0);
	CHECK_INT(t->end, RELAY_BROKE);
	CHECK_INT(t->where, RELAY_UPSTREAM);
	CHECK_INT(end_of(t, t->client), -ECONNRESET);
	tunnel_free(t);
}

/* All that was said before a reset arrives before the reset. */
static void
loses_nothing_before_a_reset(void)
{
	struct tunnel *t = tunnel_open(false);
	struct bulk down = {t->upstream, t->client, 0, 0, false, false, 0};
	int64_t end_us = mono_us() + RIG_DEADLINE_US;
	size_t sent, before;

	/* Fill all that is between, then let the relay have it. */
	do {
		before = down.sent;
		bulk_push(&down);
		rig_settle(t->loop);
	} while (down.sent > before);
	while (t->relay.side[RELAY_UPSTREAM].bytes < down.sent &&
	       mono_us() < end_us) {
		bulk_pull(&down);
		loop_turn(t->loop, 0);
	}
	sent = down.sent;
	CHECK_INT(t->relay.side[RELAY_UPSTREAM].bytes, sent);
	rig_settle(t->loop);
	hang_up(t, &t->upstream, true);
	rig_settle(t->loop);
	CHECK(down.got < sent, "something is still on its way");
	CHECK_INT(t->n, 0);
	do {
		before = down.got;
		bulk_pull(&down);
		loop_turn(t->loop, 1000);
	} while ((down.got > before || t->n == 0) && mono_us() < end_us);
	bulk_pull(&down);
	CHECK_INT(down.got, sent);
	CHECK(!down.wrong, "the bytes are the same");
	CHECK_INT(t->end, RELAY_BROKE);
	CHECK_INT(down.error, ECONNRESET);
	tunnel_free(t);
}

static void
ends_idle_tunnels(void)
{
	struct tunnel *t = tunnel_new();

	t->start.idle_us = 20000;
	tunnel_start(t);
	rig_write(t->client, "x");
	RIG_UNTIL(t->loop, t->n > 0);
	CHECK_INT(t->end, RELAY_IDLE);
	expect(t, t->upstream, "x", 1);
	CHECK_INT(end_of(t, t->upstream), -ECONNRESET);
	CHECK_INT(end_of(t, t->client), -ECONNRESET);
	tunnel_free(t);
}

static void
keeps_busy_tunnels(void)
{
	struct tunnel *t = tunnel_new();
	int64_t end_us;

	t->start.idle_us = 200000;
	tunnel_start(t);
	end_us = mono_us() + 3 * t->start.idle_us;
	while (mono_us() < end_us && t->n == 0) {
		rig_write(t->upstream, "x");
		expect(t, t->client, "x", 1);
		loop_turn(t->loop, 10000);
	}
	CHECK_INT(t->n, 0);
	RIG_UNTIL(t->loop, t->n > 0);
	CHECK_INT(t->end, RELAY_IDLE);
	tunnel_free(t);
}

/* A second tunnel for the client and the flight of the first. */
static void
check_flight(struct tunnel *t, const void *want, size_t len)
{
	struct buf *flight = relay_take_flight(&t->relay);
	int fds[2], client = relay_take_client(&t->relay);

	CHECK(flight == NULL ? len == 0
			     : flight->len == len &&
				   memcmp(buf_bytes(flight), want, len) == 0,
	    "the flight is what the client sent");
	hang_up(t, &t->upstream, false);
	rig_tcp_pair(fds);
	t->upstream = fds[0];
	memset(&t->relay, 0, sizeof(t->relay));
	t->n = 0;
	t->start.client = client;
	t->start.upstream = stream_plain(fds[1]);
	t->start.to_upstream = flight;
	t->start.to_client = NULL;
	tunnel_start(t);
	expect(t, t->upstream, want, len);
	rig_write(t->upstream, "here");
	expect(t, t->client, "here", 4);
	rig_write(t->client, "and on");
	expect(t, t->upstream, "and on", 6);
}

static void
gives_back_what_was_not_answered(void)
{
	struct tunnel *t;
	int reset;

	for (reset = 0; reset < 2; reset++) {
		t = tunnel_new();
		t->start.keep_flight = true;
		t->start.to_client = buf_copy("reply", 5);
		t->start.to_upstream = buf_copy(hello, 10);
		tunnel_start(t);
		expect(t, t->client, "reply", 5);
		rig_write(t->client, hello + 10);
		expect(t, t->upstream, hello, HELLO_LEN);
		hang_up(t, &t->upstream, reset == 1);
		RIG_UNTIL(t->loop, t->n > 0);
		CHECK_INT(t->end, RELAY_UNANSWERED);
		CHECK_INT(t->answered, 0);
		check_flight(t, hello, HELLO_LEN);
		tunnel_free(t);
	}
}

/* What the client said and that it has nothing more to say: both survive. */
static void
gives_back_a_half_closed_flight(void)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	struct tunnel *t = tunnel_open(true);
	struct buf *flight;
	int fds[2];

	rig_write(t->client, get);
	CHECK_INT(shutdown(t->client, SHUT_WR), 0);
	expect(t, t->upstream, get, sizeof(get) - 1);
	CHECK_INT(end_of(t, t->upstream), 0);
	hang_up(t, &t->upstream, false);
	RIG_UNTIL(t->loop, t->n > 0);
	CHECK_INT(t->end, RELAY_UNANSWERED);
	flight = relay_take_flight(&t->relay);
	t->start.client = relay_take_client(&t->relay);
	rig_tcp_pair(fds);
	t->upstream = fds[0];
	t->start.upstream = stream_plain(fds[1]);
	t->start.to_upstream = flight;
	memset(&t->relay, 0, sizeof(t->relay));
	t->n = 0;
	tunnel_start(t);
	expect(t, t->upstream, get, sizeof(get) - 1);
	CHECK_INT(end_of(t, t->upstream), 0);
	rig_write(t->upstream, "here");
	expect(t, t->client, "here", 4);
	tunnel_free(t);
}

/* Broken before its first byte, but not to be tried again. */
static void
check_broke(struct tunnel *t)
{
	hang_up(t, &t->upstream, true);
	RIG_UNTIL(t->loop, t->n > 0);
	CHECK_INT(t->end, RELAY_BROKE);
	CHECK_INT(end_of(t, t->client), -ECONNRESET);
	tunnel_free(t);
}

static void
gives_back_nothing_that_was_answered(void)
{
	struct tunnel *t = tunnel_open(true);

	rig_write(t->client, hello);
	expect(t, t->upstream, hello, HELLO_LEN);
	rig_write(t->upstream, "a");
	expect(t, t->client, "a", 1);
	CHECK(t->relay.flight == NULL, "the flight is dropped");
	check_broke(t);
}

static void
gives_back_nothing_unsafe(void)
{
	static const char *const texts[] = {
	    "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
	    "SSH-2.0-x\r\n",
	    "GET / HTTP/1.1\r\n",
	    "GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\n\r\n",
	};
	struct tunnel *t;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		t = tunnel_open(true);
		rig_write(t->client, texts[i]);
		expect(t, t->upstream, texts[i], strlen(texts[i]));
		check_broke(t);
	}
}

/* The answer is there, but the client's next word met the end of the stream
 * before it was read: that is no silence. */
static void
reads_an_answer_before_the_end(void)
{
	static const char get[] = "GET / HTTP/1.1\r\n";
	struct tunnel *t = tunnel_open(true);

	rig_write(t->client, get);
	expect(t, t->upstream, get, strlen(get));
	rig_write(t->client, "\r\n");
	rig_write(t->upstream, "answer");
	hang_up(t, &t->upstream, true);
	expect(t, t->client, "answer", 6);
	RIG_UNTIL(t->loop, t->n > 0);
	CHECK_INT(t->end, RELAY_BROKE);
	CHECK_INT(t->where, RELAY_UPSTREAM);
	CHECK_INT(t->answered, 1);
	tunnel_free(t);
}

/* Nothing was said: any path will do, while it may still be said. */
static void
gives_back_the_stillborn(void)
{
	struct tunnel *t;
	int reset;

	for (reset = 0; reset < 2; reset++) {
		t = tunnel_new();
		t->start.keep_flight = true;
		t->start.to_client = buf_copy("reply", 5);
		tunnel_start(t);
		expect(t, t->client, "reply", 5);
		hang_up(t, &t->upstream, reset == 1);
		RIG_UNTIL(t->loop, t->n > 0);
		CHECK_INT(t->end, RELAY_UNANSWERED);
		check_flight(t, "", 0);
		tunnel_free(t);
	}
	/* The client is through, too. */
	t = tunnel_open(true);
	CHECK_INT(shutdown(t->client, SHUT_WR), 0);
	CHECK_INT(end_of(t, t->upstream), 0);
	hang_up(t, &t->upstream, false);
	RIG_UNTIL(t->loop, t->n > 0);
	CHECK_INT(t->end, RELAY_CLOSED);
	tunnel_free(t);
	/* It was not so soon. */
	t = tunnel_open(true);
	t->relay.started_us -= RELAY_STILLBORN_US;
	check_broke(t);
}

static void
gives_back_no_long_flight(void)
{
	static char text[RELAY_FLIGHT_MAX + 1];
	struct tunnel *t = tunnel_open(true);

	memset(text, 'x', sizeof(text));
	memcpy(text, hello, HELLO_LEN);
	text[RELAY_FLIGHT_MAX] = '\0';
	CHECK_INT(send(t->client, text, RELAY_FLIGHT_MAX, 0), RELAY_FLIGHT_MAX);
	expect(t, t->upstream, text, RELAY_FLIGHT_MAX);
	CHECK(
	    t->relay.flight != NULL && t->relay.flight->len == RELAY_FLIGHT_MAX,
	    "what just fits is kept");
	rig_write(t->client, "x");
	expect(t, t->upstream, "x", 1);
	CHECK(t->relay.flight == NULL, "more is not");
	check_broke(t);
}

static void
gives_back_nothing_unasked(void)
{
	struct tunnel *t = tunnel_open(false);

	rig_write(t->client, hello);
	expect(t, t->upstream, hello, HELLO_LEN);
	check_broke(t);
}

static void
can_be_cancelled(void)
{
	struct tunnel *t = tunnel_new();

	t->start.keep_flight = true;
	t->start.to_client = buf_copy("reply", 5);
	t->start.to_upstream = buf_copy(hello, HELLO_LEN);
	tunnel_start(t);
	relay_cancel(&t->relay);
	relay_cancel(&t->relay);
	rig_settle(t->loop);
	CHECK_INT(t->n, 0);
	tunnel_free(t);

	t = tunnel_open(true);
	rig_write(t->client, hello);
	expect(t, t->upstream, hello, HELLO_LEN);
	relay_cancel(&t->relay);
	CHECK_INT(end_of(t, t->client), -ECONNRESET);
	CHECK_INT(end_of(t, t->upstream), -ECONNRESET);
	CHECK_INT(t->n, 0);
	tunnel_free(t);
}

static void
knows_what_may_be_sent_twice(void)
{
	static const struct {
		const char *text;
		size_t len;
		bool may;
	} rows[] = {
	    {"\x16\x03\x01\x02\x00\x01", 6, true},
	    {"\x16\x03\x03\x02\x00\x01 and more", 15, true},
	    {"\x16\x03\x01\x02\x00", 5, false},
	    {"\x16\x03\x01\x02\x00\x02", 6, false},
	    {"\x17\x03\x01\x02\x00\x01", 6, false},
	    {"\x16\x02\x01\x02\x00\x01", 6, false},
	    {"GET / HTTP/1.1\r\n\r\n", 18, true},
	    {"HEAD / HTTP/1.1\r\n\r\n", 19, true},
	    {"OPTIONS * HTTP/1.1\r\n\r\n", 22, true},
	    {"GET / HTTP/1.1\r\n\r", 17, false},
	    {"GET / HTTP/1.1\r\n\r\n\r\n\r\n", 22, false},
	    {"GETX / HTTP/1.1\r\n\r\n", 19, false},
	    {"POST / HTTP/1.1\r\n\r\n", 19, false},
	    {"PUT / HTTP/1.1\r\n\r\n", 18, false},
	    {"DELETE / HTTP/1.1\r\n\r\n", 21, false},
	    {"TRACE / HTTP/1.1\r\n\r\n", 20, false},
	    {"", 0, false},
	    {"\r\n\r\n", 4, false},
	    /* In several records; what comes behind it is early data. */
	    {"\x16\x03\x01\x00\x01\x01\x16\x03\x01\x00\x02\x00\x00", 13, true},
	    {"\x16\x03\x01\x00\x01\x01\x16\x03\x01", 9, true},
	    {"\x16\x03\x01\x00\x01\x01\x17\x03\x03\x00\x01x", 12, false},
	    {"\x16\x03\x01\x00\x01\x01\x17", 7, false},
	    {"\x16\x03\x01\x00\x01\x01\x14\x03\x03\x00\x01\x01\x17", 13, false},
	    /* There are servers to which a lone LF ends a line, and a head. */
	    {"GET / HTTP/1.1\n\nPOST / HTTP/1.1\r\n\r\n", 35, false},
	    {"GET / HTTP/1.1\r\n\nPOST / HTTP/1.1\r\n\r\n", 36, false},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		CHECK(relay_replayable((const uint8_t *)rows[i].text,
			  rows[i].len) == rows[i].may,
		    "row %zu", i);
}

static void
names_its_ends(void)
{
	CHECK_STR(
	    relay_end_text(RELAY_BROKE, RELAY_CLIENT), "broken by the client");
	CHECK_STR(
	    relay_end_text(RELAY_BROKE, RELAY_UPSTREAM), "broken upstream");
	CHECK_STR(relay_end_text(RELAY_CLOSED, RELAY_CLIENT), "closed");
}

static const struct unit_case cases[] = {
    {"moves bytes", moves_bytes},
    {"sends what came early", sends_what_came_early},
    {"moves much both ways", moves_much_both_ways},
    {"passes half-closes", passes_half_closes},
    {"holds back a fast sender", holds_back_a_fast_sender},
    {"passes resets", passes_resets},
    {"passes a reset that a send met", passes_a_reset_that_a_send_met},
    {"loses nothing before a reset", loses_nothing_before_a_reset},
    {"ends idle tunnels", ends_idle_tunnels},
    {"keeps busy tunnels", keeps_busy_tunnels},
    {"gives back what was not answered", gives_back_what_was_not_answered},
    {"gives back a half-closed flight", gives_back_a_half_closed_flight},
    {"gives back nothing answered", gives_back_nothing_that_was_answered},
    {"gives back nothing unsafe", gives_back_nothing_unsafe},
    {"reads an answer before the end", reads_an_answer_before_the_end},
    {"gives back the stillborn", gives_back_the_stillborn},
    {"gives back no long flight", gives_back_no_long_flight},
    {"gives back nothing unasked", gives_back_nothing_unasked},
    {"can be cancelled", can_be_cancelled},
    {"knows what may be sent twice", knows_what_may_be_sent_twice},
    {"names its ends", names_its_ends},
};

UNIT_MAIN("relay", cases)
