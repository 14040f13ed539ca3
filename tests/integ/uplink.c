/* Our own uplink dies and comes back, and the control process dies while ranks
 * are in motion: nobody is moved for either. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_load.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_ns.h"

#define PEERS	   4
#define FLIGHT	   20
#define DEAD_MS	   6000
#define BACK_MS	   1000 /* until requests succeed again */
#define WAIT_MS	   20000
#define RESPAWN_MS 10000

static const char *const names[PEERS] = {"one", "two", "three", "four"};

struct scene {
	struct rig_server origin;
	struct rig_peer peers[PEERS];
	struct rig_agent agent;
	struct rig_proxy proxies[RIG_AGENT_PROXIES];
	struct rig_load load;
	pid_t there; /* the network of the peers; 0: the case's own */
};

static void
ready(struct scene *s, const char *host)
{
	rig_agent_start(&s->agent);
	rig_agent_proxies(&s->agent, s->proxies);
	s->load.proxies = s->proxies;
	s->load.proxies_n = RIG_AGENT_PROXIES;
	s->load.host = host;
	s->load.port = s->origin.port;
	s->load.bytes = 500;
	s->load.flight = FLIGHT;
	s->load.timeout_ms = 15000;
	rig_load_start(&s->load);
	REQUIRE(rig_load_reach(&s->load, 500, WAIT_MS), "load does not move");
}

static void
finish(struct scene *s)
{
	rig_load_end(&s->load);
	rig_agent_stop(&s->agent);
	rig_server_stop(&s->origin);
}

/* An agent whose four intermediaries are behind a cable. */
static void
prepare(struct scene *s)
{
	unsigned int i;

	memset(s, 0, sizeof(*s));
	s->there = rig_ns_peer();
	rig_origin_start(&s->origin, RIG_ORIGIN_HTTP, RIG_NS_HERE, 0, NULL);
	rig_agent_init(&s->agent, "agent");
	for (i = 0; i < PEERS; i++) {
		s->peers[i] = (struct rig_peer){.netns = s->there,
		    .address = RIG_NS_THERE,
		    .port = (uint16_t)(1080 + i)};
		rig_peer_start(&s->peers[i], RIG_PEER_MICROSOCKS, names[i]);
		rig_agent_intermediary(&s->agent, names[i], "socks5",
		    RIG_NS_THERE, s->peers[i].port);
	}
}

static void
far_away(struct scene *s)
{
	prepare(s);
	ready(s, RIG_NS_HERE);
}

static unsigned int
count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static unsigned int
events_with(struct rig_agent *a, const char *code)
{
	static const char *const args[] = {
	    "events", "-n", "1024", "--json", NULL};
	struct rig_output o;
	char want[64];
	unsigned int n;

	rig_ctl(a, &o, args);
	snprintf(want, sizeof(want), "\"%s\"", code);
	n = count(o.out, want);
	rig_output_free(&o);
	return n;
}

/* The row of that name, as `cagent-ctl tiers` has it; the caller's. */
static json_t *
row_of(struct rig_agent *a, const char *name)
{
	static const char *const args[] = {"tiers", "--json", NULL};
	json_t *doc, *rows, *row = NULL;
	struct rig_output o;
	size_t i;

	rig_ctl(a, &o, args);
	doc = json_loads(o.out, 0, NULL);
	rows = json_object_get(doc, "rows");
	for (i = 0; i < json_array_size(rows); i++) {
		row = json_array_get(rows, i);
		if (strcmp(json_string_value(json_object_get(row, "name")),
			name) == 0)
			break;
	}
	REQUIRE(i < json_array_size(rows), "no row of %s: %s", name, o.out);
	json_incref(row);
	json_decref(doc);
	rig_output_free(&o);
	return row;
}

static bool
is_observed(const json_t *row, const char *state)
{
	return strcmp(json_string_value(json_object_get(row, "observed")),
		   state) == 0;
}

static json_int_t
number(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

/* All in tier 1, and never anywhere else. */
static void
nobody_moved(struct scene *s)
{
	unsigned int i;
	json_t *row;

	for (i = 0; i < PEERS; i++) {
		row = row_of(&s->agent, names[i]);
		CHECK(number(row, "tier") == 1 &&
			  number(row, "ejections") == 0 &&
			  number(row, "trials") == 0,
		    "%s: tier %d, %s: %s", names[i], (int)number(row, "tier"),
		    json_string_value(json_object_get(row, "observed")),
		    json_string_value(json_object_get(row, "reason")));
		json_decref(row);
	}
	CHECK_INT(events_with(&s->agent, "failed-in-row"), 0);
	CHECK_INT(events_with(&s->agent, "low-success"), 0);
	CHECK_INT(events_with(&s->agent, "tier"), 0);
}

static bool
served(struct scene *s)
{
	struct rig_conn c;
	bool ok;

	ok = rig_dial(&c, &s->proxies[2], RIG_NS_HERE, s->origin.port, 5000) ==
		 RIG_OK &&
	     rig_http_get(&c, 1000) == RIG_OK;
	rig_conn_close(&c);
	return ok;
}

static void
await_event(struct scene *s, const char *code)
{
	int64_t deadline = rig_now_ms() + WAIT_MS;

	while (events_with(&s->agent, code) == 0 && rig_pause(deadline))
		continue;
	CHECK(events_with(&s->agent, code) == 1, "%s was told %u times", code,
	    events_with(&s->agent, code));
}

static void
told_as_degraded(struct scene *s)
{
	static const char *const status[] = {"status", NULL};
	static const char *const why[] = {"why", "two", NULL};
	struct rig_output o;

	rig_ctl(&s->agent, &o, status);
	CHECK(o.code == 4 && strstr(o.err, "uplink is suspected") != NULL,
	    "status: exit %d: %s", o.code, o.err);
	rig_output_free(&o);
	rig_ctl(&s->agent, &o, why);
	CHECK(strstr(o.out, "held since") != NULL, "why: %s", o.out);
	rig_output_free(&o);
}

typedef void uplink_fn(const struct scene *, bool dead);

static void
pull_here(const struct scene *s, bool dead)
{
	(void)s;
	rig_ns_plug(0, !dead);
}

static void
pull_there(const struct scene *s, bool dead)
{
	rig_ns_plug(s->there, !dead);
}

static void
mute(const struct scene *s, bool dead)
{
	rig_ns_mute(s->there, dead);
}

/* The kernel takes up to a second to see a carrier again. */
static void
await_link(const struct scene *s)
{
	int64_t deadline = rig_now_ms() + WAIT_MS;
	int fd;

	do
		fd = rig_net_connect(RIG_NS_THERE, s->peers[0].port, 50);
	while (fd < 0 && rig_pause(deadline));
	REQUIRE(fd >= 0, "the cable is in, and nothing comes over it");
	rig_net_reset(fd);
}

static void
outage(uplink_fn *set)
{
	static struct scene s;
	int64_t start, ms;

	far_away(&s);
	set(&s, true);
	await_event(&s, "uplink-down");
	told_as_degraded(&s);
	/* It stays so for as long as it stays so. */
	rig_load_reach(&s.load, UINT32_MAX, DEAD_MS);
	set(&s, false);
	await_link(&s);
	start = rig_now_ms();
	while (!served(&s) && rig_pause(start + WAIT_MS))
		continue;
	ms = rig_now_ms() - start;
	rig_note("served again after %lld ms", (long long)ms);
	CHECK(ms <= BACK_MS, "served again only after %lld ms", (long long)ms);
	await_event(&s, "uplink-up");
	/* What was under way at the end fails a little later. */
	rig_load_reach(&s.load, UINT32_MAX, 4000);
	nobody_moved(&s);
	CHECK_INT(events_with(&s.agent, "uplink-down"), 1);
	CHECK_INT(events_with(&s.agent, "uplink-up"), 1);
	finish(&s);
}

static void
t_pulled(void)
{
	outage(pull_here);
}

static void
t_pulled_far(void)
{
	outage(pull_there);
}

static void
t_mute(void)
{
	outage(mute);
}

/* With the same outage at three of them only, those three are dead. */
static void
t_three_dead(void)
{
	static struct scene s;
	int64_t deadline;
	unsigned int i, out = 0;
	json_t *row;

	far_away(&s);
	for (i = 0; i < PEERS - 1; i++)
		rig_ns_drop_syn(s.there, s.peers[i].port);
	deadline = rig_now_ms() + WAIT_MS;
	while (out < PEERS - 1 && rig_pause(deadline)) {
		for (i = out = 0; i < PEERS - 1; i++) {
			row = row_of(&s.agent, names[i]);
			out += number(row, "tier") == 0;
			json_decref(row);
		}
	}
	CHECK_INT(out, PEERS - 1);
	CHECK_INT(events_with(&s.agent, "uplink-down"), 0);
	rig_load_end(&s.load);
	rig_load_report(&s.load, "three of four dead", 0);
	rig_agent_stop(&s.agent);
	rig_server_stop(&s.origin);
}

/* Kill the control process; the row must say the same afterwards. */
static void
survives(struct scene *s, const char *name, const char *state)
{
	int64_t deadline = rig_now_ms() + 2 * WAIT_MS;
	pid_t control = rig_agent_child(&s->agent, "control");
	json_t *before, *after;
	bool there = false;

	do {
		before = row_of(&s->agent, name);
		there = is_observed(before, state);
		if (!there)
			json_decref(before);
	} while (!there && rig_pause(deadline));
	REQUIRE(there, "%s is never %s", name, state);
	kill(control, SIGKILL);
	rig_agent_await_child(&s->agent, "control", control, RESPAWN_MS);
	while (events_with(&s->agent, "forgotten") != 0 ||
	       rig_agent_child(&s->agent, "control") == 0)
		rig_pause(deadline);
	after = row_of(&s->agent, name);
	CHECK(is_observed(after, state), "%s is %s now", state,
	    json_string_value(json_object_get(after, "observed")));
	CHECK_INT(number(after, "since_us"), number(before, "since_us"));
	CHECK_INT(number(after, "ejections"), number(before, "ejections"));
	/* The two clocks are not read at the same instant. */
	CHECK(llabs(number(after, "reconsider_us") -
		    number(before, "reconsider_us")) < 50000,
	    "%s: reconsidered %lld us later", state,
	    (long long)(number(after, "reconsider_us") -
			number(before, "reconsider_us")));
	json_decref(before);
	json_decref(after);
}

static void
t_control_killed(void)
{
	static struct scene s;
	unsigned int i;

	memset(&s, 0, sizeof(s));
	rig_origin_start(&s.origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_agent_init(&s.agent, "agent");
	for (i = 0; i < 2; i++) {
		rig_peer_start(&s.peers[i], RIG_PEER_MICROSOCKS, names[i]);
		rig_agent_intermediary(&s.agent, names[i], s.peers[i].type,
		    "127.0.0.1", s.peers[i].port);
	}
	ready(&s, "127.0.0.1");
	rig_peer_kill(&s.peers[0]);
	survives(&s, "one", "ejected");
	rig_peer_restart(&s.peers[0], "one-again");
	survives(&s, "one", "slow-start");
	rig_load_end(&s.load);
	rig_load_report(&s.load, "the control process killed twice", 0);
	rig_agent_stop(&s.agent);
	rig_server_stop(&s.origin);
}

/* Ask for the origin over a connection to the agent that stands, in SOCKS5;
 * the reply's code, or -1. */
static int
ask(int fd, uint16_t port)
{
	uint8_t out[] = {5, 1, 0, 5, 1, 0, 1, 198, 18, 0, 1,
	    (uint8_t)(port >> 8), (uint8_t)port};
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint8_t in[64];
	size_t len = 0;
	ssize_t n;

	if (write(fd, out, sizeof(out)) != (ssize_t)sizeof(out))
		return -1;
	while (len < 4 && poll(&p, 1, WAIT_MS) == 1) {
		n = read(fd, in + len, sizeof(in) - len);
		if (n <= 0)
			return -1;
		len += (size_t)n;
	}
	return len >= 4 ? in[3] : -1;
}

static void
one_port_only(void)
{
	static const char path[] = "/proc/sys/net/ipv4/ip_local_port_range";
	FILE *f = fopen(path, "we");

	REQUIRE(f != NULL && fputs("61000 61000", f) > 0 && fclose(f) == 0,
	    "%s: %s", path, strerror(errno));
}

/* One port for each of four intermediaries, and more clients than that: what
 * we run out of is nobody's fault. */
static void
t_no_ports(void)
{
	static struct scene s;
	int fds[3 * PEERS], granted = 0, code;
	unsigned int i;
	json_t *row;

	prepare(&s);
	rig_agent_key(&s.agent, "check-interval = 0s");
	rig_agent_start(&s.agent);
	for (i = 0; i < 3 * PEERS; i++) {
		fds[i] = rig_net_connect("127.0.0.1", s.agent.port, 5000);
		REQUIRE(fds[i] >= 0, "connect: %s", strerror(-fds[i]));
	}
	one_port_only();
	for (i = 0; i < 3 * PEERS; i++) {
		code = ask(fds[i], s.origin.port);
		granted += code == 0;
		CHECK(code == 0 || code == 1, "request %u: code %d", i, code);
	}
	rig_note("%d of %d requests granted", granted, 3 * PEERS);
	CHECK(granted > 0 && granted <= PEERS, "%d granted", granted);
	for (i = 0; i < PEERS; i++) {
		row = row_of(&s.agent, names[i]);
		CHECK(number(row, "charged") == 0 &&
			  !is_observed(row, "suspect") &&
			  !is_observed(row, "ejected"),
		    "%s: %s", names[i],
		    json_string_value(json_object_get(row, "reason")));
		json_decref(row);
		close(fds[i]);
	}
	CHECK_INT(events_with(&s.agent, "uplink-down"), 0);
	rig_agent_stop(&s.agent);
	s.origin.lenient = true;
	rig_server_stop(&s.origin);
}

static const struct rig_case cases[] = {
    {"pulled", t_pulled, 90, RIG_NEEDS_NETNS},
    {"pulled-far", t_pulled_far, 90, RIG_NEEDS_NETNS},
    {"mute", t_mute, 90, RIG_NEEDS_NETNS},
    {"three-dead", t_three_dead, 90, RIG_NEEDS_NETNS},
    {"no-ports", t_no_ports, 60, RIG_NEEDS_NETNS},
    {"control-killed", t_control_killed, 120, 0},
};

RIG_MAIN("uplink", cases, NULL)
