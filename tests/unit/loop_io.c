/* Tests the loop's streams: every byte arrives, in order, then the end or
 * the error that came, whoever is slow, gone or refused. */
#include <poll.h>
#include <signal.h>

#include "tests/unit/loop_rig.h"

static void
test_data_then_end(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0}, b = {0};
	int fds[2];

	rig_tcp_pair(fds);
	rig_recv(l, &a, fds[0]);
	rig_write(fds[1], "one");
	RIG_UNTIL(l, a.n == 1);
	rig_write(fds[1], "two");
	RIG_UNTIL(l, a.n == 2);
	CHECK(a.more, "ended early");
	rig_write(fds[1], "three");
	close(fds[1]);
	RIG_UNTIL(l, a.n == 4);
	CHECK_INT(a.res[2], 5);
	CHECK_INT(a.res[3], 0);
	CHECK_STR(a.text, "onetwothree");
	CHECK(!a.more && !loop_op_active(&a.op), "goes on after the end");
	rig_recv(l, &b, fds[0]); /* the end does not go away */
	RIG_UNTIL(l, b.n == 1);
	CHECK_INT(b.res[0], 0);
	loop_close(l, fds[0]);
	loop_free(l);
}

static void
stop(struct loop *l, struct rig_op *o)
{
	loop_cancel(l, &o->op);
}

/* Who is known to be TCP is read out when it is read short at its end; but
 * nobody is told so who has stopped listening. */
static void
test_end_with_data(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0}, b = {0}, c = {.then = stop};
	int fds[2], others[2];

	rig_tcp_pair(fds);
	rig_tcp_pair(others);
	loop_prompt(l, fds[0]);
	loop_prompt(l, others[0]);
	rig_recv(l, &a, fds[0]);
	rig_recv(l, &c, others[0]);
	rig_write(fds[1], "last");
	rig_write(others[1], "word");
	close(fds[1]);
	close(others[1]);
	RIG_UNTIL(l, a.n > 0 && c.n > 0);
	if (strcmp(loop_backend(l), "epoll") == 0)
		CHECK_INT(a.n, 2);
	RIG_UNTIL(l, a.n == 2);
	CHECK_STR(a.text, "last");
	CHECK_INT(a.res[1], 0);
	CHECK(!a.more, "goes on after the end");
	rig_settle(l);
	CHECK_INT(c.n, 1);
	rig_recv(l, &b, others[0]);
	RIG_UNTIL(l, b.n == 1);
	CHECK_INT(b.res[0], 0);
	loop_close(l, fds[0]);
	loop_close(l, others[0]);
	loop_free(l);
}

#define CLOSED_N 100

static int to_close[CLOSED_N], kept[CLOSED_N];

static void
close_them(struct loop *l, struct rig_op *o)
{
	int i;

	if (o->n > 1)
		return;
	for (i = 0; i < CLOSED_N; i++)
		loop_close(l, to_close[(i * 37) % CLOSED_N]);
}

/* Neighbours, lone ones, in any order, and more than are remembered: each is
 * closed by the end of the turn, and no other is. */
static void
test_close_many(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {.then = close_them}, r[CLOSED_N] = {0};
	char byte;
	int fds[2], i;

	rig_tcp_pair(fds);
	for (i = 0; i < CLOSED_N; i++) {
		int pair[2];

		rig_must(
		    socketpair(AF_UNIX,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
		    "socketpair");
		/* Now the one, now the other: runs of two, and single ones. */
		to_close[i] = pair[i % 3 != 0];
		kept[i] = pair[i % 3 == 0];
		rig_recv(l, &r[i], to_close[i]);
	}
	rig_recv(l, &a, fds[0]);
	rig_settle(l);
	rig_write(fds[1], "go");
	RIG_UNTIL(l, a.n == 1);
	rig_settle(l);
	for (i = 0; i < CLOSED_N; i++) {
		CHECK_INT(r[i].n, 0);
		CHECK(fcntl(to_close[i], F_GETFD) == -1, "%d is open", i);
		CHECK_INT(recv(kept[i], &byte, 1, 0), 0);
		close(kept[i]);
	}
	rig_write(fds[1], "on");
	RIG_UNTIL(l, a.n == 2);
	loop_close(l, fds[0]);
	CHECK(rig_on_uring() || fcntl(fds[0], F_GETFD) == -1,
	    "open outside of a turn");
	close(fds[1]);
	loop_free(l);
}

/* The end is known before the data is read, and the reader pauses between. */
static void
test_end_while_paused(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0};
	int fds[2];

	rig_tcp_pair(fds);
	rig_recv(l, &a, fds[0]);
	rig_settle(l);
	loop_cancel(l, &a.op);
	rig_write(fds[1], "last");
	rig_must(shutdown(fds[1], SHUT_WR), "shutdown");
	rig_settle(l);
	CHECK_INT(a.n, 0);
	rig_recv(l, &a, fds[0]);
	RIG_UNTIL(l, a.n == 1);
	loop_cancel(l, &a.op);
	rig_settle(l);
	CHECK_INT(a.n, 1);
	rig_recv(l, &a, fds[0]);
	RIG_UNTIL(l, a.n == 2);
	CHECK_INT(a.res[1], 0);
	CHECK_STR(a.text, "last");
	loop_close(l, fds[0]);
	close(fds[1]);
	loop_free(l);
}

static void
test_reset_after_data(void)
{
	const struct linger now = {1, 0};
	struct loop *l = rig_loop();
	struct rig_op a = {0};
	int fds[2];

	rig_tcp_pair(fds);
	rig_recv(l, &a, fds[0]);
	rig_settle(l);
	rig_write(fds[1], "before");
	rig_must(setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &now, sizeof(now)),
	    "SO_LINGER");
	close(fds[1]);
	RIG_UNTIL(l, a.n == 2);
	CHECK_STR(a.text, "before");
	CHECK_INT(a.res[1], -ECONNRESET);
	CHECK(!a.more && !loop_op_active(&a.op), "goes on after an error");
	loop_close(l, fds[0]);
	loop_free(l);
}

/* recv stops short at urgent data although more is there. */
static void
test_urgent(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0};
	int fds[2];

	rig_tcp_pair(fds);
	rig_write(fds[1], "before");
	rig_must((int)send(fds[1], "!", 1, MSG_OOB), "send");
	rig_write(fds[1], "after");
	rig_recv(l, &a, fds[0]);
	RIG_UNTIL(l, a.bytes == 11);
	CHECK_STR(a.text, "beforeafter");
	loop_close(l, fds[0]);
	close(fds[1]);
	loop_free(l);
}

/* One end of a relay that is never read from while it cannot send. */
struct side {
	struct op rx, tx;
	int from, to;
	unsigned int pauses;
};

/* The bytes of a direction: position decides value. */
struct stream {
	size_t sent, got, wrong;
	bool stuck; /* the sender has met back-pressure */
};

#define BULK_LEN ((size_t)16 << 20)

/* Nor does anything hide behind fds that a peer passes unasked. */
static void
test_passed_fds(void)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, text[] = "first";
	struct iovec iov = {.iov_base = text, .iov_len = 5};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct loop *l = rig_loop();
	struct rig_op a = {0};
	struct cmsghdr *c;
	int fds[2];

	rig_pair(fds);
	msg.msg_control = control;
	msg.msg_controllen = sizeof(control);
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fds[1], sizeof(int));
	rig_must((int)sendmsg(fds[1], &msg, 0), "sendmsg");
	rig_write(fds[1], "second");
	rig_must(shutdown(fds[1], SHUT_WR), "shutdown");
	rig_recv(l, &a, fds[0]);
	RIG_UNTIL(l, a.n == 3);
	CHECK_STR(a.text, "firstsecond");
	CHECK_INT(a.res[2], 0);
	loop_close(l, fds[0]);
	close(fds[1]);
	loop_free(l);
}

static uint8_t
byte_at(size_t pos)
{
	return (uint8_t)(pos * 7 + (pos >> 8) + (pos >> 16));
}

static void relay_data(struct loop *, struct op *, const struct op_result *);

static void
relay_sent(struct loop *l, struct op *op, const struct op_result *r)
{
	struct side *s = container_of(op, struct side, tx);

	CHECK(r->res > 0, "relay: send: %d", r->res);
	rig_must(loop_recv(l, &s->rx, s->from, relay_data), "loop_recv");
}

static void
relay_data(struct loop *l, struct op *op, const struct op_result *r)
{
	struct side *s = container_of(op, struct side, rx);
	size_t len = (size_t)r->res;
	ssize_t n;

	CHECK(r->res > 0 && r->res <= LOOP_RECV_MAX, "recv: %d", r->res);
	if (r->res <= 0)
		return;
	n = loop_send_now(l, s->to, r->data, len);
	rig_must((int)n, "loop_send_now");
	if ((size_t)n == len)
		return;
	s->pauses++;
	loop_cancel(l, &s->rx);
	rig_must(loop_send(l, &s->tx, s->to,
		     buf_copy(r->data + n, len - (size_t)n), relay_sent),
	    "loop_send");
}

static void
pump(int fd, struct stream *out, struct stream *in)
{
	static uint8_t block[49999];
	size_t len = BULK_LEN - out->sent, i;
	ssize_t n;

	if (len > sizeof(block))
		len = sizeof(block);
	for (i = 0; i < len; i++)
		block[i] = byte_at(out->sent + i);
	n = len > 0 ? send(fd, block, len, MSG_NOSIGNAL) : 0;
	out->sent += n > 0 ? (size_t)n : 0;
	if (n == -1)
		out->stuck = true;
	if (!out->stuck)
		return; /* read nothing at first: the relay must wait */
	n = recv(fd, block, sizeof(block) / 3, 0);
	for (i = 0; n > 0 && i < (size_t)n; i++)
		in->wrong += block[i] != byte_at(in->got + i);
	in->got += n > 0 ? (size_t)n : 0;
}

/* Slow ends on both sides, and a relay between that cancels recv while it
 * waits to send: nothing is lost, doubled or out of order. */
static void
bulk(void (*make)(int fds[2]))
{
	struct loop *l = rig_loop();
	struct side ab = {.pauses = 0}, ba = {.pauses = 0};
	struct stream fwd = {0}, back = {0};
	int64_t end_us = mono_us() + RIG_DEADLINE_US;
	int a[2], b[2], error = 0;

	make(a);
	make(b);
	ab.from = ba.to = a[1];
	ab.to = ba.from = b[1];
	rig_must(loop_recv(l, &ab.rx, a[1], relay_data), "loop_recv");
	rig_must(loop_recv(l, &ba.rx, b[1], relay_data), "loop_recv");
	while (error == 0 && mono_us() < end_us &&
	       (fwd.got < BULK_LEN || back.got < BULK_LEN)) {
		pump(a[0], &fwd, &back);
		pump(b[0], &back, &fwd);
		error = loop_turn(l, 0);
	}
	CHECK_INT(error, 0);
	CHECK_INT(fwd.got, BULK_LEN);
	CHECK_INT(back.got, BULK_LEN);
	CHECK_INT(fwd.wrong + back.wrong, 0);
	CHECK(ab.pauses > 0 && ba.pauses > 0, "never had to wait");
	loop_close(l, a[1]);
	loop_close(l, b[1]);
	close(a[0]);
	close(b[0]);
	loop_free(l);
}

static void
test_bulk_unix(void)
{
	bulk(rig_pair);
}

static void
test_bulk_tcp(void)
{
	bulk(rig_tcp_pair);
}

static struct buf *
pattern(size_t len)
{
	struct buf *b = buf_new(len);
	size_t i;

	for (i = 0; i < len; i++)
		buf_tail(b)[i] = byte_at(i);
	buf_added(b, len);
	return b;
}

static void
test_send_to_slow_reader(void)
{
	const size_t len = (size_t)8 << 20;
	struct loop *l = rig_loop();
	struct rig_op tx = {0};
	static uint8_t block[10007];
	size_t got = 0, wrong = 0, i;
	int64_t end_us = mono_us() + RIG_DEADLINE_US;
	int fds[2], error;
	ssize_t n;

	rig_tcp_pair(fds);
	error = loop_send(l, &tx.op, fds[0], pattern(len), rig_saw);
	CHECK_INT(error, 0);
	rig_settle(l);
	CHECK_INT(tx.n, 0);
	while (got < len && mono_us() < end_us) {
		n = recv(fds[1], block, sizeof(block), 0);
		for (i = 0; n > 0 && i < (size_t)n; i++)
			wrong += block[i] != byte_at(got + i);
		got += n > 0 ? (size_t)n : 0;
		error |= loop_turn(l, n > 0 ? 0 : 1000);
	}
	RIG_UNTIL(l, tx.n == 1);
	CHECK_INT(error, 0);
	CHECK_INT(tx.res[0], len);
	CHECK_INT(got, len);
	CHECK_INT(wrong, 0);
	CHECK(!tx.more && !loop_op_active(&tx.op), "goes on after all is sent");
	loop_close(l, fds[0]);
	close(fds[1]);
	loop_free(l);
}

/* -EPIPE, also for one that waits; and no SIGPIPE. */
static void
test_send_to_closed_peer(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0}, b = {0};
	ssize_t n;
	int fds[2], error;

	signal(SIGPIPE, SIG_DFL);
	rig_pair(fds);
	error = loop_send(l, &a.op, fds[0], pattern(4 << 20), rig_saw);
	CHECK_INT(error, 0);
	rig_settle(l);
	CHECK_INT(a.n, 0);
	close(fds[1]);
	RIG_UNTIL(l, a.n == 1);
	CHECK(a.res[0] == -EPIPE || a.res[0] == -ECONNRESET, "result %d",
	    a.res[0]);
	error = loop_send(l, &b.op, fds[0], pattern(10), rig_saw);
	CHECK_INT(error, 0);
	RIG_UNTIL(l, b.n == 1);
	CHECK_INT(b.res[0], -EPIPE);
	n = loop_send_now(l, fds[0], "x", 1);
	CHECK_INT(n, -EPIPE);
	signal(SIGPIPE, SIG_IGN);
	loop_close(l, fds[0]);
	loop_free(l);
}

static void
test_send_small(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0}, b = {0}, in = {0};
	struct buf *rest = pattern(12);
	int fds[2], error;

	rig_pair(fds);
	rig_recv(l, &in, fds[1]);
	memcpy(rest->data, "skipped+sent", 12);
	buf_consume(rest, 8);
	error = loop_send(l, &a.op, fds[0], rest, rig_saw);
	CHECK_INT(error, 0);
	error = loop_send(l, &b.op, fds[0], buf_copy("x", 1), rig_saw);
	CHECK_INT(error, -EBUSY);
	RIG_UNTIL(l, a.n == 1 && in.bytes == 4);
	CHECK_INT(a.res[0], 4);
	CHECK_STR(in.text, "sent");
	error = loop_send(l, &b.op, fds[0], buf_new(0), rig_saw);
	CHECK_INT(error, 0);
	RIG_UNTIL(l, b.n == 1);
	CHECK_INT(b.res[0], 0);
	rig_settle(l);
	CHECK_INT(a.n + b.n + in.n, 3);
	error = loop_send(l, &b.op, fds[0], buf_copy("again", 5), rig_saw);
	CHECK_INT(error, 0);
	RIG_UNTIL(l, b.n == 2);
	CHECK_INT(b.res[1], 5);
	loop_close(l, fds[0]);
	loop_close(l, fds[1]);
	loop_free(l);
}

/* What was known of a send or of a file goes with it. */
static void
test_nothing_stays(void)
{
	struct loop *l = rig_loop();
	struct rig_op tx = {0}, rx = {0}, fresh = {0};
	int fds[2], two[2], error;

	rig_tcp_pair(fds);
	error = loop_send(l, &tx.op, fds[0], pattern(4), rig_saw);
	CHECK_INT(error, 0);
	loop_cancel(l, &tx.op); /* done, but not told */
	error = loop_send(l, &tx.op, fds[0], pattern(8 << 20), rig_saw);
	CHECK_INT(error, 0);
	rig_settle(l);
	CHECK_INT(tx.n, 0);
	rig_write(fds[1], "last");
	rig_must(shutdown(fds[1], SHUT_WR), "shutdown");
	rig_recv(l, &rx, fds[0]);
	RIG_UNTIL(l, rx.n >= 1);
	rig_pair(two);
	loop_close(l, fds[0]); /* blocked, and about to tell the end */
	rig_told(l);
	rig_must(dup2(two[0], fds[0]), "dup2"); /* the same number */
	close(two[0]);
	two[0] = fds[0];
	rig_recv(l, &fresh, two[0]);
	error = loop_send(l, &tx.op, two[0], pattern(4), rig_saw);
	CHECK_INT(error, 0);
	RIG_UNTIL(l, tx.n == 1);
	CHECK_INT(tx.res[0], 4);
	rig_idle(l);
	CHECK_INT(fresh.n, 0);
	loop_close(l, two[0]);
	close(two[1]);
	close(fds[1]);
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

/* As much as is taken at all, by the loop and by the kernel. */
static size_t
send_all(struct loop *l, int fd)
{
	static const char block[1 << 20];
	size_t sent = 0, before;
	ssize_t n;

	do {
		before = sent;
		while ((n = loop_send_now(l, fd, block, sizeof(block))) > 0)
			sent += (size_t)n;
		CHECK_INT(n, 0);
		rig_told(l);
	} while (sent > before);
	return sent;
}

static void
test_send_now(void)
{
	struct loop *l = rig_loop();
	struct rig_op tx = {0}, rx = {0};
	size_t sent, got = 0;
	ssize_t n;
	int fds[2], error;

	rig_pair(fds);
	rig_recv(l, &rx, fds[0]); /* registered, like a relay's */
	sent = send_all(l, fds[0]);
	CHECK(sent > 0, "nothing was sent");
	RIG_UNTIL(l, (got += drain(fds[1])) >= sent);
	CHECK_INT(got, sent);
	rig_told(l);
	CHECK_INT(loop_unsent(l, fds[0]), 0);
	n = loop_send_now(l, fds[0], "0123456789", 10); /* nobody waited */
	CHECK_INT(n, 10);
	sent = send_all(l, fds[0]) + 10;
	error = loop_send(l, &tx.op, fds[0], buf_copy("tail", 4), rig_saw);
	CHECK_INT(error, 0);
	rig_settle(l);
	CHECK_INT(tx.n, 0);
	got = 0;
	RIG_UNTIL(l, (got += drain(fds[1])) >= sent + 4);
	CHECK_INT(got, sent + 4);
	RIG_UNTIL(l, tx.n == 1);
	CHECK_INT(tx.res[0], 4);
	n = loop_send_now(l, fds[0], "0123456789", 10);
	CHECK_INT(n, 10);
	CHECK_INT(rx.n, 0);
	loop_close(l, fds[0]);
	close(fds[1]);
	loop_free(l);
}

static void
close_it(struct loop *l, struct rig_op *o)
{
	loop_close(l, o->fd);
}

static void
answer_it(struct loop *l, struct rig_op *o)
{
	rig_must(
	    loop_send(l, &o->other->op, o->fd, buf_copy("answer", 6), rig_saw),
	    "loop_send");
}

/* What a callback starts may be finished, and closed, in the same turn, with
 * nothing else under way. */
static void
test_answer_the_end(void)
{
	struct loop *l = rig_loop();
	struct rig_op tx = {.then = close_it};
	struct rig_op rx = {.then = answer_it, .other = &tx};
	char text[16] = "";
	int fds[2];

	rig_pair(fds);
	tx.fd = rx.fd = fds[0];
	rig_recv(l, &rx, fds[0]);
	rig_must(shutdown(fds[1], SHUT_WR), "shutdown");
	RIG_UNTIL(l, tx.n == 1);
	CHECK_INT(rx.res[0], 0);
	CHECK_INT(tx.res[0], 6);
	rig_must((int)read(fds[1], text, sizeof(text) - 1), "read");
	CHECK_STR(text, "answer");
	rig_idle(l);
	close(fds[1]);
	loop_free(l);
}

#define LIST(X)                                                               \
	X(test_data_then_end, "data in order, then the end")                  \
	X(test_end_with_data, "the end comes along with data")                \
	X(test_close_many, "many are closed in one turn")                     \
	X(test_end_while_paused, "the end waits for a paused reader")         \
	X(test_reset_after_data, "a reset comes after the data")              \
	X(test_urgent, "urgent data hides nothing")                           \
	X(test_passed_fds, "passed fds hide nothing")                         \
	X(test_bulk_unix, "16 MiB each way with back-pressure, unix")         \
	X(test_bulk_tcp, "16 MiB each way with back-pressure, tcp")           \
	X(test_send_to_slow_reader, "8 MiB to a slow reader")                 \
	X(test_send_to_closed_peer, "send to a closed peer")                  \
	X(test_send_small, "send a rest, nothing, and two at once")           \
	X(test_nothing_stays, "nothing stays of what is closed or cancelled") \
	X(test_answer_the_end, "answer the end and close")                    \
	X(test_send_now, "send at once until full, then wait")

RIG_CASES(LIST)
UNIT_MAIN("loop_io", cases)
