/* Lines that strangers cause: some, then one in a while with a count. */
#include "base/logpace.h"

#include "tests/unit/unit.h"

static void
is_bounded(void)
{
	struct logpace p = {0};
	uint64_t missed;
	int i, written = 0;

	for (i = 0; i < 1000; i++)
		written += logpace_may(&p, 5000 + i, &missed);
	CHECK_INT(written, LOGPACE_LINES);
	CHECK(!logpace_may(&p, 5000 + LOGPACE_SPAN_US - 1, &missed), "early");
	CHECK(logpace_may(&p, 5000 + LOGPACE_SPAN_US, &missed), "late");
	CHECK_INT(missed, 1000 - LOGPACE_LINES + 1);
	CHECK(logpace_may(&p, 5001 + LOGPACE_SPAN_US, &missed), "the second");
	CHECK_INT(missed, 0);
}

/* One now and then is always written. */
static void
lets_few_through(void)
{
	struct logpace p = {0};
	uint64_t missed;
	int64_t at_us = 0;
	int i;

	for (i = 0; i < 100; i++, at_us += LOGPACE_SPAN_US / LOGPACE_LINES)
		CHECK(logpace_may(&p, at_us, &missed) && missed == 0, "line %d",
		    i);
}

static const struct unit_case cases[] = {
    {"is bounded", is_bounded},
    {"lets few through", lets_few_through},
};

UNIT_MAIN("logpace", cases)
