/*
 * Owns the way of bulk past our memory: which direction is bulk, and splice(2)
 * from its socket to a pipe and on to the other socket.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/net.h"
#include "cagentd/worker/relay/pipes.h"
#include "cagentd/worker/relay/relay_impl.h"

#define SPLICE_HOW (SPLICE_F_MOVE | SPLICE_F_NONBLOCK)

static int start_filling(struct relay *, enum relay_side from);

static uint16_t
now_ms(const struct relay *r)
{
	return (uint16_t)(loop_now_us(r->loop) / 1000);
}

static void
add_burst(struct relay_end_point *p, size_t len)
{
	size_t kib = p->burst_kib + len / 1024;

	p->burst_kib = kib < UINT16_MAX ? (uint16_t)kib : UINT16_MAX;
}

/* Not while what the client says may have to be said again. */
bool
relay_bulk_may(const struct relay *r, enum relay_side from)
{
	return r->pipes != NULL && pipes_any(r->pipes) && !r->keep_flight &&
	       !r->side[from].never &&
	       r->side[RELAY_CLIENT].stream.tls == NULL &&
	       r->side[RELAY_UPSTREAM].stream.tls == NULL;
}

void
relay_bulk_note(struct relay *r, enum relay_side from, size_t len)
{
	struct relay_end_point *p = &r->side[from];
	uint16_t now;

	if (len < 1024 || p->bulk || !relay_bulk_may(r, from))
		return;
	now = now_ms(r);
	if ((uint16_t)(now - p->burst_ms) > RELAY_BULK_MS) {
		p->burst_ms = now;
		p->burst_kib = 0;
	}
	add_burst(p, len);
	p->bulk = p->burst_kib >= RELAY_BULK_KIB;
}

void
relay_bulk_drop(struct relay *r, enum relay_side from)
{
	struct relay_end_point *p = &r->side[from];

	relay_lane_leave(r, from);
	p->bulk = false;
	p->burst_kib = 0;
	if (p->pipe != NULL)
		pipes_give(r->pipes, p->pipe);
	p->pipe = NULL;
}

static void
give_empty(struct relay *r, struct relay_end_point *p)
{
	if (p->pipe == NULL || p->pipe->held > 0)
		return;
	pipes_give(r->pipes, p->pipe);
	p->pipe = NULL;
}

/* Where a link is shared by thousands, that none of them is looked at for
 * longer costs little and saves much. */
static int64_t
next_us(const struct relay *r)
{
	int64_t looks =
	    r->turns != NULL ? 1 + turns_sharing(r->turns) / RELAY_LOOKS : 1;

	return loop_now_us(r->loop) +
	       (looks < 10 ? looks : 10) * (int64_t)RELAY_LOOK_US;
}

static void
look_soon(struct relay *r)
{
	if (r->bulk_us != 0)
		return;
	r->bulk_us = next_us(r);
	relay_look_again(r);
}

/* Back to buffers, with nothing in the pipe: they may find what splice does
 * not tell, as the stream's end. */
static void
leave(struct relay *r, enum relay_side from)
{
	relay_bulk_drop(r, from);
	if (relay_copy_on(r, from) != 0)
		relay_finish(r, RELAY_NO_MEMORY, from);
}

/* Into the pipe: bytes, 0 when the end is near, or -errno. */
static ssize_t
fill(struct relay *r, struct relay_end_point *p, size_t most)
{
	ssize_t n;

	if (p->pipe == NULL)
		p->pipe = pipes_take(r->pipes);
	if (p->pipe == NULL)
		return -ENOBUFS;
	do
		n = splice(p->stream.fd, NULL, p->pipe->in, NULL,
		    most < p->pipe->len ? most : p->pipe->len, SPLICE_HOW);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return -errno;
	p->pipe->held = (uint32_t)n;
	relay_count(r, p->which, (size_t)n);
	pipes_count(r->pipes, (size_t)n);
	add_burst(p, (size_t)n);
	p->burst_ms = now_ms(r);
	p->moves = true;
	relay_lane_active(r, p->which, true);
	return n;
}

/* Out of it: 0 when all is sent, or -errno. */
static int
empty(struct relay *r, struct relay_end_point *p, struct relay_end_point *to)
{
	struct pipe *pipe = p->pipe;
	ssize_t n;

	while (pipe->held > 0) {
		n = splice(pipe->out, NULL, to->stream.fd, NULL, pipe->held,
		    SPLICE_HOW);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -EPIPE : -errno;
		pipe->held -= (uint32_t)n;
		r->moved_us = loop_now_us(r->loop);
		p->burst_ms = now_ms(r);
	}
	return 0;
}

static void on_room(
    struct loop *loop, struct op *op, const struct op_result *res);

static int
wait_for_room(struct relay *r, enum relay_side from)
{
	struct relay_end_point *to = &r->side[relay_other(from)];

	r->side[from].flow = FLOW_EMPTYING;
	return loop_writable(r->loop, &to->send, to->stream.fd, on_room);
}

/* What is in the pipe has gone, or it waits; false: the direction, or the
 * tunnel, has ended. */
static bool
send_on(struct relay *r, enum relay_side from, bool *waits)
{
	struct relay_end_point *p = &r->side[from];
	struct relay_end_point *to = &r->side[relay_other(from)];
	int error = p->pipe != NULL ? empty(r, p, to) : 0;

	*waits = error == -EAGAIN;
	if (error == 0)
		return true;
	if (error != -EAGAIN) {
		relay_dead_end(r, from, error);
		return false;
	}
	loop_full(r->loop, to->stream.fd);
	if (wait_for_room(r, from) == 0)
		return true;
	relay_finish(r, RELAY_NO_MEMORY, from);
	return false;
}

/* An error has been taken from the socket, which will not say it again: with
 * a receive it would look like an end.  What looks like an end now may be
 * urgent data that splice does not pass. */
static void
not_filled(struct relay *r, enum relay_side from, int error)
{
	switch (-error) {
	case EINVAL:
		r->side[from].never = true;
		leave(r, from);
		return;
	case 0:
	case ENOBUFS:
	case ENOMEM:
		leave(r, from);
		return;
	default:
		relay_bulk_drop(r, from);
		relay_broke(r, from);
		return;
	}
}

/* Nothing is left in the pipe: wait for what comes. */
static bool
fill_again(struct relay *r, enum relay_side from)
{
	give_empty(r, &r->side[from]);
	if (start_filling(r, from) == 0)
		return true;
	relay_finish(r, RELAY_NO_MEMORY, from);
	return false;
}

enum turn_after
relay_bulk_move(
    struct relay *r, enum relay_side from, size_t most, size_t *moved)
{
	struct relay_end_point *p = &r->side[from];
	bool waits;
	ssize_t n;

	*moved = 0;
	look_soon(r);
	while (*moved < most) {
		n = fill(r, p, most - *moved);
		if (n == -EAGAIN) {
			loop_drained(r->loop, p->stream.fd);
			return fill_again(r, from) ? TURN_DONE : TURN_GONE;
		}
		if (n <= 0) {
			not_filled(r, from, (int)n);
			return TURN_GONE;
		}
		*moved += (size_t)n;
		if (!send_on(r, from, &waits))
			return TURN_GONE;
		if (waits)
			return TURN_DONE;
	}
	give_empty(r, p);
	return TURN_MORE;
}

/* There is something to move: by turns, where there are any. */
static void
move(struct relay *r, enum relay_side from)
{
	struct lane *lane = relay_lane(r, from);
	size_t moved;

	if (lane != NULL)
		turns_join(r->turns, &lane->turn);
	else if (relay_bulk_move(r, from, RELAY_TURN_BYTES, &moved) ==
		 TURN_MORE)
		fill_again(r, from);
}

static void
on_room(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct relay_end_point *to =
	    container_of(op, struct relay_end_point, send);
	struct relay *r = relay_of(to);
	enum relay_side from = relay_other(to->which);
	bool waits;

	(void)loop;
	if (res->res < 0) {
		relay_dead_end(r, from, res->res);
		return;
	}
	if (send_on(r, from, &waits) && !waits)
		fill_again(r, from);
}

static void
on_bytes(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct relay_end_point *p =
	    container_of(op, struct relay_end_point, recv);
	struct relay *r = relay_of(p);

	(void)loop;
	if (res->res > 0)
		relay_copy_bytes(r, p->which, res->data, (size_t)res->res);
	else if (res->res < 0)
		leave(r, p->which);
	else
		move(r, p->which);
}

static int
start_filling(struct relay *r, enum relay_side from)
{
	struct relay_end_point *p = &r->side[from];

	p->flow = FLOW_FILLING;
	return loop_readable(r->loop, &p->recv, p->stream.fd, on_bytes);
}

static void
unpace(const struct relay_end_point *to)
{
	union net_addr peer;
	socklen_t len = sizeof(peer);

	if (getpeername(to->stream.fd, &peer.sa, &len) == 0)
		net_unpace(to->stream.fd, &peer);
}

/* What buffers have sent may still be with the loop: that goes first. */
int
relay_bulk_start(struct relay *r, enum relay_side from)
{
	unpace(&r->side[relay_other(from)]);
	relay_lane_begin(r, from);
	r->side[from].bulk = true;
	look_soon(r);
	return wait_for_room(r, from);
}

/* It is the next to be sent, and then reading goes on.  0 or -errno. */
static int
to_buffer(struct relay *r, enum relay_side from)
{
	struct relay_end_point *p = &r->side[from];
	struct pipe *pipe = p->pipe;
	struct buf *b = buf_new(pipe->held);
	ssize_t n;

	if (b == NULL)
		return -ENOMEM;
	n = read(pipe->out, buf_tail(b), pipe->held);
	if (n != (ssize_t)pipe->held) {
		buf_free(b);
		return -EIO;
	}
	buf_added(b, (size_t)n);
	pipe->held = 0;
	give_empty(r, p);
	loop_cancel(r->loop, &r->side[relay_other(from)].send);
	return relay_copy_rest(r, from, b);
}

static bool
is_stuck(const struct relay *r, const struct relay_end_point *p)
{
	return p->pipe != NULL && p->pipe->held <= RELAY_STUCK_LEN &&
	       (uint16_t)(now_ms(r) - p->burst_ms) >= RELAY_STUCK_MS;
}

/* What splice could not find in the socket (urgent data, and what is behind
 * it) is reported anew: the kernel does so for who sets this. */
static void
wake(const struct relay_end_point *p)
{
	const int one = 1;

	setsockopt(p->stream.fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
}

/* It stays where it is; one that has nothing to move is not looked at any
 * more. */
static int
look_lined(struct relay *r, enum relay_side from, bool *bulk)
{
	struct relay_end_point *p = &r->side[from];
	bool active = p->moves || relay_lane_waits(r, from);

	*bulk |= active || p->pipe != NULL; /* which it may not keep */
	relay_lane_active(r, from, active);
	if (active)
		relay_lane_look(r, from, p->burst_kib);
	p->moves = false;
	p->burst_kib = 0;
	return 0;
}

static int
look_bulk(struct relay *r, enum relay_side from, bool *bulk)
{
	struct relay_end_point *p = &r->side[from];

	if (p->flow == FLOW_FILLING && p->burst_kib < RELAY_QUIET_KIB) {
		if (relay_lane_lined(r, from))
			return look_lined(r, from, bulk);
		loop_cancel(r->loop, &p->recv);
		relay_bulk_drop(r, from);
		wake(p);
		return relay_read_on(r, from);
	}
	if (relay_lane_lined(r, from))
		return look_lined(r, from, bulk);
	p->burst_kib = 0;
	*bulk = true;
	return 0;
}

/* 0 or -errno; *bulk: it still is. */
static int
look(struct relay *r, enum relay_side from, bool *bulk)
{
	struct relay_end_point *p = &r->side[from];

	relay_lane_settle(r, from);
	if (p->flow == FLOW_FILLING ||
	    (p->flow == FLOW_EMPTYING && !is_stuck(r, p)))
		return look_bulk(r, from, bulk);
	relay_lane_active(r, from, false);
	return p->flow == FLOW_EMPTYING ? to_buffer(r, from) : 0;
}

int
relay_bulk_look(struct relay *r)
{
	int64_t now_us = loop_now_us(r->loop);
	bool bulk = false;
	int error;

	if (r->bulk_us == 0 || now_us < r->bulk_us)
		return 0;
	error = look(r, RELAY_CLIENT, &bulk);
	if (error == 0)
		error = look(r, RELAY_UPSTREAM, &bulk);
	r->bulk_us = bulk ? next_us(r) : 0;
	return error;
}
