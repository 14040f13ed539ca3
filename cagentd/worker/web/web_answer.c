/*
 * Owns what comes back by a request's path: what of it the client gets, and
 * what it says of the path.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "cagentd/decide/seen.h"
#include "cagentd/worker/web/web_impl.h"

void
web_log(const struct web_request *r, const char *how)
{
	const struct http_ask *a = &r->ask;
	const struct web_up *u = &r->up;
	char host[WIRE_HOST_STRLEN], why[512], line[LOG_LINE_MAX];
	int64_t ms = (loop_now_us(r->web->loop) - r->started_us) / 1000;

	if (!r->settings->log_tunnels && !log_enabled(LOG_LEVEL_DEBUG))
		return;
	snprintf(line, sizeof(line),
	    "http %s %s%.*s via %s (%s%s): %d, %s, %llu up, %llu down, "
	    "first byte after %lld ms, %lld ms",
	    a->request.method, wire_host_format(&a->request.host, host),
	    (int)(a->path_at != 0 ? a->path_len : 1),
	    a->path_at != 0 ? a->request.target + a->path_at : "/",
	    r->dial.tries[r->dial.standing].name,
	    dial_why(&r->dial, why, sizeof(why)),
	    r->dial.tries[r->dial.standing].reused ? "; as before" : "",
	    u->got.status, how, (unsigned long long)u->sent,
	    (unsigned long long)u->received,
	    (long long)(u->first_us > u->asked_us ? u->first_us - u->asked_us
						  : 0) /
		1000,
	    (long long)ms);
	if (r->settings->log_tunnels)
		log_info("%s", line);
	else
		log_debug("%s", line);
}

/* The head that was decoded last, as the client gets it, or NULL. */
static struct buf *
back(const struct web_request *r, enum http_framing framing)
{
	const struct web_up *u = &r->up;
	const struct http_back how = {.minor = r->ask.request.minor,
	    .keep_alive = r->keep_alive,
	    .framing = framing};
	struct buf *b = buf_new(u->head_len + HTTP_ONWARD_EXTRA);
	int n;

	if (b == NULL)
		return NULL;
	n = http_answer_encode(
	    &u->got, u->head, u->head_len, &how, buf_tail(b), b->cap);
	if (n <= 0) {
		buf_free(b);
		return NULL;
	}
	buf_added(b, (size_t)n);
	return b;
}

/* Upstream speaks HTTP no more, or never did. */
static void
bad(struct web_request *r)
{
	if (r->web->state == WEB_ANSWERING || r->interims > 0)
		web_end_as(r->web, WEB_END_CUT);
	else if (r->dial.tries[r->dial.standing].bare)
		web_path_failed(r, REASON_HOP_BAD);
	else
		web_say_rubbish(r);
}

static void
interim(struct web_request *r)
{
	struct buf *head;

	web_path_judge(r, REASON_OK);
	if (++r->interims > WEB_INTERIMS_MAX) {
		bad(r);
		return;
	}
	if (r->ask.request.minor == 0) { /* which knows of none */
		web_up_interim(&r->up, NULL, 0);
		return;
	}
	head = back(r, HTTP_BODY_NONE);
	if (head == NULL) {
		bad(r);
		return;
	}
	web_up_interim(&r->up, buf_bytes(head), head->len);
	buf_free(head);
}

/* Another protocol follows, of which nothing is known here. */
static void
upgrade(struct web_request *r)
{
	struct web *w = r->web;
	struct web_up *u = &r->up;
	struct web_result result = {.end = WEB_END_UPGRADED,
	    .upstream = STREAM_NONE,
	    .early = u->rest_len,
	    .via_hop = r->via_hop,
	    .hop = r->hop,
	    .verdict = r->verdict,
	    .host = r->ask.request.host};

	r->keep_alive = true;
	if (!web_pump_expects(&u->request) && !web_pump_is_full(&u->request) &&
	    !web_pump_is_full(&u->answer))
		result.to_client = back(r, HTTP_BODY_NONE);
	if (result.to_client == NULL ||
	    buf_extend(&result.to_client, u->rest, u->rest_len) != 0) {
		buf_free(result.to_client);
		bad(r);
		return;
	}
	web_path_judge(r, REASON_OK);
	web_log(r, "upgraded");
	r->via_hop = false; /* the result's */
	result.upstream = web_up_release(u);
	result.bytes = w->in;
	w->in = NULL;
	web_end(w, &result);
}

/* The final answer is the client's. */
static void
pass(struct web_request *r)
{
	struct web *w = r->web;
	struct web_up *u = &r->up;
	enum http_framing framing = http_back_framing(&r->ask, &u->got);
	struct buf *head;

	/* An answer that comes before the request's end may be all that there
	 * will be of both. */
	r->keep_alive = r->ask.keep_alive && !w->draining &&
			framing != HTTP_BODY_CLOSE &&
			!web_pump_expects(&u->request);
	head = back(r, framing);
	if (head == NULL) {
		bad(r);
		return;
	}
	web_change(w, WEB_ANSWERING);
	web_look_at(w, u->moved_us + r->settings->idle_timeout_ms * 1000);
	web_up_pass(u, buf_bytes(head), head->len, framing);
	buf_free(head);
}

/* Is it a cache or a service, after which other steps come? */
static bool
is_step(const struct web_request *r)
{
	uint16_t rank = r->dial.tries[r->dial.standing].rank;

	return table_rank_duty(rank) != TABLE_RANKED;
}

/* It is the word of an HTTP intermediary, of a failure of its own or beyond
 * it: another one may know better, and of the ranked one is asked. */
static bool
is_worth_another(struct web_request *r)
{
	return r->up.got.of_hop && (!r->second || is_step(r)) &&
	       web_path_may_repeat(r) && dial_may_replace(&r->dial, true);
}

/* What came may tell what the next request like it is for. */
static void
remember(const struct web_request *r)
{
	const struct web_env *env = r->web->env;
	int status = r->up.got.status;
	char path[HTTP_TARGET_MAX + 1];

	if (env->seen == NULL || strcmp(r->ask.request.method, "GET") != 0 ||
	    (status != 200 && status != 203 && status != 206))
		return;
	seen_note(env->seen, &r->ask.request.host, web_path_text(r, path),
	    r->up.got.content_type, loop_now_us(r->web->loop));
}

static void
on_head(struct web_request *r)
{
	const struct http_answer *got = &r->up.got;
	bool bare = r->dial.tries[r->dial.standing].bare;

	if (got->interim) {
		interim(r);
	} else if (got->upgrade) {
		upgrade(r);
	} else if (got->status == 408 && web_path_may_repeat(r) &&
		   r->dial.tries[r->dial.standing].reused) {
		web_path_failed(r, REASON_HOP_HUNG_UP);
	} else if (bare && got->status == 407) { /* to us, not the client */
		web_path_failed(r, REASON_HOP_AUTH);
	} else if (bare && is_worth_another(r)) {
		r->second = !is_step(r);
		web_path_failed(r, REASON_HOP_FAILED);
	} else {
		web_path_judge(
		    r, bare && got->of_hop ? REASON_HOP_FAILED : REASON_OK);
		remember(r);
		pass(r);
	}
}

static void
broke(struct web_request *r)
{
	enum http_framing out = r->up.answer.out;
	struct web *w = r->web;

	if (w->state == WEB_ASKING) {
		web_path_failed(r, REASON_HOP_HUNG_UP);
		return;
	}
	web_log(r, "broken upstream");
	/* Of the others the client itself sees that they are not whole. */
	web_end_as(w, out == HTTP_BODY_CLOSE ? WEB_END_CUT : WEB_END_LEAVING);
}

static void
done(struct web_request *r)
{
	struct web *w = r->web;
	bool stays = r->keep_alive;

	web_log(r, "done");
	web_path_leave(r);
	web_next(w, stays);
}

void
web_answer(struct web_up *u, enum web_up_event event)
{
	struct web_request *r = container_of(u, struct web_request, up);
	struct web *w = r->web;

	switch (event) {
	case WEB_UP_HEAD:
		on_head(r);
		return;
	case WEB_UP_ROOM:
		if (web_feed(w))
			web_listen(w);
		return;
	case WEB_UP_DONE:
		done(r);
		return;
	case WEB_UP_BROKE:
		broke(r);
		return;
	case WEB_UP_BAD:
		bad(r);
		return;
	case WEB_UP_CLIENT_BROKE:
		web_log(r, "broken by the client");
		web_end_as(w, WEB_END_CLOSED);
		return;
	case WEB_UP_NO_MEMORY:
		web_log(r, "out of memory");
		web_end_as(w, WEB_END_CUT);
		return;
	}
}
