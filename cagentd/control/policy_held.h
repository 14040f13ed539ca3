#ifndef CAGENTD_POLICY_HELD_H
#define CAGENTD_POLICY_HELD_H

#include "cagentd/control/policy.h"
#include "trust/verify.h"

/* How what is held goes to the disk and comes back, for policy*.c. */

/* All of them checked again; what does not fit any more is left out.  false
 * with why: it is not what was written. */
bool policy_held_read(
    struct policy_held *, const struct policy_kept *, struct trust_why *why);
void policy_held_free(struct policy_held *);

/* `held` has a new root, the one after `before`: what is left of the others
 * under it.  Nothing is freed. */
void policy_held_succeed(struct policy_held *held, struct verified *before);

/*
 * Write `next` and hold it: those that it no longer has are freed.  0, or
 * -errno and all is as it was; what is new in it stays the caller's then.
 */
int policy_held_change(struct policy *, const struct policy_held *next);

#endif
