/* Writes down what happened on a path; decides nothing. */
#include "cagentd/worker/record.h"

#include <unistd.h>

#include "base/mono.h"

static void
forget_avoided(struct record *r)
{
	if (r->memo != NULL)
		path_memo_clear(r->memo);
}

static struct path_load *
load(struct record *r, struct record_hop h)
{
	struct path_load *l = &r->loads[h.slot];

	if (l->incarnation != h.incarnation) {
		*l = (struct path_load){.incarnation = h.incarnation};
		forget_avoided(r);
	}
	return l;
}

/* Only a new attempt may start the row afresh. */
struct slab_row *
record_row(struct record *r, struct record_hop h)
{
	struct slab_row *s = &r->slab->rows[h.slot];

	return atomic_load_explicit(&s->incarnation, memory_order_relaxed) ==
		       h.incarnation
		   ? s
		   : NULL;
}

void
record_enter(struct record *r, struct record_hop h)
{
	struct slab_row *s = slab_row(r->slab, h.slot, h.incarnation);

	if (s == NULL)
		return;
	load(r, h)->in_flight++;
	slab_up(&s->in_flight);
	slab_add(&s->attempts, 1);
}

void
record_leave(struct record *r, struct record_hop h)
{
	struct path_load *l = &r->loads[h.slot];
	struct slab_row *s = record_row(r, h);

	if (l->incarnation == h.incarnation && l->in_flight > 0)
		l->in_flight--;
	if (s != NULL)
		slab_down(&s->in_flight);
	if (r->left != NULL)
		r->left(r->arg);
}

void
record_trial(struct record *r, struct record_hop h, int64_t now_us)
{
	struct path_load *l = load(r, h);

	l->trials++;
	l->trial_us = now_us + PATH_TRIAL_GAP_US;
}

void
record_trial_over(struct record *r, struct record_hop h)
{
	struct path_load *l = &r->loads[h.slot];

	if (l->incarnation == h.incarnation && l->trials > 0)
		l->trials--;
}

void
record_ok(struct record *r, struct record_hop h, int64_t connect_us,
    int64_t handshake_us, int64_t stood_us)
{
	struct slab_row *s = record_row(r, h);
	struct path_load *l;
	bool avoided;

	if (s == NULL)
		return;
	l = load(r, h);
	avoided = l->avoid_until_us != 0;
	path_load_ok(l, handshake_us, stood_us);
	if (avoided && l->avoid_until_us == 0)
		forget_avoided(r);
	slab_add(&s->successes, 1);
	hist_add(&s->connect, connect_us);
	hist_add(&s->handshake, handshake_us);
	atomic_store_explicit(&s->failures_in_row, 0, memory_order_relaxed);
	atomic_store_explicit(
	    &s->last_ok_us, mono_wall_us(), memory_order_relaxed);
}

void
record_ok_again(struct record *r, struct record_hop h)
{
	struct slab_row *s = record_row(r, h);

	if (s == NULL)
		return;
	slab_add(&s->successes, 1);
	atomic_store_explicit(
	    &s->last_ok_us, mono_wall_us(), memory_order_relaxed);
}

static void
wake(const struct record *r)
{
	const uint64_t one = 1;
	ssize_t n;

	if (r->wake_fd == -1)
		return;
	n = write(r->wake_fd, &one, sizeof(one));
	(void)n; /* a full eventfd is awake already */
}

void
record_failed(struct record *r, struct record_hop h, enum wire_reason reason,
    bool charged, int64_t now_us)
{
	struct slab_row *s = record_row(r, h);

	if (s == NULL)
		return;
	slab_add(&s->failures[reason % SLAB_REASONS], 1);
	if (!charged)
		return;
	path_load_failed(load(r, h), now_us);
	slab_add(&s->charged, 1);
	slab_up(&s->failures_in_row);
	atomic_store_explicit(&s->last_failure, reason, memory_order_relaxed);
	atomic_store_explicit(
	    &s->last_failure_us, mono_wall_us(), memory_order_relaxed);
	wake(r);
}

void
record_outrun(
    struct record *r, struct record_hop h, int64_t waited_us, int64_t now_us)
{
	struct slab_row *s = record_row(r, h);

	if (s == NULL)
		return;
	path_load_slow(load(r, h), waited_us, now_us);
	slab_add(&s->hedged, 1);
}

void
record_first_byte(struct record *r, struct record_hop h, int64_t us)
{
	struct slab_row *s = record_row(r, h);

	if (s != NULL)
		hist_add(&s->first_byte, us);
}

void
record_bytes(struct record *r, struct record_hop h, uint64_t up, uint64_t down)
{
	struct slab_row *s = record_row(r, h);

	if (s == NULL)
		return;
	slab_add(&s->bytes_up, up);
	slab_add(&s->bytes_down, down);
}
