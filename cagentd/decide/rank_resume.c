/* What of a row's past outlives a restart or a reload; judges nothing new. */
#include <string.h>

#include "cagentd/decide/rank_impl.h"

/* Of a count in a row, more than this says nothing more. */
#define RANK_KEPT_MAX 64

void
rank_rehome(struct table_row *row, struct rank_state *st)
{
	row->tier_observed = 0;
	st->over_since_us = 0;
	st->under_since_us = 0;
	st->lowerings = 0;
	st->lowered_until_us = 0;
	row->lowerings = 0;
	row->lowered_until_us = 0;
	if (row->observed != TABLE_EJECTED && row->observed != TABLE_SLOW_START)
		row->reconsider_us = 0;
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

/* The same moment on the other clock. */
static int64_t
to_wall(int64_t mono_us, const struct rank_now *now)
{
	return mono_us == 0 ? 0 : now->wall_us - (now->mono_us - mono_us);
}

/* What lies in the future has just been, and nothing older than what is
 * forgotten makes a difference. */
static int64_t
to_mono(int64_t wall_us, const struct rank_now *now)
{
	int64_t age_us;

	if (wall_us <= 0)
		return 0;
	age_us = wall_us < now->wall_us ? now->wall_us - wall_us : 0;
	if (age_us > RANK_FORGET_US)
		age_us = RANK_FORGET_US;
	return now->mono_us - age_us;
}

void
rank_keep(struct table_row *row, const struct rank_state *st,
    const struct rank_now *now)
{
	row->moved_us = to_wall(st->moved_us, now);
	row->placed_us = to_wall(st->placed_us, now);
	row->well_since_us = to_wall(st->well_since_us, now);
	row->lowered_until_us = to_wall(st->lowered_until_us, now);
	row->lowerings = st->lowerings;
	row->failures_row = st->row;
}

static void
resume_lowered(const struct table_row *row, struct rank_state *st,
    const struct rank_now *now)
{
	int64_t left = 0;

	st->lowerings =
	    row->lowerings < RANK_KEPT_MAX ? row->lowerings : RANK_KEPT_MAX;
	if (row->tier_observed == 0) {
		st->lowered_until_us = to_mono(row->lowered_until_us, now);
		return;
	}
	if (st->lowerings == 0)
		st->lowerings = 1;
	if (row->lowered_until_us > now->wall_us)
		left = row->lowered_until_us - now->wall_us;
	if (left > RANK_LOWERED_MAX_US)
		left = RANK_LOWERED_MAX_US;
	st->lowered_until_us = now->mono_us + left;
}

void
rank_resume(
    struct table_row *row, struct rank_state *st, const struct rank_now *now)
{
	memset(st, 0, sizeof(*st));
	st->second = now->mono_us / 1000000;
	st->moved_us = to_mono(row->moved_us, now);
	st->placed_us = to_mono(row->placed_us, now);
	st->well_since_us = to_mono(row->well_since_us, now);
	if (st->well_since_us == 0)
		st->well_since_us = now->mono_us;
	st->row = row->failures_row < RANK_KEPT_MAX ? row->failures_row
						    : RANK_KEPT_MAX;
	resume_lowered(row, st, now);
	if (row->observed == TABLE_EJECTED ||
	    row->observed == TABLE_SLOW_START) {
		st->until_us = now->mono_us + left_us(row, now);
		row->reconsider_us = now->wall_us + left_us(row, now);
	} else if (row->observed > TABLE_SLOW_START) {
		row->observed = TABLE_UNKNOWN;
	}
	rank_keep(row, st, now);
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
	rank_keep(row, st, now);
	rank_explain(row, now, TABLE_WHY_FORGOTTEN, "nothing recent is known");
	rank_settle(row);
}
