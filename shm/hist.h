#ifndef SHM_HIST_H
#define SHM_HIST_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * A log-linear histogram of microseconds: 4 buckets an octave from 64 us to
 * 67 s, so that a quantile is off by at most 19 %.  One writer.
 */
#define HIST_BUCKETS 82 /* below 64 us, 80, and over 67 s */

struct hist {
	_Atomic uint32_t count[HIST_BUCKETS];
};

/* Which bucket, 0..HIST_BUCKETS-1; negative counts as 0. */
unsigned int hist_bucket(int64_t us);
/* The upper bound of a bucket in microseconds. */
int64_t hist_upper_us(unsigned int bucket);
void hist_add(struct hist *, int64_t us);
/* The q-quantile (0..1) of counts; 0 when there are none. */
int64_t hist_quantile_us(const uint32_t count[HIST_BUCKETS], double q);

#endif
