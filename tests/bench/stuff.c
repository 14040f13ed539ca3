/* Owns the bytes that the contests carry. */
#include "tests/bench/stuff.h"

#include <string.h>

#define MAGIC "Stff"

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
stuff_ask(uint8_t out[STUFF_ASK_LEN], uint64_t up, uint64_t down)
{
	memcpy(out, MAGIC, 4);
	memcpy(out + 4, &up, 8); /* this machine's order: both are here */
	memcpy(out + 12, &down, 8);
}

bool
stuff_asked(const uint8_t in[STUFF_ASK_LEN], uint64_t *up, uint64_t *down)
{
	memcpy(up, in + 4, 8);
	memcpy(down, in + 12, 8);
	return memcmp(in, MAGIC, 4) == 0;
}
