/* Tests the rules of base/loop that hold for every op: when callbacks come,
 * when they no longer may, and what an owner may do in one. */
#include <sys/time.h>

#include <poll.h>
#include <signal.h>

#include "tests/unit/loop_rig.h"

static void
test_run_ends_when_idle(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0};
	int fds[2], error;

	CHECK_STR(loop_backend(l), rig_backend);
	error = loop_run(l);
	CHECK_INT(error, 0);
	rig_pair(fds);
	rig_recv(l, &a, fds[0]);
	rig_write(fds[1], "x");
	close(fds[1]);
	error = loop_run(l);
	CHECK_INT(error, 0);
	CHECK_INT(a.n, 2);
	CHECK(!a.more && !loop_op_active(&a.op), "active after its end");
	loop_close(l, fds[0]);
	loop_free(l);
}

static void
stop(struct loop *l, struct rig_op *o)
{
	(void)o;
	loop_stop(l);
}

static void
test_stop(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0}, t = {.then = stop};
	int fds[2], error;

	rig_pair(fds);
	rig_recv(l, &a, fds[0]);
	rig_timer(l, &t, 0);
	error = loop_run(l);
	CHECK_INT(error, 0);
	CHECK_INT(t.n, 1);
	CHECK(loop_op_active(&a.op), "loop_stop() ends ops");
	rig_timer(l, &t, 0);
	error = loop_run(l);
	CHECK_INT(error, 0);
	CHECK_INT(t.n, 2);
	loop_free(l);
	close(fds[0]);
	close(fds[1]);
}

/* Nothing is called back before its start returns, ready or not. */
static void
test_start_is_silent(void)
{
	struct loop *l = rig_loop();
	struct rig_op rx = {0}, tx = {0}, t = {0}, p = {0}, ac = {0};
	struct sockaddr_in sin;
	int fds[2], lfd = rig_listen(&sin), cfd = rig_dial(&sin), error;

	rig_pair(fds);
	rig_write(fds[1], "x");
	rig_recv(l, &rx, fds[0]);
	CHECK_INT(rx.n, 0);
	RIG_UNTIL(l, rx.n == 1);
	rig_write(fds[1], "y");
	loop_cancel(l, &rx.op);
	rig_settle(l);
	rig_recv(l, &rx, fds[0]); /* known to be readable by now */
	error = loop_send(l, &tx.op, fds[0], buf_copy("x", 1), rig_saw);
	CHECK_INT(error, 0);
	rig_timer(l, &t, 0);
	error = loop_poll(l, &p.op, fds[1], POLLIN | POLLOUT, rig_saw);
	CHECK_INT(error, 0);
	error = loop_accept(l, &ac.op, lfd, rig_saw);
	CHECK_INT(error, 0);
	CHECK_INT(rx.n + tx.n + t.n + p.n + ac.n, 1);
	RIG_UNTIL(l, rx.n == 2 && tx.n && t.n && p.n && ac.n);
	CHECK_INT(ac.n, 1);
	close(ac.res[0]);
	loop_close(l, lfd);
	loop_close(l, fds[0]);
	loop_close(l, fds[1]);
	close(cfd);
	loop_free(l);
}

static void
test_cancel(void)
{
	struct loop *l = rig_loop();
	struct rig_op rx = {0}, tx = {0}, p = {0}, keep = {0};
	int fds[2], error;

	rig_pair(fds);
	rig_recv(l, &rx, fds[0]);
	loop_cancel(l, &rx.op);
	rig_write(fds[1], "early");
	rig_settle(l);
	CHECK_INT(rx.n, 0);
	rig_recv(l, &rx, fds[0]); /* ready, and cancelled before its turn */
	loop_cancel(l, &rx.op);
	loop_cancel(l, &rx.op);
	error = loop_send(l, &tx.op, fds[0], buf_copy("x", 1), rig_saw);
	CHECK_INT(error, 0);
	loop_cancel(l, &tx.op);
	error = loop_poll(l, &p.op, fds[1], POLLIN, rig_saw);
	CHECK_INT(error, 0);
	loop_cancel(l, &p.op);
	rig_settle(l);
	CHECK_INT(rx.n + tx.n + p.n, 0);
	CHECK(!loop_op_active(&rx.op) && !loop_op_active(&tx.op) &&
		  !loop_op_active(&p.op),
	    "active after cancel");
	rig_recv(l, &keep, fds[0]);
	RIG_UNTIL(l, keep.n == 1);
	CHECK_STR(keep.text, "early");
	loop_close(l, fds[0]);
	loop_close(l, fds[1]);
	loop_close(l, -1);
	loop_free(l);
}

static void
close_own(struct loop *l, struct rig_op *o)
{
	loop_close(l, o->fd);
	memset(o, 0x5a, sizeof(*o));
	free(o);
}

static void
close_own_and_accepted(struct loop *l, struct rig_op *o)
{
	close(o->res[0]);
	close_own(l, o);
}

static int
start_kind(struct loop *l, struct rig_op *o, enum op_kind kind)
{
	if (kind == OP_ACCEPT)
		return loop_accept(l, &o->op, o->fd, rig_saw);
	if (kind == OP_RECV)
		return loop_recv(l, &o->op, o->fd, rig_saw);
	if (kind == OP_POLL)
		return loop_poll(l, &o->op, o->fd, POLLIN, rig_saw);
	return loop_send(l, &o->op, o->fd, buf_copy("abc", 3), rig_saw);
}

/* The owner closes its fd and frees its op in each kind of callback. */
static void
test_free_in_callback(void)
{
	const enum op_kind kinds[] = {OP_RECV, OP_POLL, OP_SEND, OP_ACCEPT};
	struct loop *l = rig_loop();
	struct rig_op *o, other = {0};
	struct sockaddr_in sin;
	int lfd = rig_listen(&sin), cfd = rig_dial(&sin), fds[2], error;
	size_t i;

	for (i = 0; i < 4; i++) {
		rig_pair(fds);
		rig_write(fds[1], "some bytes");
		o = calloc(1, sizeof(*o));
		o->then =
		    kinds[i] == OP_ACCEPT ? close_own_and_accepted : close_own;
		o->fd = kinds[i] == OP_ACCEPT ? lfd : fds[0];
		error = start_kind(l, o, kinds[i]);
		CHECK_INT(error, 0);
		if (kinds[i] == OP_SEND) /* ready too, and closed with it */
			rig_recv(l, &other, fds[0]);
		else if (kinds[i] == OP_ACCEPT)
			close(fds[0]);
		error = loop_run(l);
		CHECK_INT(error, 0);
		CHECK(!loop_op_active(&other.op), "active on a closed fd");
		close(fds[1]);
	}
	close(cfd);
	loop_free(l);
}

static void
close_other(struct loop *l, struct rig_op *o)
{
	loop_close(l, o->fd);
	o->fd = -1;
	if (o->other != NULL)
		loop_cancel(l, &o->other->op);
}

/* Three are ready in the same batch; whoever is first ends the others. */
static void
test_end_others_in_batch(void)
{
	struct loop *l = rig_loop();
	struct rig_op o[3] = {0};
	int fds[3][2], i;

	for (i = 0; i < 3; i++) {
		rig_pair(fds[i]);
		rig_write(fds[i][1], "x");
		o[i].then = close_other;
	}
	for (i = 0; i < 3; i++) {
		o[i].fd = fds[(i + 1) % 3][0]; /* this one is closed, */
		o[i].other = &o[(i + 2) % 3];  /* that one cancelled */
		rig_recv(l, &o[i], fds[i][0]);
	}
	rig_settle(l);
	CHECK_INT(o[0].n + o[1].n + o[2].n, 1);
	for (i = 0; i < 3; i++) {
		if (o[(i + 2) % 3].n == 0) /* not closed in the callback */
			loop_close(l, fds[i][0]);
		close(fds[i][1]);
	}
	loop_free(l);
}

static int reused[2];
static struct rig_op fresh;

static void
reuse_other(struct loop *l, struct rig_op *o)
{
	loop_close(l, o->fd);
	rig_pair(reused);
	rig_recv(l, &fresh, reused[0]);
}

/*
 * Two fds are ready in the same batch; the first callback closes the other
 * fd and makes a new file, which is not ready.  It gets the same number, if
 * the backend does not close behind the callbacks.
 */
static void
test_fd_reuse_in_batch(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {.then = reuse_other}, b = {.then = reuse_other};
	int fa[2], fb[2];

	memset(&fresh, 0, sizeof(fresh));
	rig_pair(fa);
	rig_pair(fb);
	a.fd = fb[0];
	b.fd = fa[0];
	rig_write(fa[1], "stale");
	rig_write(fb[1], "stale");
	rig_recv(l, &a, fa[0]);
	rig_recv(l, &b, fb[0]);
	RIG_UNTIL(l, a.n + b.n == 1);
	rig_settle(l);
	CHECK_INT(a.n + b.n, 1);
	CHECK_INT(fresh.n, 0);
	rig_write(reused[1], "new");
	RIG_UNTIL(l, fresh.n == 1);
	CHECK_STR(fresh.text, "new");
	loop_close(l, a.n == 1 ? fa[0] : fb[0]);
	loop_close(l, reused[0]);
	close(reused[1]);
	close(fa[1]);
	close(fb[1]);
	loop_free(l);
}

/* Somebody else holds the closed file, so that the kernel goes on to report
 * it under a number that is another file's by now. */
static void
test_stale_events(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0}, p = {0}, now = {0};
	int fds[2], two[2], held[2], error;

	rig_pair(fds);
	held[0] = dup(fds[0]);
	held[1] = dup(fds[1]);
	rig_recv(l, &a, fds[0]);
	error = loop_poll(l, &p.op, fds[1], POLLOUT, rig_saw);
	CHECK_INT(error, 0);
	RIG_UNTIL(l, p.n == 1);
	loop_close(l, fds[0]);
	loop_close(l, fds[1]);
	rig_told(l);
	rig_pair(two);
	CHECK(two[0] == fds[0] && two[1] == fds[1], "numbers are not reused");
	error = loop_poll(l, &now.op, two[0], POLLIN, rig_saw);
	CHECK_INT(error, 0);
	rig_write(held[1], "for nobody");
	rig_settle(l);
	CHECK_INT(a.n, 0);
	CHECK_INT(p.n, 1);
	CHECK_INT(now.n, 0);
	rig_idle(l);
	rig_write(two[1], "x");
	RIG_UNTIL(l, now.n == 1);
	loop_close(l, two[0]);
	close(two[1]);
	close(held[0]);
	close(held[1]);
	loop_free(l);
}

/* Why it was refused: at once, or by its callback. */
static int
refusal(struct loop *l, struct rig_op *o, int error)
{
	if (error != 0)
		return error;
	RIG_UNTIL(l, o->n == 1);
	CHECK(!o->more && !loop_op_active(&o->op), "active though refused");
	return o->res[--o->n];
}

static void
test_busy_and_bad(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0}, b = {0}, file = {0};
	int fds[2], fd, error;

	rig_pair(fds);
	rig_recv(l, &a, fds[0]);
	error = loop_recv(l, &a.op, fds[1], rig_saw);
	CHECK_INT(error, -EBUSY);
	error = loop_poll(l, &b.op, fds[0], POLLIN, rig_saw);
	CHECK_INT(error, -EBUSY);
	error = loop_recv(l, &b.op, -1, rig_saw);
	CHECK_INT(error, -EBADF);
	error = refusal(l, &b, loop_recv(l, &b.op, 5000, rig_saw));
	CHECK_INT(error, -EBADF);
	error = loop_send(l, &b.op, -1, buf_copy("x", 1), rig_saw);
	CHECK_INT(error, -EBADF);
	error = loop_send(l, &a.op, fds[1], buf_copy("x", 1), rig_saw);
	CHECK_INT(error, -EBUSY);
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	error = loop_poll(l, &file.op, fd, POLLIN, rig_saw);
	if (!rig_on_uring()) /* to which a file is always ready */
		CHECK_INT(error, -EPERM);
	CHECK(rig_on_uring() || !loop_op_active(&file.op), "not started");
	loop_close(l, fd);
	rig_write(fds[1], "x");
	RIG_UNTIL(l, a.n == 1);
	CHECK_INT(b.n, 0);
	loop_close(l, fds[0]);
	loop_close(l, fds[1]);
	loop_free(l);
}

/* loop_free() gives all back: ops, buffers (LeakSanitizer sees), not fds. */
static void
test_free_with_ops(void)
{
	struct loop *l = rig_loop();
	struct rig_op rx = {0}, tx = {0}, t = {0};
	struct buf *b = buf_new(4 << 20);
	int fds[2], error;

	rig_pair(fds);
	memset(buf_tail(b), 'x', b->cap);
	buf_added(b, b->cap);
	rig_recv(l, &rx, fds[0]);
	error = loop_send(l, &tx.op, fds[0], b, rig_saw);
	CHECK_INT(error, 0);
	rig_timer(l, &t, INT64_MAX);
	rig_settle(l);
	CHECK(loop_op_active(&tx.op), "the send is not under way");
	loop_free(l);
	CHECK(!loop_op_active(&rx.op) && !loop_op_active(&tx.op) &&
		  !loop_op_active(&t.op),
	    "active without a loop");
	CHECK_INT(rx.n + tx.n + t.n, 0);
	error = close(fds[0]);
	CHECK_INT(error, 0);
	close(fds[1]);
	loop_free(NULL);
}

static void
fill_wide(int fd)
{
	static const char block[32768];
	int size = 1 << 20;

	rig_must(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)),
	    "SO_SNDBUF");
	while (write(fd, block, sizeof(block)) > 0)
		;
}

/* Who keeps filling what is usual gets more at once, until he does not. */
static void
test_appetite(void)
{
	struct loop *l = rig_loop();
	struct rig_op flood = {0}, again = {0};
	int fds[2], i;

	if (rig_on_uring()) {
		loop_free(l);
		return;
	}
	rig_pair(fds);
	fill_wide(fds[1]);
	rig_recv(l, &flood, fds[0]);
	for (i = 0; i < 5; i++)
		CHECK_INT(loop_turn(l, -1), 0);
	for (i = 0; i < 4; i++)
		CHECK_INT(flood.res[i], LOOP_RECV_USUAL);
	CHECK_INT(flood.res[4], LOOP_RECV_MAX);
	rig_settle(l);
	rig_write(fds[1], "x");
	rig_settle(l);
	loop_cancel(l, &flood.op);
	fill_wide(fds[1]);
	rig_recv(l, &again, fds[0]);
	CHECK_INT(loop_turn(l, -1), 0);
	CHECK_INT(again.res[0], LOOP_RECV_USUAL);
	loop_close(l, fds[0]);
	close(fds[1]);
	loop_free(l);
}

/* A flooded fd gets one buffer a turn, or what was there at its start, so that
 * the other has its turn. */
static void
test_fairness(void)
{
	struct loop *l = rig_loop();
	struct rig_op flood = {0}, calm = {0};
	int ff[2], fc[2], error;

	rig_pair(ff);
	rig_pair(fc);
	fill_wide(ff[1]);
	rig_write(fc[1], "x");
	rig_recv(l, &flood, ff[0]);
	rig_recv(l, &calm, fc[0]);
	error = loop_turn(l, -1);
	CHECK_INT(error, 0);
	CHECK_INT(calm.n, 1);
	CHECK(flood.res[0] <= LOOP_RECV_MAX, "lends %d", flood.res[0]);
	if (!rig_on_uring()) {
		CHECK_INT(flood.n, 1);
		CHECK_INT(flood.res[0], LOOP_RECV_USUAL);
		error = loop_turn(l, -1);
		CHECK_INT(error, 0);
		CHECK_INT(flood.n, 2);
	}
	loop_close(l, ff[0]);
	loop_close(l, fc[0]);
	close(ff[1]);
	close(fc[1]);
	loop_free(l);
}

static void
on_alarm(int sig)
{
	(void)sig;
}

/* A signal ends the wait of a turn, and is no error. */
static void
test_signal(void)
{
	struct sigaction sa = {.sa_handler = on_alarm};
	struct itimerval every_ms = {{0, 1000}, {0, 1000}}, off = {0};
	struct loop *l = rig_loop();
	struct rig_op a = {0};
	int fds[2], error;

	rig_pair(fds);
	rig_recv(l, &a, fds[0]);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &every_ms, NULL);
	error = loop_turn(l, -1);
	setitimer(ITIMER_REAL, &off, NULL);
	CHECK_INT(error, 0);
	CHECK_INT(a.n, 0);
	loop_close(l, fds[0]);
	close(fds[1]);
	loop_free(l);
}

#define LIST(X)                                                           \
	X(test_run_ends_when_idle, "run ends when nothing is under way")  \
	X(test_stop, "stop from a callback")                              \
	X(test_start_is_silent, "starting never calls back")              \
	X(test_cancel, "no callback after cancel")                        \
	X(test_free_in_callback, "close and free in the callback")        \
	X(test_end_others_in_batch, "close and cancel others in a batch") \
	X(test_fd_reuse_in_batch, "an fd number is reused in a batch")    \
	X(test_stale_events, "events of a closed file are dropped")       \
	X(test_busy_and_bad, "busy ops and bad fds are refused")          \
	X(test_free_with_ops, "a loop is freed with ops under way")       \
	X(test_appetite, "larger ones for who fills them")                \
	X(test_fairness, "one buffer a turn")                             \
	X(test_signal, "a signal ends a turn's wait")

RIG_CASES(LIST)
UNIT_MAIN("loop", cases)
