/* Owns one probe of one intermediary; must not look up names, judge what was
 * measured, nor know of other probes. */
#include "probe/probe.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/mono.h"
#include "base/tls.h"

#define STATUS_NOT_IMPLEMENTED 501 /* RFC 9110 section 15.6.2 */

static void connect_next(struct probe *);
static void on_deadline(struct loop *, struct op *, const struct op_result *);

const char *
probe_phase_word(enum probe_phase phase)
{
	switch (phase) {
	case PROBE_CONNECTING:
		return "connect";
	case PROBE_SHAKING:
		return "handshake";
	case PROBE_WAITING:
		return "first-byte";
	case PROBE_READING:
		return "answer";
	case PROBE_MEASURING:
		return "rate";
	case PROBE_IDLE:
		break;
	}
	return "start";
}

static void
release(struct probe *p)
{
	loop_cancel(p->loop, &p->timer);
	stream_cancel(p->loop, p->stream, &p->recv);
	stream_cancel(p->loop, p->stream, &p->send);
	stream_close(p->loop, p->stream, false);
	p->stream = STREAM_NONE;
	p->securing = false;
	buf_free(p->in);
	p->in = NULL;
	explicit_bzero(p->hop.out, sizeof(p->hop.out));
	p->phase = PROBE_IDLE;
}

void
probe_cancel(struct probe *p)
{
	if (p->phase != PROBE_IDLE)
		release(p);
}

static void
finish(struct probe *p, enum wire_reason reason)
{
	struct probe_result r = p->r;

	r.reason = reason;
	r.phase = p->phase;
	release(p);
	p->done(p, &r);
}

/* The phase's own limit, and that of all. */
static void
enter(struct probe *p, enum probe_phase phase, int64_t limit_us)
{
	int64_t at_us = mono_us() + limit_us;

	p->phase = phase;
	if (phase != PROBE_MEASURING && at_us > p->end_us)
		at_us = p->end_us;
	/* Moving an armed timer, or arming one in its own callback, needs no
	 * memory. */
	loop_timer(p->loop, &p->timer, at_us, on_deadline);
}

/* What TLS has against it, if that is why its connection has ended. */
static enum wire_reason
tls_reason(const struct probe *p, enum wire_reason otherwise)
{
	char why[TLS_WHY_MAX];

	if (p->stream.tls == NULL)
		return otherwise;
	switch (tls_why(p->stream.tls, why)) {
	case TLS_FAULT_NONE:
		break;
	case TLS_FAULT_PEER:
		return REASON_HOP_TLS;
	case TLS_FAULT_CERTIFICATE:
		return REASON_HOP_CERT;
	}
	return otherwise;
}

/* The end of the stream, or the error that broke it. */
static void
finish_closed(struct probe *p, int res)
{
	p->r.closed = true;
	if (p->securing) {
		finish(p, tls_reason(p, REASON_HOP_CLOSED));
		return;
	}
	switch (p->phase) {
	case PROBE_WAITING:
		finish(p, p->via.direct ? REASON_REFUSED : REASON_HOP_MUTE);
		return;
	case PROBE_READING:
		finish(p, REASON_HOP_BAD);
		return;
	case PROBE_MEASURING:
		finish(p, res == 0 ? REASON_OK : REASON_HOP_HUNG_UP);
		return;
	case PROBE_IDLE:
	case PROBE_CONNECTING:
	case PROBE_SHAKING:
		break;
	}
	finish(p, tls_reason(p, hop_closed(&p->hop)));
}

static void
finish_late(struct probe *p)
{
	switch (p->phase) {
	case PROBE_CONNECTING:
		p->refused =
		    p->via.direct ? REASON_TIMEOUT : REASON_HOP_TIMEOUT;
		connect_next(p);
		return;
	case PROBE_SHAKING:
		finish(
		    p, p->securing ? REASON_HOP_TIMEOUT : hop_timeout(&p->hop));
		return;
	case PROBE_WAITING:
		finish(p, p->via.direct ? REASON_TIMEOUT : REASON_HOP_MUTE);
		return;
	case PROBE_READING:
		finish(p, REASON_HOP_BAD);
		return;
	case PROBE_IDLE:
	case PROBE_MEASURING:
		break;
	}
	finish(p, REASON_OK);
}

static void
on_deadline(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct probe *p = container_of(op, struct probe, timer);

	(void)loop, (void)r; /* time is the only news */
	/* A refused start comes this way too, so as not to call back early. */
	if (p->stream.fd == -1)
		finish(p, p->refused);
	else
		finish_late(p);
}

static void
on_sent(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct probe *p = container_of(op, struct probe, send);

	(void)loop;
	if (r->res < 0)
		finish_closed(p, r->res);
}

/* 0 or -errno. */
static int
say(struct probe *p, const uint8_t *out, size_t len)
{
	struct buf *rest;
	ssize_t n;

	if (stream_op_active(p->stream, &p->send))
		return -EPIPE; /* it answers what it cannot have read */
	n = stream_send_now(p->loop, p->stream, out, len);
	if (n < 0)
		return (int)n;
	if ((size_t)n == len)
		return 0;
	rest = buf_copy(out + n, len - (size_t)n);
	if (rest == NULL)
		return -ENOMEM;
	return stream_send(p->loop, p->stream, &p->send, rest, on_sent);
}

/* The answer is of its kind, and so the first byte counts. */
static void
answered(struct probe *p)
{
	bool measurable = p->query->kind == QUERY_HTTP ||
			  p->query->kind == QUERY_TCP ||
			  p->query->kind == QUERY_ANY;

	if (p->r.status >= 500)
		finish(p, REASON_HOP_FAILED);
	else if (measurable && p->limits.rate_bytes > 0)
		enter(p, PROBE_MEASURING, p->limits.rate_us);
	else
		finish(p, REASON_OK);
}

static void
take_answer(struct probe *p)
{
	size_t len = p->in->len;
	int used;

	if (p->phase == PROBE_WAITING) {
		p->first_at_us = mono_us();
		p->r.first_us = p->first_at_us - p->asked_us;
		p->r.total_us = p->first_at_us - p->connecting_us;
		p->phase = PROBE_READING; /* by the same deadline */
	}
	if (len > QUERY_ANSWER_MAX)
		len = QUERY_ANSWER_MAX;
	used = query_decode(
	    p->query->kind, buf_bytes(p->in), len, &p->scanned, &p->r.status);
	if (used > 0)
		answered(p);
	else if (used == WIRE_BAD || len == QUERY_ANSWER_MAX)
		finish(p, REASON_HOP_BAD);
}

/* The tunnel stands, and p->in holds what has come through it. */
static void
ask(struct probe *p)
{
	uint8_t out[QUERY_OUT_MAX];
	bool early = p->in != NULL && p->in->len > 0;
	int len;

	p->asked_us = mono_us();
	p->r.handshake_us = p->asked_us - p->connected_us;
	if (p->query->kind == QUERY_ALIVE) {
		p->r.total_us = p->asked_us - p->connecting_us;
		finish(p, REASON_OK);
		return;
	}
	enter(p, PROBE_WAITING, p->limits.answer_us);
	if (early && p->query->kind == QUERY_ANY) {
		take_answer(p); /* it speaks first */
		return;
	}
	len = query_encode(p->query, out, sizeof(out));
	if (len == WIRE_BAD)
		finish(p, REASON_BAD_REQUEST);
	else if (len > 0 && early)
		finish(p, REASON_HOP_BAD);
	else if (len > 0 && say(p, out, (size_t)len) != 0)
		finish_closed(p, -EPIPE);
	else if (early)
		take_answer(p);
}

/* Is this failure an answer to the request all the same?  Not that of a web
 * server, which knows no CONNECT. */
static bool
is_alive(const struct probe *p)
{
	return p->query->kind == QUERY_ALIVE && p->hop.code != -1 &&
	       p->hop.reason != REASON_HOP_AUTH &&
	       p->hop.reason != REASON_HOP_BAD &&
	       p->hop.code != STATUS_NOT_IMPLEMENTED;
}

static void
take_handshake(struct probe *p)
{
	enum hop_step step;
	size_t used;
	int error = 0;

	do {
		step = hop_feed(&p->hop, buf_bytes(p->in), p->in->len, &used);
		buf_consume(p->in, used);
		if (step == HOP_SEND)
			error = say(p, p->hop.out, p->hop.out_len);
	} while (step == HOP_SEND && error == 0);
	p->r.code = p->hop.code;
	if (error != 0)
		finish_closed(p, error);
	else if (step == HOP_DONE && stream_op_active(p->stream, &p->send))
		finish(p, REASON_HOP_BAD);
	else if (step == HOP_DONE || (step == HOP_FAIL && is_alive(p)))
		ask(p);
	else if (step == HOP_FAIL)
		finish(p, p->query->kind == QUERY_ALIVE &&
				  p->hop.code == STATUS_NOT_IMPLEMENTED
			      ? REASON_HOP_BAD
			      : p->hop.reason);
}

static void
take_rate(struct probe *p, size_t len)
{
	if (p->phase != PROBE_READING && p->phase != PROBE_MEASURING)
		return;
	p->r.rate_bytes += (int64_t)len;
	p->r.rate_us = mono_us() - p->first_at_us;
}

static void
on_recv(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct probe *p = container_of(op, struct probe, recv);
	size_t len;

	(void)loop;
	if (r->res <= 0) {
		finish_closed(p, r->res);
		return;
	}
	len = (size_t)r->res;
	take_rate(p, len);
	if (p->phase == PROBE_MEASURING) {
		if (p->r.rate_bytes >= p->limits.rate_bytes)
			finish(p, REASON_OK);
		return;
	}
	/* Bounded: each phase fails on too much without an end. */
	if (buf_extend(&p->in, r->data, len) != 0)
		finish(p, REASON_OVERLOAD);
	else if (p->phase == PROBE_SHAKING)
		take_handshake(p);
	else
		take_answer(p);
}

static void
shake(struct probe *p)
{
	const struct probe_via *v = &p->via;

	enter(p, PROBE_SHAKING, p->limits.handshake_us);
	if (hop_start(&p->hop, v->type, &p->query->host, v->user,
		v->password) != HOP_SEND)
		finish(p, p->hop.reason);
	else if (say(p, p->hop.out, p->hop.out_len) != 0)
		finish_closed(p, -EPIPE);
}

static void
begin(struct probe *p)
{
	if (stream_recv(p->loop, p->stream, &p->recv, on_recv) != 0)
		finish(p, REASON_OVERLOAD);
	else if (p->via.direct)
		ask(p);
	else
		shake(p);
}

static void
on_secured(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct probe *p = container_of(op, struct probe, recv);

	(void)loop;
	if (r->res != 0) {
		finish_closed(p, r->res);
		return;
	}
	p->securing = false;
	begin(p);
}

static void
secure(struct probe *p)
{
	p->securing = true;
	enter(p, PROBE_SHAKING, p->limits.handshake_us);
	if (stream_secure(
		p->loop, &p->stream, p->via.tls, &p->recv, on_secured) != 0)
		finish(p, REASON_OVERLOAD);
}

static void
on_connect(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct probe *p = container_of(op, struct probe, send);

	(void)loop;

	if (r->res < 0) {
		p->refused = wire_connect_reason(p->via.direct, r->res);
		connect_next(p);
		return;
	}
	p->connected_us = mono_us();
	p->r.connect_us = p->connected_us - p->connecting_us;
	if (p->via.tls != NULL)
		secure(p);
	else
		begin(p);
}

/* 0, or -errno with nothing under way. */
static int
connect_to(struct probe *p, const struct net_ip *ip)
{
	union net_addr addr;
	socklen_t len = net_addr_make(ip, p->via.port, &addr);
	int error, fd = net_stream_socket(addr.sa.sa_family);

	if (fd < 0)
		return fd;
	p->stream = stream_plain(fd);
	error = loop_connect(p->loop, &p->send, fd, &addr.sa, len, on_connect);
	if (error != 0) {
		loop_close(p->loop, fd);
		p->stream = STREAM_NONE;
	}
	return error;
}

/* The address after the one in use, or the end by the timer. */
static void
connect_next(struct probe *p)
{
	uint32_t left;
	int error;

	loop_cancel(p->loop, &p->send);
	stream_close(p->loop, p->stream, false);
	p->stream = STREAM_NONE;
	while (++p->r.ip < p->via.ips_n) {
		left = p->via.ips_n - p->r.ip;
		p->connecting_us = mono_us();
		error = connect_to(p, &p->via.ips[p->r.ip]);
		if (error == 0) {
			enter(p, PROBE_CONNECTING,
			    (p->connect_end_us - p->connecting_us) / left);
			return;
		}
		p->refused = wire_connect_reason(p->via.direct, error);
	}
	p->r.ip = p->via.ips_n - 1;
	enter(p, PROBE_CONNECTING, 0);
}

int
probe_start(struct probe *p, struct loop *loop, const struct probe_via *via,
    const struct query *query, const struct probe_limits *limits,
    probe_fn *done)
{
	int64_t now_us = mono_us();

	p->loop = loop;
	p->via = *via;
	p->query = query;
	p->limits = *limits;
	p->done = done;
	p->stream = STREAM_NONE;
	p->securing = false;
	p->in = NULL;
	p->scanned = 0;
	p->refused = REASON_OVERLOAD;
	p->connect_end_us = now_us + limits->connect_us;
	p->end_us = now_us + limits->all_us;
	if (p->connect_end_us > p->end_us)
		p->connect_end_us = p->end_us;
	/* The first of them becomes the next one. */
	p->r = (struct probe_result){.code = -1,
	    .ip = UINT32_MAX,
	    .connect_us = -1,
	    .handshake_us = -1,
	    .first_us = -1,
	    .total_us = -1};
	if (loop_timer(loop, &p->timer, p->end_us, on_deadline) != 0)
		return -ENOMEM;
	connect_next(p);
	return 0;
}
