/* Tells the tier table as it stands, row by row. */
#include "cagentd/control/ctl_row.h"

#include <stdio.h>
#include <string.h>

#include "cagentd/control/control.h"
#include "cagentd/control/ctl_answer.h"
#include "wire/wire.h"

static json_t *
address(const struct table_row *row)
{
	char text[TABLE_HOST_MAX + 16];
	bool v6 = strchr(row->host, ':') != NULL;

	snprintf(
	    text, sizeof(text), v6 ? "[%s]:%u" : "%s:%u", row->host, row->port);
	return ctl_text(text);
}

static json_t *
times(int64_t p50_us, int64_t p95_us)
{
	json_t *o = json_object();

	ctl_set_int(o, "p50_us", p50_us);
	if (p95_us >= 0)
		ctl_set_int(o, "p95_us", p95_us);
	return o;
}

static void
set_place(json_t *o, const struct table_row *row)
{
	ctl_set_text(
	    o, "admin", table_admin_word((enum table_admin)row->admin));
	ctl_set_text(o, "observed",
	    table_observed_word((enum table_observed)row->observed));
	ctl_set_text(o, "duty", table_duty_word(table_duty(row)));
	ctl_set_int(o, "tier", table_rank_shown(row->tier));
	ctl_set_int(o, "tier_configured", table_rank_shown(row->tier_conf));
	ctl_set_int(o, "tier_pinned", row->tier_pinned);
	ctl_set_int(o, "tier_policy",
	    row->tier_policy == TABLE_TIER_DRAIN ? 0 : row->tier_policy);
	ctl_set_int(o, "tier_observed", row->tier_observed);
	ctl_set_int(o, "weight", row->weight);
	ctl_set_int(o, "connections_max", row->connections_max);
}

static void
set_counts(json_t *o, const struct table_row *row)
{
	ctl_set_int(o, "in_flight", row->in_flight);
	ctl_set_int(o, "attempts", (int64_t)row->attempts);
	ctl_set_int(o, "successes", (int64_t)row->successes);
	ctl_set_int(o, "charged", (int64_t)row->charged);
	ctl_set_int(o, "hedged", (int64_t)row->hedged);
	ctl_set_int(o, "bytes_up", (int64_t)row->bytes_up);
	ctl_set_int(o, "bytes_down", (int64_t)row->bytes_down);
}

static void
set_history(json_t *o, const struct table_row *row)
{
	bool failed = row->last_failure_us != 0;

	ctl_set_int(o, "since_us", row->since_us);
	ctl_set_int(o, "reconsider_us", row->reconsider_us);
	ctl_set_text(o, "code", table_why_word((enum table_why)row->why));
	ctl_set_text(o, "reason", row->reason);
	ctl_set_int(o, "ejections", row->ejections);
	ctl_set_int(o, "trials", row->trials);
	ctl_set_int(o, "last_ok_us", row->last_ok_us);
	ctl_set_int(o, "last_failure_us", row->last_failure_us);
	ctl_set_text(o, "last_failure",
	    failed && row->last_failure < REASON_COUNT
		? wire_reason_word((enum wire_reason)row->last_failure)
		: "");
	ctl_set(o, "connect", times(row->connect_p50_us, -1));
	ctl_set(o, "handshake",
	    times(row->handshake_p50_us, row->handshake_p95_us));
	ctl_set_int(o, "recent_p95_us", row->recent_p95_us);
}

void
ctl_set_check(json_t *o, const struct table_row *row)
{
	bool known = row->checked_us != 0 && row->check_reason < REASON_COUNT;

	ctl_set_int(o, "checked_us", row->checked_us);
	ctl_set_text(o, "check",
	    known ? wire_reason_word((enum wire_reason)row->check_reason) : "");
}

json_t *
ctl_row(const struct table_row *row)
{
	json_t *o = json_object();

	ctl_set_text(o, "name", row->name);
	ctl_set_text(o, "type", table_type_word((enum table_type)row->type));
	ctl_set(o, "address", address(row));
	set_place(o, row);
	set_counts(o, row);
	set_history(o, row);
	ctl_set_check(o, row);
	return o;
}

json_t *
ctl_classes(const struct settings *s, uint32_t classes)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < s->classes_n; i++) {
		if ((classes & 1u << i) != 0)
			json_array_append_new(
			    list, ctl_text(settings_class_name(s, i)));
	}
	return list;
}

static json_t *
tier(const struct settings *s, const struct table_tier *t)
{
	json_t *o = json_object();

	ctl_set_int(o, "rank", t->rank);
	ctl_set_text(o, "name", t->name);
	ctl_set(o, "reserved_for", ctl_classes(s, t->reserved_for));
	return o;
}

void
ctl_tiers(struct ctl_query *q)
{
	const struct table *t = q->control->ranking.table;
	json_t *answer = ctl_head();
	json_t *rows = json_array(), *tiers = json_array();
	uint32_t i;

	for (i = 0; i < t->rows_n; i++)
		json_array_append_new(rows, ctl_row(&t->rows[i]));
	for (i = 0; i < t->tiers_n; i++)
		json_array_append_new(
		    tiers, tier(q->control->settings, &t->tiers[i]));
	ctl_set_int(answer, "generation", (int64_t)t->generation);
	ctl_set(answer, "rows", rows);
	ctl_set(answer, "tiers", tiers);
	ctl_say(q, answer);
}
