/* Owns the order of a loop's timers; reads no clock and calls nobody back. */
#include "base/loop_timer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/loop.h"

#define ARITY	4
#define CAP_MIN 64
#define CAP_MAX (UINT32_MAX / 8)

static void
place(struct loop_timers *t, uint32_t i, struct op *op)
{
	t->heap[i] = op;
	op->slot = i + 1;
}

static void
sift_up(struct loop_timers *t, uint32_t i, struct op *op)
{
	uint32_t parent;

	while (i > 0) {
		parent = (i - 1) / ARITY;
		if (t->heap[parent]->at_us <= op->at_us)
			break;
		place(t, i, t->heap[parent]);
		i = parent;
	}
	place(t, i, op);
}

static uint32_t
soonest_child(const struct loop_timers *t, uint32_t i)
{
	uint32_t c = i * ARITY + 1, best = c, k;

	for (k = 1; k < ARITY && c + k < t->n; k++) {
		if (t->heap[c + k]->at_us < t->heap[best]->at_us)
			best = c + k;
	}
	return best;
}

static void
sift_down(struct loop_timers *t, uint32_t i, struct op *op)
{
	uint32_t child;

	while (i * ARITY + 1 < t->n) {
		child = soonest_child(t, i);
		if (op->at_us <= t->heap[child]->at_us)
			break;
		place(t, i, t->heap[child]);
		i = child;
	}
	place(t, i, op);
}

static void
sift(struct loop_timers *t, uint32_t i, struct op *op)
{
	if (i > 0 && op->at_us < t->heap[(i - 1) / ARITY]->at_us)
		sift_up(t, i, op);
	else
		sift_down(t, i, op);
}

static int
grow(struct loop_timers *t)
{
	uint32_t cap = t->cap > 0 ? t->cap * 2 : CAP_MIN;
	struct op **heap;

	if (cap > CAP_MAX)
		return -ENOMEM;
	heap = reallocarray(t->heap, cap, sizeof(struct op *));
	if (heap == NULL)
		return -ENOMEM;
	t->heap = heap;
	t->cap = cap;
	return 0;
}

void
loop_timers_fini(struct loop_timers *t)
{
	free(t->heap);
	t->heap = NULL;
	t->n = t->cap = 0;
}

int
loop_timers_set(struct loop_timers *t, struct op *op, int64_t at_us)
{
	if (op->slot == 0) {
		if (t->n == t->cap && grow(t) != 0)
			return -ENOMEM;
		op->slot = ++t->n;
	}
	assert(op->slot <= t->n);
	op->at_us = at_us;
	sift(t, op->slot - 1, op);
	return 0;
}

void
loop_timers_remove(struct loop_timers *t, struct op *op)
{
	uint32_t i = op->slot - 1;
	struct op *last;

	assert(op->slot > 0 && op->slot <= t->n && t->heap[i] == op);
	op->slot = 0;
	last = t->heap[--t->n];
	if (last != op)
		sift(t, i, last);
}

struct op *
loop_timers_first(const struct loop_timers *t)
{
	return t->n > 0 ? t->heap[0] : NULL;
}
