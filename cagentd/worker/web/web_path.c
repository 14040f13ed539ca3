/*
 * Owns the way of one request to upstream: which path, the head that goes by
 * it, and another path when it brings no answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/buf.h"
#include "cagentd/decide/seen.h"
#include "cagentd/worker/dial/learn_path.h"
#include "cagentd/worker/quota.h"
#include "cagentd/worker/web/web_impl.h"

static void dial_done(struct dial *, struct dialed *);

void
web_path_judge(struct web_request *r, enum wire_reason reason)
{
	const struct web_env *env = r->web->env;

	if (!r->open)
		return;
	r->open = false;
	learn_path_judged(env->learn, r->settings, &r->dial, reason, true);
	dial_judge(&r->dial, reason, true);
}

/* The path is not used any more: count what went by it. */
static void
count(struct web_request *r)
{
	struct record *record = r->web->env->dial->record;
	const struct web_up *u = &r->up;

	if (u->loop != NULL && r->via_hop) {
		record_bytes(record, r->hop, u->sent, u->received);
		if (u->first_us > u->asked_us)
			record_first_byte(
			    record, r->hop, u->first_us - u->asked_us);
	}
	if (r->via_hop)
		record_leave(record, r->hop);
	r->via_hop = false;
}

void
web_path_drop(struct web_request *r)
{
	dial_cancel(&r->dial);
	web_path_judge(r, REASON_CANCELLED);
	count(r);
	web_up_close(&r->up);
}

void
web_path_leave(struct web_request *r)
{
	const struct web_env *env = r->web->env;
	const struct dial_try *t = &r->dial.tries[r->dial.standing];
	bool stays = env->pool != NULL && web_up_may_stay(&r->up) &&
		     r->settings == *env->settings && !r->ask.binds &&
		     !r->up.got.binds;

	count(r);
	if (stays)
		web_pool_put(
		    env->pool, web_up_release(&r->up), t, &r->ask.request.host);
	else
		web_up_close(&r->up);
}

/* Nothing of an answer has gone to the client, and what was sent can be sent
 * once more. */
bool
web_path_may_repeat(const struct web_request *r)
{
	enum settings_replay replay = r->verdict.replay;

	if (r->web->state != WEB_ASKING || r->interims > 0 || r->kept_lost)
		return false;
	if (replay == REPLAY_SAFE)
		return r->ask.safe || r->ask.idempotent;
	return replay == REPLAY_ALWAYS;
}

/* --- sending --- */

/* Whose login is it that the intermediary wants? */
static const struct settings_intermediary *
login_of(const struct web_request *r, const struct dial_try *t)
{
	int i = settings_intermediary(r->settings, t->name);

	if (!t->bare || i < 0 ||
	    r->settings->intermediaries[i].username[0] == '\0')
		return NULL;
	return &r->settings->intermediaries[i];
}

/* The head as this path wants it, or NULL. */
static struct buf *
onward(const struct web_request *r, const struct dial_try *t)
{
	const struct settings_intermediary *login = login_of(r, t);
	struct http_onward how = {
	    .proxy = t->bare, .keep_alive = r->web->env->pool != NULL};
	struct buf *b = buf_new(r->head->len + HTTP_ONWARD_EXTRA);
	int n;

	if (b == NULL)
		return NULL;
	if (login != NULL) {
		how.user = login->username;
		how.password = login->password != NULL ? login->password : "";
	}
	n = http_ask_encode(&r->ask, buf_bytes(r->head), r->head->len, &how,
	    buf_tail(b), b->cap);
	if (n <= 0) {
		buf_free(b);
		return NULL;
	}
	buf_added(b, (size_t)n);
	return b;
}

/* May another path take its place?  Who is listed as direct has none. */
static bool
is_replaceable(const struct web_request *r)
{
	return !r->dial.tries[r->dial.standing].direct || r->verdict.learned;
}

static int64_t
next_look_us(const struct web_request *r)
{
	int64_t idle_us = r->settings->idle_timeout_ms * 1000;
	int64_t patience_us =
	    is_replaceable(r) ? dial_patience_us(&r->dial) : 0;

	if (patience_us == 0 || patience_us > idle_us)
		patience_us = idle_us;
	return r->up.moved_us + patience_us;
}

/* What was sent by the path before goes first.  0 or -ENOMEM. */
static int
feed_again(struct web_request *r)
{
	struct web *w = r->web;
	struct buf *first = r->kept;

	r->kept = NULL;
	if (first == NULL)
		return 0;
	if (w->in != NULL &&
	    buf_extend(&first, buf_bytes(w->in), w->in->len) != 0) {
		buf_free(first);
		return -ENOMEM;
	}
	buf_free(w->in);
	w->in = first;
	return 0;
}

/* Whose limits hold; asked for only where there may be some. */
static uint64_t
user_of(const struct web *w)
{
	char name[USAGE_NAME_MAX + 1];

	return w->env->turns == NULL ? 0
				     : usage_hash(&w->env->slab->usage,
					   quota_name(&w->client, name));
}

/* What is of no rule's class, and long, is bulk from there on. */
static void
on_moved(struct web_up *u, bool up, size_t len)
{
	struct web_request *r = container_of(u, struct web_request, up);
	struct slab_class *classes = r->web->env->slab->classes;
	struct slab_class *c = &classes[r->class % SLAB_CLASSES];

	slab_add(up ? &c->bytes_up : &c->bytes_down, len);
	if (!r->watched || u->sent + u->received < WEB_BULK_LEN)
		return;
	r->watched = false;
	r->class = CLASS_BULK;
	slab_add(&classes[CLASS_BULK].came, 1);
	web_up_class(u, CLASS_BULK);
}

static void
ask(struct web_request *r, struct stream upstream, const struct dial_try *t)
{
	struct web *w = r->web;
	struct buf *head = onward(r, t);
	struct web_up_start start = {.upstream = upstream,
	    .client = w->fd,
	    .ask = &r->ask,
	    .turns = w->env->turns,
	    .user = user_of(w),
	    .class = r->verdict.class,
	    .moved = on_moved};
	int error;

	if (head == NULL) {
		stream_close(w->loop, upstream, false);
		/* It would have taken a login of ours to who reflects it. */
		if (strcmp(r->ask.request.method, "TRACE") == 0)
			web_say_options(r);
		else
			web_end_as(w, WEB_END_CLOSED);
		return;
	}
	r->class = r->verdict.class;
	r->watched = !r->verdict.class_set && r->settings->behaviour &&
		     r->class != CLASS_BULK;
	start.head = buf_bytes(head);
	start.head_len = head->len;
	error = web_up_start(&r->up, w->loop, &start, web_answer);
	sodium_memzero(head->data, head->cap);
	buf_free(head);
	web_change(w, WEB_ASKING);
	if (error != 0 || feed_again(r) != 0) {
		web_end_as(w, WEB_END_CLOSED);
		return;
	}
	web_look_at(w, next_look_us(r));
	if (!web_feed(w))
		return;
	if (web_up_flush(&r->up) == WEB_FLOW_NO_MEMORY)
		web_end_as(w, WEB_END_CLOSED);
	else
		web_listen(w);
}

/* --- dialing --- */

/* A reload has taken away all that this request's configuration names: it
 * goes by the new one.  false: there is none. */
static bool
follow_reload(struct web_request *r)
{
	struct settings *old = r->settings, *now = *r->web->env->settings;

	if (old == now)
		return false;
	r->settings = settings_ref(now);
	memset(&r->dial, 0, sizeof(r->dial));
	web_path(r);
	settings_unref(old);
	return true;
}

static void
dial_done(struct dial *d, struct dialed *result)
{
	struct web_request *r = container_of(d, struct web_request, dial);
	const struct web_env *env = r->web->env;

	learn_path_dialed(env->learn, d, result);
	if (result->reason != REASON_OK) {
		if (result->reason != REASON_NO_PATH || !follow_reload(r))
			web_say_reason(r, result->reason);
		return;
	}
	r->open = true;
	r->via_hop = !result->try->direct;
	r->hop = result->try->hop;
	if (!r->served)
		slab_add(&env->slab->served, 1);
	if (!r->served && result->try->direct)
		slab_add(&env->slab->direct, 1);
	r->served = true;
	if (result->early != NULL) { /* before anything was asked */
		buf_free(result->early);
		stream_close(env->dial->loop, result->stream, false);
		web_say_rubbish(r);
		return;
	}
	ask(r, result->stream, result->try);
}

const char *
web_path_text(const struct web_request *r, char out[static HTTP_TARGET_MAX + 1])
{
	const struct http_ask *a = &r->ask;

	out[0] = '/';
	out[1] = '\0';
	if (a->path_at != 0) {
		memcpy(out, a->request.target + a->path_at, a->path_len);
		out[a->path_len] = '\0';
	}
	return out;
}

static void
classify_request(struct web_request *r)
{
	const struct http_ask *a = &r->ask;
	const struct wire_host *host = &a->request.host;
	const struct web_env *env = r->web->env;
	char path[HTTP_TARGET_MAX + 1];
	struct asked asked = {.method = a->request.method,
	    .path = web_path_text(r, path),
	    .accept = a->accept,
	    .fetch_dest = a->fetch_dest,
	    .upgrade = a->upgrade[0] != '\0'};

	if (env->seen != NULL)
		asked.seen =
		    seen_type(env->seen, host, path, loop_now_us(r->web->loop));
	classify(r->settings, host, &r->web->client, &asked, &r->verdict);
}

void
web_path(struct web_request *r)
{
	struct web *w = r->web;
	const struct web_env *env = w->env;
	const struct wire_host *host = &r->ask.request.host;
	struct dial_request request = {.settings = r->settings,
	    .host = host,
	    .verdict = &r->verdict,
	    .client = -1, /* which is read from */
	    .web = true};

	classify_request(r);
	learn_consult(env->learn, r->settings, host, &r->verdict);
	if (r->verdict.via == VIA_DENY) {
		web_say_reason(r, REASON_DENIED);
		return;
	}
	/* What may be at its end already is for what can be sent again. */
	request.reuse = (r->ask.safe || r->ask.idempotent) &&
			r->ask.framing == HTTP_BODY_NONE &&
			r->ask.upgrade[0] == '\0' &&
			r->verdict.replay != REPLAY_NEVER;
	if (w->state != WEB_DIALING)
		web_change(w, WEB_DIALING);
	web_look_at(
	    w, loop_now_us(w->loop) + r->settings->dial_timeout_ms * 1000);
	dial_start(&r->dial, env->dial, &request, dial_done);
	web_listen(w);
}

/* --- another path --- */

void
web_path_again(struct web_request *r, enum wire_reason broke)
{
	const struct web_env *env = r->web->env;

	r->open = false;
	learn_path_judged(env->learn, r->settings, &r->dial, broke, true);
	web_up_close(&r->up);
	web_change(r->web, WEB_DIALING);
	dial_again(&r->dial, broke, true, dial_done);
	web_listen(r->web);
}

/* What stood from the request before was at its end: no fault of anybody's.
 * Some say so, by a 408 that nobody asked for, as the request arrives. */
static bool
was_stale(const struct web_request *r)
{
	return r->dial.tries[r->dial.standing].reused &&
	       (r->up.received == 0 || r->up.got.status == 408) &&
	       web_path_may_repeat(r);
}

void
web_path_failed(struct web_request *r, enum wire_reason why)
{
	count(r);
	if (why == REASON_HOP_HUNG_UP && was_stale(r)) {
		web_up_close(&r->up);
		r->open = false;
		web_change(r->web, WEB_DIALING);
		dial_fresh(&r->dial, dial_done);
		web_listen(r->web);
	} else if (is_replaceable(r) && web_path_may_repeat(r)) {
		web_path_again(r, why);
	} else {
		web_path_judge(r, why);
		web_say_broken(r, why);
	}
}

void
web_path_silent(struct web_request *r)
{
	struct web *w = r->web;
	int64_t now_us = loop_now_us(w->loop), next_us = next_look_us(r);
	bool over =
	    now_us >= r->up.moved_us + r->settings->idle_timeout_ms * 1000;

	if (now_us < next_us) {
		web_look_at(w, next_us);
	} else if (over) {
		count(r);
		web_path_judge(r, REASON_HOP_MUTE);
		web_say_broken(r, REASON_HOP_MUTE);
	} else if (web_path_may_repeat(r) && r->up.received == 0 &&
		   !web_pump_expects(&r->up.request) &&
		   dial_may_replace(&r->dial, true)) {
		count(r);
		web_path_again(r, REASON_HOP_MUTE);
	} else {
		web_look_at(w, now_us + dial_patience_us(&r->dial));
	}
}
