/* Makes, of a table, what each pick would otherwise have to work out. */
#include <stdlib.h>
#include <string.h>

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

/* Where that rank is, or would be, among those that there are. */
static uint32_t
place_of(const struct path_index *ix, uint16_t rank)
{
	uint32_t low = 0, high = ix->tiers_n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (ix->tiers[middle].rank < rank)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct path_tier *
find_tier(struct path_index *ix, uint16_t rank)
{
	uint32_t i = place_of(ix, rank);

	return i < ix->tiers_n && ix->tiers[i].rank == rank ? &ix->tiers[i]
							    : NULL;
}

static void
find_tiers(struct path_index *ix, const struct table *t)
{
	const struct table_tier *tier;
	uint32_t i, at;
	uint16_t rank;

	ix->tiers_n = 0;
	for (i = 0; i < t->rows_n; i++) {
		rank = t->rows[i].tier;
		if (rank == 0 || find_tier(ix, rank) != NULL)
			continue;
		at = place_of(ix, rank);
		memmove(&ix->tiers[at + 1], &ix->tiers[at],
		    (ix->tiers_n - at) * sizeof(*ix->tiers));
		ix->tiers_n++;
		tier = path_table_tier(t, rank);
		ix->tiers[at] = (struct path_tier){.rank = rank,
		    .reserved_for = tier != NULL ? tier->reserved_for : 0,
		    .home_first = UINT16_MAX};
	}
}

/* In each the rows by rising number. */
static void
fill_tiers(struct path_index *ix, const struct table *t)
{
	struct path_tier *pt;
	uint32_t i, at = 0;
	uint16_t home;

	for (i = 0; i < t->rows_n; i++) {
		pt = find_tier(ix, t->rows[i].tier);
		if (pt != NULL && !table_drained(&t->rows[i]))
			pt->n++;
	}
	for (i = 0; i < ix->tiers_n; i++) {
		ix->tiers[i].first = at;
		at += ix->tiers[i].n;
		ix->tiers[i].n = 0;
	}
	for (i = 0; i < t->rows_n; i++) {
		pt = find_tier(ix, t->rows[i].tier);
		if (pt == NULL || table_drained(&t->rows[i]))
			continue;
		ix->order[pt->first + pt->n++] = (uint16_t)i;
		home = table_home(&t->rows[i]);
		if (home < pt->home_first)
			pt->home_first = home;
		if (home > pt->home_last)
			pt->home_last = home;
	}
}

/* Of those that are meant for a tier and not drained, how many serve in it?
 * In percent of what comes to it, and so much is kept. */
static void
weigh_tiers(struct path_index *ix, const struct table *t)
{
	struct {
		uint64_t healthy, total;
	} weight[TABLE_ROWS_MAX];
	const struct table_row *row;
	const struct path_tier *pt;
	uint64_t keeps;
	uint32_t i;

	memset(weight, 0, ix->tiers_n * sizeof(*weight));
	for (i = 0; i < t->rows_n; i++) {
		row = &t->rows[i];
		pt = find_tier(ix, table_home(row));
		if (pt == NULL || row->admin == TABLE_DRAIN)
			continue;
		weight[pt - ix->tiers].total += row->weight;
		if (row->tier == pt->rank)
			weight[pt - ix->tiers].healthy += row->weight;
	}
	for (i = 0; i < ix->tiers_n; i++) {
		keeps = weight[i].total == 0
			    ? 100
			    : weight[i].healthy * PATH_OVERPROVISION /
				  weight[i].total;
		ix->tiers[i].keeps = keeps < 100 ? (uint32_t)keeps : 100;
	}
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
	uint16_t rank;
	uint32_t i;

	find_tiers(ix, t);
	fill_tiers(ix, t);
	weigh_tiers(ix, t);
	for (i = 0; i < ix->tiers_n; i++)
		time_tier(&ix->tiers[i], t, &ix->order[ix->tiers[i].first]);
	path_memo_clear(&ix->memo);
	ix->half_open_n = 0;
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
