/* Measures how slow an intermediary is of late; decides nothing about it. */
#include "cagentd/decide/slow.h"

#include <string.h>

/* More handshakes than this between two looks are no counting but a slab that
 * was exchanged, or a worker that lies. */
#define SLOW_DELTA_MAX (1u << 20)

static void
advance(struct slow_window *w, int64_t mono_us)
{
	int64_t cell = mono_us / SLOW_CELL_US;
	int64_t c = w->cell + 1;

	if (cell - w->cell >= SLOW_CELLS) {
		memset(w->count, 0, sizeof(w->count));
		c = cell;
	}
	for (; c <= cell; c++)
		memset(w->count[c % SLOW_CELLS], 0, sizeof(w->count[0]));
	if (cell > w->cell)
		w->cell = cell;
}

void
slow_see(struct slow_window *w, uint32_t incarnation,
    const uint32_t counts[HIST_BUCKETS], int64_t mono_us)
{
	uint32_t *cell, d;
	unsigned int i;

	if (w->incarnation != incarnation) {
		memset(w, 0, sizeof(*w));
		w->incarnation = incarnation;
		w->cell = mono_us / SLOW_CELL_US;
		memcpy(w->last, counts, sizeof(w->last));
		return;
	}
	advance(w, mono_us);
	cell = w->count[w->cell % SLOW_CELLS];
	for (i = 0; i < HIST_BUCKETS; i++) {
		d = counts[i] - w->last[i];
		w->last[i] = counts[i];
		/* A cell is a few looks: far from where it would wrap. */
		if (d <= SLOW_DELTA_MAX && cell[i] <= SLOW_DELTA_MAX)
			cell[i] += d;
	}
}

uint32_t
slow_p95_us(const struct slow_window *w, uint32_t least)
{
	uint32_t sum[HIST_BUCKETS] = {0};
	uint64_t n = 0;
	unsigned int i, c;

	for (c = 0; c < SLOW_CELLS; c++) {
		for (i = 0; i < HIST_BUCKETS; i++) {
			sum[i] += w->count[c][i];
			n += w->count[c][i];
		}
	}
	return n < least ? 0 : (uint32_t)hist_quantile_us(sum, 0.95);
}

uint32_t
slow_limit_us(const uint32_t *p95_us, uint32_t n, uint32_t own_us)
{
	uint32_t peers = own_us != 0 ? n - 1 : n;
	uint32_t at, median;

	if (n == 0 || peers < SLOW_PEERS_MIN)
		return 0;
	/* The lower one of two, so that one bad peer excuses nobody; without
	 * its own, which lies before or after. */
	at = (peers - 1) / 2;
	median =
	    own_us != 0 && own_us <= p95_us[at] ? p95_us[at + 1] : p95_us[at];
	return median * SLOW_TIMES > median + SLOW_MARGIN_US
		   ? median * SLOW_TIMES
		   : median + SLOW_MARGIN_US;
}
