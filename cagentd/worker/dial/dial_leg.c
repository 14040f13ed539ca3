/* Owns one attempt of a dial from its target to its stop. */
#include "cagentd/worker/dial/dial_leg.h"

#include <sys/socket.h>

#include <stdio.h>
#include <string.h>

#include "base/net.h"
#include "cagentd/worker/dial/dial_tries.h"
#include "cagentd/worker/dial/eager.h"
#include "cagentd/worker/dial/fast.h"
#include "cagentd/worker/own.h"
#include "cagentd/worker/dial/target.h"
#include "cagentd/worker/dial/warm.h"

bool
dial_leg_running(const struct dial_leg *leg)
{
	return leg != NULL && leg->attempt.state != ATTEMPT_IDLE;
}

struct dial_try *
dial_leg_try(struct dial_leg *leg)
{
	return &leg->dial->tries[leg->at];
}

/* The attempt of a leg is to be no more, without a verdict of its own. */
void
dial_leg_stop(struct dial_leg *leg, bool outrun)
{
	struct dial *d = leg->dial;
	struct dial_try *t = dial_leg_try(leg);
	int64_t waited_us = loop_now_us(d->env->loop) - leg->attempt.started_us;

	attempt_cancel(&leg->attempt);
	t->reason = REASON_CANCELLED;
	dial_tries_leave(d, t);
	if (outrun)
		dial_tries_outrun(d, t, waited_us);
}

static struct dial_try *
new_try(struct dial_leg *leg)
{
	struct dial *d = leg->dial;

	leg->at = d->tries_n++;
	d->tries[leg->at] = (struct dial_try){.code = -1};
	return &d->tries[leg->at];
}

/* When it is given up. */
static int64_t
attempt_ends(struct dial_leg *leg)
{
	struct dial *d = leg->dial;
	int64_t now = loop_now_us(d->env->loop);
	int64_t span = d->settings->attempt_timeout_ms * 1000;

	if (span > d->deadline_us - now) {
		dial_leg_try(leg)->hurried = d->deadline_us - now < span / 2;
		span = d->deadline_us - now;
	}
	return now + span;
}

static void
start_attempt(
    struct dial_leg *leg, const struct attempt_target *t, attempt_fn *done)
{
	struct dial *d = leg->dial;

	attempt_start(&leg->attempt, d->env->loop, d->env->resolve, t,
	    attempt_ends(leg), done);
}

static uint8_t
mark_of(const struct dial *d)
{
	return settings_class_mark(d->settings, d->verdict.class);
}

/* A connection that has served bears the mark of what it was made for. */
static void
mark_again(const struct dial *d, int fd)
{
	const struct settings *s = d->settings;
	uint32_t i;

	for (i = 0; i < s->classes_n; i++) {
		if (settings_class_mark(s, i) == 0)
			continue;
		(void)net_mark(fd, mark_of(d)); /* as in race.c */
		return;
	}
}

static bool may_direct(const void *, const struct net_ip *);

/* What was allowed to one request need not be to another. */
static bool
may_reuse(const struct dial *d, const struct dial_try *t, int fd)
{
	union net_addr peer;
	socklen_t len = sizeof(peer);
	struct net_ip ip;

	if (!t->direct)
		return true;
	if (getpeername(fd, &peer.sa, &len) == -1)
		return false;
	net_addr_ip(&peer, &ip);
	return may_direct(d, &ip);
}

/* Is there a connection for this try that has served before? */
static bool
reuse(struct dial_leg *leg, attempt_fn *done)
{
	struct dial *d = leg->dial;
	struct dial_try *t = dial_leg_try(leg);
	struct stream idle;

	/* A trial is to show whether one can still connect. */
	if (!d->reuse || d->env->idle == NULL || t->trial)
		return false;
	idle = d->env->idle(d->env->arg, t, d->host);
	if (idle.fd == -1)
		return false;
	if (!may_reuse(d, t, idle.fd)) {
		stream_close(d->env->loop, idle, false);
		return false;
	}
	t->reused = true;
	mark_again(d, idle.fd);
	attempt_stands(
	    &leg->attempt, d->env->loop, d->env->resolve, idle, done);
	return true;
}

static bool
may_direct(const void *arg, const struct net_ip *ip)
{
	const struct dial *d = arg;

	return classify_direct(d->settings, &d->verdict, d->host, ip) &&
	       !own_listens(d->settings, ip, d->host->port);
}

bool
dial_leg_direct(struct dial_leg *leg, attempt_fn *done)
{
	struct dial *d = leg->dial;
	struct attempt_target target = {.direct = true,
	    .dest = d->host,
	    .host = leg->host,
	    .port = d->host->port,
	    .dscp = mark_of(d),
	    .window = target_window(d->settings),
	    .may = may_direct,
	    .arg = d};
	struct dial_try *t = new_try(leg);
	struct net_ip ip = {0};

	t->direct = true;
	memcpy(t->name, "direct", sizeof("direct"));
	if (d->host->kind == WIRE_HOST_NAME) {
		memcpy(leg->host, d->host->name, sizeof(leg->host));
	} else {
		ip.family = d->host->kind == WIRE_HOST_V4 ? 4 : 6;
		memcpy(ip.bytes, d->host->ip, sizeof(ip.bytes));
		net_ip_format(&ip, leg->host);
		if (!may_direct(d, &ip)) {
			t->reason = REASON_DENIED;
			return false;
		}
	}
	if (!reuse(leg, done))
		start_attempt(leg, &target, done);
	return true;
}

/* Is there a connection that was made for such a request? */
static bool
take_warm(struct dial_leg *leg, const struct attempt_target *target,
    uint32_t row, attempt_fn *done)
{
	struct dial *d = leg->dial;
	struct dial_try *t = dial_leg_try(leg);
	struct attempt_warm warm;

	/* A trial is to show whether one can still connect; and a plain
	 * request on one that was dead must be such that may be repeated. */
	if (t->trial || d->associate || (t->bare && !d->reuse) ||
	    !warm_take(d->env->warm, row, &warm))
		return false;
	if (t->bare) {
		t->reused = true;
		mark_again(d, warm.stream.fd);
		attempt_stands(&leg->attempt, d->env->loop, d->env->resolve,
		    warm.stream, done);
	} else {
		attempt_start_warm(&leg->attempt, d->env->loop, d->env->resolve,
		    target, &warm, attempt_ends(leg), done);
	}
	return true;
}

void
dial_leg_intermediary(
    struct dial_leg *leg, const struct path_pick *pick, attempt_fn *done)
{
	struct dial *d = leg->dial;
	const struct table *table = d->env->table;
	const struct table_row *row = &table->rows[pick->row];
	struct attempt_target target = target_of(d->settings, table, pick->row);
	struct dial_try *t = new_try(leg);

	t->hop = (struct record_hop){row->slot, row->incarnation};
	t->rank = pick->rank;
	t->trial = pick->trial;
	t->bare = target.bare = d->web && target.type == HOP_HTTP;
	memcpy(t->name, row->name, sizeof(t->name));
	snprintf(leg->host, sizeof(leg->host), "%s", row->host);
	target.host = leg->host;
	target.associate = d->associate;
	target.dest = d->host;
	target.dscp = mark_of(d);
	leg->pick = *pick;
	memcpy(leg->rival, table->rows[pick->rival].name, sizeof(leg->rival));
	dial_tries_enter(d, t);
	if (t->trial) /* which is of whether one can connect */
		target.fast = false;
	fast_ask(d->env->record, t->hop, loop_now_us(d->env->loop), &target);
	if (reuse(leg, done))
		return;
	if (take_warm(leg, &target, pick->row, done))
		return;
	if (!t->trial) /* which is of whether it serves at all */
		eager_ask(
		    d->env->record, t->hop, loop_now_us(d->env->loop), &target);
	start_attempt(leg, &target, done);
}
