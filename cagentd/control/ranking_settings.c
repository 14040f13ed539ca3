/* Makes the rows that the configuration names, and keeps what is still true of
 * the old ones; judges nobody. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mono.h"
#include "cagentd/control/ranking_check.h"
#include "cagentd/control/ranking_fold.h"
#include "cagentd/control/ranking_slow.h"
#include "conf/policy_rank.h"

static uint8_t
type_of(const struct settings_intermediary *si)
{
	switch (si->type) {
	case HOP_SOCKS5:
		return TABLE_SOCKS5;
	case HOP_SOCKS4A:
		return TABLE_SOCKS4A;
	case HOP_HTTP:
		return si->tls != NULL ? TABLE_HTTPS : TABLE_HTTP;
	}
	return TABLE_SOCKS5;
}

static uint16_t
rank_of(const struct settings_intermediary *si)
{
	switch (si->duty) {
	case DUTY_RANKED:
	case DUTY_COUNT:
		break;
	case DUTY_CACHE:
		return TABLE_RANK_CACHE;
	case DUTY_SERVICE:
		return TABLE_RANK_SERVICE;
	}
	return si->tier;
}

/* Is the row about the same server as the configuration, and is that there for
 * the same? */
static bool
same_server(const struct table_row *row, const struct settings_intermediary *si)
{
	return table_duty(row) == table_rank_duty(rank_of(si)) &&
	       strcmp(row->host, si->host) == 0 && row->port == si->port &&
	       row->type == type_of(si);
}

/* A slot that no row of either table uses; there are as many slots as rows,
 * and a name that is gone frees its own. */
static uint32_t
free_slot(const bool *used)
{
	uint32_t slot;

	for (slot = 0; slot < TABLE_ROWS_MAX; slot++) {
		if (!used[slot])
			break;
	}
	return slot;
}

static bool
in_a_slab(const struct ranking *r, uint32_t slot, uint32_t incarnation)
{
	uint32_t i;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		if (r->slabs[i] != NULL &&
		    ranking_fold_tenant(r->slabs[i], slot) == incarnation)
			return true;
	}
	return false;
}

/* A number that no slab knows, also when the tenant before was forgotten with
 * an earlier control process: its counts must not become the new one's. */
static uint32_t
next_incarnation(struct ranking *r, uint32_t slot)
{
	do
		r->incarnations[slot]++;
	while (r->incarnations[slot] == 0 ||
	       in_a_slab(r, slot, r->incarnations[slot]));
	return r->incarnations[slot];
}

static void
new_tenant(struct ranking *r, struct table_row *row, uint32_t slot)
{
	memset(row, 0, sizeof(*row));
	row->slot = slot;
	row->incarnation = next_incarnation(r, slot);
	row->since_us = mono_wall_us();
	row->why = TABLE_WHY_UNUSED;
	snprintf(row->reason, sizeof(row->reason), "not used yet");
	memset(&r->states[slot], 0, sizeof(r->states[slot]));
}

/* Names are bounded by the settings to what a row holds. */
static void
configure(struct table_row *row, const struct settings_intermediary *si,
    const struct policy_rank_row *rank)
{
	memcpy(row->name, si->name, sizeof(row->name));
	memcpy(row->host, si->host, sizeof(si->host));
	row->port = si->port;
	row->type = type_of(si);
	row->tier_conf = rank_of(si);
	row->tier_policy = 0;
	row->weight = si->weight;
	if (rank != NULL && rank->weight != 0)
		row->weight = (uint32_t)rank->weight;
	if (rank != NULL && si->duty == DUTY_RANKED && rank->tier != si->tier)
		row->tier_policy = (uint16_t)rank->tier;
	if (rank != NULL && rank->drain)
		row->tier_policy = TABLE_TIER_DRAIN;
	row->connections_max = si->connections_max;
	rank_settle(row);
}

static void
set_tiers(struct table *t, const struct settings *s)
{
	uint32_t i;

	t->tiers_n = s->tiers_n;
	for (i = 0; i < s->tiers_n; i++) {
		memset(&t->tiers[i], 0, sizeof(t->tiers[i]));
		memcpy(t->tiers[i].name, s->tiers[i].name,
		    sizeof(s->tiers[i].name));
		t->tiers[i].rank = s->tiers[i].rank;
		t->tiers[i].reserved_for = s->tiers[i].reserved_for;
	}
}

static void
keep_orders(struct table_row *row, const struct table_row *was,
    const struct settings_intermediary *si)
{
	row->admin = was->admin;
	row->drained_us = was->drained_us;
	if (si->duty != DUTY_RANKED)
		return;
	row->tier_pinned = was->tier_pinned;
	row->pinned_us = was->pinned_us;
}

static void
moved_to(struct table_row *row, uint16_t tier, uint16_t was)
{
	row->since_us = mono_wall_us();
	row->why = TABLE_WHY_CONFIGURED;
	snprintf(row->reason, sizeof(row->reason),
	    "configured for tier %u, was %u", tier, was);
}

static void
ranked(struct ranking *r, struct table_row *row, const struct table_row *was)
{
	char text[TABLE_REASON_MAX + 1], rank[TABLE_RANK_TEXT_LEN];

	if (row->tier_policy == TABLE_TIER_DRAIN)
		snprintf(text, sizeof(text), "drained by the policy server");
	else if (row->tier_policy != 0)
		snprintf(text, sizeof(text),
		    "put into tier %u by the policy server", row->tier_policy);
	else
		snprintf(text, sizeof(text), "%s%s again, not ranked any more",
		    table_duty(row) == TABLE_RANKED ? "in " : "",
		    table_rank_text(row->tier_conf, rank));
	if (row->tier != was->tier) {
		row->since_us = mono_wall_us();
		row->why = TABLE_WHY_RANKED;
		memcpy(row->reason, text, sizeof(text));
	}
	events_add_why(
	    r->events, EVENT_POLICY, TABLE_WHY_RANKED, row->name, "%s", text);
}

/* What is new of it. */
static const char *
tenant_text(const struct table_row *was, const struct settings_intermediary *si)
{
	if (was == NULL)
		return "added";
	return table_duty(was) == table_rank_duty(rank_of(si))
		   ? "has another address"
		   : "is there for something else";
}

/* One row for the new table: the old one's, or a new tenant's. */
static void
set_row(struct ranking *r, const struct table *old,
    const struct settings_intermediary *si, bool *used)
{
	struct table_row *row = &r->table->rows[r->table->rows_n++];
	const struct table_row *was = table_find(old, si->name);
	uint16_t home = was != NULL ? table_home(was) : 0;
	uint32_t slot;

	if (was != NULL && same_server(was, si)) {
		*row = *was;
	} else {
		slot = was != NULL ? was->slot : free_slot(used);
		used[slot] = true;
		new_tenant(r, row, slot);
		if (was != NULL)
			keep_orders(row, was, si);
		if (old->rows_n > 0)
			events_add_why(r->events, EVENT_CONFIG,
			    was != NULL ? TABLE_WHY_NEW_ADDRESS
					: TABLE_WHY_ADDED,
			    si->name, "%s", tenant_text(was, si));
	}
	configure(row, si, policy_rank_find(r->rank, si->name));
	if (table_home(row) != home)
		rank_rehome(row, &r->states[row->slot]);
	if (was == NULL || table_duty(row) != table_duty(was))
		return;
	if (row->tier_policy != was->tier_policy)
		ranked(r, row, was);
	else if (row->tier != was->tier)
		moved_to(row, si->tier, was->tier_conf);
	if (row->tier_conf != was->tier_conf)
		events_add_why(r->events, EVENT_CONFIG, TABLE_WHY_CONFIGURED,
		    si->name, "configured for tier %u, was %u", si->tier,
		    was->tier_conf);
}

void
ranking_settings(struct ranking *r, const struct settings *s)
{
	bool used[TABLE_ROWS_MAX] = {false};
	struct table *old = malloc(sizeof(*old));
	uint32_t i;

	if (old == NULL) {
		log_errx("out of memory: the table stays as it was");
		return;
	}
	*old = *r->table;
	for (i = 0; i < old->rows_n; i++) {
		if (settings_intermediary(s, old->rows[i].name) >= 0)
			used[old->rows[i].slot] = true;
		else
			events_add_why(r->events, EVENT_CONFIG,
			    TABLE_WHY_REMOVED, old->rows[i].name, "removed");
	}
	r->table->rows_n = 0;
	r->table->conf_serial = s->serial;
	r->attempt_us = s->attempt_timeout_ms * 1000;
	r->check_us = s->check_timeout_ms * 1000;
	set_tiers(r->table, s);
	ranking_slow_settings(r, s);
	ranking_check_settings(r, s);
	for (i = 0; i < s->intermediaries_n; i++)
		set_row(r, old, &s->intermediaries[i], used);
	r->dirty = true;
	free(old);
}
