/* Owns a worker's pipes: how many there are, how large, and for how long; what
 * goes through them is their holders'. */
#include "cagentd/worker/relay/pipes.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void
pipes_init(struct pipes *p, struct loop *loop, _Atomic uint64_t *spliced)
{
	*p = (struct pipes){.loop = loop, .spliced = spliced};
	SLIST_INIT(&p->idle);
}

static void
close_pipe(struct pipes *p, struct pipe *pipe)
{
	close(pipe->in);
	close(pipe->out);
	free(pipe);
	p->open_n--;
}

static struct pipe *
take_idle(struct pipes *p)
{
	struct pipe *pipe = SLIST_FIRST(&p->idle);

	if (pipe == NULL)
		return NULL;
	SLIST_REMOVE_HEAD(&p->idle, entry);
	p->idle_n--;
	if (p->unused_n > p->idle_n)
		p->unused_n = p->idle_n;
	return pipe;
}

void
pipes_limit(struct pipes *p, uint64_t max)
{
	struct pipe *pipe;

	p->max = max < PIPES_MAX ? (uint32_t)max : PIPES_MAX;
	p->retry_us = 0;
	while (p->open_n > p->max && (pipe = take_idle(p)) != NULL)
		close_pipe(p, pipe);
}

void
pipes_spare(struct pipes *p)
{
	struct pipe *pipe;

	p->retry_us = loop_now_us(p->loop) + PIPES_RETRY_US;
	while ((pipe = take_idle(p)) != NULL)
		close_pipe(p, pipe);
}

void
pipes_fini(struct pipes *p)
{
	if (p->loop == NULL)
		return;
	pipes_limit(p, 0);
	assert(p->open_n == 0);
	loop_cancel(p->loop, &p->timer);
}

bool
pipes_any(const struct pipes *p)
{
	return p->idle_n > 0 ||
	       (p->open_n < p->max && loop_now_us(p->loop) >= p->retry_us);
}

/* As long as can be had. */
static bool
stretch(struct pipe *pipe)
{
	int len, got;

	for (len = PIPES_LEN_MAX; len >= (int)PIPES_LEN_MIN; len /= 2) {
		got = fcntl(pipe->in, F_SETPIPE_SZ, len);
		if (got >= len) {
			pipe->len = (uint32_t)got;
			return true;
		}
	}
	return false;
}

static struct pipe *
open_pipe(struct pipes *p)
{
	struct pipe *pipe = calloc(1, sizeof(*pipe));
	int fds[2];

	if (pipe == NULL)
		return NULL;
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) == -1) {
		free(pipe);
		return NULL;
	}
	pipe->out = fds[0];
	pipe->in = fds[1];
	p->open_n++;
	if (stretch(pipe))
		return pipe;
	close_pipe(p, pipe);
	return NULL;
}

struct pipe *
pipes_take(struct pipes *p)
{
	struct pipe *pipe = take_idle(p);

	if (pipe != NULL || !pipes_any(p))
		return pipe;
	pipe = open_pipe(p);
	if (pipe == NULL)
		p->retry_us = loop_now_us(p->loop) + PIPES_RETRY_US;
	return pipe;
}

static void
on_shrink(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct pipes *p = container_of(op, struct pipes, timer);
	struct pipe *pipe;
	uint32_t n = p->unused_n;

	(void)res;
	while (n-- > 0 && (pipe = take_idle(p)) != NULL)
		close_pipe(p, pipe);
	p->unused_n = p->idle_n;
	if (p->idle_n > 0)
		loop_timer(
		    loop, op, loop_now_us(loop) + PIPES_SHRINK_US, on_shrink);
}

/* Without the memory for a timer there are no pipes to be kept, either. */
static bool
may_keep(struct pipes *p, const struct pipe *pipe)
{
	if (pipe->held > 0 || p->open_n > p->max)
		return false;
	return loop_op_active(&p->timer) ||
	       loop_timer(p->loop, &p->timer,
		   loop_now_us(p->loop) + PIPES_SHRINK_US, on_shrink) == 0;
}

void
pipes_give(struct pipes *p, struct pipe *pipe)
{
	if (pipe == NULL)
		return;
	if (!may_keep(p, pipe)) {
		close_pipe(p, pipe);
		return;
	}
	SLIST_INSERT_HEAD(&p->idle, pipe, entry);
	p->idle_n++;
}

void
pipes_count(struct pipes *p, size_t n)
{
	if (p->spliced != NULL)
		atomic_store_explicit(p->spliced,
		    atomic_load_explicit(p->spliced, memory_order_relaxed) + n,
		    memory_order_relaxed);
}
