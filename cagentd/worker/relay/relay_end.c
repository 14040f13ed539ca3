/* Owns how a tunnel ends: what is closed and what is reset, and what must have
 * arrived before. */
#include <sys/socket.h>

#include <linux/tcp.h>
#include <netinet/in.h>

#include <errno.h>

#include "cagentd/worker/relay/pipes.h"
#include "cagentd/worker/relay/relay_flight.h"
#include "cagentd/worker/relay/relay_impl.h"

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

/* Nothing waits any more, for a time or in line; the flight stays. */
static void
stop_moving(struct relay *r)
{
	loop_cancel(r->loop, &r->timer);
	relay_bulk_drop(r, RELAY_CLIENT);
	relay_bulk_drop(r, RELAY_UPSTREAM);
	relay_lane_drop(r, RELAY_CLIENT);
	relay_lane_drop(r, RELAY_UPSTREAM);
	r->running = false;
}

static void
stop(struct relay *r)
{
	relay_flight_drop(r);
	stop_moving(r);
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

void
relay_finish(struct relay *r, enum relay_end end, enum relay_side where)
{
	switch (end) {
	case RELAY_CLOSED:
		close_side(r, RELAY_CLIENT);
		close_side(r, RELAY_UPSTREAM);
		stop(r);
		break;
	case RELAY_UNANSWERED:
	case RELAY_STALLED:
		reset_side(r, RELAY_UPSTREAM);
		stop_side(r, RELAY_CLIENT);
		stop_moving(r);
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
	uint32_t left = unsent(r, relay_other(r->broken));

	(void)res;
	if (left != r->unsent)
		r->moved_us = now_us;
	r->unsent = left;
	if (left == 0 || now_us - r->moved_us >= RELAY_FLUSH_US ||
	    loop_timer(loop, op, now_us + RELAY_FLUSH_LOOK_US, on_flush) != 0)
		relay_finish(r, RELAY_BROKE, r->broken);
}

void
relay_broke(struct relay *r, enum relay_side where)
{
	enum relay_side to = relay_other(where);

	if (where == RELAY_UPSTREAM && relay_flight_unanswered(r)) {
		relay_finish(r, RELAY_UNANSWERED, where);
		return;
	}
	r->unsent = r->side[to].deaf ? 0 : unsent(r, to);
	if (r->unsent == 0) {
		relay_finish(r, RELAY_BROKE, where);
		return;
	}
	r->broken = where;
	r->moved_us = loop_now_us(r->loop);
	reset_side(r, where);
	stream_cancel(r->loop, r->side[to].stream, &r->side[to].recv);
	relay_bulk_drop(r, to);
	r->side[to].flow = FLOW_ENDED;
	/* Moved, and so without a need for memory. */
	loop_timer(
	    r->loop, &r->timer, r->moved_us + RELAY_FLUSH_LOOK_US, on_flush);
}

void
relay_flow_ended(struct relay *r, enum relay_side from)
{
	/* The error was the send's to see, which leaves an end like any. */
	if (r->side[from].deaf ||
	    (from == RELAY_UPSTREAM && relay_flight_unanswered(r))) {
		relay_broke(r, from);
		return;
	}
	r->side[from].flow = FLOW_ENDED;
	if (r->side[relay_other(from)].flow == FLOW_ENDED) {
		relay_finish(r, RELAY_CLOSED, from);
		return;
	}
	stream_end(r->loop, r->side[relay_other(from)].stream);
}

/* Of ours, and nothing that the peer has done or will hear of. */
static bool
is_shortage(int error)
{
	return error == -ENOBUFS || error == -ENOMEM;
}

void
relay_dead_end(struct relay *r, enum relay_side from, int error)
{
	enum relay_side to = relay_other(from);

	if (is_shortage(error)) {
		relay_finish(r, RELAY_NO_MEMORY, to);
		return;
	}
	r->side[to].deaf = true;
	if (r->side[to].flow == FLOW_ENDED ||
	    (relay_flight_unanswered(r) &&
		stream_peek(r->loop, r->side[to].stream) <= 0)) {
		relay_broke(r, to);
		return;
	}
	stream_cancel(r->loop, r->side[from].stream, &r->side[from].recv);
	relay_bulk_drop(r, from);
	r->side[from].flow = FLOW_ENDED;
}
