/* Lowers an intermediary for slowness and takes it back; knows nothing of
 * failures. */
#include "cagentd/decide/rank_impl.h"

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
	rank_explain(row, now, TABLE_WHY_SLOW,
	    "p95 %u ms, over %u ms for %lld s; was tier %u",
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
	    seen->lower == 0 || now->usable_others == 0 ||
	    !rank_may_move(st, now))
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
	if (!rank_may_move(st, now))
		return false;
	if (st->under_since_us != 0 &&
	    now->mono_us - st->under_since_us >= RANK_FAST_US) {
		rank_explain(row, now, TABLE_WHY_FAST_AGAIN,
		    "p95 %u ms, under %u ms for %lld s", seen->p95_us / 1000,
		    back_us / 1000, RANK_FAST_US / 1000000);
		return raise_again(row);
	}
	if (judged || now->mono_us < st->lowered_until_us)
		return false;
	rank_explain(row, now, TABLE_WHY_SLOW_RETRY,
	    "was slow; back on trial, as too few requests told");
	return raise_again(row);
}

bool
rank_step_slow(struct table_row *row, struct rank_state *st,
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
