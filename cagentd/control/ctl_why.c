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

#define DAY_US 86400000000ll

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

static void
add_since(struct sentence *s, const struct table_row *row, int64_t now_us)
{
	bool today = now_us - row->since_us < DAY_US;
	time_t t = (time_t)(row->since_us / 1000000);
	struct tm tm;
	char text[32];

	if (row->since_us <= 0 || gmtime_r(&t, &tm) == NULL)
		return;
	strftime(text, sizeof(text), today ? "%H:%M:%SZ" : "%Y-%m-%d %H:%M:%SZ",
	    &tm);
	add(s, " since %s", text);
}

/* Where it is, and how it is seen. */
static void
add_state(struct sentence *s, const struct table_row *row)
{
	if (row->tier == 0 && row->observed != TABLE_EJECTED &&
	    row->observed != TABLE_HALF_OPEN) {
		add(s, "not used (in no tier)");
		return;
	}
	switch ((enum table_observed)row->observed) {
	case TABLE_UNKNOWN:
		add(s, "in tier %u", row->tier);
		return;
	case TABLE_UP:
		add(s, "used in tier %u", row->tier);
		return;
	case TABLE_SUSPECT:
		add(s, "in tier %u, but suspect", row->tier);
		return;
	case TABLE_EJECTED:
		add(s, "not used (ejected)");
		return;
	case TABLE_HALF_OPEN:
		add(s, "on trial for tier %u (half-open)", table_home(row));
		return;
	case TABLE_SLOW_START:
		add(s, "used a little in tier %u (slow start)", row->tier);
		return;
	}
	add(s, "in tier %u", row->tier);
}

static void
add_tier(struct sentence *s, const struct table_row *row)
{
	bool out = row->tier == 0 && row->observed != TABLE_HALF_OPEN;
	const char *was = out ? "was " : "";

	if (row->tier_pinned != 0)
		add(s,
		    "; %spinned to tier %u by the administrator, configured "
		    "for tier %u",
		    was, row->tier_pinned, row->tier_conf);
	else if (row->tier_policy != 0)
		add(s, "; %sin tier %u by policy, configured for tier %u", was,
		    row->tier_policy, row->tier_conf);
	else if (row->tier_observed > row->tier_conf)
		add(s,
		    "; %slowered to tier %u for slowness, configured for "
		    "tier %u",
		    was, row->tier_observed, row->tier_conf);
	else if (out)
		add(s, "; was configured for tier %u", row->tier_conf);
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

static void
add_next(struct sentence *s, const struct table_row *row, int64_t now_us)
{
	const char *what = row->observed == TABLE_SLOW_START
			       ? "gets its full share"
			       : "looked at again";
	int64_t left_s;

	if (row->reconsider_us <= 0)
		return;
	left_s = row->reconsider_us > now_us
		     ? (row->reconsider_us - now_us + 999999) / 1000000
		     : 0;
	if (left_s > 0)
		add(s, "; %s in %lld s", what, (long long)left_s);
	else
		add(s, "; %s now", what);
}

const char *
ctl_why_sentence(
    const struct table_row *row, int64_t now_us, char *out, size_t size)
{
	struct sentence s = {out, size, 0};

	out[0] = '\0';
	add(&s, "%s: ", row->name);
	if (row->admin == TABLE_DRAIN) {
		add(&s,
		    "not used (drained by the administrator, %u in flight); "
		    "otherwise ",
		    row->in_flight);
	}
	add_state(&s, row);
	add_since(&s, row, now_us);
	if (row->reason[0] != '\0')
		add(&s, ": %s", row->reason);
	add_tier(&s, row);
	add_check(&s, row, now_us);
	add_next(&s, row, now_us);
	return out;
}

void
ctl_why(struct ctl_query *q)
{
	const struct table_row *row =
	    table_find(q->control->ranking.table, q->args[0]);
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
	    ctl_why_sentence(row, q->now_us, text, sizeof(text)));
	ctl_set_text(
	    answer, "admin", table_admin_word((enum table_admin)row->admin));
	ctl_set_text(answer, "observed",
	    table_observed_word((enum table_observed)row->observed));
	ctl_set_int(answer, "tier", row->tier);
	ctl_set_int(answer, "since_us", row->since_us);
	ctl_set_int(answer, "reconsider_us", row->reconsider_us);
	ctl_set_text(answer, "code", table_why_word((enum table_why)row->why));
	ctl_set_text(answer, "reason", row->reason);
	ctl_set_check(answer, row);
	ctl_say(q, answer);
}
