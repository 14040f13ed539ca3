/* Owns the table's content: takes what the workers saw, ranks, publishes. */
#include "cagentd/control/ranking.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mono.h"
#include "cagentd/control/ranking_check.h"
#include "cagentd/control/ranking_fold.h"
#include "cagentd/control/ranking_slow.h"
#include "cagentd/control/ranking_uplink.h"
#include "wire/wire.h"

/* Slowness is a matter of seconds, and measuring it is the dearer part. */
#define RANKING_SLOW_GAP_US 1000000
/* While there is traffic successes are to be dated this well, see uplink.h. */
#define RANKING_BUSY_US UPLINK_CELL_US

/* The sums that the last look saw, of one tenant of a slot. */
struct ranking_seen {
	uint32_t incarnation;
	struct uplink_news sum;
};

static struct rank_now
now_of(struct ranking *r)
{
	return (struct rank_now){
	    .mono_us = mono_us(), .wall_us = mono_wall_us(), .seed = &r->seed};
}

/* Its counts are as old as what was seen. */
static void
forget(struct ranking *r, struct table_row *row, const struct rank_now *now)
{
	rank_forget(row, &r->states[row->slot], now);
	memset(&r->seen[row->slot].sum, 0xff, sizeof(r->seen[0].sum));
	r->seen[row->slot].incarnation = row->incarnation;
}

/* What the file holds: ranks, orders and counters' tenants go on. */
static void
take_up(struct ranking *r, int table_fd)
{
	struct rank_now now = now_of(r);
	struct table_reader *reader;
	struct table_row *row;
	bool stale;
	uint32_t i;

	if (table_reader_open(&reader, table_fd) != 0)
		fatalx("tier table: not readable");
	if (table_read(reader, r->table) == 1) {
		stale = now.wall_us - r->table->published_us > RANKING_STALE_US;
		for (i = 0; i < r->table->rows_n; i++) {
			row = &r->table->rows[i];
			if (row->slot >= TABLE_ROWS_MAX)
				fatalx("tier table: slot %u", row->slot);
			r->incarnations[row->slot] = row->incarnation;
			if (stale)
				forget(r, row, &now);
			else
				rank_resume(row, &r->states[row->slot], &now);
		}
		ranking_uplink_resume(r, &now, stale);
		if (stale && r->table->rows_n > 0)
			events_add_why(r->events, EVENT_NOTE,
			    TABLE_WHY_FORGOTTEN, "",
			    "the tier table is too old: all ranks start anew");
	}
	table_reader_close(reader);
}

void
ranking_init(struct ranking *r, int table_fd, struct events *events)
{
	int error;

	memset(r, 0, sizeof(*r));
	r->events = events;
	r->table = calloc(1, sizeof(*r->table));
	r->states = calloc(TABLE_ROWS_MAX, sizeof(*r->states));
	r->seen = calloc(TABLE_ROWS_MAX, sizeof(*r->seen));
	r->fresh = calloc(TABLE_ROWS_MAX, sizeof(*r->fresh));
	r->uplink = calloc(1, sizeof(*r->uplink));
	r->news = calloc(TABLE_ROWS_MAX, sizeof(*r->news));
	r->incarnations = calloc(TABLE_ROWS_MAX, sizeof(*r->incarnations));
	r->slow = calloc(TABLE_ROWS_MAX, sizeof(*r->slow));
	r->checks = calloc(TABLE_ROWS_MAX, sizeof(*r->checks));
	if (r->table == NULL || r->slow == NULL || r->checks == NULL ||
	    r->states == NULL || r->seen == NULL || r->incarnations == NULL ||
	    r->fresh == NULL || r->uplink == NULL || r->news == NULL)
		fatalx("out of memory");
	arc4random_buf(&r->seed, sizeof(r->seed));
	take_up(r, table_fd);
	error = table_writer_open(&r->writer, table_fd);
	if (error != 0)
		fatalx("tier table: %s", strerror(-error));
}

void
ranking_free(struct ranking *r)
{
	uint32_t i;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++)
		slab_unmap(r->slabs[i]);
	table_writer_close(r->writer);
	free(r->table);
	free(r->states);
	free(r->seen);
	free(r->fresh);
	free(r->uplink);
	free(r->news);
	free(r->slow);
	free(r->checks);
	free(r->incarnations);
}

int
ranking_slab(struct ranking *r, uint32_t worker, int fd)
{
	int error;

	slab_unmap(r->slabs[worker]);
	r->slabs[worker] = NULL;
	error = slab_map(fd, false, &r->slabs[worker]);
	close(fd);
	return error;
}

static uint64_t
more(uint64_t sum, uint64_t seen)
{
	return sum > seen ? sum - seen : 0;
}

/* What is new since the last look.  Of a tenant first seen, nothing: a
 * control process that starts anew must not judge by old counts. */
static struct uplink_news
delta(struct ranking *r, const struct table_row *row,
    const struct ranking_sum *sum, const struct rank_now *now)
{
	struct ranking_seen *seen = &r->seen[row->slot];
	struct uplink_news all = {.successes = sum->total.successes,
	    .failures = sum->failures,
	    .charged = sum->total.charged,
	    .timeouts = sum->timeouts,
	    .unreachable = sum->unreachable,
	    .silences = sum->silences};
	struct uplink_news d = {0}, *old = &seen->sum;

	if (seen->incarnation == row->incarnation)
		d = (struct uplink_news){
		    .successes = more(all.successes, old->successes),
		    .failures = more(all.failures, old->failures),
		    .charged = more(all.charged, old->charged),
		    .timeouts = more(all.timeouts, old->timeouts),
		    .unreachable = more(all.unreachable, old->unreachable),
		    .silences = more(all.silences, old->silences)};
	else if (row->observed == TABLE_UNKNOWN)
		d = all;
	d.ok_us = now->mono_us - (now->wall_us - sum->last_ok_us);
	*seen = (struct ranking_seen){row->incarnation, all};
	return d;
}

bool
ranking_takes(const struct table_row *row)
{
	return row->admin == TABLE_ENABLED && row->tier != 0 &&
	       row->observed != TABLE_EJECTED &&
	       row->observed != TABLE_HALF_OPEN;
}

bool
ranking_usable(const struct table_row *row)
{
	return table_duty(row) == TABLE_RANKED && ranking_takes(row);
}

/* One that is kept for want of a better one, and fails, is no reason to leave
 * the others out. */
static bool
serves(const struct ranking *r, const struct table_row *row)
{
	return ranking_usable(row) && (row->why != TABLE_WHY_LAST_USABLE ||
					  r->states[row->slot].mended);
}

static uint32_t
serving_n(const struct ranking *r)
{
	uint32_t i, n = 0;

	for (i = 0; i < r->table->rows_n; i++)
		n += serves(r, &r->table->rows[i]);
	return n;
}

/* Not in use, for what was seen of it. */
static bool
is_out(uint8_t observed)
{
	return observed == TABLE_EJECTED || observed == TABLE_HALF_OPEN;
}

static void
tell_change(struct ranking *r, const struct table_row *row, uint8_t observed,
    uint16_t tier)
{
	r->turns += is_out(row->observed) != is_out(observed);
	if (row->observed != observed)
		events_add_why(r->events, EVENT_STATE, (enum table_why)row->why,
		    row->name, "%s, was %s: %s",
		    table_observed_word((enum table_observed)row->observed),
		    table_observed_word((enum table_observed)observed),
		    row->reason);
	if (row->tier != tier && table_duty(row) == TABLE_RANKED)
		events_add_why(r->events, EVENT_TIER, (enum table_why)row->why,
		    row->name, "tier %u, was %u: %s", row->tier, tier,
		    row->reason);
}

/* Returns whether any count has moved. */
static bool
take_news(struct ranking *r, const struct rank_now *now)
{
	bool measure = now->mono_us >= r->slow_at_us, busy = false;
	struct ranking_sum sum;
	struct table_row *row;
	uint32_t i;

	for (i = 0; i < r->table->rows_n; i++) {
		row = &r->table->rows[i];
		ranking_fold(r, row, now->wall_us, &sum);
		if (ranking_fold_fill(row, &sum))
			busy = true;
		if (measure)
			ranking_slow_see(r, row, &sum, now->mono_us);
		r->news[i] = delta(r, row, &sum, now);
		r->fresh[i] =
		    (struct rank_seen){.last_failure = sum.total.last_failure,
			.successes = r->news[i].successes,
			.charged = r->news[i].charged};
		ranking_uplink_check(r, row, &r->news[i], &r->fresh[i], now);
	}
	if (busy)
		r->dirty = true;
	return busy;
}

static void
judge(struct ranking *r, uint32_t i, const struct rank_now *now)
{
	struct table_row *row = &r->table->rows[i];
	const struct ranking_slow *slow = &r->slow[row->slot];
	struct rank_seen *seen = &r->fresh[i];
	uint8_t observed = row->observed;
	uint16_t tier = row->tier;

	seen->charged = r->news[i].believed;
	seen->p95_us = row->recent_p95_us;
	if (table_duty(row) == TABLE_RANKED) {
		seen->limit_us = slow->limit_us;
		seen->lower = slow->lower;
	}
	if (!rank_step(row, &r->states[row->slot], seen, now))
		return;
	r->dirty = true;
	tell_change(r, row, observed, tier);
}

/* Each in the light of what the others have become.  Returns when to look
 * again for the clock's sake. */
static int64_t
judge_all(struct ranking *r, struct rank_now *now)
{
	uint32_t i, serving = serving_n(r);
	int64_t wake, next = INT64_MAX;
	struct table_row *row;

	now->held = r->table->uplink_us != 0;
	for (i = 0; i < r->table->rows_n; i++) {
		row = &r->table->rows[i];
		serving -= serves(r, row);
		now->usable_others = serving;
		/* There is always a next step after it. */
		if (table_duty(row) != TABLE_RANKED)
			now->usable_others = 1;
		judge(r, i, now);
		serving += serves(r, row);
		wake = rank_wake_us(row, &r->states[row->slot]);
		if (wake < next && (!now->held || wake > now->mono_us))
			next = wake;
	}
	return next;
}

int64_t
ranking_step(struct ranking *r)
{
	struct rank_now now = now_of(r);
	bool busy = take_news(r, &now);
	int64_t next;

	ranking_uplink_look(r, &now);
	next = judge_all(r, &now);
	if (now.mono_us >= r->slow_at_us) {
		ranking_slow_compare(r);
		r->slow_at_us = now.mono_us + RANKING_SLOW_GAP_US;
	}
	if (busy && next > now.mono_us + RANKING_BUSY_US)
		next = now.mono_us + RANKING_BUSY_US;
	if (r->dirty)
		ranking_publish(r);
	return next;
}

void
ranking_publish(struct ranking *r)
{
	table_publish(r->writer, r->table);
	r->dirty = false;
}
