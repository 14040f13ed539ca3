/* Readiness for who moves the bytes itself: readable, writable, peek. */
#include "tests/unit/loop_rig.h"

static void
fill(struct loop *l, int fd)
{
	static const char junk[4096];

	while (send(fd, junk, sizeof(junk), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		continue;
	CHECK_INT(errno, EAGAIN);
	loop_full(l, fd);
}

static void
readable_comes_with_bytes_and_once(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0};
	char got[8];
	int fd[2];

	rig_pair(fd);
	CHECK_INT(loop_readable(l, &a.op, fd[0], rig_saw), 0);
	rig_settle(l);
	CHECK_INT(a.n, 0);
	CHECK_INT(write(fd[1], "ab", 2), 2);
	RIG_UNTIL(l, a.n == 1);
	CHECK_INT(a.res[a.n - 1], 0);
	CHECK(!loop_op_active(&a.op), "one callback");
	CHECK_INT(read(fd[0], got, sizeof(got)), 2);
	CHECK_INT(read(fd[0], got, sizeof(got)), -1);
	loop_drained(l, fd[0]);
	CHECK_INT(loop_readable(l, &a.op, fd[0], rig_saw), 0);
	rig_settle(l);
	CHECK_INT(a.n, 1);
	CHECK_INT(write(fd[1], "c", 1), 1);
	RIG_UNTIL(l, a.n == 2);
	/* Not drained: it is asked for at once. */
	CHECK_INT(loop_readable(l, &a.op, fd[0], rig_saw), 0);
	RIG_UNTIL(l, a.n == 3);
	CHECK_INT(read(fd[0], got, sizeof(got)), 1);
	loop_drained(l, fd[0]);
	CHECK_INT(loop_readable(l, &a.op, fd[0], rig_saw), 0);
	close(fd[1]);
	RIG_UNTIL(l, a.n == 4);
	CHECK_INT(read(fd[0], got, sizeof(got)), 0);
	loop_close(l, fd[0]);
	loop_free(l);
}

static void
writable_waits_until_there_is_room(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0};
	static char got[1 << 20];
	int fd[2];

	rig_pair(fd);
	CHECK_INT(loop_writable(l, &a.op, fd[0], rig_saw), 0);
	RIG_UNTIL(l, a.n == 1);
	CHECK_INT(a.res[a.n - 1], 0);
	fill(l, fd[0]);
	CHECK_INT(loop_writable(l, &a.op, fd[0], rig_saw), 0);
	rig_settle(l);
	CHECK_INT(a.n, 1);
	while (recv(fd[1], got, sizeof(got), MSG_DONTWAIT) > 0)
		continue;
	RIG_UNTIL(l, a.n == 2);
	fill(l, fd[0]);
	CHECK_INT(loop_writable(l, &a.op, fd[0], rig_saw), 0);
	close(fd[1]);
	RIG_UNTIL(l, a.n == 3);
	CHECK(send(fd[0], "x", 1, MSG_NOSIGNAL) == -1, "sent to nobody");
	loop_close(l, fd[0]);
	loop_free(l);
}

static void
both_are_cancelled(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0}, b = {0};
	int fd[2];

	rig_pair(fd);
	CHECK_INT(loop_readable(l, &a.op, fd[0], rig_saw), 0);
	CHECK_INT(loop_writable(l, &b.op, fd[0], rig_saw), 0);
	CHECK_INT(loop_recv(l, &a.op, fd[0], rig_saw), -EBUSY);
	loop_cancel(l, &a.op);
	loop_cancel(l, &b.op);
	CHECK_INT(write(fd[1], "a", 1), 1);
	rig_settle(l);
	CHECK_INT(a.n, 0);
	CHECK_INT(b.n, 0);
	loop_close(l, fd[0]);
	close(fd[1]);
	loop_free(l);
}

/* What recv has left behind is asked for first, by whatever way. */
static void
readable_after_recv_loses_nothing(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0}, b = {0};
	char got[RIG_SEEN_N] = "";
	size_t n = 0;
	ssize_t some;
	int fd[2];

	rig_pair(fd);
	CHECK_INT(loop_recv(l, &a.op, fd[0], rig_saw), 0);
	CHECK_INT(write(fd[1], "1", 1), 1);
	RIG_UNTIL(l, a.n == 1);
	CHECK_INT(write(fd[1], "2", 1), 1);
	loop_cancel(l, &a.op);
	CHECK_INT(write(fd[1], "3", 1), 1);
	while (n < 2) {
		int seen = b.n;

		CHECK_INT(loop_readable(l, &b.op, fd[0], rig_saw), 0);
		RIG_UNTIL(l, b.n == seen + 1);
		if (b.res[seen] > 0) {
			memcpy(got + n, b.text + b.bytes - b.res[seen],
			    (size_t)b.res[seen]);
			n += (size_t)b.res[seen];
			continue;
		}
		some = read(fd[0], got + n, sizeof(got) - n);
		if (some > 0)
			n += (size_t)some;
		else
			loop_drained(l, fd[0]);
	}
	CHECK_INT(memcmp(got, "23", 2), 0);
	CHECK_INT(a.n, 1);
	loop_close(l, fd[0]);
	close(fd[1]);
	loop_free(l);
}

static void
peek_takes_nothing(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0};
	int fd[2];

	rig_pair(fd);
	CHECK_INT(loop_peek(l, fd[0]), -EAGAIN);
	CHECK_INT(write(fd[1], "ab", 2), 2);
	CHECK_INT(loop_peek(l, fd[0]), 1);
	CHECK_INT(loop_recv(l, &a.op, fd[0], rig_saw), 0);
	RIG_UNTIL(l, a.n == 1);
	CHECK_INT(a.res[0], 2);
	CHECK_INT(loop_peek(l, fd[0]), -EAGAIN);
	loop_cancel(l, &a.op);
	loop_shutdown(l, fd[0]);
	rig_settle(l);
	CHECK_INT(loop_peek(l, fd[1]), 0);
	close(fd[1]);
	CHECK_INT(loop_peek(l, fd[0]), 0);
	loop_close(l, fd[0]);
	loop_free(l);
}

/* What was taken to be sent comes before the end, and before the close. */
static void
shutdown_and_close_come_last(void)
{
	struct loop *l = rig_loop();
	char got[16];
	int fd[2];

	rig_pair(fd);
	CHECK_INT(loop_send_now(l, fd[0], "abc", 3), 3);
	loop_shutdown(l, fd[0]);
	rig_settle(l);
	CHECK_INT(read(fd[1], got, sizeof(got)), 3);
	CHECK_INT(read(fd[1], got, sizeof(got)), 0);
	loop_close(l, fd[0]);
	close(fd[1]);
	rig_pair(fd);
	CHECK_INT(loop_send_now(l, fd[0], "abc", 3), 3);
	loop_close(l, fd[0]);
	rig_settle(l);
	CHECK_INT(read(fd[1], got, sizeof(got)), 3);
	CHECK_INT(read(fd[1], got, sizeof(got)), 0);
	close(fd[1]);
	loop_free(l);
}

#define LIST(X)                                                           \
	X(readable_comes_with_bytes_and_once, "readable: bytes, the end") \
	X(writable_waits_until_there_is_room, "writable: room, an error") \
	X(both_are_cancelled, "readable, writable: cancelled")            \
	X(readable_after_recv_loses_nothing, "readable: after a receive") \
	X(peek_takes_nothing, "peek")                                     \
	X(shutdown_and_close_come_last, "shutdown, close: after what was taken")

RIG_CASES(LIST)
UNIT_MAIN("loop_ready", cases)
