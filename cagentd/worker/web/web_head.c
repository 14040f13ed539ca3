/*
 * Owns the reading of one head of HTTP, from what a client has sent to a
 * request.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sodium.h>

#include "base/buf.h"
#include "cagentd/worker/web/web_impl.h"

/* As it stands before a request line, by mistake of old clients (RFC 9112
 * section 2.2): one, so that nobody stays by sending nothing else. */
static void
skip_empty_line(struct web *w)
{
	if (w->skipped || w->scanned != 0 || w->in->len < 2 ||
	    memcmp(buf_bytes(w->in), "\r\n", 2) != 0)
		return;
	w->skipped = true;
	web_consume(w, 2);
}

static struct web_request *
request_new(struct web *w, const struct http_ask *ask, size_t head_len)
{
	struct web_request *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->head = buf_copy(buf_bytes(w->in), head_len);
	if (r->head == NULL) {
		free(r);
		return NULL;
	}
	r->web = w;
	r->ask = *ask;
	r->settings = settings_ref(*w->env->settings);
	r->started_us = loop_now_us(w->loop);
	w->request = r;
	web_consume(w, head_len);
	return r;
}

static bool
is_plain(const struct http_ask *ask)
{
	return strncasecmp(ask->request.target, "http:", 5) == 0;
}

/* A whole head has come: what is to be done with it? */
static void
begin(struct web *w, const struct http_ask *ask, size_t head_len)
{
	struct web_request *r;

	if (ask->request.form == HTTP_FORM_CONNECT) {
		web_end_as(w, WEB_END_CONNECT);
		return;
	}
	if (ask->request.form == HTTP_FORM_ORIGIN) {
		web_say_status(w, 400);
		return;
	}
	if (!is_plain(ask)) {
		web_say_status(w, 501);
		return;
	}
	if (ask->vias_n > WEB_VIAS_MAX) {
		web_say_status(w, 508);
		return;
	}
	r = request_new(w, ask, head_len);
	if (r == NULL)
		web_end_as(w, WEB_END_CLOSED);
	else
		web_login(r);
}

void
web_read_head(struct web *w)
{
	struct http_ask ask;
	int n, status;

	w->unread = false;
	skip_empty_line(w);
	n = w->in == NULL ? WIRE_MORE
			  : http_ask_decode(buf_bytes(w->in), w->in->len,
				&w->scanned, &ask, &status);
	if (n == WIRE_MORE) {
		if (w->in_ended) /* the rest of it will not come */
			web_end_as(w, WEB_END_CLOSED);
		return;
	}
	w->scanned = 0;
	if (n == WIRE_BAD) {
		slab_add(&w->env->slab->bad_handshakes, 1);
		web_say_status(w, status);
	} else {
		begin(w, &ask, (size_t)n);
	}
	sodium_memzero(&ask, sizeof(ask));
}
