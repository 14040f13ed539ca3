/* What clients are told of destinations that cannot be reached: the true
 * reason where it is known, a failure always, and never late. */
#include <stdio.h>
#include <string.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_ns.h"

#define ATTEMPT_MS 700
#define DIAL_MS	   1600
#define GRACE_MS   2000

enum fate {
	FATE_REFUSED,
	FATE_UNREACHABLE, /* no route to host */
	FATE_NO_NETWORK,  /* network is unreachable */
	FATE_UNKNOWN,	  /* there is no such name */
	FATE_MUTE,	  /* DNS does not answer */
	FATE_BLACKHOLE,	  /* SYNs are swallowed */
	FATES
};
static const char *const fate_words[FATES] = {"refused", "unreachable",
    "no network", "unresolvable", "mute DNS", "black-holed"};

/* SOCKS5 REP and HTTP status when the agent itself has tried; SOCKS4 knows
 * but one "no". */
static const struct {
	int rep, status;
} direct_codes[FATES] = {
    [FATE_REFUSED] = {5, 502},
    [FATE_UNREACHABLE] = {4, 502},
    [FATE_NO_NETWORK] = {3, 502},
    [FATE_UNKNOWN] = {4, 502},
    [FATE_MUTE] = {-1, -1}, /* 04 or 06, 502 or 504 */
    [FATE_BLACKHOLE] = {6, 504},
};

struct scene {
	struct rig_agent agent;
	struct rig_peer peer;
	struct rig_proxy proxies[RIG_AGENT_PROXIES];
	uint16_t refused, blackhole;
};

struct table {
	short code[RIG_PEER_KINDS + 1][FATES][RIG_AGENT_PROXIES];
};
_Static_assert(sizeof(struct table) <= RIG_SHARED_LEN, "too many codes");

static void
prepare(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	if (rig_isolated()) {
		rig_dns_start();
		rig_ns_unreachable(RIG_NS_UNREACHABLE);
	}
	s->refused = rig_port("127.0.0.1");
	s->blackhole = rig_port_blackhole("127.0.0.1");
	rig_agent_init(&s->agent, "agent");
	rig_agent_key(&s->agent, "attempt-timeout = %dms", ATTEMPT_MS);
	rig_agent_key(&s->agent, "dial-timeout = %dms", DIAL_MS);
}

static const char *
destination(const struct scene *s, enum fate fate, uint16_t *port)
{
	*port = 80;
	switch (fate) {
	case FATE_REFUSED:
		*port = s->refused;
		return "127.0.0.1";
	case FATE_UNREACHABLE:
		return "198.18.77.1";
	case FATE_NO_NETWORK:
		return "198.18.200.1";
	case FATE_UNKNOWN:
		return RIG_NAME_NONE;
	case FATE_MUTE:
		return RIG_NAME_MUTE;
	case FATE_BLACKHOLE:
		*port = s->blackhole;
		return "127.0.0.1";
	case FATES:
		break;
	}
	return "";
}

/* Can this be asked here?  Outside of a namespace only what loopback has;
 * names only by who sends names. */
static bool
askable(enum fate fate, enum rig_proto p)
{
	if (fate == FATE_REFUSED || fate == FATE_BLACKHOLE)
		return true;
	if (fate == FATE_UNKNOWN || fate == FATE_MUTE)
		return rig_isolated() && p != RIG_SOCKS4 && p != RIG_SOCKS5;
	return rig_isolated();
}

static void
check_code(enum fate fate, const struct rig_proxy *p, const struct rig_conn *c,
    bool exact)
{
	const char *proto = rig_proto_word(p->proto);

	if (p->proto == RIG_SOCKS4 || p->proto == RIG_SOCKS4A) {
		CHECK(c->code == 0x5b, "%s, %s: code %d", fate_words[fate],
		    proto, c->code);
		return;
	}
	if (p->proto == RIG_CONNECT) {
		CHECK(c->code >= 500 && c->code <= 504, "%s: status %d",
		    fate_words[fate], c->code);
		CHECK(!exact || c->code == direct_codes[fate].status,
		    "%s: status %d, not %d", fate_words[fate], c->code,
		    direct_codes[fate].status);
		CHECK(
		    strstr(c->head, "\r\nProxy-Status: cagent; error=") != NULL,
		    "%s: no Proxy-Status: %s", fate_words[fate], c->head);
		CHECK(strstr(c->head, "no path to") != NULL, "%s: no page: %s",
		    fate_words[fate], c->head);
		return;
	}
	CHECK(c->code >= 1 && c->code <= 8, "%s, %s: REP %d", fate_words[fate],
	    proto, c->code);
	CHECK(!exact || c->code == direct_codes[fate].rep,
	    "%s, %s: REP %d, not %d", fate_words[fate], proto, c->code,
	    direct_codes[fate].rep);
}

static void
ask_all(struct scene *s, size_t row, bool exact)
{
	struct table *t = rig_shared();
	const char *host;
	struct rig_conn c;
	enum rig_fail f;
	int64_t begun;
	uint16_t port;
	int fate;
	size_t i;

	rig_agent_proxies(&s->agent, s->proxies);
	for (fate = 0; fate < FATES; fate++) {
		host = destination(s, (enum fate)fate, &port);
		for (i = 0; i < RIG_AGENT_PROXIES; i++) {
			if (!askable((enum fate)fate, s->proxies[i].proto))
				continue;
			begun = rig_now_ms();
			f = rig_dial(&c, &s->proxies[i], host, port, 20000);
			rig_conn_close(&c);
			t->code[row][fate][i] = (short)c.code;
			CHECK(f == RIG_FAIL_REPLY, "%s, %s: %s: %s",
			    fate_words[fate],
			    rig_proto_word(s->proxies[i].proto),
			    rig_fail_word(f), c.text);
			CHECK(rig_now_ms() - begun < DIAL_MS + GRACE_MS,
			    "%s, %s: after %lld ms", fate_words[fate],
			    rig_proto_word(s->proxies[i].proto),
			    (long long)(rig_now_ms() - begun));
			check_code((enum fate)fate, &s->proxies[i], &c,
			    exact && fate != FATE_MUTE);
		}
	}
}

static void
t_direct(void)
{
	static struct scene s;

	prepare(&s);
	rig_agent_key(&s.agent, "no-path = direct");
	rig_agent_direct(&s.agent);
	rig_agent_start(&s.agent);
	ask_all(&s, RIG_PEER_KINDS, true);
	rig_agent_stop(&s.agent);
}

/* An intermediary may know less than it should; the agent still never turns
 * its "no" into a "yes", and says a plain "refused" when it was told one. */
static void
peer(enum rig_peer_kind kind)
{
	static struct scene s;
	struct rig_server origin;
	struct rig_conn c;
	enum rig_fail f;

	prepare(&s);
	rig_peer_start(&s.peer, kind, "peer");
	rig_agent_intermediary(
	    &s.agent, "peer", s.peer.type, s.peer.address, s.peer.port);
	rig_agent_start(&s.agent);
	ask_all(&s, (size_t)kind, false);
	/* All that was the destinations' fault: the peer still serves. */
	rig_origin_start(&origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	f = rig_dial(&c, &s.proxies[2], "127.0.0.1", origin.port, 10000);
	if (f == RIG_OK)
		f = rig_http_get(&c, 1000);
	rig_conn_close(&c);
	CHECK(f == RIG_OK, "the intermediary was given up for it: %s", c.text);
	rig_server_stop(&origin);
	rig_agent_stop(&s.agent);
}

static void
t_danted(void)
{
	struct table *t = rig_shared();
	short(*codes)[RIG_AGENT_PROXIES] = t->code[RIG_PEER_DANTED];

	peer(RIG_PEER_DANTED);
	CHECK_INT(codes[FATE_REFUSED][2], 5);
	if (rig_isolated())
		CHECK_INT(codes[FATE_UNKNOWN][3], 4);
}

static void
t_microsocks(void)
{
	struct table *t = rig_shared();

	peer(RIG_PEER_MICROSOCKS);
	CHECK_INT(t->code[RIG_PEER_MICROSOCKS][FATE_REFUSED][2], 5);
}

static void
t_squid(void)
{
	peer(RIG_PEER_SQUID);
}

static void
t_tinyproxy(void)
{
	peer(RIG_PEER_TINYPROXY);
}

static void
t_ssh(void)
{
	peer(RIG_PEER_SSH);
}

static void
t_privoxy(void)
{
	peer(RIG_PEER_PRIVOXY);
}

static void
t_apache(void)
{
	peer(RIG_PEER_APACHE);
}

static void
report(void)
{
	const struct table *t = rig_shared();
	size_t row, i;
	int fate;

	printf("\n  | %-12s %-14s %8s %8s %8s %8s %8s\n", "path", "destination",
	    "socks4", "socks4a", "socks5", "socks5h", "connect");
	for (row = 0; row <= RIG_PEER_KINDS; row++) {
		if (t->code[row][FATE_REFUSED][0] == 0)
			continue; /* was not asked */
		for (fate = 0; fate < FATES; fate++) {
			printf("  | %-12s %-14s",
			    row < RIG_PEER_KINDS
				? rig_peer_word((enum rig_peer_kind)row)
				: "direct",
			    fate_words[fate]);
			for (i = 0; i < RIG_AGENT_PROXIES; i++)
				printf(" %8d", t->code[row][fate][i]);
			printf("\n");
		}
	}
	printf("\n");
}

static const struct rig_case cases[] = {
    {"direct", t_direct, 120, 0},
    {"danted", t_danted, 180, 0},
    {"microsocks", t_microsocks, 180, 0},
    {"squid", t_squid, 180, 0},
    {"tinyproxy", t_tinyproxy, 180, 0},
    {"ssh", t_ssh, 180, 0},
    {"privoxy", t_privoxy, 180, 0},
    {"apache", t_apache, 180, 0},
};

RIG_MAIN("truth", cases, report)
