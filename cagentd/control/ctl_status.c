/* Answers how the whole agent is; changes nothing. */
#include <sys/wait.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/sandbox.h"
#include "cagentd/control/control.h"
#include "cagentd/control/ctl_answer.h"
#include "cagentd/control/ctl_why.h"
#include "trust/verify.h"
#include "wire/wire.h"

/* A slab's own numbers are a worker's word: clamped, so that no sum over the
 * workers passes what a JSON integer holds. */
#define COUNT_MAX (1ull << 48)
#define GAUGE_MAX (1u << 20)

struct totals {
	int64_t clients, tunnels, waiting;
	int64_t accepted, served, direct, bad_handshakes, accept_pauses;
	int64_t associations, datagrams, datagrams_dropped, spliced;
	int64_t refused[SLAB_REASONS];
};

static int64_t
gauge(const _Atomic uint32_t *p)
{
	uint32_t v = atomic_load_explicit(p, memory_order_relaxed);

	return v < GAUGE_MAX ? v : GAUGE_MAX;
}

static int64_t
count(const _Atomic uint64_t *p)
{
	uint64_t v = atomic_load_explicit(p, memory_order_relaxed);

	return (int64_t)(v < COUNT_MAX ? v : COUNT_MAX);
}

static void
add_slab(struct totals *t, const struct slab *s)
{
	uint32_t i;

	t->clients += gauge(&s->clients);
	t->tunnels += gauge(&s->tunnels);
	t->waiting += gauge(&s->waiting);
	t->accepted += count(&s->accepted);
	t->served += count(&s->served);
	t->direct += count(&s->direct);
	t->bad_handshakes += count(&s->bad_handshakes);
	t->accept_pauses += count(&s->accept_pauses);
	t->associations += count(&s->associations);
	t->datagrams += count(&s->datagrams);
	t->datagrams_dropped += count(&s->datagrams_dropped);
	t->spliced += count(&s->spliced);
	for (i = 0; i < SLAB_REASONS; i++)
		t->refused[i] += count(&s->refused[i]);
}

static void
set_totals(json_t *answer, const struct ranking *r)
{
	json_t *refused = json_object();
	struct totals t = {0};
	uint32_t i;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		if (r->slabs[i] != NULL)
			add_slab(&t, r->slabs[i]);
	}
	for (i = 0; i < REASON_COUNT; i++) {
		if (t.refused[i] != 0)
			ctl_set_int(refused,
			    wire_reason_word((enum wire_reason)i),
			    t.refused[i]);
	}
	ctl_set_int(answer, "clients", t.clients);
	ctl_set_int(answer, "tunnels", t.tunnels);
	ctl_set_int(answer, "waiting", t.waiting);
	ctl_set_int(answer, "accepted", t.accepted);
	ctl_set_int(answer, "served", t.served);
	ctl_set_int(answer, "direct", t.direct);
	ctl_set_int(answer, "bad_handshakes", t.bad_handshakes);
	ctl_set_int(answer, "accept_pauses", t.accept_pauses);
	ctl_set_int(answer, "associations", t.associations);
	ctl_set_int(answer, "datagrams", t.datagrams);
	ctl_set_int(answer, "datagrams_dropped", t.datagrams_dropped);
	ctl_set_int(answer, "spliced", t.spliced);
	ctl_set(answer, "refused", refused);
}

/* The words of sandbox_format(), one by one. */
static json_t *
sandbox_words(uint32_t reached)
{
	char text[SANDBOX_STRLEN], *word, *rest = NULL;
	json_t *list = json_array();

	if (reached == 0)
		return list;
	sandbox_format(reached, text);
	for (word = strtok_r(text, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest))
		json_array_append_new(list, ctl_text(word));
	return list;
}

static const char *
state_word(uint32_t state)
{
	switch ((enum proc_state)state) {
	case PROC_STARTING:
		return "starting";
	case PROC_READY:
		return "ready";
	case PROC_DRAINING:
		return "draining";
	case PROC_WAITING:
		return "waiting";
	}
	return "?";
}

/* What moves the bytes of worker i, as it tells; NULL: it has not. */
static const char *
worker_loop(const struct control *c, uint32_t i)
{
	const struct slab *s =
	    i < SETTINGS_WORKERS_MAX ? c->ranking.slabs[i] : NULL;
	uint32_t loop =
	    s != NULL ? atomic_load_explicit(&s->loop, memory_order_relaxed)
		      : SLAB_LOOP_UNKNOWN;

	if (loop == SLAB_LOOP_UNKNOWN)
		return NULL;
	return loop == SLAB_LOOP_EPOLL ? "epoll" : "io_uring";
}

/* Of all of them, by the best that one has. */
static const char *
workers_loop(const struct control *c)
{
	const char *one, *best = loop_backend(c->loop);
	uint32_t i;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		one = worker_loop(c, i);
		if (one != NULL && strcmp(one, "io_uring") == 0)
			best = one;
	}
	return best;
}

/* How its last life ended; "" in its first. */
static void
exit_text(const struct proc_child *c, char *out, size_t size)
{
	int st = (int)c->exit_status;

	if (c->restarts == 0)
		out[0] = '\0';
	else if (WIFSIGNALED(st))
		snprintf(out, size, "signal %d (%s)", WTERMSIG(st),
		    strsignal(WTERMSIG(st)));
	else
		snprintf(out, size, "exit %d", WEXITSTATUS(st));
}

static json_t *
children(const struct control *c)
{
	json_t *one, *list = json_array();
	const struct proc_child *p;
	const char *loop;
	char text[64];
	uint32_t i;

	for (i = 0; i < PROCS_CHILDREN_MAX; i++) {
		p = &c->children[i];
		if (p->role == ROLE_MASTER)
			continue;
		one = json_object();
		ctl_set_text(
		    one, "role", procs_role_word((enum proc_role)p->role));
		ctl_set_int(one, "index", p->index);
		ctl_set_int(one, "pid", p->pid);
		ctl_set_text(one, "state", state_word(p->state));
		ctl_set_int(one, "restarts", p->restarts);
		ctl_set(one, "sandbox", sandbox_words(p->sandbox));
		loop = p->role == ROLE_WORKER ? worker_loop(c, p->index)
					      : loop_backend(c->loop);
		ctl_set_text(one, "loop", loop != NULL ? loop : "");
		exit_text(p, text, sizeof(text));
		ctl_set_text(one, "last_exit", text);
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *
listeners(const struct settings *s)
{
	json_t *list = json_array();
	char text[NET_ADDR_STRLEN], one[NET_ADDR_STRLEN + 16];
	uint32_t i;

	for (i = 0; i < s->listeners_n; i++) {
		snprintf(one, sizeof(one), "%s%s",
		    settings_listener_prefix(s->listener_kinds[i]),
		    net_addr_format(&s->bound[i], text));
		json_array_append_new(list, ctl_text(one));
	}
	return list;
}

/* As whom our processes make connections: each as its own user, or, started
 * without root, all as one. */
static json_t *
uids(const struct control *c)
{
	const struct settings *s = c->settings;
	const uid_t all[] = {
	    s->control_user.uid, s->worker_user.uid, s->resolver_user.uid};
	json_t *list = json_array();
	size_t i;

	if (c->started_as != 0) {
		json_array_append_new(list, json_integer(c->started_as));
		return list;
	}
	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (all[i] != (uid_t)-1)
			json_array_append_new(list, json_integer(all[i]));
	}
	return list;
}

/* Of that duty: all, and those that new requests may be given to. */
struct count {
	uint32_t all, usable;
};

static struct count
count_duty(const struct table *t, enum table_duty duty)
{
	struct count c = {0, 0};
	uint32_t i;

	for (i = 0; i < t->rows_n; i++) {
		if (table_duty(&t->rows[i]) != duty)
			continue;
		c.all++;
		c.usable += ranking_takes(&t->rows[i]);
	}
	return c;
}

static void
set_counts(json_t *o, const struct table *t)
{
	const struct count ranked = count_duty(t, TABLE_RANKED);
	const struct count caches = count_duty(t, TABLE_CACHE);
	const struct count services = count_duty(t, TABLE_SERVICE);

	ctl_set_int(o, "intermediaries", ranked.all);
	ctl_set_int(o, "usable", ranked.usable);
	ctl_set_int(o, "caches", caches.all);
	ctl_set_int(o, "caches_usable", caches.usable);
	ctl_set_int(o, "services", services.all);
	ctl_set_int(o, "services_usable", services.usable);
}

static void
missing(json_t *list, const struct proc_child *p, const char *name)
{
	char text[96];

	if (p->role != ROLE_MASTER &&
	    (p->state == PROC_READY || p->state == PROC_DRAINING))
		return;
	snprintf(text, sizeof(text), "%s is not running%s", name,
	    p->role != ROLE_MASTER && p->state == PROC_STARTING ? " yet" : "");
	json_array_append_new(list, ctl_text(text));
}

/* Direct connections may well be near; but when they work, the operator is to
 * know before pulling cables. */
static json_t *
uplink(const struct ranking *r, int64_t now_us)
{
	char text[192], when[CTL_WHY_TIME_LEN];

	snprintf(text, sizeof(text),
	    "our own uplink is suspected since %s: no intermediary answers, "
	    "ranks are held%s",
	    ctl_why_time(r->table->uplink_us, now_us, when),
	    ranking_goes_direct(r) ? "; direct connections work" : "");
	return ctl_text(text);
}

static void
policy_trouble(json_t *list, const struct policy *p)
{
	char text[96 + sizeof(p->fault)];

	if (p->held.policy != NULL && !policy_in_force(p))
		json_array_append_new(
		    list, ctl_text("the policy that was accepted is not in "
				   "force: the log says why"));
	else if (p->stale)
		json_array_append_new(list,
		    ctl_text("the policy is stale: it has expired, and stays "
			     "in force"));
	if (p->config == NULL || p->config->policy_root[0] == '\0' ||
	    p->fault[0] == '\0')
		return;
	snprintf(text, sizeof(text), "no policy is taken: %s", p->fault);
	json_array_append_new(list, ctl_text(text));
}

/* What an operator should know of, a sentence each. */
static json_t *
degraded(const struct control *c, int64_t now_us)
{
	const struct table *t = c->ranking.table;
	const struct count ranked = count_duty(t, TABLE_RANKED);
	json_t *list = json_array();
	char name[32];
	uint32_t i;

	if (ranked.all == 0)
		json_array_append_new(
		    list, ctl_text("no intermediary is configured"));
	else if (ranked.usable == 0)
		json_array_append_new(list, ctl_text("no usable intermediary"));
	if (t->uplink_us != 0)
		json_array_append_new(list, uplink(&c->ranking, now_us));
	policy_trouble(list, &c->policy);
	missing(list, &c->children[PROCS_AT_RESOLVER], "the resolver");
	if (c->settings->users_file[0] != '\0')
		missing(list, &c->children[PROCS_AT_VERIFIER], "the verifier");
	for (i = 0; i < c->settings->workers; i++) {
		snprintf(name, sizeof(name), "worker %u", i);
		missing(list, &c->children[PROCS_AT_WORKERS + i], name);
	}
	return list;
}

/* Of the one in force. */
static void
set_policy(json_t *answer, const struct control *c)
{
	const struct envelope *e;

	ctl_set(answer, "policy_stale", json_boolean(c->policy.stale));
	if (!c->settings->policy_in_force || c->policy.held.policy == NULL)
		return;
	e = verified_envelope(c->policy.held.policy);
	ctl_set_int(
	    answer, "policy_serial", (int64_t)c->settings->policy_serial);
	ctl_set_int(answer, "policy_issued_us", e->issued_s * 1000000);
	ctl_set_int(answer, "policy_expires_us", e->expires_s * 1000000);
}

static void
set_identity(json_t *answer, const struct ctl_query *q)
{
	const struct control *c = q->control;
	const struct settings *s = c->settings;

	ctl_set_text(answer, "version", CAGENT_VERSION);
	ctl_set_int(answer, "control_pid", getpid());
	ctl_set_int(answer, "started_us", c->started_us);
	ctl_set_int(answer, "now_us", q->now_us);
	ctl_set_int(answer, "config_serial", (int64_t)s->serial);
	ctl_set_int(
	    answer, "generation", (int64_t)c->ranking.table->generation);
	ctl_set_text(answer, "group", s->group);
	ctl_set_text(answer, "run_dir", s->run_dir);
	ctl_set_text(answer, "loop", workers_loop(c));
	ctl_set(answer, "sandbox", sandbox_words(c->sandbox));
	ctl_set_int(answer, "workers_configured", s->workers);
	ctl_set_text(
	    answer, "no_path", s->no_path_direct ? "direct" : "refuse");
	set_policy(answer, c);
	ctl_set_int(answer, "check_interval_ms", s->check_interval_ms);
	ctl_set_int(answer, "checks", (int64_t)c->ranking.checks_made);
	ctl_set(answer, "listeners", listeners(s));
	ctl_set(answer, "uids", uids(c));
}

void
ctl_status(struct ctl_query *q)
{
	const struct control *c = q->control;
	json_t *answer = ctl_head();

	set_identity(answer, q);
	ctl_set(answer, "children", children(c));
	set_totals(answer, &c->ranking);
	set_counts(answer, c->ranking.table);
	ctl_set_int(answer, "uplink_us", c->ranking.table->uplink_us);
	ctl_set(answer, "managers", ctl_links_json(q));
	ctl_set(answer, "degraded", degraded(c, q->now_us));
	ctl_say(q, answer);
}
