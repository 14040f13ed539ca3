/* What the policy server does by its probes alone: intermediaries die, come
 * back and tell their load, its own processes die, and ranks follow, or stay
 * as they are. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "tests/integ/rig_net.h"
#include "tests/integ/rig_origin.h"
#include "tests/integ/rig_peers.h"
#include "tests/integ/rig_policyd.h"

#define WAIT_MS 25000
#define PEERS	3
#define GROUP	"field"

struct scene {
	struct rig_policyd server;
	struct rig_server origin;
	struct rig_peer peers[PEERS];
	char target[64];
};

static struct scene s;

static void
publish(void)
{
	char body[1024];
	size_t i, len = 0;

	for (i = 0; i < PEERS; i++)
		len += (size_t)snprintf(body + len, sizeof(body) - len,
		    "[intermediary \"s%zu\"]\ntype = socks5\n"
		    "address = 127.0.0.1:%u\ntier = %d\nweight = 100\n",
		    i + 1, s.peers[i].port, i < 2 ? 1 : 2);
	rig_policyd_publish(&s.server, GROUP, body);
}

/* The server, with three intermediaries: two in tier 1, one in tier 2. */
static void
begin(const char *sections)
{
	char name[8];
	size_t i;

	rig_origin_start(&s.origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	for (i = 0; i < PEERS; i++) {
		snprintf(name, sizeof(name), "s%zu", i + 1);
		rig_peer_start(&s.peers[i], RIG_PEER_MICROSOCKS, name);
	}
	rig_policyd_init(&s.server, "policyd");
	rig_policyd_add(&s.server,
	    "[probe]\ntarget = http://127.0.0.1:%u/ok\ninterval = 500ms\n"
	    "timeout = 3s\n%s",
	    s.origin.port, sections);
	rig_policyd_start(&s.server);
	publish();
}

/* The row of that one, a new reference; NULL: there is none. */
static json_t *
stand(const char *name)
{
	struct rig_output o;
	json_t *doc, *row, *found = NULL;
	size_t i;

	rig_policyd_ask(
	    &s.server, &o, (const char *const[]){"ranks", "--json", NULL});
	doc = json_loads(o.out, JSON_REJECT_DUPLICATES, NULL);
	CHECK(o.code == 0 && doc != NULL, "ranks: exit %d: %s%s", o.code, o.out,
	    o.err);
	json_array_foreach(json_object_get(doc, "ranks"), i, row)
	{
		if (strcmp(name,
			json_string_value(json_object_get(row, "name"))) == 0)
			found = json_incref(row);
	}
	json_decref(doc);
	rig_output_free(&o);
	return found;
}

static bool
stands(const char *name, const char *why, bool drain, int weight, bool say)
{
	json_t *row = stand(name);
	bool ok =
	    row != NULL &&
	    json_is_true(json_object_get(row, "drain")) == drain &&
	    json_integer_value(json_object_get(row, "weight")) == weight &&
	    strcmp(json_string_value(json_object_get(row, "why")), why) == 0;
	char *text = json_dumps(row, JSON_COMPACT);

	CHECK(ok || !say, "%s: wanted %s, weight %d%s: %s", name, why, weight,
	    drain ? ", drained" : "", text != NULL ? text : "no row");
	free(text);
	json_decref(row);
	return ok;
}

static void
await(const char *name, const char *why, bool drain, int weight)
{
	int64_t deadline = rig_now_ms() + WAIT_MS;

	while (!stands(name, why, drain, weight, false) && rig_pause(deadline))
		continue;
	stands(name, why, drain, weight, true);
}

/* For that long, nothing happens to it. */
static void
stays(const char *name, const char *why, bool drain, int ms)
{
	int64_t deadline = rig_now_ms() + ms;

	do {
		if (!stands(name, why, drain, 100, true))
			return;
	} while (rig_pause(deadline));
}

/* Its probes come through. */
static void
await_probed(const char *name)
{
	int64_t deadline = rig_now_ms() + WAIT_MS;
	bool probed;
	json_t *row;

	do {
		row = stand(name);
		probed = row != NULL && json_integer_value(json_object_get(
					    row, "latency_us")) > 0;
		json_decref(row);
	} while (!probed && rig_pause(deadline));
	CHECK(probed, "%s is not probed", name);
}

static void
t_dies(void)
{
	begin("");
	await_probed("s1");
	await_probed("s2");
	await("s1", "policy", false, 100);
	rig_peer_kill(&s.peers[0]);
	await("s1", "dead", true, 100);
	stands("s2", "policy", false, 100, true);
	stands("s3", "policy", false, 100, true);
	rig_peer_restart(&s.peers[0], "s1");
	await("s1", "policy", false, 100);
	rig_policyd_stop(&s.server);
}

/* What a dead ranker or prober knew is not forgotten. */
static void
t_outlives(void)
{
	pid_t pid;

	begin("");
	await_probed("s1");
	await_probed("s2");
	rig_peer_kill(&s.peers[0]);
	await("s1", "dead", true, 100);
	pid = rig_policyd_child(&s.server, "ranker");
	kill(pid, SIGKILL);
	rig_policyd_await_child(&s.server, "ranker", pid, WAIT_MS);
	await("s1", "dead", true, 100);
	stays("s1", "dead", true, 3000);
	pid = rig_policyd_child(&s.server, "prober");
	kill(pid, SIGKILL);
	rig_policyd_await_child(&s.server, "prober", pid, WAIT_MS);
	stays("s1", "dead", true, 2000);
	rig_peer_restart(&s.peers[0], "s1");
	await("s1", "policy", false, 100);
	rig_policyd_stop(&s.server);
}

/* Nobody is left: nobody is drained. */
static void
t_all(void)
{
	size_t i;

	begin("");
	await_probed("s1");
	await_probed("s2");
	await_probed("s3");
	for (i = 0; i < PEERS; i++)
		rig_peer_freeze(&s.peers[i]);
	stays("s1", "policy", false, 8000);
	stands("s2", "policy", false, 100, true);
	stands("s3", "policy", false, 100, true);
	for (i = 0; i < PEERS; i++)
		rig_peer_thaw(&s.peers[i]);
	stays("s1", "policy", false, 3000);
	rig_policyd_stop(&s.server);
}

static const char *volatile load_line;

static unsigned int
step_load(struct rig_link *l)
{
	rig_link_write(l, (const uint8_t *)load_line, strlen(load_line));
	return RIG_CLOSE;
}

static void
t_load(void)
{
	struct rig_server agent = {
	    .address = "127.0.0.1", .step = step_load, .lenient = true};
	char sections[128];

	load_line = "30%\n";
	rig_server_start(&agent);
	snprintf(sections, sizeof(sections),
	    "[load \"s2\"]\nagent-check = 127.0.0.1:%u\n", agent.port);
	begin(sections);
	await("s2", "policy", false, 30);
	load_line = "drain\n";
	await("s2", "drain", true, 30);
	load_line = "30%\n";
	await("s2", "policy", false, 30);
	stands("s1", "policy", false, 100, true);
	rig_policyd_stop(&s.server);
}

static const struct rig_case cases[] = {
    {"one dies", t_dies, 90, 0},
    {"its own die", t_outlives, 120, 0},
    {"all die", t_all, 90, 0},
    {"load", t_load, 120, 0},
};

RIG_MAIN("server_probes", cases, NULL)
