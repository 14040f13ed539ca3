#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A fuzz target takes its input as the raw bytes of a peer, so that seeds are
 * plain messages; how these are cut is drawn from the bytes themselves.  What
 * must hold is an assert().
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static inline uint32_t
fuzz_seed(const uint8_t *data, size_t len)
{
	uint32_t seed = 2166136261u;
	size_t i;

	for (i = 0; i < len; i++)
		seed = (uint32_t)((seed ^ data[i]) * UINT64_C(16777619));
	return seed;
}

/* How many of the left bytes come next: 1..left, small ones more often. */
static inline size_t
fuzz_chunk(uint32_t *seed, size_t left)
{
	size_t n;

	*seed = (uint32_t)(*seed * UINT64_C(1664525) + 1013904223);
	n = 1 + (*seed >> 8) % (1u << (*seed >> 28));
	return n < left ? n : left;
}

#endif
