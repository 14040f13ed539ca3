/* Round trips that are saved: greeting and request at once by those who bear
 * it, and connections that wait for a request; no client may notice either. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_delay.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_ns.h"

#define REQUEST_MS 10000
#define REQUESTS   12
#define BYTES	   500

struct scene {
	struct rig_server origin;
	struct rig_agent agent, back;
	struct rig_peer peers[2];
};

static void
prepare(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	rig_origin_start(&s->origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_agent_init(&s->agent, "agent");
	s->agent.workers = 1;
	rig_agent_key(&s->agent, "warm-from = 0s");
}

static void
finish(struct scene *s)
{
	rig_agent_stop(&s->agent);
	rig_server_stop(&s->origin);
}

/* How long until the tunnel stood. */
static int64_t
request(struct scene *s, const char *host, uint16_t port, const char *what)
{
	struct rig_proxy proxy = rig_agent_proxy(&s->agent, RIG_SOCKS5);
	int64_t us = rig_now_us();
	enum rig_fail fail;
	struct rig_conn c;

	fail = rig_dial(&c, &proxy, host, port, REQUEST_MS);
	us = rig_now_us() - us;
	if (fail == RIG_OK) {
		fail = rig_http_get(&c, BYTES);
		rig_conn_close(&c);
	}
	CHECK(fail == RIG_OK, "%s: %s", what, c.text);
	return us;
}

static void
requests(struct scene *s, int n, const char *what)
{
	while (n-- > 0)
		request(s, "127.0.0.1", s->origin.port, what);
}

/* Is that in what cagent-ctl shows of the intermediary? */
static bool
shows(struct scene *s, const char *name, const char *want)
{
	const char *const args[] = {"show", name, "--json", NULL};
	struct rig_output o;
	bool is;

	rig_ctl(&s->agent, &o, args);
	is = o.code == 0 && strstr(o.out, want) != NULL;
	rig_output_free(&o);
	return is;
}

static void
check_shows(
    struct scene *s, const char *name, const char *want, const char *what)
{
	int64_t end = rig_now_ms() + 5000;
	bool is = shows(s, name, want);

	while (!is && rig_pause(end))
		is = shows(s, name, want);
	CHECK(is, "%s: %s is not shown", what, want);
}

static void
check_peer(struct scene *s, const char *what, const char *at_once)
{
	char want[64];

	rig_agent_start(&s->agent);
	requests(s, REQUESTS, what);
	snprintf(want, sizeof(want), "\"at_once\":\"%s\"", at_once);
	check_shows(s, "one", want, what);
	CHECK(!shows(s, "one", "\"warm\":0,"), "%s: none is ready", what);
	CHECK(shows(s, "one", "\"charged\":0,"), "%s: blamed", what);
	finish(s);
}

static void
peer(enum rig_peer_kind kind, const char *login, const char *at_once)
{
	static struct scene s;
	char file[RIG_PATH_MAX];

	if (!rig_peer_installed(kind))
		rig_skip("%s is not installed", rig_peer_word(kind));
	prepare(&s);
	s.peers[0].login = login;
	rig_peer_start(&s.peers[0], kind, "one");
	rig_agent_intermediary(&s.agent, "one", s.peers[0].type,
	    s.peers[0].address, s.peers[0].port);
	if (login != NULL) {
		rig_path(file, "secret");
		rig_write(file, "secret", 0600);
		rig_agent_add(
		    &s.agent, "username = fred\npassword-file = %s\n", file);
	}
	check_peer(&s, rig_peer_word(kind), at_once);
}

static void
t_danted(void)
{
	peer(RIG_PEER_DANTED, NULL, "yes");
}

/* What follows the greeting is dropped. */
static void
t_microsocks(void)
{
	peer(RIG_PEER_MICROSOCKS, NULL, "no");
}

static void
t_login(void)
{
	peer(RIG_PEER_MICROSOCKS, "fred:secret", "no");
}

static void
t_ssh(void)
{
	peer(RIG_PEER_SSH, NULL, "yes");
}

static void
t_squid(void)
{
	peer(RIG_PEER_SQUID, NULL, "unknown");
}

static void
t_agent(void)
{
	static struct scene s;

	prepare(&s);
	rig_agent_init(&s.back, "back");
	rig_agent_direct(&s.back);
	rig_agent_start(&s.back);
	rig_agent_intermediary(
	    &s.agent, "one", "socks5", "127.0.0.1", s.back.port);
	check_peer(&s, "cagentd", "yes");
	rig_agent_stop(&s.back);
}

/* Those that wait die with their server, and come back with it. */
static void
t_killed(void)
{
	static struct scene s;
	int i;

	prepare(&s);
	for (i = 0; i < 2; i++) {
		rig_peer_start(
		    &s.peers[i], RIG_PEER_MICROSOCKS, i ? "two" : "one");
		rig_agent_intermediary(&s.agent, i ? "two" : "one", "socks5",
		    "127.0.0.1", s.peers[i].port);
	}
	rig_agent_start(&s.agent);
	requests(&s, 2 * REQUESTS, "at first");
	rig_peer_kill(&s.peers[0]);
	requests(&s, REQUESTS, "with one killed");
	check_shows(&s, "one", "\"warm\":0,", "killed");
	rig_peer_restart(&s.peers[0], "one");
	rig_peer_kill(&s.peers[1]);
	requests(&s, REQUESTS, "with the other one killed");
	finish(&s);
}

static int
compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* One round trip, where a client of the server itself takes three. */
static void
t_far(void)
{
	struct rig_delay line = {.delay_us = 25000};
	struct rig_server origin;
	static struct scene s;
	int64_t us[REQUESTS];
	int i;

	prepare(&s);
	line.there = rig_ns_peer();
	rig_delay_start(&line);
	rig_delay_cross(&line, true);
	rig_origin_start(&origin, RIG_ORIGIN_HTTP, RIG_DELAY_THERE, 0, NULL);
	rig_delay_cross(&line, false);
	s.peers[0].netns = line.there;
	s.peers[0].address = RIG_DELAY_THERE;
	rig_peer_start(&s.peers[0], RIG_PEER_MICROSOCKS, "one");
	rig_agent_intermediary(
	    &s.agent, "one", "socks5", RIG_DELAY_THERE, s.peers[0].port);
	rig_agent_start(&s.agent);
	for (i = 0; i < 4; i++)
		request(&s, RIG_DELAY_THERE, origin.port, "far, at first");
	for (i = 0; i < REQUESTS; i++)
		us[i] = request(&s, RIG_DELAY_THERE, origin.port, "far");
	qsort(us, REQUESTS, sizeof(*us), compare);
	CHECK(us[0] >= 2 * line.delay_us, "%lld us: no round trip",
	    (long long)us[0]);
	CHECK(us[REQUESTS / 2] < 4 * line.delay_us,
	    "%lld us of two round trips or more", (long long)us[REQUESTS / 2]);
	rig_agent_stop(&s.agent);
	rig_server_stop(&origin);
	rig_server_stop(&s.origin);
}

static const struct rig_case cases[] = {
    {"danted", t_danted, 0, 0},
    {"microsocks", t_microsocks, 0, 0},
    {"login", t_login, 0, 0},
    {"ssh", t_ssh, 0, 0},
    {"squid", t_squid, 0, 0},
    {"agent", t_agent, 0, 0},
    {"killed", t_killed, 0, 0},
    {"far", t_far, 0, RIG_NEEDS_NETNS},
};

RIG_MAIN("warm", cases, NULL)
