#ifndef CAGENTD_RANKING_FOLD_H
#define CAGENTD_RANKING_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "cagentd/control/ranking.h"

/* Sums over the workers of one row.  Those of the histograms wrap as their
 * counts do: only differences mean anything. */
struct ranking_sum {
	struct rank_seen total;
	uint64_t attempts, hedged, up, down;
	/* Of all failures but what was given up, those that may be ours. */
	uint64_t failures, timeouts, unreachable, silences;
	uint32_t in_flight;
	int64_t last_ok_us, last_failure_us;
	uint32_t handshake[HIST_BUCKETS], connect[HIST_BUCKETS],
	    first_byte[HIST_BUCKETS];
};

/* Whose numbers a slab has in that slot. */
uint32_t ranking_fold_tenant(const struct slab *, uint32_t slot);
/* wall_us: now. */
void ranking_fold(const struct ranking *, const struct table_row *,
    int64_t wall_us, struct ranking_sum *);
/* Tell the sums in the row.  Did a count change? */
bool ranking_fold_fill(struct table_row *, const struct ranking_sum *);

#endif
