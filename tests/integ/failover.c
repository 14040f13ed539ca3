/* Intermediaries that die or misbehave under load: no client may notice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_bad.h"
#include "tests/integ/rig_load.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_ns.h"

#define REQUESTS 1000
#define FLIGHT	 50

struct scene {
	struct rig_server origin;
	struct rig_peer peers[3];
	struct rig_agent agent;
	struct rig_proxy proxies[RIG_AGENT_PROXIES];
	struct rig_load load;
};

static void
start_peer(struct scene *s, unsigned int i, enum rig_peer_kind kind)
{
	static const char *const names[] = {"one", "two", "three"};

	rig_peer_start(&s->peers[i], kind, names[i]);
	rig_agent_intermediary(&s->agent, names[i], s->peers[i].type,
	    s->peers[i].address, s->peers[i].port);
}

/* An agent before good microsocks; more intermediaries may be added before
 * ready(). */
static void
prepare(struct scene *s, unsigned int good)
{
	unsigned int i;

	memset(s, 0, sizeof(*s));
	rig_origin_start(&s->origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_agent_init(&s->agent, "agent");
	for (i = 0; i < good; i++)
		start_peer(s, i, RIG_PEER_MICROSOCKS);
}

static void
ready(struct scene *s)
{
	rig_agent_start(&s->agent);
	rig_agent_proxies(&s->agent, s->proxies);
	s->load.proxies = s->proxies;
	s->load.proxies_n = RIG_AGENT_PROXIES;
	s->load.host = "127.0.0.1";
	s->load.port = s->origin.port;
	/* One segment, and within the least buffer of an intermediary (1024
	 * bytes): half an answer cannot be asked for again. */
	s->load.bytes = 500;
	s->load.total = REQUESTS;
	s->load.flight = FLIGHT;
	s->load.timeout_ms = 15000;
}

static void
finish(struct scene *s, const char *what, unsigned int failed)
{
	CHECK(rig_load_reach(&s->load, REQUESTS, 40000), "%u of %u done",
	    atomic_load(&s->load.done), REQUESTS);
	rig_load_end(&s->load);
	rig_load_report(&s->load, what, failed);
	rig_agent_stop(&s->agent);
	rig_server_stop(&s->origin);
}

static void
kill_one(const enum rig_peer_kind kinds[3])
{
	static struct scene s;
	unsigned int i;

	prepare(&s, 0);
	for (i = 0; i < 3; i++)
		start_peer(&s, i, kinds[i]);
	ready(&s);
	rig_load_start(&s.load);
	REQUIRE(rig_load_reach(&s.load, 300, 30000), "load does not move");
	rig_peer_kill(&s.peers[0]);
	finish(&s, "one of three killed", 0);
}

static void
t_kill(void)
{
	static const enum rig_peer_kind kinds[3] = {
	    RIG_PEER_MICROSOCKS, RIG_PEER_MICROSOCKS, RIG_PEER_MICROSOCKS};

	kill_one(kinds);
}

static void
t_kill_danted(void)
{
	static const enum rig_peer_kind kinds[3] = {
	    RIG_PEER_DANTED, RIG_PEER_MICROSOCKS, RIG_PEER_SQUID};

	kill_one(kinds);
}

static void
t_kill_squid(void)
{
	static const enum rig_peer_kind kinds[3] = {
	    RIG_PEER_SQUID, RIG_PEER_TINYPROXY, RIG_PEER_MICROSOCKS};

	kill_one(kinds);
}

/* What was inside the frozen one's tunnels cannot be told from a slow
 * destination; every other request gets through. */
static void
t_freeze(void)
{
	static struct scene s;

	prepare(&s, 3);
	rig_agent_key(&s.agent, "drain-timeout = 1s");
	ready(&s);
	s.load.timeout_ms = 5000;
	rig_load_start(&s.load);
	REQUIRE(rig_load_reach(&s.load, 300, 30000), "load does not move");
	rig_peer_freeze(&s.peers[0]);
	finish(&s, "one of three frozen", FLIGHT / 2);
}

/* Two good, one bad from the beginning. */
static void
bad(enum rig_bad_kind kind, const char *type)
{
	static struct scene s;
	struct rig_server b;
	char what[64];

	prepare(&s, 2);
	rig_bad_start(&b, kind, type);
	rig_agent_intermediary(&s.agent, "bad", type, "127.0.0.1", b.port);
	ready(&s);
	rig_load_start(&s.load);
	snprintf(what, sizeof(what), "%s as %s", rig_bad_word(kind), type);
	finish(&s, what, 0);
	rig_note("%s: it was tried %u times", what, atomic_load(&b.accepted));
	CHECK(atomic_load(&b.accepted) > 0, "it was never tried");
	CHECK(atomic_load(&b.accepted) < REQUESTS / 4,
	    "%u requests went to it: it was not demoted",
	    atomic_load(&b.accepted));
	rig_server_stop(&b);
}

/* The same with retries off, so that it is seen what they are good for. */
static void
t_no_retry(void)
{
	static struct scene s;
	struct rig_server b;

	prepare(&s, 2);
	rig_bad_start(&b, RIG_BAD_CLOSE, "socks5");
	rig_agent_intermediary(&s.agent, "bad", "socks5", "127.0.0.1", b.port);
	rig_agent_key(&s.agent, "attempts = 1");
	ready(&s);
	rig_load_start(&s.load);
	rig_load_end(&s.load);
	CHECK(rig_load_failed(&s.load) > 0,
	    "nobody noticed it, so that these cases show nothing");
	rig_agent_stop(&s.agent);
	rig_server_stop(&b);
	rig_server_stop(&s.origin);
}

#define BAD(name, kind, type)      \
	static void t_##name(void) \
	{                          \
		bad(kind, type);   \
	}

BAD(silent_socks5, RIG_BAD_SILENT, "socks5")
BAD(silent_http, RIG_BAD_SILENT, "http")
BAD(rubbish_socks5, RIG_BAD_RUBBISH, "socks5")
BAD(rubbish_http, RIG_BAD_RUBBISH, "http")
BAD(rubbish_socks4a, RIG_BAD_RUBBISH, "socks4a")
BAD(mid_close_socks5, RIG_BAD_MID_CLOSE, "socks5")
BAD(mid_close_http, RIG_BAD_MID_CLOSE, "http")
BAD(close, RIG_BAD_CLOSE, "socks5")
BAD(reset, RIG_BAD_RESET, "http")
BAD(stall, RIG_BAD_STALL, "socks5")
BAD(dribble, RIG_BAD_DRIBBLE, "http")
BAD(flood_socks5, RIG_BAD_FLOOD, "socks5")
BAD(flood_http, RIG_BAD_FLOOD, "http")
BAD(false_success, RIG_BAD_FALSE_SUCCESS, "socks5")

/* In a network of its own, a good intermediary whose SYNs are dropped in the
 * middle of the load. */
static void
t_syn_drop(void)
{
	static struct scene s;
	struct rig_peer *far = &s.peers[2];

	prepare(&s, 2);
	far->netns = rig_ns_peer();
	far->address = RIG_NS_THERE;
	far->port = 1080;
	/* It has to reach the origin, so that is on the pair as well. */
	rig_server_stop(&s.origin);
	rig_origin_start(&s.origin, RIG_ORIGIN_HTTP, RIG_NS_HERE, 0, NULL);
	start_peer(&s, 2, RIG_PEER_MICROSOCKS);
	ready(&s);
	s.load.host = RIG_NS_HERE;
	rig_load_start(&s.load);
	REQUIRE(rig_load_reach(&s.load, 200, 30000), "load does not move");
	rig_ns_drop_syn(far->netns, far->port);
	finish(&s, "SYNs dropped", 0);
}

/* With nobody left the client is told so, soon, in its own protocol. */
static void
t_all_down(void)
{
	static struct scene s;
	struct rig_conn c;
	enum rig_fail f;
	int64_t start;
	size_t i;

	prepare(&s, 3);
	ready(&s);
	for (i = 0; i < 3; i++)
		rig_peer_kill(&s.peers[i]);
	for (i = 0; i < RIG_AGENT_PROXIES; i++) {
		start = rig_now_ms();
		f = rig_dial(
		    &c, &s.proxies[i], "127.0.0.1", s.origin.port, 15000);
		rig_note("all down, %s: %s, code %d after %lld ms",
		    rig_proto_word(s.proxies[i].proto), rig_fail_word(f),
		    c.code, (long long)(rig_now_ms() - start));
		CHECK_INT(f, RIG_FAIL_REPLY);
		CHECK(rig_now_ms() - start < 9000, "over the dial deadline");
	}
	CHECK(c.code == 502 || c.code == 503, "HTTP status %d", c.code);
	CHECK(strstr(c.head, "Proxy-Status: cagent") != NULL,
	    "no Proxy-Status in \"%s\"", c.head);
	/* The last usable member is never given up: back means served. */
	rig_peer_restart(&s.peers[1], "two-again");
	start = rig_now_ms();
	do {
		f = rig_dial(
		    &c, &s.proxies[2], "127.0.0.1", s.origin.port, 15000);
		if (f == RIG_OK)
			f = rig_http_get(&c, 1000);
		rig_conn_close(&c);
	} while (f != RIG_OK && rig_pause(start + 15000));
	rig_note(
	    "served again after %lld ms", (long long)(rig_now_ms() - start));
	CHECK(f == RIG_OK, "one came back and is not used: %s", c.text);
	rig_agent_stop(&s.agent);
	rig_server_stop(&s.origin);
}

/* Killed, ejected, back: it gets its share again. */
static void
t_return(void)
{
	static struct scene s;
	int64_t deadline;
	struct rig_conn c;
	enum rig_fail f;
	bool back = false;

	prepare(&s, 2);
	ready(&s);
	rig_peer_kill(&s.peers[0]);
	rig_load_start(&s.load);
	CHECK(rig_load_reach(&s.load, REQUESTS, 40000), "load does not move");
	rig_load_end(&s.load);
	rig_load_report(&s.load, "with one dead", 0);
	rig_peer_restart(&s.peers[0], "one-again");
	rig_peer_freeze(&s.peers[1]);
	/* Only the returned one can serve now. */
	deadline = rig_now_ms() + 20000;
	while (!back && rig_pause(deadline)) {
		f = rig_dial(
		    &c, &s.proxies[2], "127.0.0.1", s.origin.port, 15000);
		if (f == RIG_OK)
			f = rig_http_get(&c, 1000);
		rig_conn_close(&c);
		back = f == RIG_OK;
	}
	CHECK(back, "the returned one is not used: %s", c.text);
	rig_agent_stop(&s.agent);
	rig_server_stop(&s.origin);
}

/* Logins at an intermediary: the right one works, with a wrong one the next
 * intermediary serves. */
static void
t_login(void)
{
	static struct scene s;
	struct rig_peer locked = {.login = "agent:s3cret"};
	static const char *const words[] = {"s3cret", "wrong"};
	char file[RIG_PATH_MAX];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		prepare(&s, i);
		rig_peer_start(&locked, RIG_PEER_MICROSOCKS, "locked");
		rig_path(file, "password.%u", i);
		rig_write(file, words[i], 0600);
		rig_agent_intermediary(
		    &s.agent, "locked", "socks5", "127.0.0.1", locked.port);
		rig_agent_add(
		    &s.agent, "username = agent\npassword-file = %s\n", file);
		ready(&s);
		s.load.total = 100;
		rig_load_start(&s.load);
		rig_load_end(&s.load);
		rig_load_report(&s.load, words[i], 0);
		rig_agent_stop(&s.agent);
		rig_peer_kill(&locked);
		rig_server_stop(&s.origin);
	}
}

/* Tier 2 serves while all of tier 1 is dead, and only then. */
static void
t_tiers(void)
{
	static struct scene s;
	struct rig_server bad;
	struct rig_peer spare = {.address = NULL};

	prepare(&s, 2);
	/* With hedges a loaded spare may get help from below. */
	rig_agent_key(&s.agent, "hedge-percent = 0");
	rig_peer_start(&spare, RIG_PEER_TINYPROXY, "spare");
	rig_agent_add(&s.agent,
	    "[intermediary \"spare\"]\ntype = http\naddress = 127.0.0.1:%u\n"
	    "tier = 2\n",
	    spare.port);
	rig_bad_start(&bad, RIG_BAD_CLOSE, "socks5");
	rig_agent_key(&s.agent, "check-interval = 0s"); /* it counts */
	rig_agent_add(&s.agent,
	    "[intermediary \"last\"]\ntype = socks5\n"
	    "address = 127.0.0.1:%u\ntier = 3\n",
	    bad.port);
	ready(&s);
	rig_load_start(&s.load);
	REQUIRE(rig_load_reach(&s.load, 300, 30000), "load does not move");
	rig_peer_kill(&s.peers[0]);
	REQUIRE(rig_load_reach(&s.load, 600, 30000), "load does not move");
	rig_peer_kill(&s.peers[1]);
	finish(&s, "all of tier 1 killed", 0);
	CHECK_INT(atomic_load(&bad.accepted), 0);
	rig_server_stop(&bad);
}

/* One that dies and returns all the time costs nobody a request, and is not
 * taken in and thrown out all the time. */
static void
t_flap(void)
{
	static struct scene s;
	unsigned int flaps = 0, changes = 0;
	char *log, *at, path[RIG_PATH_MAX];
	int64_t begun;

	prepare(&s, 3);
	ready(&s);
	s.load.total = 0;
	s.load.flight = 5;
	rig_load_start(&s.load);
	begun = rig_now_ms();
	while (rig_now_ms() < begun + 10000) {
		rig_peer_kill(&s.peers[0]);
		rig_load_reach(&s.load, UINT32_MAX, 400);
		rig_peer_restart(&s.peers[0], "one");
		rig_load_reach(&s.load, UINT32_MAX, 400);
		flaps++;
	}
	rig_load_end(&s.load);
	rig_load_report(&s.load, "a flapping one", 0);
	rig_path(path, "agent.log");
	log = rig_read(path, NULL);
	REQUIRE(log != NULL, "no log");
	for (at = log; (at = strstr(at, "control: one: ")) != NULL; at++)
		changes++;
	free(log);
	rig_note("%u flaps, %u changes", flaps, changes);
	CHECK(changes <= 10, "its state changed %u times in 10 s", changes);
	rig_agent_stop(&s.agent);
	rig_server_stop(&s.origin);
}

/* A destination that hangs up on everybody is nobody's fault. */
static void
t_blame(void)
{
	static const char *const args[] = {"tiers", "--json", NULL};
	static struct scene s;
	struct rig_server rude;
	struct rig_output o;
	struct rig_conn c;
	unsigned int i;

	prepare(&s, 2);
	ready(&s);
	rig_origin_start(&rude, RIG_ORIGIN_RESET, "127.0.0.1", 0, NULL);
	for (i = 0; i < 30; i++) {
		if (rig_dial(&c, &s.proxies[i % RIG_AGENT_PROXIES], "127.0.0.1",
			rude.port, 10000) == RIG_OK) {
			CHECK(rig_http_get(&c, 1000) != RIG_OK, "an answer");
		}
		rig_conn_close(&c);
	}
	rig_note("30 requests came as %u", atomic_load(&rude.accepted));
	CHECK(atomic_load(&rude.accepted) <= 30 * 4, "too many attempts");
	rig_ctl(&s.agent, &o, args);
	CHECK(strstr(o.out, "ejected") == NULL &&
		  strstr(o.out, "suspect") == NULL,
	    "an intermediary was blamed: %s", o.out);
	rig_output_free(&o);
	rig_load_start(&s.load);
	finish(&s, "afterwards", 0);
	rig_server_stop(&rude);
}

static const struct rig_case cases[] = {
    {"kill", t_kill, 90, 0},
    {"kill-danted", t_kill_danted, 90, 0},
    {"kill-squid", t_kill_squid, 90, 0},
    {"freeze", t_freeze, 90, 0},
    {"silent-socks5", t_silent_socks5, 90, 0},
    {"silent-http", t_silent_http, 90, 0},
    {"rubbish-socks5", t_rubbish_socks5, 90, 0},
    {"rubbish-http", t_rubbish_http, 90, 0},
    {"rubbish-socks4a", t_rubbish_socks4a, 90, 0},
    {"mid-close-socks5", t_mid_close_socks5, 90, 0},
    {"mid-close-http", t_mid_close_http, 90, 0},
    {"close", t_close, 90, 0},
    {"reset", t_reset, 90, 0},
    {"stall", t_stall, 90, 0},
    {"dribble", t_dribble, 90, 0},
    {"flood-socks5", t_flood_socks5, 90, 0},
    {"flood-http", t_flood_http, 90, 0},
    {"false-success", t_false_success, 90, 0},
    {"no-retry", t_no_retry, 60, 0},
    {"syn-drop", t_syn_drop, 90, RIG_NEEDS_NETNS},
    {"all-down", t_all_down, 120, 0},
    {"return", t_return, 120, 0},
    {"blame", t_blame, 60, 0},
    {"tiers", t_tiers, 60, 0},
    {"flap", t_flap, 60, 0},
    {"login", t_login, 60, 0},
};

RIG_MAIN("failover", cases, NULL)
