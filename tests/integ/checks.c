/* The agent's own checks: what no request has told it of its intermediaries,
 * and how little that costs. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_bad.h"
#include "tests/integ/rig_load.h"

#define WAIT_MS	    30000
#define INTERVAL_MS 200

static void
await_log(struct rig_agent *a, const char *text)
{
	const struct rig_wait w = {.timeout_ms = WAIT_MS};
	int rc = rig_proc_wait_log(&a->proc, text, &w);

	REQUIRE(rc == 0, "it never said '%s'", text);
}

/* A number out of the JSON of `cagent-ctl status`. */
static long
status_number(struct rig_agent *a, const char *key)
{
	static const char *const args[] = {"status", "--json", NULL};
	struct rig_output o;
	char want[64];
	const char *at;
	long n = -1;

	rig_ctl(a, &o, args);
	snprintf(want, sizeof(want), "\"%s\":", key);
	at = strstr(o.out, want);
	REQUIRE(at != NULL, "no %s in %s", key, o.out);
	n = strtol(at + strlen(want), NULL, 10);
	rig_output_free(&o);
	return n;
}

static bool
await_accepted(struct rig_server *s, unsigned int n)
{
	int64_t deadline = rig_now_ms() + WAIT_MS;

	while (atomic_load(&s->accepted) < n && rig_pause(deadline))
		continue;
	return atomic_load(&s->accepted) >= n;
}

static void
spare(struct rig_agent *a, const char *name, const char *type, uint16_t port)
{
	rig_agent_add(a,
	    "[intermediary \"%s\"]\ntype = %s\naddress = 127.0.0.1:%u\n"
	    "tier = 2\n",
	    name, type, port);
}

/* Nobody uses it, and yet it is known that it would work. */
static void
known(enum rig_peer_kind kind)
{
	static const char *const show[] = {"show", "spare", "--json", NULL};
	struct rig_peer p = {.address = NULL};
	struct rig_agent a;
	struct rig_output o;

	if (!rig_peer_installed(kind))
		rig_skip("%s is not installed", rig_peer_word(kind));
	rig_agent_init(&a, "agent");
	rig_peer_start(&p, kind, "spare");
	spare(&a, "spare", p.type, p.port);
	rig_agent_start(&a);
	await_log(&a, "spare: up, was unknown: a check succeeded");
	rig_ctl(&a, &o, show);
	CHECK(strstr(o.out, "\"attempts\":0") != NULL, "traffic: %s", o.out);
	CHECK(strstr(o.out, "\"check\":\"ok\"") != NULL, "%s", o.out);
	rig_output_free(&o);
	rig_agent_stop(&a);
}

#define KNOWN(name, kind)          \
	static void t_##name(void) \
	{                          \
		known(kind);       \
	}

KNOWN(microsocks, RIG_PEER_MICROSOCKS)
KNOWN(danted, RIG_PEER_DANTED)
KNOWN(squid, RIG_PEER_SQUID)
KNOWN(tinyproxy, RIG_PEER_TINYPROXY)
KNOWN(ssh, RIG_PEER_SSH)

/* Dead, and back, without a single request. */
static void
t_dead_and_back(void)
{
	struct rig_peer good = {.address = NULL}, other = {.address = NULL};
	struct rig_agent a;

	rig_agent_init(&a, "agent");
	rig_agent_key(&a, "check-interval = %dms", INTERVAL_MS);
	rig_peer_start(&good, RIG_PEER_MICROSOCKS, "good");
	rig_peer_start(&other, RIG_PEER_MICROSOCKS, "other");
	rig_agent_intermediary(&a, "good", "socks5", good.address, good.port);
	spare(&a, "other", "socks5", other.port);
	rig_agent_start(&a);
	await_log(&a, "other: up, was unknown: a check succeeded");
	rig_peer_kill(&other);
	await_log(&a, "other: ejected, was ");
	rig_peer_restart(&other, "other-again");
	await_log(&a, "other: slow-start, was half-open");
	CHECK_INT(status_number(&a, "accepted"), 0);
	rig_agent_stop(&a);
}

/* As many checks as are due, made once, however many workers there are. */
static void
counted(unsigned int workers)
{
	const unsigned int want = 20;
	struct rig_server one, two;
	struct rig_agent a;
	int64_t begun = rig_now_ms(), took_ms;
	unsigned int accepted;
	long checks;

	rig_bad_start(&one, RIG_BAD_FALSE_SUCCESS, "socks5");
	rig_bad_start(&two, RIG_BAD_FALSE_SUCCESS, "http");
	rig_agent_init(&a, "agent");
	a.workers = workers;
	rig_agent_key(&a, "check-interval = %dms", INTERVAL_MS);
	rig_agent_intermediary(&a, "one", "socks5", "127.0.0.1", one.port);
	spare(&a, "two", "http", two.port);
	rig_agent_start(&a);
	REQUIRE(await_accepted(&one, want) && await_accepted(&two, want),
	    "checks stop");
	took_ms = rig_now_ms() - begun;
	accepted = atomic_load(&one.accepted) + atomic_load(&two.accepted);
	checks = status_number(&a, "checks");
	rig_note("%u workers: %u checks in %lld ms", workers, accepted,
	    (long long)took_ms);
	/* All but one each, which may be under way, are control's. */
	CHECK(
	    checks + 2 >= accepted, "%ld checks came as %u", checks, accepted);
	/* Never sooner than after the interval. */
	CHECK(took_ms >= (want - 1) * INTERVAL_MS, "%u checks in %lld ms", want,
	    (long long)took_ms);
	rig_agent_stop(&a);
	rig_server_stop(&one);
	rig_server_stop(&two);
}

static void
t_one_worker(void)
{
	counted(1);
}

static void
t_four_workers(void)
{
	counted(4);
}

/* What serves requests is not checked; when they end it is. */
static void
t_traffic(void)
{
	struct rig_peer p = {.address = NULL};
	struct rig_proxy proxies[RIG_AGENT_PROXIES];
	struct rig_load load = {.proxies = proxies,
	    .proxies_n = RIG_AGENT_PROXIES,
	    .host = "127.0.0.1",
	    .bytes = 500,
	    .flight = 8,
	    .timeout_ms = 15000};
	struct rig_server origin;
	struct rig_agent a;
	long before, after;
	int64_t end;

	rig_origin_start(&origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_agent_init(&a, "agent");
	rig_agent_key(&a, "check-interval = 1s");
	rig_peer_start(&p, RIG_PEER_MICROSOCKS, "peer");
	rig_agent_intermediary(&a, "peer", "socks5", p.address, p.port);
	rig_agent_start(&a);
	rig_agent_proxies(&a, proxies);
	load.port = origin.port;
	rig_load_start(&load);
	REQUIRE(rig_load_reach(&load, 50, WAIT_MS), "load does not move");
	before = status_number(&a, "checks");
	end = rig_now_ms() + 4000;
	while (rig_now_ms() < end)
		rig_load_reach(&load, UINT32_MAX, 200);
	after = status_number(&a, "checks");
	rig_load_end(&load);
	rig_load_report(&load, "under load", 0);
	CHECK(after - before <= 1, "%ld checks under load", after - before);
	end = rig_now_ms() + WAIT_MS;
	while (status_number(&a, "checks") < after + 2 && rig_pause(end))
		continue;
	CHECK(status_number(&a, "checks") >= after + 2, "none without load");
	rig_agent_stop(&a);
	rig_server_stop(&origin);
}

/* Off means none; and it is the switch that does it. */
static void
t_off(void)
{
	struct rig_server s;
	struct rig_agent a;
	int64_t end;

	rig_bad_start(&s, RIG_BAD_FALSE_SUCCESS, "socks5");
	rig_agent_init(&a, "agent");
	rig_agent_key(&a, "check-interval = 0s");
	rig_agent_intermediary(&a, "one", "socks5", "127.0.0.1", s.port);
	rig_agent_start(&a);
	end = rig_now_ms() + 2000;
	while (rig_pause(end))
		continue;
	CHECK_INT(atomic_load(&s.accepted), 0);
	CHECK_INT(status_number(&a, "checks"), 0);
	a.keys_len = 0;
	rig_agent_key(&a, "check-interval = %dms", INTERVAL_MS);
	rig_agent_write(&a);
	CHECK_INT(rig_agent_reload(&a, WAIT_MS, NULL), 0);
	CHECK(await_accepted(&s, 2), "switched on, and nothing comes");
	rig_agent_stop(&a);
	rig_server_stop(&s);
}

/* By name, also after either end of the line to the resolver has died. */
static void
t_name(void)
{
	static const char *const victims[] = {"resolver", "control"};
	struct rig_server s;
	struct rig_agent a;
	unsigned int i;
	pid_t pid;

	rig_bad_start(&s, RIG_BAD_FALSE_SUCCESS, "socks5");
	rig_agent_init(&a, "agent");
	rig_agent_key(&a, "check-interval = %dms", INTERVAL_MS);
	rig_agent_intermediary(&a, "one", "socks5", "localhost", s.port);
	rig_agent_start(&a);
	CHECK(await_accepted(&s, 2), "no check by name");
	for (i = 0; i < 2; i++) {
		pid = rig_agent_child(&a, victims[i]);
		REQUIRE(
		    pid != 0 && kill(pid, SIGKILL) == 0, "no %s", victims[i]);
		rig_agent_await_child(&a, victims[i], pid, WAIT_MS);
		CHECK(await_accepted(&s, atomic_load(&s.accepted) + 3),
		    "no more checks without the first %s", victims[i]);
	}
	rig_agent_stop(&a);
	rig_server_stop(&s);
}

/* The control process logs in as workers do. */
static void
t_login(void)
{
	struct rig_peer p = {.login = "agent:s3cret"};
	struct rig_agent a;
	char file[RIG_PATH_MAX];

	rig_agent_init(&a, "agent");
	rig_peer_start(&p, RIG_PEER_MICROSOCKS, "locked");
	rig_path(file, "password");
	rig_write(file, "s3cret", 0600);
	spare(&a, "locked", "socks5", p.port);
	rig_agent_add(&a, "username = agent\npassword-file = %s\n", file);
	rig_agent_start(&a);
	await_log(&a, "locked: up, was unknown: a check succeeded");
	rig_agent_stop(&a);
}

/* A target must be reached, and only who cannot is charged. */
static void
t_target(void)
{
	struct rig_peer good = {.address = NULL};
	struct rig_server origin, bad;
	struct rig_agent a;

	rig_origin_start(&origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_agent_init(&a, "agent");
	rig_agent_key(&a, "check-interval = %dms", INTERVAL_MS);
	rig_agent_key(&a, "check-target = 127.0.0.1:%u", origin.port);
	rig_agent_key(&a, "check-timeout = 1s");
	rig_peer_start(&good, RIG_PEER_MICROSOCKS, "good");
	rig_bad_start(&bad, RIG_BAD_STALL, "http");
	rig_agent_intermediary(&a, "good", "socks5", good.address, good.port);
	spare(&a, "bad", "http", bad.port);
	rig_agent_start(&a);
	await_log(&a, "good: up, was unknown: a check succeeded");
	await_log(&a, "bad: ejected, was ");
	CHECK(atomic_load(&origin.accepted) > 0, "nobody asked for it");
	rig_agent_stop(&a);
	rig_server_stop(&bad);
	rig_server_stop(&origin);
}

static const struct rig_case cases[] = {
    {"microsocks", t_microsocks, 60, 0},
    {"danted", t_danted, 60, 0},
    {"squid", t_squid, 60, 0},
    {"tinyproxy", t_tinyproxy, 60, 0},
    {"ssh", t_ssh, 60, 0},
    {"dead-and-back", t_dead_and_back, 90, 0},
    {"one-worker", t_one_worker, 60, 0},
    {"four-workers", t_four_workers, 60, 0},
    {"traffic", t_traffic, 60, 0},
    {"off", t_off, 60, 0},
    {"name", t_name, 90, 0},
    {"login", t_login, 60, 0},
    {"target", t_target, 60, 0},
};

RIG_MAIN("checks", cases, NULL)
