#ifndef CAGENTD_LINKS_H
#define CAGENTD_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include "cagentd/control/link.h"

struct control;

/*
 * All managers of this agent: a link to the policy server, if there is one,
 * and to each subscriber, as the settings in force say; and when each of them
 * is told what was seen: at its interval, and when an intermediary was ejected
 * or has come back.
 */
#define LINKS_MAX	    (1 + SETTINGS_SUBSCRIBERS_MAX)
#define LINKS_INTERVAL_MS   60000   /* where nobody says how often */
#define LINKS_FIRST_US	    5000000 /* the first one, at most, by lot */
#define LINKS_URGENT_US	    80000   /* after an ejection, at most, by lot */
#define LINKS_URGENT_GAP_US 2000000
#define LINKS_LAST_US	    500000 /* the last one may take so long */

struct links;

/* resolve is borrowed, as is control.  0 or -ENOMEM. */
int links_new(struct links **, struct control *, struct resolve *);
void links_free(struct links *); /* NULL allowed */

/* By whom they know us: taken, sodium_malloc()ed. */
void links_identity(struct links *, struct msg_identity *);
/* The settings or the root in force may be others; connections to who is the
 * same stay. */
void links_refresh(struct links *);
/* After each ranking_step(). */
void links_look(struct links *);
/* The policy that is held is in force. */
void links_settled(struct links *);
/* The last report, to all that are there; then done, at once or soon. */
void links_last(struct links *, void (*done)(void *arg), void *arg);

/* NULL: there is none. */
const struct msg_identity *links_whoami(const struct links *);
/* The i-th, of those in use; NULL: there are no more.  How often it is told,
 * and when next (monotonic; 0: it is not up). */
const struct link *links_get(
    const struct links *, uint32_t i, int64_t *interval_ms, int64_t *due_us);

#endif
