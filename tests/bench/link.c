/* What classes of traffic are worth on a link that is full. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/board.h"
#include "tests/bench/link_far.h"
#include "tests/bench/link_load.h"
#include "tests/bench/origin.h"
#include "tests/bench/rival.h"
#include "tests/integ/rig_delay.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_ns.h"

/*
 * The delay bridge is the link: its own limiter, and before that a queue of a
 * router's usual length, which drops what finds it full.  Payload cannot be
 * more than 96.5 % of its rate, and less with both ways full of each other's
 * acknowledgments.
 */
#define LINK_BITS 100000000
#define LINK_SAID "97mbit" /* a little less, as the manual wants it */
#define DELAY_US  20000
#define QUEUE_US  250000

#define PINGS_N	  8
#define CLASS_N	  8 /* tunnels of a class that is backlogged */
#define RATIO	  "ping-pong, p99 loaded over idle"
#define USE	  "link use by bulk, both ways"
#define SHARES	  "shares 6:3:1, farthest off"
#define KEPT	  "guarantee of 20 Mbit/s to bulk"
#define A_CEIL	  20e6 /* bits a second */
#define A_TUNNEL  5e6
#define DANTED	  "/usr/sbin/danted"
#define START_MS  10000
#define STOP_MS	  5000
#define SETTLE_MS 2000
#define LOOK_MS	  50
#define FEW	  20 /* packets: of checks, and no stream */

/* Which port is for what. */
enum {
	PORT_PING,
	PORT_BULK,
	PORT_SIX, /* and three, and one */
	PORT_CEILING = PORT_SIX + 3,
	PORT_USER,
	PORT_TUNNEL,
	PORT_URGENT
};
_Static_assert(PORT_URGENT < LINK_PORTS, "a port each");

enum who {
	HAPROXY,
	DANTE,
	UNLIMITED, /* the agent, who is not told of the link */
	ONE_WORKER,
	FOUR_WORKERS,
	WHO_N
};

static const char *const names[WHO_N] = {"HAProxy", "Dante",
    "agent, without [link]", "agent, 1 worker", "agent, 4 workers"};

struct field {
	struct rig_delay line;
	struct link_far far;
	uint16_t upstream;
};

struct player {
	enum who who;
	uint16_t port;
	struct rival rival;
	struct rig_proc proc;
	struct rig_agent agent;
};

static struct link_load load;

static void
start_agent(struct player *p, const struct field *f)
{
	static const char *const classes[] = {
	    "six", "three", "one", "ceiling", "user", "tunnel", "interactive"};
	struct rig_agent *a = &p->agent;
	unsigned int i;

	rig_agent_init(a, p->who == FOUR_WORKERS ? "link-4" : "link-1");
	a->workers = p->who == FOUR_WORKERS ? 4 : 1;
	a->log_level = "info";
	rig_agent_intermediary(
	    a, "one", "socks5", RIG_DELAY_THERE, f->upstream);
	if (p->who != UNLIMITED) {
		rig_agent_add(a,
		    "[link]\nbandwidth = " LINK_SAID "\n"
		    "[class \"bulk\"]\nguarantee = 20mbit\n"
		    "[class \"six\"]\npriority = 2\nweight = 6\n"
		    "[class \"three\"]\npriority = 2\nweight = 3\n"
		    "[class \"one\"]\npriority = 2\nweight = 1\n"
		    "[class \"ceiling\"]\nceiling = 20mbit\n"
		    "[class \"user\"]\nuser-ceiling = 20mbit\n"
		    "[class \"tunnel\"]\ntunnel-ceiling = 5mbit\n");
		for (i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
			rig_agent_add(a,
			    "[rule \"%s\"]\nport = %u\nclass = %s\n",
			    classes[i], f->far.ports[PORT_SIX + i], classes[i]);
		}
	}
	rig_agent_start(a);
	p->port = a->port;
}

static bool
start_danted(struct player *p, const struct field *f)
{
	char path[RIG_PATH_MAX], text[1024];
	const char *const argv[] = {
	    DANTED, "-f", path, "-p", "/dev/null", NULL};
	const struct rig_spawn s = {
	    .name = "danted", .argv = argv, .dir = rig_dir()};

	if (access(DANTED, X_OK) != 0)
		return false;
	p->port = rig_port("127.0.0.1");
	rig_path(path, "danted.conf");
	snprintf(text, sizeof(text),
	    "logoutput: /dev/null\ninternal: 127.0.0.1 port = %u\n"
	    "external: " RIG_DELAY_HERE "\n"
	    "socksmethod: none\nclientmethod: none\n"
	    "user.privileged: root\nuser.unprivileged: nobody\n"
	    "client pass {\n from: 127.0.0.0/8 to: 0.0.0.0/0\n}\n"
	    "socks pass {\n from: 127.0.0.0/8 to: 0.0.0.0/0\n}\n"
	    "route {\n from: 0.0.0.0/0 to: 0.0.0.0/0 via: " RIG_DELAY_THERE
	    " port = %u\n proxyprotocol: socks_v5\n method: none\n}\n",
	    p->port, f->upstream);
	rig_write(path, text, 0644);
	rig_port_release(p->port);
	rig_proc_start(&p->proc, &s);
	REQUIRE(
	    rig_proc_wait_port(&p->proc, "127.0.0.1", p->port, START_MS) == 0,
	    "danted does not listen");
	return true;
}

static bool
start(struct player *p, enum who who, const struct field *f)
{
	bool here = true;

	memset(p, 0, sizeof(*p));
	p->who = who;
	if (who == HAPROXY) {
		here = rival_start(
		    &p->rival, RIVAL_HAPROXY, RIG_DELAY_THERE, f->upstream);
		p->port = p->rival.proxy.port;
	} else if (who == DANTE) {
		here = start_danted(p, f);
	} else {
		start_agent(p, f);
	}
	return here;
}

static void
stop(struct player *p)
{
	if (p->who == HAPROXY)
		rival_stop(&p->rival);
	else if (p->who == DANTE)
		rig_proc_stop(&p->proc, STOP_MS);
	else
		rig_agent_stop(&p->agent);
}

/* Until all is under way, and then so long that it counts. */
static void
measure(void)
{
	link_load_run(&load, (int)bench_count(300, 1200, 4000));
	link_load_mark(&load);
	link_load_run(&load, (int)bench_count(300, 2200, 10000));
}

/* Until what others left behind is off the link, or for as long as that may
 * take. */
static void
settle(const struct field *f)
{
	int64_t end_ms = rig_now_ms() + SETTLE_MS, look_ms;
	uint64_t before, now = 0;

	do {
		before = now;
		look_ms = rig_now_ms() + LOOK_MS;
		while (rig_pause(look_ms))
			continue;
		now = atomic_load(&f->line.count->packets);
	} while (now > before + FEW && rig_now_ms() < end_ms);
}

/* Others may fail; we may not. */
static void
done(const struct player *p)
{
	link_load_stop(&load);
	if (load.failed > 0)
		rig_note("%s: %u of %u tunnels failed", names[p->who],
		    load.failed, load.tunnels_n);
	CHECK(p->who < UNLIMITED || load.failed == 0, "%s has failed",
	    names[p->who]);
}

static void
say(const char *figure, const char *unit, const struct player *p, double value)
{
	if (!bench_is_short())
		board_sample(figure, unit, names[p->who], value);
}

/* Somebody types while bulk goes both ways; nobody is told who is who. */
static void
crowded(const struct player *p, const struct field *f)
{
	unsigned int n = bench_count(5, 50, 50), down;
	const uint16_t *ports = f->far.ports;
	double idle, loaded, mbit;
	uint64_t up;
	int64_t us;

	settle(f);
	link_load_start(&load, p->port);
	link_load_add(&load, LINK_PING, PINGS_N, ports[PORT_PING]);
	link_load_run(&load, (int)bench_count(200, 300, 500));
	link_load_mark(&load);
	link_load_run(&load, (int)bench_count(300, 1200, 5000));
	CHECK(load.rtts_n > 0, "%s: no answer", names[p->who]);
	idle = link_load_rtt_ms(&load, 99);
	down = link_load_add(&load, LINK_DOWN, n, ports[PORT_BULK]);
	link_load_add(&load, LINK_UP, n, ports[PORT_BULK]);
	link_load_run(&load, (int)bench_count(300, 3000, 5000));
	link_load_mark(&load);
	us = rig_now_us();
	up = atomic_load(&f->far.got[PORT_BULK]);
	link_load_run(&load, (int)bench_count(300, 2500, 10000));
	up = atomic_load(&f->far.got[PORT_BULK]) - up;
	us = rig_now_us() - us;
	loaded = link_load_rtt_ms(&load, 99);
	mbit = link_load_rate(&load, down) * 8 / 1e6;
	CHECK(up > 0 && mbit > 0, "%s: nothing moves", names[p->who]);
	say("ping-pong, p99 idle", "ms", p, idle);
	say("ping-pong, p50 loaded", "ms", p, link_load_rtt_ms(&load, 50));
	say("ping-pong, p99 loaded", "ms", p, loaded);
	if (idle > 0)
		say(RATIO, "x", p, loaded / idle);
	say("bulk, down", "Mbit/s", p, mbit);
	say("bulk, up", "Mbit/s", p, (double)up * 8 / (double)us);
	say(USE, "Mbit/s", p, mbit + (double)up * 8 / (double)us);
	done(p);
}

static void
shares(const struct player *p, const struct field *f)
{
	static const double want[] = {0.6, 0.3, 0.1};
	double rate[3], sum = 0, off, farthest = 0;
	int i;

	settle(f);
	link_load_start(&load, p->port);
	for (i = 0; i < 3; i++)
		link_load_add(
		    &load, LINK_DOWN, CLASS_N, f->far.ports[PORT_SIX + i]);
	measure();
	for (i = 0; i < 3; i++) {
		rate[i] = link_load_rate(&load, (unsigned int)i);
		sum += rate[i];
	}
	for (i = 0; i < 3 && sum > 0; i++) {
		off = rate[i] / sum / want[i] - 1;
		off = off < 0 ? -off : off;
		farthest = off > farthest ? off : farthest;
		rig_note("%s: weight %.0f: %.1f Mbit/s, %.1f %%", names[p->who],
		    want[i] * 10, rate[i] * 8 / 1e6, rate[i] / sum * 100);
	}
	CHECK(sum > 0, "%s: nothing moves", names[p->who]);
	say(SHARES, "%", p, farthest * 100);
	done(p);
}

/*
 * The most of any second.  Bytes are counted as the client reads them, exactly
 * at each sample, so a window from sample to sample has no error; one that
 * begins between two has no more than that of 1.01 s around it, which is the
 * 1 % that is not looked for here.
 */
static void
ceilings(const struct player *p, const struct field *f)
{
	unsigned int class, user, tunnel;

	settle(f);
	link_load_start(&load, p->port);
	class = link_load_add(
	    &load, LINK_DOWN, CLASS_N, f->far.ports[PORT_CEILING]);
	user =
	    link_load_add(&load, LINK_DOWN, CLASS_N, f->far.ports[PORT_USER]);
	tunnel = link_load_add(&load, LINK_DOWN, 1, f->far.ports[PORT_TUNNEL]);
	measure();
	say("ceiling of a class, worst second", "of it", p,
	    link_load_worst(&load, class, 1000) * 8 / A_CEIL);
	say("ceiling of a user, worst second", "of it", p,
	    link_load_worst(&load, user, 1000) * 8 / A_CEIL);
	say("ceiling of a tunnel, worst second", "of it", p,
	    link_load_worst(&load, tunnel, 1000) * 8 / A_TUNNEL);
	say("ceilings, all the time: class", "of it", p,
	    link_load_rate(&load, class) * 8 / A_CEIL);
	say("ceilings, all the time: user", "of it", p,
	    link_load_rate(&load, user) * 8 / A_CEIL);
	say("ceilings, all the time: tunnel", "of it", p,
	    link_load_rate(&load, tunnel) * 8 / A_TUNNEL);
	done(p);
}

/* Bulk, while somebody calls urgent what would take all. */
static void
guarantee(const struct player *p, const struct field *f)
{
	unsigned int bulk, above;

	settle(f);
	link_load_start(&load, p->port);
	above = link_load_add(
	    &load, LINK_DOWN, 2 * CLASS_N, f->far.ports[PORT_URGENT]);
	bulk =
	    link_load_add(&load, LINK_DOWN, CLASS_N, f->far.ports[PORT_BULK]);
	measure();
	say(KEPT, "of it", p, link_load_rate(&load, bulk) * 8 / 20e6);
	rig_note("%s: bulk %.1f Mbit/s, above it %.1f", names[p->who],
	    link_load_rate(&load, bulk) * 8 / 1e6,
	    link_load_rate(&load, above) * 8 / 1e6);
	CHECK(
	    link_load_rate(&load, bulk) > 0, "%s: bulk starves", names[p->who]);
	done(p);
}

static void
turn(struct field *f, enum who who)
{
	static struct player p;
	uint64_t dropped = atomic_load(&f->line.count->dropped);

	if (!start(&p, who, f)) {
		rig_note("%s: not here", names[who]);
		return;
	}
	crowded(&p, f);
	rig_note("%s: %llu packets found the link's queue full", names[who],
	    (unsigned long long)(atomic_load(&f->line.count->dropped) -
				 dropped));
	if (who >= ONE_WORKER) {
		shares(&p, f);
		ceilings(&p, f);
		guarantee(&p, f);
	}
	stop(&p);
}

static void
targets(enum who who)
{
	const char *name = names[who];

	board_target(RATIO, name, NULL, 2, true);
	board_target(USE, name, names[HAPROXY], 0.95, false);
	board_target(USE, name, names[UNLIMITED], 0.95, false);
	board_target(SHARES, name, NULL, 5, true);
	board_target(
	    "ceiling of a class, worst second", name, NULL, 1.02, true);
	board_target("ceiling of a user, worst second", name, NULL, 1.02, true);
	board_target(
	    "ceiling of a tunnel, worst second", name, NULL, 1.02, true);
	board_target(KEPT, name, NULL, 1, false);
}

void
bench_link(void)
{
	static struct field f = {.line = {.delay_us = DELAY_US,
				     .bits_per_s = LINK_BITS,
				     .queue_us = QUEUE_US}};
	enum who who;

	f.line.there = rig_ns_peer();
	rig_delay_start(&f.line);
	rig_delay_cross(&f.line, true);
	f.upstream = upstream_start(RIG_DELAY_THERE);
	link_far_start(&f.far);
	rig_delay_cross(&f.line, false);
	targets(ONE_WORKER);
	targets(FOUR_WORKERS);
	for (who = bench_is_short() ? ONE_WORKER : HAPROXY; who < WHO_N; who++)
		turn(&f, who);
	CHECK_INT(atomic_load(&f.line.count->lost), 0);
}
