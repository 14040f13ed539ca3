/* Real applications through real intermediaries, every pair of them, by one
 * port of the agent. */
#include <stdio.h>
#include <string.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_apps.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_tls.h"

#define CLIENT_MS 30000

enum way {
	WAY_DIRECT = RIG_PEER_KINDS,
	WAY_AGENT_SOCKS5,
	WAY_AGENT_SOCKS4A,
	WAY_AGENT_HTTP,
	WAYS
};

enum cell {
	CELL_NONE,
	CELL_OK,
	CELL_FAILED
};

/* Filled by the cases, printed by the runner. */
struct matrix {
	unsigned char cell[WAYS][RIG_APPS];
};
_Static_assert(sizeof(struct matrix) <= RIG_SHARED_LEN, "too many cells");

struct scene {
	struct rig_places places;
	struct rig_agent agent, back;
	struct rig_peer peer;
};

static const char *
way_word(int way)
{
	static const char *const words[] = {
	    "direct", "cagentd socks5", "cagentd socks4a", "cagentd http"};

	return way < RIG_PEER_KINDS ? rig_peer_word((enum rig_peer_kind)way)
				    : words[way - WAY_DIRECT];
}

static void
lay_way(struct scene *s, int way)
{
	static const char *const types[] = {"socks5", "socks4a", "http"};

	if (way == WAY_DIRECT) {
		rig_agent_direct(&s->agent);
	} else if (way > WAY_DIRECT) {
		rig_agent_init(&s->back, "back");
		rig_agent_direct(&s->back);
		rig_agent_start(&s->back);
		rig_agent_intermediary(&s->agent, "back",
		    types[way - WAY_AGENT_SOCKS5], "127.0.0.1", s->back.port);
	} else {
		rig_peer_start(&s->peer, (enum rig_peer_kind)way, "peer");
		rig_agent_intermediary(
		    &s->agent, "peer", s->peer.type, "127.0.0.1", s->peer.port);
		if (way == RIG_PEER_SQUID_TLS)
			rig_agent_add(
			    &s->agent, "ca-file = %s\n", rig_tls_ca());
	}
}

static void
run_way(int way)
{
	struct matrix *m = rig_shared();
	static struct scene s;
	struct rig_output o;
	int app;
	bool ok;

	rig_places_start(&s.places);
	rig_agent_init(&s.agent, "agent");
	lay_way(&s, way);
	rig_agent_start(&s.agent);
	for (app = 0; app < RIG_APPS; app++) {
		ok =
		    rig_app_run((enum rig_app)app, &s.places, s.agent.port, &o);
		m->cell[way][app] = ok ? CELL_OK : CELL_FAILED;
		CHECK(ok, "%s through %s: exit %d: %.300s",
		    rig_app_word((enum rig_app)app), way_word(way), o.code,
		    o.err);
		rig_output_free(&o);
	}
	rig_agent_stop(&s.agent);
	rig_places_stop(&s.places);
}

#define WAY(name, which)           \
	static void t_##name(void) \
	{                          \
		run_way(which);    \
	}

WAY(danted, RIG_PEER_DANTED)
WAY(microsocks, RIG_PEER_MICROSOCKS)
WAY(squid, RIG_PEER_SQUID)
WAY(tinyproxy, RIG_PEER_TINYPROXY)
WAY(ssh, RIG_PEER_SSH)
WAY(privoxy, RIG_PEER_PRIVOXY)
WAY(apache, RIG_PEER_APACHE)
WAY(squid_tls, RIG_PEER_SQUID_TLS)
WAY(agent_socks5, WAY_AGENT_SOCKS5)
WAY(agent_socks4a, WAY_AGENT_SOCKS4A)
WAY(agent_http, WAY_AGENT_HTTP)
WAY(direct, WAY_DIRECT)

/* IPv6 to and through the agent, and its unix socket. */
static void
t_families(void)
{
	char proxy6[64], proxyunix[RIG_PATH_MAX + 40], url[64];
	const char *const by6[] = {
	    "curl", "-sS", "--max-time", "20", "--proxy", proxy6, url, NULL};
	const char *const byunix[] = {
	    "curl", "-sS", "--max-time", "20", "--proxy", proxyunix, url, NULL};
	struct rig_spawn spawn = {.name = "curl"};
	struct rig_server origin;
	struct rig_output o;
	struct rig_agent a;
	uint16_t port = rig_port("::1");

	rig_origin_start(&origin, RIG_ORIGIN_HTTP, "::1", 0, NULL);
	rig_agent_init(&a, "agent");
	rig_agent_direct(&a);
	rig_agent_key(&a, "listen = [::1]:%u", port);
	rig_agent_key(&a, "listen = unix:%s/agent.sock", rig_dir());
	rig_agent_start(&a);
	snprintf(proxy6, sizeof(proxy6), "socks5h://[::1]:%u", port);
	snprintf(proxyunix, sizeof(proxyunix),
	    "socks5h://localhost%s/agent.sock", rig_dir());
	snprintf(url, sizeof(url), "http://[::1]:%u/bytes/%d", origin.port,
	    RIG_APP_BYTES);
	spawn.argv = by6;
	rig_run(&o, &spawn, 30000);
	CHECK(o.code == 0 && rig_app_bytes(o.out, o.out_len),
	    "by v6: exit %d: %s", o.code, o.err);
	rig_output_free(&o);
	spawn.argv = byunix;
	rig_run(&o, &spawn, 30000);
	CHECK(o.code == 0 && rig_app_bytes(o.out, o.out_len),
	    "by unix socket: exit %d: %s", o.code, o.err);
	rig_output_free(&o);
	rig_agent_stop(&a);
	rig_server_stop(&origin);
}

static void
report(void)
{
	static const char *const cells[] = {"-", "ok", "FAILED"};
	const struct matrix *m = rig_shared();
	int way, app;

	printf("\n  | %-16s", "");
	for (app = 0; app < RIG_APPS; app++)
		printf(" %-8s", rig_app_word((enum rig_app)app));
	printf("\n");
	for (way = 0; way < WAYS; way++) {
		printf("  | %-16s", way_word(way));
		for (app = 0; app < RIG_APPS; app++)
			printf(" %-8s", cells[m->cell[way][app]]);
		printf("\n");
	}
	printf("\n");
}

static const struct rig_case cases[] = {
    {"danted", t_danted, 120, 0},
    {"microsocks", t_microsocks, 120, 0},
    {"squid", t_squid, 120, 0},
    {"tinyproxy", t_tinyproxy, 120, 0},
    {"ssh", t_ssh, 120, 0},
    {"privoxy", t_privoxy, 120, 0},
    {"apache", t_apache, 120, 0},
    {"squid-tls", t_squid_tls, 120, 0},
    {"agent-socks5", t_agent_socks5, 120, 0},
    {"agent-socks4a", t_agent_socks4a, 120, 0},
    {"agent-http", t_agent_http, 120, 0},
    {"direct", t_direct, 120, 0},
    {"families", t_families, 60, 0},
};

RIG_MAIN("matrix", cases, report)
