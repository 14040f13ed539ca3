/* Starts a minute, over all children, and who must leave some to others. */
#include "cagentd/master/pace.h"

#include "tests/unit/unit.h"

#define SECOND INT64_C(1000000)
#define START  (500 * SECOND)
#define OTHERS PACE_NOT_OF_WORKERS
#define OWN    (PROC_FORKS_A_MINUTE - OTHERS)

/* How many may be started of n that ask, one every ten milliseconds. */
static int
take(struct pace *p, bool worker, int64_t now, int n)
{
	int i, got = 0;
	int64_t wait;

	for (i = 0; i < n; i++)
		got += pace_start(p, worker, now + i * SECOND / 100, &wait);
	return got;
}

static void
workers_leave_some(void)
{
	struct pace p = {0};
	int64_t wait = 0;

	CHECK_INT(take(&p, true, START, 64), OWN);
	CHECK(!pace_start(&p, true, START + SECOND, &wait), "one more");
	CHECK_INT(wait, 59 * SECOND);
	CHECK_INT(take(&p, false, START + SECOND, 10), OTHERS);
	CHECK(!pace_start(&p, false, START + 2 * SECOND, &wait), "one more");
	/* A minute after the first there is room for just as many again. */
	CHECK_INT(take(&p, true, START + 121 * SECOND / 2, 20), OWN - OTHERS);
	CHECK_INT(take(&p, true, START + 130 * SECOND, 64), OWN);
}

/* A crash loop of months: never more in any minute. */
static void
never_more(void)
{
	static int64_t at[4096];
	struct pace p = {0};
	int64_t now = START, wait;
	int n = 0, i;

	while (n < 4096) {
		if (pace_start(&p, n % 7 != 0, now, &wait))
			at[n++] = now;
		now += 1 + (now * 7919) % (3 * SECOND);
	}
	for (i = PROC_FORKS_A_MINUTE; i < n; i++)
		CHECK(at[i] - at[i - PROC_FORKS_A_MINUTE] >= 60 * SECOND,
		    "start %d after %lld us", i,
		    (long long)(at[i] - at[i - PROC_FORKS_A_MINUTE]));
}

static void
what_did_not_start(void)
{
	struct pace p = {0};
	int64_t wait;
	int i;

	pace_undo(&p);
	for (i = 0; i < 100; i++) {
		CHECK(pace_start(&p, true, START + i, &wait), "try %d", i);
		pace_undo(&p);
	}
	CHECK_INT(take(&p, false, START + SECOND, 64), PROC_FORKS_A_MINUTE);
	pace_undo(&p);
	CHECK_INT(take(&p, false, START + 2 * SECOND, 64), 1);
}

static void
a_line_a_second(void)
{
	struct pace p = {0};
	int i, said = 0;

	for (i = 0; i < 1000; i++)
		said += pace_say(&p, START + i * SECOND / 100);
	CHECK_INT(said, 10);
}

static const struct unit_case cases[] = {
    {"workers leave some", workers_leave_some},
    {"never more", never_more},
    {"what did not start", what_did_not_start},
    {"a line a second", a_line_a_second},
};

UNIT_MAIN("pace", cases)
