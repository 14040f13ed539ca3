/* The rig's own test: clients, origins, real and bad intermediaries, load and
 * namespaces against each other, without the daemon under test. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_bad.h"
#include "tests/integ/rig_client.h"
#include "tests/integ/rig_delay.h"
#include "tests/integ/rig_load.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_ns.h"
#include "tests/integ/rig_pattern.h"
#include "tests/integ/rig_peers.h"

#define MB 1000000u

static enum rig_fail
get(struct rig_conn *c, const struct rig_proxy *p, const char *host,
    uint16_t port)
{
	enum rig_fail f = rig_dial(c, p, host, port, 8000);

	if (f == RIG_OK) {
		f = rig_http_get(c, 100000);
		rig_conn_close(c);
	}
	return f;
}

static void
t_pattern(void)
{
	uint8_t all[1000], part[1000];
	size_t at;

	rig_pattern_fill(7, 0, all, sizeof(all));
	for (at = 0; at < 40; at++) {
		rig_pattern_fill(7, at, part, sizeof(part) - at);
		CHECK(memcmp(all + at, part, sizeof(part) - at) == 0,
		    "from byte %zu it differs", at);
	}
	CHECK_INT(rig_pattern_check(7, 0, all, sizeof(all)), sizeof(all));
	all[999] ^= 1;
	CHECK_INT(rig_pattern_check(7, 0, all, sizeof(all)), 999);
	CHECK(rig_pattern_check(8, 0, all, sizeof(all)) < 10, "seeds alike");
	CHECK(rig_pattern_check(7, 8, all, sizeof(all)) < 10, "places alike");
}

static void
t_direct(void)
{
	struct rig_proxy direct = {.proto = RIG_DIRECT};
	struct rig_server o;
	struct rig_conn c;

	rig_origin_start(&o, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	CHECK(get(&c, &direct, "127.0.0.1", o.port) == RIG_OK, "%s", c.text);
	CHECK(rig_server_served(&o, 1, 5000), "it saw no end");
	CHECK(get(&c, &direct, "127.0.0.1", rig_port("127.0.0.1")) ==
		  RIG_FAIL_PROXY,
	    "a held port accepts");
	rig_server_stop(&o);
}

static void
t_v6(void)
{
	struct rig_proxy direct = {.proto = RIG_DIRECT};
	struct rig_server o;
	struct rig_conn c;

	rig_origin_start(&o, RIG_ORIGIN_HTTP, "::1", 0, NULL);
	CHECK(get(&c, &direct, "::1", o.port) == RIG_OK, "%s", c.text);
	rig_server_stop(&o);
}

/* The checks themselves can fail: each kind of wrong data is seen. */
static void
t_detects(void)
{
	struct rig_server o, echo;
	struct rig_conn c;
	uint8_t junk[8] = {0};

	rig_origin_start(&o, RIG_ORIGIN_UP_FIRST, "127.0.0.1", MB, NULL);
	rig_origin_start(&echo, RIG_ORIGIN_ECHO, "127.0.0.1", 0, NULL);
	CHECK_INT(rig_open(&c, "127.0.0.1", o.port, 5000), RIG_OK);
	CHECK_INT(rig_send(&c, junk, sizeof(junk)), RIG_OK);
	CHECK_INT(rig_recv(&c, junk, 1), RIG_FAIL_RESET);
	rig_conn_close(&c);
	CHECK_INT(atomic_load(&o.errors), 1);
	atomic_store(&o.errors, 0);
	CHECK_INT(rig_open(&c, "127.0.0.1", o.port, 5000), RIG_OK);
	CHECK(rig_transfer(&c, RIG_ORIGIN_UP_FIRST, MB - 1) != RIG_OK,
	    "a transfer cut short was not seen");
	rig_conn_close(&c);
	o.lenient = true;
	CHECK_INT(rig_open(&c, "127.0.0.1", echo.port, 5000), RIG_OK);
	CHECK_INT(rig_transfer(&c, RIG_ORIGIN_DUPLEX, MB), RIG_FAIL_DATA);
	rig_conn_close(&c);
	rig_server_stop(&o);
	rig_server_stop(&echo);
}

static void
t_transfers(void)
{
	static const enum rig_origin_kind kinds[] = {RIG_ORIGIN_UP_FIRST,
	    RIG_ORIGIN_DOWN_FIRST, RIG_ORIGIN_EXCHANGE, RIG_ORIGIN_DUPLEX,
	    RIG_ORIGIN_SLOW};
	struct rig_server o;
	struct rig_conn c;
	enum rig_fail f;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		rig_origin_start(&o, kinds[i], "127.0.0.1", MB, NULL);
		REQUIRE(rig_open(&c, "127.0.0.1", o.port, 20000) == RIG_OK,
		    "%s", c.text);
		f = rig_transfer(&c, kinds[i], MB);
		CHECK(f == RIG_OK, "kind %d: %s: %s", (int)kinds[i],
		    rig_fail_word(f), c.text);
		rig_conn_close(&c);
		CHECK(rig_server_served(&o, 1, 5000), "it saw no end");
		rig_server_stop(&o);
	}
}

/* What facts.md says of real intermediaries is what our clients see. */
static void
peer(enum rig_peer_kind kind, const enum rig_proto *protos, size_t n)
{
	struct rig_peer p = {.address = NULL};
	struct rig_proxy proxy = {.host = "127.0.0.1"};
	struct rig_server o;
	struct rig_conn c;
	enum rig_fail f;
	uint16_t refused = rig_port("127.0.0.1");
	size_t i;

	rig_origin_start(&o, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	if (rig_isolated())
		rig_dns_start();
	rig_peer_start(&p, kind, "peer");
	proxy.port = p.port;
	for (i = 0; i < n; i++) {
		proxy.proto = protos[i];
		f = get(&c, &proxy, "127.0.0.1", o.port);
		CHECK(f == RIG_OK, "%s: %s: %s", rig_proto_word(protos[i]),
		    rig_fail_word(f), c.text);
		f = rig_dial(&c, &proxy, "127.0.0.1", refused, 8000);
		rig_note("%s refused: %s, code %d: %s",
		    rig_proto_word(protos[i]), rig_fail_word(f), c.code,
		    c.text);
		CHECK(f == RIG_FAIL_REPLY || f == RIG_FAIL_CLOSED,
		    "a refused port gave %s", rig_fail_word(f));
		if (!rig_isolated() || protos[i] == RIG_SOCKS4 ||
		    protos[i] == RIG_SOCKS5)
			continue;
		f = get(&c, &proxy, RIG_NAME, o.port);
		CHECK(f == RIG_OK, "%s by name: %s: %s",
		    rig_proto_word(protos[i]), rig_fail_word(f), c.text);
		f = rig_dial(&c, &proxy, RIG_NAME_NONE, o.port, 8000);
		rig_note("%s no such name: %s, code %d: %s",
		    rig_proto_word(protos[i]), rig_fail_word(f), c.code,
		    c.text);
		CHECK(f == RIG_FAIL_REPLY || f == RIG_FAIL_CLOSED,
		    "an unknown name gave %s", rig_fail_word(f));
	}
	rig_peer_kill(&p);
	f = rig_dial(&c, &proxy, "127.0.0.1", o.port, 1000);
	CHECK(f == RIG_FAIL_PROXY, "killed, it still answers: %s",
	    rig_fail_word(f));
	rig_peer_restart(&p, "again");
	f = get(&c, &proxy, "127.0.0.1", o.port);
	CHECK(f == RIG_OK, "after a restart: %s", c.text);
	rig_peer_freeze(&p);
	f = rig_dial(&c, &proxy, "127.0.0.1", o.port, 300);
	CHECK(
	    f == RIG_FAIL_TIMEOUT, "frozen, it answers: %s", rig_fail_word(f));
	rig_peer_thaw(&p);
	f = get(&c, &proxy, "127.0.0.1", o.port);
	CHECK(f == RIG_OK, "after the thaw: %s", c.text);
	rig_server_stop(&o);
}

static void
t_danted(void)
{
	static const enum rig_proto protos[] = {
	    RIG_SOCKS4, RIG_SOCKS5, RIG_SOCKS5H};

	peer(RIG_PEER_DANTED, protos, 3);
}

static void
t_microsocks(void)
{
	static const enum rig_proto protos[] = {RIG_SOCKS5, RIG_SOCKS5H};

	peer(RIG_PEER_MICROSOCKS, protos, 2);
}

static void
t_squid(void)
{
	static const enum rig_proto protos[] = {RIG_CONNECT};

	peer(RIG_PEER_SQUID, protos, 1);
}

static void
t_tinyproxy(void)
{
	static const enum rig_proto protos[] = {RIG_CONNECT};

	peer(RIG_PEER_TINYPROXY, protos, 1);
}

static void
t_ssh(void)
{
	static const enum rig_proto protos[] = {
	    RIG_SOCKS4, RIG_SOCKS4A, RIG_SOCKS5, RIG_SOCKS5H};

	peer(RIG_PEER_SSH, protos, 4);
}

static void
t_login(void)
{
	struct rig_peer p = {.login = "agent:secret"};
	struct rig_proxy proxy = {
	    RIG_SOCKS5, "127.0.0.1", 0, "agent", "secret"};
	struct rig_server o;
	struct rig_conn c;

	rig_origin_start(&o, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_peer_start(&p, RIG_PEER_MICROSOCKS, "peer");
	proxy.port = p.port;
	CHECK(get(&c, &proxy, "127.0.0.1", o.port) == RIG_OK, "%s", c.text);
	proxy.password = "wrong";
	CHECK(get(&c, &proxy, "127.0.0.1", o.port) != RIG_OK,
	    "a wrong password was taken");
	rig_server_stop(&o);
}

static void
t_bad(void)
{
	static const enum rig_fail socks[RIG_BAD_KINDS] = {
	    [RIG_BAD_SILENT] = RIG_FAIL_TIMEOUT,
	    [RIG_BAD_CLOSE] = RIG_FAIL_CLOSED,
	    [RIG_BAD_RESET] = RIG_FAIL_RESET,
	    [RIG_BAD_RUBBISH] = RIG_FAIL_RUBBISH,
	    [RIG_BAD_MID_CLOSE] = RIG_FAIL_CLOSED,
	    [RIG_BAD_STALL] = RIG_FAIL_TIMEOUT,
	    [RIG_BAD_FALSE_SUCCESS] = RIG_OK,
	    [RIG_BAD_DRIBBLE] = RIG_FAIL_TIMEOUT,
	    [RIG_BAD_FLOOD] = RIG_FAIL_RUBBISH,
	};
	static const char *const types[] = {"socks5", "socks4a", "http"};
	static const enum rig_proto protos[] = {
	    RIG_SOCKS5, RIG_SOCKS4A, RIG_CONNECT};
	struct rig_proxy proxy = {.host = "127.0.0.1"};
	struct rig_server s;
	struct rig_conn c;
	enum rig_fail f, want;
	size_t t, k;

	for (k = 0; k < RIG_BAD_KINDS; k++) {
		for (t = 0; t < 3; t++) {
			rig_bad_start(&s, (enum rig_bad_kind)k, types[t]);
			proxy.proto = protos[t];
			proxy.port = s.port;
			f = rig_dial(&c, &proxy, "127.0.0.1", 1, 500);
			want = socks[k];
			/* An endless row of "100 Continue" is a reply. */
			if (k == RIG_BAD_FLOOD && protos[t] == RIG_CONNECT)
				want = RIG_FAIL_REPLY;
			CHECK(f == want || (want == RIG_FAIL_CLOSED &&
					       f == RIG_FAIL_RESET),
			    "%s as %s: %s (%s), not %s",
			    rig_bad_word((enum rig_bad_kind)k), types[t],
			    rig_fail_word(f), c.text, rig_fail_word(want));
			rig_conn_close(&c);
			rig_server_stop(&s);
		}
	}
}

static void
t_load(void)
{
	struct rig_proxy direct = {.proto = RIG_DIRECT};
	struct rig_load l = {.proxies = &direct,
	    .proxies_n = 1,
	    .host = "127.0.0.1",
	    .bytes = 5000,
	    .total = 300,
	    .flight = 20,
	    .timeout_ms = 5000};
	struct rig_server o;

	rig_origin_start(&o, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	l.port = o.port;
	rig_load_start(&l);
	CHECK(rig_load_reach(&l, 300, 20000), "300 requests take too long");
	rig_load_end(&l);
	rig_load_report(&l, "direct", 0);
	CHECK_INT(l.done, 300);
	CHECK(rig_server_served(&o, 300, 5000), "%u of 300 served", o.served);
	rig_server_stop(&o);
}

/* A load against nobody counts every failure. */
static void
t_load_fails(void)
{
	struct rig_proxy direct = {.proto = RIG_DIRECT};
	struct rig_load l = {.proxies = &direct,
	    .proxies_n = 1,
	    .host = "127.0.0.1",
	    .bytes = 1,
	    .total = 20,
	    .flight = 4,
	    .timeout_ms = 5000};

	l.port = rig_port("127.0.0.1");
	rig_load_start(&l);
	rig_load_end(&l);
	CHECK_INT(rig_load_failed(&l), 20);
	CHECK_INT(l.count[RIG_FAIL_PROXY], 20);
}

static void
t_streams(void)
{
	static struct rig_streams all;
	struct rig_proxy direct = {.proto = RIG_DIRECT};
	struct rig_server o;
	unsigned int i;

	rig_origin_start(&o, RIG_ORIGIN_ECHO, "127.0.0.1", 0, NULL);
	rig_streams_start(&all, 8, &direct, "127.0.0.1", o.port);
	CHECK(rig_streams_move(&all, 100000, 10000), "no progress");
	rig_streams_end(&all);
	for (i = 0; i < all.n; i++)
		CHECK_INT(all.stream[i].fail, RIG_OK);
	rig_server_stop(&o);
}

static void
t_blackhole(void)
{
	struct rig_conn c;
	uint16_t port = rig_port_blackhole("127.0.0.1");

	CHECK_INT(rig_open(&c, "127.0.0.1", port, 300), RIG_FAIL_PROXY);
	CHECK(strstr(c.text, strerror(ETIMEDOUT)) != NULL, "%s", c.text);
}

static void
t_namespace(void)
{
	struct rig_peer p = {.address = RIG_NS_THERE};
	struct rig_proxy proxy = {.proto = RIG_SOCKS5, .host = RIG_NS_THERE};
	struct rig_server o;
	struct rig_conn c;

	p.netns = rig_ns_peer();
	p.port = 1080;
	rig_origin_start(&o, RIG_ORIGIN_HTTP, RIG_NS_HERE, 0, NULL);
	rig_peer_start(&p, RIG_PEER_MICROSOCKS, "peer");
	proxy.port = p.port;
	CHECK(get(&c, &proxy, RIG_NS_HERE, o.port) == RIG_OK, "%s", c.text);
	rig_ns_drop_syn(p.netns, p.port);
	CHECK_INT(
	    rig_dial(&c, &proxy, RIG_NS_HERE, o.port, 500), RIG_FAIL_PROXY);
	CHECK(strstr(c.text, strerror(ETIMEDOUT)) != NULL, "%s", c.text);
	CHECK_INT(rig_open(&c, "198.18.77.1", 80, 500), RIG_FAIL_PROXY);
	CHECK(strstr(c.text, strerror(ENETUNREACH)) != NULL, "%s", c.text);
	rig_ns_unreachable(RIG_NS_UNREACHABLE);
	CHECK_INT(rig_open(&c, "198.18.77.1", 80, 500), RIG_FAIL_PROXY);
	CHECK(strstr(c.text, strerror(EHOSTUNREACH)) != NULL, "%s", c.text);
	rig_server_stop(&o);
}

/* A byte there and back, and when it was back. */
static int64_t
round_trip_us(struct rig_conn *c, uint64_t at)
{
	int64_t began_us = rig_now_us();

	CHECK(rig_echo(c, 7, at, 1) == RIG_OK, "%s", c->text);
	return rig_now_us() - began_us;
}

/* No round trip is shorter than it has to be, and large transfers both ways
 * arrive as they were sent. */
static void
t_delay(void)
{
	struct rig_delay d = {.delay_us = 10000};
	struct rig_server echo, origin;
	uint64_t size = 10 << 20;
	struct rig_conn c;
	int64_t us;

	d.there = rig_ns_peer();
	rig_delay_start(&d);
	rig_delay_cross(&d, true);
	rig_origin_start(&echo, RIG_ORIGIN_ECHO, RIG_DELAY_THERE, 0, NULL);
	rig_origin_start(
	    &origin, RIG_ORIGIN_EXCHANGE, RIG_DELAY_THERE, size, NULL);
	rig_delay_cross(&d, false);
	us = rig_now_us();
	REQUIRE(rig_open(&c, RIG_DELAY_THERE, echo.port, 20000) == RIG_OK, "%s",
	    c.text);
	us = rig_now_us() - us;
	CHECK(us >= 2 * d.delay_us, "connected after %lld us", (long long)us);
	us = round_trip_us(&c, 0);
	CHECK(us >= 2 * d.delay_us, "an echo after %lld us", (long long)us);
	rig_conn_close(&c);
	REQUIRE(rig_open(&c, RIG_DELAY_THERE, origin.port, 40000) == RIG_OK,
	    "%s", c.text);
	CHECK(rig_transfer(&c, RIG_ORIGIN_EXCHANGE, size) == RIG_OK, "%s",
	    c.text);
	rig_conn_close(&c);
	rig_server_stop(&origin);
	rig_server_stop(&echo);
	CHECK_INT(atomic_load(&d.count->lost), 0);
	CHECK(atomic_load(&d.count->bytes) > 2 * size, "not all came this way");
}

/* 1 MB over 20 Mbit/s: 0.4 s at the least. */
static void
t_bandwidth(void)
{
	struct rig_delay d = {.bits_per_s = 20000000};
	struct rig_server origin;
	struct rig_conn c;
	int64_t us;

	d.there = rig_ns_peer();
	rig_delay_start(&d);
	rig_delay_cross(&d, true);
	rig_origin_start(&origin, RIG_ORIGIN_HTTP, RIG_DELAY_THERE, 0, NULL);
	rig_delay_cross(&d, false);
	us = rig_now_us();
	REQUIRE(rig_open(&c, RIG_DELAY_THERE, origin.port, 20000) == RIG_OK,
	    "%s", c.text);
	CHECK(rig_http_get(&c, 1000000) == RIG_OK, "%s", c.text);
	us = rig_now_us() - us;
	CHECK(us >= 400000, "fetched after %lld us", (long long)us);
	rig_conn_close(&c);
	rig_server_stop(&origin);
}

/* What a program leaves behind is waited for, ended, and counted. */
static void
t_programs(void)
{
	static const char *const talk[] = {
	    "sh", "-c", "echo first; read -r x; echo never", NULL};
	static const char *const both[] = {
	    "sh", "-c", "echo data; echo note >&2; exit 3", NULL};
	static const char *const deaf[] = {
	    "sh", "-c", "trap '' TERM; echo deaf; sleep 50; sleep 50", NULL};
	struct rig_spawn s = {.name = "talk", .argv = talk};
	struct rig_wait w = {.timeout_ms = 5000};
	struct rig_output o;
	struct rig_proc p;

	rig_proc_start(&p, &s);
	CHECK_INT(rig_proc_wait_log(&p, "first", &w), 0);
	CHECK_INT(rig_proc_wait_log(&p, "nothing like it", &w), -ESRCH);
	CHECK_INT(rig_proc_stop(&p, 1000), 0);
	s.argv = both;
	rig_run(&o, &s, 5000);
	CHECK_INT(o.code, 3);
	CHECK(strcmp(o.out, "data\n") == 0, "out is \"%s\"", o.out);
	CHECK(strcmp(o.err, "note\n") == 0, "err is \"%s\"", o.err);
	rig_output_free(&o);
	s.argv = deaf;
	s.name = "deaf";
	rig_proc_start(&p, &s);
	CHECK_INT(rig_proc_wait_log(&p, "deaf", &w), 0);
	w.timeout_ms = 100;
	CHECK_INT(rig_proc_wait_log(&p, "never said", &w), -ETIMEDOUT);
	CHECK_INT(rig_proc_stop(&p, 300), -1000);
}

static const struct rig_case cases[] = {
    {"pattern", t_pattern, 0, 0},
    {"direct", t_direct, 0, 0},
    {"v6", t_v6, 0, 0},
    {"detects", t_detects, 0, 0},
    {"transfers", t_transfers, 0, 0},
    {"programs", t_programs, 0, 0},
    {"danted", t_danted, 0, 0},
    {"microsocks", t_microsocks, 0, 0},
    {"squid", t_squid, 0, 0},
    {"tinyproxy", t_tinyproxy, 0, 0},
    {"ssh", t_ssh, 0, 0},
    {"login", t_login, 0, 0},
    {"bad", t_bad, 0, 0},
    {"load", t_load, 0, 0},
    {"load-fails", t_load_fails, 0, 0},
    {"streams", t_streams, 0, 0},
    {"blackhole", t_blackhole, 0, 0},
    {"namespace", t_namespace, 0, RIG_NEEDS_NETNS},
    {"delay", t_delay, 0, RIG_NEEDS_NETNS},
    {"bandwidth", t_bandwidth, 0, RIG_NEEDS_NETNS},
};

RIG_MAIN("selftest", cases, NULL)
