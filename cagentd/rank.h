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

/* What came since the last look, summed over the workers. */
struct rank_seen {
	uint64_t successes;
	uint64_t charged;      /* failures that are the intermediary's own */
	uint32_t last_failure; /* enum wire_reason */
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
};

struct rank_now {
	int64_t mono_us;
	int64_t wall_us;
	uint32_t usable_others; /* that would be left, without those on trial */
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

/* Take up the observed column of a table that an earlier control process
 * left: ejections go on, windows start empty. */
void rank_resume(
    struct table_row *, struct rank_state *, const struct rank_now *);

/* The effective tier of the three columns: pinned, else policy, else
 * configured; 0 when ejected.  Also after an administrator's command. */
void rank_settle(struct table_row *);

#endif
