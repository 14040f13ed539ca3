#ifndef SHM_PACE_TURN_H
#define SHM_PACE_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/pace.h"

/* A class that asks for one way of the link. */
struct pace_turn {
	struct pace_lane *lane;
	const struct pace_plan *plan;
	uint32_t class; /* pace_turn_class() */
	size_t slice;	/* by which one may be ahead of others of its kind */
};

/* Clamped to what there is. */
uint32_t pace_turn_class(const struct pace_plan *, uint32_t class);
/* How many priorities of the plan come after its own. */
uint32_t pace_turn_after(const struct pace_turn *);

/* From when on it is its turn, if the link is free: now, or later. */
int64_t pace_turn_from(const struct pace_turn *, int64_t now_ns);
/* Somebody of the class waits until then, and will ask again. */
void pace_turn_wait(const struct pace_turn *, int64_t until_ns, int64_t now_ns);
/* Somebody of it got all that he wanted. */
void pace_turn_served(const struct pace_turn *, int64_t now_ns);
/* It had so many bytes; in its turn: no other would have had to be first. */
void pace_turn_count(const struct pace_turn *, size_t n, bool in_turn);
void pace_turn_uncount(const struct pace_turn *, size_t n);

#endif
