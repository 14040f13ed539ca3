/*
 * Owns the search for a standing path of one request; picks by path.c, tries
 * by attempt.c, and settles the blame at the end.
 */
#include "cagentd/worker/dial.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cagentd/decide/blame.h"

static void try_next(struct dial *);

static void
note_tried(struct dial *d, const struct dial_try *t)
{
	uint32_t i;

	for (i = 0; i < d->tried_n; i++) {
		if (d->tried[i].slot == t->hop.slot &&
		    d->tried[i].incarnation == t->hop.incarnation)
			break;
	}
	if (i == d->tried_n)
		d->tried[d->tried_n++] =
		    (struct path_tried){t->hop.slot, t->hop.incarnation, 0};
	d->tried[i].times++;
	if (blame_answered(t->reason))
		d->tried[i].times = UINT32_MAX;
}

static void
charge(struct dial *d, struct dial_try *t, bool charged)
{
	t->settled = true;
	record_failed(d->env->record, t->hop, t->reason, charged,
	    loop_now_us(d->env->loop));
}

/* What was given no time to answer cannot be blamed for silence. */
static enum blame
blame_for(const struct dial_try *t)
{
	if (t->hurried &&
	    (t->reason == REASON_HOP_TIMEOUT || t->reason == REASON_HOP_SILENT))
		return BLAME_NOBODY;
	return blame_of(t->reason);
}

/* What needs to know whether the destination can be reached, once that is
 * known. */
static void
settle(struct dial *d, bool reached)
{
	struct dial_try *t;
	uint32_t i;

	for (i = 0; i < d->tries_n; i++) {
		t = &d->tries[i];
		if (!t->direct && !t->settled && t->reason != REASON_OK)
			charge(d, t,
			    reached && blame_for(t) == BLAME_IF_CORROBORATED);
	}
}

static void
proved(struct dial *d)
{
	*d->env->budget =
	    (struct dial_budget){.proved_us = loop_now_us(d->env->loop)};
	settle(d, true);
}

/* May one more try be made, for all that others have met? */
static bool
may_retry(struct dial *d)
{
	struct dial_budget *b = d->env->budget;
	int64_t now = loop_now_us(d->env->loop);

	if (b->failures >= DIAL_DOWN_FAILURES &&
	    now - b->proved_us >= DIAL_DOWN_US &&
	    b->retries * DIAL_DOWN_SHARE >= b->requests)
		return false;
	b->retries++;
	return true;
}

static void
finish(struct dial *d, struct dialed *result)
{
	loop_cancel(d->env->loop, &d->gone);
	d->running = false;
	d->done(d, result);
}

static void
on_ended(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct dial *d = container_of(op, struct dial, attempt.timer);
	struct dialed result = {.reason = d->ended, .fd = -1};

	(void)loop, (void)r; /* only the turn matters */
	finish(d, &result);
}

static void
give_up(struct dial *d, enum wire_reason reason)
{
	struct dialed result = {.reason = reason, .fd = -1};
	uint32_t i;

	for (i = 0; i < d->tries_n; i++)
		result.reason = blame_truest(result.reason, d->tries[i].reason);
	settle(d, false);
	if (!d->starting) {
		finish(d, &result);
		return;
	}
	/* The timer needs no memory: the stage before had one, in this same
	 * callback. */
	d->ended = result.reason;
	loop_timer(d->env->loop, &d->attempt.timer, loop_now_us(d->env->loop),
	    on_ended);
}

static void
stands(struct dial *d, const struct attempt_result *r)
{
	struct dial_try *t = &d->tries[d->tries_n - 1];
	struct dialed result = {REASON_OK, r->fd, r->early, t};

	if (t->direct)
		proved(d);
	finish(d, &result);
}

void
dial_judge(struct dial *d, enum wire_reason reason)
{
	struct dial_try *t = &d->tries[d->tries_n - 1];

	if (t->direct)
		return;
	if (reason == REASON_OK) {
		record_ok(d->env->record, t->hop, t->connect_us,
		    t->handshake_us, loop_now_us(d->env->loop));
		proved(d);
		return;
	}
	t->reason = reason;
	charge(d, t, false);
	settle(d, false);
}

/* Two that answer alike for the destination are believed; or one, when it is
 * the destination itself. */
static bool
enough_heard(const struct dial *d)
{
	const struct dial_try *t;
	uint32_t i, n = 0;

	for (i = 0; i < d->tries_n; i++) {
		t = &d->tries[i];
		if (t->direct && t->reason == REASON_REFUSED)
			return true;
		if (blame_definite(t->reason) || t->stood)
			n++;
	}
	return n >= 2;
}

/* The attempt that was under way is over, one way or the other. */
static void
leave_try(struct dial *d, struct dial_try *t)
{
	if (t->trial)
		record_trial_over(d->env->record, t->hop);
	if (!t->direct && t->reason != REASON_OK)
		record_leave(d->env->record, t->hop);
}

static void
attempt_done(struct attempt *a, struct attempt_result *r)
{
	struct dial *d = container_of(a, struct dial, attempt);
	struct dial_try *t = &d->tries[d->tries_n - 1];

	t->reason = r->reason;
	t->code = r->code;
	t->connect_us = r->connect_us;
	t->handshake_us = r->handshake_us;
	leave_try(d, t);
	if (r->reason == REASON_OK) {
		stands(d, r);
		return;
	}
	if (!t->direct) {
		note_tried(d, t);
		if (blame_for(t) == BLAME_HOP)
			d->env->budget->failures++;
		if (blame_for(t) != BLAME_IF_CORROBORATED)
			charge(d, t, blame_for(t) == BLAME_HOP);
	}
	try_next(d);
}

static void
cancel(struct dial *d)
{
	struct dial_try *t;

	loop_cancel(d->env->loop, &d->gone);
	loop_cancel(d->env->loop, &d->attempt.timer);
	if (d->attempt.state == ATTEMPT_IDLE)
		return;
	attempt_cancel(&d->attempt);
	t = &d->tries[d->tries_n - 1];
	t->reason = REASON_CANCELLED;
	leave_try(d, t);
	settle(d, false);
}

void
dial_cancel(struct dial *d)
{
	if (d->running)
		cancel(d);
	d->running = false;
}

static void
on_gone(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct dial *d = container_of(op, struct dial, gone);
	struct dialed result = {.reason = REASON_CANCELLED, .fd = -1};

	(void)loop;
	if (r->res >= 0 && (r->res & (POLLERR | POLLHUP)) == 0)
		return;
	cancel(d);
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
start_attempt(struct dial *d, const struct attempt_target *t)
{
	int64_t now = loop_now_us(d->env->loop);
	int64_t span = d->settings->attempt_timeout_ms * 1000;

	if (span > d->deadline_us - now) {
		d->tries[d->tries_n - 1].hurried =
		    d->deadline_us - now < span / 2;
		span = d->deadline_us - now;
	}
	if (d->tries_n > 1)
		watch_client(d);
	attempt_start(&d->attempt, d->env->loop, d->env->resolve, t, now + span,
	    attempt_done);
}

static bool
may_direct(const void *arg, const struct net_ip *ip)
{
	const struct dial *d = arg;

	return classify_direct(d->settings, &d->verdict, d->host, ip);
}

static void
try_direct(struct dial *d)
{
	struct attempt_target target = {
	    .direct = true, .dest = d->host, .may = may_direct, .arg = d};
	struct dial_try *t = &d->tries[d->tries_n++];
	struct net_ip ip = {0};

	*t = (struct dial_try){.direct = true, .name = "direct", .code = -1};
	if (d->host->kind == WIRE_HOST_NAME) {
		memcpy(d->attempt_host, d->host->name, sizeof(d->attempt_host));
	} else {
		ip.family = d->host->kind == WIRE_HOST_V4 ? 4 : 6;
		memcpy(ip.bytes, d->host->ip, sizeof(ip.bytes));
		net_ip_format(&ip, d->attempt_host);
		if (!may_direct(d, &ip)) {
			t->reason = REASON_DENIED;
			try_next(d);
			return;
		}
	}
	target.host = d->attempt_host;
	target.port = d->host->port;
	start_attempt(d, &target);
}

/* The table's rows follow the order of the configuration it was made from,
 * which is this request's unless a reload has come between. */
static const struct settings_intermediary *
login_of(const struct dial *d, uint32_t row)
{
	const char *name = d->env->table->rows[row].name;
	int i = (int)row;

	if (row >= d->settings->intermediaries_n ||
	    strcmp(d->settings->intermediaries[row].name, name) != 0)
		i = settings_intermediary(d->settings, name);
	return i >= 0 ? &d->settings->intermediaries[i] : NULL;
}

static void
try_intermediary(struct dial *d, const struct path_pick *pick)
{
	const struct table_row *row = &d->env->table->rows[pick->row];
	const struct settings_intermediary *login = login_of(d, pick->row);
	struct attempt_target target = {.type = path_hop_type(row),
	    .dest = d->host,
	    .host = d->attempt_host,
	    .port = row->port};
	struct dial_try *t = &d->tries[d->tries_n++];

	*t = (struct dial_try){.hop = {row->slot, row->incarnation},
	    .rank = pick->rank,
	    .trial = pick->trial,
	    .code = -1};
	memcpy(t->name, row->name, sizeof(t->name));
	snprintf(d->attempt_host, sizeof(d->attempt_host), "%s", row->host);
	if (login != NULL && login->username[0] != '\0') {
		target.user = login->username;
		target.password =
		    login->password != NULL ? login->password : "";
	}
	record_enter(d->env->record, t->hop);
	if (pick->trial)
		record_trial(d->env->record, t->hop, loop_now_us(d->env->loop));
	start_attempt(d, &target);
}

static bool
direct_was_tried(const struct dial *d)
{
	return d->tries_n > 0 && d->tries[0].direct;
}

/* Nothing (more) to pick. */
static void
no_candidate(struct dial *d)
{
	if (d->tries_n == 0 && d->settings->no_path_direct &&
	    d->verdict.via == VIA_DEFAULT)
		try_direct(d);
	else
		give_up(d, d->tries_n == 0 ? REASON_NO_PATH
					   : d->tries[d->tries_n - 1].reason);
}

static bool
out_of_tries(const struct dial *d)
{
	return d->tries_n >= DIAL_TRIES_MAX ||
	       d->tries_n >= (uint32_t)d->settings->attempts ||
	       loop_now_us(d->env->loop) >= d->deadline_us;
}

static bool
pick_path(struct dial *d, const struct path_query *q, struct path_pick *pick)
{
	const struct dial_env *env = d->env;
	uint64_t seed_before = *env->seed;
	bool picked = path_pick(q, env->seed, pick) == 0;

	if (env->decided != NULL)
		env->decided(env->arg, q, seed_before, picked ? pick : NULL);
	return picked;
}

static void
try_next(struct dial *d)
{
	struct path_query q = {.table = d->env->table,
	    .index = d->env->index,
	    .loads = d->env->record->loads,
	    .settings = d->settings,
	    .verdict = &d->verdict,
	    .host = d->host,
	    .tried = d->tried,
	    .tried_n = d->tried_n,
	    .times_max = (uint32_t)d->settings->attempts_each,
	    .now_us = loop_now_us(d->env->loop),
	    .in_flight = d->env->in_flight,
	    .arg = d->env->arg};
	struct path_pick pick;

	d->env->refresh(d->env->arg);
	if (d->tries_n > 0 && (out_of_tries(d) || enough_heard(d))) {
		give_up(d, d->tries[d->tries_n - 1].reason);
		return;
	}
	if ((d->verdict.via == VIA_DIRECT || d->verdict.direct_first) &&
	    !direct_was_tried(d)) {
		try_direct(d);
		return;
	}
	if (d->tries_n > 0 && !may_retry(d))
		give_up(d, d->tries[d->tries_n - 1].reason);
	else if (d->verdict.via == VIA_DIRECT || !pick_path(d, &q, &pick))
		no_candidate(d);
	else
		try_intermediary(d, &pick);
}

static void
start(struct dial *d, dial_fn *done)
{
	d->deadline_us =
	    loop_now_us(d->env->loop) + d->settings->dial_timeout_ms * 1000;
	d->done = done;
	d->running = true;
	d->starting = true;
	try_next(d);
	d->starting = false;
}

void
dial_start(struct dial *d, const struct dial_env *env,
    const struct dial_request *request, dial_fn *done)
{
	d->env = env;
	d->settings = request->settings;
	d->host = request->host;
	d->verdict = *request->verdict;
	d->client = request->client;
	env->budget->requests++;
	start(d, done);
}

void
dial_again(struct dial *d, enum wire_reason broke, dial_fn *done)
{
	struct dial_try *t = &d->tries[d->tries_n - 1];

	t->reason = broke;
	t->stood = true;
	note_tried(d, t);
	start(d, done);
}

size_t
dial_report(const struct dial *d, char *out, size_t size)
{
	const struct dial_try *t;
	char rank[32];
	size_t len = 0;
	uint32_t i;
	int n;

	out[0] = '\0';
	for (i = 0; i < d->tries_n; i++) {
		t = &d->tries[i];
		rank[0] = '\0';
		if (!t->direct)
			snprintf(rank, sizeof(rank), " (tier %u)", t->rank);
		n = snprintf(out + len, size - len, "%s%s: %s, %lld ms\n",
		    t->name, rank, wire_reason_text(t->reason),
		    (long long)(t->handshake_us / 1000));
		if (n < 0 || (size_t)n >= size - len) {
			out[len] = '\0';
			break;
		}
		len += (size_t)n;
	}
	return len;
}
