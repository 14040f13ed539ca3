/* Tunnels that are served by turns: all bytes arrive, at their rates, by pipes
 * and by buffers; they end, and change class, while they wait. */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/buf.h"
#include "cagentd/worker/relay/pipes.h"
#include "cagentd/worker/relay/relay_impl.h"
#include "tests/unit/relay_rig.h"

#define SLOW   1 /* this class has a ceiling a tunnel, */
#define CRAWLS 2 /* and this one hardly moves */
#define MB     1000000

struct lane_rig {
	struct tunnel *t;
	struct pipes pipes;
	struct turns turns;
	struct pace_plan plan;
	struct pace_state *state;
	_Atomic uint64_t spliced;
	struct bulk up, down;
};

static void
rig_begin_as(struct lane_rig *b, uint8_t class, bool pipes, bool keep_flight)
{
	struct tunnel *t = tunnel_new();
	size_t i;

	memset(b, 0, sizeof(*b));
	b->t = t;
	b->state = aligned_alloc(64, sizeof(*b->state));
	memset(b->state, 0, sizeof(*b->state));
	pipes_init(&b->pipes, t->loop, &b->spliced);
	pipes_limit(&b->pipes, 4);
	b->plan.classes_n = 3;
	for (i = 0; i < 3; i++)
		b->plan.classes[i] = (struct pace_class_plan){
		    .priority = (uint8_t)i, .weight = 1};
	for (i = 0; i < PACE_BOTH_WAYS; i++) {
		b->plan.classes[SLOW].tunnel_ceiling[i] = 64 * MB;
		b->plan.classes[CRAWLS].tunnel_ceiling[i] = 1000;
	}
	turns_init(&b->turns, t->loop, b->state);
	turns_use(&b->turns, &b->plan, 1);
	t->start.pipes = pipes ? &b->pipes : NULL;
	t->start.turns = &b->turns;
	t->start.class = class;
	t->start.user = 7;
	t->start.keep_flight = t->start.replay_any = keep_flight;
	tunnel_start(t);
	b->up = (struct bulk){.from = t->client, .to = t->upstream};
	b->down = (struct bulk){.from = t->upstream, .to = t->client};
}

static void
rig_begin(struct lane_rig *b, uint8_t class, bool pipes)
{
	rig_begin_as(b, class, pipes, false);
}

static void
rig_end(struct lane_rig *b)
{
	relay_cancel(&b->t->relay);
	turns_fini(&b->turns);
	pipes_fini(&b->pipes);
	tunnel_free(b->t);
	free(b->state);
}

static void
turn(struct lane_rig *b)
{
	bulk_push(&b->up);
	bulk_push(&b->down);
	loop_turn(b->t->loop, 100);
	bulk_pull(&b->up);
	bulk_pull(&b->down);
}

static void
check_whole(const struct bulk *d, const char *what)
{
	CHECK(d->got == BULK && d->ended && !d->wrong && d->error == 0,
	    "%s: %zu bytes of %u, ended %d, wrong %d, error %d", what, d->got,
	    BULK, d->ended, d->wrong, d->error);
}

static void
carry(struct lane_rig *b)
{
	int64_t end_us = mono_us() + RIG_DEADLINE_US;

	while ((!b->up.ended || !b->down.ended) && mono_us() < end_us)
		turn(b);
	check_whole(&b->up, "up");
	check_whole(&b->down, "down");
	while (b->t->n == 0 && mono_us() < end_us)
		loop_turn(b->t->loop, 1000);
	CHECK_INT(b->t->n, 1);
	CHECK_INT(b->t->end, RELAY_CLOSED);
}

/* Until that direction waits for its limit: in line, or at rest. */
static void
until_it_waits(struct lane_rig *b, enum relay_side from)
{
	int64_t end_us = mono_us() + RIG_DEADLINE_US;
	struct relay_end_point *p = &b->t->relay.side[from];

	while (!(p->lane != NULL && (loop_op_active(&p->lane->turn.wait) ||
					p->flow == FLOW_RESTING)) &&
	       mono_us() < end_us)
		turn(b);
	CHECK(mono_us() < end_us, "it never waits");
}

static void
carries(uint8_t class, bool pipes)
{
	struct lane_rig b;

	rig_begin(&b, class, pipes);
	carry(&b);
	CHECK(pipes == (b.spliced > 0), "%llu bytes by pipe",
	    (unsigned long long)b.spliced);
	rig_end(&b);
}

static void
without_limit(void)
{
	carries(0, true);
	carries(0, false);
}

static void
at_a_rate(void)
{
	carries(SLOW, true);
	carries(SLOW, false);
}

/* With a ceiling all of it goes in line, from the first byte on. */
static void
never_passes_by(void)
{
	struct lane_rig b;

	rig_begin(&b, SLOW, true);
	carry(&b);
	CHECK_INT(b.spliced, 2u * BULK);
	rig_end(&b);
}

/* Nor, on a link of known rate, what is not urgent, however slow it is. */
static void
is_in_line_on_a_link(void)
{
	struct lane_rig b;
	size_t i;

	rig_begin(&b, CRAWLS, true);
	for (i = 0; i < PACE_BOTH_WAYS; i++) {
		b.plan.classes[CRAWLS].tunnel_ceiling[i] = 0;
		b.plan.link[i] = 200 * MB;
	}
	turns_use(&b.turns, &b.plan, 1);
	b.up.sent = 0;
	carry(&b);
	CHECK(b.spliced >= 2u * BULK - 2 * 65536, "%llu bytes by pipe",
	    (unsigned long long)b.spliced);
	CHECK_INT(b.turns.active[PACE_UP] + b.turns.active[PACE_DOWN], 0);
	rig_end(&b);
}

/* What moves, or waits to, counts among those that share the link, and what
 * does neither does not for long. */
static void
shares_with_who_moves(void)
{
	struct lane_rig b;
	int64_t end_us = mono_us() + RIG_DEADLINE_US;

	rig_begin(&b, CRAWLS, true);
	until_it_waits(&b, RELAY_CLIENT);
	CHECK_INT(b.turns.active[PACE_UP], 1);
	relay_set_class(&b.t->relay, SLOW);
	b.up.sent = b.up.got = BULK / 2; /* no more of it */
	while (b.turns.active[PACE_UP] > 0 && mono_us() < end_us) {
		loop_turn(b.t->loop, 1000);
		recv(b.t->upstream, (char[65536]){0}, 65536, MSG_DONTWAIT);
	}
	CHECK_INT(b.turns.active[PACE_UP], 0);
	rig_end(&b);
}

static void
ends_while_it_waits(void)
{
	struct lane_rig b;
	int pipes, reset;

	for (pipes = 0; pipes < 2; pipes++) {
		for (reset = 0; reset < 2; reset++) {
			rig_begin(&b, CRAWLS, pipes != 0);
			until_it_waits(&b, RELAY_CLIENT);
			if (reset != 0) {
				hang_up(b.t, &b.t->upstream, true);
				b.up.to = b.down.from = -1;
				end_of(b.t, b.t->client);
			}
			rig_end(&b);
		}
	}
}

/* The relay's memory is another tunnel's as soon as it is given back: nothing
 * of it may be in line. */
static void
is_given_back_while_it_waits(void)
{
	static const char word[2000];
	struct lane_rig b;

	rig_begin_as(&b, CRAWLS, true, true);
	CHECK_INT(send(b.t->client, word, sizeof(word), 0), sizeof(word));
	b.up.from = b.down.from = -1;
	until_it_waits(&b, RELAY_CLIENT);
	hang_up(b.t, &b.t->upstream, true);
	RIG_UNTIL(b.t->loop, b.t->n > 0);
	CHECK_INT(b.t->end, RELAY_UNANSWERED);
	CHECK(b.t->relay.side[RELAY_CLIENT].lane == NULL &&
		  b.t->relay.side[RELAY_UPSTREAM].lane == NULL,
	    "it left something behind");
	loop_close(b.t->loop, relay_take_client(&b.t->relay));
	buf_free(relay_take_flight(&b.t->relay));
	rig_end(&b);
}

/* One side is gone, and the other still has to be told what came of it: what
 * that one says goes nowhere, whatever it waited for. */
static void
says_nothing_to_who_is_gone(void)
{
	int64_t end_us = mono_us() + RIG_DEADLINE_US;
	struct relay_end_point *side;
	struct lane_rig b;

	rig_begin(&b, 0, true);
	side = b.t->relay.side;
	b.plan.link[PACE_UP] = MB / 10;
	turns_use(&b.turns, &b.plan, 1);
	b.up.to = b.down.to = -1;
	while ((side[RELAY_CLIENT].flow != FLOW_RESTING ||
		   (side[RELAY_UPSTREAM].flow != FLOW_EMPTYING &&
		       side[RELAY_UPSTREAM].flow != FLOW_SENDING)) &&
	       mono_us() < end_us)
		turn(&b);
	CHECK(loop_op_active(&side[RELAY_CLIENT].lane->rest), "no rest");
	relay_broke(&b.t->relay, RELAY_UPSTREAM);
	CHECK_INT(b.t->n, 0);
	relay_set_class(&b.t->relay, 0);
	CHECK_INT(side[RELAY_CLIENT].flow, FLOW_ENDED);
	CHECK(!loop_op_active(&side[RELAY_CLIENT].lane->rest), "it rests");
	rig_end(&b);
}

/* And goes on at once as what it is now. */
static void
changes_class_while_it_waits(void)
{
	struct lane_rig b;
	int pipes;

	for (pipes = 0; pipes < 2; pipes++) {
		rig_begin(&b, CRAWLS, pipes != 0);
		until_it_waits(&b, RELAY_CLIENT);
		until_it_waits(&b, RELAY_UPSTREAM);
		relay_set_class(&b.t->relay, 0);
		carry(&b);
		rig_end(&b);
	}
}

/* A keystroke is not limited by the link, but counts on its account. */
static void
counts_what_passes_by(void)
{
	struct lane_rig b;

	rig_begin(&b, 0, true);
	b.plan.link[PACE_UP] = 10 * MB;
	turns_use(&b.turns, &b.plan, 1);
	CHECK_INT(b.state->lanes[PACE_UP].link, 0);
	CHECK_INT(send(b.t->client, "x", 1, 0), 1);
	expect(b.t, b.t->upstream, "x", 1);
	CHECK(b.state->lanes[PACE_UP].link > 0, "nothing was charged");
	CHECK_INT(b.t->relay.side[RELAY_CLIENT].flow, FLOW_READING);
	rig_end(&b);
}

static int
option(struct lane_rig *b, int level, int name)
{
	socklen_t len = sizeof(int);
	int v = 0;

	CHECK_INT(getsockopt(b->t->relay.side[RELAY_UPSTREAM].stream.fd, level,
		      name, &v, &len),
	    0);
	return v;
}

/* Small words cost a ceiling what they are long, and not a quantum each. */
static void
pays_what_it_owes(void)
{
	int64_t begun_ns, end_us = mono_us() + RIG_DEADLINE_US;
	struct relay_end_point *p;
	struct lane_rig b;
	int i;

	rig_begin(&b, SLOW, false);
	p = &b.t->relay.side[RELAY_CLIENT];
	begun_ns = mono_us() * 1000;
	for (i = 0; i < 50; i++) {
		CHECK_INT(send(b.t->client, "x", 1, 0), 1);
		expect(b.t, b.t->upstream, "x", 1);
		while (p->flow != FLOW_READING && mono_us() < end_us)
			loop_turn(b.t->loop, 1000);
	}
	/* Fifty quanta would be 200 ms, all of them ahead of time. */
	CHECK(p->lane->turn.flow.word <= mono_us() * 1000 + 1000000,
	    "%lld ns since it began",
	    (long long)(p->lane->turn.flow.word - begun_ns));
	rig_end(&b);
}

/* Until somebody has looked after it has begun. */
static void
until_looked(struct lane_rig *b)
{
	int64_t end_us = mono_us() + RIG_DEADLINE_US;

	until_it_waits(b, RELAY_CLIENT);
	until_it_waits(b, RELAY_UPSTREAM);
	while ((b->t->relay.side[RELAY_CLIENT].lane->looks == 0 ||
		   b->t->relay.side[RELAY_UPSTREAM].lane->looks == 0) &&
	       mono_us() < end_us)
		turn(b);
	CHECK(mono_us() < end_us, "nobody looks");
}

/* Of an urgent class, too, if it is too much for the link; not a keystroke,
 * though it has no more room than that. */
static void
puts_greed_in_line(void)
{
	const struct lane *lane;
	struct lane_rig b;
	int64_t end_us = mono_us() + RIG_DEADLINE_US;

	rig_begin(&b, 0, true);
	b.plan.link[PACE_UP] = MB;
	turns_use(&b.turns, &b.plan, 1);
	turns_correct(&b.turns, PACE_UP, MB);
	CHECK_INT(send(b.t->client, "x", 1, 0), 1);
	expect(b.t, b.t->upstream, "x", 1);
	lane = b.t->relay.side[RELAY_CLIENT].lane;
	CHECK(lane != NULL && !lane->greedy, "a byte is much");
	while (!(lane->greedy && relay_lane_waits(&b.t->relay, RELAY_CLIENT)) &&
	       mono_us() < end_us)
		turn(&b);
	CHECK(lane->greedy, "megabytes are little");
	b.plan.link[PACE_UP] = 100 * MB;
	turns_use(&b.turns, &b.plan, 1);
	CHECK_INT(b.turns.active[PACE_UP], 1);
	while (lane->greedy && mono_us() < end_us) {
		loop_turn(b.t->loop, 1000);
		recv(b.t->upstream, (char[65536]){0}, 65536, MSG_DONTWAIT);
	}
	CHECK(!lane->greedy, "nothing is much for ever");
	CHECK_INT(b.turns.active[PACE_UP], 0);
	rig_end(&b);
}

/* What limits does not leave megabytes in the kernel. */
static void
is_tame(void)
{
	struct lane_rig b;
	uint32_t segment;

	rig_begin(&b, CRAWLS, true);
	until_looked(&b);
	CHECK_INT(
	    option(&b, IPPROTO_TCP, TCP_NOTSENT_LOWAT), RELAY_NOTSENT_LEAST);
	CHECK_INT(
	    option(&b, SOL_SOCKET, SO_MAX_PACING_RATE), RELAY_PACING * 1000);
	/* On the loopback a few segments are more than the least. */
	segment = b.t->relay.side[RELAY_UPSTREAM].lane->segment;
	CHECK(segment > 60000, "segments of %u", segment);
	CHECK_INT(option(&b, SOL_SOCKET, SO_RCVBUF),
	    2 * RELAY_WINDOW_SEGMENTS * segment);
	/* And what is not limited any more is the kernel's to moderate. */
	relay_set_class(&b.t->relay, 0);
	CHECK_INT(option(&b, IPPROTO_TCP, TCP_NOTSENT_LOWAT), -1);
	CHECK_INT(option(&b, SOL_SOCKET, SO_MAX_PACING_RATE), -1);
	CHECK_INT(option(&b, SOL_SOCKET, SO_BUF_LOCK), 0);
	rig_end(&b);
}

/* So it is when a reload has taken the limit away, also where nothing has
 * moved meanwhile. */
static void
is_tame_no_more(void)
{
	int64_t end_us = mono_us() + RIG_DEADLINE_US;
	struct lane_rig b;
	int i;

	rig_begin(&b, CRAWLS, true);
	until_looked(&b);
	for (i = 0; i < PACE_BOTH_WAYS; i++)
		b.plan.classes[CRAWLS].tunnel_ceiling[i] = 0;
	turns_use(&b.turns, &b.plan, 1);
	while ((option(&b, SOL_SOCKET, SO_MAX_PACING_RATE) != -1 ||
		   option(&b, SOL_SOCKET, SO_BUF_LOCK) != 0) &&
	       mono_us() < end_us)
		turn(&b);
	CHECK_INT(option(&b, IPPROTO_TCP, TCP_NOTSENT_LOWAT), -1);
	CHECK_INT(option(&b, SOL_SOCKET, SO_MAX_PACING_RATE), -1);
	CHECK_INT(option(&b, SOL_SOCKET, SO_BUF_LOCK), 0);
	rig_end(&b);
}

/* Nobody would look again at what goes by buffers: it is not tamed. */
static void
is_not_tamed_by_buffers(void)
{
	struct lane_rig b;

	rig_begin(&b, CRAWLS, false);
	until_it_waits(&b, RELAY_CLIENT);
	until_it_waits(&b, RELAY_UPSTREAM);
	relay_set_class(&b.t->relay, SLOW);
	CHECK_INT(option(&b, SOL_SOCKET, SO_MAX_PACING_RATE), -1);
	CHECK_INT(option(&b, SOL_SOCKET, SO_BUF_LOCK), 0);
	rig_end(&b);
}

/* Whose receiver is stuck does not keep its pipe, nor counts among those that
 * share the link. */
static void
keeps_no_pipe_for_who_is_stuck(void)
{
	int64_t end_us = mono_us() + RIG_DEADLINE_US;
	struct relay_end_point *p;
	struct lane_rig b;

	rig_begin(&b, SLOW, true);
	p = &b.t->relay.side[RELAY_CLIENT];
	b.up.to = b.down.from = b.down.to = -1;
	while (p->flow != FLOW_SENDING && mono_us() < end_us)
		turn(&b);
	CHECK(mono_us() < end_us, "it keeps its pipe");
	CHECK_INT(b.turns.active[PACE_UP], 0);
	rig_end(&b);
}

/* On a link, as much as its share brings in a round trip. */
static void
is_given_its_share(void)
{
	struct lane_rig b;
	int i;

	rig_begin(&b, CRAWLS, true);
	for (i = 0; i < 10; i++)
		turns_active(&b.turns, PACE_DOWN, true);
	b.plan.classes[CRAWLS].tunnel_ceiling[PACE_DOWN] = 0;
	b.plan.link[PACE_DOWN] = 11 * 40 * MB;
	turns_use(&b.turns, &b.plan, 1);
	b.down.from = -1;
	CHECK_INT(send(b.t->upstream, "x", 1, 0), 1);
	while (b.t->relay.side[RELAY_UPSTREAM].lane == NULL ||
	       b.t->relay.side[RELAY_UPSTREAM].lane->looks == 0)
		loop_turn(b.t->loop, 1000);
	/* 40 MB/s for ten milliseconds, and next to no round trip. */
	i = option(&b, SOL_SOCKET, SO_RCVBUF) / 2;
	CHECK(i >= 400000 && i < 600000, "%d bytes", i);
	rig_end(&b);
}

/* What begins may be one of many: little of it is sent before anybody has
 * looked; and among thousands the next look is later. */
static void
begins_with_little(void)
{
	struct lane_rig b;
	int i;

	rig_begin(&b, CRAWLS, true);
	b.plan.classes[CRAWLS].tunnel_ceiling[PACE_UP] = 0;
	b.plan.link[PACE_UP] = 400 * MB;
	turns_use(&b.turns, &b.plan, 1);
	for (i = 0; i < 3 * RELAY_LOOKS; i++)
		turns_active(&b.turns, PACE_DOWN, true);
	CHECK_INT(send(b.t->client, "x", 1, 0), 1);
	expect(b.t, b.t->upstream, "x", 1);
	CHECK_INT(
	    b.t->relay.side[RELAY_CLIENT].lane->most, RELAY_NOTSENT_LEAST);
	CHECK_INT(
	    option(&b, IPPROTO_TCP, TCP_NOTSENT_LOWAT), RELAY_NOTSENT_LEAST);
	while (b.t->relay.side[RELAY_CLIENT].lane->looks == 0) {
		send(b.t->client, "x", 1, 0);
		loop_turn(b.t->loop, 1000);
		recv(b.t->upstream, (char[64]){0}, 64, MSG_DONTWAIT);
	}
	CHECK_INT(option(&b, IPPROTO_TCP, TCP_NOTSENT_LOWAT), RELAY_NOTSENT);
	CHECK(b.t->relay.bulk_us > loop_now_us(b.t->loop) + 2 * RELAY_LOOK_US,
	    "looked at in %lld us",
	    (long long)(b.t->relay.bulk_us - loop_now_us(b.t->loop)));
	rig_end(&b);
}

/* Two hundred segments of a byte are more than two hundred bytes. */
static void
counts_what_was_on_the_wire(void)
{
	const int on = 1;
	struct lane_rig b;
	int64_t before_ns, more_ns = 0, end_us = mono_us() + RIG_DEADLINE_US;
	int i;

	rig_begin(&b, CRAWLS, true);
	b.plan.classes[CRAWLS].tunnel_ceiling[PACE_UP] = 0;
	b.plan.link[PACE_UP] = MB / 10;
	turns_use(&b.turns, &b.plan, 1);
	CHECK_INT(setsockopt(b.t->relay.side[RELAY_UPSTREAM].stream.fd,
		      IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)),
	    0);
	/* The first look is where the count begins. */
	for (i = 0; more_ns < 10000000 && mono_us() < end_us; i++) {
		if (i % 2 == 0 && i < 100000)
			CHECK_INT(send(b.t->client, "x", 1, 0), 1);
		before_ns = mono_us() * 1000;
		loop_turn(b.t->loop, 1000);
		recv(b.t->upstream, (char[64]){0}, 64, MSG_DONTWAIT);
		more_ns = b.state->lanes[PACE_UP].link - before_ns;
	}
	CHECK(more_ns >= 10000000, "no more than was reckoned");
	rig_end(&b);
}

static void
reckons_the_wire(void)
{
	struct wire was = {.segments = {7, UINT32_MAX}, .bytes = {500, 9}};
	struct wire now = was;

	/* Nothing, and then what is as it was reckoned. */
	CHECK_INT(relay_wire_more(&was, &now, PACE_UP), 0);
	now.bytes[PACE_UP] += 1448 * 100;
	now.segments[PACE_UP] += 100;
	now.segments[PACE_DOWN] += 50; /* which are acknowledgments */
	CHECK_INT(relay_wire_more(&was, &now, PACE_UP), 0);
	CHECK_INT(relay_wire_more(&was, &now, PACE_DOWN), 0);
	/* Ten of them were sent twice. */
	now.bytes[PACE_UP] += 1448 * 10;
	now.twice[PACE_UP] += 1448 * 10;
	now.segments[PACE_UP] += 10;
	CHECK_INT(relay_wire_more(&was, &now, PACE_UP), 10 * 1514);
	/* Each segment was acknowledged, in headers of 66 bytes. */
	now.segments[PACE_DOWN] += 50;
	CHECK_INT(relay_wire_more(&was, &now, PACE_DOWN), 50 * 66);
	/* And what waits for 50 ms is worked off in half a second. */
	now.queue_us = 50000;
	CHECK_INT(relay_wire_more(&was, &now, PACE_UP), 10 * 1514 + 14480);
	CHECK_INT(relay_wire_more(&was, &now, PACE_DOWN), 50 * 66);
}

static const struct unit_case cases[] = {
    {"without limit", without_limit},
    {"at a rate", at_a_rate},
    {"never passes by", never_passes_by},
    {"is in line on a link", is_in_line_on_a_link},
    {"shares with who moves", shares_with_who_moves},
    {"ends while it waits", ends_while_it_waits},
    {"is given back while it waits", is_given_back_while_it_waits},
    {"says nothing to who is gone", says_nothing_to_who_is_gone},
    {"changes class while it waits", changes_class_while_it_waits},
    {"counts what passes by", counts_what_passes_by},
    {"pays what it owes", pays_what_it_owes},
    {"puts greed in line", puts_greed_in_line},
    {"is tame", is_tame},
    {"is tame no more", is_tame_no_more},
    {"is not tamed by buffers", is_not_tamed_by_buffers},
    {"keeps no pipe for who is stuck", keeps_no_pipe_for_who_is_stuck},
    {"is given its share", is_given_its_share},
    {"begins with little", begins_with_little},
    {"counts what was on the wire", counts_what_was_on_the_wire},
    {"reckons the wire", reckons_the_wire},
};

UNIT_MAIN("relay_lane", cases)
