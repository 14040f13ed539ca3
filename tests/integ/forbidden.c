/* Addresses of this host that clients ask a real agent for, in any spelling
 * and by every protocol: nobody is ever connected to. */
#include <stdio.h>
#include <string.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_ns.h"
#include "tests/integ/rig_web.h"

#define TIMEOUT_MS 10000
#define OFTEN	   1000

static const char *const hosts[] = {"127.0.0.1", "localhost", RIG_NAME,
    "localhost.", "0.0.0.0", "127.1", "2130706433", "0x7f.1", "::1",
    "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "::", "127.0.0.2",
    "LOCALHOST", RIG_NAME "."};
#define HOSTS (sizeof(hosts) / sizeof(*hosts))

static const enum rig_proto protos[] = {
    RIG_SOCKS5H, RIG_CONNECT, RIG_SOCKS4A, RIG_SOCKS5, RIG_SOCKS4};

static void
check_refused(const struct rig_agent *a, enum rig_proto proto, const char *host,
    uint16_t port)
{
	struct rig_proxy proxy = rig_agent_proxy(a, proto);
	enum rig_fail fail;
	struct rig_conn c;

	fail = rig_dial(&c, &proxy, host, port, TIMEOUT_MS);
	CHECK(fail != RIG_OK && fail != RIG_FAIL_TIMEOUT &&
		  fail != RIG_FAIL_PROXY,
	    "%s by %s: %s", host, rig_proto_word(proto), rig_fail_word(fail));
	if (fail == RIG_OK)
		rig_conn_close(&c);
}

/* Not as a tunnel, but a request that names it. */
static void
check_refused_plain(const struct rig_agent *a, const char *host, uint16_t port)
{
	bool v6 = strchr(host, ':') != NULL;
	struct rig_web w;
	char target[128];

	snprintf(target, sizeof(target), "http://%s%s%s:%u/", v6 ? "[" : "",
	    host, v6 ? "]" : "", port);
	rig_web_get(&w, a->port, target, "");
	CHECK(w.status == 400 || w.status == 403 || w.status == 502,
	    "%s: %d: %.200s", target, w.status, w.text);
	rig_web_free(&w);
}

static void
refuses(void)
{
	struct rig_server here = {0};
	struct rig_agent a;
	pid_t worker;
	size_t i, p, fds;

	rig_origin_start(&here, RIG_ORIGIN_ECHO, "127.0.0.1", 0, NULL);
	rig_agent_init(&a, "agent");
	a.workers = 1;
	rig_agent_key(&a, "no-path = direct");
	rig_agent_add(&a, "[direct]\nnetwork = 0.0.0.0/0\nnetwork = ::/0\n"
			  "domain = test\n");
	rig_agent_start(&a);
	for (p = 0; p < 2; p++) {
		for (i = 0; i < HOSTS; i++)
			check_refused(&a, protos[p], hosts[i], here.port);
	}
	for (i = 0; i < HOSTS; i++)
		check_refused_plain(&a, hosts[i], here.port);
	for (; p < sizeof(protos) / sizeof(*protos); p++)
		check_refused(&a, protos[p], "127.0.0.1", here.port);
	check_refused(&a, RIG_SOCKS4A, RIG_NAME, here.port);

	/* Ourselves. */
	worker = rig_agent_child(&a, "worker 0");
	fds = rig_fds(worker);
	for (i = 0; i < OFTEN; i++)
		check_refused(&a, RIG_CONNECT, "127.0.0.1", a.port);
	CHECK(rig_fds(worker) <= fds + 8, "%zu fds, and %zu before",
	    rig_fds(worker), fds);
	CHECK(here.accepted == 0, "%u connections came", here.accepted);
	rig_agent_stop(&a);
	rig_server_stop(&here);
}

/* The control: where the loopback is listed for itself they do get there. */
static void
serves_what_is_listed(void)
{
	struct rig_server here = {0};
	struct rig_proxy proxy;
	struct rig_agent a;
	struct rig_conn c;

	rig_origin_start(&here, RIG_ORIGIN_ECHO, "127.0.0.1", 0, NULL);
	rig_agent_init(&a, "agent");
	rig_agent_direct(&a);
	rig_agent_start(&a);
	proxy = rig_agent_proxy(&a, RIG_CONNECT);
	REQUIRE(
	    rig_dial(&c, &proxy, "127.0.0.1", here.port, TIMEOUT_MS) == RIG_OK,
	    "it is listed: %s", c.text);
	CHECK(rig_echo(&c, 1, 0, 100) == RIG_OK, "an echo: %s", c.text);
	rig_conn_close(&c);
	CHECK(here.accepted == 1, "%u connections came", here.accepted);
	rig_agent_stop(&a);
	rig_server_stop(&here);
}

static const struct rig_case cases[] = {
    {"refuses", refuses, 0, RIG_NEEDS_NETNS},
    {"serves what is listed", serves_what_is_listed, 0, RIG_NEEDS_NETNS},
};

RIG_MAIN("forbidden", cases, NULL)
