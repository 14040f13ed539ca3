#ifndef CAGENTD_PATH_H
#define CAGENTD_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cagentd/decide/classify.h"
#include "shm/table.h"

/*
 * The choice among ranked intermediaries.  Pure: the table, what this worker
 * knows beyond it, the clock and the randomness are passed in.
 *
 * Candidates come from the best tier that has an eligible member and that the
 * request's class may use, by what the tier and the class say; what failed a moment ago comes after all tiers.  In
 * a tier: of two random members the cheaper one (Mitzenmacher, "The power of
 * two choices", 2001), where the cost is handshake time (EWMA) x (in flight +
 * 1) / weight.  An idle member that was never measured costs nothing, so that
 * each is tried; costs that are near are drawn between, so that all of a tier
 * work at once.
 *
 * A tier that has lost much of its weight spills: it keeps 1.4 times the share
 * of its weight that is healthy (all of it down to 71 %), as Envoy has it, and
 * the other requests begin with the next tier.
 *
 * A query for caches or services chooses among those that the verdict names,
 * once each, in the same way, but for what is to be had only for want of a
 * better one: there is always a next step, so who is full, failed a moment ago
 * or is on trial already is not taken.
 */

/* What one worker knows of an intermediary, by slot. */
struct path_load {
	uint32_t incarnation;	/* of the row this is about */
	uint32_t in_flight;	/* ours */
	uint32_t ewma_us;	/* of the handshake; 0: unknown */
	int64_t ewma_at_us;	/* when it was last measured */
	uint32_t failures;	/* charged, in a row */
	uint32_t outruns;	/* given up for faster ones, in a row */
	uint32_t trials;	/* half-open: our attempts under way */
	int64_t bad_us;		/* when it last failed or was outrun */
	int64_t avoid_until_us; /* after a failure: last choice until then */
	int64_t trial_us;	/* half-open: no trial before this */
	bool heard;		/* charged is known */
	uint64_t charged;	/* by all workers, as the table last said */
};

#define PATH_EWMA_UNKNOWN_US 30000   /* as finagle has it */
#define PATH_EWMA_FLOOR_US   1000    /* faster than this is all the same */
#define PATH_EWMA_HALVE_US   7000000 /* what is not used becomes worth a try */
#define PATH_NEAR_PERCENT    25	     /* costs so near are equal: draw */
#define PATH_TRIAL_GAP_US    500000  /* between trials by one worker */
#define PATH_OVERPROVISION   140     /* percent of what a tier must carry */
#define PATH_AVOID_MIN_US    1000000
#define PATH_AVOID_MAX_US    10000000
#define PATH_OUTRUNS	     3

/*
 * Which places of the order were seen to be avoided, so that the next pick
 * need not look at them again; it changes no pick.  To be cleared when one
 * that is avoided no longer is before its time.
 */
struct path_memo {
	uint64_t places[TABLE_ROWS_MAX / 64];
	int64_t until_us; /* the soonest of those noted is avoided until */
};
void path_memo_clear(struct path_memo *);

/* Rows by tier, made anew when the table changes. */
struct path_tier {
	uint16_t rank;
	uint32_t reserved_for;
	uint32_t first, n; /* in order[]: who is in it and not drained */
	/* What ranks its members have at home, from one to another. */
	uint16_t home_first, home_last;
	uint32_t keeps;	 /* percent of the requests that come to it */
	uint32_t p95_us; /* handshakes; the median of its members, 0: unknown */
	uint32_t first_byte_us; /* likewise, to the first byte back */
};
struct path_index {
	uint16_t best_home; /* of those that are wanted; 0: none is */
	uint32_t ranked_n;  /* of the tiers; caches and services come after */
	uint32_t tiers_n;
	struct path_tier tiers[TABLE_ROWS_MAX];
	uint16_t order[TABLE_ROWS_MAX]; /* row numbers */
	uint32_t half_open_n;
	uint16_t half_open[TABLE_ROWS_MAX];
	struct path_memo memo; /* for queries by this index */
};
void path_index_build(struct path_index *, const struct table *);
/* Of a table that was just read, and may be of a hijacked writer: no row that
 * would lead out of what is kept by slot is used. */
void path_table_clean(struct table *);

/*
 * How long an attempt in that tier is waited for before another one is made
 * beside it (Dean and Barroso, "The Tail at Scale", 2013), and a tunnel for
 * its first byte before the flight is sent by another path.
 */
#define PATH_HEDGE_MIN_US     100000
#define PATH_HEDGE_DOWN	      3 /* times as long, before one in a lower tier */
#define PATH_STALL_MIN_US     1000000
#define PATH_STALL_UNKNOWN_US 3000000
#define PATH_STALL_MAX_US     10000000
#define PATH_STALL_TIMES      3 /* the tier's p95 */
int64_t path_hedge_us(const struct path_index *, uint16_t rank);
int64_t path_stall_us(const struct path_index *, uint16_t rank);

/* Why a row is not a candidate. */
enum path_skip {
	PATH_ELIGIBLE,
	PATH_SKIP_TIER,	    /* the rule asks for something else */
	PATH_SKIP_UNWANTED, /* a cache or service, for other requests */
	PATH_SKIP_RESERVED, /* its tier is not for this class */
	PATH_SKIP_CLASS,    /* nor is this class for its tier */
	PATH_SKIP_EJECTED,
	PATH_SKIP_DRAIN,
	PATH_SKIP_FULL,	 /* at its connection limit */
	PATH_SKIP_TRIAL, /* half-open, and the trials are under way */
	PATH_SKIP_TRIED, /* often enough for this request */
	PATH_SKIP_TYPE,	 /* cannot carry this kind of address, or datagrams */
	PATH_SKIP_DUTY,	 /* not what is looked for */
	PATH_SKIP_CONF,	 /* of another configuration than this request */
	PATH_SKIP_LOWER, /* its class keeps to a better tier, which is full */
	PATH_SKIP_COUNT
};
const char *path_skip_text(enum path_skip);

struct path_tried {
	uint32_t slot; /* rows move when the table changes, slots do not */
	uint32_t incarnation;
	uint32_t times;
};

struct path_query {
	enum table_duty duty; /* what is looked for */
	const struct table *table;
	const struct path_index *index;
	const struct path_load *loads;	 /* by slot */
	const struct settings *settings; /* the request's */
	const struct verdict *verdict;
	const struct wire_host *host;
	bool associate; /* datagrams are to be relayed, to whatever host */
	const struct path_tried *tried;
	uint32_t tried_n;
	uint32_t times_max; /* attempts allowed on one intermediary */
	int64_t now_us;	    /* monotonic */
	/* Connections to that slot over all workers; asked only for rows
	 * that have a limit.  NULL: take the table's figure. */
	uint32_t (*in_flight)(void *arg, uint32_t slot);
	void *arg;
	struct path_memo *memo; /* NULL: nothing is kept between picks */
	uint32_t *looks; /* NULL, or counts the rows that were looked at */
};

enum path_why {
	PATH_WHY_ONLY, /* the one candidate */
	PATH_WHY_CHEAPER,
	PATH_WHY_DRAWN, /* about as cheap as its rival */
	PATH_WHY_TRIAL
};

struct path_pick {
	uint32_t row; /* in the table */
	uint16_t rank;
	bool trial; /* a half-open intermediary gets its chance */
	enum path_why why;
	bool avoided; /* failed a moment ago, but nothing else is left */
	bool spilled; /* the tier is the one after a weakened one */
	bool passed;  /* better tiers have no candidate */
	uint64_t cost;
	uint32_t rival; /* the other of the two, or the same row */
	uint64_t rival_cost;
};

/* 0 with *out, or -ENOENT.  seed is advanced. */
int path_pick(const struct path_query *, uint64_t *seed, struct path_pick *out);

/* "tier 1, cheaper than hq-2 (12 to 40)"; rival: its name, whatever the pick
 * says.  returns out. */
const char *path_why_text(
    const struct path_pick *, const char *rival, char *out, size_t size);

/* Who would be picked before that pick (NULL: none was), were they not at
 * their connection limits. */
struct path_full {
	uint16_t rank; /* the best that there is; all of one */
	uint64_t slots[TABLE_ROWS_MAX / 64];
};
bool path_full(
    const struct path_query *, const struct path_pick *, struct path_full *out);

/* Is this row a candidate, and if not, why? */
enum path_skip path_eligible(const struct path_query *, uint32_t row);
uint64_t path_cost(const struct path_query *, uint32_t row);
/* Does the verdict want it, apart from how it is? */
bool path_wanted(const struct path_query *, const struct table_row *);
/* Do the request's settings know it as the table does? */
bool path_configured(const struct path_query *, const struct table_row *);
/* What the table says of that tier, or NULL. */
const struct table_tier *path_table_tier(const struct table *, uint16_t rank);
/* The tier that it is in, or, on trial, would be in. */
uint16_t path_rank(const struct table_row *);
enum hop_type path_hop_type(const struct table_row *);

/* Note how an attempt went: the EWMA, and how long to avoid after a charged
 * failure (1 s doubling to 10 s, until a success).  What was begun before it
 * last failed says nothing of it now. */
void path_load_ok(struct path_load *, int64_t handshake_us, int64_t stood_us);
/* It was given up after that time for one that was faster: it would have
 * taken at least as long.  PATH_OUTRUNS in a row are no accident: it is
 * avoided as if it had failed. */
void path_load_slow(struct path_load *, int64_t waited_us, int64_t now_us);
void path_load_failed(struct path_load *, int64_t now_us);
/* The table has changed: who became suspect by another worker's failure is
 * avoided here, too, for the least time; loads by slot. */
void path_load_hear(
    struct path_load *loads, const struct table *, int64_t now_us);

#endif
