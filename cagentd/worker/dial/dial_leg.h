#ifndef CAGENTD_DIAL_LEG_H
#define CAGENTD_DIAL_LEG_H

#include "cagentd/worker/dial/dial.h"

/* One of the two attempts that a dial may have under way.  For dial.c alone.
 * done is as in attempt.h. */

bool dial_leg_running(const struct dial_leg *); /* NULL: no */
/* The try that its attempt is, or was. */
struct dial_try *dial_leg_try(struct dial_leg *);
/* Straight to the destination; false where it may not go, and the try says
 * so. */
bool dial_leg_direct(struct dial_leg *, attempt_fn *done);
void dial_leg_intermediary(
    struct dial_leg *, const struct path_pick *, attempt_fn *done);
/* It is to be no more, without a verdict of its own; outrun: as another one
 * stands. */
void dial_leg_stop(struct dial_leg *, bool outrun);

#endif
