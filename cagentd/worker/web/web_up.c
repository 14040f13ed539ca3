/*
 * Owns one exchange with an upstream, its connection included; must not
 * choose among upstreams, nor what the client gets to see.
 */
#include "cagentd/worker/web/web_up.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"

static void on_recv(struct loop *, struct op *, const struct op_result *);

static void
stop(struct web_up *u)
{
	stream_cancel(u->loop, u->stream, &u->recv);
	web_pump_cancel(&u->request);
	web_pump_cancel(&u->answer);
	buf_free(u->in);
	u->in = NULL;
	u->loop = NULL;
}

struct stream
web_up_release(struct web_up *u)
{
	struct stream s = u->stream;

	stop(u);
	u->stream = STREAM_NONE;
	return s;
}

void
web_up_close(struct web_up *u)
{
	struct loop *loop = u->loop;
	/* What was cut short must not look complete there. */
	bool whole = loop != NULL && !web_pump_expects(&u->request) &&
		     !web_pump_is_full(&u->request);

	if (loop != NULL)
		stream_close(loop, web_up_release(u), !whole);
}

bool
web_up_may_stay(const struct web_up *u)
{
	return u->got.keep_alive && u->got.framing != HTTP_BODY_CLOSE &&
	       !u->unasked && !u->request.broke &&
	       !web_pump_expects(&u->request) && !web_pump_is_full(&u->request);
}

static void
on_request_moved(struct web_pump *p, enum web_flow flow)
{
	struct web_up *u = container_of(p, struct web_up, request);

	u->moved_us = loop_now_us(u->loop);
	if (flow == WEB_FLOW_NO_MEMORY)
		u->tell(u, WEB_UP_NO_MEMORY);
	else if (flow != WEB_FLOW_BROKE) /* which the reader learns */
		u->tell(u, WEB_UP_ROOM);
}

static int
read_on(struct web_up *u)
{
	if (stream_op_active(u->stream, &u->recv))
		return 0;
	return stream_recv(u->loop, u->stream, &u->recv, on_recv);
}

/* What has become of the answer's latest bytes. */
static void
settle(struct web_up *u, enum web_flow flow)
{
	switch (flow) {
	case WEB_FLOW_ON:
		if (read_on(u) != 0)
			u->tell(u, WEB_UP_NO_MEMORY);
		return;
	case WEB_FLOW_FULL:
		stream_cancel(u->loop, u->stream, &u->recv);
		return;
	case WEB_FLOW_ENDED:
		u->tell(u, WEB_UP_DONE);
		return;
	case WEB_FLOW_BAD:
		u->tell(u, WEB_UP_BROKE);
		return;
	case WEB_FLOW_BROKE:
		u->tell(u, WEB_UP_CLIENT_BROKE);
		return;
	case WEB_FLOW_NO_MEMORY:
		u->tell(u, WEB_UP_NO_MEMORY);
		return;
	}
}

static void
on_answer_moved(struct web_pump *p, enum web_flow flow)
{
	struct web_up *u = container_of(p, struct web_up, answer);

	u->moved_us = loop_now_us(u->loop);
	/* An interim head has gone, and the final one is still to come. */
	if (flow == WEB_FLOW_ENDED && !u->passing)
		return;
	settle(u, flow);
}

/* Of the answer's content. */
static void
pass(struct web_up *u, const uint8_t *data, size_t len)
{
	enum web_flow flow;
	size_t used = 0;

	if (web_pump_expects(&u->answer) && len > 0)
		flow = web_pump_feed(&u->answer, data, len, &used);
	else
		flow = web_pump_flush(&u->answer);
	if (used < len)
		u->unasked = true;
	settle(u, flow);
}

/* The bytes of an answer's head so far: those that u->in holds, if it is
 * there, else lent ones. */
static void
read_head(struct web_up *u, const uint8_t *data, size_t len)
{
	int n = http_answer_decode(data, len, &u->scanned, u->ask, &u->got);

	if (n == WIRE_BAD) {
		u->tell(u, WEB_UP_BAD);
		return;
	}
	if (n > 0) {
		u->scanned = 0;
		u->head = data;
		u->head_len = (size_t)n;
		u->rest = data + n;
		u->rest_len = len - (size_t)n;
		u->tell(u, WEB_UP_HEAD);
		return;
	}
	if (u->in == NULL && len > 0) {
		u->in = buf_copy(data, len);
		if (u->in == NULL)
			u->tell(u, WEB_UP_NO_MEMORY);
	}
}

static void
on_bytes(struct web_up *u, const uint8_t *data, size_t len)
{
	u->moved_us = loop_now_us(u->loop);
	if (u->first_us == 0)
		u->first_us = u->moved_us;
	u->received += len;
	if (u->moved != NULL)
		u->moved(u, false, len);
	if (u->passing) {
		pass(u, data, len);
		return;
	}
	if (u->in == NULL)
		read_head(u, data, len);
	else if (buf_extend(&u->in, data, len) == 0)
		read_head(u, buf_bytes(u->in), u->in->len);
	else
		u->tell(u, WEB_UP_NO_MEMORY);
}

static void
on_recv(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct web_up *u = container_of(op, struct web_up, recv);

	(void)loop;
	if (r->res > 0)
		on_bytes(u, r->data, (size_t)r->res);
	else if (r->res == 0 && u->passing)
		settle(u, web_pump_end(&u->answer));
	else
		u->tell(u, WEB_UP_BROKE);
}

void
web_up_interim(struct web_up *u, const uint8_t *out, size_t len)
{
	enum web_flow flow = WEB_FLOW_ENDED;
	size_t rest_len = u->rest_len;
	struct buf *old = u->in;
	struct buf *rest = NULL;

	if (len > 0) {
		flow = web_pump_put(&u->answer, out, len) == 0
			   ? web_pump_flush(&u->answer)
			   : WEB_FLOW_NO_MEMORY;
	}
	if (rest_len > 0 && (rest = buf_copy(u->rest, rest_len)) == NULL)
		flow = WEB_FLOW_NO_MEMORY;
	u->in = rest;
	buf_free(old);
	if (flow == WEB_FLOW_BROKE || flow == WEB_FLOW_NO_MEMORY)
		settle(u, flow);
	else if (rest != NULL)
		read_head(u, buf_bytes(rest), rest_len);
}

void
web_up_pass(
    struct web_up *u, const uint8_t *out, size_t len, enum http_framing framing)
{
	struct buf *old = u->in;
	const uint8_t *rest = u->rest;
	size_t rest_len = u->rest_len;

	u->in = NULL;
	u->passing = true;
	u->answer.out = framing;
	web_pump_expect(&u->answer, u->got.framing, u->got.length);
	if (web_pump_put(&u->answer, out, len) != 0)
		settle(u, WEB_FLOW_NO_MEMORY);
	else
		pass(u, rest, rest_len);
	buf_free(old);
}

static void
limit(struct web_up *u, const struct web_up_start *s)
{
	struct pace_flow flow = {
	    .user = s->user, .class = s->class, .way = PACE_UP};

	web_pump_limit(&u->request, s->turns, &flow);
	flow.way = PACE_DOWN;
	web_pump_limit(&u->answer, s->turns, &flow);
}

int
web_up_start(struct web_up *u, struct loop *loop, const struct web_up_start *s,
    web_up_fn *tell)
{
	const struct http_ask *ask = s->ask;

	*u = (struct web_up){.loop = loop,
	    .stream = s->upstream,
	    .tell = tell,
	    .moved = s->moved,
	    .ask = ask,
	    .sent = s->head_len,
	    .asked_us = loop_now_us(loop),
	    .moved_us = loop_now_us(loop)};
	web_pump_start(
	    &u->request, loop, s->upstream, ask->framing, on_request_moved);
	web_pump_start(&u->answer, loop, stream_plain(s->client),
	    HTTP_BODY_NONE, on_answer_moved);
	limit(u, s);
	web_pump_expect(&u->request, ask->framing, ask->length);
	if (web_pump_put(&u->request, s->head, s->head_len) != 0 ||
	    read_on(u) != 0) {
		web_up_close(u);
		return -ENOMEM;
	}
	if (u->moved != NULL)
		u->moved(u, true, s->head_len);
	return 0;
}

void
web_up_class(struct web_up *u, uint8_t class)
{
	web_pump_class(&u->request, class);
	web_pump_class(&u->answer, class);
}

enum web_flow
web_up_feed(struct web_up *u, const uint8_t *data, size_t len, size_t *used)
{
	enum web_flow flow;

	u->moved_us = loop_now_us(u->loop);
	*used = 0;
	if (web_pump_is_full(&u->request))
		return WEB_FLOW_FULL;
	flow = web_pump_feed(&u->request, data, len, used);
	u->sent += *used;
	if (u->moved != NULL && *used > 0)
		u->moved(u, true, *used);
	return flow;
}

enum web_flow
web_up_flush(struct web_up *u)
{
	return web_pump_flush(&u->request);
}
