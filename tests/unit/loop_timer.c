/* Tests the loop's timers: their order, and what may be done to them when. */
#include <limits.h>

#include "tests/unit/loop_rig.h"

#define MANY_N 10000

static void
test_order(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0}, b = {0}, c = {0};
	int64_t t = loop_now_us(l);
	int error;

	rig_timer(l, &b, t + 4000);
	rig_timer(l, &c, t + 8000);
	rig_timer(l, &a, t + 1000);
	RIG_UNTIL(l, a.n == 1);
	CHECK_INT(a.res[0], 0);
	CHECK(!a.more && !loop_op_active(&a.op), "a fires more than once");
	CHECK(loop_now_us(l) >= t + 1000, "a is early");
	error = loop_run(l);
	CHECK_INT(error, 0);
	CHECK(
	    a.n == 1 && b.n == 1 && c.n == 1, "%d %d %d calls", a.n, b.n, c.n);
	CHECK(loop_now_us(l) >= t + 8000, "c is early");
	loop_free(l);
}

static void
cancel_other(struct loop *l, struct rig_op *o)
{
	loop_cancel(l, &o->other->op);
}

static void
test_move_cancel(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {.then = cancel_other}, b = {0}, c = {0};
	struct rig_op last = {0};
	int64_t t = loop_now_us(l);

	a.other = &b;
	rig_timer(l, &a, t + 60000000);
	rig_timer(l, &b, t + 1);
	rig_timer(l, &c, t);
	rig_timer(l, &last, t + 2000);
	rig_timer(l, &a, t - 5);
	rig_timer(l, &c, INT64_MAX);
	CHECK(loop_op_active(&b.op), "a started timer is not active");
	RIG_UNTIL(l, last.n == 1);
	CHECK_INT(a.n, 1);
	CHECK_INT(b.n, 0);
	CHECK_INT(c.n, 0);
	loop_cancel(l, &c.op);
	loop_cancel(l, &c.op);
	CHECK(!loop_op_active(&c.op), "a cancelled timer is active");
	loop_free(l);
}

static int64_t last_us;
static int unordered, fired;

static void
saw_many(struct loop *l, struct op *op, const struct op_result *r)
{
	(void)l;
	(void)r;
	unordered += op->at_us < last_us;
	last_us = op->at_us;
	fired++;
}

/* Random times, a third moved, a third cancelled. */
static void
test_many(void)
{
	struct loop *l = rig_loop();
	struct op *ops = calloc(MANY_N, sizeof(*ops));
	int64_t t = loop_now_us(l) - 1000000;
	unsigned int seed = 7;
	int i, cancelled = 0, error = 0;

	last_us = 0;
	unordered = fired = 0;
	for (i = 0; i < MANY_N; i++) {
		error |= loop_timer(
		    l, &ops[i], t + rand_r(&seed) % 1001000, saw_many);
	}
	for (i = 0; i < MANY_N; i++) {
		if (rand_r(&seed) % 3 == 0) {
			error |= loop_timer(
			    l, &ops[i], t + rand_r(&seed) % 1001000, saw_many);
		} else if (rand_r(&seed) % 2 == 0) {
			loop_cancel(l, &ops[i]);
			cancelled++;
		}
	}
	CHECK_INT(error, 0);
	error = loop_run(l);
	CHECK_INT(error, 0);
	CHECK_INT(unordered, 0);
	CHECK_INT(fired, MANY_N - cancelled);
	CHECK(cancelled > MANY_N / 5, "only %d cancelled", cancelled);
	free(ops);
	loop_free(l);
}

static void
again_in_the_past(struct loop *l, struct rig_op *o)
{
	rig_timer(l, o, 0);
}

/* A timer that always sets itself to the past fires once a turn. */
static void
test_no_starvation(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {.then = again_in_the_past};
	struct rig_op in = {0};
	int fds[2], turn;

	rig_pair(fds);
	rig_recv(l, &in, fds[0]);
	rig_timer(l, &a, 0);
	for (turn = 1; turn <= 5; turn++) {
		int error = loop_turn(l, 1000000);

		CHECK_INT(error, 0);
		CHECK_INT(a.n, turn);
	}
	rig_write(fds[1], "x");
	RIG_UNTIL(l, in.n == 1);
	loop_close(l, fds[0]);
	close(fds[1]);
	loop_free(l);
}

static void
expect_other_first(struct loop *l, struct rig_op *o)
{
	(void)l;
	CHECK_INT(o->other->n, 1);
}

/* In one turn, what came in is called back before what is too late. */
static void
test_after_io(void)
{
	struct loop *l = rig_loop();
	struct rig_op in = {0};
	struct rig_op a = {.then = expect_other_first, .other = &in};
	int fds[2], error;

	rig_pair(fds);
	rig_write(fds[1], "x");
	rig_recv(l, &in, fds[0]);
	rig_timer(l, &a, 0);
	error = loop_turn(l, -1);
	CHECK_INT(error, 0);
	CHECK_INT(a.n, 1);
	loop_close(l, fds[0]);
	close(fds[1]);
	loop_free(l);
}

static void
free_self(struct loop *l, struct rig_op *o)
{
	(void)l;
	free(o);
}

static int64_t seen_now_us;

static void
remember_now(struct loop *l, struct rig_op *o)
{
	(void)o;
	if (seen_now_us == 0)
		seen_now_us = loop_now_us(l);
	CHECK_INT(loop_now_us(l), seen_now_us);
	while (mono_us() <= loop_now_us(l))
		;
}

/* Owners may go in the callback; the time stands still in a turn. */
static void
test_free_and_now(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {.then = remember_now};
	struct rig_op b = {.then = remember_now};
	struct rig_op *gone = calloc(1, sizeof(*gone));
	int error;

	gone->then = free_self;
	seen_now_us = 0;
	rig_timer(l, gone, 0);
	rig_timer(l, &a, 0);
	rig_timer(l, &b, 0);
	error = loop_run(l);
	CHECK_INT(error, 0);
	CHECK_INT(a.n + b.n, 2);
	loop_free(l);
}

static void
test_turn_waits(void)
{
	struct loop *l = rig_loop();
	struct rig_op a = {0};
	int64_t t = mono_us();
	int error;

	rig_timer(l, &a, t + 60000000);
	error = loop_turn(l, 2500);
	CHECK_INT(error, 0);
	CHECK(mono_us() >= t + 2500, "did not wait");
	CHECK(mono_us() < t + 30000000, "waited for the timer");
	CHECK_INT(a.n, 0);
	loop_free(l);
	CHECK(!loop_op_active(&a.op), "active without a loop");
}

#define LIST(X)                                                  \
	X(test_order, "timers fire in order, once, never early") \
	X(test_move_cancel, "timers are moved and cancelled")    \
	X(test_many, "ten thousand random timers")               \
	X(test_no_starvation, "a timer set to the past waits")   \
	X(test_after_io, "timers come after what was received")  \
	X(test_free_and_now, "free in callback, time in a turn") \
	X(test_turn_waits, "a turn waits no longer than told")

RIG_CASES(LIST)
UNIT_MAIN("loop_timer", cases)
