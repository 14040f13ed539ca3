/* Owns the listeners of a worker; hands connections on and reads none. */
#include "cagentd/worker/accept.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>

/* Descriptors that are not a client's: channels, table, slabs, listeners. */
#define ACCEPT_FDS_OWN 128

static void on_accept(struct loop *, struct op *, const struct op_result *);

static void
suspend(struct accept *a)
{
	uint32_t i;

	for (i = 0; i < a->listeners_n; i++)
		loop_cancel(a->loop, &a->listeners[i].op);
}

static void on_pause_over(struct loop *, struct op *, const struct op_result *);

/* Always armed, so that a pause needs no memory when there is none. */
static int
arm(struct accept *a, int64_t at_us)
{
	return loop_timer(a->loop, &a->timer, at_us, on_pause_over);
}

static void
on_pause_over(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct accept *a = container_of(op, struct accept, timer);

	(void)loop, (void)r; /* time is the only news */
	/* Its place has just been left: it fits. */
	(void)arm(a, INT64_MAX);
	if (!a->held)
		accept_hold(a, false);
}

/* Let descriptors come back before taking more. */
static void
pause_all(struct accept *a)
{
	suspend(a);
	a->paused(a);
	(void)arm(a, loop_now_us(a->loop) + ACCEPT_PAUSE_US); /* as above */
}

static void
on_accept(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct accept_listener *l =
	    container_of(op, struct accept_listener, op);
	struct accept *a = l->accept;

	(void)loop;
	if (r->res >= 0)
		a->fn(a, r->res, l,
		    (const union net_addr *)(const void *)r->peer);
	else if (r->res != -EINVAL) /* shut down: others are on their way */
		pause_all(a);
}

int
accept_init(struct accept *a, struct loop *loop, accept_fn *fn,
    void (*paused)(struct accept *))
{
	memset(a, 0, sizeof(*a));
	a->loop = loop;
	a->fn = fn;
	a->paused = paused;
	return arm(a, INT64_MAX);
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
	int fd;

	for (i = 0; i < a->listeners_n; i++) {
		while (
		    (fd = loop_take_accepted(a->loop, a->listeners[i].fd)) >= 0)
			a->fn(a, fd, &a->listeners[i], NULL);
		loop_close(a->loop, a->listeners[i].fd);
	}
	a->listeners_n = 0;
}

void
accept_set(struct accept *a, const int *fds,
    const enum settings_listener *kinds, uint32_t n)
{
	uint32_t i;

	accept_stop(a);
	for (i = 0; i < n; i++) {
		a->listeners[i] = (struct accept_listener){.accept = a,
		    .fd = fds[i],
		    .unix_socket = is_unix(fds[i]),
		    .kind = kinds[i]};
	}
	a->listeners_n = n;
	if (!a->held)
		accept_hold(a, false);
}

uint32_t
accept_clients_max(const struct settings *s, uint64_t fds)
{
	uint64_t by_fds = fds > ACCEPT_FDS_OWN * 2 ? (fds - ACCEPT_FDS_OWN) / 2
						   : ACCEPT_FDS_OWN / 2;

	if (s->connections_max > 0 && (uint64_t)s->connections_max < by_fds)
		return (uint32_t)s->connections_max;
	return (uint32_t)by_fds;
}
