/* Owns the order of a dial's steps, and which are done with; tries none. */
#include "cagentd/worker/dial/dial_steps.h"

#include <errno.h>

#include "cagentd/worker/dial/dial_wait.h"

static const enum table_duty first[] = {TABLE_SERVICE, TABLE_CACHE};

#define FIRST_N (sizeof(first) / sizeof(*first))

/* Must it take nothing less than what is full? */
static bool
is_held(struct dial *d, const struct path_query *q, const struct path_pick *p)
{
	enum settings_full f = dial_wait_class(d)->when_full;

	if (d->env->queue == NULL || f == FULL_NEXT_TIER ||
	    (f == FULL_REFUSE && q->duty != TABLE_RANKED))
		return false;
	return path_full(q, p, &d->full);
}

int
dial_steps_choose(struct dial *d, enum table_duty duty, struct path_pick *pick)
{
	struct path_query q = {.duty = duty,
	    .table = d->env->table,
	    .index = d->env->index,
	    .loads = d->env->record->loads,
	    .settings = d->settings,
	    .verdict = &d->verdict,
	    .host = d->host,
	    .associate = d->associate,
	    .tried = d->tried,
	    .tried_n = d->tried_n,
	    .times_max =
		duty == TABLE_RANKED ? (uint32_t)d->settings->attempts_each : 1,
	    .now_us = loop_now_us(d->env->loop),
	    .in_flight = d->env->in_flight,
	    .arg = d->env->arg,
	    .memo = d->env->record->memo};
	uint64_t seed_before = *d->env->seed;
	bool held;
	int error;

	d->chose = duty;
	d->env->refresh(d->env->arg);
	dial_wait_ask(d);
	error = path_pick(&q, d->env->seed, pick);
	held = is_held(d, &q, error == 0 ? pick : NULL);
	if (d->env->decided != NULL)
		d->env->decided(
		    d->env->arg, &q, seed_before, error == 0 ? pick : NULL);
	dial_wait_asked(d);
	return held ? -EBUSY : error;
}

/* Is that step still to come? */
static bool
is_due(const struct dial *d, enum table_duty duty)
{
	if (!d->web || (d->steps_done & 1u << duty) != 0)
		return false;
	return duty == TABLE_SERVICE ? d->verdict.service >= 0
				     : d->verdict.caches != 0;
}

int
dial_steps_next(struct dial *d, struct path_pick *pick)
{
	int error;
	size_t i;

	for (i = 0; i < FIRST_N; i++) {
		if (!is_due(d, first[i]))
			continue;
		d->steps_done |= 1u << first[i];
		error = dial_steps_choose(d, first[i], pick);
		if (error != -ENOENT)
			return error;
	}
	return -ENOENT;
}

bool
dial_steps_direct(const struct dial *d)
{
	uint32_t i;

	if (d->associate)
		return false;
	for (i = 0; i < d->tries_n; i++) {
		if (d->tries[i].direct)
			return false;
	}
	return d->verdict.via == VIA_DIRECT || d->verdict.direct_first;
}

bool
dial_steps_follow(struct dial *d)
{
	struct path_pick pick;
	size_t i;

	if (!dial_steps_is(&d->tries[d->standing]))
		return false;
	for (i = 0; i < FIRST_N; i++) {
		if (is_due(d, first[i]) &&
		    dial_steps_choose(d, first[i], &pick) == 0)
			return true;
	}
	return dial_steps_direct(d) ||
	       dial_steps_choose(d, TABLE_RANKED, &pick) == 0 ||
	       (d->settings->no_path_direct && dial_steps_others(d) == 0);
}

bool
dial_steps_is(const struct dial_try *t)
{
	return table_rank_duty(t->rank) != TABLE_RANKED;
}

uint32_t
dial_steps_others(const struct dial *d)
{
	uint32_t i, n = 0;

	for (i = 0; i < d->tries_n; i++)
		n += !dial_steps_is(&d->tries[i]);
	return n;
}

void
dial_steps_forget(struct dial *d, const struct dial_try *t)
{
	d->steps_done &= ~(1u << table_rank_duty(t->rank));
}
