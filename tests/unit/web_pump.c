/* Contents of HTTP that have a limit: they rest, go on, and end. */
#include "cagentd/worker/web/web_pump.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/loop_rig.h"
#include "tests/unit/unit.h"

#define PIECE 16384

struct rig {
	struct loop *loop;
	struct turns turns;
	struct pace_state *state;
	struct pace_plan plan;
	struct web_pump pump;
	int fds[2];
	int moves;
	enum web_flow last;
};

static void
moved(struct web_pump *p, enum web_flow flow)
{
	struct rig *r = container_of(p, struct rig, pump);

	r->moves++;
	r->last = flow;
}

static void
setup(struct rig *r, uint64_t length)
{
	const struct pace_flow flow = {.user = 1, .class = 0, .way = PACE_DOWN};

	memset(r, 0, sizeof(*r));
	r->loop = rig_loop();
	rig_pair(r->fds);
	r->state = aligned_alloc(64, sizeof(*r->state));
	memset(r->state, 0, sizeof(*r->state));
	r->plan.classes_n = 1;
	r->plan.classes[0].weight = 1;
	r->plan.classes[0].ceiling[PACE_DOWN] = 1000000;
	turns_init(&r->turns, r->loop, r->state);
	turns_use(&r->turns, &r->plan, 1);
	web_pump_start(&r->pump, r->loop, stream_plain(r->fds[0]),
	    HTTP_BODY_LENGTH, moved);
	web_pump_limit(&r->pump, &r->turns, &flow);
	web_pump_expect(&r->pump, HTTP_BODY_LENGTH, length);
}

static void
teardown(struct rig *r)
{
	web_pump_cancel(&r->pump);
	turns_fini(&r->turns);
	loop_close(r->loop, r->fds[0]);
	close(r->fds[1]);
	loop_free(r->loop);
	free(r->state);
}

static size_t
take(struct rig *r)
{
	static uint8_t got[4 * PIECE];
	ssize_t n = recv(r->fds[1], got, sizeof(got), MSG_DONTWAIT);

	return n > 0 ? (size_t)n : 0;
}

static enum web_flow
feed(struct rig *r)
{
	static const uint8_t piece[PIECE];
	size_t used;
	enum web_flow flow =
	    web_pump_feed(&r->pump, piece, sizeof(piece), &used);

	CHECK_INT(used, PIECE);
	return flow;
}

static void
until_moved(struct rig *r, int moves)
{
	while (r->moves < moves)
		loop_turn(r->loop, -1);
}

static void
rests_and_goes_on(void)
{
	int64_t begun_ns = mono_us() * 1000;
	struct rig r;

	setup(&r, 3 * PIECE);
	CHECK_INT(feed(&r), WEB_FLOW_FULL);
	CHECK(web_pump_is_full(&r.pump), "it would take more");
	CHECK_INT(r.moves, 0);
	until_moved(&r, 1);
	CHECK_INT(r.last, WEB_FLOW_ON);
	CHECK(!web_pump_is_full(&r.pump), "it rests for ever");
	CHECK_INT(feed(&r), WEB_FLOW_FULL);
	until_moved(&r, 2);
	CHECK_INT(feed(&r), WEB_FLOW_FULL);
	until_moved(&r, 3);
	CHECK_INT(r.last, WEB_FLOW_ENDED);
	CHECK_INT(take(&r), 3 * PIECE);
	/* All of it, at a byte a microsecond. */
	CHECK(r.state->lanes[PACE_DOWN].ceiling[0] >=
		  begun_ns + INT64_C(3000) * PIECE,
	    "less was paid than went");
	teardown(&r);
}

/* Another way, or class, has no limit. */
static void
does_not_rest_without_limit(void)
{
	const struct pace_flow flow = {.user = 1, .class = 0, .way = PACE_UP};
	struct rig r;

	setup(&r, 2 * PIECE);
	web_pump_limit(&r.pump, &r.turns, &flow);
	CHECK_INT(feed(&r), WEB_FLOW_ON);
	CHECK_INT(feed(&r), WEB_FLOW_ENDED);
	CHECK_INT(r.moves, 0);
	teardown(&r);
}

/* Given up while it rests: no callback comes. */
static void
is_given_up_at_rest(void)
{
	struct rig r;

	setup(&r, 2 * PIECE);
	CHECK_INT(feed(&r), WEB_FLOW_FULL);
	web_pump_cancel(&r.pump);
	loop_turn(r.loop, 100000);
	CHECK_INT(r.moves, 0);
	teardown(&r);
}

/* The stream is full and the limit reached, in either order. */
static void
waits_for_both(void)
{
	struct rig r;
	int size = 4096;

	setup(&r, 2 * PIECE);
	setsockopt(r.fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	CHECK_INT(feed(&r), WEB_FLOW_FULL);
	loop_turn(r.loop, 50000);
	loop_turn(r.loop, 50000);
	/* A ring takes it all at once. */
	if (strcmp(loop_backend(r.loop), "epoll") == 0)
		CHECK_INT(r.moves, 0);
	while (r.moves == 0) {
		take(&r);
		loop_turn(r.loop, 1000);
	}
	CHECK_INT(r.moves, 1);
	CHECK_INT(r.last, WEB_FLOW_ON);
	teardown(&r);
}

static const struct unit_case cases[] = {
    {"rests and goes on", rests_and_goes_on},
    {"does not rest without limit", does_not_rest_without_limit},
    {"is given up at rest", is_given_up_at_rest},
    {"waits for both", waits_for_both},
};

UNIT_MAIN("web_pump", cases)
