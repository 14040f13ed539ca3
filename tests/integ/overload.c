/* Too many clients, too few descriptors, clients that leave: who is served
 * stays served, and nothing is lost. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_load.h"
#include "tests/integ/rig_net.h"

#define B(s) s, sizeof(s) - 1

static void
start(struct rig_agent *a)
{
	rig_agent_init(a, "agent");
	rig_agent_direct(a);
	rig_agent_start(a);
}

/* Hundreds of dribblers do not slow down who behaves. */
static void
t_crowd(void)
{
	static struct rig_conn crowd[400];
	struct rig_proxy proxies[RIG_AGENT_PROXIES];
	struct rig_load l = {.proxies = proxies,
	    .proxies_n = RIG_AGENT_PROXIES,
	    .host = "127.0.0.1",
	    .bytes = 1000,
	    .total = 300,
	    .flight = 5,
	    .timeout_ms = 10000};
	struct rig_server o;
	struct rig_agent a;
	size_t i;

	start(&a);
	rig_origin_start(&o, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_agent_proxies(&a, proxies);
	l.port = o.port;
	for (i = 0; i < 400; i++) {
		REQUIRE(
		    rig_open(&crowd[i], "127.0.0.1", a.port, 5000) == RIG_OK,
		    "%s", crowd[i].text);
		rig_send(&crowd[i], "\5\xff\1", 1 + i % 3);
	}
	rig_load_start(&l);
	rig_load_end(&l);
	rig_load_report(&l, "beside 400 dribblers", 0);
	CHECK(atomic_load(&l.slowest_ms) < 2000, "the slowest took %lld ms",
	    (long long)atomic_load(&l.slowest_ms));
	for (i = 0; i < 400; i++)
		rig_conn_close(&crowd[i]);
	rig_server_stop(&o);
	rig_agent_stop(&a);
}

static size_t
all_fds(const struct rig_agent *a)
{
	return rig_fds(rig_agent_child(a, "worker 0")) +
	       rig_fds(rig_agent_child(a, "worker 1"));
}

/* Clients that leave in each state take nothing with them. */
static void
t_leavers(void)
{
	static const struct {
		const char *bytes;
		size_t len;
	} said[] = {{B("")}, {B("\4\1")}, {B("\5\1\0")}, {B("CONNECT a")},
	    {B("\5\1\0\5\1\0\1")}};
	struct rig_server echo;
	struct rig_proxy p;
	struct rig_agent a;
	struct rig_conn c;
	size_t before, after, i;
	int64_t deadline;

	start(&a);
	rig_origin_start(&echo, RIG_ORIGIN_ECHO, "127.0.0.1", 0, NULL);
	p = rig_agent_proxy(&a, RIG_SOCKS5);
	for (i = 0; i < 10; i++) {
		CHECK_INT(
		    rig_dial(&c, &p, "127.0.0.1", echo.port, 5000), RIG_OK);
		rig_conn_close(&c);
	}
	deadline = rig_now_ms() + 3000;
	while (atomic_load(&echo.open) > 0 && rig_pause(deadline))
		;
	before = all_fds(&a);
	for (i = 0; i < 200; i++) {
		rig_open(&c, "127.0.0.1", a.port, 5000);
		rig_send(&c, said[i % 5].bytes, said[i % 5].len);
		if (i % 2 == 0)
			rig_net_reset(c.fd);
		else
			rig_conn_close(&c);
	}
	for (i = 0; i < 50; i++) {
		if (rig_dial(&c, &p, "127.0.0.1", echo.port, 5000) == RIG_OK)
			rig_net_reset(c.fd);
	}
	deadline = rig_now_ms() + 5000;
	do {
		after = all_fds(&a);
	} while (after > before && rig_pause(deadline));
	CHECK(after <= before, "%zu fds before, %zu after", before, after);
	deadline = rig_now_ms() + 3000;
	while (atomic_load(&echo.open) > 0 && rig_pause(deadline))
		;
	CHECK(atomic_load(&echo.open) == 0,
	    "%u connections to the destination stay open",
	    atomic_load(&echo.open));
	rig_server_stop(&echo);
	rig_agent_stop(&a);
}

#define FDS_LIMIT 400
#define IDLE_N	  900

/* Out of fds: what is served goes on, nothing spins, and it recovers. */
static void
t_out_of_fds(void)
{
	static struct rig_conn idle[IDLE_N];
	static struct rig_streams streams;
	struct rig_server o, echo;
	struct rig_proxy p;
	struct rig_agent a;
	struct rig_conn c;
	enum rig_fail f;
	int64_t cpu, begun;
	pid_t w[2];
	size_t i;

	rig_agent_init(&a, "agent");
	a.files = FDS_LIMIT;
	rig_agent_direct(&a);
	rig_agent_key(&a, "handshake-timeout = 60s");
	rig_agent_start(&a);
	rig_origin_start(&o, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_origin_start(&echo, RIG_ORIGIN_ECHO, "127.0.0.1", 0, NULL);
	p = rig_agent_proxy(&a, RIG_SOCKS5);
	rig_streams_start(&streams, 4, &p, "127.0.0.1", echo.port);
	for (i = 0; i < IDLE_N; i++) {
		idle[i].fd = rig_net_connect("127.0.0.1", a.port, 2000);
		REQUIRE(idle[i].fd >= 0, "connection %zu: %s", i,
		    strerror(-idle[i].fd));
	}
	CHECK(rig_streams_move(&streams, 50000, 10000), "tunnels stopped");
	rig_streams_end(&streams);
	for (i = 0; i < 4; i++)
		CHECK_INT(streams.stream[i].fail, RIG_OK);
	w[0] = rig_agent_await_child(&a, "worker 0", 0, 1000);
	w[1] = rig_agent_await_child(&a, "worker 1", 0, 1000);
	cpu = rig_cpu_ms(w[0]) + rig_cpu_ms(w[1]);
	begun = rig_now_ms();
	while (rig_pause(begun + 3000))
		;
	cpu = rig_cpu_ms(w[0]) + rig_cpu_ms(w[1]) - cpu;
	rig_note("%d idle clients at %d fds a process: %lld ms CPU in 3 s",
	    IDLE_N, FDS_LIMIT, (long long)cpu);
	CHECK(cpu <= 100, "it spins: %lld ms in 3 s", (long long)cpu);
	for (i = 0; i < IDLE_N; i++)
		close(idle[i].fd);
	begun = rig_now_ms();
	f = rig_dial(&c, &p, "127.0.0.1", o.port, 5000);
	if (f == RIG_OK)
		f = rig_http_get(&c, 1000);
	rig_conn_close(&c);
	CHECK(f == RIG_OK, "afterwards: %s: %s", rig_fail_word(f), c.text);
	rig_note("recovered after %lld ms", (long long)(rig_now_ms() - begun));
	CHECK(rig_now_ms() - begun < 1500, "that is too long");
	CHECK(rig_agent_child(&a, "worker 0") == w[0] &&
		  rig_agent_child(&a, "worker 1") == w[1],
	    "a worker died of it");
	rig_server_stop(&o);
	rig_server_stop(&echo);
	rig_agent_stop(&a);
}

/* Connecting to the agent through itself ends, and costs nothing after. */
static void
t_loop(void)
{
	struct rig_proxy p;
	struct rig_agent a;
	struct rig_conn c;
	size_t before, after, i;
	int64_t deadline;

	start(&a);
	p = rig_agent_proxy(&a, RIG_CONNECT);
	rig_dial(&c, &p, "127.0.0.1", a.port, 5000);
	rig_conn_close(&c);
	before = all_fds(&a);
	for (i = 0; i < 300; i++) {
		rig_dial(&c, &p, "127.0.0.1", a.port, 5000);
		rig_conn_close(&c);
	}
	deadline = rig_now_ms() + 5000;
	do {
		after = all_fds(&a);
	} while (after > before + 2 && rig_pause(deadline));
	CHECK(after <= before + 2, "%zu fds before, %zu after", before, after);
	rig_agent_stop(&a);
}

static const struct rig_case cases[] = {
    {"crowd", t_crowd, 60, 0},
    {"leavers", t_leavers, 60, 0},
    {"out-of-fds", t_out_of_fds, 60, 0},
    {"loop", t_loop, 60, 0},
};

RIG_MAIN("overload", cases, NULL)
