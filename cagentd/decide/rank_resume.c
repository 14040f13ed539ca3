/* What of a row's past outlives a restart or a reload; judges nothing new. */
#include <string.h>

#include "cagentd/decide/rank_impl.h"

void
rank_rehome(struct table_row *row, struct rank_state *st)
{
	row->tier_observed = 0;
	st->over_since_us = 0;
	st->under_since_us = 0;
	st->lowerings = 0;
	rank_settle(row);
}

/* What is left of a time on the wall clock, which may have been set since. */
static int64_t
left_us(const struct table_row *row, const struct rank_now *now)
{
	int64_t most = row->observed == TABLE_SLOW_START ? RANK_SLOW_START_US
							 : RANK_EJECT_MAX_US;

	if (row->reconsider_us <= now->wall_us)
		return 0;
	return row->reconsider_us - now->wall_us < most
		   ? row->reconsider_us - now->wall_us
		   : most;
}

void
rank_resume(
    struct table_row *row, struct rank_state *st, const struct rank_now *now)
{
	memset(st, 0, sizeof(*st));
	st->second = now->mono_us / 1000000;
	st->well_since_us = now->mono_us;
	if (row->tier_observed != 0) {
		st->lowerings = 1;
		st->lowered_until_us = now->mono_us + RANK_LOWERED_MIN_US;
	}
	if (row->observed == TABLE_EJECTED ||
	    row->observed == TABLE_SLOW_START) {
		st->until_us = now->mono_us + left_us(row, now);
		row->reconsider_us = now->wall_us + left_us(row, now);
	} else if (row->observed > TABLE_SLOW_START) {
		row->observed = TABLE_UNKNOWN;
	}
	rank_settle(row);
}

void
rank_forget(
    struct table_row *row, struct rank_state *st, const struct rank_now *now)
{
	row->tier_observed = 0;
	row->ejections = 0;
	row->recent_p95_us = 0;
	memset(st, 0, sizeof(*st));
	st->second = now->mono_us / 1000000;
	row->observed = TABLE_UNKNOWN;
	row->trials = 0;
	row->reconsider_us = 0;
	rank_explain(row, now, TABLE_WHY_FORGOTTEN, "nothing recent is known");
	rank_settle(row);
}
