/*
 * Owns a session while plain HTTP requests come on its connection; what
 * becomes of the connection after that is said by the stage.
 */
#include <string.h>

#include "base/buf.h"
#include "base/net.h"
#include "cagentd/worker/session_impl.h"

static void web_done(struct web *, void *arg, struct web_result *);

static bool
may_ask(void *arg, const struct client *client)
{
	return session_may_enter(arg, client) && session_may_ask(arg);
}

void
session_web(struct session *s)
{
	struct session_env *env = s->env;
	struct setup *u = s->setup;
	const struct web_env web = {.settings = &env->settings,
	    .dial = &env->dial,
	    .slab = env->slab,
	    .learn = env->learn,
	    .seen = env->seen,
	    .pool = env->pool,
	    .logins = env->logins,
	    .turns = env->turns};
	struct web_start start = {.fd = s->fd,
	    .client = &u->client,
	    .may_ask = may_ask,
	    .done = web_done,
	    .arg = s};

	session_change(s, SESSION_SERVING);
	u->client.protocol = PROTOCOL_HTTP;
	start.in = request_take_early(&u->request);
	request_cancel(&u->request);
	s->web = web_new(&web, &start);
	session_free_setup(s);
	if (s->web == NULL)
		session_end(s);
	else if (env->draining)
		web_drain(s->web);
}

/* A CONNECT has come: it is read like any other. */
static void
read_tunnel(struct session *s, const struct client *client, struct buf *in)
{
	struct setup *u;

	if (session_new_setup(s) != 0) {
		buf_free(in);
		session_end(s);
		return;
	}
	u = s->setup;
	/* There may have been a reload since the connection came. */
	settings_unref(s->settings);
	s->settings = settings_ref(s->env->settings);
	u->client = *client;
	/* A login is its request's alone. */
	memset(u->client.login, 0, sizeof(u->client.login));
	session_change(s, SESSION_READING);
	if (session_read(s) != 0) {
		buf_free(in);
		session_end(s);
		return;
	}
	request_feed(&u->request, in);
}

/* Upstream's connection bears the mark of the request's class; of which one the
 * tunnel is, those before it may have shown. */
static void
mark_again(const struct session *s, const struct web_result *result)
{
	uint8_t mark = settings_class_mark(s->settings, s->class.class);

	if (mark != settings_class_mark(s->settings, result->verdict.class))
		(void)net_mark(result->upstream.fd, mark); /* as in race.c */
}

/* The connection is somebody else's protocol by now. */
static void
relay(struct session *s, struct web_result *result)
{
	s->via_hop = result->via_hop;
	s->hop = result->hop;
	s->told = true;
	s->flight = result->bytes;
	session_classify(s, &result->verdict, &result->client, &result->host);
	session_show(s, &result->client, &result->host);
	mark_again(s, result);
	session_relay(s, result->upstream, result->to_client, result->early);
}

static void
web_done(struct web *w, void *arg, struct web_result *result)
{
	struct session *s = arg;
	struct client client = result->client;

	s->web = NULL;
	web_free(w);
	switch (result->end) {
	case WEB_END_CLOSED:
		session_end(s);
		return;
	case WEB_END_LEAVING:
		session_leave(s, result->bytes);
		return;
	case WEB_END_CUT:
		session_break_off(s);
		return;
	case WEB_END_CONNECT:
		read_tunnel(s, &client, result->bytes);
		return;
	case WEB_END_UPGRADED:
		relay(s, result);
		return;
	}
}

void
session_web_kill(struct session *s)
{
	web_free(s->web);
	s->web = NULL;
}

void
session_drain(struct session_list *list)
{
	struct session *s, *next;

	LIST_FOREACH_SAFE (s, list, entry, next) {
		if (s->state == SESSION_SERVING && s->web != NULL)
			web_drain(s->web);
	}
}
