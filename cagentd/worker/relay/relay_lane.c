/* Owns a direction's place among those that are served by turns, and its rest
 * when it has moved more than it may. */
#include <stdlib.h>

#include "cagentd/worker/relay/relay_impl.h"

static bool
limited(const struct relay *r, enum relay_side from)
{
	return r->turns != NULL &&
	       turns_limited(r->turns, r->class, relay_way(from));
}

/* What had to move before it could be in line is paid for there. */
static int
pay(struct lane *lane, size_t allowed, size_t *moved)
{
	struct relay_end_point *p = lane->end;
	struct relay *r = relay_of(p);

	*moved = allowed < lane->owed ? allowed : lane->owed;
	lane->owed -= *moved;
	lane->turn.want = lane->owed;
	if (lane->owed > 0)
		return TURN_MORE;
	if (relay_read_on(r, p->which) != 0)
		relay_finish(r, RELAY_NO_MEMORY, p->which);
	return TURN_GONE;
}

static int
serve(struct turn *u, size_t allowed, size_t *moved)
{
	struct lane *lane = container_of(u, struct lane, turn);
	struct relay_end_point *p = lane->end;

	if (lane->owed > 0)
		return pay(lane, allowed, moved);
	if (lane->most != 0 && allowed > lane->most)
		allowed = lane->most;
	return relay_bulk_move(relay_of(p), p->which, allowed, moved);
}

void
relay_lane_active(struct relay *r, enum relay_side from, bool active)
{
	struct lane *lane = r->side[from].lane;

	if (lane == NULL)
		return;
	lane->greedy = lane->greedy && active;
	if (lane->active == active)
		return;
	lane->active = active;
	turns_active(r->turns, relay_way(from), active);
}

void
relay_lane_begin(struct relay *r, enum relay_side from)
{
	struct lane *lane =
	    relay_lane_lined(r, from) ? relay_lane(r, from) : NULL;

	if (lane != NULL && lane->tamed == 0)
		relay_tame_first(r, lane);
}

void
relay_lane_look(struct relay *r, enum relay_side from, size_t kib)
{
	struct lane *lane = r->side[from].lane;
	int64_t now_us = loop_now_us(r->loop), us;

	if (lane == NULL)
		return;
	us = now_us - lane->looked_us;
	if (us < RELAY_LOOK_US || lane->looked_us == 0)
		us = RELAY_LOOK_US;
	lane->looked_us = now_us;
	lane->greedy = lane->greedy && kib * 1024 >= RELAY_GREED / 4;
	lane->had += ((int64_t)kib * 1024 * 1000000 / us - lane->had) / 2;
	relay_tame(r, lane);
	relay_wire_look(r);
}

void
relay_lane_settle(struct relay *r, enum relay_side from)
{
	struct lane *lane = r->side[from].lane;

	if (lane == NULL || relay_lane_lined(r, from) ||
	    (lane->tamed == 0 && lane->window == 0 && lane->most == 0))
		return;
	relay_untame(r, from);
	lane->tamed = lane->window = 0;
	lane->most = 0;
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
	p->lane->turn.flow.way = (uint8_t)relay_way(from);
	return p->lane;
}

bool
relay_lane_lined(const struct relay *r, enum relay_side from)
{
	const struct lane *lane = r->side[from].lane;

	return r->turns != NULL &&
	       (turns_lined(r->turns, r->class, relay_way(from)) ||
		   (lane != NULL && lane->greedy && limited(r, from)));
}

/* Of what passes: much, on a link that has no room for it, is in line like all
 * else, until it is little again. */
static void
note_greed(struct relay *r, struct lane *lane, size_t len)
{
	int64_t now_us = loop_now_us(r->loop);

	if (now_us - lane->passed_us >= RELAY_LOOK_US) {
		lane->greedy = lane->greedy && lane->passed >= RELAY_GREED / 4;
		lane->passed_us = now_us;
		lane->passed = 0;
	}
	lane->passed += len;
	if (lane->passed >= RELAY_GREED && lane->until_us > now_us)
		lane->greedy = true;
}

void
relay_lane_charge(struct relay *r, enum relay_side from, size_t len)
{
	struct lane *lane = limited(r, from) ? relay_lane(r, from) : NULL;

	if (lane == NULL)
		return;
	if (relay_lane_lined(r, from))
		lane->turn.want = lane->owed += len;
	else
		lane->until_us = turns_charge(r->turns, &lane->turn.flow, len);
	if (!turns_lined(r->turns, r->class, relay_way(from)))
		note_greed(r, lane, len);
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

	return lane != NULL &&
	       (lane->owed > 0 || lane->until_us > loop_now_us(r->loop));
}

int
relay_lane_rest(struct relay *r, enum relay_side from)
{
	struct lane *lane = r->side[from].lane;

	r->side[from].flow = FLOW_RESTING;
	if (lane->owed > 0) {
		turns_join(r->turns, &lane->turn);
		return 0;
	}
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

	if (lane == NULL)
		return;
	turns_leave(&lane->turn);
	loop_cancel(r->loop, &lane->rest);
	relay_lane_active(r, from, false);
}

void
relay_lane_drop(struct relay *r, enum relay_side from)
{
	struct lane *lane = r->side[from].lane;

	if (lane == NULL)
		return;
	relay_lane_leave(r, from);
	free(lane);
	r->side[from].lane = NULL;
}

static void
tame_anew(struct relay *r, struct lane *lane)
{
	lane->tamed = lane->window = 0;
	lane->most = 0;
	relay_tame(r, lane);
}

/* What it owed to its old class's limits is not held against it. */
static void
forgive(struct relay *r, struct relay_end_point *p)
{
	/* Out of memory it pays, of what it is of now. */
	if (p->flow == FLOW_RESTING &&
	    loop_timer(
		r->loop, &p->lane->rest, loop_now_us(r->loop), on_rested) != 0)
		return;
	if (p->lane->owed > 0)
		turns_leave(&p->lane->turn);
	p->lane->turn.want = p->lane->owed = 0;
	p->lane->until_us = 0;
}

static void
change_lane(struct relay *r, struct relay_end_point *p)
{
	p->lane->greedy = false;
	forgive(r, p);
	turns_move(&p->lane->turn, r->class);
	p->lane->wire_us = 0; /* nobody has kept count meanwhile */
	relay_lane_settle(r, p->which);
	if (!relay_lane_lined(r, p->which))
		relay_lane_active(r, p->which, false);
	else if (p->bulk) /* as what is looked at */
		tame_anew(r, p->lane);
}

void
relay_set_class(struct relay *r, uint8_t class)
{
	enum relay_side from;

	r->class = class;
	for (from = RELAY_CLIENT; from <= RELAY_UPSTREAM; from++) {
		if (r->side[from].lane != NULL)
			change_lane(r, &r->side[from]);
	}
}
