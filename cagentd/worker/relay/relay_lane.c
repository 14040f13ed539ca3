/* Owns a direction's place among those that are served by turns, and its rest
 * when it has moved more than it may. */
#include <sys/socket.h>

#include <linux/tcp.h>
#include <netinet/in.h>

#include <limits.h>
#include <stdlib.h>

#include "cagentd/worker/relay/relay_impl.h"

static enum pace_way
way_of(enum relay_side from)
{
	return from == RELAY_CLIENT ? PACE_UP : PACE_DOWN;
}

static bool
limited(const struct relay *r, enum relay_side from)
{
	return r->turns != NULL &&
	       turns_limited(r->turns, r->class, way_of(from));
}

static int
serve(struct turn *u, size_t allowed, size_t *moved)
{
	struct relay_end_point *p = container_of(u, struct lane, turn)->end;

	return relay_bulk_move(relay_of(p), p->which, allowed, moved);
}

static void
set(int fd, int level, int option, int64_t value)
{
	int v = value < INT_MAX ? (int)value : INT_MAX;

	/* What it is for holds without it, if less well. */
	(void)setsockopt(fd, level, option, &v, sizeof(v));
}

static int64_t
round_trip_us(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
		return 0;
	return info.tcpi_rtt;
}

/*
 * What waits should wait where it can still be overtaken: with who sends to
 * us, not in a queue on the way, and in our memory, not in the kernel's.  So
 * the window is what comes at its share of the rate in two round trips, and a
 * little: more would stand in the narrow place's queue, where a keystroke is
 * behind it.  The kernel lets the window grow again with what is read, so
 * that this is said again at each look.
 */
void
relay_lane_tame(struct relay *r, enum relay_side from)
{
	int in = r->side[from].stream.fd;
	int out = r->side[relay_other(from)].stream.fd;
	int64_t share, window;

	if (r->turns == NULL)
		return;
	share = turns_share(r->turns, r->class, way_of(from));
	if (share == 0)
		return;
	window =
	    share / 1000 * (2 * round_trip_us(in) / 1000 + RELAY_WINDOW_MS);
	if (window < RELAY_WINDOW_LEAST)
		window = RELAY_WINDOW_LEAST;
	if (window < RELAY_WINDOW_MOST)
		set(in, IPPROTO_TCP, TCP_WINDOW_CLAMP, window);
	set(out, IPPROTO_TCP, TCP_NOTSENT_LOWAT, RELAY_NOTSENT);
}

void
relay_lane_active(struct relay *r, enum relay_side from, bool active)
{
	struct lane *lane = r->side[from].lane;

	if (lane == NULL || lane->active == active)
		return;
	lane->active = active;
	turns_active(r->turns, way_of(from), active);
	if (active)
		relay_lane_tame(r, from);
}

struct lane *
relay_lane(struct relay *r, enum relay_side from)
{
	struct relay_end_point *p = &r->side[from];

	if (p->lane != NULL || r->turns == NULL)
		return p->lane;
	p->lane = calloc(1, sizeof(*p->lane));
	if (p->lane == NULL)
		return NULL;
	p->lane->end = p;
	p->lane->turn.serve = serve;
	p->lane->turn.flow.user = r->user;
	p->lane->turn.flow.class = r->class;
	p->lane->turn.flow.way = (uint8_t)way_of(from);
	return p->lane;
}

bool
relay_lane_lined(const struct relay *r, enum relay_side from)
{
	return r->turns != NULL &&
	       turns_lined(r->turns, r->class, way_of(from));
}

void
relay_lane_charge(struct relay *r, enum relay_side from, size_t len)
{
	struct lane *lane = limited(r, from) ? relay_lane(r, from) : NULL;

	if (lane != NULL)
		lane->until_us = turns_charge(r->turns, &lane->turn.flow, len);
}

static void
on_rested(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct relay_end_point *p = container_of(op, struct lane, rest)->end;
	struct relay *r = relay_of(p);

	(void)loop;
	(void)res;
	if (relay_read_on(r, p->which) != 0)
		relay_finish(r, RELAY_NO_MEMORY, p->which);
}

bool
relay_lane_must_rest(const struct relay *r, enum relay_side from)
{
	const struct lane *lane = r->side[from].lane;

	return lane != NULL && lane->until_us > loop_now_us(r->loop);
}

int
relay_lane_rest(struct relay *r, enum relay_side from)
{
	struct lane *lane = r->side[from].lane;

	r->side[from].flow = FLOW_RESTING;
	return loop_timer(r->loop, &lane->rest, lane->until_us, on_rested);
}

bool
relay_lane_waits(const struct relay *r, enum relay_side from)
{
	const struct lane *lane = r->side[from].lane;

	return lane != NULL && lane->turn.turns != NULL;
}

void
relay_lane_leave(struct relay *r, enum relay_side from)
{
	struct lane *lane = r->side[from].lane;

	if (lane != NULL)
		turns_leave(&lane->turn);
}

void
relay_lane_drop(struct relay *r, enum relay_side from)
{
	struct lane *lane = r->side[from].lane;

	if (lane == NULL)
		return;
	turns_leave(&lane->turn);
	relay_lane_active(r, from, false);
	loop_cancel(r->loop, &lane->rest);
	free(lane);
	r->side[from].lane = NULL;
}

/* What it owed to its old class's limits is not held against it. */
static void
change(struct relay *r, struct relay_end_point *p)
{
	turns_move(&p->lane->turn, r->class);
	relay_lane_tame(r, p->which);
	p->lane->until_us = 0;
	/* Moved, and so without a need for memory. */
	if (p->flow == FLOW_RESTING)
		loop_timer(
		    r->loop, &p->lane->rest, loop_now_us(r->loop), on_rested);
}

void
relay_set_class(struct relay *r, uint8_t class)
{
	enum relay_side from;

	r->class = class;
	for (from = RELAY_CLIENT; from <= RELAY_UPSTREAM; from++) {
		if (r->side[from].lane != NULL)
			change(r, &r->side[from]);
	}
}
