/* Owns the listeners of a worker; hands connections on and reads none. */
#include "cagentd/accept.h"

#include <sys/socket.h>

#include <string.h>

#include "base/log.h"

static void on_accept(struct loop *, struct op *, const struct op_result *);

static void
suspend(struct accept *a)
{
	uint32_t i;

	for (i = 0; i < a->listeners_n; i++)
		loop_cancel(a->loop, &a->listeners[i].op);
}

static void
on_pause_over(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct accept *a = container_of(op, struct accept, timer);

	(void)loop, (void)r; /* time is the only news */
	if (!a->held)
		accept_hold(a, false);
}

/* Let descriptors come back before taking more; the timer keeps its place in
 * the loop, so that this needs no memory either. */
static void
pause_all(struct accept *a)
{
	suspend(a);
	a->paused(a);
	if (loop_timer(a->loop, &a->timer,
		loop_now_us(a->loop) + ACCEPT_PAUSE_US, on_pause_over) != 0)
		log_errx("accept: out of memory for a timer");
}

static void
on_accept(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct accept_listener *l =
	    container_of(op, struct accept_listener, op);
	struct accept *a = l->accept;

	(void)loop;
	if (r->res >= 0)
		a->fn(a, r->res, l->unix_socket);
	else
		pause_all(a);
}

void
accept_init(struct accept *a, struct loop *loop, accept_fn *fn,
    void (*paused)(struct accept *))
{
	memset(a, 0, sizeof(*a));
	a->loop = loop;
	a->fn = fn;
	a->paused = paused;
}

void
accept_hold(struct accept *a, bool hold)
{
	struct accept_listener *l;
	uint32_t i;

	a->held = hold;
	if (hold) {
		suspend(a);
		return;
	}
	for (i = 0; i < a->listeners_n; i++) {
		l = &a->listeners[i];
		if (!loop_op_active(&l->op) &&
		    loop_accept(a->loop, &l->op, l->fd, on_accept) != 0) {
			pause_all(a);
			return;
		}
	}
}

static bool
is_unix(int fd)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);

	return getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
	       ss.ss_family == AF_UNIX;
}

void
accept_stop(struct accept *a)
{
	uint32_t i;

	for (i = 0; i < a->listeners_n; i++)
		loop_close(a->loop, a->listeners[i].fd);
	a->listeners_n = 0;
	loop_cancel(a->loop, &a->timer);
}

void
accept_set(struct accept *a, const int *fds, uint32_t n)
{
	uint32_t i;

	accept_stop(a);
	for (i = 0; i < n; i++) {
		a->listeners[i] = (struct accept_listener){
		    .accept = a, .fd = fds[i], .unix_socket = is_unix(fds[i])};
	}
	a->listeners_n = n;
	if (!a->held)
		accept_hold(a, false);
}
