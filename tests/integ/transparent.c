/* Programs that know nothing of proxies, in a network whose kernel hands their
 * connections to the agent by the rules that cagent-ctl prints. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_ns.h"

#define TIMEOUT_MS 10000
#define HERE6	   "fd00:18::1"
#define THERE6	   "fd00:18::2"
#define ECHO_PORT  8001u /* by way of the intermediary */
#define PLAIN_PORT 8002u /* directly */
#define DENIED	   8003

struct scene {
	struct rig_agent agent;
	struct rig_peer peer; /* an intermediary of another network */
	struct rig_proc echo[4];
	uint16_t port4, port6; /* of the transparent listeners */
};

static void
run(pid_t netns, const char *const *argv)
{
	struct rig_output o;

	rig_run(&o,
	    &(struct rig_spawn){.name = "run", .argv = argv, .netns = netns},
	    TIMEOUT_MS);
	REQUIRE(o.code == 0, "%s %s: %s", argv[0], argv[1], o.err);
	rig_output_free(&o);
}

static void
add_v6(pid_t netns, const char *address, const char *dev)
{
	const char *const argv[] = {
	    "ip", "-6", "address", "add", address, "dev", dev, "nodad", NULL};

	run(netns, argv);
}

static void
start_echo(struct scene *s, int i, const char *address, uint16_t port)
{
	char listen[96], name[16];
	const char *const argv[] = {"socat", listen, "PIPE", NULL};
	bool v6 = strchr(address, ':') != NULL;

	snprintf(listen, sizeof(listen), "TCP%d-LISTEN:%u,bind=%s%s%s,fork",
	    v6 ? 6 : 4, port, v6 ? "[" : "", address, v6 ? "]" : "");
	snprintf(name, sizeof(name), "echo%d", i);
	rig_proc_start(&s->echo[i],
	    &(struct rig_spawn){
		.name = name, .argv = argv, .netns = s->peer.netns});
}

/* A network beside ours, with an intermediary and destinations. */
static void
start_far(struct scene *s)
{
	static const char *const up[] = {
	    "ip", "link", "set", "rig0", "up", NULL};

	memset(s, 0, sizeof(*s));
	s->peer.netns = rig_ns_peer();
	s->peer.address = RIG_NS_THERE;
	add_v6(0, HERE6 "/64", "rig0");
	add_v6(s->peer.netns, THERE6 "/64", "rig1");
	run(0, up);
	rig_peer_start(&s->peer, RIG_PEER_MICROSOCKS, "far");
	start_echo(s, 0, RIG_NS_THERE, ECHO_PORT);
	start_echo(s, 1, RIG_NS_THERE, PLAIN_PORT);
	start_echo(s, 2, THERE6, ECHO_PORT);
	start_echo(s, 3, THERE6, PLAIN_PORT);
}

static void
start_agent(struct scene *s, const char *kind)
{
	rig_agent_init(&s->agent, "agent");
	s->port4 = rig_port("127.0.0.1");
	s->port6 = rig_port("::1");
	rig_agent_key(&s->agent, "listen = %s:127.0.0.1:%u", kind, s->port4);
	rig_agent_key(&s->agent, "listen = %s:[::1]:%u", kind, s->port6);
	rig_agent_key(&s->agent, "log-tunnels = yes");
	rig_agent_intermediary(
	    &s->agent, "far", "socks5", RIG_NS_THERE, s->peer.port);
	rig_agent_add(&s->agent,
	    "[rule \"plain\"]\nport = %u\nprotocol = %s\nvia = direct\n"
	    "network = " RIG_NS_THERE "/32\nnetwork = " THERE6 "/128\n"
	    "[rule \"denied\"]\nport = %u\nvia = deny\n",
	    PLAIN_PORT, kind, DENIED);
	rig_agent_start(&s->agent);
}

/* Have the kernel do what cagent-ctl says. */
static void
load_rules(struct scene *s)
{
	static const char *const env[] = {"env", "--transparent", NULL};
	char path[RIG_PATH_MAX], *line, *rest;
	const char *const nft[] = {"nft", "-f", path, NULL};
	const char *const ip[] = {"sh", "-c", NULL, NULL};
	const char *argv[4];
	struct rig_output o;

	rig_ctl(&s->agent, &o, env);
	REQUIRE(o.code == 0, "env --transparent: %s", o.err);
	rig_path(path, "rules.nft");
	rig_write(path, o.out, 0644);
	run(0, nft);
	run(0, nft); /* in the place of itself */
	rest = o.out;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, "# ip ", 5) != 0)
			continue;
		memcpy(argv, ip, sizeof(argv));
		argv[2] = line + 2;
		run(0, argv);
	}
	rig_output_free(&o);
}

/* Bytes to there and back, for a client that asks nobody. */
static void
check_echo(
    struct scene *s, const char *address, uint16_t port, const char *said)
{
	struct rig_wait w = {
	    .mark = rig_proc_mark(&s->agent.proc), .timeout_ms = TIMEOUT_MS};
	enum rig_fail fail;
	struct rig_conn c;

	fail = rig_open(&c, address, port, TIMEOUT_MS);
	if (fail == RIG_OK)
		fail = rig_echo(&c, 7, 0, 100000);
	CHECK(fail == RIG_OK, "%s port %u: %s, %s", address, port,
	    rig_fail_word(fail), c.text);
	if (fail != RIG_OK)
		return;
	rig_conn_close(&c);
	CHECK(rig_proc_wait_log(&s->agent.proc, said, &w) == 0,
	    "the log does not say \"%s\"", said);
}

/* It is taken by us, and then as if it had been refused. */
static void
check_reset(const char *address, uint16_t port)
{
	enum rig_fail fail;
	struct rig_conn c;
	char byte;

	fail = rig_open(&c, address, port, TIMEOUT_MS);
	if (fail != RIG_OK) { /* so soon */
		CHECK(fail == RIG_FAIL_RESET || fail == RIG_FAIL_PROXY,
		    "%s port %u: %s", address, port, rig_fail_word(fail));
		return;
	}
	fail = rig_recv(&c, &byte, 1);
	CHECK(fail == RIG_FAIL_RESET, "%s port %u: %s, %s", address, port,
	    rig_fail_word(fail), c.text);
	rig_conn_close(&c);
}

static void
check_refused(const char *address, uint16_t port)
{
	enum rig_fail fail;
	struct rig_conn c;

	fail = rig_open(&c, address, port, TIMEOUT_MS);
	CHECK(fail == RIG_FAIL_PROXY, "%s port %u: %s", address, port,
	    rig_fail_word(fail));
	if (fail == RIG_OK)
		rig_conn_close(&c);
}

static void
check_all(const char *kind)
{
	char hop4[128], hop6[128], plain4[128], plain6[128];
	struct scene s;
	size_t fds;
	pid_t worker;
	int i;

	start_far(&s);
	start_agent(&s, kind);
	load_rules(&s);
	snprintf(hop4, sizeof(hop4), "%s " RIG_NS_THERE ":%u via far", kind,
	    ECHO_PORT);
	snprintf(
	    hop6, sizeof(hop6), "%s [" THERE6 "]:%u via far", kind, ECHO_PORT);
	snprintf(plain4, sizeof(plain4), "%s " RIG_NS_THERE ":%u via direct",
	    kind, PLAIN_PORT);
	snprintf(plain6, sizeof(plain6), "%s [" THERE6 "]:%u via direct", kind,
	    PLAIN_PORT);
	check_echo(&s, RIG_NS_THERE, ECHO_PORT, hop4);
	check_echo(&s, THERE6, ECHO_PORT, hop6);
	check_echo(&s, RIG_NS_THERE, PLAIN_PORT, plain4);
	check_echo(&s, THERE6, PLAIN_PORT, plain6);
	check_reset(RIG_NS_THERE, DENIED);
	check_reset(THERE6, DENIED);

	/* Nobody's business but ours: no connection of the agent's to itself
	 * comes of it. */
	worker = rig_agent_child(&s.agent, "worker 0");
	fds = rig_fds(worker);
	for (i = 0; i < 50; i++) {
		check_reset("127.0.0.1", s.port4);
		check_reset("::1", s.port6);
	}
	CHECK(rig_fds(worker) <= fds + 1, "%zu fds, and %zu before",
	    rig_fds(worker), fds);
	check_echo(&s, RIG_NS_THERE, ECHO_PORT, hop4);

	rig_agent_stop(&s.agent);
	check_refused(RIG_NS_THERE, ECHO_PORT);
	check_refused(THERE6, PLAIN_PORT);
}

static void
redirects(void)
{
	check_all("redirect");
}

static void
diverts_by_tproxy(void)
{
	check_all("tproxy");
}

static const struct rig_case cases[] = {
    {"redirect", redirects, 0, RIG_NEEDS_NETNS},
    {"tproxy", diverts_by_tproxy, 0, RIG_NEEDS_NETNS},
};

RIG_MAIN("transparent", cases, NULL)
