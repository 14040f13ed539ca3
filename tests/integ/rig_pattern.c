/* The deterministic bytes that transfers are checked with. */
#include "tests/integ/rig_pattern.h"

/* splitmix64 of the word's number. */
static uint64_t
word(uint64_t seed, uint64_t n)
{
	uint64_t x = (seed << 40) + (n + 1) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

void
rig_pattern_fill(uint64_t seed, uint64_t at, uint8_t *out, size_t len)
{
	uint64_t w = word(seed, at / 8);
	size_t i;

	for (i = 0; i < len; i++, at++) {
		if (at % 8 == 0)
			w = word(seed, at / 8);
		out[i] = (uint8_t)(w >> (at % 8 * 8));
	}
}

size_t
rig_pattern_check(uint64_t seed, uint64_t at, const uint8_t *in, size_t len)
{
	uint64_t w = word(seed, at / 8);
	size_t i;

	for (i = 0; i < len; i++, at++) {
		if (at % 8 == 0)
			w = word(seed, at / 8);
		if (in[i] != (uint8_t)(w >> (at % 8 * 8)))
			return i;
	}
	return len;
}
