/* Tests when a socket that is to send at once is told so: not for a request
 * after each answer, but before anything that would have to wait. */
#include <netinet/tcp.h>

#include "base/buf.h"
#include "tests/unit/loop_rig.h"

#define LONG_N 4000

struct pair {
	struct loop *loop;
	int fd, peer;
};

static struct pair
pair_new(void)
{
	struct pair p = {.loop = rig_loop()};
	int fds[2];

	rig_tcp_pair(fds);
	p.fd = fds[0];
	p.peer = fds[1];
	return p;
}

static void
pair_end(struct pair *p)
{
	loop_close(p->loop, p->fd);
	close(p->peer);
	loop_free(p->loop);
}

static int
is_told(const struct pair *p)
{
	socklen_t len = sizeof(int);
	int on = -1;

	rig_must(
	    getsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), "option");
	return on;
}

static void
say(const struct pair *p, size_t len)
{
	static const uint8_t zeroes[LONG_N];

	CHECK_INT(loop_send_now(p->loop, p->fd, zeroes, len), (ssize_t)len);
}

static void
test_one_a_turn(void)
{
	struct pair p = pair_new();
	int i;

	for (i = 0; i < 3; i++) {
		loop_prompt(p.loop, p.fd);
		say(&p, 1000);
		CHECK_INT(is_told(&p), 0);
	}
	say(&p, 1);
	CHECK_INT(is_told(&p), 1);
	loop_prompt(p.loop, p.fd);
	CHECK_INT(is_told(&p), 1);
	pair_end(&p);
}

static void
test_more_than_a_segment(void)
{
	struct pair p = pair_new();

	loop_prompt(p.loop, p.fd);
	say(&p, LONG_N);
	CHECK_INT(is_told(&p), 1);
	pair_end(&p);
}

static void
test_send_op(void)
{
	struct pair p = pair_new();
	struct rig_op s = {0};

	loop_prompt(p.loop, p.fd);
	say(&p, 1);
	rig_must(loop_send(p.loop, &s.op, p.fd, buf_copy("abc", 3), rig_saw),
	    "loop_send");
	CHECK_INT(is_told(&p), 1);
	RIG_UNTIL(p.loop, s.n == 1);
	pair_end(&p);
}

static void
test_splice(void)
{
	struct pair p = pair_new();
	struct rig_op w = {0};

	loop_prompt(p.loop, p.fd);
	rig_must(loop_writable(p.loop, &w.op, p.fd, rig_saw), "loop_writable");
	CHECK_INT(is_told(&p), 1);
	pair_end(&p);
}

/* Who has not asked for it decides for himself, as does who gets the same
 * number next. */
static void
test_others(void)
{
	struct pair p = pair_new();
	int fd = p.fd, fds[2];

	say(&p, LONG_N);
	say(&p, LONG_N);
	CHECK_INT(is_told(&p), 0);
	loop_prompt(p.loop, fd);
	loop_close(p.loop, fd);
	rig_tcp_pair(fds);
	if (fds[0] != fd) {
		rig_must(dup3(fds[0], fd, O_CLOEXEC), "dup3");
		close(fds[0]);
	}
	say(&p, LONG_N);
	CHECK_INT(is_told(&p), 0);
	close(fds[1]);
	pair_end(&p);
}

#define LIST(X)                                            \
	X(test_one_a_turn, "one small send an answer")     \
	X(test_more_than_a_segment, "more than a segment") \
	X(test_send_op, "a second send, by op")            \
	X(test_splice, "who splices")                      \
	X(test_others, "who has not asked, and the next one")

RIG_CASES(LIST)
UNIT_MAIN("loop_prompt", cases)
