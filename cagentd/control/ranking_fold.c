/* Sums over the workers what they saw of an intermediary; judges nothing. */
#include "cagentd/control/ranking_fold.h"

#include <string.h>

#include "wire/wire.h"

uint32_t
ranking_fold_tenant(const struct slab *s, uint32_t slot)
{
	return atomic_load_explicit(
	    &s->rows[slot].incarnation, memory_order_relaxed);
}

static void
add_failures(struct ranking_sum *sum, const uint64_t failures[SLAB_REASONS])
{
	uint32_t i;

	for (i = 0; i < REASON_COUNT; i++) {
		if (i != REASON_CANCELLED)
			sum->failures += failures[i];
	}
	sum->timeouts += failures[REASON_HOP_TIMEOUT];
	sum->unreachable += failures[REASON_HOP_UNREACHABLE];
	sum->silences +=
	    failures[REASON_HOP_SILENT] + failures[REASON_HOP_MUTE];
}

static void
add_sample(struct ranking_sum *sum, const struct slab_sample *s)
{
	uint32_t i;

	sum->total.successes += s->successes;
	sum->total.charged += s->charged;
	add_failures(sum, s->failures);
	sum->attempts += s->attempts;
	sum->hedged += s->hedged;
	sum->up += s->bytes_up;
	sum->down += s->bytes_down;
	sum->in_flight += s->in_flight;
	if (s->last_ok_us > sum->last_ok_us)
		sum->last_ok_us = s->last_ok_us;
	if (s->last_failure_us > sum->last_failure_us) {
		sum->last_failure_us = s->last_failure_us;
		sum->total.last_failure = s->last_failure;
	}
	for (i = 0; i < HIST_BUCKETS; i++) {
		sum->handshake[i] += s->handshake[i];
		sum->connect[i] += s->connect[i];
		sum->first_byte[i] += s->first_byte[i];
	}
}

void
ranking_fold(const struct ranking *r, const struct table_row *row,
    int64_t wall_us, struct ranking_sum *sum)
{
	struct slab_sample sample;
	uint32_t i;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		/* A glance first: most rows of most slabs are not in use. */
		if (r->slabs[i] == NULL || ranking_fold_tenant(r->slabs[i],
					       row->slot) != row->incarnation)
			continue;
		slab_sample(r->slabs[i], row->slot, wall_us, &sample);
		if (sample.incarnation == row->incarnation)
			add_sample(sum, &sample);
	}
}

static uint32_t
quantile(const uint32_t count[HIST_BUCKETS], double q)
{
	int64_t us = hist_quantile_us(count, q);

	return us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

bool
ranking_fold_fill(struct table_row *row, const struct ranking_sum *sum)
{
	bool changed = row->attempts != sum->attempts ||
		       row->successes != sum->total.successes ||
		       row->charged != sum->total.charged ||
		       row->hedged != sum->hedged ||
		       row->in_flight != sum->in_flight ||
		       row->bytes_up != sum->up || row->bytes_down != sum->down;

	row->in_flight = sum->in_flight;
	row->attempts = sum->attempts;
	row->hedged = sum->hedged;
	row->successes = sum->total.successes;
	row->charged = sum->total.charged;
	row->bytes_up = sum->up;
	row->bytes_down = sum->down;
	row->last_ok_us = sum->last_ok_us;
	row->last_failure_us = sum->last_failure_us;
	row->last_failure = sum->total.last_failure;
	row->handshake_p50_us = quantile(sum->handshake, 0.5);
	row->handshake_p95_us = quantile(sum->handshake, 0.95);
	row->connect_p50_us = quantile(sum->connect, 0.5);
	row->first_byte_p95_us = quantile(sum->first_byte, 0.95);
	return changed;
}
