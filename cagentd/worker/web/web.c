/*
 * Owns a client connection while plain HTTP requests come on it: reading them,
 * one after the other, and how it ends.  Where a request goes is web_path.c's.
 */
#include "cagentd/worker/web/web_impl.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/buf.h"
#include "base/log.h"

/* Which step may follow which. */
static const bool steps[WEB_ENDED + 1][WEB_ENDED + 1] = {
    [WEB_WAITING] = {[WEB_ADMITTING] = true,
	[WEB_DIALING] = true,
	[WEB_SAYING] = true,
	[WEB_ENDED] = true},
    [WEB_ADMITTING] =
	{[WEB_DIALING] = true, [WEB_SAYING] = true, [WEB_ENDED] = true},
    [WEB_DIALING] =
	{[WEB_ASKING] = true, [WEB_SAYING] = true, [WEB_ENDED] = true},
    [WEB_ASKING] = {[WEB_DIALING] = true,
	[WEB_ANSWERING] = true,
	[WEB_SAYING] = true,
	[WEB_ENDED] = true},
    [WEB_ANSWERING] = {[WEB_WAITING] = true, [WEB_ENDED] = true},
    [WEB_SAYING] = {[WEB_WAITING] = true, [WEB_ENDED] = true},
};

static void on_timer(struct loop *, struct op *, const struct op_result *);

void
web_change(struct web *w, enum web_state to)
{
	if (!steps[w->state][to])
		fatalx("web: step %d to %d", (int)w->state, (int)to);
	w->state = to;
}

/* The timer is always armed, so that moving it needs no memory. */
void
web_look_at(struct web *w, int64_t at_us)
{
	loop_timer(w->loop, &w->timer, at_us, on_timer);
}

void
web_free_request(struct web *w)
{
	struct web_request *r = w->request;

	if (r == NULL)
		return;
	w->request = NULL;
	login_cancel(r->login);
	web_path_drop(r);
	settings_unref(r->settings);
	if (r->head != NULL)
		sodium_memzero(r->head->data, r->head->cap);
	buf_free(r->head);
	buf_free(r->kept);
	sodium_memzero(r, sizeof(*r));
	free(r);
}

static void
stop(struct web *w)
{
	loop_cancel(w->loop, &w->recv);
	loop_cancel(w->loop, &w->gone);
	loop_cancel(w->loop, &w->timer);
	web_pump_cancel(&w->word);
	web_free_request(w);
}

void
web_free(struct web *w)
{
	if (w == NULL)
		return;
	stop(w);
	if (w->in != NULL)
		sodium_memzero(w->in->data, w->in->cap);
	buf_free(w->in);
	free(w);
}

void
web_end(struct web *w, struct web_result *result)
{
	web_change(w, WEB_ENDED);
	stop(w);
	result->client = w->client;
	w->done(w, w->arg, result);
}

void
web_end_as(struct web *w, enum web_end end)
{
	struct web_result result = {.end = end, .upstream = STREAM_NONE};

	/* Who has said all has not to be waited for. */
	if (end == WEB_END_LEAVING && w->in_ended && w->in == NULL)
		result.end = WEB_END_CLOSED;
	else if (end == WEB_END_LEAVING)
		result.bytes = buf_new(0);
	if (end == WEB_END_CONNECT) {
		result.bytes = w->in;
		w->in = NULL;
	}
	web_end(w, &result);
}

void
web_consume(struct web *w, size_t n)
{
	buf_consume(w->in, n);
	if (w->in->len > 0)
		return;
	sodium_memzero(w->in->data, w->in->cap);
	buf_free(w->in);
	w->in = NULL;
}

static void on_recv(struct loop *, struct op *, const struct op_result *);

static void
on_gone(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct web *w = container_of(op, struct web, gone);

	(void)loop;
	if (r->res < 0 || (r->res & (POLLERR | POLLHUP)) != 0)
		web_end_as(w, WEB_END_CLOSED);
}

/* What has come and is not used is little enough to take in more: beyond that
 * it waits in the kernel. */
static bool
wants_more(const struct web *w)
{
	if (w->in_ended || w->state == WEB_ENDED)
		return false;
	if (w->state == WEB_WAITING)
		return true;
	return w->in == NULL && (w->request == NULL ||
				    !web_pump_is_full(&w->request->up.request));
}

void
web_listen(struct web *w)
{
	bool reads = loop_op_active(&w->recv);

	if (wants_more(w)) {
		loop_cancel(w->loop, &w->gone);
		if (!reads && loop_recv(w->loop, &w->recv, w->fd, on_recv) != 0)
			web_end_as(w, WEB_END_CLOSED);
		return;
	}
	if (reads)
		loop_cancel(w->loop, &w->recv);
	/* Without it the client is missed later. */
	if (w->state != WEB_ENDED && !loop_op_active(&w->gone))
		(void)loop_poll(w->loop, &w->gone, w->fd, 0, on_gone);
}

/* Some of the request's content, which is kept if it may have to be sent
 * again. */
static void
keep(struct web_request *r, const uint8_t *data, size_t len)
{
	size_t had = r->kept != NULL ? r->kept->len : 0;

	if (r->kept_lost || len == 0)
		return;
	if (len > WEB_KEPT_MAX - had ||
	    (r->kept == NULL && (r->kept = buf_new(WEB_KEPT_MAX)) == NULL)) {
		r->kept_lost = true;
		buf_free(r->kept);
		r->kept = NULL;
		return;
	}
	buf_append(r->kept, data, len);
}

bool
web_feed(struct web *w)
{
	struct web_request *r = w->request;
	enum web_flow flow;
	size_t used;

	while (w->in != NULL && web_pump_expects(&r->up.request) &&
	       !web_pump_is_full(&r->up.request)) {
		flow = web_up_feed(&r->up, buf_bytes(w->in), w->in->len, &used);
		keep(r, buf_bytes(w->in), used);
		if (used > 0)
			web_consume(w, used);
		if (flow == WEB_FLOW_BAD && w->state == WEB_ASKING) {
			web_path_judge(r, REASON_CANCELLED);
			web_say_status(w, 400);
			return false;
		}
		if (flow == WEB_FLOW_BAD || flow == WEB_FLOW_NO_MEMORY) {
			web_end_as(w, WEB_END_CUT);
			return false;
		}
		if (flow == WEB_FLOW_BROKE)
			break; /* what upstream has to say comes first */
	}
	if (!w->in_ended || w->in != NULL || !web_pump_expects(&r->up.request))
		return true;
	web_end_as(w, WEB_END_CUT); /* it will never be whole */
	return false;
}

static bool
is_under_way(const struct web *w)
{
	return w->state == WEB_ASKING || w->state == WEB_ANSWERING;
}

/* The end of its stream.  What it has asked for it may still want to have. */
static void
client_ended(struct web *w)
{
	w->in_ended = true;
	if (w->state == WEB_WAITING && !w->unread)
		web_end_as(w, WEB_END_CLOSED);
	else if (!is_under_way(w) || web_feed(w))
		web_listen(w);
}

static void
on_bytes(struct web *w, const uint8_t *data, size_t len)
{
	bool first = w->in == NULL;

	if (buf_extend(&w->in, data, len) != 0) {
		web_end_as(w, WEB_END_CLOSED);
		return;
	}
	if (w->state == WEB_WAITING) {
		if (first) {
			w->deadline_us =
			    loop_now_us(w->loop) +
			    (*w->env->settings)->handshake_timeout_ms * 1000;
			web_look_at(w, w->deadline_us);
		}
		web_read_head(w);
		return;
	}
	if (is_under_way(w) && !web_feed(w))
		return;
	web_listen(w);
}

static void
on_recv(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct web *w = container_of(op, struct web, recv);

	(void)loop;
	if (r->res > 0)
		on_bytes(w, r->data, (size_t)r->res);
	else if (r->res == 0)
		client_ended(w);
	else
		web_end_as(w, WEB_END_CLOSED);
}

static void
wait_for_head(struct web *w)
{
	const struct settings *s = *w->env->settings;
	int64_t now_us = loop_now_us(w->loop);
	int64_t span_ms =
	    w->in != NULL ? s->handshake_timeout_ms : s->http_idle_timeout_ms;

	w->skipped = false;
	w->deadline_us = now_us + span_ms * 1000;
	w->unread = w->in != NULL;
	/* Each in a turn of its own, so that nobody is served before others by
	 * having sent much at once. */
	web_look_at(w, w->unread ? now_us : w->deadline_us);
}

void
web_next(struct web *w, bool stays)
{
	web_free_request(w);
	if (!stays || w->draining) {
		web_end_as(w, WEB_END_LEAVING);
		return;
	}
	web_change(w, WEB_WAITING);
	if (w->in == NULL && w->in_ended) {
		web_end_as(w, WEB_END_CLOSED);
		return;
	}
	wait_for_head(w);
	web_listen(w);
}

/* Nothing has moved? */
static void
look_at_answer(struct web *w)
{
	const struct web_request *r = w->request;
	int64_t end_us = r->up.moved_us + r->settings->idle_timeout_ms * 1000;

	if (loop_now_us(w->loop) >= end_us)
		web_end_as(w, WEB_END_CUT);
	else
		web_look_at(w, end_us);
}

static void
look_at_wait(struct web *w)
{
	if (!w->unread) {
		web_end_as(w, WEB_END_CLOSED);
		return;
	}
	web_look_at(w, w->deadline_us);
	web_read_head(w);
}

static void
on_timer(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct web *w = container_of(op, struct web, timer);

	(void)res; /* time is the only news */
	switch (w->state) {
	case WEB_WAITING:
		look_at_wait(w);
		return;
	case WEB_ADMITTING:
		web_say_login(w->request, 503);
		return;
	case WEB_DIALING: /* which has its own deadline */
		web_look_at(
		    w, loop_now_us(loop) +
			   w->request->settings->dial_timeout_ms * 1000);
		return;
	case WEB_ASKING:
		web_path_silent(w->request);
		return;
	case WEB_ANSWERING:
		look_at_answer(w);
		return;
	case WEB_SAYING:
		web_end_as(w, WEB_END_CUT);
		return;
	case WEB_ENDED:
		return;
	}
}

struct web *
web_new(const struct web_env *env, const struct web_start *start)
{
	struct web *w = calloc(1, sizeof(*w));

	if (w == NULL)
		goto fail;
	w->copy = *env;
	w->env = &w->copy;
	w->loop = env->dial->loop;
	w->done = start->done;
	w->may_ask = start->may_ask;
	w->arg = start->arg;
	w->fd = start->fd;
	w->client = *start->client;
	w->state = WEB_WAITING;
	/* Armed for the connection's life; web_look_at() only moves it. */
	if (loop_timer(w->loop, &w->timer, loop_now_us(w->loop), on_timer) !=
		0 ||
	    loop_recv(w->loop, &w->recv, w->fd, on_recv) != 0)
		goto fail;
	w->in = start->in;
	wait_for_head(w);
	return w;
fail:
	buf_free(start->in);
	web_free(w);
	return NULL;
}

void
web_drain(struct web *w)
{
	w->draining = true;
	if (w->state == WEB_WAITING && w->in == NULL)
		web_end_as(w, WEB_END_LEAVING);
}
