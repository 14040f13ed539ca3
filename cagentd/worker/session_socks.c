/*
 * Owns a session that is an association for datagrams, or waits for a
 * connection; the connection itself is session.c's.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "cagentd/worker/session_impl.h"

void
session_socks_end(struct session *s)
{
	if (s->associate != NULL)
		s->env->associations--;
	associate_free(s->associate);
	s->associate = NULL;
	if (s->reverse != NULL) {
		reverse_cancel(s->reverse);
		s->env->reverses--;
	}
	free(s->reverse);
	s->reverse = NULL;
}

static void
note(const struct session *s, const char *what, const struct wire_host *at)
{
	char text[WIRE_HOST_STRLEN];

	if (s->settings->log_tunnels)
		log_info("%s: %s", what, wire_host_format(at, text));
	else
		log_debug("%s: %s", what, wire_host_format(at, text));
}

/* A few bytes, which a client that reads at all has room for.  false: it has
 * not, and is gone. */
static bool
tell(struct session *s, const struct wire_host *bound)
{
	struct intake *in = &s->setup->request.intake;
	ssize_t n;

	in->bound = *bound;
	intake_reply(in, REASON_OK, NULL);
	n = loop_send_now(s->env->dial.loop, s->fd, in->out, in->out_len);
	if (n > 0 && (size_t)n == in->out_len)
		return true;
	session_end(s);
	return false;
}

/* --- UDP ASSOCIATE --- */

static void
associate_ended(void *arg)
{
	struct session *s = arg;

	session_end(s);
}

void
session_associate(struct session *s)
{
	struct setup *u = s->setup;
	const struct associate_start start = {.dial = &s->env->dial,
	    .slab = s->env->slab,
	    .turns = s->env->turns,
	    .settings = &s->env->settings,
	    .client = &u->client,
	    .source = &u->request.intake.host,
	    .fd = s->fd,
	    .done = associate_ended,
	    .arg = s};
	struct wire_host bound;
	int error;

	u->client.protocol = u->request.intake.protocol;
	if (!s->settings->udp) {
		session_refuse(s, REASON_UNSUPPORTED);
		return;
	}
	if (s->env->associations >= ASSOCIATE_MAX) {
		session_refuse(s, REASON_OVERLOAD);
		return;
	}
	error = associate_start(&s->associate, &start, &bound);
	if (error != 0) {
		session_refuse(s,
		    error == -ENOTSUP ? REASON_UNSUPPORTED : REASON_OVERLOAD);
		return;
	}
	s->env->associations++;
	session_change(s, SESSION_SERVING);
	if (!tell(s, &bound))
		return;
	slab_add(&s->env->slab->served, 1);
	note(s, "socks5 association", &bound);
	session_free_setup(s);
}

/* --- BIND --- */

static void
reverse_ready(struct reverse *b, const struct wire_host *at)
{
	struct session *s = b->how.owner;

	note(s, "socks bind", at);
	(void)tell(s, at); /* else it has ended */
}

static void
reverse_done(struct reverse *b, enum wire_reason reason, int fd,
    const struct wire_host *from)
{
	struct session *s = b->how.owner;
	struct intake *in = &s->setup->request.intake;
	struct buf *word;

	in->bound = *from;
	if (reason == REASON_CANCELLED) {
		session_end(s);
		return;
	}
	if (reason != REASON_OK) {
		session_refuse(s, reason);
		return;
	}
	intake_reply(in, REASON_OK, NULL);
	word = buf_copy(in->out, in->out_len);
	if (word == NULL) {
		loop_close(s->env->dial.loop, fd);
		session_end(s);
		return;
	}
	session_show(s, &s->setup->client, from);
	session_socks_end(s);
	slab_add(&s->env->slab->served, 1);
	slab_add(&s->env->slab->direct, 1);
	s->told = true;
	s->flight = request_take_early(&s->setup->request);
	session_free_setup(s);
	session_relay(s, stream_plain(fd), word, 0);
}

/* Would a tunnel go there directly? */
static bool
is_direct(const struct settings *s, const struct verdict *v)
{
	return v->via == VIA_DIRECT || v->direct_first ||
	       (v->via == VIA_DEFAULT && s->no_path_direct &&
		   s->intermediaries_n == 0);
}

static enum wire_reason
may_bind(const struct session *s, const struct verdict *v)
{
	if (!s->settings->bind)
		return REASON_UNSUPPORTED;
	if (v->via == VIA_DENY)
		return REASON_DENIED;
	if (!is_direct(s->settings, v))
		return REASON_UNSUPPORTED;
	return s->env->reverses < REVERSE_MAX ? REASON_OK : REASON_OVERLOAD;
}

void
session_bind(struct session *s)
{
	struct setup *u = s->setup;
	const struct intake *in = &u->request.intake;
	struct verdict v;
	struct reverse_start start = {.loop = s->env->dial.loop,
	    .resolve = s->env->dial.resolve,
	    .settings = s->settings,
	    .verdict = &v,
	    .host = &in->host,
	    .only_v4 = in->protocol != PROTOCOL_SOCKS5,
	    .client = s->fd,
	    .owner = s,
	    .ready = reverse_ready,
	    .done = reverse_done};
	enum wire_reason reason;

	u->client.protocol = in->protocol;
	classify(s->settings, &in->host, &u->client, NULL, &v);
	reason = may_bind(s, &v);
	session_classify(s, &v, &u->client, &in->host);
	start.dscp = settings_class_mark(s->settings, s->class.class);
	if (reason == REASON_OK) {
		s->reverse = calloc(1, sizeof(*s->reverse));
		if (s->reverse == NULL)
			reason = REASON_OVERLOAD;
	}
	if (reason != REASON_OK) {
		session_refuse(s, reason);
		return;
	}
	s->env->reverses++;
	session_change(s, SESSION_SERVING);
	reverse_start(s->reverse, &start);
}
