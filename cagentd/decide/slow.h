#ifndef CAGENTD_SLOW_H
#define CAGENTD_SLOW_H

#include <stdint.h>

#include "shm/hist.h"

/*
 * How long handshakes took of late, and how long is too long.  Pure: counts
 * and the clock are passed in.
 */
#define SLOW_CELLS	 6
#define SLOW_CELL_US	 5000000ll /* so that the window is 30 s */
#define SLOW_MIN_SAMPLES 20	   /* fewer say nothing */
#define SLOW_PEERS_MIN	 2	   /* for a comparison */
#define SLOW_TIMES	 3	   /* the median of its peers */
#define SLOW_MARGIN_US	 50000	   /* and at least this much above it */

/* Of one tenant of a slot; zeroed for the next one. */
struct slow_window {
	uint32_t incarnation; /* whose counts last[] are */
	int64_t cell;	      /* the newest, counted since boot */
	uint32_t last[HIST_BUCKETS];
	uint32_t count[SLOW_CELLS][HIST_BUCKETS];
};

/* Take what has been counted since the last look.  The counts wrap; of a
 * tenant first seen the past is not taken. */
void slow_see(struct slow_window *, uint32_t incarnation,
    const uint32_t counts[HIST_BUCKETS], int64_t mono_us);
/* The p95 of the window; 0 with fewer than least samples. */
uint32_t slow_p95_us(const struct slow_window *, uint32_t least);

/*
 * The limit for one of a tier, against its peers.
 *
 * p95_us  of the measured members, itself among them if it is one; rising.
 * own_us  its own; 0: it is not among them.
 * returns 0 with too few peers.
 */
uint32_t slow_limit_us(const uint32_t *p95_us, uint32_t n, uint32_t own_us);

#endif
