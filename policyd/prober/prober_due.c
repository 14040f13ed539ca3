/* Decides when an intermediary is probed next; opens nothing. */
#include "policyd/prober/prober_due.h"

static uint32_t
draw(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*seed >> 48);
}

void
prober_due_new(struct prober_due *d, int64_t now_us)
{
	*d = (struct prober_due){.at_us = now_us};
}

void
prober_due_begin(struct prober_due *d, int64_t now_us)
{
	d->begun_us = now_us;
	d->at_us = INT64_MAX;
}

static void
count(struct prober_due *d, enum prober_says says)
{
	switch (says) {
	case PROBER_PASSED:
		d->passed_row++;
		d->failed_row = d->unsure_row = 0;
		return;
	case PROBER_FAILED:
		d->failed_row++;
		d->passed_row = d->unsure_row = 0;
		return;
	case PROBER_UNSURE:
		d->unsure_row++;
		return;
	}
}

/* Would one more of the same say more? */
static bool
wants_more(const struct prober_due *d)
{
	if (d->unsure_row > 0)
		return d->unsure_row <= PROBER_DUE_UNSURE;
	if (d->dead)
		return d->passed_row > 0;
	return d->failed_row > 0;
}

static int64_t
gap_us(const struct prober_due *d, const struct prober_due_rules *rules,
    uint64_t *seed)
{
	int64_t us = rules->interval_us;

	if (wants_more(d)) {
		us /= PROBER_DUE_FAST;
		if (us < PROBER_DUE_SOON_US)
			us = PROBER_DUE_SOON_US;
		if (us > rules->interval_us)
			us = rules->interval_us;
	}
	/* From 95 to 105 percent. */
	return us - us / 20 + us / 10 * draw(seed) / 65536;
}

void
prober_due_end(struct prober_due *d, const struct prober_due_rules *rules,
    enum prober_says says, int64_t now_us, uint64_t *seed)
{
	int64_t soonest_us = now_us + PROBER_DUE_SOON_US;

	count(d, says);
	if (!d->dead && d->failed_row >= rules->fall) {
		d->dead = true;
	} else if (d->dead && d->passed_row >= rules->rise) {
		d->dead = false;
	}
	if (soonest_us > now_us + rules->interval_us)
		soonest_us = now_us + rules->interval_us;
	d->at_us = d->begun_us + gap_us(d, rules, seed);
	if (d->at_us < soonest_us)
		d->at_us = soonest_us;
}
