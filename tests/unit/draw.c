/* Lots: the published ones of splitmix64, and within bounds. */
#include "cagentd/decide/draw.h"

#include "tests/unit/unit.h"

static void
as_published(void)
{
	uint64_t seed = 1234567;

	CHECK(draw_next(&seed) == UINT64_C(6457827717110365317), "1");
	CHECK(draw_next(&seed) == UINT64_C(3203168211198807973), "2");
	CHECK(draw_next(&seed) == UINT64_C(9817491932198370423), "3");
}

static void
below(void)
{
	uint32_t seen[3] = {0}, i, n;
	uint64_t seed = 1;

	for (i = 0; i < 3000; i++) {
		n = draw_below(&seed, 3);
		CHECK(n < 3, "%u", n);
		seen[n % 3]++;
	}
	for (i = 0; i < 3; i++)
		CHECK(seen[i] > 800, "%u: %u", i, seen[i]);
	CHECK_INT(draw_below(&seed, 1), 0);
}

static const struct unit_case cases[] = {
    {"as published", as_published},
    {"below", below},
};

UNIT_MAIN("draw", cases)
