/* The pool of pipes: its bounds, and what becomes of each. */
#include "cagentd/worker/relay/pipes.h"

#include <sys/syscall.h>

#include <stdarg.h>

#include "tests/unit/fake.h"
#include "tests/unit/unit.h"

/* As much as the kernel gives: all, less, or nothing more than two pages. */
static int quota = PIPES_LEN_MAX;
static int opened;

int
fcntl(int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	if (cmd == F_SETPIPE_SZ && arg > quota) {
		errno = EPERM;
		return -1;
	}
	return (int)syscall(SYS_fcntl, fd, cmd, arg);
}

static int pipes_left = -1;

int
pipe2(int fds[2], int flags)
{
	opened++;
	if (pipes_left == 0) {
		errno = EMFILE;
		return -1;
	}
	if (pipes_left > 0)
		pipes_left--;
	return (int)syscall(SYS_pipe2, fds, flags);
}

static struct loop *loop;
static int fds_before;

static void
begin(struct pipes *p, uint32_t max)
{
	quota = PIPES_LEN_MAX;
	opened = 0;
	pipes_left = -1;
	fds_before = fake_open_fds();
	rig_must(loop_new(&loop), "loop_new");
	pipes_init(p, loop, NULL);
	pipes_limit(p, max);
}

static void
end(struct pipes *p)
{
	pipes_fini(p);
	loop_free(loop);
	CHECK_INT(fake_open_fds(), fds_before);
}

static void
pooled(void)
{
	struct pipes p;
	struct pipe *a, *b;

	begin(&p, 2);
	CHECK(pipes_any(&p), "there may be some");
	a = pipes_take(&p);
	CHECK(a != NULL && a->len == PIPES_LEN_MAX, "of full length");
	CHECK_INT(fcntl(a->in, F_GETPIPE_SZ), PIPES_LEN_MAX);
	CHECK_INT(fcntl(a->in, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	CHECK_INT(fcntl(a->out, F_GETFD), FD_CLOEXEC);
	pipes_give(&p, a);
	b = pipes_take(&p);
	CHECK(a == b, "the same one");
	CHECK_INT(opened, 1);
	pipes_give(&p, b);
	end(&p);
}

static void
bounded(void)
{
	struct pipe *a, *b;
	struct pipes p;

	begin(&p, 2);
	a = pipes_take(&p);
	b = pipes_take(&p);
	CHECK(a != NULL && b != NULL, "two");
	CHECK(!pipes_any(&p) && pipes_take(&p) == NULL, "and no more");
	CHECK_INT(opened, 2);
	pipes_give(&p, a);
	CHECK(pipes_any(&p), "one is free");
	pipes_limit(&p, 1);
	CHECK_INT(p.open_n, 1);
	CHECK_INT(p.idle_n, 0);
	pipes_limit(&p, 0);
	pipes_give(&p, b);
	CHECK_INT(p.open_n, 0);
	pipes_limit(&p, UINT32_MAX);
	CHECK_INT(p.max, PIPES_MAX);
	end(&p);
}

static void
none_at_first(void)
{
	struct pipes p = {0};

	pipes_fini(&p); /* never begun */
	begin(&p, 0);
	CHECK(!pipes_any(&p) && pipes_take(&p) == NULL, "none");
	end(&p);
}

/* What is in it would be another tunnel's. */
static void
not_empty(void)
{
	struct pipes p;
	struct pipe *a;

	begin(&p, 2);
	a = pipes_take(&p);
	CHECK_INT(write(a->in, "rest", 4), 4);
	a->held = 4;
	pipes_give(&p, a);
	CHECK_INT(p.open_n, 0);
	pipes_give(&p, NULL);
	end(&p);
}

static void
shorter(void)
{
	struct pipes p;
	struct pipe *a;
	int len;

	for (len = PIPES_LEN_MAX; len >= (int)PIPES_LEN_MIN; len /= 2) {
		begin(&p, 2);
		quota = len;
		a = pipes_take(&p);
		CHECK(a != NULL && (int)a->len == len, "%d", len);
		pipes_give(&p, a);
		end(&p);
	}
}

/* Two pages are none, and nobody asks again at once. */
static void
quota_spent(void)
{
	struct pipes p;

	begin(&p, 2);
	quota = PIPES_LEN_MIN - 1;
	CHECK(pipes_take(&p) == NULL, "none");
	CHECK_INT(p.open_n, 0);
	CHECK(!pipes_any(&p) && pipes_take(&p) == NULL, "none");
	CHECK_INT(opened, 1);
	p.retry_us = 0;
	quota = PIPES_LEN_MAX;
	CHECK(pipes_any(&p), "later there may be");
	pipes_give(&p, pipes_take(&p));
	CHECK_INT(p.open_n, 1);
	end(&p);
}

static void
no_fds(void)
{
	struct pipes p;

	begin(&p, 2);
	pipes_left = 1;
	pipes_give(&p, pipes_take(&p));
	pipes_spare(&p);
	CHECK_INT(p.open_n, 0);
	CHECK(!pipes_any(&p), "fds are short");
	p.retry_us = 0;
	CHECK(pipes_take(&p) == NULL, "none");
	CHECK(!pipes_any(&p), "and nobody asks again");
	end(&p);
}

/* The timer's, without its waiting. */
static void
look(struct pipes *p)
{
	const struct op_result r = {0};
	op_fn *fn = p->timer.fn;

	loop_cancel(loop, &p->timer);
	fn(loop, &p->timer, &r);
}

static void
shrinks(void)
{
	struct pipe *pipe[4];
	struct pipes p;
	int i;

	begin(&p, 4);
	for (i = 0; i < 4; i++)
		pipe[i] = pipes_take(&p);
	for (i = 0; i < 4; i++)
		pipes_give(&p, pipe[i]);
	look(&p);
	CHECK_INT(p.open_n, 4);
	pipe[0] = pipes_take(&p);
	pipe[1] = pipes_take(&p);
	pipes_give(&p, pipe[0]);
	look(&p);
	CHECK_INT(p.idle_n, 0 + 1);
	CHECK_INT(p.open_n, 2);
	pipes_give(&p, pipe[1]);
	look(&p);
	CHECK_INT(p.open_n, 1);
	look(&p);
	CHECK_INT(p.open_n, 0);
	CHECK(!loop_op_active(&p.timer), "no timer for none");
	end(&p);
}

static const struct unit_case cases[] = {
    {"pooled", pooled},
    {"bounded", bounded},
    {"none at first", none_at_first},
    {"one that is not empty is closed", not_empty},
    {"shorter where the quota says so", shorter},
    {"never two pages", quota_spent},
    {"no descriptors", no_fds},
    {"shrinks when unused", shrinks},
};

UNIT_MAIN("pipes", cases)
