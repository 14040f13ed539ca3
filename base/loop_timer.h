#ifndef BASE_LOOP_TIMER_H
#define BASE_LOOP_TIMER_H

#include <stdint.h>

struct op;

/*
 * The timers under way, soonest first: a 4-ary heap of ops by at_us.
 * op->slot is the op's place, from 1; 0 is not in the heap.
 */
struct loop_timers {
	struct op **heap; /* the array is ours, the ops are their owners' */
	uint32_t n;
	uint32_t cap;
};

void loop_timers_fini(struct loop_timers *);
/* Put op in, or move it if it is in.  0 or -ENOMEM. */
int loop_timers_set(struct loop_timers *, struct op *, int64_t at_us);
void loop_timers_remove(struct loop_timers *, struct op *);
/* The soonest, or NULL. */
struct op *loop_timers_first(const struct loop_timers *);

#endif
