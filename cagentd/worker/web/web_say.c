/* Owns the answers that the agent itself gives to plain HTTP requests. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "cagentd/worker/web/web_impl.h"
#include "wire/intake.h"

#define PAGE_MAX 2048
#define HEAD_MAX 512

static void
on_said(struct web_pump *p, enum web_flow flow)
{
	struct web *w = container_of(p, struct web, word);

	if (flow == WEB_FLOW_ENDED)
		web_next(w, true);
	else
		web_end_as(w, WEB_END_CLOSED);
}

/* It is the last word on this connection, or the connection stays. */
static void
say(struct web *w, const uint8_t *word, size_t len, bool stays)
{
	struct web_result last = {
	    .end = WEB_END_LEAVING, .upstream = STREAM_NONE};
	enum web_flow flow = WEB_FLOW_NO_MEMORY;

	web_free_request(w);
	if (!stays) {
		last.bytes = buf_copy(word, len);
		web_end(w, &last);
		return;
	}
	web_change(w, WEB_SAYING);
	web_look_at(w, loop_now_us(w->loop) +
			   (*w->env->settings)->handshake_timeout_ms * 1000);
	web_pump_start(
	    &w->word, w->loop, stream_plain(w->fd), HTTP_BODY_NONE, on_said);
	if (web_pump_put(&w->word, word, len) == 0)
		flow = web_pump_flush(&w->word);
	if (flow == WEB_FLOW_FULL)
		web_listen(w);
	else
		on_said(&w->word, flow);
}

/* What is left of a content that is not wanted any more could not be told from
 * the next request: the connection ends. */
static bool
may_stay(const struct web_request *r)
{
	return r->ask.keep_alive && r->ask.framing == HTTP_BODY_NONE &&
	       !r->web->draining;
}

static void
say_own(struct web_request *r, const struct http_own *own)
{
	bool stays = may_stay(r);
	uint8_t out[HEAD_MAX + PAGE_MAX];
	int n = http_own_encode(own, &r->ask, stays, out, sizeof(out));

	if (n > 0)
		say(r->web, out, (size_t)n, stays);
	else
		web_end_as(r->web, WEB_END_CLOSED);
}

void
web_say_reason(struct web_request *r, enum wire_reason reason)
{
	const struct wire_host *host = &r->ask.request.host;
	char page[PAGE_MAX], proxy_status[256], text[WIRE_HOST_STRLEN];
	const struct http_own own = {
	    intake_http_status(reason), proxy_status, page};
	size_t len;

	slab_add(&r->web->env->slab->refused[reason], 1);
	log_info("http %s %s: no path: %s", r->ask.request.method,
	    wire_host_format(host, text), wire_reason_word(reason));
	intake_proxy_status(reason, proxy_status, sizeof(proxy_status));
	snprintf(page, sizeof(page), "cagent: no path to %s: %s\n", text,
	    wire_reason_text(reason));
	len = strlen(page);
	dial_report(&r->dial, page + len, sizeof(page) - len);
	say_own(r, &own);
}

static void
say_of_destination(
    struct web_request *r, int status, const char *error, const char *what)
{
	char page[PAGE_MAX], proxy_status[256], host[WIRE_HOST_STRLEN];
	const struct http_own own = {status, proxy_status, page};

	snprintf(proxy_status, sizeof(proxy_status), "cagent; error=%s", error);
	snprintf(page, sizeof(page), "cagent: %s: %s\n",
	    wire_host_format(&r->ask.request.host, host), what);
	say_own(r, &own);
}

void
web_say_broken(struct web_request *r, enum wire_reason reason)
{
	bool mute = reason == REASON_HOP_MUTE;

	web_log(r, mute ? "never answered" : "broken upstream");
	if (!r->dial.tries[r->dial.standing].direct) {
		web_say_reason(r, reason);
		return;
	}
	slab_add(&r->web->env->slab->refused[mute ? REASON_TIMEOUT
						  : REASON_HOST_UNREACHABLE],
	    1);
	if (mute)
		say_of_destination(r, 504, "connection_read_timeout",
		    "the destination does not answer");
	else
		say_of_destination(r, 502, "connection_terminated",
		    "the destination closed the connection without an answer");
}

void
web_say_rubbish(struct web_request *r)
{
	web_log(r, "not HTTP");
	web_path_judge(r, REASON_OK); /* the path is good for it */
	say_of_destination(r, 502, "http_protocol_error",
	    "the destination does not answer in HTTP");
}

void
web_say_login(struct web_request *r, int status)
{
	const struct http_own own = {status, NULL,
	    status == 407
		? "cagent: this proxy wants a user name and a password.\n"
		: "cagent: too many logins at once, try again.\n"};

	slab_add(&r->web->env->slab->bad_handshakes, 1);
	say_own(r, &own);
}

void
web_say_status(struct web *w, int status)
{
	const char *page = status == 400   ? "cagent: malformed request\n"
			   : status == 501 ? "cagent: this method, coding or "
					     "scheme is not served\n"
			   : status == 508 ? "cagent: the request goes round "
					     "in circles\n"
					   : "cagent: request refused\n";
	const struct http_own own = {
	    status, "cagent; error=http_request_error", page};
	uint8_t out[HEAD_MAX + PAGE_MAX];
	int n = http_own_encode(&own, NULL, false, out, sizeof(out));

	if (n > 0)
		say(w, out, (size_t)n, false);
	else
		web_end_as(w, WEB_END_CLOSED);
}

void
web_say_options(struct web_request *r)
{
	const struct http_own own = {
	    strcmp(r->ask.request.method, "TRACE") == 0 ? 405 : 200, NULL,
	    NULL};

	say_own(r, &own);
}
