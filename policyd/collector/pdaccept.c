/* Owns the collector's listeners; hands connections on and reads none. */
#include "policyd/collector/pdaccept.h"

#include <errno.h>
#include <string.h>

static void on_accept(struct loop *, struct op *, const struct op_result *);
static void on_pause_over(struct loop *, struct op *, const struct op_result *);

static void
suspend(struct pdaccept *a)
{
	uint32_t i;

	for (i = 0; i < a->listeners_n; i++)
		loop_cancel(a->loop, &a->listeners[i].op);
}

/* Let descriptors come back before taking more. */
static void
pause_all(struct pdaccept *a)
{
	suspend(a);
	/* It is armed already: that needs no memory. */
	(void)loop_timer(a->loop, &a->timer,
	    loop_now_us(a->loop) + PDACCEPT_PAUSE_US, on_pause_over);
}

static void
resume(struct pdaccept *a)
{
	struct pdaccept_listener *l;
	uint32_t i;

	for (i = 0; i < a->listeners_n && !a->held; i++) {
		l = &a->listeners[i];
		if (!loop_op_active(&l->op) &&
		    loop_accept(a->loop, &l->op, l->fd, on_accept) != 0) {
			pause_all(a);
			return;
		}
	}
}

static void
on_pause_over(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct pdaccept *a = container_of(op, struct pdaccept, timer);

	(void)r; /* time is the only news */
	/* Its place has just been left: it fits. */
	(void)loop_timer(loop, op, INT64_MAX, on_pause_over);
	resume(a);
}

static void
on_accept(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct pdaccept_listener *l =
	    container_of(op, struct pdaccept_listener, op);

	(void)loop; /* the listener's owner knows it */
	if (r->res >= 0)
		l->accept->fn(l->accept, r->res);
	else
		pause_all(l->accept);
}

int
pdaccept_start(struct pdaccept *a, struct loop *loop, const int *fds,
    uint32_t n, void (*fn)(struct pdaccept *, int fd))
{
	uint32_t i;
	int error;

	memset(a, 0, sizeof(*a));
	a->loop = loop;
	a->fn = fn;
	error = loop_timer(loop, &a->timer, INT64_MAX, on_pause_over);
	if (error != 0)
		return error;
	for (i = 0; i < n && i < PDCONF_LISTENERS_MAX; i++) {
		a->listeners[i] =
		    (struct pdaccept_listener){.accept = a, .fd = fds[i]};
		a->listeners_n++;
	}
	resume(a);
	return 0;
}

void
pdaccept_hold(struct pdaccept *a, bool hold)
{
	if (hold == a->held)
		return;
	a->held = hold;
	if (hold)
		suspend(a);
	else
		resume(a);
}

void
pdaccept_stop(struct pdaccept *a)
{
	uint32_t i;

	for (i = 0; i < a->listeners_n; i++)
		loop_close(a->loop, a->listeners[i].fd);
	a->listeners_n = 0;
	loop_cancel(a->loop, &a->timer);
}
