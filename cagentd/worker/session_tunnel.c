/*
 * Owns a session from its first dial to the end of its tunnel; the connection
 * itself is session.c's.
 */
#include <string.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "cagentd/worker/dial/learn_path.h"
#include "cagentd/worker/session_impl.h"
#include "cagentd/worker/tunnel.h"

static void dial_done(struct dial *, struct dialed *);
static void relay_done(struct relay *, enum relay_end, enum relay_side);

/* Is there to be a line when the tunnel ends? */
static void
describe(struct session *s, const char *via)
{
	const struct setup *u = s->setup;

	free(s->label);
	s->label = NULL;
	if (s->settings->log_tunnels || log_enabled(LOG_LEVEL_DEBUG))
		s->label = tunnel_label(&u->request.intake, &u->dial, via);
}

/* The answer to the client and what upstream has already said, as one. */
static struct buf *
opening(struct session *s, const struct buf *early)
{
	struct intake *in = &s->setup->request.intake;
	size_t early_len = early != NULL ? early->len : 0;
	struct buf *b;

	intake_reply(in, REASON_OK, NULL);
	b = buf_new(in->out_len + early_len);
	if (b == NULL)
		return NULL;
	buf_append(b, in->out, in->out_len);
	if (early != NULL)
		buf_append(b, buf_bytes(early), early_len);
	return b;
}

/* The path has proved itself, or not: its try is settled, and with that the
 * way back to dialing is closed, and what it would need goes. */
static void
judge(struct session *s, enum wire_reason reason, bool asked)
{
	if (s->setup != NULL) {
		learn_path_judged(
		    s->env->learn, s->settings, &s->setup->dial, reason, asked);
		dial_judge(&s->setup->dial, reason, asked);
	}
	session_free_setup(s);
}

/* Has the client said anything? */
static bool
has_asked(const struct relay *r)
{
	return r->side[RELAY_CLIENT].bytes > 0;
}

static void
answered(struct relay *r)
{
	judge(container_of(r, struct session, relay), REASON_OK, has_asked(r));
}

/* Upstream says nothing: may another path have its flight? */
static bool
stalled(struct relay *r)
{
	struct session *s = container_of(r, struct session, relay);

	return dial_may_replace(&s->setup->dial, has_asked(r));
}

static struct tunnel_class_env
class_env(const struct session *s)
{
	return (struct tunnel_class_env){s->env->slab, s->env->traffic};
}

/* It is relayed, and was of another class before. */
static void
show_class(struct session *s, uint8_t was)
{
	uint8_t mark = settings_class_mark(s->settings, s->class.class);
	struct relay *r = &s->relay;

	tunnels_class(
	    s->row, s->class.class, s->class.why, s->class.behave.why);
	relay_set_class(r, s->class.class);
	if (mark != settings_class_mark(s->settings, was))
		(void)net_mark(r->side[RELAY_UPSTREAM].stream.fd, mark);
}

static void
moved(struct relay *r, enum relay_side from, size_t len)
{
	struct session *s = container_of(r, struct session, relay);
	struct tunnel_class_env env = class_env(s);
	uint8_t was = s->class.class;

	tunnels_moved(s->row, from == RELAY_CLIENT, len);
	if (tunnel_class_moved(&s->class, &env, from == RELAY_CLIENT, len,
		loop_now_us(r->loop)))
		show_class(s, was);
}

/* true: it is of another class now. */
static bool
reclass(struct session *s)
{
	const struct tunnel_class_env env = class_env(s);
	uint8_t was = s->class.class, now;

	now = settings_class_since(s->env->settings, s->settings, was);
	if (now != was)
		tunnel_class_put(&s->class, &env, now);
	return now != was;
}

void
session_reclass(struct session_list *list)
{
	struct session *s;
	uint8_t was;

	LIST_FOREACH (s, list, entry) {
		if (s->associate != NULL)
			associate_reclass(s->associate);
		was = s->class.class;
		if (reclass(s) && s->state == SESSION_RELAYING)
			show_class(s, was);
	}
}

/* How long it took to come to stand; 0: it was asked for as something else. */
static int64_t
setup_us(const struct session *s)
{
	int64_t us;

	if (s->setup == NULL || s->setup->asked_us == 0)
		return 0;
	us = loop_now_us(s->env->dial.loop) - s->setup->asked_us;
	return us > 0 ? us : 1;
}

static uint32_t
slot_of(const struct session *s)
{
	return s->via_hop ? s->hop.slot : TUNNELS_DIRECT;
}

void
session_show(struct session *s, const struct client *client,
    const struct wire_host *host)
{
	char text[WIRE_HOST_STRLEN], name[USAGE_NAME_MAX + 1];
	struct tunnels_about a = {.began_us = loop_now_us(s->env->dial.loop),
	    .user = s->class.user,
	    .class = s->class.class,
	    .why = s->class.why,
	    .behave_why = s->class.behave.why,
	    .slot = slot_of(s),
	    .incarnation = s->hop.incarnation,
	    .setup_us = setup_us(s)};

	tunnels_name(&a, quota_name(client, name));
	tunnels_dest(&a, wire_host_format(host, text));
	s->row = tunnels_take(&s->env->slab->live, &a);
}

/* Let people see it, or by whom it goes now. */
static void
show(struct session *s)
{
	const struct setup *u = s->setup;

	if (s->row == NULL && u != NULL)
		session_show(s, &u->client, &u->request.intake.host);
	else
		tunnels_via(s->row, slot_of(s), s->hop.incarnation);
}

/* It stands, once more perhaps. */
static void
stands(struct session *s)
{
	struct tunnel_class_env env = class_env(s);

	session_change(s, SESSION_RELAYING);
	slab_up(&s->env->slab->tunnels);
	tunnel_class_stands(&s->class, &env, setup_us(s));
	show(s);
}

void
session_tunnel_end(struct session *s)
{
	struct tunnel_class_env env = class_env(s);

	tunnel_class_end(&s->class, &env, loop_now_us(s->env->dial.loop));
	tunnels_drop(&s->env->slab->live, s->row);
	s->row = NULL;
}

static void
start_relay(struct session *s, struct stream upstream, struct buf *to_client,
    size_t early)
{
	struct setup *u = s->setup;
	enum settings_replay replay = u->dial.verdict.replay;
	bool open = (s->via_hop || u->dial.verdict.learned) && early == 0;
	struct relay_start start = {.client = s->fd,
	    .upstream = upstream,
	    .to_client = to_client,
	    .early = early,
	    .idle_us = s->settings->idle_timeout_ms * 1000,
	    .pipes = s->env->pipes,
	    .keep_flight = open && replay != REPLAY_NEVER,
	    .replay_any = replay == REPLAY_ALWAYS,
	    .patience_us = open ? dial_patience_us(&u->dial) : 0,
	    .stalled = stalled,
	    .answered = open ? answered : NULL,
	    .moved = moved,
	    .turns = s->env->turns,
	    .class = s->class.class,
	    .user = s->class.user};

	start.to_upstream =
	    s->flight != NULL ? s->flight : request_take_early(&u->request);
	s->flight = NULL;
	s->fd = -1;
	memset(&s->relay, 0, sizeof(s->relay));
	stands(s);
	relay_start(&s->relay, s->env->dial.loop, &start, relay_done);
	if (!open)
		judge(s, REASON_OK, has_asked(&s->relay));
}

void
session_relay(struct session *s, struct stream upstream, struct buf *to_client,
    size_t early)
{
	struct relay_start start = {.client = s->fd,
	    .upstream = upstream,
	    .to_client = to_client,
	    .to_upstream = s->flight,
	    .early = early,
	    .idle_us = s->settings->idle_timeout_ms * 1000,
	    .pipes = s->env->pipes,
	    .moved = moved,
	    .turns = s->env->turns,
	    .class = s->class.class,
	    .user = s->class.user};

	s->flight = NULL;
	s->fd = -1;
	memset(&s->relay, 0, sizeof(s->relay));
	stands(s);
	relay_start(&s->relay, s->env->dial.loop, &start, relay_done);
}

/* A reload has taken away all that this request's configuration names: it
 * goes by the new one.  false: there is none. */
static bool
follow_reload(struct session *s)
{
	struct settings *old = s->settings;

	if (old == s->env->settings)
		return false;
	s->settings = settings_ref(s->env->settings);
	memset(&s->setup->dial, 0, sizeof(s->setup->dial));
	session_tunnel(s);
	settings_unref(old);
	return true;
}

static void
dial_done(struct dial *d, struct dialed *r)
{
	struct setup *u = container_of(d, struct setup, dial);
	struct session *s = u->session;
	size_t early = r->early != NULL ? r->early->len : 0;
	struct buf *to_client;

	learn_path_dialed(s->env->learn, d, r);
	if (r->reason != REASON_OK) {
		if (r->reason == REASON_CANCELLED)
			session_end(s);
		else if (s->told)
			session_break_off(s);
		else if (r->reason != REASON_NO_PATH || !follow_reload(s))
			session_refuse(s, r->reason);
		return;
	}
	s->via_hop = !r->try->direct;
	s->hop = r->try->hop;
	describe(s, r->try->name);
	if (!s->told) {
		slab_add(&s->env->slab->served, 1);
		if (r->try->direct)
			slab_add(&s->env->slab->direct, 1);
		to_client = opening(s, r->early);
		buf_free(r->early);
	} else {
		to_client = r->early;
	}
	if (to_client == NULL && !s->told) {
		stream_close(s->env->dial.loop, r->stream, false);
		session_end(s);
		return;
	}
	s->told = true;
	start_relay(s, r->stream, to_client, early);
}

void
session_classify(struct session *s, const struct verdict *v,
    const struct client *client, const struct wire_host *host)
{
	const struct tunnel_class_env env = class_env(s);
	const struct tunnel_class_of of = {
	    v, client, host, s->settings->behaviour};

	tunnel_class_begin(
	    &s->class, &env, &of, loop_now_us(s->env->dial.loop));
	(void)reclass(s); /* by settings that were before a reload */
}

void
session_tunnel(struct session *s)
{
	struct setup *u = s->setup;
	const struct intake *in = &u->request.intake;
	struct verdict v;
	struct dial_request request = {.settings = s->settings,
	    .host = &in->host,
	    .verdict = &v,
	    .client = s->fd};

	if (s->state != SESSION_DIALING)
		session_change(s, SESSION_DIALING);
	if (u->asked_us == 0)
		u->asked_us = loop_now_us(s->env->dial.loop);
	u->client.protocol = in->protocol;
	classify(s->settings, &in->host, &u->client, NULL, &v);
	learn_consult(s->env->learn, s->settings, &in->host, &v);
	session_classify(s, &v, &u->client, &in->host);
	v.class = s->class.class;
	if (v.via == VIA_DENY) {
		session_refuse(s, REASON_DENIED);
		return;
	}
	dial_start(&u->dial, &s->env->dial, &request, dial_done);
}

/* The path brought no first byte: the same client gets another. */
static void
redial(struct session *s, enum wire_reason broke)
{
	struct relay *r = &s->relay;
	bool asked = has_asked(r);

	s->fd = relay_take_client(r);
	s->flight = relay_take_flight(r);
	learn_path_judged(
	    s->env->learn, s->settings, &s->setup->dial, broke, asked);
	session_leave_hop(s);
	session_change(s, SESSION_DIALING);
	dial_again(&s->setup->dial, broke, asked, dial_done);
}

/* Without a first byte: why not? */
static enum wire_reason
silence(enum relay_end e, enum relay_side where)
{
	bool upstream_first = (e == RELAY_BROKE && where == RELAY_UPSTREAM) ||
			      (e == RELAY_CLOSED && where == RELAY_CLIENT);

	return upstream_first ? REASON_HOP_HUNG_UP : REASON_CANCELLED;
}

static void
relay_done(struct relay *r, enum relay_end e, enum relay_side where)
{
	struct session *s = container_of(r, struct session, relay);
	slab_down(&s->env->slab->tunnels);
	if (s->via_hop) {
		record_bytes(s->env->dial.record, s->hop,
		    r->side[RELAY_CLIENT].bytes, r->side[RELAY_UPSTREAM].bytes);
		if (r->first_byte_us != 0)
			record_first_byte(
			    s->env->dial.record, s->hop, r->first_byte_us);
	}
	if (s->label != NULL)
		tunnel_log(s->label, r, e, where, s->settings->log_tunnels);
	if (e == RELAY_UNANSWERED || e == RELAY_STALLED) {
		redial(s,
		    e == RELAY_STALLED ? REASON_HOP_MUTE : REASON_HOP_HUNG_UP);
		return;
	}
	judge(s, silence(e, where), has_asked(r));
	session_end(s);
}

void
session_tunnel_kill(struct session *s)
{
	slab_down(&s->env->slab->tunnels);
	relay_cancel(&s->relay);
}
