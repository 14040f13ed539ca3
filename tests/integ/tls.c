/* Intermediaries over TLS: a real squid, and servers that are wrong in every
 * way they can be. */
#include <stdio.h>
#include <string.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_origin.h"
#include "tests/integ/rig_peers.h"
#include "tests/integ/rig_tls.h"

/* What the tests take for an intermediary over TLS is one to others, too. */
static void
t_peer(void)
{
	struct rig_peer p = {.address = NULL};
	struct rig_server o;
	struct rig_output out;
	char proxy[64], url[64];
	const char *const argv[] = {"curl", "-sS", "--max-time", "20",
	    "--proxy", proxy, "--proxy-cacert", rig_tls_ca(), "-p", "--fail",
	    url, NULL};
	const struct rig_spawn s = {.name = "curl", .argv = argv};

	rig_origin_start(&o, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_peer_start(&p, RIG_PEER_SQUID_TLS, "squid");
	snprintf(proxy, sizeof(proxy), "https://127.0.0.1:%u", p.port);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/bytes/100", o.port);
	rig_run(&out, &s, 20000);
	CHECK(out.code == 0 && out.out_len == 100, "curl: %d, %zu bytes: %s",
	    out.code, out.out_len, out.err);
	rig_output_free(&out);
}

static const struct rig_case cases[] = {
    {"peer", t_peer, 60, 0},
};

RIG_MAIN("tls", cases, NULL)
