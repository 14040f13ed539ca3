/* Destinations that are learned as direct, used so, and forgotten. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cagent-ctl/field.h"
#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_ns.h"

#define WAIT_MS 10000

/*
 * The intermediary is in a network of its own and reaches the destination
 * over the pair; the agent reaches it by itself.
 */
struct scene {
	struct rig_server origin;
	struct rig_peer peer;
	struct rig_agent agent;
	char key[64]; /* the destination's */
};

static void
configure(struct scene *s, const char *direct)
{
	s->agent.sections_len = 0;
	rig_agent_intermediary(
	    &s->agent, "peer", "socks5", s->peer.address, s->peer.port);
	rig_agent_add(&s->agent, "%s", direct);
}

/* far: the intermediary's network is another. */
static void
setup(struct scene *s, bool far, const char *direct)
{
	const char *here = far ? RIG_NS_HERE : "127.0.0.1";

	memset(s, 0, sizeof(*s));
	if (far) {
		s->peer.netns = rig_ns_peer();
		s->peer.address = RIG_NS_THERE;
		s->peer.port = 1080;
	}
	rig_origin_start(&s->origin, RIG_ORIGIN_HTTP, here, 0, NULL);
	/* Connections that only find out whether they stand ask nothing. */
	s->origin.lenient = true;
	snprintf(s->key, sizeof(s->key), "%s:%u", here, s->origin.port);
	rig_peer_start(&s->peer, RIG_PEER_MICROSOCKS, "peer");
	rig_agent_init(&s->agent, "agent");
	s->agent.workers = 1;
	configure(s, direct);
	rig_agent_start(&s->agent);
}

static void
teardown(struct scene *s)
{
	rig_agent_stop(&s->agent);
	rig_server_stop(&s->origin);
}

/* One request, on one client connection. */
static void
get(struct scene *s, enum rig_proto proto, const char *host)
{
	struct rig_proxy p = rig_agent_proxy(&s->agent, proto);
	struct rig_conn c;
	enum rig_fail f;

	f = rig_dial(&c, &p, host, s->origin.port, WAIT_MS);
	if (f == RIG_OK)
		f = rig_http_get(&c, 1000);
	CHECK(f == RIG_OK, "%s: %s", rig_fail_word(f), c.text);
	rig_conn_close(&c);
}

/* The caller frees it. */
static json_t *
ask(struct scene *s, const char *verb)
{
	struct rig_output o;
	json_t *doc;

	rig_ctl(&s->agent, &o, (const char *const[]){"--json", verb, NULL});
	doc = json_loads(o.out, JSON_REJECT_DUPLICATES, NULL);
	REQUIRE(doc != NULL, "%s: exit %d: %s%s", verb, o.code, o.out, o.err);
	rig_output_free(&o);
	return doc;
}

static long long
figure(struct scene *s, const char *verb, const char *name)
{
	json_t *doc = ask(s, verb);
	long long n = field_number(doc, name);

	json_decref(doc);
	return n;
}

/* "direct", "failed", or "" when nothing is known. */
static const char *
state(struct scene *s, const char *key)
{
	json_t *doc = ask(s, "learned");
	const json_t *list = json_object_get(doc, "destinations"), *o;
	static char text[16];
	size_t i;

	text[0] = '\0';
	for (i = 0; i < json_array_size(list); i++) {
		o = json_array_get(list, i);
		if (strcmp(field_string(o, "destination"), key) == 0)
			snprintf(
			    text, sizeof(text), "%s", field_string(o, "state"));
	}
	json_decref(doc);
	return text;
}

static void
await_state(struct scene *s, const char *key, const char *want)
{
	int64_t end = rig_now_ms() + WAIT_MS;

	while (strcmp(state(s, key), want) != 0) {
		if (!rig_pause(end))
			break;
	}
	REQUIRE(strcmp(state(s, key), want) == 0, "%s is \"%s\", not \"%s\"",
	    key, state(s, key), want);
}

/* Learned after one request through the intermediary. */
static void
learn(struct scene *s)
{
	get(s, RIG_SOCKS5, s->origin.address);
	CHECK_INT(figure(s, "status", "direct"), 0);
	await_state(s, s->key, "direct");
}

static void
says(struct scene *s, const char *verb, const char *arg, const char *text)
{
	struct rig_output o;

	rig_ctl(&s->agent, &o, (const char *const[]){verb, arg, NULL});
	CHECK(o.code == 0 && strstr(o.out, text) != NULL,
	    "%s: exit %d, not \"%s\":\n%s%s", verb, o.code, text, o.out, o.err);
	rig_output_free(&o);
}

#define PAIR "[direct]\nlearn = 198.18.0.0/30\n"

static void
t_learns(void)
{
	struct scene s;

	setup(&s, true, PAIR);
	says(&s, "learned", NULL, "Nothing yet");
	says(&s, "route", s.key, "tier 1: peer");
	learn(&s);
	says(&s, "learned", NULL, s.key);
	says(&s, "learned", NULL, "forgotten in");
	says(&s, "route", s.key, "(1 of 1 workers)");
	get(&s, RIG_SOCKS5, RIG_NS_HERE);
	get(&s, RIG_CONNECT, RIG_NS_HERE);
	CHECK_INT(figure(&s, "status", "direct"), 2);
	CHECK_INT(figure(&s, "learned", "used"), 2);
	CHECK_INT(figure(&s, "learned", "tried"), 1);
	CHECK_INT(figure(&s, "status", "served"), 3);
	teardown(&s);
}

static void
t_never_outside(void)
{
	struct scene s;
	int i;

	setup(&s, true,
	    "[direct]\nlearn = " RIG_NS_THERE "/32\nlearn = 0.0.0.0/32\n");
	for (i = 0; i < 5; i++)
		get(&s, RIG_SOCKS5, RIG_NS_HERE);
	CHECK_INT(figure(&s, "status", "direct"), 0);
	CHECK_INT(figure(&s, "learned", "tried"), 0);
	CHECK_INT(atomic_load(&s.origin.accepted), 5);
	teardown(&s);
}

static void
t_via_comes_first(void)
{
	struct scene s;
	int i;

	setup(&s, true, PAIR "[rule \"all\"]\nvia = tier 1\n");
	for (i = 0; i < 3; i++)
		get(&s, RIG_SOCKS5, RIG_NS_HERE);
	CHECK_INT(figure(&s, "status", "direct"), 0);
	CHECK_INT(figure(&s, "learned", "tried"), 0);
	teardown(&s);
}

/* The client's own connection is served, and it is forgotten. */
static void
falls_back(enum rig_ns_fate fate)
{
	struct scene s;
	long long used;

	setup(&s, true, PAIR);
	learn(&s);
	get(&s, RIG_SOCKS5, RIG_NS_HERE);
	used = figure(&s, "learned", "used");
	CHECK_INT(used, 1);
	rig_ns_own(s.origin.port, fate);
	get(&s, RIG_SOCKS5, RIG_NS_HERE);
	CHECK(strcmp(state(&s, s.key), "failed") == 0, "it is \"%s\"",
	    state(&s, s.key));
	CHECK_INT(figure(&s, "learned", "forgotten"), 1);
	says(&s, "learned", NULL, "tried again in");
	says(&s, "route", s.key, "tier 1: peer");
	get(&s, RIG_SOCKS5, RIG_NS_HERE);
	CHECK_INT(figure(&s, "learned", "used"), used);
	CHECK_INT(figure(&s, "learned", "tried"), 1);
	teardown(&s);
}

static void
t_refused(void)
{
	falls_back(RIG_NS_REFUSED);
}

static void
t_silent(void)
{
	falls_back(RIG_NS_SILENT);
}

static void
t_broken(void)
{
	falls_back(RIG_NS_BROKEN);
}

static void
t_survives_the_worker(void)
{
	struct scene s;
	pid_t worker;

	setup(&s, true, PAIR);
	learn(&s);
	worker = rig_agent_child(&s.agent, "worker 0");
	REQUIRE(worker > 0 && kill(worker, SIGKILL) == 0, "no worker");
	rig_agent_await_child(&s.agent, "worker 0", worker, WAIT_MS);
	get(&s, RIG_SOCKS5, RIG_NS_HERE);
	CHECK_INT(figure(&s, "status", "direct"), 1);
	CHECK_INT(figure(&s, "learned", "tried"), 1);
	teardown(&s);
}

static void
t_ages(void)
{
	struct scene s;

	setup(&s, true, PAIR "learn-age = 3s\n");
	learn(&s);
	await_state(&s, s.key, "");
	get(&s, RIG_SOCKS5, RIG_NS_HERE);
	CHECK_INT(figure(&s, "status", "direct"), 0);
	/* It is found out anew. */
	await_state(&s, s.key, "direct");
	CHECK_INT(figure(&s, "learned", "tried"), 2);
	teardown(&s);
}

static void
t_reload(void)
{
	struct scene s;

	setup(&s, true, PAIR);
	learn(&s);
	configure(&s, "[direct]\nlearn = 10.0.0.0/8\n");
	rig_agent_write(&s.agent);
	CHECK_INT(rig_agent_reload(&s.agent, WAIT_MS, NULL), 0);
	/* The children follow soon after the master. */
	await_state(&s, s.key, "");
	get(&s, RIG_SOCKS5, RIG_NS_HERE);
	CHECK_INT(figure(&s, "status", "direct"), 0);
	configure(&s, "");
	rig_agent_write(&s.agent);
	CHECK_INT(rig_agent_reload(&s.agent, WAIT_MS, NULL), 0);
	get(&s, RIG_SOCKS5, RIG_NS_HERE);
	CHECK_INT(figure(&s, "status", "direct"), 0);
	teardown(&s);
}

/* By the addresses that they have here. */
static void
t_names(void)
{
	struct scene s;
	char key[64];

	setup(&s, false, "[direct]\nlearn = 127.0.0.0/8\n");
	snprintf(key, sizeof(key), RIG_NAME ":%u", s.origin.port);
	get(&s, RIG_SOCKS5H, RIG_NAME);
	await_state(&s, key, "direct");
	get(&s, RIG_SOCKS5H, RIG_NAME);
	CHECK_INT(figure(&s, "status", "direct"), 1);
	configure(&s, PAIR);
	rig_agent_write(&s.agent);
	CHECK_INT(rig_agent_reload(&s.agent, WAIT_MS, NULL), 0);
	await_state(&s, key, "");
	get(&s, RIG_SOCKS5H, RIG_NAME);
	get(&s, RIG_SOCKS5H, RIG_NAME);
	get(&s, RIG_SOCKS5H, RIG_NAME);
	CHECK_INT(figure(&s, "status", "direct"), 1);
	CHECK_INT(figure(&s, "learned", "found"), 1);
	CHECK(state(&s, key)[0] == '\0', "it is \"%s\"", state(&s, key));
	teardown(&s);
}

/* A client asks the agent, through the intermediary, for the agent's own
 * page; on an address that its listener does not name. */
static void
ask_for_itself(struct scene *s)
{
	struct rig_proxy p = rig_agent_proxy(&s->agent, RIG_SOCKS5);
	static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	char answer[4096];
	struct rig_conn c;
	enum rig_fail f;
	size_t len = 0;

	f = rig_dial(&c, &p, RIG_NS_HERE, s->agent.port, WAIT_MS);
	if (f == RIG_OK)
		f = rig_send(&c, request, sizeof(request) - 1);
	if (f == RIG_OK)
		f = rig_recv_all(&c, answer, sizeof(answer), &len);
	CHECK(f == RIG_OK && len > 0, "%s: %s", rig_fail_word(f), c.text);
	rig_conn_close(&c);
}

static void
t_never_itself(void)
{
	struct scene s;
	char key[64];
	int i;

	memset(&s, 0, sizeof(s));
	s.peer.netns = rig_ns_peer();
	s.peer.address = RIG_NS_THERE;
	s.peer.port = 1080;
	rig_peer_start(&s.peer, RIG_PEER_MICROSOCKS, "peer");
	rig_agent_init(&s.agent, "agent");
	s.agent.workers = 1;
	s.agent.listen = "0.0.0.0:1081";
	configure(&s,
	    PAIR "learn = 127.0.0.0/8\n[access]\nnetwork = 127.0.0.0/8\n"
		 "network = 198.18.0.0/30\n");
	rig_agent_start(&s.agent);
	snprintf(key, sizeof(key), RIG_NS_HERE ":%u", s.agent.port);
	for (i = 0; i < 5; i++)
		ask_for_itself(&s);
	CHECK_INT(figure(&s, "status", "direct"), 0);
	CHECK_INT(figure(&s, "learned", "found"), 0);
	CHECK_INT(figure(&s, "learned", "tried"), 0);
	CHECK(state(&s, key)[0] == '\0', "it is \"%s\"", state(&s, key));
	rig_agent_stop(&s.agent);
}

#define NS RIG_NEEDS_NETNS

static const struct rig_case cases[] = {
    {"learns, and goes directly", t_learns, 0, NS},
    {"never outside the prefixes", t_never_outside, 0, NS},
    {"a rule's via comes first", t_via_comes_first, 0, NS},
    {"refused: the intermediary serves", t_refused, 0, NS},
    {"silent: the intermediary serves", t_silent, 0, NS},
    {"broken: the intermediary serves", t_broken, 0, NS},
    {"a worker's successor knows it", t_survives_the_worker, 0, NS},
    {"it ages", t_ages, 0, NS},
    {"a reload ends it", t_reload, 0, NS},
    {"names, by their addresses", t_names, 0, NS},
    {"never the agent itself", t_never_itself, 0, NS},
};

RIG_MAIN("learned", cases, NULL)
