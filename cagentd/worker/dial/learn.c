/*
 * Owns what a worker learns of direct destinations: asking the store, and the
 * connections that find it out; never a client's.
 */
#include "cagentd/worker/dial/learn.h"

#include <sys/socket.h>

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "cagentd/worker/own.h"
#include "shm/slab.h"

#define SECOND_US 1000000

void
learn_init(struct learn *l, struct loop *loop, struct resolve *resolve,
    struct learned *store)
{
	l->loop = loop;
	l->resolve = resolve;
	l->store = store;
}

static void
leave(struct learn_try *t)
{
	settings_unref(t->settings);
	t->settings = NULL;
}

void
learn_fini(struct learn *l)
{
	uint32_t i;

	for (i = 0; i < LEARN_PARALLEL; i++) {
		attempt_cancel(&l->tries[i].attempt);
		leave(&l->tries[i]);
	}
}

static int64_t
age_us(const struct settings *s)
{
	return s->learn_age_ms * 1000;
}

static bool
find(const struct learn *l, const struct wire_host *host,
    struct learned_fact *out)
{
	char key[WIRE_HOST_STRLEN];

	return learned_find(
	    l->store, wire_host_format(host, key), loop_now_us(l->loop), out);
}

static void
put(struct learn *l, const struct settings *s, const struct wire_host *host,
    enum learned_state state)
{
	struct learned_fact f = {0}, old;
	int64_t now = loop_now_us(l->loop);

	static_assert(sizeof(f.key) >= WIRE_HOST_STRLEN, "a key holds it");
	if (find(l, host, &old) && old.scope == s->direct_learn_scope)
		f.failures = old.failures;
	wire_host_format(host, f.key);
	f.state = state;
	f.scope = s->direct_learn_scope;
	f.since_us = f.used_us = now;
	if (state == LEARNED_FAILED)
		f.failures++;
	learned_put(l->store, &f, now - age_us(s));
}

void
learn_consult(struct learn *l, const struct settings *s,
    const struct wire_host *host, struct verdict *v)
{
	struct learned_fact f;

	if (l == NULL || s->direct_learn_n == 0 || v->via != VIA_DEFAULT ||
	    v->direct_first || !find(l, host, &f))
		return;
	v->learned = learned_believed(
	    &f, s->direct_learn_scope, age_us(s), loop_now_us(l->loop));
	v->direct_first = v->learned;
}

static bool
may_learn(const struct learn_try *t, const struct net_ip *ip)
{
	const struct verdict v = {
	    .rule = -1, .direct_first = true, .learned = true};

	return classify_direct(t->settings, &v, &t->host, ip) &&
	       !own_listens(t->settings, ip, t->host.port);
}

static bool
may_connect(const void *arg, const struct net_ip *ip)
{
	struct learn_try *t = *(struct learn_try *const *)arg;

	if (may_learn(t, ip))
		return true;
	t->outside = true;
	return false;
}

/* Perhaps: a listener on all addresses has some that classify_direct() cannot
 * know, but what is connected to itself is on this machine. */
static bool
is_ourselves(const struct settings *s, int fd)
{
	union net_addr own, peer;
	socklen_t own_len = sizeof(own), peer_len = sizeof(peer);
	struct net_ip from, to;
	uint32_t i;

	if (getsockname(fd, &own.sa, &own_len) == -1 ||
	    getpeername(fd, &peer.sa, &peer_len) == -1)
		return true; /* gone already: nothing is learned of it */
	net_addr_ip(&own, &from);
	net_addr_ip(&peer, &to);
	for (i = 0; i < s->listeners_n; i++) {
		if (net_addr_port(&s->listeners[i]) == net_addr_port(&peer) &&
		    net_ip_equal(&from, &to))
			return true;
	}
	return false;
}

/* What a try has shown; LEARNED_NOTHING: nothing about the destination. */
static enum learned_state
shown(const struct learn_try *t, const struct attempt_result *r)
{
	if (r->reason == REASON_OVERLOAD)
		return LEARNED_NOTHING;
	/* Here it has no name, or one that leads elsewhere. */
	if (t->outside || r->reason == REASON_NAME_UNKNOWN ||
	    r->reason == REASON_NAME_FAILED)
		return LEARNED_OUTSIDE;
	if (r->reason != REASON_OK)
		return LEARNED_FAILED;
	return is_ourselves(t->settings, r->stream.fd) ? LEARNED_OUTSIDE
						       : LEARNED_DIRECT;
}

static void
tried(struct attempt *a, struct attempt_result *r)
{
	struct learn_try *t = container_of(a, struct learn_try, attempt);
	struct learn *l = t->learn;
	enum learned_state state = shown(t, r);
	char text[WIRE_HOST_STRLEN];

	stream_close(l->loop, r->stream, false);
	if (state != LEARNED_NOTHING)
		put(l, t->settings, &t->host, state);
	if (state == LEARNED_DIRECT) {
		slab_add(&l->store->found, 1);
		log_info(
		    "%s: learned as direct", wire_host_format(&t->host, text));
	}
	leave(t);
}

static bool
hosts_equal(const struct wire_host *a, const struct wire_host *b)
{
	if (a->kind != b->kind || a->port != b->port)
		return false;
	return a->kind == WIRE_HOST_NAME
		   ? strcmp(a->name, b->name) == 0
		   : memcmp(a->ip, b->ip, a->kind == WIRE_HOST_V4 ? 4 : 16) ==
			 0;
}

/* A free place; NULL: none, or the same is being tried, or too many were. */
static struct learn_try *
place_for(struct learn *l, const struct wire_host *host)
{
	struct learn_try *t, *place = NULL;
	int64_t now = loop_now_us(l->loop);

	if (now - l->second_us >= SECOND_US) {
		l->second_us = now;
		l->second_n = 0;
	}
	if (l->second_n >= LEARN_RATE)
		return NULL;
	for (t = l->tries; t < l->tries + LEARN_PARALLEL; t++) {
		if (t->settings == NULL)
			place = t;
		else if (hosts_equal(&t->host, host))
			return NULL;
	}
	return place;
}

/* Of an address: may it be tried?  A name's are judged once they are known. */
static bool
set_name(struct learn_try *t)
{
	struct net_ip ip = {0};

	if (t->host.kind == WIRE_HOST_NAME) {
		memcpy(t->name, t->host.name, sizeof(t->name));
		return true;
	}
	ip.family = t->host.kind == WIRE_HOST_V4 ? 4 : 6;
	memcpy(ip.bytes, t->host.ip, sizeof(ip.bytes));
	net_ip_format(&ip, t->name);
	return may_learn(t, &ip);
}

static void
try_straight(struct learn *l, struct settings *s, const struct wire_host *host)
{
	struct attempt_target target = {.direct = true, .may = may_connect};
	struct learn_try *t = place_for(l, host);

	if (t == NULL)
		return;
	t->self = t;
	t->learn = l;
	t->settings = settings_ref(s);
	t->host = *host;
	t->outside = false;
	if (!set_name(t)) {
		leave(t);
		return;
	}
	l->second_n++;
	slab_add(&l->store->tried, 1);
	target.host = t->name;
	target.port = host->port;
	target.dest = &t->host;
	target.arg = &t->self;
	attempt_start(&t->attempt, l->loop, l->resolve, &target,
	    loop_now_us(l->loop) + s->attempt_timeout_ms * 1000, tried);
	/* Without memory for its deadline it might never end. */
	if (!loop_op_active(&t->attempt.timer)) {
		attempt_cancel(&t->attempt);
		leave(t);
	}
}

void
learn_proved(struct learn *l, struct settings *s, const struct wire_host *host,
    const struct verdict *v, bool direct)
{
	char key[WIRE_HOST_STRLEN];
	int64_t now;
	struct learned_fact f;

	if (l == NULL || s->direct_learn_n == 0 || v->via != VIA_DEFAULT)
		return;
	now = loop_now_us(l->loop);
	if (v->learned && direct) {
		learned_use(l->store, wire_host_format(host, key), now);
		slab_add(&l->store->used, 1);
	}
	/* Listed, or its direct try has just failed. */
	if (v->direct_first || direct)
		return;
	if (find(l, host, &f) && f.scope == s->direct_learn_scope &&
	    (learned_believed(&f, f.scope, age_us(s), now) ||
		(f.state != LEARNED_DIRECT && now < learned_again_us(&f))))
		return;
	try_straight(l, s, host);
}

void
learn_failed(struct learn *l, const struct settings *s,
    const struct wire_host *host, enum wire_reason reason, bool reached)
{
	char key[WIRE_HOST_STRLEN];
	struct learned_fact f;

	/* No news of the destination; or it is known already. */
	if (l == NULL || reason == REASON_OVERLOAD ||
	    (reason == REASON_CANCELLED && !reached) || !find(l, host, &f) ||
	    f.state != LEARNED_DIRECT)
		return;
	if (reached)
		put(l, s, host, LEARNED_FAILED);
	else
		learned_drop(l->store, wire_host_format(host, key));
	slab_add(&l->store->forgotten, 1);
	log_info("%s: no longer direct: %s", wire_host_format(host, key),
	    wire_reason_text(reason));
}
