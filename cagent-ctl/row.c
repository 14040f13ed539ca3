/* Owns what is known of one intermediary: its fields and their meaning. */
#include "cagent-ctl/row.h"

#include <stdio.h>
#include <string.h>

#include "cagent-ctl/format.h"
#include "shm/table.h"
#include "wire/wire.h"

/* The order of enum settings_built_in, which the table's bits follow. */
static const char *const classes[] = {
    "critical", "interactive", "normal", "bulk"};

const char *
row_class_word(unsigned int bit, char out[static ROW_CLASS_LEN])
{
	if (bit < sizeof(classes) / sizeof(*classes))
		snprintf(out, ROW_CLASS_LEN, "%s", classes[bit]);
	else
		snprintf(out, ROW_CLASS_LEN, "class %u", bit % 100);
	return out;
}

/* An agent from before there were others does not say. */
bool
row_ranked(const json_t *row)
{
	const char *duty = field_string(row, "duty");

	return *duty == '\0' || strcmp(duty, "ranked") == 0;
}

bool
row_usable(const json_t *row)
{
	return strcmp(field_string(row, "admin"), "enabled") == 0 &&
	       strcmp(field_string(row, "observed"), "ejected") != 0 &&
	       (field_number(row, "tier") != 0 || !row_ranked(row));
}

static void
tier_cell(const json_t *row, int64_t now_us, char *out, size_t size)
{
	int64_t tier = field_number(row, "tier");
	const char *name = field_string(row, "tier_name");

	(void)now_us; /* ranks know no time */
	if (!row_ranked(row))
		snprintf(out, size, "%s", field_string(row, "duty"));
	else if (tier != 0)
		snprintf(out, size, "%lld%s%s", (long long)tier,
		    *name != '\0' ? " " : "", name);
}

static void
wanted_cell(const json_t *row, int64_t now_us, char *out, size_t size)
{
	int64_t pinned = field_number(row, "tier_pinned");

	(void)now_us; /* orders know no time */
	snprintf(out, size, "%s", field_string(row, "admin"));
	if (pinned != 0 && strcmp(out, "enabled") == 0)
		snprintf(out, size, "pinned to %lld", (long long)pinned);
	else if (pinned != 0)
		snprintf(out, size, "%s, pinned to %lld",
		    field_string(row, "admin"), (long long)pinned);
}

static void
ok_cell(const json_t *row, int64_t now_us, char *out, size_t size)
{
	int64_t ok = field_number(row, "successes"), all;
	char text[FORMAT_LEN];

	(void)now_us; /* a share knows no time */
	if (__builtin_add_overflow(ok, field_number(row, "charged"), &all))
		all = INT64_MAX;
	snprintf(out, size, "%s", format_percent(ok, all, text));
}

static void
limit_cell(const json_t *row, int64_t now_us, char *out, size_t size)
{
	int64_t n = field_number(row, "connections_max");

	(void)now_us; /* a setting */
	if (n == 0)
		snprintf(out, size, "no limit");
	else
		snprintf(out, size, "%lld", (long long)n);
}

static void
reconsider_cell(const json_t *row, int64_t now_us, char *out, size_t size)
{
	int64_t at_us = field_number(row, "reconsider_us");
	char when[FORMAT_LEN], left[FORMAT_LEN];

	if (at_us == 0)
		snprintf(out, size, "with the next news");
	else
		snprintf(out, size, "%s, in %s",
		    format_time(at_us, now_us, when),
		    format_between(now_us, at_us, left));
}

const struct field row_fields[] = {
    {"tier", "TIER", "tier now", FIELD_TEXT, false, tier_cell,
	"the tier in force, 1 is used first, with its name if it has one; 0 "
	"(\"-\"): not to be used now; \"cache\" or \"service\" for what is in "
	"no tier"},
    {"tier_name", NULL, NULL, FIELD_TEXT, false, NULL,
	"the name of that tier, \"\" when it has only a rank"},
    {"name", "NAME", "name", FIELD_TEXT, false, NULL,
	"as the configuration calls the intermediary"},
    {"observed", "STATE", "state", FIELD_STATE, false, NULL,
	"what was seen: unknown (\"not used yet\": nothing is known, which is "
	"not down), up, suspect (it failed lately), ejected (not used for a "
	"while), half-open (a few trial requests), slow-start (back, with a "
	"part of its share)"},
    {"admin", "WANTED", "wanted", FIELD_TEXT, false, wanted_cell,
	"what the administrator wants: enabled, or drain (no new requests); "
	"a pinned tier is shown here too"},
    {"in_flight", "OPEN", "open tunnels", FIELD_COUNT, false, NULL,
	"tunnels and attempts through it at this moment"},
    {"attempts", "TRIED", "attempts", FIELD_COUNT, false, NULL,
	"attempts to reach a destination through it, since the agent knows "
	"it"},
    {"successes", "OK", "succeeded", FIELD_COUNT, false, ok_cell,
	"attempts that made a tunnel; shown as their share of these and its "
	"own failures: what a destination refused counts for neither"},
    {"charged", NULL, "own failures", FIELD_COUNT, false, NULL,
	"failures that are the intermediary's own, which alone move its rank"},
    {"hedged", NULL, "given up", FIELD_COUNT, false, NULL,
	"attempts that were given up because another, begun when this one "
	"took long, was faster; held against nobody"},
    {"handshake.p50_us", "P50", "handshake, median", FIELD_SPAN, true, NULL,
	"half of the handshakes (its answer to a request, once connected) "
	"took no longer, in microseconds; 0 (\"-\"): none yet"},
    {"handshake.p95_us", "P95", "handshake, 95 %", FIELD_SPAN, false, NULL,
	"19 of 20 handshakes took no longer, in microseconds"},
    {"recent_p95_us", NULL, "handshake, 95 % of late", FIELD_SPAN, false, NULL,
	"the same for those of the last 30 seconds, by which it is judged "
	"slow; 0 (\"-\"): fewer than 20"},
    {"connect.p50_us", NULL, "connect, median", FIELD_SPAN, false, NULL,
	"half of the TCP connections to it stood within, in microseconds"},
    {"connect.p95_us", NULL, "connect, 95 %", FIELD_SPAN, false, NULL,
	"19 of 20 stood within, in microseconds (only in show)"},
    {"first_byte.p50_us", NULL, "first byte, median", FIELD_SPAN, false, NULL,
	"from the first byte sent to the first byte back, through it, in "
	"microseconds (only in show)"},
    {"first_byte.p95_us", NULL, "first byte, 95 %", FIELD_SPAN, false, NULL,
	"the same for 19 of 20 (only in show)"},
    {"warm", NULL, "connections ready", FIELD_COUNT, false, NULL,
	"connections to it that wait for a request (only in show)"},
    {"at_once", NULL, "asked at once", FIELD_TEXT, false, NULL,
	"SOCKS5: does it take the request together with the greeting? yes, no, "
	"or unknown (only in show)"},
    {"bytes_up", "UP", "bytes up", FIELD_BYTES, true, NULL,
	"bytes relayed from clients; 1K is 1024"},
    {"bytes_down", "DOWN", "bytes down", FIELD_BYTES, true, NULL,
	"bytes relayed to clients"},
    {"duty", NULL, "there for", FIELD_TEXT, false, NULL,
	"what it is there for: ranked (any request, by its tier), cache or "
	"service (plain HTTP requests before all others; in no tier)"},
    {"type", NULL, "protocol", FIELD_TEXT, false, NULL,
	"what it speaks: socks5, socks4a or http"},
    {"address", NULL, "address", FIELD_TEXT, false, NULL,
	"host and port where it listens"},
    {"weight", NULL, "weight", FIELD_COUNT, false, NULL,
	"its share inside the tier, relative to the others'"},
    {"connections_max", NULL, "tunnels allowed", FIELD_COUNT, false, limit_cell,
	"tunnels through it at a time; 0: no limit"},
    {"tier_configured", NULL, "tier configured", FIELD_RANK, false, NULL,
	"the tier in the configuration"},
    {"tier_policy", NULL, "tier by policy", FIELD_RANK, false, NULL,
	"the tier that the policy server gave it; 0: none"},
    {"tier_pinned", NULL, "tier pinned", FIELD_RANK, false, NULL,
	"the tier that \"pin\" gave it, over all others; 0: none"},
    {"tier_observed", NULL, "tier for slowness", FIELD_RANK, false, NULL,
	"the tier it was lowered to for slowness; it is in the worse of this "
	"and the one it is meant for, unless that is pinned; 0: none"},
    {"ejections", NULL, "ejections in a row", FIELD_COUNT, false, NULL,
	"how often it was ejected without being well in between; each one "
	"lasts longer"},
    {"trials", NULL, "trials left", FIELD_COUNT, false, NULL,
	"half-open: trial requests that are let through"},
    {"last_ok_us", NULL, "last success", FIELD_TIME, false, NULL,
	"when an attempt last made a tunnel; 0: never"},
    {"last_failure_us", NULL, "last failure", FIELD_TIME, false, NULL,
	"when an attempt last failed; 0: never"},
    {"last_failure", NULL, "which was", FIELD_TEXT, false, NULL,
	"how: a word of those that --json and the log use; \"\" or \"ok\": no "
	"failure"},
    {"checked_us", NULL, "last check", FIELD_TIME, false, NULL,
	"when the agent last checked it by itself, as it does with one that "
	"no request has lately succeeded through; 0: never"},
    {"check", NULL, "which said", FIELD_TEXT, false, NULL,
	"ok, or how it failed, in a word as of a failure; \"\": never checked"},
    {"reconsider_us", NULL, "looked at again", FIELD_TIME, false,
	reconsider_cell,
	"when its rank will be looked at again without further news; 0: with "
	"the next news"},
    {"since_us", "SINCE", "since", FIELD_TIME, true, NULL,
	"since when it stands where it does"},
    {"failures", NULL, "failures", FIELD_COUNTS, false, NULL,
	"all failed attempts, by reason; many are the destination's, and not "
	"charged to it (only in show)"},
    {"workers", NULL, NULL, FIELD_OTHER, false, NULL,
	"each worker's part of the counts (only in show)"},
    {"code", NULL, "why", FIELD_TEXT, false, NULL,
	"why it stands where it does, in a stable word, see cagent-ctl(8)"},
    {"reason", "REASON", "reason", FIELD_TEXT, false, NULL,
	"why it stands where it does; \"cagent-ctl why NAME\" tells it in a "
	"sentence"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

const struct field_list row_list = {"an intermediary", "rows", row_fields};

static const char *
tier_name(const struct table *t, uint16_t rank)
{
	uint32_t i;

	for (i = 0; i < t->tiers_n; i++) {
		if (t->tiers[i].rank == rank)
			return t->tiers[i].name;
	}
	return "";
}

static const char *
failure_word(const struct table_row *row)
{
	return row->last_failure_us == 0
		   ? ""
		   : wire_reason_word((enum wire_reason)row->last_failure);
}

static const char *
check_word(const struct table_row *row)
{
	return row->checked_us == 0
		   ? ""
		   : wire_reason_word((enum wire_reason)row->check_reason);
}

static json_t *
address_json(const struct table_row *row)
{
	char text[TABLE_HOST_MAX + 16];
	bool v6 = strchr(row->host, ':') != NULL;

	snprintf(text, sizeof(text), "%s%s%s:%u", v6 ? "[" : "", row->host,
	    v6 ? "]" : "", row->port);
	return field_json_string(text);
}

static void
add_counts(json_t *j, const struct table_row *row)
{
	json_t *more = json_pack(
	    "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:{s:I}, s:{s:I, s:I}}",
	    "weight", (json_int_t)row->weight, "connections_max",
	    (json_int_t)row->connections_max, "in_flight",
	    (json_int_t)row->in_flight, "attempts", (json_int_t)row->attempts,
	    "successes", (json_int_t)row->successes, "charged",
	    (json_int_t)row->charged, "hedged", (json_int_t)row->hedged,
	    "bytes_up", (json_int_t)row->bytes_up, "bytes_down",
	    (json_int_t)row->bytes_down, "connect", "p50_us",
	    (json_int_t)row->connect_p50_us, "handshake", "p50_us",
	    (json_int_t)row->handshake_p50_us, "p95_us",
	    (json_int_t)row->handshake_p95_us);

	json_object_update(j, more);
	json_decref(more);
}

static void
add_history(json_t *j, const struct table_row *row)
{
	json_t *more = json_pack(
	    "{s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:o, s:I, s:I, s:s}",
	    "since_us", (json_int_t)row->since_us, "reconsider_us",
	    (json_int_t)row->reconsider_us, "ejections",
	    (json_int_t)row->ejections, "trials", (json_int_t)row->trials,
	    "last_ok_us", (json_int_t)row->last_ok_us, "last_failure_us",
	    (json_int_t)row->last_failure_us, "last_failure", failure_word(row),
	    "code", table_why_word((enum table_why)row->why), "reason",
	    field_json_string(row->reason), "recent_p95_us",
	    (json_int_t)row->recent_p95_us, "checked_us",
	    (json_int_t)row->checked_us, "check", check_word(row));

	json_object_update(j, more);
	json_decref(more);
}

json_t *
row_json(const struct table *t, const struct table_row *row)
{
	json_t *j =
	    json_pack("{s:o, s:s, s:s, s:o, s:s, s:s, s:I, s:o, s:I, s:I, s:I, "
		      "s:I}",
		"name", field_json_string(row->name), "duty",
		table_duty_word(table_duty(row)), "type",
		table_type_word((enum table_type)row->type), "address",
		address_json(row), "admin",
		table_admin_word((enum table_admin)row->admin), "observed",
		table_observed_word((enum table_observed)row->observed), "tier",
		(json_int_t)table_rank_shown(row->tier), "tier_name",
		field_json_string(tier_name(t, row->tier)), "tier_configured",
		(json_int_t)table_rank_shown(row->tier_conf), "tier_pinned",
		(json_int_t)row->tier_pinned, "tier_policy",
		(json_int_t)(row->tier_policy == TABLE_TIER_DRAIN
				 ? 0
				 : row->tier_policy),
		"tier_observed", (json_int_t)row->tier_observed);

	if (j == NULL)
		return NULL;
	add_counts(j, row);
	add_history(j, row);
	return j;
}
