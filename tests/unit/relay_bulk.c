/* Tunnels whose bytes go by splice(2), and when they do and do not. */
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <stdarg.h>

#include "cagentd/worker/relay/pipes.h"
#include "tests/unit/relay_rig.h"

/* The kernel's, but for a quota that is spent. */
static bool no_quota;

int
fcntl(int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	if (cmd == F_SETPIPE_SZ && no_quota) {
		errno = EPERM;
		return -1;
	}
	return (int)syscall(SYS_fcntl, fd, cmd, arg);
}

struct bulk_rig {
	struct tunnel *t;
	struct pipes pipes;
	_Atomic uint64_t spliced;
	struct bulk up, down;
};

static void
rig_begin(struct bulk_rig *b, bool unix_sockets)
{
	struct tunnel *t = tunnel_new();
	int fds[2];

	memset(b, 0, sizeof(*b));
	b->t = t;
	if (unix_sockets) {
		close(t->client);
		close(t->start.client);
		rig_pair(fds);
		t->client = fds[0];
		t->start.client = fds[1];
	}
	pipes_init(&b->pipes, t->loop, &b->spliced);
	pipes_limit(&b->pipes, 4);
	t->start.pipes = &b->pipes;
	tunnel_start(t);
	b->up = (struct bulk){.from = t->client, .to = t->upstream};
	b->down = (struct bulk){.from = t->upstream, .to = t->client};
}

static void
rig_end(struct bulk_rig *b)
{
	relay_cancel(&b->t->relay);
	pipes_fini(&b->pipes);
	tunnel_free(b->t);
}

static struct relay_end_point *
side(struct bulk_rig *b, enum relay_side s)
{
	return &b->t->relay.side[s];
}

static bool
is_bulk(struct bulk_rig *b, enum relay_side s)
{
	enum relay_flow flow = side(b, s)->flow;

	return flow == FLOW_FILLING || flow == FLOW_EMPTYING;
}

/* One direction is pushed and pulled until it is bulk. */
static void
make_bulk(struct bulk_rig *b, enum relay_side from)
{
	struct bulk *d = from == RELAY_CLIENT ? &b->up : &b->down;
	int64_t end_us = mono_us() + RIG_DEADLINE_US;

	while (!is_bulk(b, from) && mono_us() < end_us && d->sent < BULK / 2) {
		bulk_push(d);
		loop_turn(b->t->loop, 0);
		bulk_pull(d);
	}
	CHECK(is_bulk(b, from), "never became bulk");
}

static void
check_congestion(struct bulk_rig *b, enum relay_side of, const char *want)
{
	char name[16] = "";
	socklen_t len = sizeof(name) - 1;
	int fd = side(b, of)->stream.fd;

	CHECK_INT(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	CHECK_STR(name, want);
}

/* Both ends are on it. */
static void
unpaced(void)
{
	struct bulk_rig b;

	rig_begin(&b, false);
	make_bulk(&b, RELAY_CLIENT);
	check_congestion(&b, RELAY_UPSTREAM, "reno");
	make_bulk(&b, RELAY_UPSTREAM);
	check_congestion(&b, RELAY_CLIENT, "reno");
	rig_end(&b);
}

/* Nobody reads, until nothing more is taken. */
static void
fill_up(struct bulk_rig *b, enum relay_side from)
{
	struct bulk *d = from == RELAY_CLIENT ? &b->up : &b->down;
	size_t before;

	do {
		before = d->sent;
		bulk_push(d);
		rig_settle(b->t->loop);
	} while (d->sent > before);
	CHECK(d->sent < BULK, "no back-pressure");
	CHECK_INT(side(b, from)->flow, FLOW_EMPTYING);
	CHECK(side(b, from)->pipe != NULL && side(b, from)->pipe->held > 0,
	    "something is in the pipe");
	CHECK(!loop_op_active(&side(b, from)->recv), "no more is read");
}

static void
pull_all(struct bulk_rig *b, struct bulk *d)
{
	int64_t end_us = mono_us() + RIG_DEADLINE_US;

	while (!d->ended && d->error == 0 && mono_us() < end_us) {
		bulk_push(d);
		loop_turn(b->t->loop, 0);
		bulk_pull(d);
	}
	CHECK(!d->wrong, "the bytes are the same");
}

static void
check_both_ways(bool unix_sockets)
{
	struct bulk_rig b;
	int64_t end_us = mono_us() + RIG_DEADLINE_US;

	rig_begin(&b, unix_sockets);
	while (!(b.up.ended && b.down.ended) && mono_us() < end_us) {
		bulk_push(&b.up);
		bulk_push(&b.down);
		loop_turn(b.t->loop, 0);
		bulk_pull(&b.up);
		bulk_pull(&b.down);
	}
	RIG_UNTIL(b.t->loop, b.t->n > 0);
	CHECK_INT(b.t->end, RELAY_CLOSED);
	CHECK_INT(b.up.got, BULK);
	CHECK_INT(b.down.got, BULK);
	CHECK(!b.up.wrong && !b.down.wrong, "the bytes are the same");
	CHECK_INT(side(&b, RELAY_CLIENT)->bytes, BULK);
	CHECK_INT(side(&b, RELAY_UPSTREAM)->bytes, BULK);
	CHECK(b.spliced > BULK, "spliced %llu", (unsigned long long)b.spliced);
	CHECK_INT(b.pipes.open_n, b.pipes.idle_n);
	rig_end(&b);
}

static void
both_ways(void)
{
	check_both_ways(false);
}

static void
unix_sockets(void)
{
	check_both_ways(true);
}

/* A word at a time is no bulk, however much it comes to. */
static void
small_words_are_none(void)
{
	struct bulk_rig b;
	char word[512] = "x";
	int i;

	rig_begin(&b, false);
	for (i = 0; i < 1200; i++) {
		rig_must(
		    (int)send(b.t->upstream, word, sizeof(word), 0), "send");
		expect(b.t, b.t->client, word, sizeof(word));
	}
	CHECK_INT(side(&b, RELAY_UPSTREAM)->flow, FLOW_READING);
	CHECK_INT(b.spliced, 0);
	CHECK_INT(b.pipes.open_n, 0);
	rig_end(&b);
}

static void
quiet_goes_back(void)
{
	struct bulk_rig b;

	rig_begin(&b, false);
	make_bulk(&b, RELAY_UPSTREAM);
	while (b.down.got < b.down.sent) {
		loop_turn(b.t->loop, 0);
		bulk_pull(&b.down);
	}
	CHECK(side(&b, RELAY_UPSTREAM)->pipe == NULL, "holds no pipe");
	RIG_UNTIL(b.t->loop, side(&b, RELAY_UPSTREAM)->flow == FLOW_READING);
	CHECK_INT(b.t->relay.bulk_us, 0);
	rig_write(b.t->upstream, "and on");
	expect(b.t, b.t->client, "and on", 6);
	make_bulk(&b, RELAY_UPSTREAM);
	rig_end(&b);
}

/* What the kernel has still to deliver may wake the loop, but not for ever. */
static void
comes_to_rest(struct loop *l)
{
	int64_t start_us;
	bool rested = false;
	int i;

	for (i = 0; i < 100 && !rested; i++) {
		start_us = mono_us();
		CHECK_INT(loop_turn(l, 3000), 0);
		rested = mono_us() - start_us >= 3000;
	}
	CHECK(rested, "the loop spins");
}

static void
holds_back(void)
{
	struct bulk_rig b;

	rig_begin(&b, false);
	make_bulk(&b, RELAY_UPSTREAM);
	fill_up(&b, RELAY_UPSTREAM);
	CHECK_INT(b.pipes.open_n, 1);
	loop_cancel(b.t->loop, &b.t->relay.timer);
	comes_to_rest(b.t->loop);
	/* The other way is not held up. */
	rig_write(b.t->client, "still here");
	expect(b.t, b.t->upstream, "still here", 10);
	pull_all(&b, &b.down);
	CHECK_INT(b.down.got, BULK);
	CHECK_INT(b.pipes.idle_n, 1);
	rig_end(&b);
}

/* What was in the pipe when its sender was reset arrives before the reset. */
static void
reset_behind(void)
{
	struct bulk_rig b;
	int64_t end_us = mono_us() + RIG_DEADLINE_US;

	rig_begin(&b, false);
	make_bulk(&b, RELAY_UPSTREAM);
	fill_up(&b, RELAY_UPSTREAM);
	while (side(&b, RELAY_UPSTREAM)->bytes < b.down.sent) {
		bulk_pull(&b.down);
		loop_turn(b.t->loop, 0);
	}
	hang_up(b.t, &b.t->upstream, true);
	b.down.from = b.t->upstream;
	while ((b.t->n == 0 || b.down.error == 0) && mono_us() < end_us) {
		bulk_pull(&b.down);
		loop_turn(b.t->loop, 1000);
	}
	CHECK_INT(b.down.got, b.down.sent);
	CHECK(!b.down.wrong, "the bytes are the same");
	CHECK_INT(b.down.error, ECONNRESET);
	CHECK_INT(b.t->end, RELAY_BROKE);
	rig_end(&b);
}

/* Who is to get what is in the pipe goes. */
static void
reset_before(void)
{
	struct bulk_rig b;

	rig_begin(&b, false);
	make_bulk(&b, RELAY_UPSTREAM);
	fill_up(&b, RELAY_UPSTREAM);
	hang_up(b.t, &b.t->client, true);
	RIG_UNTIL(b.t->loop, b.t->n > 0);
	CHECK_INT(b.t->end, RELAY_BROKE);
	CHECK_INT(b.t->where, RELAY_CLIENT);
	CHECK_INT(b.pipes.open_n, 0);
	CHECK_INT(end_of(b.t, b.t->upstream), -ECONNRESET);
	rig_end(&b);
}

/* ... but goes on talking: that is still heard. */
static void
deaf_but_talking(void)
{
	struct bulk_rig b;

	rig_begin(&b, false);
	make_bulk(&b, RELAY_UPSTREAM);
	fill_up(&b, RELAY_UPSTREAM);
	CHECK_INT(shutdown(b.t->client, SHUT_WR), 0);
	CHECK_INT(end_of(b.t, b.t->upstream), 0);
	pull_all(&b, &b.down);
	CHECK_INT(b.down.got, BULK);
	RIG_UNTIL(b.t->loop, b.t->n > 0);
	CHECK_INT(b.t->end, RELAY_CLOSED);
	rig_end(&b);
}

static void
cancelled(void)
{
	struct bulk_rig b;
	int64_t end_us = mono_us() + RIG_DEADLINE_US;

	rig_begin(&b, false);
	make_bulk(&b, RELAY_UPSTREAM);
	fill_up(&b, RELAY_UPSTREAM);
	relay_cancel(&b.t->relay);
	CHECK_INT(b.pipes.open_n, 0);
	CHECK_INT(b.t->n, 0);
	b.down.from = b.t->upstream;
	while (b.down.error == 0 && !b.down.ended && mono_us() < end_us) {
		bulk_pull(&b.down);
		loop_turn(b.t->loop, 0);
	}
	CHECK_INT(b.down.error, ECONNRESET);
	rig_end(&b);
}

static void
idle(void)
{
	struct bulk_rig b;

	rig_begin(&b, false);
	make_bulk(&b, RELAY_UPSTREAM);
	fill_up(&b, RELAY_UPSTREAM);
	b.t->relay.idle_us = 20000;
	RIG_UNTIL(b.t->loop, b.t->n > 0);
	CHECK_INT(b.t->end, RELAY_IDLE);
	CHECK_INT(b.pipes.open_n, 0);
	rig_end(&b);
}

/* The end comes while the way changes, or just before or after. */
static void
ends_at_the_switch(void)
{
	static const size_t lens[] = {1, RELAY_BULK_KIB * 1024 - 1,
	    RELAY_BULK_KIB * 1024, RELAY_BULK_KIB * 1024 + 1,
	    RELAY_BULK_KIB * 1024 + 65536, 1u << 20};
	struct bulk_rig b;
	size_t i;

	for (i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		rig_begin(&b, false);
		b.down.sent = BULK - lens[i];
		b.down.got = BULK - lens[i];
		while (b.down.sent < BULK)
			bulk_push(&b.down), loop_turn(b.t->loop, 0);
		pull_all(&b, &b.down);
		CHECK_INT(b.down.got, BULK);
		CHECK_INT(b.down.error, 0);
		CHECK_INT(side(&b, RELAY_UPSTREAM)->bytes, lens[i]);
		CHECK_INT(b.pipes.open_n, b.pipes.idle_n);
		rig_end(&b);
	}
}

static void
quota_spent(void)
{
	struct bulk_rig b;

	rig_begin(&b, false);
	no_quota = true;
	pull_all(&b, &b.down);
	no_quota = false;
	CHECK_INT(b.down.got, BULK);
	CHECK_INT(b.spliced, 0);
	CHECK_INT(b.pipes.open_n, 0);
	rig_end(&b);
}

/* splice(2) stops at urgent data, for good; a receive goes past it. */
static void
urgent_data(void)
{
	struct bulk_rig b;
	size_t sent;

	rig_begin(&b, false);
	make_bulk(&b, RELAY_UPSTREAM);
	sent = b.down.sent;
	CHECK_INT(send(b.t->upstream, "!", 1, MSG_OOB), 1);
	while (b.down.got < sent) {
		bulk_pull(&b.down);
		loop_turn(b.t->loop, 1000);
	}
	rig_write(b.t->upstream, "behind it");
	expect(b.t, b.t->client, "behind it", 9);
	CHECK_INT(shutdown(b.t->upstream, SHUT_WR), 0);
	CHECK_INT(end_of(b.t, b.t->client), 0);
	rig_end(&b);
}

/* A little that nobody takes does not keep a pipe from others. */
static void
stuck(void)
{
	struct bulk_rig b;
	struct relay_end_point *p;

	rig_begin(&b, false);
	make_bulk(&b, RELAY_UPSTREAM);
	fill_up(&b, RELAY_UPSTREAM);
	p = side(&b, RELAY_UPSTREAM);
	while (p->pipe != NULL && p->pipe->held > RELAY_STUCK_LEN) {
		bulk_pull(&b.down);
		loop_turn(b.t->loop, 0);
	}
	CHECK(p->pipe != NULL, "something is left");
	RIG_UNTIL(b.t->loop, p->flow == FLOW_SENDING);
	CHECK(p->pipe == NULL, "the pipe is free");
	CHECK_INT(b.pipes.idle_n, 1);
	pull_all(&b, &b.down);
	CHECK_INT(b.down.got, BULK);
	rig_end(&b);
}

#define LIST(X)                                                \
	X(both_ways, "both ways")                              \
	X(unix_sockets, "unix sockets")                        \
	X(unpaced, "no pace on the loopback")                  \
	X(small_words_are_none, "small words are no bulk")     \
	X(quiet_goes_back, "what is quiet goes back")          \
	X(holds_back, "holds back a fast sender")              \
	X(reset_behind, "a reset behind the pipe's content")   \
	X(reset_before, "a reset of who was to get it")        \
	X(deaf_but_talking, "a half-close against the stream") \
	X(cancelled, "cancelled with a pipe in use")           \
	X(idle, "idle with a pipe in use")                     \
	X(ends_at_the_switch, "the end at the switch")         \
	X(quota_spent, "quota spent")                          \
	X(urgent_data, "urgent data")                          \
	X(stuck, "stuck in a pipe")

RIG_CASES(LIST)
UNIT_MAIN("relay_bulk", cases)
