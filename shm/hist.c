/* Owns the buckets of the latency histogram; knows nothing of who fills it. */
#include "shm/hist.h"

#include <assert.h>

#define OCTAVE_FIRST 6	/* 2^6 = 64 us */
#define OCTAVE_LAST  26 /* 2^26 us = 67 s */
#define STEPS_BITS   2	/* 4 buckets an octave, equally wide */
#define STEPS	     (1u << STEPS_BITS)

static_assert(HIST_BUCKETS == (OCTAVE_LAST - OCTAVE_FIRST) * STEPS + 2,
    "one bucket below, one above");

static unsigned int
octave_of(uint64_t us)
{
	return 63 - (unsigned int)__builtin_clzll(us);
}

unsigned int
hist_bucket(int64_t us)
{
	unsigned int octave, step;

	if (us < 1ll << OCTAVE_FIRST)
		return 0;
	if (us >= 1ll << OCTAVE_LAST)
		return HIST_BUCKETS - 1;
	octave = octave_of((uint64_t)us);
	step = (unsigned int)(us >> (octave - STEPS_BITS)) & (STEPS - 1);
	return 1 + (octave - OCTAVE_FIRST) * STEPS + step;
}

static int64_t
lower_us(unsigned int bucket)
{
	unsigned int octave, step;

	if (bucket == 0)
		return 0;
	octave = OCTAVE_FIRST + (bucket - 1) / STEPS;
	step = (bucket - 1) % STEPS;
	return (int64_t)(STEPS + step) << (octave - STEPS_BITS);
}

int64_t
hist_upper_us(unsigned int bucket)
{
	return bucket >= HIST_BUCKETS - 1 ? INT64_MAX : lower_us(bucket + 1);
}

int64_t
hist_middle_us(unsigned int bucket)
{
	if (bucket >= HIST_BUCKETS - 1)
		return lower_us(HIST_BUCKETS - 1);
	return (lower_us(bucket) + lower_us(bucket + 1)) / 2;
}

void
hist_add(struct hist *h, int64_t us)
{
	_Atomic uint32_t *count = &h->count[hist_bucket(us)];
	uint32_t n = atomic_load_explicit(count, memory_order_relaxed);

	atomic_store_explicit(count, n + 1, memory_order_relaxed);
}

int64_t
hist_quantile_us(const uint32_t count[HIST_BUCKETS], double q)
{
	uint64_t total = 0, seen = 0;
	unsigned int i;
	double rank;

	for (i = 0; i < HIST_BUCKETS; i++)
		total += count[i];
	if (total == 0)
		return 0;
	/* Written so that a NaN asks for the smallest. */
	rank = q > 0 ? (q < 1 ? q : 1) * (double)total : 0;
	for (i = 0; i < HIST_BUCKETS - 1; i++) {
		seen += count[i];
		if (seen > 0 && (double)seen >= rank)
			return hist_middle_us(i);
	}
	return hist_middle_us(HIST_BUCKETS - 1);
}
