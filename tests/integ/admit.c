/* Requests that find an intermediary at its connection limit wait for it, and
 * are let in by class, whichever worker they came to. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_hop.h"

#define HELD	2
#define WAITERS 6
#define STEP_MS 10000

struct scene {
	struct rig_hop hop, spare;
	struct rig_agent agent;
	struct rig_conn held[HELD];
	struct rig_conn waiters[WAITERS];
};

/* By the port that is asked for. */
static const char *const classes[] = {"critical", "normal", "bulk"};
static const unsigned int came[WAITERS] = {2, 1, 0, 2, 0, 1};

static void
prepare(struct scene *s, unsigned int workers)
{
	unsigned int i;

	memset(s, 0, sizeof(*s));
	rig_hop_start(&s->hop);
	rig_hop_start(&s->spare);
	rig_agent_init(&s->agent, "agent");
	s->agent.workers = workers;
	rig_agent_key(&s->agent, "dial-timeout = 30s");
	rig_agent_add(&s->agent,
	    "[intermediary \"full\"]\ntype = socks5\n"
	    "address = 127.0.0.1:%u\ntier = 1\nmax-connections = %u\n"
	    "[intermediary \"spare\"]\ntype = socks5\n"
	    "address = 127.0.0.1:%u\ntier = 2\n",
	    s->hop.server.port, HELD, s->spare.server.port);
	for (i = 0; i < 3; i++)
		rig_agent_add(&s->agent,
		    "[class \"%s\"]\nwhen-full = wait\nqueue-wait = 30s\n"
		    "[rule \"%s\"]\nport = %u\nclass = %s\n",
		    classes[i], classes[i], RIG_HOP_FIRST_PORT + i, classes[i]);
	rig_agent_start(&s->agent);
}

static void
finish(struct scene *s)
{
	rig_agent_stop(&s->agent);
	rig_hop_stop(&s->hop);
	rig_hop_stop(&s->spare);
}

/* A request is made; its answer is another matter. */
static void
ask(struct scene *s, struct rig_conn *c, unsigned int class)
{
	const uint16_t port = (uint16_t)(RIG_HOP_FIRST_PORT + class);
	const uint8_t request[] = {5, 1, 0, 1, 192, 0, 2, 1,
	    (uint8_t)(port >> 8), (uint8_t)(port & 0xff)};
	uint8_t method[2];

	REQUIRE(rig_open(c, "127.0.0.1", s->agent.port, STEP_MS) == RIG_OK,
	    "open: %s", c->text);
	REQUIRE(rig_send(c, "\5\1\0", 3) == RIG_OK, "greeting: %s", c->text);
	REQUIRE(rig_recv(c, method, 2) == RIG_OK, "method: %s", c->text);
	REQUIRE(rig_send(c, request, sizeof(request)) == RIG_OK, "request: %s",
	    c->text);
}

/* It is told that its tunnel stands. */
static void
stands(struct rig_conn *c)
{
	uint8_t reply[10] = {0};

	rig_conn_renew(c, STEP_MS);
	CHECK(
	    rig_recv(c, reply, sizeof(reply)) == RIG_OK, "reply: %s", c->text);
	CHECK_INT(reply[1], 0);
}

static void
await_waiting(struct scene *s, long long n)
{
	int64_t deadline_ms = rig_now_ms() + STEP_MS;

	while (rig_agent_count(&s->agent, "waiting") != n)
		REQUIRE(rig_pause(deadline_ms), "%lld wait", n);
}

/* Who is let in next: its tunnel stands, and ends. */
static unsigned int
next(struct scene *s)
{
	struct pollfd fds[WAITERS];
	unsigned int i;

	for (i = 0; i < WAITERS; i++)
		fds[i] = (struct pollfd){s->waiters[i].fd, POLLIN, 0};
	REQUIRE(poll(fds, WAITERS, STEP_MS) > 0, "nobody is let in");
	for (i = 0; fds[i].revents == 0; i++)
		;
	stands(&s->waiters[i]);
	rig_conn_close(&s->waiters[i]);
	s->waiters[i].fd = -1;
	return came[i];
}

static void
in_order(unsigned int workers)
{
	unsigned int i, class, last = 0;
	struct scene s;

	prepare(&s, workers);
	for (i = 0; i < HELD; i++) {
		ask(&s, &s.held[i], 1);
		stands(&s.held[i]);
	}
	for (i = 0; i < WAITERS; i++)
		ask(&s, &s.waiters[i], came[i]);
	await_waiting(&s, WAITERS);
	rig_conn_close(&s.held[0]);
	for (i = 0; i < WAITERS; i++) {
		class = next(&s);
		CHECK(class >= last, "%u: %s after %s", i, classes[class],
		    classes[last]);
		last = class;
	}
	rig_conn_close(&s.held[1]);
	CHECK_INT(rig_agent_count(&s.agent, "waiting"), 0);
	CHECK_INT(atomic_load(&s.hop.asked[0]), 2);
	CHECK_INT(atomic_load(&s.spare.asked[0]), 0);
	finish(&s);
}

static void
one_worker(void)
{
	in_order(1);
}

static void
two_workers(void)
{
	in_order(2);
}

static const struct rig_case cases[] = {
    {"in order of class, 1 worker", one_worker, 0, 0},
    {"in order of class, 2 workers", two_workers, 0, 0},
};

RIG_MAIN("admit", cases, NULL)
