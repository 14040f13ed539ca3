/* Puts into one sentence why an intermediary stands where it does. */
#include "cagentd/control/ctl_why.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cagentd/control/control.h"
#include "cagentd/control/ctl_answer.h"
#include "cagentd/control/ctl_row.h"
#include "wire/wire.h"

#define DAY_US	  86400000000ll
#define PLACE_LEN (TABLE_RANK_TEXT_LEN + 4)

struct sentence {
	char *out;
	size_t size, len;
};

static void __attribute__((format(printf, 2, 3)))
add(struct sentence *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s->out + s->len, s->size - s->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		s->len += (size_t)n < s->size - s->len ? (size_t)n
						       : s->size - s->len - 1;
}

const char *
ctl_why_time(int64_t at_us, int64_t now_us, char out[static CTL_WHY_TIME_LEN])
{
	bool today = now_us - at_us < DAY_US;
	time_t t = (time_t)(at_us / 1000000);
	struct tm tm;

	out[0] = '\0';
	if (at_us > 0 && gmtime_r(&t, &tm) != NULL)
		strftime(out, CTL_WHY_TIME_LEN,
		    today ? "%H:%M:%SZ" : "%Y-%m-%d %H:%M:%SZ", &tm);
	return out;
}

static void
add_since(struct sentence *s, int64_t since_us, int64_t now_us)
{
	char text[CTL_WHY_TIME_LEN];

	if (*ctl_why_time(since_us, now_us, text) != '\0')
		add(s, " since %s", text);
}

/* "in 20 s", or now. */
static void
add_wait(struct sentence *s, int64_t at_us, int64_t now_us)
{
	if (at_us > now_us)
		add(s, " in %lld s",
		    (long long)((at_us - now_us + 999999) / 1000000));
	else
		add(s, " now");
}

static bool
is_out(const struct table_row *row)
{
	return row->observed == TABLE_EJECTED ||
	       row->observed == TABLE_HALF_OPEN;
}

static bool
is_lowered(const struct table_row *row)
{
	return row->tier_pinned == 0 && row->tier_observed > table_home(row);
}

/* "in tier 3", or "as cache".  returns out. */
static const char *
place(const char *in, uint16_t rank, char out[PLACE_LEN])
{
	char text[TABLE_RANK_TEXT_LEN];

	snprintf(out, PLACE_LEN, "%s %s",
	    table_rank_duty(rank) == TABLE_RANKED ? in : "as",
	    table_rank_text(rank, text));
	return out;
}

/* Where it is, and how it is seen. */
static void
add_state(struct sentence *s, const struct table_row *row)
{
	char where[PLACE_LEN];
	const char *how = is_lowered(row) ? ", lowered for slowness" : "";

	if (table_home(row) == TABLE_TIER_DRAIN) {
		add(s, "not used (drained by the policy server)");
		return;
	}
	if (row->tier == 0 && !is_out(row)) {
		add(s, "not used (in no tier)");
		return;
	}
	place("in", row->tier, where);
	switch ((enum table_observed)row->observed) {
	case TABLE_UNKNOWN:
		break;
	case TABLE_UP:
		add(s, "used %s%s", where, how);
		return;
	case TABLE_SUSPECT:
		add(s, "used %s%s, but suspect", where, how);
		return;
	case TABLE_EJECTED:
		add(s, "not used (ejected)");
		return;
	case TABLE_HALF_OPEN:
		add(s, "on trial %s (half-open)",
		    place("for", table_home(row), where));
		return;
	case TABLE_SLOW_START:
		add(s, "used a little %s%s (slow start)", where, how);
		return;
	}
	add(s, "%s%s", where, how);
}

static void
add_pin(struct sentence *s, const struct table_row *row, int64_t now_us)
{
	add(s, "pinned to tier %u by the administrator", row->tier_pinned);
	add_since(s, row->pinned_us, now_us);
	add(s, " until unpinned, configured for tier %u", row->tier_conf);
}

/* What it is meant for, unless that is where it is. */
static void
add_tier(struct sentence *s, const struct table_row *row, int64_t now_us)
{
	if (table_duty(row) != TABLE_RANKED)
		return;
	if (row->tier_pinned != 0) {
		add(s, "; ");
		add_pin(s, row, now_us);
	} else if (row->tier_policy != 0) {
		add(s, "; meant for tier %u by policy, configured for tier %u",
		    row->tier_policy, row->tier_conf);
	} else if (row->tier_conf == 0) {
		add(s, "; no tier is configured");
	} else if (is_lowered(row) ? row->why != TABLE_WHY_SLOW
				   : row->observed == TABLE_EJECTED) {
		add(s, "; configured for tier %u", row->tier_conf);
	}
}

/* A check that is the newest that is known of it. */
static void
add_check(struct sentence *s, const struct table_row *row, int64_t now_us)
{
	int64_t ago_s = (now_us - row->checked_us) / 1000000;

	if (row->checked_us <= row->last_ok_us ||
	    row->checked_us <= row->last_failure_us ||
	    row->checked_us > now_us || row->check_reason >= REASON_COUNT)
		return;
	if (row->check_reason == REASON_OK)
		add(s, "; checked %lld s ago, successfully", (long long)ago_s);
	else
		add(s, "; checked %lld s ago: %s", (long long)ago_s,
		    wire_reason_text((enum wire_reason)row->check_reason));
}

/* Its state does not change so soon after the last time. */
static void
add_gap(struct sentence *s, const struct table_row *row, int64_t now_us)
{
	int64_t end_us = row->moved_us + RANK_GAP_US;

	if (row->moved_us <= 0 || row->moved_us > now_us || end_us <= now_us)
		return;
	add(s, ", at the earliest");
	add_wait(s, end_us, now_us);
}

static void
add_lowered_next(
    struct sentence *s, const struct table_row *row, int64_t now_us)
{
	add(s, "; back after %lld s of being fast enough",
	    RANK_FAST_US / 1000000);
	if (row->reconsider_us <= 0)
		return;
	add(s, ", or");
	add_wait(s, row->reconsider_us, now_us);
	add(s, " if too few requests tell");
}

/* When, or by what, it will be reconsidered. */
static void
add_next(struct sentence *s, const struct table_row *row, int64_t now_us)
{
	switch ((enum table_observed)row->observed) {
	case TABLE_UNKNOWN:
		add(s, "; judged by its first request or check");
		return;
	case TABLE_UP:
		if (!is_lowered(row))
			add(s, "; judged with every request");
		return;
	case TABLE_SUSPECT:
		add(s, "; up again with the next success");
		add_gap(s, row, now_us);
		if (row->why == TABLE_WHY_LAST_USABLE)
			add(s, "; ejected when another one works");
		else
			add(s, "; ejected at %d failures in a row", RANK_ROW);
		return;
	case TABLE_EJECTED:
		add(s, "; on trial");
		add_wait(s, row->reconsider_us, now_us);
		return;
	case TABLE_HALF_OPEN:
		add(s, "; back after %d successes", RANK_TRIALS_OK);
		add_gap(s, row, now_us);
		add(s, "; ejected again at a failure");
		return;
	case TABLE_SLOW_START:
		add(s, "; gets its full share");
		add_wait(s, row->reconsider_us, now_us);
		return;
	}
}

static void
add_held(struct sentence *s, const struct ctl_why_now *now)
{
	add(s, "; held");
	add_since(s, now->uplink_us, now->now_us);
	add(s, ", as our own uplink is suspected, until any intermediary "
	       "answers");
}

static void
add_reconsidered(struct sentence *s, const struct table_row *row,
    const struct ctl_why_now *now)
{
	/* An ejection ends all the same. */
	if (now->uplink_us > 0 && row->observed != TABLE_EJECTED) {
		add_held(s, now);
		return;
	}
	if (row->tier == 0 && !is_out(row))
		return;
	if (is_lowered(row) && !is_out(row) &&
	    row->observed != TABLE_SLOW_START)
		add_lowered_next(s, row, now->now_us);
	add_next(s, row, now->now_us);
}

const char *
ctl_why_sentence(const struct table_row *row, const struct ctl_why_now *now,
    char *out, size_t size)
{
	struct sentence s = {out, size, 0};

	out[0] = '\0';
	add(&s, "%s: ", row->name);
	if (row->admin == TABLE_DRAIN) {
		add(&s, "not used (drained by the administrator");
		add_since(&s, row->drained_us, now->now_us);
		add(&s, ", %u in flight) until enabled; otherwise ",
		    row->in_flight);
	}
	add_state(&s, row);
	add_since(&s, row->since_us, now->now_us);
	if (row->reason[0] != '\0')
		add(&s, ": %s", row->reason);
	add_tier(&s, row, now->now_us);
	add_check(&s, row, now->now_us);
	add_reconsidered(&s, row, now);
	return out;
}

void
ctl_why(struct ctl_query *q)
{
	const struct table_row *row =
	    table_find(q->control->ranking.table, q->args[0]);
	const struct ctl_why_now now = {
	    q->now_us, q->control->ranking.table->uplink_us};
	char text[CTL_WHY_MAX];
	json_t *answer;

	if (row == NULL) {
		ctl_refuse(q, CTL_NOT_FOUND, "no intermediary is named %.64s",
		    q->args[0]);
		return;
	}
	answer = ctl_head();
	ctl_set_text(answer, "name", row->name);
	ctl_set_text(answer, "sentence",
	    ctl_why_sentence(row, &now, text, sizeof(text)));
	ctl_set_text(
	    answer, "admin", table_admin_word((enum table_admin)row->admin));
	ctl_set_text(answer, "observed",
	    table_observed_word((enum table_observed)row->observed));
	ctl_set_text(answer, "duty", table_duty_word(table_duty(row)));
	ctl_set_int(answer, "tier", table_rank_shown(row->tier));
	ctl_set_int(answer, "since_us", row->since_us);
	ctl_set_int(answer, "reconsider_us", row->reconsider_us);
	ctl_set_text(answer, "code", table_why_word((enum table_why)row->why));
	ctl_set_text(answer, "reason", row->reason);
	ctl_set_check(answer, row);
	ctl_say(q, answer);
}
