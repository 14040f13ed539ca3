/* The whole of it: a policy server, a fleet of real agents, intermediaries
 * that get worse and better, and an administrator who knows better. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_hop.h"
#include "tests/integ/rig_load.h"
#include "tests/integ/rig_policyd.h"

#define HOPS   3
#define AGENTS 4
/* Handshakes; the slow one still gets its share of the load. */
#define USUAL_MS  40
#define SLOW_MS	  160
#define FLIGHT	  10
#define SETTLE_MS 30000
#define LONG_MS	  60000

/* york has three agents, two of which go a way on which one of the
 * intermediaries gets slow; leeds has one. */
struct place {
	char name[16];
	const char *group;
	unsigned int way; /* which of a hop's ports its clients ask for */
	struct rig_agent agent;
	struct rig_proxy proxy;
	struct rig_load load;
};

struct fleet {
	struct rig_hop hops[HOPS];
	struct rig_policyd server;
	struct place places[AGENTS];
};

static const struct {
	const char *name, *group;
	unsigned int way;
} agents[AGENTS] = {{"york-1", "york", 0}, {"york-2", "york", 0},
    {"york-3", "york", 1}, {"leeds-1", "leeds", 1}};

static void
make_policy(struct fleet *f, char *body, size_t size)
{
	size_t used = 0;
	int i;

	for (i = 0; i < HOPS; i++)
		used += (size_t)snprintf(body + used, size - used,
		    "[intermediary \"s%d\"]\ntype = socks5\n"
		    "address = 127.0.0.1:%u\ntier = 1\n",
		    i + 1, f->hops[i].server.port);
	snprintf(body + used, size - used, "[tier \"second\"]\nrank = 2\n");
}

static void
start_agent(struct fleet *f, struct place *p)
{
	char token[RIG_PATH_MAX];

	rig_agent_init(&p->agent, p->name);
	p->agent.workers = 1;
	rig_agent_key(&p->agent, "group = %s", p->group);
	rig_agent_key(&p->agent, "check-interval = 0s");
	/* A busy machine's hiccups are not what this is about. */
	rig_agent_key(&p->agent, "hedge-percent = 0");
	rig_policyd_token(&f->server, p->group, token);
	rig_agent_add(&p->agent,
	    "[policy]\nroot = %s/root.1\nnetwork = 127.0.0.0/8\nname = %s\n"
	    "server = 127.0.0.1:%u\ntoken-file = %s\nreport-interval = 1s\n",
	    f->server.keys, p->name, f->server.port, token);
	rig_agent_start(&p->agent);
	p->proxy = rig_agent_proxy(&p->agent, RIG_SOCKS5);
}

static json_t *
ask(struct rig_agent *a, const char *const *args)
{
	struct rig_output o;
	json_t *doc;

	rig_ctl(a, &o, args);
	doc = json_loads(o.out, 0, NULL);
	rig_output_free(&o);
	return doc;
}

static long long
status_number(struct rig_agent *a, const char *name)
{
	const char *const args[] = {"status", "--json", NULL};
	json_t *doc = ask(a, args);
	long long n = json_integer_value(json_object_get(doc, name));

	json_decref(doc);
	return n;
}

/* The rank that an intermediary has for an agent now; 0: none; -1: the agent
 * does not know it. */
static long long
tier_of(struct rig_agent *a, const char *name)
{
	const char *const args[] = {"tiers", "--json", NULL};
	json_t *doc = ask(a, args), *row;
	long long tier = -1;
	size_t i;

	json_array_foreach(json_object_get(doc, "rows"), i, row)
	{
		if (strcmp(json_string_value(json_object_get(row, "name")),
			name) == 0)
			tier = json_integer_value(json_object_get(row, "tier"));
	}
	json_decref(doc);
	return tier;
}

static bool
await_tier(struct place *p, const char *name, long long tier, int timeout_ms)
{
	int64_t deadline = rig_now_ms() + timeout_ms;

	while (tier_of(&p->agent, name) != tier) {
		if (!rig_pause(deadline))
			return false;
	}
	return true;
}

static void
setup(struct fleet *f)
{
	char body[2048];
	int64_t deadline;
	int i;

	memset(f, 0, sizeof(*f));
	for (i = 0; i < HOPS; i++) {
		rig_hop_start(&f->hops[i]);
		atomic_store(&f->hops[i].delay_ms[0], USUAL_MS);
		atomic_store(&f->hops[i].delay_ms[1], USUAL_MS);
	}
	rig_policyd_init(&f->server, "server");
	rig_policyd_key(&f->server, "report-interval = 1s");
	rig_policyd_add(&f->server,
	    "[ranking]\nwindow = 4s\nmin-samples = 2\nlower-after = 500ms\n"
	    "raise-after = 1s\n[quota]\nmessages = 6000\n");
	rig_policyd_start(&f->server);
	make_policy(f, body, sizeof(body));
	rig_policyd_publish(&f->server, "*", body);
	for (i = 0; i < AGENTS; i++) {
		snprintf(f->places[i].name, sizeof(f->places[i].name), "%s",
		    agents[i].name);
		f->places[i].group = agents[i].group;
		f->places[i].way = agents[i].way;
		start_agent(f, &f->places[i]);
	}
	deadline = rig_now_ms() + SETTLE_MS;
	for (i = 0; i < AGENTS; i++) {
		while (tier_of(&f->places[i].agent, "s1") != 1) {
			REQUIRE(rig_pause(deadline),
			    "%s has not got the policy", f->places[i].name);
		}
	}
}

static void
start_load(struct fleet *f)
{
	struct place *p;
	int i;

	for (i = 0; i < AGENTS; i++) {
		p = &f->places[i];
		p->load = (struct rig_load){.proxies = &p->proxy,
		    .proxies_n = 1,
		    .host = "192.0.2.1",
		    .port = (uint16_t)(RIG_HOP_FIRST_PORT + p->way),
		    .bytes = 100,
		    .flight = FLIGHT,
		    .timeout_ms = 10000};
		rig_load_start(&p->load);
	}
}

static void
end_load(struct fleet *f)
{
	int i;

	for (i = 0; i < AGENTS; i++) {
		rig_load_end(&f->places[i].load);
		rig_load_report(&f->places[i].load, f->places[i].name, 0);
	}
}

static void
teardown(struct fleet *f)
{
	int i;

	for (i = 0; i < AGENTS; i++)
		rig_agent_stop(&f->places[i].agent);
	rig_policyd_stop(&f->server);
	for (i = 0; i < HOPS; i++)
		rig_hop_stop(&f->hops[i]);
}

static void
t_slow_for_a_group(void)
{
	static struct fleet f;
	int i;

	setup(&f);
	start_load(&f);
	atomic_store(&f.hops[1].delay_ms[0], SLOW_MS);
	for (i = 0; i < 3; i++)
		CHECK(await_tier(&f.places[i], "s2", 2, LONG_MS),
		    "s2 is slow for york, and %s has it in tier %lld",
		    f.places[i].name, tier_of(&f.places[i].agent, "s2"));
	CHECK_INT(tier_of(&f.places[3].agent, "s2"), 1);
	CHECK_INT(tier_of(&f.places[0].agent, "s1"), 1);
	CHECK_INT(tier_of(&f.places[0].agent, "s3"), 1);
	atomic_store(&f.hops[1].delay_ms[0], USUAL_MS);
	for (i = 0; i < 3; i++)
		CHECK(await_tier(&f.places[i], "s2", 1, LONG_MS),
		    "s2 is well again, and %s has it in tier %lld",
		    f.places[i].name, tier_of(&f.places[i].agent, "s2"));
	end_load(&f);
	teardown(&f);
}

static void
t_use_and_not(void)
{
	const char *const use[] = {"use", "s1", "s3", "--not", "s2", "--for",
	    "1h", "--why", "a test", NULL};
	static struct fleet f;
	struct rig_output o;
	int64_t began;
	int i;

	setup(&f);
	start_load(&f);
	began = rig_now_ms();
	rig_policyd_ask(&f.server, &o, use);
	CHECK(o.code == 0, "use s1 s3 --not s2: exit %d: %s%s", o.code, o.out,
	    o.err);
	rig_output_free(&o);
	for (i = 0; i < AGENTS; i++)
		CHECK(await_tier(&f.places[i], "s2", 0, SETTLE_MS),
		    "%s has s2 in tier %lld", f.places[i].name,
		    tier_of(&f.places[i].agent, "s2"));
	/* The last asking is in it, too. */
	rig_note("in force at %d agents after %lld ms", AGENTS,
	    (long long)(rig_now_ms() - began));
	for (i = 0; i < AGENTS; i++) {
		CHECK_INT(tier_of(&f.places[i].agent, "s1"), 1);
		CHECK_INT(tier_of(&f.places[i].agent, "s3"), 1);
	}
	end_load(&f);
	teardown(&f);
}

static void
t_ends_by_itself(void)
{
	const char *const use[] = {"use", "s1", "--not", "s2", "--for", "3s",
	    "--group", "leeds", NULL};
	static struct fleet f;
	struct rig_output o;

	setup(&f);
	rig_policyd_ask(&f.server, &o, use);
	CHECK(o.code == 0, "use: exit %d: %s%s", o.code, o.out, o.err);
	rig_output_free(&o);
	CHECK(await_tier(&f.places[3], "s2", 0, SETTLE_MS), "not avoided");
	CHECK_INT(tier_of(&f.places[0].agent, "s2"), 1);
	CHECK(await_tier(&f.places[3], "s2", 1, SETTLE_MS),
	    "it should have ended");
	teardown(&f);
}

static void
get_all(struct fleet *f, const char *when)
{
	struct rig_conn c;
	enum rig_fail r;
	int i;

	for (i = 0; i < AGENTS; i++) {
		r = rig_dial(&c, &f->places[i].proxy, "192.0.2.1",
		    RIG_HOP_FIRST_PORT, 10000);
		if (r == RIG_OK)
			r = rig_http_get(&c, 100);
		CHECK(
		    r == RIG_OK, "%s, %s: %s", when, f->places[i].name, c.text);
		rig_conn_close(&c);
	}
}

static void
t_server_gone(void)
{
	static struct fleet f;
	char body[2048];
	int64_t deadline;
	long long serial;
	int i;

	setup(&f);
	serial = status_number(&f.places[0].agent, "policy_serial");
	rig_proc_kill(&f.server.proc);
	get_all(&f, "without a server");
	/* An agent that starts while there is none has what it had. */
	rig_agent_stop(&f.places[0].agent);
	rig_agent_start(&f.places[0].agent);
	f.places[0].proxy = rig_agent_proxy(&f.places[0].agent, RIG_SOCKS5);
	get_all(&f, "and started anew");
	CHECK_INT(status_number(&f.places[0].agent, "policy_serial"), serial);
	rig_policyd_key(&f.server, "listen = 127.0.0.1:%u", f.server.port);
	rig_policyd_start(&f.server);
	make_policy(&f, body, sizeof(body));
	rig_policyd_publish(&f.server, "*", body);
	deadline = rig_now_ms() + LONG_MS;
	for (i = 0; i < AGENTS; i++) {
		while (status_number(&f.places[i].agent, "policy_serial") ==
		       serial) {
			REQUIRE(rig_pause(deadline),
			    "%s has not come back to the server",
			    f.places[i].name);
		}
	}
	get_all(&f, "with it back");
	teardown(&f);
}

static const struct rig_case cases[] = {
    {"slow for two of three agents of a group", t_slow_for_a_group, 150, 0},
    {"use s1 and s3, not s2", t_use_and_not, 90, 0},
    {"an override of one group ends by itself", t_ends_by_itself, 90, 0},
    {"the server is gone, and comes back", t_server_gone, 150, 0},
};

RIG_MAIN("server", cases, NULL)
