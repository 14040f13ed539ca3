/* Many tunnels at once: those that nobody reads take no memory with them, and
 * those on which nothing moves are as good afterwards. */
#include <sys/resource.h>
#include <sys/wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_carry.h"

#define STUCK	   150
#define STUCK_SIZE 2000000ull
/* The loop lends up to 64 KiB, and what of them cannot be sent is kept. */
#define STUCK_KB   80
#define CLIENTS	   3 /* processes */
#define IDLE	   1500
#define TIMEOUT_MS 60000

static void
all_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

static void
others_are_served(struct rig_proxy *p)
{
	static struct rig_haven haven;
	static struct rig_fleet f;

	rig_haven_start(&haven);
	f.proxies = p;
	f.proxies_n = 1;
	f.port = haven.server.port;
	f.total = 40;
	f.flight = 10;
	f.max = 100000;
	f.timeout_ms = TIMEOUT_MS;
	rig_fleet_run(&f);
	CHECK(atomic_load(&f.count[RIG_OK]) == f.total, "%u of %u: %s",
	    atomic_load(&f.count[RIG_OK]), f.total, f.texts[0]);
	rig_haven_stop(&haven);
}

/* Readers that read nothing, of origins that send as fast as they can. */
static void
t_stuck(void)
{
	static struct rig_conn c[STUCK];
	struct rig_agent a;
	struct rig_server o;
	struct rig_proxy p;
	int64_t before, after, end;
	enum rig_fail f;
	pid_t worker;
	size_t i;

	all_files();
	rig_agent_init(&a, "agent");
	a.workers = 1;
	rig_agent_direct(&a);
	rig_agent_start(&a);
	rig_origin_start(
	    &o, RIG_ORIGIN_DOWN_FIRST, "127.0.0.1", STUCK_SIZE, NULL);
	p = rig_agent_proxy(&a, RIG_SOCKS5);
	worker = rig_agent_child(&a, "worker 0");
	others_are_served(&p);
	before = rig_rss_kb(worker);
	for (i = 0; i < STUCK; i++) {
		f = rig_dial(&c[i], &p, "127.0.0.1", o.port, TIMEOUT_MS);
		REQUIRE(f == RIG_OK, "%s: %s", rig_fail_word(f), c[i].text);
	}
	end = rig_now_ms() + 500;
	while (rig_pause(end))
		continue;
	others_are_served(&p);
	after = rig_rss_kb(worker);
	rig_note("%d stuck tunnels: %lld KiB more", STUCK,
	    (long long)(after - before));
	CHECK(after - before < STUCK * STUCK_KB, "%lld KiB are kept",
	    (long long)(after - before));
	for (i = 0; i < STUCK; i++) {
		rig_conn_renew(&c[i], TIMEOUT_MS);
		f = rig_transfer(&c[i], RIG_ORIGIN_DOWN_FIRST, STUCK_SIZE);
		CHECK(
		    f == RIG_OK, "%zu: %s: %s", i, rig_fail_word(f), c[i].text);
		rig_conn_close(&c[i]);
	}
	CHECK(rig_server_served(&o, STUCK, TIMEOUT_MS), "%u of %d ended well",
	    atomic_load(&o.served), STUCK);
	rig_server_stop(&o);
	rig_agent_stop(&a);
}

/* Each passes some bytes: how many do not. */
static unsigned int
echo_all(struct rig_conn *c, unsigned int n, uint64_t at)
{
	unsigned int i, bad = 0;

	for (i = 0; i < n; i++) {
		rig_conn_renew(&c[i], TIMEOUT_MS);
		bad += rig_echo(&c[i], i, at, 100) != RIG_OK;
	}
	return bad;
}

/* A process of n tunnels: says when they stand, and waits to go on. */
static void __attribute__((noreturn))
client(const struct rig_proxy *p, uint16_t port, unsigned int n, int fds[2])
{
	struct rig_conn *c = calloc(n, sizeof(*c));
	unsigned int i, bad = 0;
	char byte = 0;

	for (i = 0; c != NULL && i < n; i++) {
		if (rig_dial(&c[i], p, "127.0.0.1", port, TIMEOUT_MS) != RIG_OK)
			_exit(1);
	}
	if (c == NULL || echo_all(c, n, 0) != 0 || write(fds[1], "+", 1) != 1 ||
	    read(fds[0], &byte, 1) != 1)
		_exit(2);
	bad = echo_all(c, n, 100);
	_exit(bad == 0 ? 0 : 3);
}

static void
t_idle(void)
{
	const char *many = getenv("CROWD");
	unsigned int n =
	    many != NULL ? (unsigned int)strtoul(many, NULL, 10) : IDLE;
	int up[2], down[2], status, i;
	struct rig_server o;
	struct rig_agent a;
	struct rig_proxy p;
	pid_t pids[CLIENTS];
	char byte;

	all_files();
	rig_agent_init(&a, "agent");
	rig_agent_direct(&a);
	rig_agent_start(&a);
	rig_origin_start(&o, RIG_ORIGIN_ECHO, "127.0.0.1", 0, NULL);
	p = rig_agent_proxy(&a, RIG_SOCKS5);
	REQUIRE(pipe(up) == 0 && pipe(down) == 0, "pipe");
	for (i = 0; i < CLIENTS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			client(
			    &p, o.port, n / CLIENTS, (int[2]){down[0], up[1]});
	}
	close(up[1]);
	for (i = 0; i < CLIENTS; i++)
		REQUIRE(read(up[0], &byte, 1) == 1, "a client has failed");
	CHECK_INT(atomic_load(&o.open), n / CLIENTS * CLIENTS);
	rig_note("%u tunnels: %lld and %lld KiB", n,
	    (long long)rig_rss_kb(rig_agent_child(&a, "worker 0")),
	    (long long)rig_rss_kb(rig_agent_child(&a, "worker 1")));
	CHECK(write(down[1], "go!", CLIENTS) == CLIENTS, "write");
	for (i = 0; i < CLIENTS; i++) {
		waitpid(pids[i], &status, 0);
		CHECK(status == 0, "client %d: status %#x", i,
		    (unsigned int)status);
	}
	o.lenient = true;
	rig_server_stop(&o);
	rig_agent_stop(&a);
}

static const struct rig_case cases[] = {
    {"stuck", t_stuck, 120, 0},
    {"idle", t_idle, 200, 0},
};

RIG_MAIN("crowd", cases, NULL)
