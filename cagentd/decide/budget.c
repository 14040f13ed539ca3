/* Decides what may be tried beyond first attempts; tries nothing. */
#include "cagentd/decide/budget.h"

#define ATTEMPT 1000000ll /* one, in what the bucket counts */
#define KEPT	(BUDGET_REPLAYS * ATTEMPT)
#define FULL	(BUDGET_HEDGES * ATTEMPT + KEPT)

static void
fill(struct budget *b, int64_t gain)
{
	b->saved += gain;
	if (b->saved > FULL)
		b->saved = FULL;
}

void
budget_init(struct budget *b, int64_t now_us)
{
	*b = (struct budget){.saved = FULL, .filled_us = now_us};
}

void
budget_request(struct budget *b, int64_t percent, int64_t now_us)
{
	int64_t since_us = now_us - b->filled_us;

	b->requests++;
	if (percent == 0) {
		b->saved = 0;
		return;
	}
	/* One a second is one millionth a microsecond; more than the bucket
	 * holds is not worth counting. */
	if (b->filled_us != 0 && since_us > 0)
		fill(b, since_us < FULL ? since_us : FULL);
	b->filled_us = now_us;
	fill(b, ATTEMPT / 100 * percent);
}

void
budget_failed(struct budget *b)
{
	b->failures++;
}

void
budget_proved(struct budget *b, int64_t now_us)
{
	b->proved_us = now_us;
	b->failures = b->requests = b->retries = 0;
}

bool
budget_retry(struct budget *b, int64_t now_us)
{
	if (b->failures >= BUDGET_DOWN_FAILURES &&
	    now_us - b->proved_us >= BUDGET_DOWN_US &&
	    b->retries * BUDGET_DOWN_SHARE >= b->requests)
		return false;
	b->retries++;
	return true;
}

static bool
take(struct budget *b, int64_t leave)
{
	if (b->saved < ATTEMPT + leave)
		return false;
	b->saved -= ATTEMPT;
	return true;
}

bool
budget_hedge(struct budget *b)
{
	return take(b, KEPT);
}

bool
budget_replay(struct budget *b)
{
	return take(b, 0);
}
