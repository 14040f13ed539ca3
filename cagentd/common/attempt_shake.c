/* Owns the handshake of an attempt; makes no connection. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "cagentd/common/attempt_impl.h"

/* No answer, or one that is none. */
static void
fail(struct attempt *a, enum wire_reason reason)
{
	if (a->warm)
		attempt_cold(a);
	else if (a->hop.eager &&
		 (a->target.manner == ATTEMPT_TRYING || a->hop.refused))
		attempt_again(a);
	else
		attempt_finish(a, reason, NULL);
}

static void
fail_closed(struct attempt *a)
{
	if (!attempt_fast_was_none(a))
		fail(a, attempt_closed_reason(a));
}

static void
on_sent(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct attempt *a = container_of(op, struct attempt, send);

	(void)loop;
	if (r->res < 0)
		fail_closed(a);
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
			fail(a, attempt_closed_reason(a));
			return;
		}
	}
	if (step == HOP_FAIL) {
		fail(a, a->hop.reason);
		return;
	}
	if (step == HOP_DONE) {
		if (stream_op_active(a->stream, &a->send))
			fail(a, REASON_HOP_BAD);
		else if (len > 0 && (early = buf_copy(data, len)) == NULL)
			attempt_finish(a, REASON_OVERLOAD, NULL);
		else
			attempt_finish(a, REASON_OK, early);
		return;
	}
	if (buf_holds(a->in, data))
		buf_consume(a->in, a->in->len - len);
	else if (len > 0 && buf_extend(&a->in, data, len) != 0)
		attempt_finish(a, REASON_OVERLOAD, NULL);
}

static void
on_recv(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct attempt *a = container_of(op, struct attempt, recv);

	if (r->res <= 0) {
		fail_closed(a);
		return;
	}
	a->warm = false;
	attempt_fast_proven(a);
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
		attempt_finish(a, REASON_OVERLOAD, NULL);
	else
		feed(a, buf_bytes(a->in), a->in->len);
}

/* HOP_SEND, or HOP_FAIL. */
static enum hop_step
begin(struct attempt *a)
{
	const struct attempt_target *t = &a->target;
	struct hop *h = &a->hop;

	if (t->greet)
		return hop_start_greeting(h, t->user, t->password);
	if (t->associate)
		return hop_start_associate(h, t->type, t->user, t->password);
	if (t->type != HOP_SOCKS5 || t->manner == ATTEMPT_STEPWISE || a->fell)
		return hop_start(h, t->type, t->dest, t->user, t->password);
	return hop_start_eager(
	    h, t->dest, t->no_login ? NULL : t->user, t->password);
}

/* 0 or -errno. */
static int
say(struct attempt *a)
{
	int error = send_out(a);

	return error != 0 ? error
			  : stream_recv(a->loop, a->stream, &a->recv, on_recv);
}

static void
be_patient(struct attempt *a)
{
	int64_t us = ATTEMPT_ROUNDS * (a->connected_us - a->connecting_us);

	if (us < ATTEMPT_PATIENCE_MIN_US)
		us = ATTEMPT_PATIENCE_MIN_US;
	if (us > ATTEMPT_PATIENCE_MAX_US)
		us = ATTEMPT_PATIENCE_MAX_US;
	a->patience_us = us;
	if (a->shook_us + us < a->deadline_us)
		attempt_arm(a, a->shook_us + us);
}

void
attempt_shake(struct attempt *a)
{
	a->state = ATTEMPT_SHAKING;
	a->shook_us = loop_now_us(a->loop);
	if (begin(a) != HOP_SEND) {
		attempt_finish(a, a->hop.reason, NULL);
		return;
	}
	if (a->hop.eager && a->target.manner == ATTEMPT_TRYING)
		be_patient(a);
	if (say(a) != 0)
		fail_closed(a);
	else
		attempt_fast_watch(a);
}

int
attempt_shake_warm(struct attempt *a)
{
	enum hop_step step;

	a->state = ATTEMPT_SHAKING;
	if (a->target.type == HOP_SOCKS5)
		step = hop_start_request(&a->hop, a->target.dest);
	else
		step = begin(a);
	return step == HOP_SEND ? say(a) : -EINVAL;
}

bool
attempt_shake_is_over(const struct attempt *a)
{
	return a->state == ATTEMPT_SHAKING && a->hop.eager &&
	       a->target.manner == ATTEMPT_TRYING &&
	       loop_now_us(a->loop) < a->deadline_us;
}

/* Of an attempt that has fallen back. */
static enum attempt_news
news_of_fall(const struct attempt *a, bool ok)
{
	/* All at once would have had its answer sooner than that. */
	bool soon = loop_now_us(a->loop) - a->shook_us <= a->patience_us;

	if (a->target.manner == ATTEMPT_EAGER)
		return ok ? ATTEMPT_NEWS_STEPWISE : ATTEMPT_NEWS_DOUBT;
	return ok && soon && a->swallowed ? ATTEMPT_NEWS_SWALLOWED
					  : ATTEMPT_NEWS_UNSURE;
}

enum attempt_news
attempt_shake_news(const struct attempt *a, enum wire_reason reason)
{
	const struct attempt_target *t = &a->target;
	bool ok = reason == REASON_OK;

	if (a->fell)
		return news_of_fall(a, ok);
	if (a->state != ATTEMPT_SHAKING || a->connected_us == 0 ||
	    a->lukewarm || t->direct || t->type != HOP_SOCKS5 || t->associate ||
	    t->greet)
		return ATTEMPT_NO_NEWS;
	if (!a->hop.eager)
		return ok ? ATTEMPT_NEWS_STEPWISE : ATTEMPT_NO_NEWS;
	if (t->manner == ATTEMPT_TRYING)
		return ok ? ATTEMPT_NEWS_BORNE : ATTEMPT_NEWS_UNSURE;
	return ok || a->hop.code != -1 ? ATTEMPT_NO_NEWS : ATTEMPT_NEWS_DOUBT;
}
