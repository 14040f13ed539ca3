/*
 * Owns the question who asks: each request shows its login, and none is taken
 * for the one before.
 */
#include <string.h>

#include <sodium.h>

#include "cagentd/worker/web/web_impl.h"

/* Whose it is is known. */
static void
admit(struct web_request *r, const char *name)
{
	struct web *w = r->web;

	memset(w->client.login, 0, sizeof(w->client.login));
	memcpy(
	    w->client.login, name, strnlen(name, sizeof(w->client.login) - 1));
	sodium_memzero(
	    r->ask.request.password, sizeof(r->ask.request.password));
	/* The session has asked for the first one. */
	if (w->asked && !w->may_ask(w->arg, &w->client)) {
		web_say_reason(r, REASON_LIMITED);
		return;
	}
	w->asked = true;
	if (r->ask.max_forwards == 0)
		web_say_options(r);
	else
		web_path(r);
}

static void
judge(struct web_request *r, enum login_answer answer)
{
	switch (answer) {
	case LOGIN_RIGHT:
		admit(r, r->ask.request.user);
		return;
	case LOGIN_WRONG:
		web_say_login(r, 407);
		return;
	case LOGIN_BUSY:
		web_say_login(r, 503);
		return;
	case LOGIN_LATER:
		web_change(r->web, WEB_ADMITTING);
		web_look_at(
		    r->web, loop_now_us(r->web->loop) +
				r->settings->handshake_timeout_ms * 1000);
		web_listen(r->web);
		return;
	}
}

static void
on_answer(void *arg, enum login_answer answer)
{
	struct web_request *r = arg;

	r->login = NULL;
	judge(r, answer);
}

void
web_login(struct web_request *r)
{
	const struct web *w = r->web;
	const struct http_request *shown = &r->ask.request;
	const struct login_claim claim = {
	    &w->client, shown->user, shown->password};
	enum login_need need = LOGIN_NONE;

	if (w->env->logins != NULL)
		need = login_need(r->settings, &w->client);
	if (need == LOGIN_MUST && !shown->has_login)
		web_say_login(r, 407);
	else if (need == LOGIN_NONE || !shown->has_login)
		admit(r, "");
	else
		judge(r, login_check(
			     w->env->logins, &claim, on_answer, r, &r->login));
}
