/* Owns when dials that wait for full intermediaries are looked at; their order
 * is admit.c's, and what they do then dial.c's. */
#include "cagentd/worker/dial/dial_wait.h"

#include <errno.h>
#include <string.h>

#include "cagentd/worker/dial/dial_steps.h"

static void on_look(struct loop *, struct op *, const struct op_result *);

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Without it they are looked at when the next connection ends. */
static void
arm(struct dial_queue *q, int64_t at_us)
{
	(void)loop_timer(q->loop, &q->timer, at_us, on_look);
}

void
dial_queue_init(struct dial_queue *q, struct loop *loop, struct slab *own,
    struct slab *const *slabs, uint32_t slabs_n)
{
	*q = (struct dial_queue){.loop = loop};
	admit_init(&q->admit, own, slabs, slabs_n);
}

void
dial_queue_left(void *queue)
{
	struct dial_queue *q = queue;

	if (TAILQ_EMPTY(&q->admit.places) || q->hurried)
		return;
	q->hurried = true;
	arm(q, loop_now_us(q->loop));
}

void
dial_queue_drain(struct dial_queue *q)
{
	q->draining = true;
	dial_queue_left(q);
}

void
dial_queue_fini(struct dial_queue *q)
{
	loop_cancel(q->loop, &q->timer);
}

const struct settings_class *
dial_wait_class(const struct dial *d)
{
	uint32_t class = d->verdict.class;

	return &d->settings->classes
		    [class < d->settings->classes_n ? class : CLASS_NORMAL];
}

static struct slab_class *
counters(const struct dial *d)
{
	return &d->env->record->slab->classes[d->verdict.class % SLAB_CLASSES];
}

/* Of steps before the ranked, the next one is taken instead. */
static void
refused(const struct dial *d, enum slab_full why)
{
	if (d->chose == TABLE_RANKED)
		slab_add(&counters(d)->refused_full[why], 1);
}

bool
dial_wait(struct dial *d, dial_waited_fn *done)
{
	struct dial_queue *q = d->env->queue;
	const struct settings_class *c = dial_wait_class(d);
	int64_t now = loop_now_us(d->env->loop);

	if (c->when_full == FULL_REFUSE) {
		refused(d, SLAB_FULL_AT_ONCE);
		return false;
	}
	if (q->draining || admit_enter(&q->admit, &d->place, d->verdict.class,
			       c, d->full.slots) != 0) {
		refused(d, SLAB_FULL_QUEUE);
		return false;
	}
	d->place.since_us = now;
	d->place.until_us =
	    least(now + c->queue_wait_ms * 1000, d->deadline_us);
	d->waited = done;
	if (!loop_op_active(&q->timer)) {
		q->look_us = now + DIAL_WAIT_LOOK_US;
		arm(q, least(q->look_us, d->place.until_us));
	}
	return true;
}

void
dial_wait_leave(struct dial *d)
{
	if (d->place.waiting)
		admit_leave(&d->env->queue->admit, &d->place);
}

void
dial_wait_ask(struct dial *d)
{
	if (d->env->queue != NULL)
		admit_ask(&d->env->queue->admit, dial_wait_class(d)->priority,
		    &d->place);
}

void
dial_wait_asked(struct dial *d)
{
	if (d->env->queue != NULL)
		admit_asked(&d->env->queue->admit);
}

/* What those who go before wait for still. */
struct ahead {
	uint64_t slots[ADMIT_SLOTS];
};

static bool
is_behind(const struct ahead *ahead, const struct admit_place *p)
{
	uint32_t i;

	for (i = 0; i < ADMIT_SLOTS; i++) {
		if ((p->slots[i] & ~ahead->slots[i]) != 0)
			return false;
	}
	return true;
}

static void
stays(struct dial *d, struct ahead *ahead)
{
	uint32_t i;

	admit_move(&d->env->queue->admit, &d->place, d->full.slots);
	for (i = 0; i < ADMIT_SLOTS; i++)
		ahead->slots[i] |= d->full.slots[i];
}

static void
look_at(struct dial *d, int64_t now_us, struct ahead *ahead)
{
	struct dial_queue *q = d->env->queue;
	int64_t since_us = d->place.since_us;
	struct path_pick pick;
	int error = -ETIMEDOUT;

	if (!q->draining && now_us < d->place.until_us)
		error = dial_steps_choose(d, d->chose, &pick);
	if (error == -EBUSY) {
		stays(d, ahead);
		return;
	}
	admit_leave(&q->admit, &d->place);
	if (error == -ETIMEDOUT)
		refused(d, q->draining ? SLAB_FULL_QUEUE : SLAB_FULL_LATE);
	if (error == 0) {
		slab_add(&counters(d)->admitted, 1);
		hist_add(&counters(d)->waited, now_us - since_us);
	}
	d->waited(d, error, &pick);
}

static void
on_look(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct dial_queue *q = container_of(op, struct dial_queue, timer);
	int64_t now = loop_now_us(loop), soonest;
	bool all = now >= q->look_us;
	struct ahead ahead = {{0}};
	struct admit_place *p;

	(void)r; /* time is the only news */
	q->hurried = false;
	if (all)
		q->look_us = now + DIAL_WAIT_LOOK_US;
	for (p = admit_first(&q->admit); p != NULL; p = admit_next(&q->admit)) {
		/* A connection's end is nothing to those behind others. */
		if (all || q->draining || now >= p->until_us ||
		    !is_behind(&ahead, p))
			look_at(
			    container_of(p, struct dial, place), now, &ahead);
	}
	soonest = admit_soonest_us(&q->admit);
	if (soonest != INT64_MAX && !q->hurried)
		arm(q, least(q->look_us, soonest));
}
