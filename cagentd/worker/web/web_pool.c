/* Owns connections to upstream while no request uses them. */
#include "cagentd/worker/web/web_pool.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void on_age(struct loop *, struct op *, const struct op_result *);

void
web_pool_init(struct web_pool *p, struct loop *loop, uint64_t max)
{
	*p = (struct web_pool){.loop = loop};
	p->max = max < WEB_POOL_MAX ? (uint32_t)max : WEB_POOL_MAX;
	TAILQ_INIT(&p->idle);
}

/* Out of the pool; its stream is the caller's. */
static struct stream
remove_entry(struct web_pool_entry *e)
{
	struct web_pool *p = e->pool;
	struct stream s = e->stream;

	stream_cancel(p->loop, s, &e->watch);
	TAILQ_REMOVE(&p->idle, e, next);
	p->n--;
	if (p->n == 0)
		loop_cancel(p->loop, &p->timer);
	free(e);
	return s;
}

static void
drop(struct web_pool_entry *e)
{
	struct loop *loop = e->pool->loop;

	stream_close(loop, remove_entry(e), false);
}

void
web_pool_clear(struct web_pool *p)
{
	struct web_pool_entry *e;

	while ((e = TAILQ_FIRST(&p->idle)) != NULL)
		drop(e);
}

/* All are kept for the same time, so that the first is the next to go. */
static int
arm(struct web_pool *p)
{
	const struct web_pool_entry *e = TAILQ_FIRST(&p->idle);

	return loop_timer(
	    p->loop, &p->timer, e->since_us + WEB_POOL_IDLE_US, on_age);
}

static void
on_age(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct web_pool *p = container_of(op, struct web_pool, timer);
	int64_t born_us = loop_now_us(loop) - WEB_POOL_IDLE_US;
	struct web_pool_entry *e;

	(void)r; /* time is the only news */
	while ((e = TAILQ_FIRST(&p->idle)) != NULL && e->since_us <= born_us)
		drop(e);
	if (p->n > 0 && arm(p) != 0)
		web_pool_clear(p);
}

/* Its end, or a word that nobody asked for, which might pass for the answer
 * to the next request. */
static void
on_news(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)loop, (void)r;
	drop(container_of(op, struct web_pool_entry, watch));
}

void
web_pool_put(struct web_pool *p, struct stream s, const struct dial_try *t,
    const struct wire_host *host)
{
	struct web_pool_entry *e = NULL;

	if (p->max > 0)
		e = calloc(1, sizeof(*e));
	if (e == NULL) {
		stream_close(p->loop, s, false);
		return;
	}
	if (p->n == p->max)
		drop(TAILQ_FIRST(&p->idle));
	e->pool = p;
	e->stream = s;
	e->direct = t->direct;
	e->bare = t->bare;
	e->hop = t->hop;
	if (!t->bare)
		e->host = *host;
	e->since_us = loop_now_us(p->loop);
	TAILQ_INSERT_TAIL(&p->idle, e, next);
	p->n++;
	if (stream_recv(p->loop, s, &e->watch, on_news) != 0 ||
	    (!loop_op_active(&p->timer) && arm(p) != 0))
		drop(e);
}

static bool
same_host(const struct wire_host *a, const struct wire_host *b)
{
	if (a->kind != b->kind || a->port != b->port)
		return false;
	switch (a->kind) {
	case WIRE_HOST_NONE:
		return false;
	case WIRE_HOST_NAME:
		return strcmp(a->name, b->name) == 0;
	case WIRE_HOST_V4:
		return memcmp(a->ip, b->ip, 4) == 0;
	case WIRE_HOST_V6:
		return memcmp(a->ip, b->ip, 16) == 0;
	}
	return false;
}

static bool
serves(const struct web_pool_entry *e, const struct dial_try *t,
    const struct wire_host *host)
{
	if (e->direct != t->direct || e->bare != t->bare)
		return false;
	if (!t->direct && (e->hop.slot != t->hop.slot ||
			      e->hop.incarnation != t->hop.incarnation))
		return false;
	return t->bare || same_host(&e->host, host);
}

/* Has it neither ended nor said anything?  The loop may not have told yet. */
static bool
is_quiet(struct loop *loop, struct stream s)
{
	return stream_peek(loop, s) == -EAGAIN;
}

struct stream
web_pool_take(
    struct web_pool *p, const struct dial_try *t, const struct wire_host *host)
{
	struct web_pool_entry *e, *before;

	/* The last one is the least likely to be at its end. */
	TAILQ_FOREACH_REVERSE_SAFE(e, &p->idle, web_pool_list, next, before)
	{
		if (!serves(e, t, host))
			continue;
		if (is_quiet(p->loop, e->stream))
			return remove_entry(e);
		drop(e);
	}
	return STREAM_NONE;
}
