/* Turns what was seen of one intermediary into its place in the tiers; pure,
 * and the only place that changes the observed column. */
#include "cagentd/decide/rank_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cagentd/decide/draw.h"
#include "wire/wire.h"

#define RANK_SEEN_MAX (1u << 24)

void
rank_explain(struct table_row *row, const struct rank_now *now,
    enum table_why why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(row->reason, sizeof(row->reason), fmt, ap);
	va_end(ap);
	row->why = (uint8_t)why;
	row->since_us = now->wall_us;
}

void
rank_settle(struct table_row *row)
{
	uint16_t rank = table_home(row);

	if (row->tier_pinned == 0 && rank != 0 && row->tier_observed > rank)
		rank = row->tier_observed;
	if (row->observed == TABLE_EJECTED ||
	    row->observed == TABLE_HALF_OPEN || rank == TABLE_TIER_DRAIN)
		rank = 0;
	row->tier = rank;
}

/* Is the last change long enough ago for another one? */
bool
rank_may_move(const struct rank_state *st, const struct rank_now *now)
{
	return st->moved_us == 0 || now->mono_us - st->moved_us >= RANK_GAP_US;
}

/* The same for its tier; where there is nobody else, it is needed now. */
static bool
may_place(const struct rank_state *st, const struct rank_now *now)
{
	return st->placed_us == 0 || now->usable_others == 0 ||
	       now->mono_us - st->placed_us >= RANK_GAP_US;
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
	if (seen->successes > 0)
		st->checked = seen->by_checks == seen->successes;
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
	return us / 2 + (int64_t)(draw_next(seed) % (uint64_t)(us / 2 + 1));
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
	row->why = TABLE_WHY_LAST_USABLE;
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
		rank_explain(row, now, TABLE_WHY_TRIAL_FAILED, "%s, on trial",
		    failure_text(seen));
	else if (st->row >= RANK_ROW)
		rank_explain(row, now, TABLE_WHY_IN_ROW, "%s, %u in a row",
		    failure_text(seen), st->row);
	else
		rank_explain(row, now, TABLE_WHY_LOW_SUCCESS,
		    "%u %% of requests in %d s succeeded", percent(st),
		    RANK_WINDOW_S);
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
	return (st->row >= RANK_ROW && may_place(st, now)) ||
	       (percent(st) < RANK_MIN_PERCENT && rank_may_move(st, now));
}

/* Known for the first time, or well again. */
static bool
is_up(const struct table_row *row, const struct rank_state *st,
    const struct rank_now *now)
{
	if (row->observed == TABLE_UNKNOWN)
		return st->mended;
	return row->observed == TABLE_SUSPECT && st->mended &&
	       rank_may_move(st, now);
}

static bool
step_serving(struct table_row *row, struct rank_state *st,
    const struct rank_seen *seen, const struct rank_now *now)
{
	if (tripped(st, seen, now))
		return eject(row, st, seen, now);
	if (seen->charged > 0 && row->observed != TABLE_SUSPECT &&
	    row->observed != TABLE_SLOW_START && rank_may_move(st, now)) {
		enter(row, st, TABLE_SUSPECT);
		rank_explain(
		    row, now, TABLE_WHY_FAILED, "%s", failure_text(seen));
		return true;
	}
	if (row->observed == TABLE_SLOW_START && st->until_us <= now->mono_us) {
		enter(row, st, TABLE_UP);
		rank_explain(row, now, TABLE_WHY_SLOW_START_OVER,
		    "served well through its slow start");
		st->well_since_us = now->mono_us;
		return true;
	}
	if (is_up(row, st, now)) {
		enter(row, st, TABLE_UP);
		rank_explain(row, now, TABLE_WHY_SUCCEEDS, "%s",
		    st->checked ? "a check succeeded" : "requests succeed");
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
	rank_explain(row, now,
	    over ? TABLE_WHY_EJECTION_OVER : TABLE_WHY_ONLY_CHOICE,
	    "%s: %d trials",
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
	if (!rank_may_move(st, now) && now->usable_others > 0)
		return false;
	enter(row, st, TABLE_SLOW_START);
	memset(st->bad, 0, sizeof(st->bad)); /* the past is paid for */
	st->until_us = now->mono_us + RANK_SLOW_START_US;
	row->reconsider_us = now->wall_us + RANK_SLOW_START_US;
	rank_explain(row, now, TABLE_WHY_TRIALS_PASSED,
	    "%u trials in a row succeeded", RANK_TRIALS_OK);
	return true;
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

static bool
is_held(const struct table_row *row, const struct rank_seen *seen,
    const struct rank_now *now)
{
	return now->held && seen->charged == 0 &&
	       row->observed != TABLE_EJECTED;
}

bool
rank_step(struct table_row *row, struct rank_state *st,
    const struct rank_seen *seen, const struct rank_now *now)
{
	uint8_t observed = row->observed;
	uint16_t tier = row->tier;
	bool changed = false;

	advance(st, now->mono_us);
	count(st, seen);
	if (!is_held(row, seen, now)) {
		changed = step_state(row, st, seen, now);
		if (!changed)
			changed = rank_step_slow(row, st, seen, now);
	}
	if (changed && has_moved(row, observed, tier))
		st->moved_us = now->mono_us;
	if (row->tier != tier)
		st->placed_us = now->mono_us;
	rank_keep(row, st, now);
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
