#ifndef CAGENTD_RELAY_IMPL_H
#define CAGENTD_RELAY_IMPL_H

#include "cagentd/worker/relay/relay.h"
#include "cagentd/worker/relay/turns.h"

/* For relay*.c alone: relay.c has a tunnel's start and its timer, relay_copy.c
 * moves bytes by buffers, relay_bulk.c by splice, relay_lane.c says when a
 * direction may, relay_end.c ends it.  Each
 * function that can end it is its caller's last act. */

static inline enum relay_side
relay_other(enum relay_side s)
{
	return s == RELAY_CLIENT ? RELAY_UPSTREAM : RELAY_CLIENT;
}

/* The relay of which this is an end. */
static inline struct relay *
relay_of(struct relay_end_point *p)
{
	return container_of(p - p->which, struct relay, side[0]);
}

/* So many bytes (> 0) have come from there. */
static inline void
relay_count(struct relay *r, enum relay_side from, size_t len)
{
	r->side[from].bytes += len;
	r->moved_us = loop_now_us(r->loop);
	if (r->moved != NULL)
		r->moved(r, from, len);
}

static inline enum pace_way
relay_way(enum relay_side from)
{
	return from == RELAY_CLIENT ? PACE_UP : PACE_DOWN;
}

/* What of a tunnel was on the link so far, by way. */
struct wire {
	uint32_t segments[PACE_BOTH_WAYS];
	uint64_t bytes[PACE_BOTH_WAYS]; /* in them */
	uint64_t twice[PACE_BOTH_WAYS]; /* of these: had been sent before */
	int64_t queue_us;		/* what waits on the way there, now */
};

/* A direction's place among those that are served by turns: made when it is
 * bulk, or limited. */
struct lane {
	struct turn turn;
	struct relay_end_point *end; /* whose bytes it is about */
	struct op rest;
	size_t owed;	  /* it has moved so much out of line */
	int64_t until_us; /* or ahead of its limits */
	bool active;	  /* among those that move something */
	bool greedy;	  /* it may not pass, though its class does */
	uint8_t looks;
	size_t passed;	   /* out of line, */
	int64_t passed_us; /* since then */
	int64_t looked_us; /* 0: not yet */
	int64_t had;	   /* bytes a second, of late */
	int64_t rtt_us;	   /* of the upstream; 0: not looked yet */
	uint32_t segment;
	int64_t tamed;	/* up: what it was last told that it may come to */
	size_t most;	/* up: bytes of one turn; 0: any */
	int64_t window; /* down: what it was last given; 0: nothing yet */
	struct wire wire;
	int64_t wire_us; /* when that was asked; 0: not yet */
};

/* relay.c: the time of the next look may have changed. */
void relay_look_again(struct relay *);

/* relay_end.c */
void relay_finish(struct relay *, enum relay_end, enum relay_side where);
void relay_broke(struct relay *, enum relay_side where);
/* What comes from there has come to its end. */
void relay_flow_ended(struct relay *, enum relay_side from);
/* The stream cannot be sent on: nobody will read what `from` still says, but
 * what comes the other way is still worth having, unless the error is ours
 * alone. */
void relay_dead_end(struct relay *, enum relay_side from, int error);

/* relay_copy.c */
/* Begin with what goes first (taken; NULL: nothing).  0 or -errno. */
int relay_copy_first(struct relay *, enum relay_side from, struct buf *first);
/* Read on, by whichever means.  0 or -errno. */
int relay_read_on(struct relay *, enum relay_side from);
/* Read on by buffers, whatever it is.  0 or -errno. */
int relay_copy_on(struct relay *, enum relay_side from);
/* These were received. */
void relay_copy_bytes(
    struct relay *, enum relay_side from, const uint8_t *data, size_t len);
/* Take b to the other side's end; reading goes on when it is sent.  0 or
 * -errno. */
int relay_copy_rest(struct relay *, enum relay_side from, struct buf *b);

/* relay_lane.c */
/* The direction's; NULL: it has none, and is served as it comes. */
struct lane *relay_lane(struct relay *, enum relay_side from);
/* Must it be in line to move any byte? */
bool relay_lane_lined(const struct relay *, enum relay_side from);
/* It moves something; or it has not for a while. */
void relay_lane_active(struct relay *, enum relay_side from, bool);
/* It goes by splice from here on. */
void relay_lane_begin(struct relay *, enum relay_side from);
/* It has moved so much since the last look. */
void relay_lane_look(struct relay *, enum relay_side from, size_t kib);
/* What was to hold it in line is undone if it need not be any more. */
void relay_lane_settle(struct relay *, enum relay_side from);
/* So many were moved out of line. */
void relay_lane_charge(struct relay *, enum relay_side from, size_t len);
/* Has it moved more than it may by now?  Then reading goes on after a rest: 0
 * or -errno. */
bool relay_lane_must_rest(const struct relay *, enum relay_side from);
int relay_lane_rest(struct relay *, enum relay_side from);
/* Is it in line? */
bool relay_lane_waits(const struct relay *, enum relay_side from);
/* It waits no more, neither in line nor at rest. */
void relay_lane_leave(struct relay *, enum relay_side from);
void relay_lane_drop(struct relay *, enum relay_side from);

/* relay_bulk.c */
/* Could it go by splice? */
bool relay_bulk_may(const struct relay *, enum relay_side from);
/* Move what there is, at most so much. */
enum turn_after relay_bulk_move(
    struct relay *, enum relay_side from, size_t most, size_t *moved);
/* So much was received by buffers: sets bulk where it is that. */
void relay_bulk_note(struct relay *, enum relay_side from, size_t len);
/* Read on by splice.  0 or -errno. */
int relay_bulk_start(struct relay *, enum relay_side from);
/* It has ended: nothing is left in a pipe, or nobody wants it. */
void relay_bulk_drop(struct relay *, enum relay_side from);
/* If it is time for a look: what has become quiet goes back to buffers.  0 or
 * -errno. */
int relay_bulk_look(struct relay *);

/* relay_tame.c: by the rate that it may come to now. */
void relay_tame(struct relay *, struct lane *);
/* It begins, and may be one of many that do: nobody's share is known. */
void relay_tame_first(const struct relay *, struct lane *);
/* It is in line no more. */
void relay_untame(const struct relay *, enum relay_side from);

/* relay_wire.c: what the link carried for it goes on the link's account. */
void relay_wire_look(struct relay *);
/* Pure: how many bytes more (or less) than was reckoned that is, between two
 * looks; and what is to be worked off. */
int64_t relay_wire_more(
    const struct wire *was, const struct wire *now, enum pace_way);

#endif
