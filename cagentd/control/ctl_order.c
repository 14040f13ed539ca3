/* Takes an administrator's orders about one intermediary. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cagentd/control/control.h"
#include "cagentd/control/ctl_answer.h"

struct by {
	char text[24];
};

static struct by
by_whom(const struct ctl_query *q)
{
	struct by by;

	snprintf(by.text, sizeof(by.text), "uid %u", (unsigned int)q->uid);
	return by;
}

static bool
any_usable(const struct table *t)
{
	uint32_t i;

	for (i = 0; i < t->rows_n; i++) {
		if (ranking_usable(&t->rows[i]))
			return true;
	}
	return false;
}

static void
done(struct ctl_query *q, const char *message)
{
	json_t *answer = ctl_head();

	ctl_set_text(answer, "message", message);
	ctl_say(q, answer);
}

static void
refuse(struct ctl_query *q, int error, const char *already)
{
	if (error == -ENOENT)
		ctl_refuse(q, CTL_NOT_FOUND, "no intermediary is named %.64s",
		    q->args[0]);
	else if (error == -EINVAL)
		ctl_refuse(q, CTL_USAGE,
		    "%.64s is a cache or a service, which is in no tier",
		    q->args[0]);
	else
		ctl_refuse(
		    q, CTL_ALREADY, "%.64s %s already", q->args[0], already);
}

void
ctl_drain(struct ctl_query *q)
{
	struct ranking *r = &q->control->ranking;
	const struct table_row *row;
	char message[256];
	int error = ranking_drain(r, q->args[0], true, by_whom(q).text);

	if (error != 0) {
		refuse(q, error, "drains");
		return;
	}
	row = table_find(r->table, q->args[0]);
	snprintf(message, sizeof(message),
	    "%s gets no new requests; %u in flight go on%s", row->name,
	    row->in_flight,
	    any_usable(r->table) ? "" : "; no usable intermediary is left");
	done(q, message);
}

void
ctl_enable(struct ctl_query *q)
{
	struct ranking *r = &q->control->ranking;
	const struct table_row *row;
	char message[256], rank[TABLE_RANK_TEXT_LEN];
	int error = ranking_drain(r, q->args[0], false, by_whom(q).text);

	if (error != 0) {
		refuse(q, error, "is enabled");
		return;
	}
	row = table_find(r->table, q->args[0]);
	if (row->tier != 0)
		snprintf(message, sizeof(message), "%s is enabled, %s %s",
		    row->name, table_duty(row) == TABLE_RANKED ? "in" : "as",
		    table_rank_text(row->tier, rank));
	else
		snprintf(message, sizeof(message), "%s is enabled, but %s: %s",
		    row->name,
		    table_observed_word((enum table_observed)row->observed),
		    row->reason);
	done(q, message);
}

/* The rank that a word means: a number, or a tier's name; 0: neither. */
static uint16_t
rank_of(const struct table *t, const char *word)
{
	const char *bad;
	uint32_t i;

	for (i = 0; i < t->tiers_n; i++) {
		if (strcmp(t->tiers[i].name, word) == 0)
			return t->tiers[i].rank;
	}
	return (uint16_t)strtonum(word, 1, SETTINGS_RANK_MAX, &bad);
}

static void
pin(struct ctl_query *q, uint16_t rank, const char *already)
{
	struct ranking *r = &q->control->ranking;
	const struct table_row *row;
	char message[256];
	int error = ranking_pin(r, q->args[0], rank, by_whom(q).text);

	if (error != 0) {
		refuse(q, error, already);
		return;
	}
	row = table_find(r->table, q->args[0]);
	if (rank != 0)
		snprintf(message, sizeof(message), "%s is pinned to tier %u",
		    row->name, rank);
	else
		snprintf(message, sizeof(message), "%s is not pinned any more",
		    row->name);
	if (row->tier == 0)
		snprintf(message + strlen(message),
		    sizeof(message) - strlen(message),
		    "; it is not used now: %s", row->reason);
	done(q, message);
}

void
ctl_pin(struct ctl_query *q)
{
	uint16_t rank = rank_of(q->control->ranking.table, q->args[1]);

	if (rank == 0)
		ctl_refuse(q, CTL_USAGE,
		    "expected a rank from 1 to %d or a tier's name, found "
		    "%.64s",
		    SETTINGS_RANK_MAX, q->args[1]);
	else
		pin(q, rank, "is pinned to that tier");
}

void
ctl_unpin(struct ctl_query *q)
{
	pin(q, 0, "is not pinned");
}
