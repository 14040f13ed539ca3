/* What may be tried beyond first attempts. */
#include "cagentd/decide/budget.h"

#include "tests/unit/unit.h"

#define SECOND 1000000ll
#define START  (1000 * SECOND)

static int
hedges_of(struct budget *b)
{
	int n = 0;

	while (budget_hedge(b))
		n++;
	return n;
}

static void
starts_with_some_hedges(void)
{
	struct budget b;

	budget_init(&b, START);
	CHECK_INT(hedges_of(&b), BUDGET_HEDGES);
	CHECK_INT(hedges_of(&b), 0);
}

/* Of any number of requests, this share and what was saved up. */
static void
hedges_a_share(void)
{
	static const int64_t percents[] = {1, 5, 50, 100};
	struct budget b;
	int64_t n;
	size_t k;
	int i;

	for (k = 0; k < 4; k++) {
		budget_init(&b, START);
		for (n = 0, i = 0; i < 10000; i++) {
			budget_request(&b, percents[k], START);
			n += budget_hedge(&b);
		}
		CHECK(n >= 100 * percents[k] - 1 &&
			  n <= 100 * percents[k] + BUDGET_HEDGES,
		    "%lld hedges at %lld %%", (long long)n,
		    (long long)percents[k]);
	}
}

/* A quiet host gets one a second, however few its requests are. */
static void
hedges_by_time(void)
{
	struct budget b;
	int64_t now = START;
	int i, n = 0;

	budget_init(&b, now);
	hedges_of(&b);
	for (i = 0; i < 20; i++) {
		now += SECOND;
		budget_request(&b, 5, now);
		n += hedges_of(&b);
	}
	CHECK(n >= 20 && n <= 21, "%d in 20 s", n);
	now += 1000 * SECOND;
	budget_request(&b, 5, now);
	CHECK_INT(hedges_of(&b), BUDGET_HEDGES);
	/* A clock that was set back adds nothing and breaks nothing. */
	budget_request(&b, 5, START);
	CHECK_INT(hedges_of(&b), 0);
}

/* What hedges leave is for replays, and those may take all. */
static void
keeps_some_for_replays(void)
{
	struct budget b;
	int i, n = 0;

	budget_init(&b, START);
	CHECK_INT(hedges_of(&b), BUDGET_HEDGES);
	while (budget_replay(&b))
		n++;
	CHECK_INT(n, BUDGET_REPLAYS);
	/* That is saved up first. */
	for (i = 0; i < BUDGET_REPLAYS; i++) {
		budget_request(&b, 100, START);
		CHECK(!budget_hedge(&b), "taken from the replays");
	}
	budget_request(&b, 100, START);
	CHECK_INT(hedges_of(&b), 1);
	budget_request(&b, 0, START);
	CHECK(!budget_replay(&b), "switched off");
}

static void
hedges_never(void)
{
	struct budget b;
	int i;

	budget_init(&b, START);
	for (i = 0; i < 1000; i++) {
		budget_request(&b, 0, START + i * SECOND);
		CHECK(!budget_hedge(&b), "switched off");
	}
	/* Switched on by a reload, it saves up from then on. */
	budget_request(&b, 5, START + 1000 * SECOND);
	CHECK(hedges_of(&b) <= BUDGET_HEDGES, "bounded");
}

static void
retries_while_something_serves(void)
{
	struct budget b;
	int i;

	budget_init(&b, START);
	budget_proved(&b, START);
	for (i = 0; i < 1000; i++) {
		budget_request(&b, 5, START);
		budget_failed(&b);
		CHECK(budget_retry(&b, START + BUDGET_DOWN_US - 1),
		    "a path was proved a moment ago");
	}
}

static void
retries_less_when_all_is_down(void)
{
	struct budget b;
	int i, n = 0;

	budget_init(&b, START);
	for (i = 0; i < BUDGET_DOWN_FAILURES; i++)
		budget_failed(&b);
	for (i = 0; i < 1000; i++) {
		budget_request(&b, 5, START);
		n += budget_retry(&b, START);
	}
	CHECK(n >= 199 && n <= 201, "%d of 1000 are retried", n);
	budget_proved(&b, START);
	CHECK(budget_retry(&b, START + SECOND), "all as before");
}

static const struct unit_case cases[] = {
    {"starts with some hedges", starts_with_some_hedges},
    {"hedges a share", hedges_a_share},
    {"hedges by time", hedges_by_time},
    {"keeps some for replays", keeps_some_for_replays},
    {"hedges never", hedges_never},
    {"retries while something serves", retries_while_something_serves},
    {"retries less when all is down", retries_less_when_all_is_down},
};

UNIT_MAIN("budget", cases)
