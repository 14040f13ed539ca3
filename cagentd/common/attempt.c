/* Owns one attempt at one path; knows nothing of tiers, retries or clients. */
#include "cagentd/common/attempt.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/tls.h"

static void
release(struct attempt *a)
{
	resolve_cancel(a->resolve, &a->query);
	loop_cancel(a->loop, &a->timer);
	if (a->state == ATTEMPT_CONNECTING)
		race_cancel(&a->race);
	stream_cancel(a->loop, a->stream, &a->recv);
	stream_cancel(a->loop, a->stream, &a->send);
	stream_close(a->loop, a->stream, false);
	a->stream = STREAM_NONE;
	buf_free(a->in);
	a->in = NULL;
	a->state = ATTEMPT_IDLE;
}

void
attempt_cancel(struct attempt *a)
{
	if (a->state != ATTEMPT_IDLE)
		release(a);
}

static void
finish(struct attempt *a, enum wire_reason reason, struct buf *early)
{
	struct attempt_result r = {
	    .reason = reason, .code = -1, .stream = STREAM_NONE};
	attempt_fn *done = a->done;

	r.handshake_us =
	    loop_now_us(a->loop) -
	    (a->connecting_us != 0 ? a->connecting_us : a->started_us);
	if (a->connected_us != 0)
		r.connect_us = a->connected_us - a->connecting_us;
	if (a->state == ATTEMPT_SHAKING && !a->target.direct)
		r.code = a->hop.code;
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
	/* A refused start comes this way too, so as not to call back early. */
	finish(
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
static enum wire_reason
closed_reason(const struct attempt *a)
{
	return tls_reason(a, hop_closed(&a->hop));
}

static void
on_sent(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct attempt *a = container_of(op, struct attempt, send);

	(void)loop;
	if (r->res < 0)
		finish(a, closed_reason(a), NULL);
}

/* 0 or -errno. */
static int
send_out(struct attempt *a)
{
	struct buf *rest;
	ssize_t n;
	size_t sent;

	if (stream_op_active(a->stream, &a->send))
		return -EPIPE; /* it answers what it cannot have read */
	n = stream_send_now(a->loop, a->stream, a->hop.out, a->hop.out_len);
	if (n < 0)
		return (int)n;
	sent = (size_t)n;
	if (sent == a->hop.out_len)
		return 0;
	rest = buf_copy(a->hop.out + sent, a->hop.out_len - sent);
	if (rest == NULL)
		return -ENOMEM;
	return stream_send(a->loop, a->stream, &a->send, rest, on_sent);
}

/*
 * Feed what was received until the hop wants more.  The bytes are the lent
 * ones, or those of a->in when an earlier answer came in pieces.
 */
static void
feed(struct attempt *a, const uint8_t *data, size_t len)
{
	struct buf *early = NULL;
	enum hop_step step;
	size_t used;

	for (;;) {
		step = hop_feed(&a->hop, data, len, &used);
		data += used;
		len -= used;
		if (step != HOP_SEND)
			break;
		if (send_out(a) != 0) {
			finish(a, closed_reason(a), NULL);
			return;
		}
	}
	if (step == HOP_FAIL) {
		finish(a, a->hop.reason, NULL);
		return;
	}
	if (step == HOP_DONE) {
		if (stream_op_active(a->stream, &a->send))
			finish(a, REASON_HOP_BAD, NULL);
		else if (len > 0 && (early = buf_copy(data, len)) == NULL)
			finish(a, REASON_OVERLOAD, NULL);
		else
			finish(a, REASON_OK, early);
		return;
	}
	if (buf_holds(a->in, data))
		buf_consume(a->in, a->in->len - len);
	else if (len > 0 && buf_extend(&a->in, data, len) != 0)
		finish(a, REASON_OVERLOAD, NULL);
}

static void
on_recv(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct attempt *a = container_of(op, struct attempt, recv);

	if (r->res <= 0) {
		finish(a, closed_reason(a), NULL);
		return;
	}
	/* Each answer is to all that was sent before. */
	loop_prompt(loop, a->stream.fd);
	if (a->in == NULL || a->in->len == 0) {
		buf_free(a->in);
		a->in = NULL;
		feed(a, r->data, (size_t)r->res);
		return;
	}
	/* Bounded: the hop fails on more than HOP_IN_MAX without an end. */
	if (buf_extend(&a->in, r->data, (size_t)r->res) != 0)
		finish(a, REASON_OVERLOAD, NULL);
	else
		feed(a, buf_bytes(a->in), a->in->len);
}

static void
shake(struct attempt *a)
{
	const struct attempt_target *t = &a->target;
	enum hop_step step;

	a->state = ATTEMPT_SHAKING;
	if (t->associate)
		step =
		    hop_start_associate(&a->hop, t->type, t->user, t->password);
	else
		step =
		    hop_start(&a->hop, t->type, t->dest, t->user, t->password);
	if (step != HOP_SEND) {
		finish(a, a->hop.reason, NULL);
		return;
	}
	if (send_out(a) != 0 ||
	    stream_recv(a->loop, a->stream, &a->recv, on_recv) != 0)
		finish(a, closed_reason(a), NULL);
}

static void
stands(struct attempt *a)
{
	if (a->target.direct || a->target.bare)
		finish(a, REASON_OK, NULL);
	else
		shake(a);
}

static void
on_secured(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct attempt *a = container_of(op, struct attempt, recv);

	(void)loop;
	if (r->res == -ENOMEM || r->res == -ENOBUFS)
		finish(a, REASON_OVERLOAD, NULL);
	else if (r->res < 0)
		finish(a, tls_reason(a, REASON_HOP_CLOSED), NULL);
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
		finish(a, REASON_HOP_TLS, NULL);
	else if (stream_secure(a->loop, &a->stream, a->target.tls, &a->recv,
		     on_secured) != 0)
		finish(a, REASON_OVERLOAD, NULL);
}

static void
on_connect(struct race *race, int fd)
{
	struct attempt *a = container_of(race, struct attempt, race);

	if (fd < 0) {
		finish(a, wire_connect_reason(a->target.direct, fd), NULL);
		return;
	}
	a->stream = stream_plain(fd);
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
	const struct race_field field = {
	    a->addresses.ips, a->addresses.ips_n, a->target.port};

	a->state = ATTEMPT_CONNECTING;
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
		finish(a, REASON_DENIED, NULL);
		return;
	}
	error = start_connecting(a);
	if (error != 0)
		finish(a, wire_connect_reason(a->target.direct, error), NULL);
}

static void
on_resolved(struct resolve_query *q, const struct msg_resolved *m)
{
	struct attempt *a = container_of(q, struct attempt, query);

	/* An intermediary whose name is gone is unreachable. */
	if (m->outcome == NAMES_OK)
		connect_to(a, m);
	else if (!a->target.direct)
		finish(a, REASON_HOP_UNREACHABLE, NULL);
	else if (m->outcome == NAMES_UNKNOWN)
		finish(a, REASON_NAME_UNKNOWN, NULL);
	else
		finish(a, REASON_NAME_FAILED, NULL);
}

void
attempt_start(struct attempt *a, struct loop *loop, struct resolve *resolve,
    const struct attempt_target *t, int64_t deadline_us, attempt_fn *done)
{
	int error;

	a->loop = loop;
	a->resolve = resolve;
	a->target = *t;
	a->done = done;
	a->stream = STREAM_NONE;
	a->in = NULL;
	a->started_us = loop_now_us(loop);
	a->connecting_us = a->connected_us = 0;
	a->deadline_us = deadline_us;
	a->addresses.ips_n = 0;
	a->refused = REASON_OK;
	a->state = ATTEMPT_RESOLVING;
	loop_timer(loop, &a->timer, deadline_us, on_deadline);
	if (net_ip_parse(t->host, &a->addresses.ips[0]) == 0) {
		a->addresses.ips_n = 1;
		error = start_connecting(a);
		if (error != 0)
			fail_soon(
			    a, wire_connect_reason(a->target.direct, error));
	} else if (resolve_start(resolve, &a->query, t->host, on_resolved) !=
		   0) {
		fail_soon(a, REASON_OVERLOAD);
	}
}

static void
on_stands(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)loop, (void)r; /* only the turn matters */
	finish(container_of(op, struct attempt, timer), REASON_OK, NULL);
}

void
attempt_stands(struct attempt *a, struct loop *loop, struct resolve *resolve,
    struct stream stream, attempt_fn *done)
{
	a->loop = loop;
	a->resolve = resolve;
	a->target = (struct attempt_target){.bare = true};
	a->done = done;
	a->stream = stream;
	a->in = NULL;
	a->started_us = loop_now_us(loop);
	a->connecting_us = a->connected_us = 0;
	a->refused = REASON_OK;
	a->state = ATTEMPT_RESOLVING;
	loop_timer(loop, &a->timer, a->started_us, on_stands);
}
