/*
 * Owns a client connection and the order of its stages; each stage does its
 * own I/O and reports here.
 */
#include "cagentd/worker/session.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "cagentd/worker/farewell.h"
#include "cagentd/worker/learn_path.h"
#include "cagentd/worker/relay.h"
#include "cagentd/worker/request.h"
#include "cagentd/worker/tunnel.h"

/* What only the way to a tunnel needs; kept while a first flight may still
 * have to be sent again. */
struct setup {
	struct session *session;
	struct request request;
	struct dial dial;
	struct client client;
};

struct session {
	LIST_ENTRY(session) entry;
	struct session_env *env;
	struct settings *settings; /* a reference */
	enum session_state state;
	int fd;		     /* the client's, while no stage owns it */
	struct setup *setup; /* NULL once upstream has answered */
	union {
		struct relay relay;
		struct farewell farewell;
	};
	bool via_hop; /* hop is in flight */
	struct record_hop hop;
	bool told;	    /* the client: that a path stands */
	struct buf *flight; /* to be sent again; NULL: it had said nothing */
	char *label;	    /* "socks5 example.com:443 via hq-1", for the log */
};

static void dial_request(struct session *);
static void request_done(struct request *, enum request_end);
static void dial_done(struct dial *, struct dialed *);
static void relay_done(struct relay *, enum relay_end, enum relay_side);

/* Which step may follow which. */
static const bool steps[SESSION_ENDED + 1][SESSION_ENDED + 1] = {
    [SESSION_READING] = {[SESSION_DIALING] = true,
	[SESSION_LEAVING] = true,
	[SESSION_ENDED] = true},
    [SESSION_DIALING] = {[SESSION_RELAYING] = true,
	[SESSION_LEAVING] = true,
	[SESSION_ENDED] = true},
    [SESSION_RELAYING] = {[SESSION_DIALING] = true, [SESSION_ENDED] = true},
    [SESSION_LEAVING] = {[SESSION_ENDED] = true},
};

static void
change_state(struct session *s, enum session_state to)
{
	if (!steps[s->state][to])
		fatalx("session: step %d to %d", (int)s->state, (int)to);
	s->state = to;
}

static void
free_setup(struct session *s)
{
	struct setup *u = s->setup;

	if (u == NULL)
		return;
	request_cancel(&u->request);
	dial_cancel(&u->dial);
	explicit_bzero(
	    u->request.intake.password, sizeof(u->request.intake.password));
	free(u);
	s->setup = NULL;
}

static void
leave_hop(struct session *s)
{
	if (s->via_hop)
		record_leave(s->env->dial.record, s->hop);
	s->via_hop = false;
}

static void
end(struct session *s)
{
	struct session_env *env = s->env;

	change_state(s, SESSION_ENDED);
	LIST_REMOVE(s, entry);
	leave_hop(s);
	free_setup(s);
	buf_free(s->flight);
	loop_close(env->dial.loop, s->fd);
	settings_unref(s->settings);
	slab_down(&env->slab->clients);
	free(s->label);
	free(s);
	env->ended(env->arg);
}

void
session_kill(struct session *s)
{
	switch (s->state) {
	case SESSION_RELAYING:
		slab_down(&s->env->slab->tunnels);
		relay_cancel(&s->relay);
		break;
	case SESSION_LEAVING:
		farewell_cancel(&s->farewell);
		break;
	case SESSION_READING:
	case SESSION_DIALING:
	case SESSION_ENDED:
		break;
	}
	end(s);
}

/* It had been told that the path stands: what fails now must not look like an
 * empty answer. */
static void
break_off(struct session *s)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	end(s);
}

static void
farewell_done(struct farewell *f)
{
	end(container_of(f, struct session, farewell));
}

/* Say what intake has to say, and go. */
static void
leave(struct session *s)
{
	const struct intake *in = &s->setup->request.intake;
	struct buf *word = buf_copy(in->out, in->out_len);
	int fd = s->fd;

	change_state(s, SESSION_LEAVING);
	s->fd = -1;
	free_setup(s);
	farewell_start(
	    &s->farewell, s->env->dial.loop, fd, word, farewell_done);
}

static void
refuse(struct session *s, enum wire_reason reason)
{
	struct setup *u = s->setup;
	struct intake *in = &u->request.intake;
	char tried[1024], host[WIRE_HOST_STRLEN];

	slab_add(&s->env->slab->refused[reason], 1);
	dial_report(&u->dial, tried, sizeof(tried));
	log_info("%s %s: no path: %s", wire_protocol_word(in->protocol),
	    wire_host_format(&in->host, host), wire_reason_word(reason));
	intake_reply(in, reason, tried);
	leave(s);
}

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
	free_setup(s);
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

static void
start_relay(
    struct session *s, int upstream, struct buf *to_client, size_t early)
{
	struct setup *u = s->setup;
	enum settings_replay replay = u->dial.verdict.replay;
	bool open = (s->via_hop || u->dial.verdict.learned) && early == 0;
	struct relay_start start = {.client = s->fd,
	    .upstream = upstream,
	    .to_client = to_client,
	    .early = early,
	    .idle_us = s->settings->idle_timeout_ms * 1000,
	    .keep_flight = open && replay != REPLAY_NEVER,
	    .replay_any = replay == REPLAY_ALWAYS,
	    .patience_us = open ? dial_patience_us(&u->dial) : 0,
	    .stalled = stalled,
	    .answered = open ? answered : NULL};

	start.to_upstream =
	    s->flight != NULL ? s->flight : request_take_early(&u->request);
	s->flight = NULL;
	s->fd = -1;
	memset(&s->relay, 0, sizeof(s->relay));
	change_state(s, SESSION_RELAYING);
	slab_up(&s->env->slab->tunnels);
	relay_start(&s->relay, s->env->dial.loop, &start, relay_done);
	if (!open)
		judge(s, REASON_OK, has_asked(&s->relay));
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
	dial_request(s);
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
			end(s);
		else if (s->told)
			break_off(s);
		else if (r->reason != REASON_NO_PATH || !follow_reload(s))
			refuse(s, r->reason);
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
		loop_close(s->env->dial.loop, r->fd);
		end(s);
		return;
	}
	s->told = true;
	start_relay(s, r->fd, to_client, early);
}

static void
dial_request(struct session *s)
{
	struct setup *u = s->setup;
	const struct intake *in = &u->request.intake;
	struct verdict v;
	struct dial_request request = {s->settings, &in->host, &v, s->fd};

	if (s->state != SESSION_DIALING)
		change_state(s, SESSION_DIALING);
	u->client.protocol = in->protocol;
	classify(s->settings, &in->host, &u->client, &v);
	learn_consult(s->env->learn, s->settings, &in->host, &v);
	if (v.via == VIA_DENY) {
		refuse(s, REASON_DENIED);
		return;
	}
	dial_start(&u->dial, &s->env->dial, &request, dial_done);
}

static void
request_done(struct request *q, enum request_end e)
{
	struct setup *u = container_of(q, struct setup, request);
	struct session *s = u->session;

	switch (e) {
	case REQUEST_READY:
		dial_request(s);
		return;
	case REQUEST_REJECTED:
		slab_add(&s->env->slab->bad_handshakes, 1);
		leave(s);
		return;
	case REQUEST_TIMEOUT:
		slab_add(&s->env->slab->bad_handshakes, 1);
		end(s);
		return;
	case REQUEST_GONE:
	case REQUEST_NO_MEMORY:
		end(s);
		return;
	}
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
	leave_hop(s);
	change_state(s, SESSION_DIALING);
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
	end(s);
}

/* Who is asking, as far as the kernel tells. */
static void
identify(struct session *s, bool unix_socket)
{
	struct client *c = &s->setup->client;
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (unix_socket &&
	    getsockopt(s->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
		c->has_uid = true;
		c->uid = cred.uid;
	}
}

static int
begin(struct session *s)
{
	struct loop *loop = s->env->dial.loop;

	return request_start(&s->setup->request, loop, s->fd, false,
	    loop_now_us(loop) + s->settings->handshake_timeout_ms * 1000,
	    request_done);
}

int
session_start(struct session_env *env, struct session_list *list, int fd,
    bool unix_socket)
{
	struct session *s = calloc(1, sizeof(*s));
	int error = -ENOMEM;

	if (s != NULL)
		s->setup = calloc(1, sizeof(*s->setup));
	if (s == NULL || s->setup == NULL)
		goto fail;
	s->env = env;
	s->fd = fd;
	s->settings = env->settings;
	s->setup->session = s;
	identify(s, unix_socket);
	error = begin(s);
	if (error != 0)
		goto fail;
	settings_ref(s->settings);
	LIST_INSERT_HEAD(list, s, entry);
	slab_up(&env->slab->clients);
	slab_add(&env->slab->accepted, 1);
	return 0;
fail:
	if (s != NULL)
		free(s->setup);
	free(s);
	loop_close(env->dial.loop, fd);
	return error;
}
