#ifndef CAGENTD_DIAL_TRIES_H
#define CAGENTD_DIAL_TRIES_H

#include "cagentd/worker/dial/dial.h"

/*
 * What the tries of a dial have come to: who has been tried how often, who is
 * blamed for what, and what there is to tell.  For dial.c alone.
 */

/* One begins at an intermediary: it is in flight, and counts as tried. */
void dial_tries_enter(struct dial *, struct dial_try *);
/* One failed: charge what can be judged already. */
void dial_tries_failed(struct dial *, struct dial_try *);
/* One was given up after so long, because another stands. */
void dial_tries_outrun(struct dial *, struct dial_try *, int64_t waited_us);
/* One was none: nothing is to be remembered of it, nor of its place. */
void dial_tries_forget(struct dial *, struct dial_try *);
/* An attempt is no longer under way; with REASON_OK it is in flight still. */
void dial_tries_leave(struct dial *, struct dial_try *);

/* The destination was reached, or it is not known: judge what waited for
 * that.  asked: as in dial_judge(). */
void dial_tries_settle(struct dial *, bool reached, bool asked);

/* Have enough answered for the destination to be believed?  Two alike, or it
 * itself where it is known that it is it that answers. */
bool dial_tries_suffice(const struct dial *);
/* As many as may be were, but for those of a service and a cache. */
bool dial_tries_all(const struct dial *);
/* The truest reason among those that were met, or this one. */
enum wire_reason dial_tries_reason(const struct dial *, enum wire_reason);

#endif
