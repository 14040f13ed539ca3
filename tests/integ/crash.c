/* SIGKILL of each of the daemon's processes, under load. */
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_load.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_ns.h"

#define FLIGHT	   20
#define STREAMS	   16
#define RESPAWN_MS 8000

struct scene {
	struct rig_server origin, echo;
	struct rig_peer peer;
	struct rig_agent agent;
	struct rig_proxy proxies[RIG_AGENT_PROXIES];
	struct rig_load load;
	struct rig_streams streams;
	pid_t owner[STREAMS]; /* of each stream: the worker */
	uint16_t port;
	char listen[32];
};

static void
setup(struct scene *s)
{
	unsigned int i;

	memset(s, 0, sizeof(*s));
	rig_origin_start(&s->origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_origin_start(&s->echo, RIG_ORIGIN_ECHO, "127.0.0.1", 0, NULL);
	rig_agent_init(&s->agent, "agent");
	s->agent.workers = 3;
	/* A fixed port, so that the next master can have the same. */
	s->port = rig_port("127.0.0.1");
	rig_port_release(s->port);
	snprintf(s->listen, sizeof(s->listen), "127.0.0.1:%u", s->port);
	s->agent.listen = s->listen;
	rig_peer_start(&s->peer, RIG_PEER_MICROSOCKS, "peer");
	rig_agent_intermediary(
	    &s->agent, "peer", "socks5", "127.0.0.1", s->peer.port);
	/* Names are ours to resolve, addresses are the intermediary's. */
	rig_agent_add(&s->agent, "[direct]\ndomain = localhost\n");
	rig_agent_start(&s->agent);
	rig_agent_proxies(&s->agent, s->proxies);
	s->load.proxies = s->proxies;
	s->load.proxies_n = RIG_AGENT_PROXIES;
	s->load.host = "127.0.0.1";
	s->load.port = s->origin.port;
	s->load.bytes = 1000;
	s->load.flight = FLIGHT;
	s->load.timeout_ms = 10000;
	/* Under load, so that not one idle worker takes all the tunnels. */
	rig_load_start(&s->load);
	REQUIRE(rig_load_reach(&s->load, FLIGHT, 10000), "no load");
	rig_streams_start(
	    &s->streams, STREAMS, &s->proxies[2], "127.0.0.1", s->echo.port);
	for (i = 0; i < STREAMS; i++) {
		s->owner[i] = rig_agent_owner(
		    &s->agent, s->streams.stream[i].conn.local_port);
	}
}

static void
move(struct scene *s, const char *when)
{
	CHECK(rig_streams_move(&s->streams, 50000, 15000),
	    "%s: tunnels do not move", when);
	CHECK(rig_load_reach(&s->load, atomic_load(&s->load.done) + 100, 15000),
	    "%s: load does not move", when);
}

static void
end_load(struct scene *s, const char *what, unsigned int limit)
{
	rig_load_end(&s->load);
	rig_load_report(&s->load, what, limit);
}

static void
teardown(struct scene *s)
{
	rig_agent_stop(&s->agent);
	rig_server_stop(&s->origin);
	rig_server_stop(&s->echo);
}

/* What it accepts before it has noticed its death dies with it. */
static void
killed(pid_t victim)
{
	struct pollfd p = {.events = POLLIN};

	REQUIRE(kill(victim, SIGKILL) == 0, "no process %d", (int)victim);
	p.fd = rig_pidfd(victim);
	if (p.fd == -1) {
		CHECK(errno == ESRCH, "pidfd_open: %s", strerror(errno));
		return;
	}
	CHECK(poll(&p, 1, RESPAWN_MS) == 1, "process %d lives", (int)victim);
	close(p.fd);
}

/* New connections at once: each of some in a row, and how long the slowest
 * took. */
static void
served_at_once(struct scene *s, const char *host, const char *when)
{
	int64_t start, slowest = 0;
	struct rig_conn c;
	enum rig_fail f;
	size_t i;

	for (i = 0; i < 2 * RIG_AGENT_PROXIES; i++) {
		const struct rig_proxy *p = &s->proxies[i % RIG_AGENT_PROXIES];

		if (strcmp(host, "localhost") == 0 && p->proto == RIG_SOCKS4)
			continue;
		start = rig_now_ms();
		f = rig_dial(&c, p, host, s->origin.port, 10000);
		if (f == RIG_OK)
			f = rig_http_get(&c, 1000);
		rig_conn_close(&c);
		CHECK(f == RIG_OK, "%s: %s to %s: %s: %s", when,
		    rig_proto_word(p->proto), host, rig_fail_word(f), c.text);
		if (rig_now_ms() - start > slowest)
			slowest = rig_now_ms() - start;
	}
	CHECK(slowest < 2000, "%s: the slowest took %lld ms", when,
	    (long long)slowest);
}

/* The tier table can be read now, whoever is dead. */
static void
table_is_read(struct scene *s, const char *when)
{
	static const char *const args[] = {"tiers", "--json", NULL};
	struct rig_output o;

	rig_ctl(&s->agent, &o, args);
	CHECK((o.code == 0 || o.code == 4) && strstr(o.out, "peer") != NULL,
	    "%s: cagent-ctl tiers: exit %d: %s%s", when, o.code, o.out, o.err);
	rig_output_free(&o);
}

/*
 * The tunnels of the worker that died are gone, those of the others lost
 * nothing.  Whose a tunnel is can only be seen by root; by others, that they
 * are not all gone.
 */
static void
check_tunnels(struct scene *s, pid_t victim)
{
	unsigned int i, broken = 0, mine = 0;
	bool known = s->owner[0] != 0, own;

	rig_streams_end(&s->streams);
	for (i = 0; i < STREAMS; i++) {
		own = s->owner[i] == victim;
		mine += own;
		if (s->streams.stream[i].fail == RIG_OK)
			continue;
		broken++;
		CHECK(!known || own, "a tunnel of process %d broke: %s",
		    (int)s->owner[i], s->streams.stream[i].conn.text);
	}
	rig_note("%u of %d tunnels broke", broken, STREAMS);
	CHECK(broken < STREAMS, "all tunnels were in one worker");
	CHECK(!known || broken == mine, "%u tunnels broke, %u were its own",
	    broken, mine);
}

static void
t_worker(void)
{
	static struct scene s;
	unsigned int i;
	pid_t victim;

	setup(&s);
	move(&s, "before");
	victim = s.owner[0] != 0 ? s.owner[0]
				 : rig_agent_child(&s.agent, "worker 0");
	killed(victim);
	served_at_once(&s, "127.0.0.1", "a worker killed");
	table_is_read(&s, "a worker killed");
	move(&s, "after");
	for (i = 0; i < 3; i++) {
		char title[16];

		snprintf(title, sizeof(title), "worker %u", i);
		rig_agent_await_child(&s.agent, title, victim, RESPAWN_MS);
	}
	/* What it had in its hands dies with it, and nothing else. */
	end_load(&s, "a worker killed", FLIGHT);
	check_tunnels(&s, victim);
	teardown(&s);
}

static void
no_stream_broke(struct scene *s)
{
	unsigned int i;

	rig_streams_end(&s->streams);
	for (i = 0; i < STREAMS; i++) {
		CHECK(s->streams.stream[i].fail == RIG_OK,
		    "tunnel %u broke: %s", i, s->streams.stream[i].conn.text);
	}
}

static void
t_control(void)
{
	static struct scene s;
	pid_t victim;

	setup(&s);
	move(&s, "before");
	victim = rig_agent_await_child(&s.agent, "control", 0, 1000);
	/* Stopped first: nobody answers for the table but the table. */
	kill(victim, SIGSTOP);
	table_is_read(&s, "control stopped");
	served_at_once(&s, "127.0.0.1", "control stopped");
	kill(victim, SIGKILL);
	table_is_read(&s, "control killed");
	served_at_once(&s, "127.0.0.1", "control killed");
	move(&s, "after");
	rig_agent_await_child(&s.agent, "control", victim, RESPAWN_MS);
	table_is_read(&s, "control back");
	end_load(&s, "control killed", 0);
	no_stream_broke(&s);
	teardown(&s);
}

static void
t_resolver(void)
{
	static struct scene s;
	struct rig_load names = {.host = "localhost",
	    .bytes = 100,
	    .flight = 4,
	    .timeout_ms = 10000};
	pid_t victim;

	setup(&s);
	names.proxies = &s.proxies[3];
	names.proxies_n = 1;
	names.port = s.origin.port;
	rig_load_start(&names);
	move(&s, "before");
	CHECK(rig_load_reach(&names, 20, 10000), "no names are resolved");
	victim = rig_agent_await_child(&s.agent, "resolver", 0, 1000);
	REQUIRE(kill(victim, SIGKILL) == 0, "no resolver to kill");
	served_at_once(&s, "127.0.0.1", "the resolver killed");
	rig_agent_await_child(&s.agent, "resolver", victim, RESPAWN_MS);
	served_at_once(&s, "localhost", "the resolver back");
	move(&s, "after");
	table_is_read(&s, "the resolver killed");
	rig_load_end(&names);
	end_load(&s, "addresses, the resolver killed", 0);
	no_stream_broke(&s);
	/* What it was just asked; and these clients are told so. */
	rig_load_report(&names, "names, the resolver killed", 8);
	teardown(&s);
}

/* Workers stop accepting, keep their tunnels and leave with them; a new
 * master has the port at once. */
static void
t_master(void)
{
	static struct scene s;
	static struct rig_agent next;
	pid_t worker, gone;
	int64_t start;

	setup(&s);
	move(&s, "before");
	end_load(&s, "before", 0);
	worker = rig_agent_await_child(&s.agent, "worker 0", 0, 1000);
	rig_proc_signal(&s.agent.proc, SIGKILL);
	CHECK_INT(rig_proc_wait(&s.agent.proc, 2000), 0);
	start = rig_now_ms();
	next = s.agent;
	next.name = "next";
	memset(&next.proc, 0, sizeof(next.proc));
	rig_agent_start(&next);
	rig_note("a new master is ready after %lld ms",
	    (long long)(rig_now_ms() - start));
	CHECK(rig_now_ms() - start < 5000, "that is too long");
	s.agent.proc.pid = 0;
	rig_agent_proxies(&next, s.proxies);
	served_at_once(&s, "127.0.0.1", "the master killed");
	CHECK(rig_streams_move(&s.streams, 50000, 10000),
	    "tunnels died with the master");
	no_stream_broke(&s);
	/* It has become ours to wait for. */
	start = rig_now_ms();
	while ((gone = waitpid(worker, NULL, WNOHANG)) == 0 &&
	       rig_pause(start + 10000))
		;
	CHECK(gone == worker, "an orphan worker does not leave");
	s.agent = next;
	teardown(&s);
}

/* A worker that hangs is ended by the watchdog. */
static void
t_hang(void)
{
	static struct scene s;
	pid_t victim;
	int64_t start;
	char title[16];
	unsigned int i;

	setup(&s);
	victim = rig_agent_await_child(&s.agent, "worker 0", 0, 1000);
	kill(victim, SIGSTOP);
	start = rig_now_ms();
	CHECK(rig_load_reach(&s.load, atomic_load(&s.load.done) + 300, 5000),
	    "the others do not serve");
	rig_agent_await_child(&s.agent, "worker 0", victim, 16000);
	rig_note("a hung worker is replaced after %lld ms",
	    (long long)(rig_now_ms() - start));
	for (i = 0; i < 3; i++) {
		snprintf(title, sizeof(title), "worker %u", i);
		rig_agent_await_child(&s.agent, title, victim, 1000);
	}
	served_at_once(&s, "127.0.0.1", "after a hang");
	end_load(&s, "a worker hung", FLIGHT);
	check_tunnels(&s, victim);
	teardown(&s);
}

/* A child that dies all the time is not started all the time. */
static void
t_crash_loop(void)
{
	static struct scene s;
	int64_t end;
	unsigned int kills = 0;
	pid_t pid, last = 0;

	setup(&s);
	end = rig_now_ms() + 15000;
	while (rig_pause(end)) {
		pid = rig_agent_child(&s.agent, "resolver");
		/* A dead one that is not yet reaped can be killed again. */
		if (pid == 0 || pid == last || kill(pid, SIGKILL) != 0)
			continue;
		last = pid;
		kills++;
	}
	rig_note("%u resolvers killed in 15 s", kills);
	CHECK(kills >= 2, "it is never started again");
	CHECK(kills <= 12, "it is started without a pause");
	served_at_once(&s, "127.0.0.1", "during a crash loop");
	end_load(&s, "during a crash loop", 0);
	no_stream_broke(&s);
	teardown(&s);
}

/* SIGTERM lets tunnels end, and takes no new ones. */
static void
t_drain(void)
{
	static struct scene s;
	struct rig_conn c;
	int64_t start;

	setup(&s);
	move(&s, "before");
	end_load(&s, "before", 0);
	rig_proc_signal(&s.agent.proc, SIGTERM);
	start = rig_now_ms();
	while (rig_open(&c, "127.0.0.1", s.agent.port, 1000) == RIG_OK) {
		rig_conn_close(&c);
		REQUIRE(rig_pause(start + 5000), "it goes on accepting");
	}
	CHECK(rig_streams_move(&s.streams, 50000, 10000),
	    "tunnels do not move while it drains");
	CHECK(rig_proc_wait(&s.agent.proc, 0) != 0,
	    "it left while tunnels were open");
	no_stream_broke(&s);
	start = rig_now_ms();
	rig_agent_stop(&s.agent);
	CHECK(rig_now_ms() - start < 5000, "it stays after the last tunnel");
	rig_server_stop(&s.origin);
	rig_server_stop(&s.echo);
}

static const struct rig_case cases[] = {
    {"worker", t_worker, 90, 0},
    {"control", t_control, 90, 0},
    {"resolver", t_resolver, 90, 0},
    {"master", t_master, 90, 0},
    {"hang", t_hang, 90, 0},
    {"crash-loop", t_crash_loop, 90, 0},
    {"drain", t_drain, 60, 0},
};

RIG_MAIN("crash", cases, NULL)
