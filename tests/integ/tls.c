/* Intermediaries over TLS: a real squid, and servers that are wrong in every
 * way they can be. */
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_origin.h"
#include "tests/integ/rig_peers.h"
#include "tests/integ/rig_tls.h"
#include "tests/integ/rig_tls_fake.h"
#include "tests/unit/tls_sample.h"

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

static void
https(struct rig_agent *a, const char *name, uint16_t port, unsigned int tier)
{
	rig_agent_add(a,
	    "[intermediary \"%s\"]\ntype = https\naddress = 127.0.0.1:%u\n"
	    "ca-file = %s\ntier = %u\n",
	    name, port, rig_tls_ca(), tier);
}

/* A tunnel to an echo, or to who says to be one. */
static void
echoes(struct rig_agent *a, uint16_t port, const char *when)
{
	struct rig_proxy p = rig_agent_proxy(a, RIG_SOCKS5H);
	struct rig_conn c;
	enum rig_fail f = rig_dial(&c, &p, "127.0.0.1", port, 8000);

	if (f == RIG_OK)
		f = rig_echo(&c, 7, 0, 3000);
	CHECK(f == RIG_OK, "%s: %s: %s", when, rig_fail_word(f), c.text);
	rig_conn_close(&c);
}

static void
await_log(struct rig_agent *a, const char *text)
{
	const struct rig_wait w = {.timeout_ms = 10000};
	int rc = rig_proc_wait_log(&a->proc, text, &w);

	CHECK(rc == 0, "not in the log: %s", text);
}

/* The whole of it: names, bytes both ways, half-close, and what it is called
 * by cagent-ctl. */
static void
t_squid(void)
{
	static const char *const show[] = {"show", "squid", "--json", NULL};
	struct rig_peer p = {.address = NULL};
	static struct rig_server o;
	struct rig_agent a;
	struct rig_output out;
	struct rig_proxy proxy;
	struct rig_conn c;
	enum rig_fail f;

	rig_agent_init(&a, "agent");
	a.workers = 1;
	rig_peer_start(&p, RIG_PEER_SQUID_TLS, "squid");
	https(&a, "squid", p.port, 1);
	rig_agent_start(&a);
	await_log(&a, "squid: up, was unknown");
	rig_agent_serves(&a, "127.0.0.1", "by squid");
	rig_origin_start(&o, RIG_ORIGIN_EXCHANGE, "127.0.0.1", 3 << 20, NULL);
	proxy = rig_agent_proxy(&a, RIG_CONNECT);
	f = rig_dial(&c, &proxy, "127.0.0.1", o.port, 20000);
	if (f == RIG_OK)
		f = rig_transfer(&c, RIG_ORIGIN_EXCHANGE, 3 << 20);
	CHECK(f == RIG_OK, "3 MiB each way: %s: %s", rig_fail_word(f), c.text);
	rig_conn_close(&c);
	rig_ctl(&a, &out, show);
	CHECK(strstr(out.out, "\"type\":\"https\"") != NULL, "%s", out.out);
	rig_output_free(&out);
	rig_agent_stop(&a);
}

/* One after the other fails, and the last serves the same client. */
static void
t_wrong(void)
{
	static const struct {
		enum rig_tls_kind kind;
		const char *said;
	} wrong[] = {
	    {RIG_TLS_WRONG_NAME, "trusted: IP address mismatch"},
	    {RIG_TLS_UNTRUSTED,
		"trusted: unable to get local issuer certificate"},
	    {RIG_TLS_EXPIRED, "trusted: certificate has expired"},
	    {RIG_TLS_WANTS_CERT, "failed: tlsv13 alert certificate required"},
	    {RIG_TLS_11, "failed: tlsv1 alert protocol version"},
	    {RIG_TLS_GARBAGE, "failed: wrong version number"},
	};
	static struct rig_tls_fake fakes[6], good;
	static const char *const tiers[] = {"tiers", "--json", NULL};
	struct rig_output out;
	struct rig_agent a;
	unsigned int i;

	rig_agent_init(&a, "agent");
	rig_agent_key(&a, "check-interval = 0ms");
	rig_agent_key(&a, "attempts = 8");
	rig_agent_key(&a, "hedge-percent = 0");
	for (i = 0; i < 6; i++) {
		rig_tls_fake_start(&fakes[i], wrong[i].kind);
		https(&a, rig_tls_word(wrong[i].kind), fakes[i].port, i + 1);
	}
	rig_tls_fake_start(&good, RIG_TLS_GOOD);
	https(&a, "good", good.port, 7);
	rig_agent_start(&a);
	echoes(&a, 7, "past all that are wrong");
	CHECK_INT(good.shaken, 1);
	for (i = 0; i < 6; i++) {
		CHECK(fakes[i].accepted == 1, "%s was asked %u times",
		    rig_tls_word(wrong[i].kind), fakes[i].accepted);
		await_log(&a, wrong[i].said);
	}
	rig_ctl(&a, &out, tiers);
	CHECK(strstr(out.out, "hop-certificate") != NULL, "%s", out.out);
	CHECK(strstr(out.out, "hop-tls") != NULL, "%s", out.out);
	rig_output_free(&out);
	rig_agent_stop(&a);
}

/* Those that have no end take no longer, and no more, than others. */
static void
t_endless(void)
{
	static const enum rig_tls_kind kinds[] = {
	    RIG_TLS_STALLS, RIG_TLS_DRIPS, RIG_TLS_ENDLESS};
	static struct rig_tls_fake fakes[3], good;
	struct rig_agent a;
	unsigned int i;

	rig_agent_init(&a, "agent");
	rig_agent_key(&a, "check-interval = 0ms");
	rig_agent_key(&a, "hedge-percent = 0");
	rig_agent_key(&a, "attempt-timeout = 300ms");
	for (i = 0; i < 3; i++) {
		rig_tls_fake_start(&fakes[i], kinds[i]);
		https(&a, rig_tls_word(kinds[i]), fakes[i].port, i + 1);
	}
	rig_tls_fake_start(&good, RIG_TLS_GOOD);
	https(&a, "good", good.port, 4);
	rig_agent_start(&a);
	echoes(&a, 7, "past all that have no end");
	CHECK_INT(good.shaken, 1);
	await_log(&a, "excessive message size");
	rig_agent_stop(&a);
}

/* With a certificate of ours it is another matter; and the second connection
 * takes up where the first has left off. */
static void
t_client_cert(void)
{
	const struct tls_sample_spec spec = {
	    .cn = "agent", .by = rig_tls_authority(), .client = true};
	static struct rig_tls_fake fake;
	struct rig_tls_files files;
	struct rig_output out;
	struct rig_agent a;

	rig_tls_cert(&files, "agent-cert", &spec);
	rig_tls_fake_start(&fake, RIG_TLS_WANTS_CERT);
	rig_agent_init(&a, "agent");
	a.workers = 1;
	rig_agent_key(&a, "check-interval = 0ms");
	https(&a, "wants-cert", fake.port, 1);
	rig_agent_add(
	    &a, "cert-file = %s\nkey-file = %s\n", files.cert, files.key);
	rig_agent_test(&a, &out);
	CHECK(out.code != 0 && strstr(out.err, "others may read") != NULL,
	    "a key for all to read: %d, %s", out.code, out.err);
	rig_output_free(&out);
	REQUIRE(chmod(files.key, 0600) == 0, "chmod: %s", strerror(errno));
	rig_agent_start(&a);
	echoes(&a, 7, "with our certificate");
	CHECK_INT(fake.resumed, 0);
	echoes(&a, 7, "once more");
	CHECK_INT(fake.shaken, 2);
	CHECK_INT(fake.resumed, 1);
	CHECK_INT(rig_agent_reload(&a, 10000, NULL), 0);
	echoes(&a, 7, "after a reload");
	CHECK_INT(fake.resumed, 2);
	rig_agent_stop(&a);
}

/* The client is not told that all has come. */
static void
t_cut(void)
{
	static struct rig_tls_fake fake;
	struct rig_proxy p;
	struct rig_agent a;
	struct rig_conn c;
	char text[16];
	size_t len;
	enum rig_fail f;

	rig_tls_fake_start(&fake, RIG_TLS_CUTS);
	rig_agent_init(&a, "agent");
	https(&a, "cuts", fake.port, 1);
	rig_agent_start(&a);
	p = rig_agent_proxy(&a, RIG_SOCKS5H);
	f = rig_dial(&c, &p, "127.0.0.1", 7, 8000);
	CHECK(f == RIG_OK, "dial: %s", c.text);
	if (f == RIG_OK) {
		rig_send(&c, "hello", 5);
		f = rig_recv_all(&c, text, sizeof(text), &len);
		CHECK(f == RIG_FAIL_RESET && len == 5, "%s after %zu bytes",
		    rig_fail_word(f), len);
	}
	rig_conn_close(&c);
	rig_agent_stop(&a);
}

/* The prober's word for it, by a good one and one that is another's. */
static void
t_probe(void)
{
	static struct rig_tls_fake good, wrong;
	char program[PATH_MAX], urls[2][64], *slash;
	const char *const argv[] = {program, "-n", "1", "--json", "--cacert",
	    rig_tls_ca(), urls[0], urls[1], NULL};
	const struct rig_spawn s = {.name = "cagent-probe", .argv = argv};
	struct rig_output out;

	rig_agent_program(program, sizeof(program));
	slash = strrchr(program, '/');
	REQUIRE(slash != NULL, "%s", program);
	snprintf(slash, sizeof("/cagent-probe"), "/cagent-probe");
	rig_tls_fake_start(&good, RIG_TLS_GOOD);
	rig_tls_fake_start(&wrong, RIG_TLS_WRONG_NAME);
	snprintf(urls[0], 64, "https://127.0.0.1:%u", good.port);
	snprintf(urls[1], 64, "https://127.0.0.1:%u", wrong.port);
	rig_run(&out, &s, 20000);
	CHECK(out.code == 1, "exit %d: %s", out.code, out.err);
	CHECK(strstr(out.out, "\"verdict\":\"ok\"") != NULL ||
		  strstr(out.out, "\"verdict\": \"ok\"") != NULL,
	    "%s", out.out);
	CHECK(strstr(out.out, "hop-certificate") != NULL, "%s", out.out);
	CHECK_INT(good.shaken, 1);
	CHECK_INT(wrong.shaken, 0);
	rig_output_free(&out);
}

static const struct rig_case cases[] = {
    {"peer", t_peer, 60, 0},
    {"squid", t_squid, 60, 0},
    {"wrong", t_wrong, 60, 0},
    {"endless", t_endless, 60, 0},
    {"client-cert", t_client_cert, 60, 0},
    {"cut", t_cut, 60, 0},
    {"probe", t_probe, 60, 0},
};

RIG_MAIN("tls", cases, NULL)
