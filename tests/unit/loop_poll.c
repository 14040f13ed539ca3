/* Tests loop_poll(): level-triggered readiness, whatever else is done with
 * the fd before, meanwhile and after. */
#include <poll.h>

#include "tests/unit/loop_rig.h"

static void
test_poll_is_level(void)
{
	struct loop *l = rig_loop();
	struct rig_op p = {0};
	char byte;
	ssize_t got;
	int fds[2], before, error;

	rig_must(pipe2(fds, O_NONBLOCK | O_CLOEXEC), "pipe2");
	error = loop_poll(l, &p.op, fds[0], POLLIN, rig_saw);
	CHECK_INT(error, 0);
	rig_settle(l);
	CHECK_INT(p.n, 0);
	rig_write(fds[1], "x");
	RIG_UNTIL(l, p.n >= 3);
	CHECK_INT(p.res[2], POLLIN);
	CHECK(p.more && loop_op_active(&p.op), "poll is not multishot");
	got = read(fds[0], &byte, 1);
	CHECK_INT(got, 1);
	before = p.n;
	rig_settle(l);
	CHECK(p.n <= before + 1, "reported although read");
	before = p.n;
	close(fds[1]);
	RIG_UNTIL(l, p.n > before);
	CHECK_INT(p.res[before], POLLHUP);
	loop_cancel(l, &p.op);
	before = p.n;
	rig_idle(l);
	CHECK_INT(p.n, before);
	loop_close(l, fds[0]);
	loop_free(l);
}

static void
test_poll_changes(void)
{
	struct loop *l = rig_loop();
	struct rig_op p = {0}, rx = {0};
	int fds[2], error;

	rig_pair(fds);
	error = loop_poll(l, &p.op, fds[0], POLLOUT, rig_saw);
	CHECK_INT(error, 0);
	RIG_UNTIL(l, p.n == 1);
	CHECK_INT(p.res[0], POLLOUT);
	loop_cancel(l, &p.op);
	error = loop_poll(l, &p.op, fds[0], POLLIN | POLLRDHUP, rig_saw);
	CHECK_INT(error, 0);
	rig_settle(l);
	CHECK_INT(p.n, 1);
	rig_write(fds[1], "abc");
	RIG_UNTIL(l, p.n >= 2);
	CHECK_INT(p.res[1], POLLIN);
	loop_cancel(l, &p.op);
	rig_recv(l, &rx, fds[0]); /* what was polled is received from */
	RIG_UNTIL(l, rx.n == 1);
	rig_settle(l);
	rig_write(fds[1], "def");
	RIG_UNTIL(l, rx.n == 2);
	CHECK_STR(rx.text, "abcdef");
	loop_cancel(l, &rx.op);
	p.n = 0;
	error = loop_poll(l, &p.op, fds[0], POLLIN, rig_saw); /* and back */
	CHECK_INT(error, 0);
	rig_settle(l);
	CHECK_INT(p.n, 0);
	rig_write(fds[1], "g");
	RIG_UNTIL(l, p.n >= 2);
	loop_close(l, fds[0]);
	close(fds[1]);
	loop_free(l);
}

static void
drain_and_poll_anew(struct loop *l, struct rig_op *o)
{
	char bytes[8];

	loop_cancel(l, &o->other->op);
	rig_must((int)read(o->fd, bytes, sizeof(bytes)), "read");
	rig_must(
	    loop_poll(l, &o->other->op, o->fd, POLLIN, rig_saw), "loop_poll");
}

/* A poll is not told what was seen for the one before it. */
static void
test_poll_anew_in_batch(void)
{
	struct loop *l = rig_loop();
	struct rig_op p = {0};
	struct rig_op a = {.then = drain_and_poll_anew, .other = &p};
	int fa[2], fp[2], error;

	rig_pair(fa);
	rig_pair(fp);
	a.fd = fp[0];
	rig_recv(l, &a, fa[0]);
	error = loop_poll(l, &p.op, fp[0], POLLIN, rig_saw);
	CHECK_INT(error, 0);
	rig_settle(l);
	rig_write(fa[1], "x");
	rig_write(fp[1], "y");
	RIG_UNTIL(l, a.n == 1);
	rig_settle(l);
	CHECK_INT(p.n, 0);
	loop_close(l, fa[0]);
	loop_close(l, fp[0]);
	close(fa[1]);
	close(fp[1]);
	loop_free(l);
}

static size_t
drain(int fd)
{
	static uint8_t block[65536];
	size_t got = 0;
	ssize_t n;

	while ((n = recv(fd, block, sizeof(block), 0)) > 0)
		got += (size_t)n;
	return got;
}

/* A polled fd may send, too: its events are reported, room is waited for. */
static void
test_send_while_polled(void)
{
	struct loop *l = rig_loop();
	struct rig_op tx = {0}, p = {0};
	struct buf *big = buf_new(4 << 20);
	size_t got = 0;
	int fds[2], error;

	rig_pair(fds);
	memset(buf_tail(big), 'x', big->cap);
	buf_added(big, big->cap);
	error = loop_poll(l, &p.op, fds[0], POLLIN, rig_saw);
	CHECK_INT(error, 0);
	error = loop_send(l, &tx.op, fds[0], big, rig_saw);
	CHECK_INT(error, 0);
	rig_settle(l);
	CHECK_INT(tx.n + p.n, 0);
	RIG_UNTIL(l, (got += drain(fds[1])) == (size_t)4 << 20);
	RIG_UNTIL(l, tx.n == 1);
	CHECK_INT(tx.res[0], 4 << 20);
	rig_idle(l);
	CHECK_INT(p.n, 0);
	rig_write(fds[1], "x");
	RIG_UNTIL(l, p.n > 0);
	CHECK_INT(p.res[0], POLLIN);
	loop_close(l, fds[0]);
	close(fds[1]);
	loop_free(l);
}

#define LIST(X)                                                           \
	X(test_poll_is_level, "poll is level-triggered")                  \
	X(test_poll_changes, "poll changes events, and to recv and back") \
	X(test_poll_anew_in_batch, "poll anew in a batch")                \
	X(test_send_while_polled, "send on a polled fd")

RIG_CASES(LIST)
UNIT_MAIN("loop_poll", cases)
