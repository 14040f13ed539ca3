#ifndef CAGENTD_RANK_H
#define CAGENTD_RANK_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/table.h"

/*
 * From what was seen to where an intermediary stands.  Pure: counts, clocks
 * and randomness are passed in; the control process keeps the state and
 * writes the table.
 *
 *   unknown ──ok──> up ──trip──> ejected ──time──> half-open ──2 ok──>
 *   slow-start ──30 s──> up;  half-open ──fail──> ejected (longer)
 *   up ──failure──> suspect ──ok──> up
 *
 * Trip: RANK_ROW charged failures in a row, or fewer than 80 % successes over
 * 30 s with at least 5 requests.  Ejection: 5 s doubling to 300 s, with equal
 * jitter.  The last usable member of all tiers is never ejected: it stays
 * suspect, and the reason says so; and when none is usable, ejections end at
 * once.
 *
 * While our own uplink is suspected nothing moves but what is certain: a
 * charged failure, and the end of an ejection.
 *
 * Apart from that, one whose handshakes were over the limit for 30 s is lowered
 * to a worse tier, and comes back after 60 s under 80 % of it; or on trial,
 * after 60 s that double to 600 s, when too few requests came to judge by.
 *
 * No state changes within 10 s of the last change, but for three failures in a
 * row, a failure on trial, and where no other is usable.  The tier changes no
 * more than once in 10 s whatever is seen, so that one that sometimes works
 * does not flap; the one exception is that no other is usable.  One that is
 * half-open is still in no tier.
 */
#define RANK_ROW	   3
#define RANK_WINDOW_S	   30
#define RANK_MIN_REQUESTS  5
#define RANK_MIN_PERCENT   80
#define RANK_EJECT_MIN_US  5000000ll
#define RANK_EJECT_MAX_US  300000000ll
#define RANK_TRIALS	   2
#define RANK_TRIALS_OK	   2
#define RANK_SLOW_START_US 30000000ll
#define RANK_FORGET_US	   600000000ll /* up so long: back-off starts anew */
#define RANK_GAP_US	   10000000ll  /* between changes */

#define RANK_SLOW_US	    30000000ll /* over the limit: lowered */
#define RANK_FAST_US	    60000000ll /* well under it: back */
#define RANK_FAST_PERCENT   80	       /* of the limit is well under it */
#define RANK_LOWERED_MIN_US 60000000ll /* with nothing to judge by */
#define RANK_LOWERED_MAX_US 600000000ll

/* What came since the last look, summed over the workers. */
struct rank_seen {
	uint64_t successes;
	uint64_t charged;      /* failures that are the intermediary's own */
	uint64_t by_checks;    /* of the successes, those of active checks */
	uint32_t last_failure; /* enum wire_reason */
	uint32_t p95_us;       /* of the last 30 s; 0: too few to say */
	uint32_t limit_us;     /* for that; 0: nothing to compare it with */
	uint16_t lower;	       /* the rank for a slow one; 0: none */
};

/* Per slot, private to the control process; zeroed for a new tenant. */
struct rank_state {
	int64_t second; /* of the newest cell */
	uint32_t ok[RANK_WINDOW_S];
	uint32_t bad[RANK_WINDOW_S];
	uint32_t trials_ok; /* in a row, while half-open */
	uint32_t row;	    /* charged failures in a row, over all workers */
	int64_t until_us;   /* monotonic: end of ejection or of slow start */
	int64_t well_since_us;
	int64_t moved_us;  /* the last change of state or tier; 0: none */
	int64_t placed_us; /* of tier */
	bool mended;	   /* the last news was good */
	bool checked;	   /* and none but a check's */
	int64_t over_since_us, under_since_us; /* the limit; 0: is not */
	int64_t lowered_until_us;	       /* at least */
	uint32_t lowerings;		       /* in a row */
};

struct rank_now {
	int64_t mono_us;
	int64_t wall_us;
	/* That would be left, without those on trial and those that are kept
	 * as the last one usable and fail. */
	uint32_t usable_others;
	bool held; /* our own uplink is suspected, see uplink.h */
	uint64_t *seed;
};

/*
 * Fold what was seen and the passing of time into the row's observed column,
 * effective tier, reason, since and reconsider times.
 * returns true when state, tier or reason changed (a publication).
 */
bool rank_step(struct table_row *, struct rank_state *,
    const struct rank_seen *, const struct rank_now *);

/* When rank_step() next wants to be called for the clock's sake; monotonic,
 * INT64_MAX for never. */
int64_t rank_wake_us(const struct table_row *, const struct rank_state *);

/*
 * Take up the observed column of a table that an earlier control process
 * left.  Ejections, slow starts and hold-downs end when they would have, the
 * gap between changes and failures in a row count on; windows start empty.
 * Times are believed no further than they can be, whatever happened to the
 * wall clock.
 */
void rank_resume(
    struct table_row *, struct rank_state *, const struct rank_now *);

/* As if it had never been seen; the administrator's column stays. */
void rank_forget(
    struct table_row *, struct rank_state *, const struct rank_now *);

/* The configuration has moved it: what slowness did to it is forgotten. */
void rank_rehome(struct table_row *, struct rank_state *);

/* The effective tier of the three columns: the worse one of table_home() and
 * where slowness put it, which does not move a pinned one; 0 when ejected or
 * half-open.  Also after an administrator's command. */
void rank_settle(struct table_row *);

#endif
