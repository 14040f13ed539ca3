/* Turns what was seen of one intermediary into its place in the tiers; pure,
 * and the only place that changes the observed column. */
#include "cagentd/decide/rank.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire/wire.h"

#define RANK_SEEN_MAX (1u << 24)

static uint64_t
draw(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ull; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void __attribute__((format(printf, 3, 4)))
explain(struct table_row *row, const struct rank_now *now, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(row->reason, sizeof(row->reason), fmt, ap);
	va_end(ap);
	row->since_us = now->wall_us;
}

void
rank_settle(struct table_row *row)
{
	uint16_t rank = table_home(row);

	if (row->tier_pinned == 0 && rank != 0 && row->tier_observed > rank)
		rank = row->tier_observed;
	if (row->observed == TABLE_EJECTED || row->observed == TABLE_HALF_OPEN)
		rank = 0;
	row->tier = rank;
}

/* Is the last change long enough ago for another one? */
static bool
may_move(const struct rank_state *st, const struct rank_now *now)
{
	return st->moved_us == 0 || now->mono_us - st->moved_us >= RANK_GAP_US;
}

/* Move the window on to this second, forgetting what is older than it. */
static void
advance(struct rank_state *st, int64_t mono_us)
{
	int64_t second = mono_us / 1000000;
	int64_t s = st->second + 1;

	if (second - st->second >= RANK_WINDOW_S) {
		memset(st->ok, 0, sizeof(st->ok));
		memset(st->bad, 0, sizeof(st->bad));
		s = second;
	}
	for (; s <= second; s++) {
		st->ok[s % RANK_WINDOW_S] = 0;
		st->bad[s % RANK_WINDOW_S] = 0;
	}
	if (second > st->second)
		st->second = second;
}

/* Far above what a look can bring, far below where a cell would wrap: the
 * numbers are a worker's word. */
static uint32_t
plausible(uint64_t n)
{
	return n < RANK_SEEN_MAX ? (uint32_t)n : RANK_SEEN_MAX;
}

static void
add(uint32_t *sum, uint64_t n)
{
	*sum = plausible(*sum + (uint64_t)plausible(n));
}

static void
count(struct rank_state *st, const struct rank_seen *seen)
{
	uint32_t cell = (uint32_t)(st->second % RANK_WINDOW_S);

	add(&st->ok[cell], seen->successes);
	add(&st->bad[cell], seen->charged);
	/* In which order they came is not known: one success among them says
	 * that the row is broken. */
	if (seen->successes > 0)
		st->row = 0;
	else
		add(&st->row, seen->charged);
	if (seen->charged > 0)
		st->mended = false;
	else if (seen->successes > 0)
		st->mended = true;
}

/* The share of successes over the window in percent; 100 below the least
 * number of requests that says anything. */
static uint32_t
percent(const struct rank_state *st)
{
	uint64_t ok = 0, bad = 0;
	uint32_t i;

	for (i = 0; i < RANK_WINDOW_S; i++) {
		ok += st->ok[i];
		bad += st->bad[i];
	}
	if (ok + bad < RANK_MIN_REQUESTS)
		return 100;
	return (uint32_t)(ok * 100 / (ok + bad));
}

static const char *
failure_text(const struct rank_seen *seen)
{
	if (seen->last_failure == REASON_OK ||
	    seen->last_failure >= REASON_COUNT)
		return "requests fail";
	return wire_reason_text((enum wire_reason)seen->last_failure);
}

/* Equal jitter: half of the delay is fixed, half is drawn, so that a fleet
 * does not come back in step (finagle's Backoff.equalJittered). */
static int64_t
ejection_us(const struct table_row *row, uint64_t *seed)
{
	int64_t us = RANK_EJECT_MIN_US;
	uint32_t i;

	for (i = 1; i < row->ejections && us < RANK_EJECT_MAX_US; i++)
		us *= 2;
	if (us > RANK_EJECT_MAX_US)
		us = RANK_EJECT_MAX_US;
	return us / 2 + (int64_t)(draw(seed) % (uint64_t)(us / 2 + 1));
}

static void
enter(struct table_row *row, struct rank_state *st, enum table_observed to)
{
	row->observed = (uint8_t)to;
	row->trials = to == TABLE_HALF_OPEN ? RANK_TRIALS : 0;
	row->reconsider_us = 0;
	st->until_us = 0;
	st->trials_ok = 0;
	rank_settle(row);
}

/* Bad, but there is no better one: it stays suspect, and says why. */
static bool
keep_last(struct table_row *row, struct rank_state *st,
    const struct rank_seen *seen, const struct rank_now *now)
{
	char before[sizeof(row->reason)];

	memcpy(before, row->reason, sizeof(before));
	if (row->observed != TABLE_SUSPECT) {
		enter(row, st, TABLE_SUSPECT);
		row->since_us = now->wall_us;
	}
	snprintf(row->reason, sizeof(row->reason),
	    "%s; kept as the last one usable", failure_text(seen));
	return strcmp(before, row->reason) != 0;
}

static bool
eject(struct table_row *row, struct rank_state *st,
    const struct rank_seen *seen, const struct rank_now *now)
{
	int64_t us;

	if (now->usable_others == 0)
		return keep_last(row, st, seen, now);
	row->ejections++;
	us = ejection_us(row, now->seed);
	if (row->observed == TABLE_HALF_OPEN)
		explain(row, now, "%s, on trial", failure_text(seen));
	else if (st->row >= RANK_ROW)
		explain(
		    row, now, "%s, %u in a row", failure_text(seen), st->row);
	else
		explain(row, now, "%u %% of requests in %d s succeeded",
		    percent(st), RANK_WINDOW_S);
	enter(row, st, TABLE_EJECTED);
	st->until_us = now->mono_us + us;
	row->reconsider_us = now->wall_us + us;
	st->row = 0;
	return true;
}

static bool
tripped(const struct rank_state *st, const struct rank_seen *seen,
    const struct rank_now *now)
{
	if (seen->charged == 0)
		return false;
	return st->row >= RANK_ROW ||
	       (percent(st) < RANK_MIN_PERCENT && may_move(st, now));
}

/* Known for the first time, or well again. */
static bool
is_up(const struct table_row *row, const struct rank_state *st,
    const struct rank_now *now)
{
	if (row->observed == TABLE_UNKNOWN)
		return st->mended;
	return row->observed == TABLE_SUSPECT && st->mended &&
	       may_move(st, now);
}

static bool
step_serving(struct table_row *row, struct rank_state *st,
    const struct rank_seen *seen, const struct rank_now *now)
{
	if (tripped(st, seen, now))
		return eject(row, st, seen, now);
	if (seen->charged > 0 && row->observed != TABLE_SUSPECT &&
	    row->observed != TABLE_SLOW_START && may_move(st, now)) {
		enter(row, st, TABLE_SUSPECT);
		explain(row, now, "%s", failure_text(seen));
		return true;
	}
	if (row->observed == TABLE_SLOW_START && st->until_us <= now->mono_us) {
		enter(row, st, TABLE_UP);
		explain(row, now, "served well through its slow start");
		st->well_since_us = now->mono_us;
		return true;
	}
	if (is_up(row, st, now)) {
		enter(row, st, TABLE_UP);
		explain(row, now, "requests succeed");
		st->well_since_us = now->mono_us;
		return true;
	}
	if (row->observed == TABLE_UP && row->ejections > 0 &&
	    now->mono_us - st->well_since_us > RANK_FORGET_US)
		row->ejections = 0;
	return false;
}

/* Out for its time, or until there is nobody else: then even a bad one is
 * better than none. */
static bool
step_ejected(
    struct table_row *row, struct rank_state *st, const struct rank_now *now)
{
	bool over = now->mono_us >= st->until_us;

	if (!over && now->usable_others > 0)
		return false;
	enter(row, st, TABLE_HALF_OPEN);
	explain(row, now, "%s: %d trials",
	    over ? "its ejection is over" : "no other is usable", RANK_TRIALS);
	return true;
}

static bool
step_half_open(struct table_row *row, struct rank_state *st,
    const struct rank_seen *seen, const struct rank_now *now)
{
	if (seen->charged > 0)
		return eject(row, st, seen, now);
	add(&st->trials_ok, seen->successes);
	if (st->trials_ok < RANK_TRIALS_OK)
		return false;
	if (!may_move(st, now) && now->usable_others > 0)
		return false;
	enter(row, st, TABLE_SLOW_START);
	memset(st->bad, 0, sizeof(st->bad)); /* the past is paid for */
	st->until_us = now->mono_us + RANK_SLOW_START_US;
	row->reconsider_us = now->wall_us + RANK_SLOW_START_US;
	explain(row, now, "%u trials in a row succeeded", RANK_TRIALS_OK);
	return true;
}

static int64_t
lowered_us(const struct rank_state *st)
{
	int64_t us = RANK_LOWERED_MIN_US;
	uint32_t i;

	for (i = 1; i < st->lowerings && us < RANK_LOWERED_MAX_US; i++)
		us *= 2;
	return us < RANK_LOWERED_MAX_US ? us : RANK_LOWERED_MAX_US;
}

static bool
lower(struct table_row *row, struct rank_state *st,
    const struct rank_seen *seen, const struct rank_now *now)
{
	st->lowerings++;
	st->over_since_us = 0;
	st->under_since_us = 0;
	st->lowered_until_us = now->mono_us + lowered_us(st);
	row->tier_observed = seen->lower;
	explain(row, now, "p95 %u ms, over %u ms for %lld s; was tier %u",
	    seen->p95_us / 1000, seen->limit_us / 1000, RANK_SLOW_US / 1000000,
	    row->tier);
	rank_settle(row);
	return true;
}

static bool
step_fast(struct table_row *row, struct rank_state *st,
    const struct rank_seen *seen, const struct rank_now *now)
{
	bool over = seen->limit_us != 0 && seen->p95_us > seen->limit_us;

	if (st->lowerings > 0 &&
	    now->mono_us - st->lowered_until_us > RANK_FORGET_US)
		st->lowerings = 0;
	if (!over || row->tier_pinned != 0) {
		st->over_since_us = 0;
		return false;
	}
	if (st->over_since_us == 0)
		st->over_since_us = now->mono_us;
	if (now->mono_us - st->over_since_us < RANK_SLOW_US ||
	    seen->lower == 0 || now->usable_others == 0 || !may_move(st, now))
		return false;
	return lower(row, st, seen, now);
}

static bool
raise_again(struct table_row *row)
{
	row->tier_observed = 0;
	row->reconsider_us = 0;
	rank_settle(row);
	return true;
}

/* Its requests tell, and when there are too few of them, time. */
static bool
step_lowered(struct table_row *row, struct rank_state *st,
    const struct rank_seen *seen, const struct rank_now *now)
{
	bool judged = seen->p95_us != 0 && seen->limit_us != 0;
	uint32_t back_us =
	    (uint32_t)((uint64_t)seen->limit_us * RANK_FAST_PERCENT / 100);

	if (row->tier_pinned != 0)
		return raise_again(row);
	if (!judged || seen->p95_us > back_us)
		st->under_since_us = 0;
	else if (st->under_since_us == 0)
		st->under_since_us = now->mono_us;
	if (judged)
		st->lowered_until_us = now->mono_us + lowered_us(st);
	row->reconsider_us =
	    judged ? 0 : now->wall_us + st->lowered_until_us - now->mono_us;
	if (!may_move(st, now))
		return false;
	if (st->under_since_us != 0 &&
	    now->mono_us - st->under_since_us >= RANK_FAST_US) {
		explain(row, now, "p95 %u ms, under %u ms for %lld s",
		    seen->p95_us / 1000, back_us / 1000,
		    RANK_FAST_US / 1000000);
		return raise_again(row);
	}
	if (judged || now->mono_us < st->lowered_until_us)
		return false;
	explain(row, now, "was slow; back on trial, as too few requests told");
	return raise_again(row);
}

static bool
step_slow(struct table_row *row, struct rank_state *st,
    const struct rank_seen *seen, const struct rank_now *now)
{
	switch ((enum table_observed)row->observed) {
	case TABLE_UNKNOWN:
	case TABLE_UP:
	case TABLE_SUSPECT:
		break;
	case TABLE_EJECTED:
	case TABLE_HALF_OPEN:
	case TABLE_SLOW_START:
		st->over_since_us = 0;
		st->under_since_us = 0;
		return false;
	}
	if (row->tier_observed != 0)
		return step_lowered(row, st, seen, now);
	return step_fast(row, st, seen, now);
}

static bool
step_state(struct table_row *row, struct rank_state *st,
    const struct rank_seen *seen, const struct rank_now *now)
{
	switch ((enum table_observed)row->observed) {
	case TABLE_UNKNOWN:
	case TABLE_UP:
	case TABLE_SUSPECT:
	case TABLE_SLOW_START:
		return step_serving(row, st, seen, now);
	case TABLE_EJECTED:
		return step_ejected(row, st, now);
	case TABLE_HALF_OPEN:
		return step_half_open(row, st, seen, now);
	}
	return false;
}

/* What counts as a change: not the first that is known of it, nor that an
 * ejection goes on with trials. */
static bool
has_moved(const struct table_row *row, uint8_t observed, uint16_t tier)
{
	if (row->tier != tier)
		return true;
	return row->observed != observed && observed != TABLE_UNKNOWN &&
	       row->observed != TABLE_HALF_OPEN;
}

bool
rank_step(struct table_row *row, struct rank_state *st,
    const struct rank_seen *seen, const struct rank_now *now)
{
	uint8_t observed = row->observed;
	uint16_t tier = row->tier;
	bool changed;

	advance(st, now->mono_us);
	count(st, seen);
	changed = step_state(row, st, seen, now);
	if (!changed)
		changed = step_slow(row, st, seen, now);
	if (changed && has_moved(row, observed, tier))
		st->moved_us = now->mono_us;
	return changed;
}

int64_t
rank_wake_us(const struct table_row *row, const struct rank_state *st)
{
	if (row->observed == TABLE_EJECTED || row->observed == TABLE_SLOW_START)
		return st->until_us;
	if ((row->observed == TABLE_SUSPECT && st->mended) ||
	    (row->observed == TABLE_HALF_OPEN &&
		st->trials_ok >= RANK_TRIALS_OK))
		return st->moved_us + RANK_GAP_US;
	return INT64_MAX;
}
