/* The same stream whatever is below it: each case runs over a socket, TLS 1.2
 * and TLS 1.3. */
#include "base/stream.h"

#include "tests/unit/tls_far.h"

enum below {
	BELOW_PLAIN,
	BELOW_TLS12,
	BELOW_TLS13
};

static enum below below;

/* A stream, and its far end; the handshake is done. */
struct pair {
	struct loop *l;
	struct stream s;
	struct far far;
	struct tls_sample ca, cert;
	SSL_CTX *ctx;
	struct tls_client *client;
	struct rig_op secured, rx;
};

static void
make_client(struct pair *p)
{
	static const struct tls_sample_spec ca = {.cn = "an authority"};
	struct tls_sample_spec cert = {
	    .cn = "far", .alt = "DNS:far.example", .by = &p->ca};
	const struct far_spec spec = {.cert = &p->cert,
	    .version = below == BELOW_TLS12 ? TLS1_2_VERSION : TLS1_3_VERSION};
	struct tls_client_spec client = {.name = "far.example"};
	char why[TLS_WHY_MAX] = "";

	tls_sample_make(&p->ca, &ca);
	tls_sample_make(&p->cert, &cert);
	p->ctx = far_context(&spec);
	rig_must(
	    tls_authorities_new(&client.authorities, p->ca.cert_pem, why), why);
	rig_must(tls_client_new(&p->client, &client, why), why);
	tls_authorities_unref(client.authorities);
}

static void
shake(struct pair *p)
{
	int64_t end_us = mono_us() + RIG_DEADLINE_US;

	rig_must(stream_secure(p->l, &p->s, p->client, &p->secured.op, rig_saw),
	    "stream_secure");
	CHECK_INT(p->secured.n, 0);
	while (
	    (p->secured.n == 0 || !far_shaken(&p->far)) && mono_us() < end_us) {
		far_shake(&p->far);
		far_flush(&p->far, SIZE_MAX);
		rig_must(loop_turn(p->l, 1000), "loop_turn");
	}
	CHECK_INT(p->secured.n, 1);
	CHECK_INT(p->secured.res[0], 0);
}

static struct pair *
pair_new(void)
{
	struct pair *p = tls_sample_must(calloc(1, sizeof(*p)));
	int fds[2];

	p->l = rig_loop();
	rig_tcp_pair(fds);
	p->s = stream_plain(fds[0]);
	if (below != BELOW_PLAIN)
		make_client(p);
	far_open(&p->far, fds[1], p->ctx);
	if (below != BELOW_PLAIN)
		shake(p);
	return p;
}

static void
pair_free(struct pair *p)
{
	stream_close(p->l, p->s, false);
	loop_free(p->l);
	far_close(&p->far, false);
	tls_client_unref(p->client);
	SSL_CTX_free(p->ctx);
	if (p->ca.cert != NULL) {
		tls_sample_free(&p->ca);
		tls_sample_free(&p->cert);
	}
	free(p);
}

static void
receive(struct pair *p, struct rig_op *o)
{
	int n = o->n;

	rig_must(stream_recv(p->l, p->s, &o->op, rig_saw), "stream_recv");
	CHECK_INT(o->n, n);
	CHECK(stream_op_active(p->s, &o->op), "not under way");
}

static void
test_data_then_end(void)
{
	struct pair *p = pair_new();
	struct rig_op a = {0}, b = {0};

	receive(p, &a);
	far_say(&p->far, "one");
	RIG_UNTIL(p->l, a.bytes == 3);
	far_say(&p->far, "two");
	RIG_UNTIL(p->l, a.bytes == 6);
	CHECK(a.more, "ended early");
	far_say(&p->far, "three");
	far_end(&p->far);
	RIG_UNTIL(p->l, !a.more);
	CHECK_INT(a.res[a.n - 1], 0);
	CHECK_STR(a.text, "onetwothree");
	CHECK(!stream_op_active(p->s, &a.op), "goes on after the end");
	receive(p, &b); /* the end does not go away */
	RIG_UNTIL(p->l, b.n == 1);
	CHECK_INT(b.res[0], 0);
	rig_idle(p->l);
	pair_free(p);
}

static void
pause_it(struct loop *l, struct rig_op *o)
{
	struct pair *p = container_of(o, struct pair, rx);

	if (o->more)
		stream_cancel(l, p->s, &o->op);
}

/* The end is known before the data is read, and the reader pauses between. */
static void
test_end_while_paused(void)
{
	struct pair *p = pair_new();
	struct rig_op *a = &p->rx;

	a->then = pause_it;
	receive(p, a);
	rig_settle(p->l);
	stream_cancel(p->l, p->s, &a->op);
	far_say(&p->far, "last");
	far_end(&p->far);
	rig_settle(p->l);
	CHECK_INT(a->n, 0);
	CHECK_INT(stream_peek(p->l, p->s), 1);
	receive(p, a);
	RIG_UNTIL(p->l, a->n == 1);
	rig_settle(p->l);
	CHECK_INT(a->n, 1);
	receive(p, a);
	RIG_UNTIL(p->l, a->n == 2);
	CHECK_INT(a->res[1], 0);
	CHECK_STR(a->text, "last");
	pair_free(p);
}

static void
test_reset_after_data(void)
{
	struct pair *p = pair_new();
	struct rig_op a = {0};

	receive(p, &a);
	rig_settle(p->l);
	far_say(&p->far, "before");
	RIG_UNTIL(p->l, a.bytes == 6);
	far_close(&p->far, true);
	RIG_UNTIL(p->l, !a.more);
	CHECK_STR(a.text, "before");
	CHECK_INT(a.res[a.n - 1], -ECONNRESET);
	pair_free(p);
}

/* Only plain has no other end than that: TLS tells it from a cut. */
static void
test_cut_short(void)
{
	struct pair *p = pair_new();
	struct rig_op a = {0};

	receive(p, &a);
	far_say(&p->far, "before");
	RIG_UNTIL(p->l, a.bytes == 6);
	rig_must(shutdown(p->far.fd, SHUT_WR), "shutdown");
	RIG_UNTIL(p->l, !a.more);
	CHECK_INT(a.res[a.n - 1], below == BELOW_PLAIN ? 0 : -EPROTO);
	pair_free(p);
}

/* Whatever arrives, arrives in pieces. */
static void
test_byte_by_byte(void)
{
	struct pair *p = pair_new();
	struct rig_op a = {0};
	size_t i;

	receive(p, &a);
	for (i = 0; i < 5; i++) {
		far_write(&p->far, &"split"[i], 1);
		while (p->far.ssl != NULL && far_flush(&p->far, 1) == 1)
			rig_settle(p->l);
	}
	if (p->far.ssl != NULL)
		SSL_shutdown(p->far.ssl);
	while (p->far.ssl != NULL && far_flush(&p->far, 1) == 1)
		rig_settle(p->l);
	rig_must(shutdown(p->far.fd, SHUT_WR), "shutdown");
	RIG_UNTIL(p->l, a.n > 0 && !a.more);
	CHECK_STR(a.text, "split");
	CHECK_INT(a.res[a.n - 1], 0);
	pair_free(p);
}

#define BULK_LEN ((size_t)6 << 20)

static uint8_t
byte_at(size_t pos)
{
	return (uint8_t)(pos * 7 + (pos >> 8) + (pos >> 16));
}

static struct buf *
pattern(size_t from, size_t len)
{
	struct buf *b = buf_new(len);
	size_t i;

	for (i = 0; i < len; i++)
		buf_tail(b)[i] = byte_at(from + i);
	buf_added(b, len);
	return b;
}

/* What the far end has read so far, and whether it was the right thing. */
struct seen {
	size_t got, wrong;
};

static void
far_take(struct pair *p, struct seen *seen, size_t max)
{
	static uint8_t block[65536];
	size_t i, n = far_read(&p->far, block, max);

	for (i = 0; i < n; i++)
		seen->wrong += block[i] != byte_at(seen->got + i);
	seen->got += n;
}

static void
test_send_to_slow_reader(void)
{
	struct pair *p = pair_new();
	struct rig_op tx = {0};
	struct seen seen = {0};
	int64_t end_us = mono_us() + RIG_DEADLINE_US;
	int error;

	error = stream_send(p->l, p->s, &tx.op, pattern(0, BULK_LEN), rig_saw);
	CHECK_INT(error, 0);
	rig_settle(p->l);
	CHECK_INT(tx.n, 0);
	while (seen.got < BULK_LEN && mono_us() < end_us) {
		far_take(p, &seen, 10007);
		error |= loop_turn(p->l, 0);
	}
	RIG_UNTIL(p->l, tx.n == 1);
	CHECK_INT(error, 0);
	CHECK_INT(tx.res[0], BULK_LEN);
	CHECK_INT(seen.got, BULK_LEN);
	CHECK_INT(seen.wrong, 0);
	CHECK(!stream_op_active(p->s, &tx.op), "goes on after all is sent");
	rig_idle(p->l);
	pair_free(p);
}

/* As a relay sends: at once what is taken, the rest when there is room. */
static void
test_send_now_and_the_rest(void)
{
	struct pair *p = pair_new();
	struct rig_op tx = {0};
	struct seen seen = {0};
	struct buf *b;
	size_t sent = 0, pauses = 0;
	int64_t end_us = mono_us() + RIG_DEADLINE_US;
	int waits = 0;
	ssize_t n;

	while (seen.got < BULK_LEN && mono_us() < end_us) {
		if (tx.n == waits && sent < BULK_LEN) {
			b = pattern(sent,
			    49999 < BULK_LEN - sent ? 49999 : BULK_LEN - sent);
			n = stream_send_now(p->l, p->s, buf_bytes(b), b->len);
			CHECK(n >= 0, "send_now: %zd", n);
			sent += b->len;
			buf_consume(b, (size_t)n);
			if (b->len > 0) {
				waits++;
				rig_must(
				    stream_send(p->l, p->s, &tx.op, b, rig_saw),
				    "stream_send");
			} else
				buf_free(b);
		}
		if (pauses > 0 || tx.n < waits) {
			pauses++;
			far_take(p, &seen, 20011);
		}
		rig_must(loop_turn(p->l, 0), "loop_turn");
	}
	CHECK_INT(seen.got, BULK_LEN);
	CHECK_INT(seen.wrong, 0);
	CHECK(pauses > 0, "never had to wait");
	CHECK_INT(tx.n, waits);
	pair_free(p);
}

/* What was said to be sent is with the peer though we are gone. */
static void
test_sent_survives_close(void)
{
	struct pair *p = pair_new();
	static uint8_t block[1 << 20];
	struct seen seen = {0};
	size_t i, sent = 0;
	int64_t end_us = mono_us() + RIG_DEADLINE_US;
	ssize_t n;

	do {
		for (i = 0; i < sizeof(block); i++)
			block[i] = byte_at(sent + i);
		n = stream_send_now(p->l, p->s, block, sizeof(block));
		CHECK(n >= 0, "send_now: %zd", n);
		sent += (size_t)n;
	} while (n > 0);
	stream_close(p->l, p->s, false);
	p->s = STREAM_NONE;
	while (seen.got < sent && mono_us() < end_us) {
		far_take(p, &seen, sizeof(block) / 16);
		rig_told(p->l);
	}
	far_take(p, &seen, 10);
	CHECK_INT(seen.got, sent);
	CHECK_INT(seen.wrong, 0);
	if (below != BELOW_PLAIN)
		CHECK(!p->far.ended, "what was cut looks whole");
	pair_free(p);
}

/* A reader that pauses after each callback. */
struct slow {
	struct op op;
	struct pair *p;
	struct seen seen;
	int n, res;
	bool more;
};

static void on_slow(struct loop *, struct op *, const struct op_result *);

static void
on_slow(struct loop *l, struct op *op, const struct op_result *r)
{
	struct slow *s = container_of(op, struct slow, op);
	int i;

	(void)l;
	CHECK(r->res <= LOOP_RECV_MAX, "lent %d", r->res);
	for (i = 0; i < r->res; i++)
		s->seen.wrong += r->data[i] != byte_at(s->seen.got + (size_t)i);
	s->seen.got += r->res > 0 ? (size_t)r->res : 0;
	s->res = r->res;
	s->more = r->more;
	s->n++;
	if (r->more)
		stream_cancel(s->p->l, s->p->s, op);
}

static void
test_receive_with_pauses(void)
{
	struct pair *p = pair_new();
	struct slow slow = {.p = p, .more = true};
	struct buf *b;
	size_t sent = 0;
	int64_t end_us = mono_us() + RIG_DEADLINE_US;
	int n = 0;

	while (slow.more && mono_us() < end_us) {
		if (!stream_op_active(p->s, &slow.op)) {
			n = slow.n;
			rig_must(stream_recv(p->l, p->s, &slow.op, on_slow),
			    "stream_recv");
			CHECK_INT(slow.n, n);
		}
		if (sent < BULK_LEN) {
			b = pattern(sent,
			    30011 < BULK_LEN - sent ? 30011 : BULK_LEN - sent);
			sent += far_write(&p->far, buf_bytes(b), b->len);
			buf_free(b);
		}
		if (p->far.ssl != NULL) {
			while (far_flush(&p->far, SIZE_MAX) > 0)
				;
		}
		if (sent == BULK_LEN && slow.seen.got > BULK_LEN / 2 &&
		    (p->far.ssl == NULL || BIO_pending(p->far.out) == 0)) {
			far_end(&p->far);
			sent++;
		}
		rig_must(loop_turn(p->l, 0), "loop_turn");
	}
	CHECK_INT(slow.seen.got, BULK_LEN);
	CHECK_INT(slow.seen.wrong, 0);
	CHECK_INT(slow.res, 0);
	pair_free(p);
}

/* No reading while nobody receives: the peer comes to a stop. */
static void
test_back_pressure(void)
{
	struct pair *p = pair_new();
	static uint8_t block[65536];
	struct rig_op a = {0};
	size_t sent = 0;
	int i, stuck = 0;

	receive(p, &a);
	rig_settle(p->l);
	stream_cancel(p->l, p->s, &a.op);
	for (i = 0; i < 4096 && stuck < 20; i++) {
		size_t n = p->far.ssl == NULL || BIO_pending(p->far.out) == 0
			       ? far_write(&p->far, block, sizeof(block))
			       : 0;

		if (p->far.ssl != NULL)
			n = far_flush(&p->far, SIZE_MAX);
		sent += n;
		stuck = n == 0 ? stuck + 1 : 0;
		rig_must(loop_turn(p->l, 0), "loop_turn");
	}
	CHECK(stuck == 20, "went on for %zu bytes", sent);
	CHECK_INT(a.n, 0);
	pair_free(p);
}

/* We end; what the peer says after that still comes. */
static void
test_half_close(void)
{
	struct pair *p = pair_new();
	struct rig_op a = {0};
	char text[16] = "";
	ssize_t n;

	receive(p, &a);
	n = stream_send_now(p->l, p->s, "question", 8);
	CHECK_INT(n, 8);
	stream_end(p->l, p->s);
	RIG_UNTIL(
	    p->l, (far_read(&p->far, text + strlen(text), 8), p->far.ended));
	CHECK_STR(text, "question");
	n = stream_send_now(p->l, p->s, "x", 1);
	CHECK_INT(n, -EPIPE);
	far_say(&p->far, "answer");
	far_end(&p->far);
	RIG_UNTIL(p->l, !a.more && a.n > 0);
	CHECK_STR(a.text, "answer");
	CHECK_INT(a.res[a.n - 1], 0);
	pair_free(p);
}

/* The peer ends; what we say after that still gets there. */
static void
test_half_close_by_peer(void)
{
	struct pair *p = pair_new();
	struct rig_op a = {0};
	char text[16] = "";
	ssize_t n;

	receive(p, &a);
	far_end(&p->far);
	RIG_UNTIL(p->l, a.n > 0 && !a.more);
	CHECK_INT(a.res[a.n - 1], 0);
	n = stream_send_now(p->l, p->s, "late", 4);
	CHECK_INT(n, 4);
	stream_end(p->l, p->s);
	RIG_UNTIL(
	    p->l, (far_read(&p->far, text + strlen(text), 8), p->far.ended));
	CHECK_STR(text, "late");
	pair_free(p);
}

struct closer {
	struct op rx, tx;
	struct pair *p;
	int n;
};

static void
close_it(struct pair *p)
{
	stream_close(p->l, p->s, false);
	p->s = STREAM_NONE;
}

static void
on_rx_close(struct loop *l, struct op *op, const struct op_result *r)
{
	struct closer *c = container_of(op, struct closer, rx);

	(void)l, (void)r;
	c->n++;
	close_it(c->p);
}

static void
on_tx_close(struct loop *l, struct op *op, const struct op_result *r)
{
	struct closer *c = container_of(op, struct closer, tx);

	(void)l, (void)r;
	c->n++;
	close_it(c->p);
}

static void
test_close_in_callbacks(void)
{
	struct pair *p = pair_new();
	struct closer c = {.p = p};

	rig_must(stream_recv(p->l, p->s, &c.rx, on_rx_close), "stream_recv");
	rig_must(
	    stream_send(p->l, p->s, &c.tx, pattern(0, BULK_LEN), on_tx_close),
	    "stream_send");
	far_say(&p->far, "now");
	RIG_UNTIL(p->l, c.n > 0);
	rig_settle(p->l);
	CHECK_INT(c.n, 1);
	pair_free(p);
	p = pair_new();
	c = (struct closer){.p = p};
	rig_must(stream_recv(p->l, p->s, &c.rx, on_rx_close), "stream_recv");
	rig_must(stream_send(p->l, p->s, &c.tx, pattern(0, 100), on_tx_close),
	    "stream_send");
	CHECK_INT(c.n, 0);
	RIG_UNTIL(p->l, c.n > 0);
	rig_settle(p->l);
	CHECK_INT(c.n, 1);
	pair_free(p);
}

static void
test_cancel_leaves_nothing(void)
{
	struct pair *p = pair_new();
	struct rig_op rx = {0}, tx = {0};

	receive(p, &rx);
	rig_must(
	    stream_send(p->l, p->s, &tx.op, pattern(0, 10), rig_saw), "send");
	far_say(&p->far, "something");
	stream_cancel(p->l, p->s, &rx.op);
	stream_cancel(p->l, p->s, &tx.op);
	CHECK(!stream_op_active(p->s, &rx.op), "recv is under way");
	CHECK(!stream_op_active(p->s, &tx.op), "send is under way");
	rig_settle(p->l);
	CHECK_INT(rx.n + tx.n, 0);
	receive(p, &rx);
	RIG_UNTIL(p->l, rx.bytes == 9);
	CHECK_STR(rx.text, "something");
	pair_free(p);
}

static void
test_one_of_each(void)
{
	struct pair *p = pair_new();
	struct rig_op a = {0}, b = {0};
	int error;

	receive(p, &a);
	error = stream_recv(p->l, p->s, &b.op, rig_saw);
	CHECK_INT(error, -EBUSY);
	error = stream_send(p->l, p->s, &b.op, pattern(0, 4), rig_saw);
	CHECK_INT(error, 0);
	error = stream_send(p->l, p->s, &b.op, pattern(4, 4), rig_saw);
	CHECK_INT(error, -EBUSY);
	RIG_UNTIL(p->l, b.n == 1);
	CHECK_INT(b.res[0], 4);
	error = stream_send(p->l, p->s, &b.op, buf_new(0), rig_saw);
	CHECK_INT(error, 0);
	RIG_UNTIL(p->l, b.n == 2);
	CHECK_INT(b.res[1], 0);
	pair_free(p);
}

/* -EPIPE or a reset; what had come is still to be read. */
static void
test_send_to_closed_peer(void)
{
	struct pair *p = pair_new();
	struct rig_op tx = {0}, again = {0};

	rig_must(stream_send(p->l, p->s, &tx.op, pattern(0, BULK_LEN), rig_saw),
	    "stream_send");
	rig_settle(p->l);
	CHECK_INT(tx.n, 0);
	far_close(&p->far, false);
	RIG_UNTIL(p->l, tx.n == 1);
	CHECK(tx.res[0] == -EPIPE || tx.res[0] == -ECONNRESET, "result %d",
	    tx.res[0]);
	rig_must(stream_send(p->l, p->s, &again.op, pattern(0, 10), rig_saw),
	    "stream_send");
	RIG_UNTIL(p->l, again.n == 1);
	CHECK(again.res[0] == -EPIPE || again.res[0] == -ECONNRESET,
	    "result %d", again.res[0]);
	pair_free(p);
}

#define OVER(fn)                     \
	static void fn##_plain(void) \
	{                            \
		below = BELOW_PLAIN; \
		fn();                \
	}                            \
	static void fn##_12(void)    \
	{                            \
		below = BELOW_TLS12; \
		fn();                \
	}                            \
	static void fn##_13(void)    \
	{                            \
		below = BELOW_TLS13; \
		fn();                \
	}
#define ROWS(fn, name)                                             \
	{"plain: " name, fn##_plain}, {"TLS 1.2: " name, fn##_12}, \
	{                                                          \
		"TLS 1.3: " name, fn##_13                          \
	}

OVER(test_data_then_end)
OVER(test_end_while_paused)
OVER(test_reset_after_data)
OVER(test_cut_short)
OVER(test_byte_by_byte)
OVER(test_send_to_slow_reader)
OVER(test_send_now_and_the_rest)
OVER(test_sent_survives_close)
OVER(test_receive_with_pauses)
OVER(test_back_pressure)
OVER(test_half_close)
OVER(test_half_close_by_peer)
OVER(test_close_in_callbacks)
OVER(test_cancel_leaves_nothing)
OVER(test_one_of_each)
OVER(test_send_to_closed_peer)

static const struct unit_case cases[] = {
    ROWS(test_data_then_end, "data in order, then the end"),
    ROWS(test_end_while_paused, "the end waits for a paused reader"),
    ROWS(test_reset_after_data, "a reset comes after the data"),
    ROWS(test_cut_short, "an end that nobody announced"),
    ROWS(test_byte_by_byte, "split at every byte"),
    ROWS(test_send_to_slow_reader, "6 MiB to a slow reader"),
    ROWS(test_send_now_and_the_rest, "6 MiB at once and by rests"),
    ROWS(test_sent_survives_close, "what was sent survives a close"),
    ROWS(test_receive_with_pauses, "6 MiB, with a pause each callback"),
    ROWS(test_back_pressure, "nobody receives, nothing is read"),
    ROWS(test_half_close, "half-close"),
    ROWS(test_half_close_by_peer, "half-close by the peer"),
    ROWS(test_close_in_callbacks, "closed in a callback"),
    ROWS(test_cancel_leaves_nothing, "cancelled and begun again"),
    ROWS(test_one_of_each, "one of each at once"),
    ROWS(test_send_to_closed_peer, "send to a closed peer"),
};

UNIT_MAIN("stream", cases)
