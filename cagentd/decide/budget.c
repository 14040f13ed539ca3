/* Decides what may be tried beyond first attempts; tries nothing. */
#include "cagentd/decide/budget.h"

#define ATTEMPT 1000000ll /* one, in what the bucket counts */

static void
fill(struct budget *b, int64_t gain)
{
	b->hedges += gain;
	if (b->hedges > BUDGET_HEDGES * ATTEMPT)
		b->hedges = BUDGET_HEDGES * ATTEMPT;
}

void
budget_init(struct budget *b, int64_t now_us)
{
	*b = (struct budget){
	    .hedges = BUDGET_HEDGES * ATTEMPT, .filled_us = now_us};
}

void
budget_request(struct budget *b, int64_t percent, int64_t now_us)
{
	int64_t since_us = now_us - b->filled_us;

	b->requests++;
	if (percent == 0) {
		b->hedges = 0;
		return;
	}
	/* One a second is one millionth a microsecond; more than the bucket
	 * holds is not worth counting. */
	if (b->filled_us != 0 && since_us > 0)
		fill(b, since_us < BUDGET_HEDGES * ATTEMPT
			    ? since_us
			    : BUDGET_HEDGES * ATTEMPT);
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

bool
budget_hedge(struct budget *b)
{
	if (b->hedges < ATTEMPT)
		return false;
	b->hedges -= ATTEMPT;
	return true;
}
