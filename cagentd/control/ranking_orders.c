/* Carries out an administrator's orders in the table; judges nobody. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mono.h"
#include "cagentd/control/ranking.h"

static struct table_row *
row_named(struct ranking *r, const char *name)
{
	uint32_t i;

	for (i = 0; i < r->table->rows_n; i++) {
		if (strcmp(r->table->rows[i].name, name) == 0)
			return &r->table->rows[i];
	}
	return NULL;
}

int
ranking_drain(struct ranking *r, const char *name, bool drain, const char *by)
{
	uint8_t want = drain ? TABLE_DRAIN : TABLE_ENABLED;
	struct table_row *row = row_named(r, name);

	if (row == NULL)
		return -ENOENT;
	if (row->admin == want)
		return -EALREADY;
	row->admin = want;
	row->drained_us = drain ? mono_wall_us() : 0;
	events_add_why(r->events, EVENT_ADMIN,
	    drain ? TABLE_WHY_DRAINED : TABLE_WHY_ENABLED, name, "%s by %s",
	    drain ? "drained" : "enabled", by);
	ranking_publish(r);
	return 0;
}

/* Into the row's reason, if it has moved it, and into an event. */
static void
tell_pin(struct ranking *r, struct table_row *row, bool moved, const char *by)
{
	enum table_why why =
	    row->tier_pinned != 0 ? TABLE_WHY_PINNED : TABLE_WHY_UNPINNED;
	char text[TABLE_REASON_MAX + 1];

	if (row->tier_pinned != 0)
		snprintf(text, sizeof(text), "pinned to tier %u by %s",
		    row->tier_pinned, by);
	else
		snprintf(text, sizeof(text), "unpinned by %s", by);
	if (moved) {
		row->since_us = mono_wall_us();
		row->why = (uint8_t)why;
		memcpy(row->reason, text, sizeof(text));
	}
	events_add_why(r->events, EVENT_ADMIN, why, row->name, "%s", text);
}

int
ranking_pin(struct ranking *r, const char *name, uint16_t tier, const char *by)
{
	struct table_row *row = row_named(r, name);
	uint16_t was;

	if (row == NULL)
		return -ENOENT;
	if (table_duty(row) != TABLE_RANKED)
		return -EINVAL;
	if (row->tier_pinned == tier)
		return -EALREADY;
	was = row->tier;
	row->tier_pinned = tier;
	row->pinned_us = tier != 0 ? mono_wall_us() : 0;
	rank_settle(row);
	tell_pin(r, row, row->tier != was, by);
	ranking_publish(r);
	return 0;
}
