#ifndef CAGENTD_DUE_H
#define CAGENTD_DUE_H

#include <stdbool.h>
#include <stdint.h>

#include "cagentd/decide/rank.h"
#include "shm/table.h"
#include "wire/wire.h"

/*
 * Which intermediary is to be checked when, and what a check says of it.
 * Pure: counts, clocks and randomness are passed in; the control process
 * makes the checks and keeps the state.
 *
 * Traffic is the better witness: what has fresh successes is left alone.  A
 * check is a handshake for check-target, which must then succeed, or else for
 * the intermediary's own address, where any answer shows that it is alive and
 * speaks its protocol.  Some hosts cannot reach that from inside, and say
 * nothing: such a one is asked for its loopback from then on.
 */
#define DUE_SOON_US  1000000ll /* the first: within this, by lot */
#define DUE_AGAIN_US 1000000ll /* after a failure, or what was given up */
#define DUE_TRIAL_US 200000ll  /* between those that end an ejection */
#define DUE_FAILURES RANK_ROW  /* in a row that are followed up so soon */

/* In the order in which they matter. */
enum due_why {
	DUE_NOT,
	DUE_TRIAL,    /* half-open */
	DUE_GIVEN_UP, /* workers have, for one that was faster */
	DUE_ASKED,    /* another's failure is to be told from the target's */
	DUE_FAILED,   /* is it dead, or was that a moment? */
	DUE_FIRST,    /* never used */
	DUE_IDLE,
	DUE_WHY_COUNT
};

struct due_rules {
	int64_t interval_us; /* 0: no checks */
	bool target;	     /* there is one */
};

struct due_now {
	int64_t mono_us;
	int64_t wall_us;
	uint64_t *seed;
};

/* Of the tenant of a slot; zeroed at first. */
struct due_state {
	uint32_t incarnation; /* whose it is */
	bool under_way;	      /* its owner says so, and due_take() ends it */
	bool asked;	      /* out of turn: as a witness, or once more */
	bool answers;	      /* has answered when asked for its own address */
	bool inward;	      /* has not: it is to be asked for its loopback */
	uint16_t lot;	      /* for the jitter of the next */
	uint32_t failed;      /* in a row */
	uint32_t passed;      /* in a row, while half-open */
	/* Monotonic; 0: never. */
	int64_t begun_us, ok_us, checked_us, alive_us;
	uint64_t hedged; /* of the row, when it last answered */
	/* The failure that was charged last; REASON_OK: none that stands. */
	enum wire_reason cause;
	/* One that is charged if another reaches the target. */
	enum wire_reason held;
	int64_t held_us;
	/* Evidence for the next due_see(). */
	uint32_t ok, bad;
	enum wire_reason bad_reason;
};

/*
 * Take what traffic has said of the row since the last look, and add to it
 * what checks have.
 */
void due_see(struct due_state *, const struct table_row *, struct rank_seen *,
    const struct due_now *);

/* When the next check is due, monotonic, INT64_MAX for never, and why. */
int64_t due_at_us(const struct due_state *, const struct table_row *,
    const struct due_rules *, enum due_why *);

/* What the outcome of a check says. */
enum due_says {
	DUE_NOTHING,
	DUE_ALIVE,
	DUE_DEAD,
	DUE_DEAD_IF_PROVED, /* that it is not the target, nor our uplink */
};

enum due_question {
	DUE_FOR_ADDRESS,
	DUE_FOR_LOOPBACK,
	DUE_FOR_TARGET
};
struct due_result {
	enum wire_reason reason;
	int code; /* the intermediary's own, or -1 */
	enum due_question question;
};
enum due_says due_says(const struct due_result *, bool answers);

/* Take the outcome of a check, and tell it in the row. */
enum due_says due_take(struct due_state *, struct table_row *,
    const struct due_result *, const struct due_now *);
/* Another one is alive: if this one failed within that time, charge it. */
bool due_prove(struct due_state *, int64_t within_us, int64_t mono_us);

#endif
