/* Says in words what a request would try, one step after the other. */
#include <stdio.h>
#include <string.h>

#include "cagentd/control/control.h"
#include "cagentd/control/ctl_answer.h"
#include "cagentd/control/ctl_route.h"
#include "cagentd/decide/content.h"

/* So many names stand in one step; the candidates list them all. */
#define NAMES_MAX 8

static const char *
rule_text(const struct ctl_route *r, char *out, size_t size)
{
	const struct settings *s = r->control->settings;

	if (r->verdict.rule < 0)
		snprintf(out, size, "no rule");
	else
		snprintf(out, size, "rule %d \"%s\"", r->verdict.rule + 1,
		    s->rules[r->verdict.rule].name);
	return out;
}

static void
step(json_t *steps, const char *text)
{
	json_array_append_new(steps, ctl_text(text));
}

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

/* Rows that are one step: of one tier, and alike on trial or not. */
static uint32_t
group_end(const struct ctl_route *r, uint32_t from)
{
	const struct table *t = r->query.table;
	const struct table_row *first = &t->rows[r->order[from]], *row;
	uint32_t i;

	for (i = from + 1; i < r->order_n; i++) {
		row = &t->rows[r->order[i]];
		if (path_rank(row) != path_rank(first) ||
		    (row->observed == TABLE_HALF_OPEN) !=
			(first->observed == TABLE_HALF_OPEN))
			break;
	}
	return i;
}

static void
group_step(
    const struct ctl_route *r, uint32_t from, uint32_t end, json_t *steps)
{
	const struct table *t = r->query.table;
	const struct table_row *row = &t->rows[r->order[from]];
	const char *name = tier_name(t, path_rank(row));
	char text[NAMES_MAX * (TABLE_NAME_MAX + 3) + 256];
	char rank[TABLE_RANK_TEXT_LEN];
	size_t len;
	uint32_t i;

	snprintf(text, sizeof(text), "%s%s%s%s%s: ",
	    row->observed == TABLE_HALF_OPEN ? "on trial, of " : "",
	    table_rank_text(path_rank(row), rank), name[0] != '\0' ? " (" : "",
	    name, name[0] != '\0' ? ")" : "");
	for (i = from; i < end && i < from + NAMES_MAX; i++) {
		len = strlen(text);
		snprintf(text + len, sizeof(text) - len, "%s%s",
		    i > from ? ", " : "", t->rows[r->order[i]].name);
	}
	len = strlen(text);
	if (end > from + NAMES_MAX)
		snprintf(text + len, sizeof(text) - len, " and %u more",
		    end - from - NAMES_MAX);
	step(steps, text);
}

static void
learned_step(const struct ctl_route *r, json_t *steps)
{
	int64_t s = (r->now_us - r->learned.since_us) / 1000000;
	char text[128], ago[32];

	if (s < 120)
		snprintf(ago, sizeof(ago), "%lld s", (long long)s);
	else if (s < 7200)
		snprintf(ago, sizeof(ago), "%lld min", (long long)s / 60);
	else
		snprintf(ago, sizeof(ago), "%lld h", (long long)s / 3600);
	snprintf(text, sizeof(text),
	    "direct: learned as direct %s ago (%u of %u workers)", ago,
	    r->learned.workers, r->learned.of);
	step(steps, text);
}

static void
last_step(const struct ctl_route *r, json_t *steps)
{
	const struct settings *s = r->control->settings;
	bool steps_only =
	    r->order_n == 0 || ctl_route_is_step(r, r->order[r->order_n - 1]);
	bool tried = !steps_only || r->verdict.direct_first;

	if (!tried && s->no_path_direct && r->verdict.via == VIA_DEFAULT)
		step(steps,
		    "direct: no usable intermediary, and no-path = direct");
	else if (!tried)
		step(steps, r->order_n == 0
				? "refused: no usable intermediary"
				: "refused, when that has failed: no "
				  "usable intermediary");
	else
		step(steps, "refused, when all of that has failed");
}

static void
full_step(const struct ctl_route *r, json_t *steps)
{
	const struct settings *s = r->control->settings;
	const struct settings_class *c = &s->classes[r->verdict.class];
	char text[SETTINGS_NAME_MAX + 192], rank[TABLE_RANK_TEXT_LEN];

	table_rank_text(r->full.rank, rank);
	if (c->when_full == FULL_REFUSE)
		snprintf(text, sizeof(text),
		    "refused: %s is at its connection limits, and class %s "
		    "takes no other",
		    rank, c->name);
	else
		snprintf(text, sizeof(text),
		    "%s is at its connection limits: class %s waits, with "
		    "priority %u, for %lld ms at most, and is refused then",
		    rank, c->name, c->priority, (long long)c->queue_wait_ms);
	step(steps, text);
}

json_t *
ctl_route_content(const struct ctl_route *r)
{
	char type[CONTENT_TYPE_MAX + 1];
	json_t *o = json_object();
	int w;

	for (w = 0; r->asked.path != NULL && w < CONTENT_WITNESSES; w++) {
		content_by(&r->asked, (enum content_witness)w, type);
		if (type[0] == '\0')
			continue;
		if (type[strlen(type) - 1] == '/')
			strlcat(type, "*", sizeof(type));
		ctl_set_text(o, "type", type);
		ctl_set_text(
		    o, "by", content_witness_word((enum content_witness)w));
		return o;
	}
	json_decref(o);
	return json_null();
}

json_t *
ctl_route_steps(const struct ctl_route *r)
{
	char rule[SETTINGS_NAME_MAX + 32], text[SETTINGS_NAME_MAX + 64];
	json_t *steps = json_array();
	uint32_t i, end;

	rule_text(r, rule, sizeof(rule));
	if (r->verdict.via == VIA_DENY) {
		if (r->verdict.forbidden)
			snprintf(text, sizeof(text),
			    "refused: no intermediary is asked for such an "
			    "address");
		else
			snprintf(
			    text, sizeof(text), "refused: %s denies it", rule);
		step(steps, text);
		return steps;
	}
	if (r->verdict.via == VIA_DIRECT) {
		snprintf(text, sizeof(text), "direct: %s says so", rule);
		step(steps, text);
		return steps;
	}
	for (i = 0; i < r->order_n && ctl_route_is_step(r, r->order[i]);
	     i = end) {
		end = group_end(r, i);
		group_step(r, i, end, steps);
	}
	if (r->verdict.learned)
		learned_step(r, steps);
	else if (r->verdict.direct_first)
		step(steps, "direct: the destination is listed in [direct]");
	for (; i < r->order_n; i = end) {
		end = group_end(r, i);
		group_step(r, i, end, steps);
	}
	if (r->held)
		full_step(r, steps);
	else
		last_step(r, steps);
	return steps;
}
