/* Owns a standing tunnel: moves bytes both ways, and knows no protocol. */
#include "cagentd/worker/relay.h"

#include <sys/socket.h>

#include <linux/tcp.h>
#include <netinet/in.h>

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "cagentd/worker/relay_flight.h"

static void on_recv_client(
    struct loop *, struct op *, const struct op_result *);
static void on_recv_upstream(
    struct loop *, struct op *, const struct op_result *);
static void on_sent_client(
    struct loop *, struct op *, const struct op_result *);
static void on_sent_upstream(
    struct loop *, struct op *, const struct op_result *);

static enum relay_side
other(enum relay_side s)
{
	return s == RELAY_CLIENT ? RELAY_UPSTREAM : RELAY_CLIENT;
}

static void
close_side(struct relay *r, enum relay_side s)
{
	stream_close(r->loop, r->side[s].stream, false);
	r->side[s].stream = STREAM_NONE;
}

/* What is cut short must not look complete. */
static void
reset_side(struct relay *r, enum relay_side s)
{
	stream_close(r->loop, r->side[s].stream, true);
	r->side[s].stream = STREAM_NONE;
}

static void
stop_side(struct relay *r, enum relay_side s)
{
	struct relay_end_point *p = &r->side[s];

	stream_cancel(r->loop, p->stream, &p->recv);
	stream_cancel(r->loop, p->stream, &p->send);
}

static void
stop(struct relay *r)
{
	loop_cancel(r->loop, &r->timer);
	relay_flight_drop(r);
	r->running = false;
}

void
relay_cancel(struct relay *r)
{
	if (!r->running)
		return;
	reset_side(r, RELAY_CLIENT);
	reset_side(r, RELAY_UPSTREAM);
	stop(r);
}

static void
finish(struct relay *r, enum relay_end end, enum relay_side where)
{
	switch (end) {
	case RELAY_CLOSED:
		close_side(r, RELAY_CLIENT);
		close_side(r, RELAY_UPSTREAM);
		stop(r);
		break;
	case RELAY_UNANSWERED:
	case RELAY_STALLED:
		close_side(r, RELAY_UPSTREAM);
		stop_side(r, RELAY_CLIENT);
		loop_cancel(r->loop, &r->timer);
		r->running = false;
		break;
	case RELAY_BROKE:
	case RELAY_IDLE:
	case RELAY_NO_MEMORY:
		relay_cancel(r);
		break;
	}
	r->done(r, end, where);
}

int
relay_take_client(struct relay *r)
{
	int fd = r->side[RELAY_CLIENT].stream.fd;

	r->side[RELAY_CLIENT].stream = STREAM_NONE;
	return fd;
}

struct buf *
relay_take_flight(struct relay *r)
{
	struct buf *b = r->flight;

	r->flight = NULL;
	return b;
}

const char *
relay_end_text(enum relay_end end, enum relay_side where)
{
	switch (end) {
	case RELAY_CLOSED:
		return "closed";
	case RELAY_BROKE:
		return where == RELAY_CLIENT ? "broken by the client"
					     : "broken upstream";
	case RELAY_IDLE:
		return "idle for too long";
	case RELAY_UNANSWERED:
		return "unanswered, trying elsewhere";
	case RELAY_STALLED:
		return "silent, trying elsewhere";
	case RELAY_NO_MEMORY:
		return "out of memory";
	}
	return "?";
}

/* What the peer's kernel has not yet got: bytes, and segments for those that
 * are under way.  (ioctl(SIOCOUTQ) would be exact, but is one more right.) */
static uint32_t
unsent(const struct relay *r, enum relay_side s)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	int fd = r->side[s].stream.fd;
	uint32_t taken = (uint32_t)loop_unsent(r->loop, fd);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
		return taken; /* not TCP: nothing else gets lost */
	return taken + info.tcpi_notsent_bytes + info.tcpi_unacked;
}

/* A reset throws away what the peer has not yet got, and the broken side may
 * have said all it had to say: so it waits for that. */
static void
on_flush(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct relay *r = container_of(op, struct relay, timer);
	int64_t now_us = loop_now_us(loop);
	uint32_t left = unsent(r, other(r->broken));

	(void)res;
	if (left != r->unsent)
		r->moved_us = now_us;
	r->unsent = left;
	if (left == 0 || now_us - r->moved_us >= RELAY_FLUSH_US ||
	    loop_timer(loop, op, now_us + RELAY_FLUSH_LOOK_US, on_flush) != 0)
		finish(r, RELAY_BROKE, r->broken);
}

static void
broke(struct relay *r, enum relay_side where)
{
	enum relay_side to = other(where);

	if (where == RELAY_UPSTREAM && relay_flight_unanswered(r)) {
		finish(r, RELAY_UNANSWERED, where);
		return;
	}
	r->unsent = r->side[to].deaf ? 0 : unsent(r, to);
	if (r->unsent == 0) {
		finish(r, RELAY_BROKE, where);
		return;
	}
	r->broken = where;
	r->moved_us = loop_now_us(r->loop);
	close_side(r, where);
	stream_cancel(r->loop, r->side[to].stream, &r->side[to].recv);
	/* Moved, and so without a need for memory. */
	loop_timer(
	    r->loop, &r->timer, r->moved_us + RELAY_FLUSH_LOOK_US, on_flush);
}

static void
flow_ended(struct relay *r, enum relay_side from)
{
	/* The error was the send's to see, which leaves an end like any. */
	if (r->side[from].deaf ||
	    (from == RELAY_UPSTREAM && relay_flight_unanswered(r))) {
		broke(r, from);
		return;
	}
	r->side[from].flow = FLOW_ENDED;
	if (r->side[other(from)].flow == FLOW_ENDED) {
		finish(r, RELAY_CLOSED, from);
		return;
	}
	stream_end(r->loop, r->side[other(from)].stream);
}

static int
read_on(struct relay *r, enum relay_side from)
{
	struct relay_end_point *p = &r->side[from];

	p->flow = FLOW_READING;
	return stream_recv(r->loop, p->stream, &p->recv,
	    from == RELAY_CLIENT ? on_recv_client : on_recv_upstream);
}

/* Take b to the other side's end; reading goes on when it is sent. */
static int
send_rest(struct relay *r, enum relay_side from, struct buf *b)
{
	struct relay_end_point *to = &r->side[other(from)];

	r->side[from].flow = FLOW_SENDING;
	return stream_send(r->loop, to->stream, &to->send, b,
	    from == RELAY_CLIENT ? on_sent_upstream : on_sent_client);
}

/* The stream cannot be sent on: nobody will read what `from` still says, but
 * what comes the other way is still worth having. */
static void
dead_end(struct relay *r, enum relay_side from)
{
	enum relay_side to = other(from);

	r->side[to].deaf = true;
	if (r->side[to].flow == FLOW_ENDED ||
	    (relay_flight_unanswered(r) &&
		stream_peek(r->loop, r->side[to].stream) <= 0)) {
		broke(r, to);
		return;
	}
	stream_cancel(r->loop, r->side[from].stream, &r->side[from].recv);
	r->side[from].flow = FLOW_ENDED;
}

static void
on_sent(struct relay *r, enum relay_side from, int res)
{
	r->moved_us = loop_now_us(r->loop);
	if (res < 0)
		dead_end(r, from);
	else if (read_on(r, from) != 0)
		finish(r, RELAY_NO_MEMORY, from);
}

static void
on_sent_client(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct relay *r =
	    container_of(op, struct relay, side[RELAY_CLIENT].send);

	(void)loop;
	on_sent(r, RELAY_UPSTREAM, res->res);
}

static void
on_sent_upstream(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct relay *r =
	    container_of(op, struct relay, side[RELAY_UPSTREAM].send);

	(void)loop;
	on_sent(r, RELAY_CLIENT, res->res);
}

static void
first_byte(struct relay *r)
{
	int64_t us = loop_now_us(r->loop) - r->started_us;

	r->first_byte_us = us > 0 ? us : 1;
	r->keep_flight = false;
	relay_flight_drop(r);
	if (r->answered != NULL)
		r->answered(r);
}

static void
on_bytes(struct relay *r, enum relay_side from, const uint8_t *data, size_t len)
{
	struct relay_end_point *p = &r->side[from];
	struct relay_end_point *to = &r->side[other(from)];
	struct buf *rest;
	ssize_t n;

	r->moved_us = loop_now_us(r->loop);
	if (from == RELAY_CLIENT)
		relay_flight_keep(r, data, len);
	else if (p->bytes == 0)
		first_byte(r);
	p->bytes += len;
	n = stream_send_now(r->loop, to->stream, data, len);
	if (n < 0) {
		dead_end(r, from);
		return;
	}
	if ((size_t)n == len)
		return;
	stream_cancel(r->loop, p->stream, &p->recv);
	rest = buf_copy(data + n, len - (size_t)n);
	if (rest == NULL || send_rest(r, from, rest) != 0)
		finish(r, RELAY_NO_MEMORY, from);
}

static void
on_recv(struct relay *r, enum relay_side from, const struct op_result *res)
{
	if (res->res > 0)
		on_bytes(r, from, res->data, (size_t)res->res);
	else if (res->res == 0)
		flow_ended(r, from);
	else
		broke(r, from);
}

static void
on_recv_client(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct relay *r =
	    container_of(op, struct relay, side[RELAY_CLIENT].recv);

	(void)loop;
	on_recv(r, RELAY_CLIENT, res);
}

static void
on_recv_upstream(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct relay *r =
	    container_of(op, struct relay, side[RELAY_UPSTREAM].recv);

	(void)loop;
	on_recv(r, RELAY_UPSTREAM, res);
}

/* When it is to be looked again: at the idle time's end, and while upstream
 * is to be heard of for the first time, at the end of patience. */
static int64_t
look_us(const struct relay *r)
{
	bool waits = r->patience_us != 0 && r->keep_flight &&
		     r->patience_us < r->idle_us;

	return r->moved_us + (waits ? r->patience_us : r->idle_us);
}

/* One timer for the tunnel's life: it looks when bytes last moved, instead of
 * being moved by every byte. */
static void
on_look(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct relay *r = container_of(op, struct relay, timer);
	int64_t now = loop_now_us(loop), next = look_us(r);

	(void)res;
	if (r->idle_us == 0) {
		finish(r, RELAY_NO_MEMORY, RELAY_CLIENT);
		return;
	}
	if (now >= r->moved_us + r->idle_us) {
		finish(r, RELAY_IDLE, RELAY_CLIENT);
		return;
	}
	if (now >= next) {
		if (relay_flight_stalled(r) && r->stalled(r)) {
			finish(r, RELAY_STALLED, RELAY_UPSTREAM);
			return;
		}
		next = now + r->patience_us;
	}
	if (loop_timer(loop, op, next, on_look) != 0)
		finish(r, RELAY_NO_MEMORY, RELAY_CLIENT);
}

/* What goes first is sent at once, so that it costs no turn of the loop. */
static int
begin_flow(struct relay *r, enum relay_side from, struct buf *first)
{
	struct stream to = r->side[other(from)].stream;
	ssize_t n;

	if (first == NULL)
		return read_on(r, from);
	n = stream_send_now(r->loop, to, buf_bytes(first), first->len);
	if (n > 0)
		buf_consume(first, (size_t)n);
	/* An error, too, is told when the rest is sent. */
	if (first->len > 0)
		return send_rest(r, from, first);
	buf_free(first);
	return read_on(r, from);
}

void
relay_start(struct relay *r, struct loop *loop, const struct relay_start *s,
    relay_fn *done)
{
	int error;

	r->loop = loop;
	r->done = done;
	r->side[RELAY_CLIENT].stream = stream_plain(s->client);
	r->side[RELAY_UPSTREAM].stream = s->upstream;
	r->idle_us = s->idle_us;
	r->started_us = r->moved_us = loop_now_us(loop);
	r->running = true;
	r->keep_flight = s->keep_flight;
	r->answered = s->answered;
	r->replay_any = s->replay_any;
	r->patience_us = s->patience_us;
	r->stalled = s->stalled;
	r->side[RELAY_UPSTREAM].bytes = s->early;
	r->side[RELAY_CLIENT].bytes = 0;
	if (s->to_upstream != NULL) {
		r->side[RELAY_CLIENT].bytes = s->to_upstream->len;
		relay_flight_keep(
		    r, buf_bytes(s->to_upstream), s->to_upstream->len);
	}
	error = begin_flow(r, RELAY_CLIENT, s->to_upstream);
	if (error == 0)
		error = begin_flow(r, RELAY_UPSTREAM, s->to_client);
	else
		buf_free(s->to_client);
	/* A failed start is told in the next turn.  The timer needs no memory:
	 * the stage before had one, in this same callback. */
	if (error != 0)
		r->idle_us = 0;
	loop_timer(loop, &r->timer, look_us(r), on_look);
}
