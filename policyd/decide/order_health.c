/* Decides who falls and who rises, by the looks of them; knows nothing of
 * overrides but that they stop the clock. */
#include <stdio.h>
#include <string.h>

#include "policyd/decide/order_impl.h"

/* Doubled for each fall after so many. */
static int64_t
wait_us(const struct order_run *run, uint32_t falls)
{
	int64_t us = run->rules->good_for_us;
	uint32_t i;

	for (i = 0; i < falls && us < ORDER_AGAIN_MAX_US; i++)
		us *= 2;
	if (us > ORDER_AGAIN_MAX_US && us > run->rules->good_for_us)
		us = ORDER_AGAIN_MAX_US;
	return us;
}

/* A death may be our own way's; a wish has come all of it. */
static enum order_why
goes_for(const struct order_run *run, uint32_t i)
{
	const struct fuse_estimate *e = &run->group->members[i].estimate;

	if (e->dead && (run->out[i].gone_for == ORDER_DEAD ||
			   (!run->held && !run->views[i].unproved)))
		return ORDER_DEAD;
	return e->drain ? ORDER_DRAIN : ORDER_POLICY;
}

static void
go(struct order_run *run, uint32_t i)
{
	struct order_state *s = &run->out[i];
	enum order_why why = goes_for(run, i);

	if (why == ORDER_POLICY)
		return;
	if (!s->gone && !order_may_move(run, s))
		return;
	s->falls += !s->gone;
	s->gone = true;
	s->gone_for = why;
}

static void
come_back(struct order_run *run, struct order_state *s)
{
	int64_t at_us = s->back_since_us;

	if (s->falls > 1)
		at_us += wait_us(run, s->falls - 2);
	if (run->now_us < at_us) {
		order_wake(run, at_us);
		return;
	}
	if ((run->held && s->gone_for == ORDER_DEAD) || !order_may_move(run, s))
		return;
	s->gone = false;
	s->back_us = run->now_us;
	run->views[s - run->out].failing = false;
	snprintf(s->note, sizeof(s->note), "%s",
	    s->gone_for == ORDER_DEAD ? "answers probes again"
				      : "takes new requests again");
	s->gone_for = ORDER_POLICY;
}

static void
step_life(struct order_run *run, uint32_t i)
{
	const struct fuse_estimate *e = &run->group->members[i].estimate;
	struct order_state *s = &run->out[i];

	if (e->dead || e->drain) {
		s->back_since_us = 0;
		go(run, i);
		return;
	}
	if (s->back_since_us == 0)
		s->back_since_us = run->now_us;
	if (s->gone)
		come_back(run, s);
}

/* Is there one that is better?  Where all are bad, nothing is gained by
 * moving. */
static bool
better_left(const struct order_run *run, uint32_t i)
{
	const struct order_member *m = &run->group->members[i], *o;
	uint32_t j;

	for (j = 0; j < run->group->members_n; j++) {
		o = &run->group->members[j];
		if (j == i || o->reserved != m->reserved ||
		    (m->reserved && o->tier != m->tier) || o->avoid ||
		    o->estimate.dead || o->estimate.drain)
			continue;
		if (!run->out[j].gone && !run->out[j].lowered &&
		    !run->views[j].failing && !run->views[j].slow)
			return true;
	}
	return false;
}

static void
lower(struct order_run *run, uint32_t i)
{
	const struct fuse_estimate *e = &run->group->members[i].estimate;
	const struct order_view *v = &run->views[i];
	struct order_state *s = &run->out[i];
	bool reports =
	    e->reports.success_permille <= e->probes.success_permille;

	s->lowered = true;
	s->lowered_for = v->failing ? ORDER_FAILING : ORDER_SLOW;
	s->falls++;
	s->bad_since_us = s->good_since_us = 0;
	if (!v->failing)
		snprintf(s->note, sizeof(s->note), "%s %u ms, others' %u ms",
		    v->what, v->own_us / 1000, v->others_us / 1000);
	else if (reports)
		snprintf(s->note, sizeof(s->note),
		    "%u %% of requests succeed, as %u agents say",
		    e->success_permille / 10, e->agents);
	else
		snprintf(s->note, sizeof(s->note), "%u %% of probes succeed",
		    e->success_permille / 10);
}

static void
raise_again(struct order_run *run, uint32_t i)
{
	const struct fuse_estimate *e = &run->group->members[i].estimate;
	struct order_state *s = &run->out[i];

	s->lowered = false;
	s->good_since_us = run->now_us;
	if (e->reports.speaks || (e->probes.speaks && !s->bad_by_reports))
		snprintf(s->note, sizeof(s->note), "is well again");
	else
		snprintf(s->note, sizeof(s->note),
		    "was bad; tried again, as nothing was heard of it");
}

static void
take_news(struct order_run *run, uint32_t i)
{
	const struct order_view *v = &run->views[i];
	struct order_state *s = &run->out[i];

	if (v->failing || v->slow) {
		s->good_since_us = 0;
		if (s->bad_since_us == 0)
			s->bad_since_us = run->now_us;
		return;
	}
	if (v->heard)
		s->bad_since_us = 0;
	if (s->good_since_us == 0)
		s->good_since_us = run->now_us;
}

static void
step_well(struct order_run *run, uint32_t i)
{
	struct order_view *v = &run->views[i];
	struct order_state *s = &run->out[i];
	int64_t at_us = s->bad_since_us + run->rules->bad_for_us;

	if (s->falls > 0 && s->good_since_us != 0 &&
	    run->now_us - s->good_since_us >= ORDER_FORGET_US)
		s->falls = 0;
	if (!v->failing && !v->slow)
		return;
	if (run->now_us < at_us) {
		order_wake(run, at_us);
		return;
	}
	v->kept = !better_left(run, i);
	if (!v->kept && order_may_move(run, s))
		lower(run, i);
}

static void
step_lowered(struct order_run *run, uint32_t i)
{
	struct order_state *s = &run->out[i];
	int64_t at_us =
	    s->good_since_us + wait_us(run, s->falls > 0 ? s->falls - 1 : 0);

	if (s->good_since_us == 0)
		return;
	if (run->now_us < at_us)
		order_wake(run, at_us);
	else if (order_may_move(run, s))
		raise_again(run, i);
}

static void
step(struct order_run *run, uint32_t i)
{
	const struct order_member *m = &run->group->members[i];
	struct order_state *s = &run->out[i];

	step_life(run, i);
	if (run->held || s->gone || m->use || m->avoid) {
		s->bad_since_us = s->good_since_us = 0;
		return;
	}
	take_news(run, i);
	if (s->lowered)
		step_lowered(run, i);
	else
		step_well(run, i);
}

void
order_health(struct order_run *run)
{
	uint32_t i;

	for (i = 0; i < run->group->members_n; i++)
		step(run, i);
}
