/* Owns the bytes that the contests carry. */
#include "tests/bench/stuff.h"

#include <string.h>

#define MAGIC "Stff"

_Static_assert(STUFF_ASK_LEN == 4 + sizeof(struct stuff_ask), "no gaps");

static uint8_t block[STUFF_PERIOD + STUFF_RUN];

void
stuff_init(void)
{
	uint64_t x = 0x9e3779b97f4a7c15;
	size_t i;

	for (i = 0; i < STUFF_PERIOD; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		block[i] = (uint8_t)(x >> 32);
	}
	for (; i < sizeof(block); i++)
		block[i] = block[i - STUFF_PERIOD];
}

const uint8_t *
stuff_at(uint64_t place)
{
	return block + place % STUFF_PERIOD;
}

bool
stuff_is(uint64_t place, const uint8_t *bytes, size_t len)
{
	size_t n;

	for (; len > 0; len -= n, bytes += n, place += n) {
		n = len < STUFF_RUN ? len : STUFF_RUN;
		if (memcmp(stuff_at(place), bytes, n) != 0)
			return false;
	}
	return true;
}

void
stuff_ask_encode(uint8_t out[STUFF_ASK_LEN], const struct stuff_ask *ask)
{
	memcpy(out, MAGIC, 4);
	/* This machine's order: both ends are here. */
	memcpy(out + 4, ask, sizeof(*ask));
}

bool
stuff_ask_decode(const uint8_t in[STUFF_ASK_LEN], struct stuff_ask *ask)
{
	memcpy(ask, in + 4, sizeof(*ask));
	return memcmp(in, MAGIC, 4) == 0;
}
