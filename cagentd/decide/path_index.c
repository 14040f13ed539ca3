/* Makes, of a table, what each pick would otherwise have to work out. */
#include <stdlib.h>

#include "cagentd/decide/path.h"

const struct table_tier *
path_table_tier(const struct table *t, uint16_t rank)
{
	uint32_t i;

	for (i = 0; i < t->tiers_n; i++) {
		if (t->tiers[i].rank == rank)
			return &t->tiers[i];
	}
	return NULL;
}

uint16_t
path_rank(const struct table_row *row)
{
	return row->observed == TABLE_HALF_OPEN ? table_home(row) : row->tier;
}

/* The best rank above after that some row has, or 0. */
static uint16_t
next_rank(const struct table *t, uint16_t after)
{
	uint16_t best = 0;
	uint32_t i;

	for (i = 0; i < t->rows_n; i++) {
		if (t->rows[i].tier > after &&
		    (best == 0 || t->rows[i].tier < best))
			best = t->rows[i].tier;
	}
	return best;
}

/* Of those that are meant for a tier and not drained, how many serve in it? */
static uint32_t
kept_percent(const struct table *t, uint16_t rank)
{
	uint64_t healthy = 0, total = 0, keeps;
	const struct table_row *row;
	uint32_t i;

	for (i = 0; i < t->rows_n; i++) {
		row = &t->rows[i];
		if (table_home(row) != rank || row->admin == TABLE_DRAIN)
			continue;
		total += row->weight;
		if (row->tier == rank)
			healthy += row->weight;
	}
	if (total == 0)
		return 100;
	keeps = healthy * PATH_OVERPROVISION / total;
	return keeps < 100 ? (uint32_t)keeps : 100;
}

static int
by_size(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The lower median of what is known: one slow member does not move it. */
static uint32_t
median(uint32_t *us, uint32_t n)
{
	if (n == 0)
		return 0;
	qsort(us, n, sizeof(*us), by_size);
	return us[(n - 1) / 2];
}

static void
time_tier(struct path_tier *pt, const struct table *t, const uint16_t *members)
{
	uint32_t shake[TABLE_ROWS_MAX], first[TABLE_ROWS_MAX];
	uint32_t i, us, shake_n = 0, first_n = 0;
	const struct table_row *row;

	for (i = 0; i < pt->n; i++) {
		row = &t->rows[members[i]];
		us = row->recent_p95_us != 0 ? row->recent_p95_us
					     : row->handshake_p95_us;
		if (us != 0)
			shake[shake_n++] = us;
		if (row->first_byte_p95_us != 0)
			first[first_n++] = row->first_byte_p95_us;
	}
	pt->p95_us = median(shake, shake_n);
	pt->first_byte_us = median(first, first_n);
}

void
path_index_build(struct path_index *ix, const struct table *t)
{
	const struct table_tier *tier;
	struct path_tier *pt;
	uint16_t rank;
	uint32_t i, placed = 0;

	ix->tiers_n = 0;
	ix->half_open_n = 0;
	for (rank = next_rank(t, 0); rank != 0; rank = next_rank(t, rank)) {
		pt = &ix->tiers[ix->tiers_n++];
		tier = path_table_tier(t, rank);
		pt->rank = rank;
		pt->reserved_for = tier != NULL ? tier->reserved_for : 0;
		pt->first = placed;
		for (i = 0; i < t->rows_n; i++) {
			if (t->rows[i].tier == rank)
				ix->order[placed++] = (uint16_t)i;
		}
		pt->n = placed - pt->first;
		pt->keeps = kept_percent(t, rank);
		time_tier(pt, t, &ix->order[pt->first]);
	}
	ix->ranked_n = ix->tiers_n;
	while (
	    ix->ranked_n > 0 &&
	    table_rank_duty(ix->tiers[ix->ranked_n - 1].rank) != TABLE_RANKED)
		ix->ranked_n--;
	ix->best_home = 0;
	for (i = 0; i < t->rows_n; i++) {
		if (t->rows[i].observed == TABLE_HALF_OPEN)
			ix->half_open[ix->half_open_n++] = (uint16_t)i;
		rank = table_home(&t->rows[i]);
		if (!table_drained(&t->rows[i]) &&
		    table_duty(&t->rows[i]) == TABLE_RANKED &&
		    (ix->best_home == 0 || rank < ix->best_home))
			ix->best_home = rank;
	}
}

void
path_table_clean(struct table *t)
{
	uint32_t i;

	for (i = 0; i < t->rows_n; i++) {
		if (t->rows[i].slot < TABLE_ROWS_MAX)
			continue;
		t->rows[i].slot = 0;
		t->rows[i].admin = TABLE_DRAIN;
	}
}

static const struct path_tier *
tier_of(const struct path_index *ix, uint16_t rank)
{
	static const struct path_tier none;
	uint32_t i;

	for (i = 0; i < ix->tiers_n; i++) {
		if (ix->tiers[i].rank == rank)
			return &ix->tiers[i];
	}
	return &none;
}

int64_t
path_hedge_us(const struct path_index *ix, uint16_t rank)
{
	uint32_t p95_us = tier_of(ix, rank)->p95_us;

	return p95_us > PATH_HEDGE_MIN_US ? p95_us : PATH_HEDGE_MIN_US;
}

int64_t
path_stall_us(const struct path_index *ix, uint16_t rank)
{
	int64_t us = tier_of(ix, rank)->first_byte_us;

	if (us == 0)
		return PATH_STALL_UNKNOWN_US;
	us *= PATH_STALL_TIMES;
	if (us < PATH_STALL_MIN_US)
		return PATH_STALL_MIN_US;
	return us < PATH_STALL_MAX_US ? us : PATH_STALL_MAX_US;
}
