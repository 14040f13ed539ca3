/* Owns one attempt at one path, up to the handshake; knows nothing of tiers,
 * retries or clients. */
#include "cagentd/common/attempt_impl.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/tls.h"

static void
hang_up(struct attempt *a)
{
	stream_cancel(a->loop, a->stream, &a->recv);
	stream_cancel(a->loop, a->stream, &a->send);
	stream_close(a->loop, a->stream, false);
	a->stream = STREAM_NONE;
	buf_free(a->in);
	a->in = NULL;
}

static void
release(struct attempt *a)
{
	resolve_cancel(a->resolve, &a->query);
	loop_cancel(a->loop, &a->timer);
	if (a->state == ATTEMPT_CONNECTING)
		race_cancel(&a->race);
	hang_up(a);
	a->state = ATTEMPT_IDLE;
}

void
attempt_cancel(struct attempt *a)
{
	if (a->state != ATTEMPT_IDLE)
		release(a);
}

void
attempt_finish(struct attempt *a, enum wire_reason reason, struct buf *early)
{
	struct attempt_result r = {
	    .reason = reason, .code = -1, .stream = STREAM_NONE};
	attempt_fn *done = a->done;

	r.handshake_us =
	    a->warm_us + loop_now_us(a->loop) -
	    (a->connecting_us != 0 ? a->connecting_us : a->started_us);
	if (a->connected_us != 0)
		r.connect_us = a->connected_us - a->connecting_us;
	if (a->state == ATTEMPT_SHAKING && !a->target.direct) {
		r.code = a->hop.code;
		r.logged_in = a->hop.logged_in;
	}
	r.warm = a->lukewarm;
	r.news = attempt_shake_news(a, reason);
	r.fast_failed = a->lost || (a->plain && a->connected_us != 0);
	if (reason == REASON_OK) {
		if (a->target.associate)
			r.bound = a->hop.bound;
		stream_cancel(a->loop, a->stream, &a->recv);
		r.stream = a->stream;
		r.early = early;
		a->stream = STREAM_NONE;
	}
	release(a);
	done(a, &r);
}

static enum wire_reason
timeout_reason(const struct attempt *a)
{
	switch (a->state) {
	case ATTEMPT_RESOLVING:
		return a->target.direct ? REASON_NAME_FAILED
					: REASON_HOP_UNREACHABLE;
	case ATTEMPT_SHAKING:
		return hop_timeout(&a->hop);
	case ATTEMPT_IDLE:
	case ATTEMPT_CONNECTING:
	case ATTEMPT_SECURING:
		break;
	}
	return a->target.direct ? REASON_TIMEOUT : REASON_HOP_TIMEOUT;
}

static void
on_deadline(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct attempt *a = container_of(op, struct attempt, timer);

	(void)loop, (void)r; /* time is the only news */
	if (attempt_fast_is_over(a))
		return;
	if (a->refused == REASON_OK && attempt_shake_is_over(a)) {
		a->swallowed = true;
		attempt_again(a);
		return;
	}
	/* A refused start comes this way too, so as not to call back early. */
	attempt_finish(
	    a, a->refused != REASON_OK ? a->refused : timeout_reason(a), NULL);
}

static void
fail_soon(struct attempt *a, enum wire_reason reason)
{
	a->refused = reason;
	/* Moving an armed timer needs no memory. */
	loop_timer(a->loop, &a->timer, loop_now_us(a->loop), on_deadline);
}

/* What TLS has against it, if it was that; else otherwise. */
static enum wire_reason
tls_reason(const struct attempt *a, enum wire_reason otherwise)
{
	char why[TLS_WHY_MAX];

	if (a->stream.tls == NULL)
		return otherwise;
	switch (tls_why(a->stream.tls, why)) {
	case TLS_FAULT_NONE:
		return otherwise;
	case TLS_FAULT_PEER:
		otherwise = REASON_HOP_TLS;
		break;
	case TLS_FAULT_CERTIFICATE:
		otherwise = REASON_HOP_CERT;
		break;
	}
	log_info("%s port %u: %s: %s", a->target.host, a->target.port,
	    wire_reason_text(otherwise), why);
	return otherwise;
}

/* Its connection has ended or broken while it was to answer. */
enum wire_reason
attempt_closed_reason(const struct attempt *a)
{
	return tls_reason(a, hop_closed(&a->hop));
}

static void
stands(struct attempt *a)
{
	if (a->target.direct || a->target.bare)
		attempt_finish(a, REASON_OK, NULL);
	else
		attempt_shake(a);
}

static void
on_secured(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct attempt *a = container_of(op, struct attempt, recv);

	(void)loop;
	if (r->res == -ENOMEM || r->res == -ENOBUFS)
		attempt_finish(a, REASON_OVERLOAD, NULL);
	else if (r->res < 0)
		attempt_finish(a, tls_reason(a, REASON_HOP_CLOSED), NULL);
	else {
		if (tls_resumed(a->stream.tls))
			log_debug("%s port %u: a TLS session is resumed",
			    a->target.host, a->target.port);
		stands(a);
	}
}

static void
secure(struct attempt *a)
{
	a->state = ATTEMPT_SECURING;
	if (a->target.tls == NULL)
		attempt_finish(a, REASON_HOP_TLS, NULL);
	else if (stream_secure(a->loop, &a->stream, a->target.tls, &a->recv,
		     on_secured) != 0)
		attempt_finish(a, REASON_OVERLOAD, NULL);
}

static void
on_connect(struct race *race, int fd)
{
	struct attempt *a = container_of(race, struct attempt, race);

	if (fd < 0) {
		attempt_finish(
		    a, wire_connect_reason(a->target.direct, fd), NULL);
		return;
	}
	a->stream = stream_plain(fd);
	a->unproven = race->fast;
	a->connected_us = loop_now_us(a->loop);
	if (a->target.secure)
		secure(a);
	else
		stands(a);
}

/* 0 or -errno, to each of the addresses that there are. */
static int
start_connecting(struct attempt *a)
{
	const struct race_field field = {a->addresses.ips, a->addresses.ips_n,
	    a->target.port, attempt_fast_may(a), a->target.dscp,
	    a->target.window};

	a->state = ATTEMPT_CONNECTING;
	a->unproven = false;
	a->connecting_us = loop_now_us(a->loop);
	return race_start(&a->race, a->loop, &field, on_connect);
}

/* What is connected to is what was judged: nothing is resolved again. */
static void
take_addresses(struct attempt *a, const struct msg_resolved *m)
{
	const struct attempt_target *t = &a->target;
	uint32_t i;

	for (i = 0; i < m->ips_n; i++) {
		if (t->may == NULL || t->may(t->arg, &m->ips[i]))
			a->addresses.ips[a->addresses.ips_n++] = m->ips[i];
	}
	race_order(a->addresses.ips, a->addresses.ips_n);
}

static void
connect_to(struct attempt *a, const struct msg_resolved *m)
{
	int error;

	take_addresses(a, m);
	if (a->addresses.ips_n == 0) {
		attempt_finish(a, REASON_DENIED, NULL);
		return;
	}
	error = start_connecting(a);
	if (error != 0)
		attempt_finish(
		    a, wire_connect_reason(a->target.direct, error), NULL);
}

static void
on_resolved(struct resolve_query *q, const struct msg_resolved *m)
{
	struct attempt *a = container_of(q, struct attempt, query);

	/* An intermediary whose name is gone is unreachable. */
	if (m->outcome == NAMES_OK)
		connect_to(a, m);
	else if (!a->target.direct)
		attempt_finish(a, REASON_HOP_UNREACHABLE, NULL);
	else if (m->outcome == NAMES_UNKNOWN)
		attempt_finish(a, REASON_NAME_UNKNOWN, NULL);
	else
		attempt_finish(a, REASON_NAME_FAILED, NULL);
}

/* REASON_OK, or why nothing is under way. */
static enum wire_reason
begin(struct attempt *a)
{
	const struct attempt_target *t = &a->target;
	int error;

	a->addresses.ips_n = 0;
	a->state = ATTEMPT_RESOLVING;
	if (net_ip_parse(t->host, &a->addresses.ips[0]) == 0) {
		a->addresses.ips_n = 1;
		error = start_connecting(a);
		return error == 0 ? REASON_OK
				  : wire_connect_reason(t->direct, error);
	}
	error = resolve_start(a->resolve, &a->query, t->host, on_resolved);
	return error == 0 ? REASON_OK : REASON_OVERLOAD;
}

static void
connect_again(struct attempt *a)
{
	int error;

	hang_up(a);
	a->connected_us = 0;
	/* It is under way, or has just fired: that takes no memory. */
	attempt_arm(a, a->deadline_us);
	error = start_connecting(a);
	if (error != 0)
		attempt_finish(
		    a, wire_connect_reason(a->target.direct, error), NULL);
}

void
attempt_again(struct attempt *a)
{
	a->fell = true;
	connect_again(a);
}

void
attempt_plainly(struct attempt *a)
{
	a->plain = true;
	connect_again(a);
}

void
attempt_cold(struct attempt *a)
{
	enum wire_reason reason;

	hang_up(a);
	a->warm = a->lukewarm = false;
	a->warm_us = 0;
	a->started_us = loop_now_us(a->loop);
	a->connecting_us = a->connected_us = 0;
	reason = begin(a);
	if (reason != REASON_OK)
		attempt_finish(a, reason, NULL);
}

void
attempt_arm(struct attempt *a, int64_t at_us)
{
	loop_timer(a->loop, &a->timer, at_us, on_deadline);
}

static void
set_out(struct attempt *a, struct loop *loop, struct resolve *resolve,
    const struct attempt_target *t, attempt_fn *done)
{
	a->loop = loop;
	a->resolve = resolve;
	a->target = *t;
	a->done = done;
	a->stream = STREAM_NONE;
	a->in = NULL;
	a->started_us = loop_now_us(loop);
	a->connecting_us = a->connected_us = 0;
	a->warm_us = 0;
	a->warm = a->lukewarm = a->fell = a->swallowed = false;
	a->unproven = a->plain = a->lost = false;
	a->refused = REASON_OK;
}

void
attempt_start(struct attempt *a, struct loop *loop, struct resolve *resolve,
    const struct attempt_target *t, int64_t deadline_us, attempt_fn *done)
{
	enum wire_reason reason;

	set_out(a, loop, resolve, t, done);
	a->deadline_us = deadline_us;
	attempt_arm(a, deadline_us);
	reason = begin(a);
	if (reason != REASON_OK)
		fail_soon(a, reason);
}

void
attempt_start_warm(struct attempt *a, struct loop *loop,
    struct resolve *resolve, const struct attempt_target *t,
    const struct attempt_warm *warm, int64_t deadline_us, attempt_fn *done)
{
	enum wire_reason reason = REASON_OK;

	set_out(a, loop, resolve, t, done);
	a->deadline_us = deadline_us;
	attempt_arm(a, deadline_us);
	a->stream = warm->stream;
	if (t->dscp != 0) /* as in race.c */
		(void)net_mark(a->stream.fd, t->dscp);
	a->warm = a->lukewarm = true;
	a->warm_us = warm->handshake_us;
	/* As if it had connected in that time. */
	a->connecting_us = a->started_us;
	a->connected_us = a->started_us + warm->connect_us;
	if (attempt_shake_warm(a) == 0)
		return;
	hang_up(a);
	a->warm = a->lukewarm = false;
	a->warm_us = a->connecting_us = a->connected_us = 0;
	reason = begin(a);
	if (reason != REASON_OK)
		fail_soon(a, reason);
}

static void
on_stands(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)loop, (void)r; /* only the turn matters */
	attempt_finish(
	    container_of(op, struct attempt, timer), REASON_OK, NULL);
}

void
attempt_stands(struct attempt *a, struct loop *loop, struct resolve *resolve,
    struct stream stream, attempt_fn *done)
{
	static const struct attempt_target bare = {.bare = true};

	set_out(a, loop, resolve, &bare, done);
	a->stream = stream;
	a->state = ATTEMPT_RESOLVING;
	loop_timer(loop, &a->timer, a->started_us, on_stands);
}
