/* Owns the way of bytes by buffers: received in memory that the loop lends,
 * and kept only while they cannot be sent. */
#include "base/buf.h"
#include "cagentd/worker/relay/relay_flight.h"
#include "cagentd/worker/relay/relay_impl.h"

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
on_sent(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct relay_end_point *to =
	    container_of(op, struct relay_end_point, send);
	struct relay *r = relay_of(to);
	enum relay_side from = relay_other(to->which);

	r->moved_us = loop_now_us(loop);
	if (res->res < 0)
		relay_dead_end(r, from, res->res);
	else if (relay_read_on(r, from) != 0)
		relay_finish(r, RELAY_NO_MEMORY, from);
}

int
relay_copy_rest(struct relay *r, enum relay_side from, struct buf *b)
{
	struct relay_end_point *to = &r->side[relay_other(from)];

	r->side[from].flow = FLOW_SENDING;
	return stream_send(r->loop, to->stream, &to->send, b, on_sent);
}

/* Is it to go in line, and by splice, whether it is bulk or not? */
static bool
joins(const struct relay *r, enum relay_side from)
{
	return relay_lane_lined(r, from) && relay_bulk_may(r, from);
}

void
relay_copy_bytes(
    struct relay *r, enum relay_side from, const uint8_t *data, size_t len)
{
	struct relay_end_point *p = &r->side[from];
	struct relay_end_point *to = &r->side[relay_other(from)];
	struct buf *rest;
	ssize_t n;
	int error;

	if (from == RELAY_CLIENT)
		relay_flight_keep(r, data, len);
	else if (p->bytes == 0)
		first_byte(r);
	relay_count(r, from, len);
	relay_bulk_note(r, from, len);
	n = stream_send_now(r->loop, to->stream, data, len);
	if (n < 0) {
		relay_dead_end(r, from, (int)n);
		return;
	}
	relay_lane_charge(r, from, len);
	if ((size_t)n == len && !p->bulk && !joins(r, from) &&
	    !relay_lane_must_rest(r, from))
		return;
	stream_cancel(r->loop, p->stream, &p->recv);
	if ((size_t)n == len) {
		error = relay_read_on(r, from);
	} else {
		rest = buf_copy(data + n, len - (size_t)n);
		error = rest != NULL ? relay_copy_rest(r, from, rest) : -1;
	}
	if (error != 0)
		relay_finish(r, RELAY_NO_MEMORY, from);
}

static void
on_recv(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct relay_end_point *p =
	    container_of(op, struct relay_end_point, recv);
	struct relay *r = relay_of(p);

	(void)loop;
	if (res->res > 0)
		relay_copy_bytes(r, p->which, res->data, (size_t)res->res);
	else if (res->res == 0)
		relay_flow_ended(r, p->which);
	else
		relay_broke(r, p->which);
}

int
relay_copy_on(struct relay *r, enum relay_side from)
{
	struct relay_end_point *p = &r->side[from];

	p->flow = FLOW_READING;
	return stream_recv(r->loop, p->stream, &p->recv, on_recv);
}

int
relay_read_on(struct relay *r, enum relay_side from)
{
	struct relay_end_point *p = &r->side[from];

	if (relay_lane_must_rest(r, from))
		return relay_lane_rest(r, from);
	if (p->bulk || joins(r, from))
		return relay_bulk_start(r, from);
	return relay_copy_on(r, from);
}

/* What goes first is sent at once, so that it costs no turn of the loop. */
int
relay_copy_first(struct relay *r, enum relay_side from, struct buf *first)
{
	struct stream to = r->side[relay_other(from)].stream;
	ssize_t n;

	if (first == NULL)
		return relay_read_on(r, from);
	n = stream_send_now(r->loop, to, buf_bytes(first), first->len);
	if (n > 0)
		buf_consume(first, (size_t)n);
	/* An error, too, is told when the rest is sent. */
	if (first->len > 0)
		return relay_copy_rest(r, from, first);
	buf_free(first);
	return relay_read_on(r, from);
}
