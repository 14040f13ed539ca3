#ifndef CAGENTD_DIAL_STEPS_H
#define CAGENTD_DIAL_STEPS_H

#include "cagentd/worker/dial/dial.h"

/*
 * What is tried in which order: of plain HTTP requests a special service and
 * then a cache, where the verdict names any; then directly, where that is
 * listed; then the ranked.  All but the last are tried once and not again
 * (patent [0034]).  For dial.c alone.
 */

/* Choose one of that duty: 0 with *pick, -ENOENT, or -EBUSY: those that its
 * class keeps to are full (dial.full says who). */
int dial_steps_choose(struct dial *, enum table_duty, struct path_pick *);
/* The next of the first two steps that has one to choose, as above; -ENOENT
 * when there is none (any more). */
int dial_steps_next(struct dial *, struct path_pick *);
/* Is it to be tried directly now, before the ranked? */
bool dial_steps_direct(const struct dial *);
/* Is the path that stands one of the first two steps, and is there anything
 * after it? */
bool dial_steps_follow(struct dial *);

/* Was it one of the first two? */
bool dial_steps_is(const struct dial_try *);
/* The tries that were none of these. */
uint32_t dial_steps_others(const struct dial *);
/* It is as if it had never been tried. */
void dial_steps_forget(struct dial *, const struct dial_try *);

#endif
