#ifndef SHM_PACE_H
#define SHM_PACE_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How all workers share a link of a known rate: who may move how many bytes
 * now, and otherwise from when on.  The state lies in memory that every worker
 * writes: words changed by compare-and-swap, none of which another has to be
 * in step with, so nothing is locked, and a killed worker leaves nothing
 * behind but bytes that were taken and not moved.  Each takes what it reads
 * for rubbish that another may have written: no value is divided by, indexed
 * by or waited for beyond a bound.
 *
 * What the words go by (rates, weights) is each asker's own, and may change
 * while they stand: they hold times, and virtual times of which only the
 * differences count.
 *
 * A bucket is one word, the time at which all that was taken of it is paid
 * for (GCRA, ITU-T I.371): taken ahead of that by a tolerance of a few
 * milliseconds at most, so that no more than rate * (window + tolerance) goes
 * in any window.  Bytes are taken before they are moved, and given back when
 * they were not.
 *
 * The link goes to who waits in order of priority, and within a priority by
 * weight (start-time fair queueing).  A class that stays below its guarantee
 * goes ahead of all, on the link's account.  What nobody asks for is
 * anybody's.
 *
 * All times: nanoseconds of the monotonic clock.  All rates: bytes a second,
 * 0: without limit; the link's count what is on the wire, all others payload.
 */
#define PACE_CLASSES	16
#define PACE_PRIORITIES 8
#define PACE_WEIGHT_MAX 1000
#define PACE_SETS	1024
#define PACE_WAYS	8

enum pace_way {
	PACE_UP, /* from the client to the upstream */
	PACE_DOWN,
	PACE_BOTH_WAYS /* how many there are */
};

struct pace_class_plan {
	uint8_t priority;		   /* 0 first, below PACE_PRIORITIES */
	uint16_t weight;		   /* 1 to PACE_WEIGHT_MAX */
	int64_t guarantee[PACE_BOTH_WAYS]; /* 0: none */
	int64_t ceiling[PACE_BOTH_WAYS];
	int64_t user_ceiling[PACE_BOTH_WAYS]; /* of each user in this class */
	int64_t tunnel_ceiling[PACE_BOTH_WAYS];
};

/* What a worker's configuration says.  Values out of range count as the
 * nearest in it. */
struct pace_plan {
	int64_t link[PACE_BOTH_WAYS];
	uint32_t classes_n;
	struct pace_class_plan classes[PACE_CLASSES];
};

/* One way of the link, and what the classes have of it. */
struct pace_lane {
	alignas(64) _Atomic int64_t link;
	/* Until when somebody of the class counts as waiting for the link. */
	alignas(64) _Atomic int64_t hungry[PACE_CLASSES];
	/* Bytes by weight, and what all that wait of a priority have had. */
	alignas(64) _Atomic uint64_t had[PACE_CLASSES];
	alignas(64) _Atomic uint64_t least[PACE_PRIORITIES];
	alignas(64) _Atomic int64_t ceiling[PACE_CLASSES];
	alignas(64) _Atomic int64_t guarantee[PACE_CLASSES];
};

/* Users' ceilings: a full set gives the place of who has been quiet for
 * longest, with the word in it, so that nobody gains by a change of hands. */
struct pace_set {
	_Atomic uint64_t keys[PACE_WAYS]; /* user and class; 0: free */
	_Atomic int64_t words[PACE_BOTH_WAYS][PACE_WAYS];
};

/* A part of struct traffic.  Zeroed it is at rest. */
struct pace_state {
	struct pace_lane lanes[PACE_BOTH_WAYS];
	alignas(64) struct pace_set sets[PACE_SETS];
};

/* Whom a worker's calls go to and by what; both borrowed. */
struct pacer {
	struct pace_state *state;
	const struct pace_plan *plan;
};

/* One way of one tunnel; the asker's own.  Class and user may change. */
struct pace_flow {
	uint64_t user;	       /* usage_hash() */
	uint8_t class;	       /* index into plan->classes */
	uint8_t way;	       /* enum pace_way */
	_Atomic int64_t word;  /* of the tunnel's ceiling; starts at 0 */
	int64_t guaranteed_ns; /* of the last ask, on the guarantee's account */
};

/* Does nothing in the plan limit that class that way?  Then pace_ask() would
 * give all that is wanted, and need not be called. */
bool pace_unlimited(
    const struct pace_plan *, uint32_t class, enum pace_way way);

/*
 * How many bytes may be moved now, at most want: as many as the tightest rate
 * moves in some milliseconds, so one with more asks again at once.  They are
 * taken from all buckets.  0: none, and *again_ns (later than now_ns, in whole
 * milliseconds, so that many waits end together) is when to ask again; who
 * does not, is forgotten shortly after.
 */
size_t pace_ask(const struct pacer *, struct pace_flow *, size_t want,
    int64_t now_ns, int64_t *again_ns);
/* So many bytes of the last ask were not moved; before the flow's class or user
 * changes. */
void pace_refund(const struct pacer *, struct pace_flow *, size_t unused);
/* So many were moved without having been asked for.  Returns from when on more
 * may be: now_ns, or later. */
int64_t pace_charge(
    const struct pacer *, struct pace_flow *, size_t n, int64_t now_ns);

/* What so many segments with so many bytes are on the wire; and what was
 * reckoned for so many bytes moved that way, and the acknowledgment of so many
 * moved the other way. */
int64_t pace_wire(uint64_t segments, uint64_t bytes);
int64_t pace_reckoned(uint64_t moved, uint64_t moved_back);
/* So many bytes more (or less) were on the wire than had been reckoned. */
void pace_correct(
    const struct pacer *, enum pace_way, int64_t bytes, int64_t now_ns);

#endif
