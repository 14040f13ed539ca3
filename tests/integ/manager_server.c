/* The agent and the policy server as they are: it comes in by a token or a
 * key, takes what is published, reports, and outlives the server. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_policyd.h"

#define WAIT_MS 15000

struct scene {
	struct rig_server origin;
	struct rig_peer peer;
	struct rig_policyd policyd;
	struct rig_agent agent;
	char token[RIG_PATH_MAX];
	char with_peer[512];
};

/* All but the agent's start; token: it has one that is good. */
static void
setup(struct scene *s, bool token)
{
	const char *const args[] = {"token", "new", "--group", "ours", NULL};
	struct rig_output o;

	memset(s, 0, sizeof(*s));
	rig_origin_start(&s->origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_peer_start(&s->peer, RIG_PEER_MICROSOCKS, "peer");
	snprintf(s->with_peer, sizeof(s->with_peer),
	    "[intermediary \"peer\"]\ntype = socks5\naddress = 127.0.0.1:%u\n"
	    "[reports]\ninterval = 1s\n",
	    s->peer.port);
	rig_policyd_init(&s->policyd, "policyd");
	rig_policyd_key(&s->policyd, "report-interval = 1s");
	rig_policyd_start(&s->policyd);
	rig_path(s->token, "token");
	if (token) {
		rig_policyd_ask(&s->policyd, &o, args);
		REQUIRE(o.code == 0, "token new: %s", o.err);
		rig_write(s->token, o.out, 0600);
		rig_output_free(&o);
	}
	rig_agent_init(&s->agent, "agent");
	rig_agent_key(&s->agent, "check-interval = 0s");
	rig_agent_key(&s->agent, "group = ours");
	rig_agent_add(&s->agent,
	    "[policy]\nroot = %s/root.1\nnetwork = 127.0.0.0/8\n"
	    "min-intermediaries = 0\nserver = 127.0.0.1:%u\n"
	    "token-file = %s\nname = web-7\nreport-interval = 1s\n",
	    s->policyd.keys, s->policyd.port, s->token);
}

static void
teardown(struct scene *s)
{
	rig_agent_stop(&s->agent);
	rig_policyd_stop(&s->policyd);
	rig_server_stop(&s->origin);
}

/* Of the link to the server. */
static json_t *
ask_link(struct scene *s)
{
	const char *const args[] = {"policy", "server", "--json", NULL};
	struct rig_output o;
	json_t *doc, *link;

	rig_ctl(&s->agent, &o, args);
	doc = json_loads(o.out, 0, NULL);
	link = json_incref(json_array_get(json_object_get(doc, "links"), 0));
	REQUIRE(link != NULL, "policy server: %s%s", o.out, o.err);
	rig_output_free(&o);
	json_decref(doc);
	return link;
}

static long long
link_number(struct scene *s, const char *name)
{
	json_t *link = ask_link(s);
	long long n = json_integer_value(json_object_get(link, name));

	json_decref(link);
	return n;
}

static void
await_link(struct scene *s, const char *name, const char *want)
{
	int64_t deadline = rig_now_ms() + WAIT_MS;
	char text[256];
	json_t *link;
	bool is;

	do {
		link = ask_link(s);
		snprintf(text, sizeof(text), "%s",
		    json_string_value(json_object_get(link, name)));
		json_decref(link);
		is = strstr(text, want) != NULL;
	} while (!is && rig_pause(deadline));
	CHECK(is, "%s: \"%s\", not \"%s\"", name, text, want);
}

static void
await_number(struct scene *s, const char *name, long long least)
{
	int64_t deadline = rig_now_ms() + WAIT_MS;

	while (link_number(s, name) < least && rig_pause(deadline))
		continue;
	CHECK(link_number(s, name) >= least, "%s: %lld, not %lld", name,
	    link_number(s, name), least);
}

static enum rig_fail
get(struct scene *s)
{
	struct rig_proxy p = rig_agent_proxy(&s->agent, RIG_SOCKS5);
	struct rig_conn c;
	enum rig_fail f;

	f = rig_dial(&c, &p, "127.0.0.1", s->origin.port, 10000);
	if (f == RIG_OK)
		f = rig_http_get(&c, 1000);
	rig_conn_close(&c);
	return f;
}

/* What is published comes to be in force. */
static void
await_get(struct scene *s, bool served, const char *when)
{
	int64_t deadline = rig_now_ms() + WAIT_MS;

	while ((get(s) == RIG_OK) != served && rig_pause(deadline))
		continue;
	CHECK((get(s) == RIG_OK) == served, "%s: %s", when,
	    served ? "nothing is served" : "it is still served");
}

static void
t_token(void)
{
	const char *const agents[] = {"agents", "--json", NULL};
	static struct scene s;
	struct rig_output o;

	setup(&s, true);
	rig_agent_start(&s.agent);
	await_link(&s, "state", "up");
	CHECK(get(&s) == RIG_FAIL_REPLY, "without a policy");
	rig_policyd_publish(&s.policyd, "ours", s.with_peer);
	await_get(&s, true, "by the policy");
	/* Reports are acknowledged once they are on the server's disk. */
	await_number(&s, "acks", 4);
	CHECK_INT(link_number(&s, "nacks"), 0);
	rig_policyd_ask(&s.policyd, &o, agents);
	CHECK(o.code == 0 && strstr(o.out, "web-7") != NULL &&
		  strstr(o.out, "ours") != NULL,
	    "agents: %s%s", o.out, o.err);
	rig_output_free(&o);
	/* It is known by its key from here on. */
	rig_agent_stop(&s.agent);
	rig_agent_start(&s.agent);
	await_link(&s, "state", "up");
	CHECK(get(&s) == RIG_OK, "after a restart");
	teardown(&s);
}

static void
t_key(void)
{
	const char *const key[] = {"policy", "key", NULL};
	static struct scene s;
	struct rig_output mine, o;

	setup(&s, false);
	rig_agent_start(&s.agent);
	await_link(&s, "why", "unknown-agent");
	rig_ctl(&s.agent, &mine, key);
	mine.out[strcspn(mine.out, "\n")] = '\0';
	rig_policyd_ask(&s.policyd, &o,
	    (const char *const[]){"agent", "add", "web-7", "--key", mine.out,
		"--group", "ours", NULL});
	CHECK(o.code == 0, "agent add: %s", o.err);
	rig_output_free(&o);
	rig_output_free(&mine);
	await_link(&s, "state", "up");
	rig_policyd_publish(&s.policyd, "ours", s.with_peer);
	await_get(&s, true, "by the policy");
	teardown(&s);
}

static void
t_away(void)
{
	static struct scene s;
	char body[sizeof(s.with_peer) + 64];
	int64_t until;

	setup(&s, true);
	rig_agent_start(&s.agent);
	await_link(&s, "state", "up");
	rig_policyd_publish(&s.policyd, "ours", s.with_peer);
	await_get(&s, true, "by the policy");
	rig_proc_signal_group(&s.policyd.proc, SIGKILL);
	CHECK_INT(rig_proc_wait(&s.policyd.proc, WAIT_MS), 0);
	for (until = rig_now_ms() + 1500; rig_now_ms() < until;)
		CHECK(get(&s) == RIG_OK, "without a server");
	rig_policyd_key(&s.policyd, "listen = 127.0.0.1:%u", s.policyd.port);
	rig_policyd_start(&s.policyd);
	await_link(&s, "state", "up");
	CHECK(get(&s) == RIG_OK, "with one again");
	snprintf(body, sizeof(body), "%s[rule \"no\"]\nport = %u\nvia = deny\n",
	    s.with_peer, s.origin.port);
	rig_policyd_publish(&s.policyd, "ours", body);
	await_get(&s, false, "by another policy");
	teardown(&s);
}

static const struct rig_case cases[] = {
    {"in by a token", t_token, 0, 0},
    {"in by a key", t_key, 0, 0},
    {"the server killed", t_away, 0, 0},
};

RIG_MAIN("manager_server", cases, NULL)
