/*
 * Owns the search for a standing path of one request; picks by path.c, tries
 * by attempt.c, and leaves the judging of tries to dial_tries.c.
 */
#include "cagentd/worker/dial/dial.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cagentd/worker/dial/dial_leg.h"
#include "cagentd/worker/dial/dial_steps.h"
#include "cagentd/worker/dial/dial_tries.h"
#include "cagentd/worker/dial/dial_wait.h"
#include "cagentd/worker/dial/eager.h"
#include "cagentd/worker/dial/fast.h"
#include "cagentd/worker/dial/warm.h"

static void try_next(struct dial *, struct dial_leg *);

static struct dial_leg *
other_leg(struct dial *d, const struct dial_leg *leg)
{
	return leg == &d->leg ? d->hedge : &d->leg;
}

static void
free_hedge(struct dial *d)
{
	loop_cancel(d->env->loop, &d->hedge_timer);
	free(d->hedge);
	d->hedge = NULL;
}

static void
finish(struct dial *d, struct dialed *result)
{
	loop_cancel(d->env->loop, &d->gone);
	free_hedge(d);
	d->running = false;
	d->done(d, result);
}

static void
on_ended(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct dial *d = container_of(op, struct dial, leg.attempt.timer);
	struct dialed result = {.reason = d->ended, .stream = STREAM_NONE};

	(void)loop, (void)r; /* only the turn matters */
	finish(d, &result);
}

static void
stop_legs(struct dial *d)
{
	if (dial_leg_running(&d->leg))
		dial_leg_stop(&d->leg, false);
	if (dial_leg_running(d->hedge))
		dial_leg_stop(d->hedge, false);
}

static void
give_up(struct dial *d, enum wire_reason reason)
{
	struct dialed result = {.stream = STREAM_NONE};

	stop_legs(d);
	result.reason = dial_tries_reason(d, reason);
	dial_tries_settle(d, false, true);
	if (!d->starting) {
		finish(d, &result);
		return;
	}
	/* The timer needs no memory: the stage before had one, in this same
	 * callback. */
	d->ended = result.reason;
	loop_timer(d->env->loop, &d->leg.attempt.timer,
	    loop_now_us(d->env->loop), on_ended);
}

static void
stands(struct dial_leg *leg, const struct attempt_result *r)
{
	struct dial *d = leg->dial;
	struct dial_leg *loser = other_leg(d, leg);
	struct dial_try *t = dial_leg_try(leg);
	struct dialed result = {.reason = REASON_OK,
	    .stream = r->stream,
	    .early = r->early,
	    .bound = r->bound,
	    .try = t};

	if (dial_leg_running(loser))
		dial_leg_stop(loser, true);
	d->standing = leg->at;
	if (leg != &d->leg) { /* which goes with the dial's end */
		d->leg.pick = leg->pick;
		memcpy(d->leg.rival, leg->rival, sizeof(leg->rival));
	}
	if (t->direct) /* which says nothing of any intermediary */
		dial_tries_settle(d, true, true);
	finish(d, &result);
}

void
dial_judge(struct dial *d, enum wire_reason reason, bool asked)
{
	struct dial_try *t = &d->tries[d->standing];

	if (t->direct)
		return;
	if (reason == REASON_OK) {
		if (t->reused)
			record_ok_again(d->env->record, t->hop);
		else
			record_ok(d->env->record, t->hop, t->connect_us,
			    t->handshake_us, t->stood_us);
		budget_proved(d->env->budget, loop_now_us(d->env->loop));
		dial_tries_settle(d, true, asked);
		return;
	}
	t->reason = reason;
	dial_tries_failed(d, t);
	dial_tries_settle(d, false, asked);
}

static void
attempt_done(struct attempt *a, struct attempt_result *r)
{
	struct dial_leg *leg = container_of(a, struct dial_leg, attempt);
	struct dial *d = leg->dial;
	struct dial_try *t = dial_leg_try(leg);

	t->reason = r->reason;
	t->code = r->code;
	t->connect_us = r->connect_us;
	t->handshake_us = r->handshake_us;
	t->stood_us = loop_now_us(d->env->loop);
	if (!t->direct) {
		eager_learn(d->env->record, t->hop, r, t->stood_us);
		fast_learn(d->env->record, t->hop, r, t->stood_us);
		if (r->reason == REASON_OK && !r->warm && !t->reused)
			warm_seen(d->env->warm, t->hop, r->stream.fd,
			    r->handshake_us);
	}
	dial_tries_leave(d, t);
	if (r->reason == REASON_OK) {
		stands(leg, r);
		return;
	}
	dial_tries_failed(d, t);
	try_next(d, leg);
}

void
dial_cancel(struct dial *d)
{
	if (!d->running)
		return;
	d->running = false;
	loop_cancel(d->env->loop, &d->gone);
	loop_cancel(d->env->loop, &d->leg.attempt.timer);
	dial_wait_leave(d);
	stop_legs(d);
	dial_tries_settle(d, false, true);
	free_hedge(d);
}

static void
on_gone(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct dial *d = container_of(op, struct dial, gone);
	struct dialed result = {
	    .reason = REASON_CANCELLED, .stream = STREAM_NONE};

	(void)loop;
	if (r->res >= 0 && (r->res & (POLLERR | POLLHUP)) == 0)
		return;
	dial_cancel(d);
	finish(d, &result);
}

static void
watch_client(struct dial *d)
{
	/* Without it the client is missed later. */
	if (d->client != -1 && !loop_op_active(&d->gone))
		(void)loop_poll(d->env->loop, &d->gone, d->client, 0, on_gone);
}

static void
try_intermediary(struct dial_leg *leg, const struct path_pick *pick)
{
	if (leg->dial->tries_n > 0)
		watch_client(leg->dial);
	dial_leg_intermediary(leg, pick, attempt_done);
}

static bool
out_of_tries(const struct dial *d)
{
	return dial_tries_all(d) || loop_now_us(d->env->loop) >= d->deadline_us;
}

static int
choose(struct dial *d, struct path_pick *pick)
{
	return dial_steps_choose(d, TABLE_RANKED, pick);
}

static void on_hedge(struct loop *, struct op *, const struct op_result *);

/* Without it there is no hedge. */
static void
arm_hedge(struct dial *d, int64_t at_us)
{
	(void)loop_timer(d->env->loop, &d->hedge_timer, at_us, on_hedge);
}

static bool
add_leg(struct dial *d)
{
	if (!budget_hedge(d->env->budget))
		return false;
	d->hedge = calloc(1, sizeof(*d->hedge));
	if (d->hedge == NULL)
		return false; /* the first one goes on alone */
	d->hedge->dial = d;
	return true;
}

static void
begin_hedge(struct dial *d)
{
	const struct dial_try *slow = dial_leg_try(&d->leg);
	const struct table_row *row;
	struct path_pick pick;
	int64_t down_us;

	if (out_of_tries(d))
		return;
	if (dial_steps_is(slow)) { /* the next step, whatever that is */
		if (add_leg(d))
			try_next(d, d->hedge);
		return;
	}
	if (choose(d, &pick) != 0)
		return;
	row = &d->env->table->rows[pick.row];
	down_us = d->leg.attempt.started_us +
		  PATH_HEDGE_DOWN * path_hedge_us(d->env->index, slow->rank);
	if (!slow->direct && row->slot == slow->hop.slot)
		return;
	if (!slow->direct && pick.rank > slow->rank &&
	    loop_now_us(d->env->loop) < down_us) {
		arm_hedge(d, down_us);
		return;
	}
	if (add_leg(d))
		try_intermediary(d->hedge, &pick);
}

static void
on_hedge(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)loop, (void)r; /* time is the only news */
	begin_hedge(container_of(op, struct dial, hedge_timer));
}

/* A lone attempt at an intermediary gets its time, and then another one
 * beside it; so does one at a destination that has only been learned. */
static void
await_hedge(struct dial *d)
{
	const struct dial_try *t = dial_leg_try(&d->leg);

	if (d->hedge == NULL && (!t->direct || d->verdict.learned))
		arm_hedge(d, d->leg.attempt.started_us +
				 path_hedge_us(d->env->index, t->rank));
}

static void
try_direct(struct dial *d, struct dial_leg *leg)
{
	if (dial_leg_direct(leg, attempt_done))
		await_hedge(d);
	else
		try_next(d, leg);
}

/* Nothing (more) for this leg to try: the other one goes on alone. */
static void
leg_ends(struct dial *d, struct dial_leg *leg, enum wire_reason reason)
{
	if (!dial_leg_running(other_leg(d, leg)))
		give_up(d, reason);
}

static void
on_table(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct dial *d = container_of(op, struct dial, hedge_timer);

	(void)loop, (void)r; /* time is the only news */
	try_next(d, &d->leg);
}

/* During a reload this request's configuration may be ahead of the table's,
 * which soon follows. */
static bool
await_table(struct dial *d)
{
	int64_t now = loop_now_us(d->env->loop);
	int64_t began = d->deadline_us - d->settings->dial_timeout_ms * 1000;

	return d->tries_n == 0 &&
	       d->env->table->conf_serial < d->settings->serial &&
	       now - began < DIAL_TABLE_US &&
	       loop_timer(d->env->loop, &d->hedge_timer,
		   now + DIAL_TABLE_LOOK_US, on_table) == 0;
}

static void
no_candidate(struct dial *d, struct dial_leg *leg)
{
	if (await_table(d))
		return;
	if (dial_steps_others(d) == 0 && d->settings->no_path_direct &&
	    !d->associate && d->verdict.via == VIA_DEFAULT)
		try_direct(d, leg);
	else
		leg_ends(d, leg,
		    d->tries_n == 0 ? REASON_NO_PATH
				    : dial_leg_try(leg)->reason);
}

/* Who waited goes on: with that pick, or there is none for that reason. */
static void
waited(struct dial *d, int error, const struct path_pick *pick)
{
	struct dial_leg *leg = &d->leg;

	if (error == 0) {
		try_intermediary(leg, pick);
		await_hedge(d);
	} else if (d->chose != TABLE_RANKED) {
		try_next(d, leg);
	} else if (error == -ENOENT) {
		no_candidate(d, leg);
	} else {
		leg_ends(d, leg, REASON_FULL);
	}
}

/* Two do not wait for one request; the other one's end brings it here again. */
static bool
wait_for_place(struct dial *d, struct dial_leg *leg)
{
	if (dial_leg_running(other_leg(d, leg)) || !dial_wait(d, waited))
		return false;
	loop_cancel(d->env->loop, &d->hedge_timer);
	watch_client(d);
	return true;
}

/* By the first steps, which each have a next one. */
static bool
try_step(struct dial *d, struct dial_leg *leg)
{
	struct path_pick pick;
	int error;

	do
		error = dial_steps_next(d, &pick);
	while (error == -EBUSY && !wait_for_place(d, leg));
	if (error == 0) {
		try_intermediary(leg, &pick);
		await_hedge(d);
	}
	return error != -ENOENT;
}

static void
try_ranked(struct dial *d, struct dial_leg *leg)
{
	struct path_pick pick;
	int error = choose(d, &pick);

	if (error == 0) {
		try_intermediary(leg, &pick);
		await_hedge(d);
	} else if (error == -ENOENT) {
		no_candidate(d, leg);
	} else if (!wait_for_place(d, leg)) {
		leg_ends(d, leg, REASON_FULL);
	}
}

static void
try_next(struct dial *d, struct dial_leg *leg)
{
	if (d->tries_n > 0 && dial_tries_suffice(d)) {
		give_up(d, dial_leg_try(leg)->reason);
		return;
	}
	if (d->tries_n > 0 && out_of_tries(d)) {
		leg_ends(d, leg, dial_leg_try(leg)->reason);
		return;
	}
	if (try_step(d, leg))
		return;
	if (dial_steps_direct(d))
		try_direct(d, leg);
	else if (dial_steps_others(d) > 0 &&
		 !budget_retry(d->env->budget, loop_now_us(d->env->loop)))
		leg_ends(d, leg, dial_leg_try(leg)->reason);
	else if (d->verdict.via == VIA_DIRECT)
		no_candidate(d, leg);
	else
		try_ranked(d, leg);
}

static void
start(struct dial *d, dial_fn *done)
{
	d->deadline_us =
	    loop_now_us(d->env->loop) + d->settings->dial_timeout_ms * 1000;
	d->done = done;
	d->leg.dial = d;
	d->running = true;
	d->starting = true;
	try_next(d, &d->leg);
	d->starting = false;
}

void
dial_start(struct dial *d, const struct dial_env *env,
    const struct dial_request *request, dial_fn *done)
{
	d->env = env;
	d->settings = request->settings;
	d->host = request->host;
	d->associate = request->associate;
	d->verdict = *request->verdict;
	d->client = request->client;
	d->web = request->web;
	d->reuse = request->reuse;
	budget_request(
	    env->budget, d->settings->hedge_percent, loop_now_us(env->loop));
	start(d, done);
}

void
dial_again(struct dial *d, enum wire_reason broke, bool asked, dial_fn *done)
{
	struct dial_try *t = &d->tries[d->standing];

	t->reason = broke;
	if (t->direct) /* there is none to have done it */
		t->reason = broke == REASON_HOP_MUTE ? REASON_TIMEOUT
						     : REASON_HOST_UNREACHABLE;
	t->stood = true;
	t->unasked = !asked;
	dial_tries_failed(d, t);
	d->leg.at = d->standing;
	start(d, done);
}

void
dial_fresh(struct dial *d, dial_fn *done)
{
	dial_steps_forget(d, &d->tries[d->standing]);
	dial_tries_forget(d, &d->tries[d->standing]);
	d->leg.at = d->tries_n > 0 ? d->tries_n - 1 : 0;
	d->reuse = false;
	start(d, done);
}
