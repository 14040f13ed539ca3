/* The n-th of some items, against sorting them. */
#include "policyd/decide/nth.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define N_MAX 300

static uint64_t seed = 20261122;

static uint32_t
draw(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

static int
by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
agrees_with_sorting(void)
{
	uint32_t values[N_MAX], sorted[N_MAX];
	uint32_t round, i, n, at, below;

	for (round = 0; round < 20000; round++) {
		n = 1 + draw(round % 2 == 0 ? 6 : N_MAX);
		below = round % 3 == 0 ? 3 : 1000;
		for (i = 0; i < n; i++)
			values[i] = draw(below);
		memcpy(sorted, values, sizeof(sorted));
		qsort(sorted, n, sizeof(*sorted), by_value);
		at = draw(n);
		nth_select(values, n, sizeof(*values), at, by_value);
		CHECK(values[at] == sorted[at],
		    "round %u: %u of %u: %u, not %u", round, at, n, values[at],
		    sorted[at]);
		qsort(values, n, sizeof(*values), by_value);
		CHECK(memcmp(values, sorted, n * sizeof(*values)) == 0,
		    "round %u: items lost", round);
	}
}

static void
takes_any_order(void)
{
	uint32_t values[N_MAX];
	uint32_t i, at;

	for (at = 0; at < N_MAX; at++) {
		for (i = 0; i < N_MAX; i++)
			values[i] = i;
		nth_select(values, N_MAX, sizeof(*values), at, by_value);
		CHECK_INT(values[at], at);
		for (i = 0; i < N_MAX; i++)
			values[i] = N_MAX - i;
		nth_select(values, N_MAX, sizeof(*values), at, by_value);
		CHECK_INT(values[at], at + 1);
		for (i = 0; i < N_MAX; i++)
			values[i] = 7;
		nth_select(values, N_MAX, sizeof(*values), at, by_value);
		CHECK_INT(values[at], 7);
	}
}

static const struct unit_case cases[] = {
    {"agrees with sorting", agrees_with_sorting},
    {"takes any order", takes_any_order},
};

UNIT_MAIN("nth", cases)
