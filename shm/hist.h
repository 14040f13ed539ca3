#ifndef SHM_HIST_H
#define SHM_HIST_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * A log-linear histogram of microseconds: 4 equal buckets an octave from
 * 64 us to 67 s.  A quantile is the middle of its bucket and so at most 12.5 %
 * off within that range.  One writer.  Counts wrap at 2^32: differences of
 * uint32_t stay right.
 */
#define HIST_BUCKETS 82 /* below 64 us, 80, and from 67 s on */

struct hist {
	_Atomic uint32_t count[HIST_BUCKETS];
};

/* Which bucket, 0..HIST_BUCKETS-1; negative counts as 0. */
unsigned int hist_bucket(int64_t us);
/* The first microsecond above a bucket; INT64_MAX for the last. */
int64_t hist_upper_us(unsigned int bucket);
/* What a time in that bucket is taken for: the middle of it; 2^26 (67 s) for the
 * last, and for what is none. */
int64_t hist_middle_us(unsigned int bucket);
void hist_add(struct hist *, int64_t us);
/* The q-quantile (0..1) of counts; 0 when there are none; 2^26 (67 s) when it
 * lies in the last bucket. */
int64_t hist_quantile_us(const uint32_t count[HIST_BUCKETS], double q);

#endif
