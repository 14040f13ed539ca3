/* Draws lots from a seed, the same from the same. */
#include "cagentd/decide/draw.h"

uint64_t
draw_next(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint32_t
draw_below(uint64_t *seed, uint32_t bound)
{
	return (uint32_t)((draw_next(seed) >> 32) * bound >> 32);
}
