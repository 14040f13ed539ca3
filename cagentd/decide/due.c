/* Decides which intermediary is checked when and what that says; pure, and
 * opens nothing. */
#include "cagentd/decide/due.h"

#include <string.h>

#include "cagentd/decide/blame.h"

#define DUE_LOTS 65536

static uint16_t
draw(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint16_t)(*seed >> 48);
}

/* A part of span, by lot. */
static int64_t
share_us(const struct due_state *st, int64_t span)
{
	return span * st->lot / DUE_LOTS;
}

/* A time on the wall clock as one of ours; 0 for never. */
static int64_t
mono_of(int64_t wall_us, const struct due_now *now)
{
	int64_t age_us = now->wall_us - wall_us;

	if (wall_us == 0)
		return 0;
	if (age_us < 0)
		age_us = 0;
	return now->mono_us > age_us ? now->mono_us - age_us : 1;
}

/* What an earlier control process left in the table is taken up. */
static void
begin(struct due_state *st, const struct table_row *row,
    const struct due_now *now)
{
	bool failing = row->observed == TABLE_SUSPECT ||
		       row->observed == TABLE_EJECTED ||
		       row->observed == TABLE_HALF_OPEN;
	uint32_t reason = row->checked_us > row->last_failure_us
			      ? row->check_reason
			      : row->last_failure;

	memset(st, 0, sizeof(*st));
	st->incarnation = row->incarnation;
	st->lot = draw(now->seed);
	st->begun_us = now->mono_us;
	st->ok_us = mono_of(row->last_ok_us, now);
	st->checked_us = mono_of(row->checked_us, now);
	st->answers = row->checked_us != 0 && row->check_reason == REASON_OK;
	st->hedged = st->ok_us != 0 ? row->hedged : 0;
	if (failing && reason < REASON_COUNT)
		st->cause = (enum wire_reason)reason;
}

void
due_see(struct due_state *st, const struct table_row *row,
    struct rank_seen *seen, const struct due_now *now)
{
	if (st->incarnation != row->incarnation)
		begin(st, row, now);
	if (seen->charged > 0 && seen->last_failure < REASON_COUNT)
		st->cause = (enum wire_reason)seen->last_failure;
	else if (seen->charged == 0 && seen->successes > 0)
		st->cause = REASON_OK;
	if (seen->successes > 0) {
		st->ok_us = now->mono_us;
		st->hedged = row->hedged;
		st->failed = 0;
		st->held = REASON_OK;
	}
	/* A slab that was renewed counts from 0. */
	if (st->hedged > row->hedged)
		st->hedged = row->hedged;
	if (row->observed != TABLE_HALF_OPEN)
		st->passed = 0;
	seen->by_checks = st->ok;
	seen->successes += st->ok;
	seen->charged += st->bad;
	if (st->bad > 0)
		seen->last_failure = st->bad_reason;
	st->ok = st->bad = 0;
}

/*
 * Can a check undo what that failure did?  One of its own handshake it
 * repeats.  That it does not reach what it should, only a target can.  And one
 * that says yes and brings nothing will say yes to a check as well: only the
 * first bytes of real traffic tell.
 */
static bool
clears(enum wire_reason cause, bool target)
{
	switch (cause) {
	case REASON_OK:
	case REASON_HOP_REFUSED:
	case REASON_HOP_UNREACHABLE:
	case REASON_HOP_TIMEOUT:
	case REASON_HOP_CLOSED:
	case REASON_HOP_BAD:
	case REASON_HOP_AUTH:
	case REASON_HOP_TLS:
	case REASON_HOP_CERT:
		return true;
	case REASON_REFUSED:
	case REASON_HOST_UNREACHABLE:
	case REASON_NET_UNREACHABLE:
	case REASON_TIMEOUT:
	case REASON_HOP_FAILED:
	case REASON_HOP_SILENT:
		return target;
	case REASON_HOP_HUNG_UP:
	case REASON_HOP_MUTE:
	case REASON_NAME_UNKNOWN:
	case REASON_NAME_FAILED:
	case REASON_HOP_UNSUPPORTED:
	case REASON_HOP_DENIED:
	case REASON_DENIED:
	case REASON_NO_PATH:
	case REASON_OVERLOAD:
	case REASON_UNSUPPORTED:
	case REASON_BAD_REQUEST:
	case REASON_LIMITED:
	case REASON_FULL:
	case REASON_CANCELLED:
	case REASON_COUNT:
		break;
	}
	return false;
}

static enum due_why
why(const struct due_state *st, const struct table_row *row,
    const struct due_rules *rules)
{
	if (rules->interval_us == 0 || st->under_way ||
	    st->incarnation != row->incarnation ||
	    row->admin != TABLE_ENABLED || row->observed == TABLE_EJECTED)
		return DUE_NOT;
	if (row->observed == TABLE_HALF_OPEN && st->passed < RANK_TRIALS_OK &&
	    clears(st->cause, rules->target))
		return DUE_TRIAL;
	if (row->hedged > st->hedged)
		return DUE_GIVEN_UP;
	if (st->asked)
		return DUE_ASKED;
	if (st->failed > 0 && st->failed < DUE_FAILURES)
		return DUE_FAILED;
	return st->ok_us == 0 && st->checked_us == 0 ? DUE_FIRST : DUE_IDLE;
}

/* The interval, and up to a tenth more. */
static int64_t
idle_at_us(const struct due_state *st, int64_t interval_us)
{
	int64_t last = st->ok_us > st->checked_us ? st->ok_us : st->checked_us;

	return last + interval_us + share_us(st, interval_us / 10);
}

static int64_t
after_us(const struct due_state *st, int64_t gap_us)
{
	return st->checked_us != 0 ? st->checked_us + gap_us : 0;
}

static int64_t
at_most(int64_t us, int64_t interval_us)
{
	return us < interval_us ? us : interval_us;
}

int64_t
due_at_us(const struct due_state *st, const struct table_row *row,
    const struct due_rules *rules, enum due_why *reason)
{
	*reason = why(st, row, rules);
	switch (*reason) {
	case DUE_NOT:
	case DUE_WHY_COUNT:
		break;
	case DUE_TRIAL:
	case DUE_ASKED:
		return after_us(st, DUE_TRIAL_US);
	case DUE_GIVEN_UP:
		return after_us(st, DUE_AGAIN_US);
	case DUE_FAILED:
		return after_us(st, at_most(DUE_AGAIN_US, rules->interval_us));
	case DUE_FIRST:
		return st->begun_us +
		       share_us(st, at_most(DUE_SOON_US, rules->interval_us));
	case DUE_IDLE:
		return idle_at_us(st, rules->interval_us);
	}
	return INT64_MAX;
}

/* The intermediary was asked for itself: nobody else is to blame. */
static enum due_says
own_says(const struct due_result *r, bool answers)
{
	switch (r->reason) {
	case REASON_OK:
	case REASON_REFUSED:
	case REASON_HOST_UNREACHABLE:
	case REASON_NET_UNREACHABLE:
	case REASON_TIMEOUT:
	case REASON_HOP_DENIED:
	case REASON_HOP_FAILED:
		return DUE_ALIVE;
	case REASON_HOP_UNSUPPORTED: /* its word, or was it never asked? */
		return r->code != -1 ? DUE_ALIVE : DUE_NOTHING;
	case REASON_HOP_REFUSED:
	case REASON_HOP_TIMEOUT:
	case REASON_HOP_CLOSED:
	case REASON_HOP_AUTH:
	case REASON_HOP_TLS:
	case REASON_HOP_CERT:
		return DUE_DEAD;
	case REASON_HOP_BAD: /* an odd answer is one; but who knows of whom */
		return r->code != -1 ? DUE_NOTHING : DUE_DEAD;
	case REASON_HOP_UNREACHABLE: /* or our uplink is gone */
		return DUE_DEAD_IF_PROVED;
	case REASON_HOP_SILENT: /* its loopback answers at once */
		return answers || r->question == DUE_FOR_LOOPBACK ? DUE_DEAD
								  : DUE_NOTHING;
	case REASON_HOP_HUNG_UP: /* some say no in this way (ssh -D) */
		return answers ? DUE_DEAD : DUE_NOTHING;
	case REASON_NAME_UNKNOWN:
	case REASON_NAME_FAILED:
	case REASON_HOP_MUTE:
	case REASON_DENIED:
	case REASON_NO_PATH:
	case REASON_OVERLOAD:
	case REASON_UNSUPPORTED:
	case REASON_BAD_REQUEST:
	case REASON_LIMITED:
	case REASON_FULL:
	case REASON_CANCELLED:
	case REASON_COUNT:
		break;
	}
	return DUE_NOTHING;
}

static enum due_says
target_says(enum wire_reason reason)
{
	if (reason == REASON_OK)
		return DUE_ALIVE;
	switch (blame_of(reason)) {
	case BLAME_HOP:
		return DUE_DEAD;
	case BLAME_IF_CORROBORATED:
		return DUE_DEAD_IF_PROVED;
	case BLAME_NOBODY:
		break;
	}
	return DUE_NOTHING;
}

enum due_says
due_says(const struct due_result *r, bool answers)
{
	return r->question == DUE_FOR_TARGET ? target_says(r->reason)
					     : own_says(r, answers);
}

static void
take_alive(struct due_state *st, const struct table_row *row, bool target,
    int64_t mono_us)
{
	st->alive_us = mono_us;
	st->hedged = row->hedged;
	st->failed = 0;
	st->held = REASON_OK;
	if (!target)
		st->answers = true;
	if (!clears(st->cause, target))
		return;
	st->cause = REASON_OK;
	st->ok++;
	if (row->observed == TABLE_HALF_OPEN)
		st->passed++;
}

/*
 * What workers gave up since it last answered was charged to nobody, as it
 * might just have been slow.  Now it had all the time there is.
 */
static void
take_dead(
    struct due_state *st, const struct table_row *row, enum wire_reason reason)
{
	uint64_t given_up = row->hedged - st->hedged;

	st->bad += 1 + (given_up < RANK_ROW ? (uint32_t)given_up : RANK_ROW);
	st->bad_reason = st->cause = reason;
	st->hedged = row->hedged;
	st->failed++;
}

enum due_says
due_take(struct due_state *st, struct table_row *row,
    const struct due_result *r, const struct due_now *now)
{
	enum due_says says = due_says(r, st->answers);

	st->under_way = st->asked = false;
	st->checked_us = now->mono_us;
	st->lot = draw(now->seed);
	row->checked_us = now->wall_us;
	row->check_reason = says == DUE_ALIVE ? REASON_OK : r->reason;
	switch (says) {
	case DUE_ALIVE:
		take_alive(
		    st, row, r->question == DUE_FOR_TARGET, now->mono_us);
		break;
	case DUE_DEAD:
		take_dead(st, row, r->reason);
		break;
	case DUE_DEAD_IF_PROVED:
		st->held = r->reason;
		st->held_us = now->mono_us;
		st->failed++;
		break;
	case DUE_NOTHING:
		if (r->reason == REASON_HOP_SILENT)
			st->inward = st->asked = true;
		break;
	}
	return says;
}

bool
due_prove(struct due_state *st, int64_t within_us, int64_t mono_us)
{
	enum wire_reason held = st->held;

	if (held == REASON_OK)
		return false;
	st->held = REASON_OK;
	if (mono_us - st->held_us > within_us)
		return false;
	st->bad++;
	st->bad_reason = st->cause = held;
	return true;
}
