/*
 * Owns the search for a standing path of one request; picks by path.c, tries
 * by attempt.c, and settles the blame at the end.
 */
#include "cagentd/dial.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

static void try_next(struct dial *);

enum dial_blame
dial_blame(enum wire_reason reason)
{
	switch (reason) {
	case REASON_HOP_REFUSED:
	case REASON_HOP_TIMEOUT:
	case REASON_HOP_CLOSED:
	case REASON_HOP_BAD:
	case REASON_HOP_AUTH:
		return DIAL_BLAME_HOP;
	case REASON_REFUSED:
	case REASON_HOST_UNREACHABLE:
	case REASON_NET_UNREACHABLE:
	case REASON_TIMEOUT:
	case REASON_HOP_UNREACHABLE:
	case REASON_HOP_FAILED:
	case REASON_HOP_SILENT:
	case REASON_HOP_HUNG_UP:
		return DIAL_BLAME_IF_CORROBORATED;
	case REASON_OK:
	case REASON_NAME_UNKNOWN:
	case REASON_NAME_FAILED:
	case REASON_HOP_UNSUPPORTED:
	case REASON_HOP_DENIED:
	case REASON_DENIED:
	case REASON_NO_PATH:
	case REASON_OVERLOAD:
	case REASON_UNSUPPORTED:
	case REASON_BAD_REQUEST:
	case REASON_CANCELLED:
	case REASON_COUNT:
		break;
	}
	return DIAL_BLAME_NOBODY;
}

/* How much a reason says about the destination; the highest is told. */
static int
weight(enum wire_reason reason)
{
	switch (reason) {
	case REASON_REFUSED:
	case REASON_NAME_UNKNOWN:
		return 9;
	case REASON_HOST_UNREACHABLE:
	case REASON_NET_UNREACHABLE:
		return 8;
	case REASON_TIMEOUT:
		return 7;
	case REASON_HOP_DENIED:
	case REASON_NAME_FAILED:
		return 6;
	case REASON_HOP_FAILED:
		return 5;
	case REASON_HOP_SILENT:
		return 4;
	case REASON_HOP_HUNG_UP:
		return 3;
	case REASON_HOP_REFUSED:
	case REASON_HOP_UNREACHABLE:
	case REASON_HOP_TIMEOUT:
	case REASON_HOP_CLOSED:
	case REASON_HOP_BAD:
	case REASON_HOP_AUTH:
	case REASON_HOP_UNSUPPORTED:
	case REASON_OVERLOAD:
		return 2;
	case REASON_DENIED:
	case REASON_NO_PATH:
	case REASON_UNSUPPORTED:
	case REASON_BAD_REQUEST:
		return 1;
	case REASON_OK:
	case REASON_CANCELLED:
	case REASON_COUNT:
		break;
	}
	return 0;
}

enum wire_reason
dial_truest(enum wire_reason a, enum wire_reason b)
{
	return weight(b) > weight(a) ? b : a;
}

/* Did somebody answer for the destination, so that asking the same
 * intermediary again is pointless? */
static bool
says_destination(enum wire_reason reason)
{
	return weight(reason) >= 5;
}

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
	if (says_destination(t->reason))
		d->tried[i].times = UINT32_MAX;
}

/* Settle who is charged, once it is known whether the destination can be
 * reached at all. */
static void
settle(struct dial *d, bool reached)
{
	struct dial_try *t;
	enum dial_blame blame;
	uint32_t i;

	for (i = 0; i < d->tries_n; i++) {
		t = &d->tries[i];
		if (t->direct || t->settled || t->reason == REASON_OK)
			continue;
		t->settled = true;
		blame = dial_blame(t->reason);
		record_failed(d->env->record, t->hop, t->reason,
		    blame == DIAL_BLAME_HOP ||
			(blame == DIAL_BLAME_IF_CORROBORATED && reached),
		    loop_now_us(d->env->loop));
	}
}

static void
on_ended(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct dial *d = container_of(op, struct dial, attempt.timer);
	struct dialed result = {.reason = d->ended, .fd = -1};

	(void)loop, (void)r; /* only the turn matters */
	d->running = false;
	d->done(d, &result);
}

static void
give_up(struct dial *d, enum wire_reason reason)
{
	struct dialed result = {.reason = reason, .fd = -1};
	uint32_t i;

	for (i = 0; i < d->tries_n; i++)
		result.reason = dial_truest(result.reason, d->tries[i].reason);
	settle(d, false);
	if (d->starting) {
		d->ended = result.reason;
		loop_timer(d->env->loop, &d->attempt.timer,
		    loop_now_us(d->env->loop), on_ended);
		return;
	}
	d->running = false;
	d->done(d, &result);
}

static void
stands(struct dial *d, const struct attempt_result *r)
{
	struct dial_try *t = &d->tries[d->tries_n - 1];
	struct dialed result = {REASON_OK, r->fd, r->early, t};

	if (!t->direct)
		record_ok(d->env->record, t->hop, r->connect_us,
		    r->handshake_us, loop_now_us(d->env->loop));
	settle(d, true);
	d->running = false;
	d->done(d, &result);
}

/* Two intermediaries that both tell what the destination did are believed; a
 * general failure or a refusal by their rules says little of a third. */
static bool
enough_heard(const struct dial *d)
{
	uint32_t i, n = 0;

	for (i = 0; i < d->tries_n; i++) {
		if (weight(d->tries[i].reason) >= 7)
			n += d->tries[i].direct &&
				     d->tries[i].reason == REASON_REFUSED
				 ? 2
				 : 1;
	}
	return n >= 2;
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
	if (t->trial)
		record_trial_over(d->env->record, t->hop);
	if (r->reason == REASON_OK) {
		stands(d, r);
		return;
	}
	if (!t->direct) {
		record_leave(d->env->record, t->hop);
		note_tried(d, t);
	}
	if (enough_heard(d))
		give_up(d, t->reason);
	else
		try_next(d);
}

static void
start_attempt(struct dial *d, const struct attempt_target *t)
{
	int64_t now = loop_now_us(d->env->loop);
	int64_t end = now + d->settings->attempt_timeout_ms * 1000;

	if (end > d->deadline_us)
		end = d->deadline_us;
	attempt_start(
	    &d->attempt, d->env->loop, d->env->resolve, t, end, attempt_done);
}

static void
try_direct(struct dial *d)
{
	struct attempt_target target = {.direct = true, .dest = d->host};
	struct dial_try *t = &d->tries[d->tries_n++];
	struct net_ip ip = {0};

	*t = (struct dial_try){.direct = true, .name = "direct", .code = -1};
	if (d->host->kind == WIRE_HOST_NAME) {
		memcpy(d->attempt_host, d->host->name, sizeof(d->attempt_host));
	} else {
		ip.family = d->host->kind == WIRE_HOST_V4 ? 4 : 6;
		memcpy(ip.bytes, d->host->ip, sizeof(ip.bytes));
		net_ip_format(&ip, d->attempt_host);
	}
	target.host = d->attempt_host;
	target.port = d->host->port;
	start_attempt(d, &target);
}

static enum hop_type
hop_type_of(const struct table_row *row)
{
	switch ((enum table_type)row->type) {
	case TABLE_SOCKS5:
		return HOP_SOCKS5;
	case TABLE_SOCKS4A:
		return HOP_SOCKS4A;
	case TABLE_HTTP:
		return HOP_HTTP;
	}
	return HOP_SOCKS5;
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
	struct attempt_target target = {.type = hop_type_of(row),
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
	if (d->tries_n > 0 && out_of_tries(d)) {
		give_up(d, d->tries[d->tries_n - 1].reason);
		return;
	}
	if ((d->verdict.via == VIA_DIRECT || d->verdict.direct_first) &&
	    !direct_was_tried(d)) {
		try_direct(d);
		return;
	}
	if (d->verdict.via == VIA_DIRECT ||
	    path_pick(&q, d->env->seed, &pick) != 0)
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
    const struct settings *settings, const struct wire_host *host,
    const struct verdict *v, dial_fn *done)
{
	d->env = env;
	d->settings = settings;
	d->host = host;
	d->verdict = *v;
	start(d, done);
}

void
dial_again(struct dial *d, enum wire_reason broke, dial_fn *done)
{
	struct dial_try *t = &d->tries[d->tries_n - 1];

	t->reason = broke;
	note_tried(d, t);
	start(d, done);
}

void
dial_cancel(struct dial *d)
{
	struct dial_try *t;

	if (!d->running)
		return;
	d->running = false;
	loop_cancel(d->env->loop, &d->attempt.timer);
	if (d->attempt.state == ATTEMPT_IDLE)
		return;
	attempt_cancel(&d->attempt);
	t = &d->tries[d->tries_n - 1];
	if (t->trial)
		record_trial_over(d->env->record, t->hop);
	if (!t->direct)
		record_leave(d->env->record, t->hop);
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
