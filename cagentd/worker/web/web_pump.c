/*
 * Owns the sending of one message of HTTP and the framing of its content;
 * reads from nowhere.
 */
#include "cagentd/worker/web/web_pump.h"

#include <errno.h>

#include "base/buf.h"

/* What chunks add to the bytes of one feed at most, but for those that are as
 * small as their own heads and so have room. */
#define FRAME_EXTRA 64

static void on_sent(struct loop *, struct op *, const struct op_result *);
static turn_fn pay;

void
web_pump_start(struct web_pump *p, struct loop *loop, struct stream to,
    enum http_framing out, web_pump_fn *moved)
{
	*p = (struct web_pump){
	    .loop = loop, .to = to, .out = out, .moved = moved, .ended = true};
}

void
web_pump_limit(
    struct web_pump *p, struct turns *turns, const struct pace_flow *flow)
{
	p->turns = turns;
	p->turn.serve = pay;
	p->turn.flow.user = flow->user;
	p->turn.flow.class = flow->class;
	p->turn.flow.way = flow->way;
}

void
web_pump_class(struct web_pump *p, uint8_t class)
{
	if (p->turns != NULL)
		turns_move(&p->turn, class);
}

void
web_pump_expect(struct web_pump *p, enum http_framing framing, uint64_t length)
{
	http_body_init(&p->body, framing, length);
	p->ended = http_body_done(&p->body);
}

void
web_pump_cancel(struct web_pump *p)
{
	if (p->loop == NULL)
		return;
	stream_cancel(p->loop, p->to, &p->send);
	turns_leave(&p->turn);
	buf_free(p->queue);
	buf_free(p->line);
	p->queue = p->line = NULL;
	p->loop = NULL;
}

int
web_pump_put(struct web_pump *p, const void *data, size_t len)
{
	return buf_extend(&p->queue, data, len);
}

static enum web_flow
send_later(struct web_pump *p, struct buf *b)
{
	if (b == NULL)
		return WEB_FLOW_NO_MEMORY;
	if (stream_send(p->loop, p->to, &p->send, b, on_sent) != 0)
		return WEB_FLOW_NO_MEMORY;
	return WEB_FLOW_FULL;
}

static enum web_flow
at_rest(const struct web_pump *p)
{
	return p->ended ? WEB_FLOW_ENDED : WEB_FLOW_ON;
}

/* In its class's turn: what has been sent is taken of the limits, and with the
 * last of it there is more. */
static int
pay(struct turn *u, size_t allowed, size_t *moved)
{
	struct web_pump *p = container_of(u, struct web_pump, turn);
	enum web_flow flow;

	*moved = allowed < p->owed ? allowed : p->owed;
	p->owed -= *moved;
	u->want = p->owed;
	if (p->owed > 0)
		return TURN_MORE;
	flow = web_pump_flush(p);
	if (flow != WEB_FLOW_FULL)
		p->moved(p, flow);
	return TURN_GONE;
}

/* So many bytes go: must it wait until they are paid for? */
static bool
must_pay(struct web_pump *p, size_t len)
{
	if (p->turns == NULL || !turns_limited(p->turns, p->turn.flow.class,
				    (enum pace_way)p->turn.flow.way))
		return false;
	p->turn.want = p->owed = len;
	turns_join(p->turns, &p->turn);
	return true;
}

/* The queue, then these bytes, which are there only without a queue. */
static enum web_flow
push(struct web_pump *p, const uint8_t *data, size_t len)
{
	struct buf *q = p->queue;
	ssize_t n;
	bool pays;

	if (p->broke)
		return WEB_FLOW_BROKE;
	if (web_pump_is_full(p))
		return WEB_FLOW_FULL;
	if (q != NULL) {
		data = buf_bytes(q);
		len = q->len;
	}
	if (len == 0)
		return at_rest(p);
	n = stream_send_now(p->loop, p->to, data, len);
	if (n < 0) {
		p->broke = true;
		return WEB_FLOW_BROKE;
	}
	p->queue = NULL;
	pays = must_pay(p, len);
	if ((size_t)n == len) {
		buf_free(q);
		return pays ? WEB_FLOW_FULL : at_rest(p);
	}
	if (q == NULL)
		return send_later(p, buf_copy(data + n, len - (size_t)n));
	buf_consume(q, (size_t)n);
	return send_later(p, q);
}

enum web_flow
web_pump_flush(struct web_pump *p)
{
	return push(p, NULL, 0);
}

static void
on_sent(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct web_pump *p = container_of(op, struct web_pump, send);
	enum web_flow flow;

	(void)loop;
	if (r->res < 0)
		p->broke = true;
	flow = web_pump_flush(p);
	if (flow != WEB_FLOW_FULL)
		p->moved(p, flow);
}

/* What goes out for one feed: a single piece of it where nothing has to be
 * added, else what is collected in the queue. */
struct outgoing {
	const uint8_t *data;
	size_t len;
};

/* Room for all that this feed can come to, so that it is made once. */
static int
make_room(struct web_pump *p, size_t len)
{
	size_t had = p->queue != NULL ? p->queue->len : 0;
	struct buf *b;

	if (p->queue != NULL && p->queue->cap - had >= len)
		return 0;
	b = buf_new(had + len);
	if (b == NULL)
		return -ENOMEM;
	if (had > 0)
		buf_append(b, buf_bytes(p->queue), had);
	buf_free(p->queue);
	p->queue = b;
	return 0;
}

static int
collect(struct web_pump *p, struct outgoing *o, const uint8_t *data, size_t len)
{
	int error = 0;

	if (p->queue == NULL && o->len == 0) {
		o->data = data;
		o->len = len;
		return 0;
	}
	if (o->len > 0)
		error = web_pump_put(p, o->data, o->len);
	o->len = 0;
	return error == 0 ? web_pump_put(p, data, len) : error;
}

static int
put_data(
    struct web_pump *p, struct outgoing *o, const uint8_t *data, size_t len)
{
	uint8_t head[HTTP_CHUNK_HEAD_MAX];
	size_t head_len;
	int error;

	if (p->out != HTTP_BODY_CHUNKED)
		return collect(p, o, data, len);
	head_len = http_chunk_head(len, head);
	error = web_pump_put(p, head, head_len);
	if (error == 0)
		error = web_pump_put(p, data, len);
	return error == 0 ? web_pump_put(p, "\r\n", 2) : error;
}

static int
put_last(struct web_pump *p)
{
	if (p->out != HTTP_BODY_CHUNKED || p->last_said)
		return 0;
	p->last_said = true;
	return web_pump_put(p, "0\r\n", 3);
}

static int
put_trailer(struct web_pump *p, const uint8_t *line, size_t len)
{
	int error;

	if (p->out != HTTP_BODY_CHUNKED || !http_trailer_passes(line, len))
		return 0;
	error = put_last(p);
	return error == 0 ? web_pump_put(p, line, len) : error;
}

static int
put_end(struct web_pump *p)
{
	int error = put_last(p);

	p->ended = true;
	if (error != 0 || p->out != HTTP_BODY_CHUNKED)
		return error;
	return web_pump_put(p, "\r\n", 2);
}

/* All of the pieces in data[0..len): WEB_FLOW_ON, or what is wrong.  *used
 * may stop before a trailer's line that is not whole. */
static enum web_flow
take_pieces(struct web_pump *p, struct outgoing *o, const uint8_t *data,
    size_t len, size_t *used)
{
	const uint8_t *piece;
	size_t n, piece_len;
	int error = 0;

	for (*used = 0;; *used += n) {
		switch (http_body_next(&p->body, data + *used, len - *used, &n,
		    &piece, &piece_len)) {
		case HTTP_PIECE_MORE:
			*used += n;
			return WEB_FLOW_ON;
		case HTTP_PIECE_DATA:
			error = put_data(p, o, piece, piece_len);
			break;
		case HTTP_PIECE_TRAILER:
			error = put_trailer(p, piece, piece_len);
			break;
		case HTTP_PIECE_DONE:
			*used += n;
			return put_end(p) == 0 ? WEB_FLOW_ON
					       : WEB_FLOW_NO_MEMORY;
		case HTTP_PIECE_BAD:
			return WEB_FLOW_BAD;
		}
		if (error != 0)
			return WEB_FLOW_NO_MEMORY;
	}
}

enum web_flow
web_pump_feed(struct web_pump *p, const uint8_t *data, size_t len, size_t *used)
{
	struct outgoing o = {NULL, 0};
	struct buf *held = p->line;
	size_t before = held != NULL ? held->len : 0;
	enum web_flow flow;

	*used = 0;
	if ((p->body.framing == HTTP_BODY_CHUNKED ||
		p->out == HTTP_BODY_CHUNKED || p->queue != NULL) &&
	    make_room(p, before + len + FRAME_EXTRA) != 0)
		return WEB_FLOW_NO_MEMORY;
	p->line = NULL;
	if (held != NULL && buf_extend(&held, data, len) != 0) {
		buf_free(held);
		return WEB_FLOW_NO_MEMORY;
	}
	if (held != NULL) {
		data = buf_bytes(held);
		len = held->len;
	}
	flow = take_pieces(p, &o, data, len, used);
	/* Bounded: the content fails on more than HTTP_TRAILER_MAX. */
	if (flow == WEB_FLOW_ON && !p->ended && *used < len) {
		p->line = buf_copy(data + *used, len - *used);
		if (p->line == NULL)
			flow = WEB_FLOW_NO_MEMORY;
		*used = len;
	}
	*used -= before < *used ? before : *used;
	if (flow == WEB_FLOW_ON)
		flow = push(p, o.data, o.len);
	buf_free(held);
	return flow;
}

enum web_flow
web_pump_end(struct web_pump *p)
{
	if (!http_body_ends(&p->body))
		return WEB_FLOW_BAD;
	if (put_end(p) != 0)
		return WEB_FLOW_NO_MEMORY;
	return web_pump_flush(p);
}
