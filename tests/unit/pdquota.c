/* How much one agent may say in a minute. */
#include "policyd/collector/pdquota.h"

#include "tests/unit/unit.h"

#define S INT64_C(1000000)

static const struct pdquota_rules sixty = {60, 1000};

static void
lets_a_burst_and_then_the_rate(void)
{
	struct pdquota q = {0};
	int64_t now = 1000 * S, wait = 0;
	int i;

	for (i = 0; i < 60; i++)
		CHECK(pdquota_take(&q, &sixty, 1, now, &wait), "%d", i);
	CHECK(!pdquota_take(&q, &sixty, 1, now, &wait), "one more");
	CHECK_INT(wait, S);
	CHECK(!pdquota_take(&q, &sixty, 1, now + S - 1, &wait), "too soon");
	CHECK_INT(wait, 1);
	CHECK(pdquota_take(&q, &sixty, 1, now + S, &wait), "a second later");
	CHECK(!pdquota_take(&q, &sixty, 1, now + S, &wait), "only one");
	/* An hour's rest is worth a minute. */
	now += 3600 * S;
	for (i = 0; i < 60; i++)
		CHECK(pdquota_take(&q, &sixty, 1, now, &wait), "again %d", i);
	CHECK(!pdquota_take(&q, &sixty, 1, now, &wait), "again one more");
}

static void
counts_bytes_too(void)
{
	struct pdquota q = {0};
	int64_t now = 5 * S, wait = 0;

	CHECK(pdquota_take(&q, &sixty, 900, now, &wait), "first");
	CHECK(!pdquota_take(&q, &sixty, 101, now, &wait), "too many");
	CHECK_INT(wait, 60 * S / 1000);
	CHECK(pdquota_take(&q, &sixty, 100, now, &wait), "all there is");
	/* What was refused has cost nothing. */
	CHECK(!pdquota_take(&q, &sixty, 1, now, &wait), "none left");
	CHECK(pdquota_take(&q, &sixty, 1, now + wait, &wait), "in time");
}

static void
lets_the_largest_when_rested(void)
{
	struct pdquota q = {0};
	int64_t now = 5 * S, wait = 0;

	CHECK(pdquota_take(&q, &sixty, 1 << 20, now, &wait), "rested");
	CHECK(!pdquota_take(&q, &sixty, 1 << 20, now + 59 * S, &wait), "not");
	CHECK_INT(wait, S);
	CHECK(pdquota_take(&q, &sixty, 1 << 20, now + 60 * S, &wait), "again");
}

static void
says_when_all_is_earned(void)
{
	struct pdquota q = {0};
	int64_t wait;

	CHECK(pdquota_is_full(&q, 1), "at first");
	CHECK(pdquota_take(&q, &sixty, 500, 10 * S, &wait), "half");
	CHECK(!pdquota_is_full(&q, 40 * S - 1), "not yet");
	CHECK(pdquota_is_full(&q, 40 * S), "then");
}

static const struct unit_case cases[] = {
    {"lets a burst and then the rate", lets_a_burst_and_then_the_rate},
    {"counts bytes too", counts_bytes_too},
    {"lets the largest when rested", lets_the_largest_when_rested},
    {"says when all is earned", says_when_all_is_earned},
};

UNIT_MAIN("pdquota", cases)
