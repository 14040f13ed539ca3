/* Brings active checks and the picture together; makes no check itself. */
#include "cagentd/control/ranking_check.h"

#include <string.h>

#include "base/mono.h"
#include "cagentd/decide/uplink.h"

/* How long a failure waits for another to reach what it did not. */
#define RANKING_PROOF_US 10000000

static bool
same_target(const struct wire_host *a, const struct wire_host *b)
{
	return a->kind == b->kind && a->port == b->port &&
	       memcmp(a->ip, b->ip, sizeof(a->ip)) == 0 &&
	       strcmp(a->name, b->name) == 0;
}

void
ranking_check_settings(struct ranking *r, const struct settings *s)
{
	uint32_t i;

	r->due.interval_us = s->check_interval_ms * 1000;
	r->due.target = s->check_target.kind != WIRE_HOST_NONE;
	if (same_target(&r->check_target, &s->check_target))
		return;
	/* What was said of another target is nothing to this one. */
	for (i = 0; i < TABLE_ROWS_MAX; i++)
		r->checks[i].held = REASON_OK;
	r->check_target = s->check_target;
}

static struct due_now
now_of(struct ranking *r)
{
	return (struct due_now){
	    .mono_us = mono_us(), .wall_us = mono_wall_us(), .seed = &r->seed};
}

void
ranking_check_see(struct ranking *r, const struct table_row *row,
    struct rank_seen *seen, const struct rank_now *now)
{
	due_see(&r->checks[row->slot], row, seen,
	    &(struct due_now){now->mono_us, now->wall_us, &r->seed});
}

bool
ranking_check_targets(const struct table_row *row)
{
	return table_duty(row) == TABLE_RANKED;
}

struct table_row *
ranking_check_due(struct ranking *r, int64_t mono_us, int64_t *at_us)
{
	struct table_row *row, *first = NULL;
	int64_t at, first_us = INT64_MAX;
	enum due_why why, first_why = DUE_WHY_COUNT;
	const struct due_rules no_target = {.interval_us = r->due.interval_us};
	const struct due_rules *rules;
	uint32_t i;

	*at_us = INT64_MAX;
	for (i = 0; i < r->table->rows_n; i++) {
		row = &r->table->rows[i];
		rules = ranking_check_targets(row) ? &r->due : &no_target;
		at = due_at_us(&r->checks[row->slot], row, rules, &why);
		if (at < *at_us)
			*at_us = at;
		if (at > mono_us || why > first_why ||
		    (why == first_why && at >= first_us))
			continue;
		first = row;
		first_us = at;
		first_why = why;
	}
	return first;
}

enum due_question
ranking_check_begin(struct ranking *r, const struct table_row *row,
    const struct wire_host *target)
{
	struct due_state *st = &r->checks[row->slot];

	st->under_way = true;
	if (target != NULL)
		return DUE_FOR_TARGET;
	return st->inward ? DUE_FOR_LOOPBACK : DUE_FOR_ADDRESS;
}

void
ranking_check_drop(struct ranking *r, uint32_t slot)
{
	r->checks[slot].under_way = false;
}

/* When did it last do well, in any way? */
static int64_t
well_us(const struct due_state *st)
{
	return st->ok_us > st->alive_us ? st->ok_us : st->alive_us;
}

/* One that works is to say whether the target can be reached at all. */
static void
ask_another(struct ranking *r, uint32_t slot)
{
	struct due_state *st, *best = NULL;
	const struct table_row *row;
	uint32_t i;

	for (i = 0; i < r->table->rows_n; i++) {
		row = &r->table->rows[i];
		st = &r->checks[row->slot];
		if (row->slot == slot || !ranking_usable(row) ||
		    st->held != REASON_OK || well_us(st) == 0)
			continue;
		if (best == NULL || well_us(st) > well_us(best))
			best = st;
	}
	if (best != NULL)
		best->asked = true;
}

void
ranking_check_witness(struct ranking *r)
{
	struct due_state *st, *best = NULL;
	const struct table_row *row;
	bool lost, best_lost = true;
	uint32_t i;

	for (i = 0; i < r->table->rows_n; i++) {
		row = &r->table->rows[i];
		st = &r->checks[row->slot];
		lost = uplink_lost(r->uplink, row);
		if (!ranking_usable(row) || lost > best_lost)
			continue;
		if (best == NULL || lost < best_lost ||
		    well_us(st) > well_us(best)) {
			best = st;
			best_lost = lost;
		}
	}
	if (best != NULL)
		best->asked = true;
}

static void
prove_others(struct ranking *r, uint32_t slot, int64_t mono_us)
{
	uint32_t i;

	for (i = 0; i < r->table->rows_n; i++) {
		if (r->table->rows[i].slot != slot)
			due_prove(&r->checks[r->table->rows[i].slot],
			    RANKING_PROOF_US, mono_us);
	}
}

void
ranking_check_end(struct ranking *r, uint32_t slot, uint32_t incarnation,
    const struct due_result *result)
{
	struct due_state *st = &r->checks[slot];
	struct due_now now = now_of(r);
	struct table_row *row = NULL;
	uint32_t i;

	for (i = 0; i < r->table->rows_n && row == NULL; i++) {
		if (r->table->rows[i].slot == slot)
			row = &r->table->rows[i];
	}
	/* The next tenant's state is not its to touch. */
	if (row == NULL || row->incarnation != incarnation ||
	    st->incarnation != incarnation)
		return;
	r->checks_made++;
	r->dirty = true;
	switch (due_take(st, row, result, &now)) {
	case DUE_ALIVE:
		prove_others(r, slot, now.mono_us);
		break;
	case DUE_DEAD_IF_PROVED:
		ask_another(r, slot);
		break;
	case DUE_DEAD:
	case DUE_NOTHING:
		break;
	}
}
