/* Long transfers: every byte, in both directions, across a half-close. */
#include <stdio.h>
#include <string.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_load.h"
#include "tests/integ/rig_net.h"

#define SIZE	    10000000ull
#define TRANSFER_MS 60000

static const struct {
	enum rig_origin_kind kind;
	const char *word;
} shapes[] = {
    {RIG_ORIGIN_EXCHANGE, "both at once"},
    {RIG_ORIGIN_UP_FIRST, "up, then down"},
    {RIG_ORIGIN_DOWN_FIRST, "down, then up"},
    {RIG_ORIGIN_DUPLEX, "both, half-closed in the middle"},
};
#define SHAPES (sizeof(shapes) / sizeof(*shapes))

static enum rig_fail
transfer(struct rig_conn *c, const struct rig_proxy *p, struct rig_server *o)
{
	enum rig_fail f;

	f = rig_dial(c, p, "127.0.0.1", o->port, TRANSFER_MS);
	if (f == RIG_OK) {
		f = rig_transfer(c, (enum rig_origin_kind)o->kind, SIZE);
		rig_conn_close(c);
	}
	return f;
}

/* Through the agent by every protocol. */
static void
through_agent(const struct rig_agent *a, size_t shape)
{
	struct rig_proxy proxies[RIG_AGENT_PROXIES];
	struct rig_server o;
	struct rig_conn c;
	enum rig_fail f;
	size_t i;

	rig_agent_proxies(a, proxies);
	rig_origin_start(&o, shapes[shape].kind, "127.0.0.1", SIZE, NULL);
	for (i = 0; i < RIG_AGENT_PROXIES; i++) {
		f = transfer(&c, &proxies[i], &o);
		CHECK(f == RIG_OK, "%s, %s: %s: %s", shapes[shape].word,
		    rig_proto_word(proxies[i].proto), rig_fail_word(f), c.text);
	}
	CHECK(rig_server_served(&o, RIG_AGENT_PROXIES, 5000),
	    "%s: the origin was served %u times", shapes[shape].word,
	    atomic_load(&o.served));
	rig_server_stop(&o);
}

/*
 * Some intermediaries cannot do a half-close themselves: microsocks, squid and
 * tinyproxy end both directions with the first.  The same transfer without the agent tells, so
 * that neither is blamed for the other.
 */
static bool
alone_it_can(const struct rig_peer *p, size_t shape)
{
	struct rig_proxy proxy = {.host = p->address, .port = p->port};
	struct rig_server o;
	struct rig_conn c;
	enum rig_fail f;

	proxy.proto = strcmp(p->type, "http") == 0 ? RIG_CONNECT : RIG_SOCKS5;
	rig_origin_start(&o, shapes[shape].kind, "127.0.0.1", SIZE, NULL);
	/* What it loses there is its own affair. */
	o.lenient = true;
	f = transfer(&c, &proxy, &o);
	rig_server_stop(&o);
	if (f == RIG_OK)
		return true;
	rig_note("%s itself, without the agent, fails at \"%s\": %s: %s",
	    rig_peer_word(p->kind), shapes[shape].word, rig_fail_word(f),
	    c.text);
	return false;
}

static void
peer(enum rig_peer_kind kind, unsigned int least)
{
	struct rig_peer p = {.address = NULL};
	struct rig_agent a;
	unsigned int can = 0;
	size_t i;

	rig_peer_start(&p, kind, "peer");
	rig_agent_init(&a, "agent");
	rig_agent_intermediary(&a, "peer", p.type, p.address, p.port);
	rig_agent_start(&a);
	for (i = 0; i < SHAPES; i++) {
		if (!alone_it_can(&p, i))
			continue;
		can++;
		through_agent(&a, i);
	}
	rig_note("%s: %u of %zu shapes", rig_peer_word(kind), can, SHAPES);
	CHECK(can >= least, "without the agent it did %u shapes, not %u", can,
	    least);
	rig_agent_stop(&a);
}

#define PEER(name, kind, least)    \
	static void t_##name(void) \
	{                          \
		peer(kind, least); \
	}

PEER(danted, RIG_PEER_DANTED, 4)
PEER(microsocks, RIG_PEER_MICROSOCKS, 1)
PEER(squid, RIG_PEER_SQUID, 1)
PEER(tinyproxy, RIG_PEER_TINYPROXY, 1)
PEER(ssh, RIG_PEER_SSH, 4)

static void
t_direct(void)
{
	struct rig_agent a;
	size_t i;

	rig_agent_init(&a, "agent");
	rig_agent_direct(&a);
	rig_agent_start(&a);
	for (i = 0; i < SHAPES; i++)
		through_agent(&a, i);
	rig_agent_stop(&a);
}

/* Agents behind an agent: our own half-close, through each type of hop. */
static void
t_agent(void)
{
	static const char *const types[] = {"socks5", "socks4a", "http"};
	static struct rig_agent front[3], back;
	size_t i, t;

	rig_agent_init(&back, "back");
	rig_agent_direct(&back);
	rig_agent_start(&back);
	for (t = 0; t < 3; t++) {
		rig_agent_init(&front[t], types[t]);
		rig_agent_intermediary(
		    &front[t], "back", types[t], "127.0.0.1", back.port);
		rig_agent_start(&front[t]);
		for (i = 0; i < SHAPES; i++)
			through_agent(&front[t], i);
		rig_agent_stop(&front[t]);
	}
	rig_agent_stop(&back);
}

static int64_t
workers_rss_kb(const struct rig_agent *a)
{
	return rig_rss_kb(rig_agent_child(a, "worker 0")) +
	       rig_rss_kb(rig_agent_child(a, "worker 1"));
}

/* One end reads slowly: the other is held back, and the agent does not keep
 * the difference. */
static void
t_slow_reader(void)
{
	struct rig_agent a;
	struct rig_server o;
	struct rig_proxy p;
	struct rig_conn c[8];
	int64_t before, after;
	enum rig_fail f;
	size_t i;

	rig_agent_init(&a, "agent");
	rig_agent_direct(&a);
	rig_agent_start(&a);
	rig_origin_start(&o, RIG_ORIGIN_DOWN_FIRST, "127.0.0.1", SIZE, NULL);
	p = rig_agent_proxy(&a, RIG_SOCKS5);
	before = workers_rss_kb(&a);
	/* Eight clients that do not read what eight origins send. */
	for (i = 0; i < 8; i++) {
		f = rig_dial(&c[i], &p, "127.0.0.1", o.port, TRANSFER_MS);
		REQUIRE(f == RIG_OK, "%s: %s", rig_fail_word(f), c[i].text);
	}
	rig_pause(rig_now_ms() + 10);
	f = rig_transfer(&c[0], RIG_ORIGIN_DOWN_FIRST, SIZE);
	CHECK(f == RIG_OK, "%s: %s", rig_fail_word(f), c[0].text);
	after = workers_rss_kb(&a);
	rig_note("8 stuck tunnels of 10 MB: %lld KiB more",
	    (long long)(after - before));
	CHECK(after - before < 8192, "the agent keeps what it cannot send");
	for (i = 1; i < 8; i++) {
		f = rig_transfer(&c[i], RIG_ORIGIN_DOWN_FIRST, SIZE);
		CHECK(
		    f == RIG_OK, "%zu: %s: %s", i, rig_fail_word(f), c[i].text);
	}
	for (i = 0; i < 8; i++)
		rig_conn_close(&c[i]);
	CHECK(rig_server_served(&o, 8, 5000), "%u of 8 ended well",
	    atomic_load(&o.served));
	rig_server_stop(&o);
	rig_agent_stop(&a);
}

static void
t_slow_origin(void)
{
	struct rig_agent a;
	struct rig_server o;
	struct rig_proxy p;
	struct rig_conn c;
	enum rig_fail f;

	rig_agent_init(&a, "agent");
	rig_agent_direct(&a);
	rig_agent_start(&a);
	rig_origin_start(&o, RIG_ORIGIN_SLOW, "127.0.0.1", SIZE, NULL);
	p = rig_agent_proxy(&a, RIG_CONNECT);
	f = rig_dial(&c, &p, "127.0.0.1", o.port, TRANSFER_MS);
	if (f == RIG_OK)
		f = rig_transfer(&c, RIG_ORIGIN_SLOW, SIZE);
	CHECK(f == RIG_OK, "%s: %s", rig_fail_word(f), c.text);
	rig_conn_close(&c);
	CHECK(rig_server_served(&o, 1, 20000), "the origin saw no end");
	rig_server_stop(&o);
	rig_agent_stop(&a);
}

/* A tunnel on which nothing moves ends after the idle time, others not. */
static void
t_idle(void)
{
	static struct rig_streams busy;
	struct rig_agent a;
	struct rig_server o;
	struct rig_proxy p;
	struct rig_conn c;
	enum rig_fail f;
	int64_t start;
	char byte;

	rig_agent_init(&a, "agent");
	rig_agent_direct(&a);
	rig_agent_key(&a, "idle-timeout = 1500ms");
	rig_agent_start(&a);
	rig_origin_start(&o, RIG_ORIGIN_ECHO, "127.0.0.1", 0, NULL);
	p = rig_agent_proxy(&a, RIG_SOCKS5);
	rig_streams_start(&busy, 2, &p, "127.0.0.1", o.port);
	f = rig_dial(&c, &p, "127.0.0.1", o.port, 10000);
	REQUIRE(f == RIG_OK, "%s", c.text);
	start = rig_now_ms();
	f = rig_recv(&c, &byte, 1);
	CHECK(f == RIG_FAIL_CLOSED || f == RIG_FAIL_RESET, "an idle tunnel: %s",
	    rig_fail_word(f));
	CHECK(rig_now_ms() - start >= 1000 && rig_now_ms() - start < 5000,
	    "it ended after %lld ms", (long long)(rig_now_ms() - start));
	rig_conn_close(&c);
	CHECK(rig_streams_move(&busy, 20000, 5000), "busy tunnels stopped");
	rig_streams_end(&busy);
	CHECK_INT(busy.stream[0].fail, RIG_OK);
	CHECK_INT(busy.stream[1].fail, RIG_OK);
	rig_server_stop(&o);
	rig_agent_stop(&a);
}

static const struct rig_case cases[] = {
    {"direct", t_direct, 120, 0},
    {"agent", t_agent, 180, 0},
    {"danted", t_danted, 120, 0},
    {"microsocks", t_microsocks, 120, 0},
    {"squid", t_squid, 120, 0},
    {"tinyproxy", t_tinyproxy, 120, 0},
    {"ssh", t_ssh, 120, 0},
    {"slow-reader", t_slow_reader, 120, 0},
    {"slow-origin", t_slow_origin, 120, 0},
    {"idle", t_idle, 60, 0},
};

RIG_MAIN("stream", cases, NULL)
