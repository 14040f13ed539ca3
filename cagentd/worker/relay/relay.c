/* Owns a standing tunnel: its start, and the timer that looks at it; knows no
 * protocol. */
#include "cagentd/worker/relay/relay.h"

#include "base/buf.h"
#include "cagentd/worker/relay/relay_flight.h"
#include "cagentd/worker/relay/relay_impl.h"

static void on_look(struct loop *, struct op *, const struct op_result *);

/* When it is to be looked again: at the idle time's end, while upstream is to
 * be heard of for the first time at the end of patience, and while something
 * is bulk as often as that asks for. */
static int64_t
look_us(const struct relay *r)
{
	bool waits = r->patience_us != 0 && r->keep_flight &&
		     r->patience_us < r->idle_us;
	int64_t at_us = r->moved_us + (waits ? r->patience_us : r->idle_us);

	return r->bulk_us != 0 && r->bulk_us < at_us ? r->bulk_us : at_us;
}

/* Moved, and so without a need for memory. */
void
relay_look_again(struct relay *r)
{
	loop_timer(r->loop, &r->timer, look_us(r), on_look);
}

/* One timer for the tunnel's life: it looks when bytes last moved, instead of
 * being moved by every byte. */
static void
on_look(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct relay *r = container_of(op, struct relay, timer);
	int64_t now = loop_now_us(loop), next;

	(void)res;
	if (r->idle_us == 0 || relay_bulk_look(r) != 0) {
		relay_finish(r, RELAY_NO_MEMORY, RELAY_CLIENT);
		return;
	}
	if (now >= r->moved_us + r->idle_us) {
		relay_finish(r, RELAY_IDLE, RELAY_CLIENT);
		return;
	}
	next = look_us(r);
	if (now >= next) {
		if (relay_flight_stalled(r) && r->stalled(r)) {
			relay_finish(r, RELAY_STALLED, RELAY_UPSTREAM);
			return;
		}
		next = now + r->patience_us;
	}
	if (loop_timer(loop, op, next, on_look) != 0)
		relay_finish(r, RELAY_NO_MEMORY, RELAY_CLIENT);
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
	r->moved = s->moved;
	r->side[RELAY_UPSTREAM].bytes = r->side[RELAY_CLIENT].bytes = 0;
	if (s->early > 0)
		relay_count(r, RELAY_UPSTREAM, s->early);
	r->side[RELAY_UPSTREAM].which = RELAY_UPSTREAM;
	r->pipes = s->pipes;
	r->turns = s->turns;
	r->class = s->class;
	r->user = s->user;
	if (s->to_upstream != NULL) {
		relay_count(r, RELAY_CLIENT, s->to_upstream->len);
		relay_flight_keep(
		    r, buf_bytes(s->to_upstream), s->to_upstream->len);
	}
	error = relay_copy_first(r, RELAY_CLIENT, s->to_upstream);
	if (error == 0)
		error = relay_copy_first(r, RELAY_UPSTREAM, s->to_client);
	else
		buf_free(s->to_client);
	/* A failed start is told in the next turn.  The timer needs no memory:
	 * the stage before had one, in this same callback. */
	if (error != 0)
		r->idle_us = 0;
	loop_timer(loop, &r->timer, look_us(r), on_look);
}
