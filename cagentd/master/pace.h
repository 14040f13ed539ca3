#ifndef CAGENTD_PACE_H
#define CAGENTD_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/proc.h"

/*
 * How often the master starts children again, and speaks of it, over all of
 * them: PROC_FORKS_A_MINUTE, of which workers leave some to the control
 * process and the resolver, so that these come back while workers die all the
 * time.  Pure; zeroed at first.
 */
#define PACE_NOT_OF_WORKERS 3
#define PACE_SAY_US	    1000000

struct pace {
	struct proc_throttle throttle;
	int64_t said_us;
};

/* May one be started now?  If not, *wait_us says when to ask again. */
bool pace_start(struct pace *, bool worker, int64_t now_us, int64_t *wait_us);
/* The last one that might could not be: it did not count. */
void pace_undo(struct pace *);
/* May a line be logged of what happens to many at once, again and again? */
bool pace_say(struct pace *, int64_t now_us);

#endif
