/* Holds the handshakes of each intermediary against those of its tier; moves
 * nobody. */
#include "cagentd/control/ranking_slow.h"

#include <stdlib.h>

#include "cagentd/control/ranking_fold.h"

void
ranking_slow_settings(struct ranking *r, const struct settings *s)
{
	uint32_t i;

	for (i = 0; i < s->tiers_n; i++)
		r->slow_over_us[i] = (uint32_t)s->tiers[i].slow_over_ms * 1000;
}

void
ranking_slow_see(struct ranking *r, struct table_row *row,
    const struct ranking_sum *sum, int64_t mono_us)
{
	struct slow_window *w = &r->slow[row->slot].window;
	uint32_t p95_us;

	slow_see(w, row->incarnation, sum->handshake, mono_us);
	/* One that was lowered is judged by whatever it still gets. */
	p95_us = slow_p95_us(w, row->tier_observed != 0 ? 1 : SLOW_MIN_SAMPLES);
	if (p95_us != row->recent_p95_us)
		r->dirty = true;
	row->recent_p95_us = p95_us;
}

/* Does its time say anything about its tier? */
static bool
is_measured(const struct table_row *row)
{
	return row->admin == TABLE_ENABLED && row->recent_p95_us != 0 &&
	       row->observed != TABLE_EJECTED &&
	       row->observed != TABLE_HALF_OPEN;
}

static int
by_time(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/*
 * The next worse tier for one of that rank, which the same classes may use:
 * slowness must neither open a reserved tier nor shut anybody out.  Where
 * there is none, a rank of its own.  0: none that would do.
 */
static uint16_t
lower_rank(const struct table *t, uint16_t home)
{
	uint16_t own = (uint16_t)(home + 1);
	uint32_t i, reserved_for = 0;

	for (i = 0; i < t->tiers_n; i++) {
		if (t->tiers[i].rank == home)
			reserved_for = t->tiers[i].reserved_for;
	}
	for (i = 0; i < t->tiers_n; i++) {
		if (t->tiers[i].rank <= home)
			continue;
		if (t->tiers[i].reserved_for == reserved_for)
			return t->tiers[i].rank;
		if (t->tiers[i].rank == own)
			own++;
	}
	return reserved_for == 0 ? own : 0;
}

static uint32_t
configured_us(const struct ranking *r, uint16_t rank)
{
	uint32_t i;

	for (i = 0; i < r->table->tiers_n; i++) {
		if (r->table->tiers[i].rank == rank)
			return r->slow_over_us[i];
	}
	return 0;
}

/* All of one rank; times has room for them. */
static void
compare_tier(struct ranking *r, uint16_t rank, uint32_t *times)
{
	uint32_t i, n = 0, fixed = configured_us(r, rank);
	const struct table_row *row;
	struct ranking_slow *slow;

	for (i = 0; i < r->table->rows_n; i++) {
		row = &r->table->rows[i];
		if (table_home(row) == rank && is_measured(row))
			times[n++] = row->recent_p95_us;
	}
	qsort(times, n, sizeof(*times), by_time);
	for (i = 0; i < r->table->rows_n; i++) {
		row = &r->table->rows[i];
		if (table_home(row) != rank)
			continue;
		slow = &r->slow[row->slot];
		slow->lower = lower_rank(r->table, rank);
		slow->limit_us = fixed;
		if (fixed == 0)
			slow->limit_us = slow_limit_us(times, n,
			    is_measured(row) ? row->recent_p95_us : 0);
	}
}

void
ranking_slow_compare(struct ranking *r)
{
	bool done[SETTINGS_RANK_MAX + 1] = {false};
	uint32_t times[TABLE_ROWS_MAX];
	uint32_t i;
	uint16_t rank;

	for (i = 0; i < r->table->rows_n; i++) {
		rank = table_home(&r->table->rows[i]);
		if (rank > SETTINGS_RANK_MAX || done[rank])
			continue;
		done[rank] = true;
		compare_tier(r, rank, times);
	}
}
