/* Owns the epoll backend's view of fds: their registration, what is known of
 * their readiness, and whose turn it is.  Their I/O is loop_epoll_op.c's. */
#include "base/loop_epoll.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/loop_impl.h"
#include "base/mono.h"

#define EVENTS_N 128

/* Of a stream, edge-triggered.  EPOLLOUT is asked for only when a send first
 * blocks: the fresh socket's "writable" would cost a wake-up each. */
#define STREAM_MASK (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET)

static int
epoll_init(struct loop *l)
{
	struct loop_epoll_state *ep = &l->ep;
	int error;

	TAILQ_INIT(&ep->ready);
	ep->lent = malloc(LOOP_RECV_MAX);
	if (ep->lent == NULL)
		return -ENOMEM;
	ep->fd = epoll_create1(EPOLL_CLOEXEC);
	if (ep->fd == -1) {
		error = errno;
		free(ep->lent);
		return -error;
	}
	return 0;
}

static void
epoll_fini(struct loop *l)
{
	close(l->ep.fd);
	free(l->ep.lent);
}

static bool
rx_runnable(const struct loop_fd *f)
{
	return f->rx != NULL && (f->ep.bits & EP_RX) != 0;
}

static bool
tx_runnable(const struct loop_fd *f)
{
	return f->tx != NULL && ((f->ep.bits & EP_TX_DONE) != 0 ||
				    (f->ep.bits & EP_TX_BLOCKED) == 0);
}

static void
dequeue(struct loop *l, struct loop_fd *f)
{
	if ((f->ep.bits & EP_QUEUED) == 0)
		return;
	f->ep.bits &= ~EP_QUEUED;
	TAILQ_REMOVE(&l->ep.ready, f, ep.link);
}

void
loop_epoll_requeue(struct loop *l, struct loop_fd *f)
{
	bool runnable = rx_runnable(f) || tx_runnable(f);

	if (runnable && (f->ep.bits & EP_QUEUED) == 0) {
		f->ep.bits |= EP_QUEUED;
		f->ep.queued_at = l->ep.round;
		TAILQ_INSERT_TAIL(&l->ep.ready, f, ep.link);
	} else if (!runnable) {
		dequeue(l, f);
	}
}

/* The mask for what is under way.  EPOLLERR and EPOLLHUP are implied; said,
 * they keep the mask of a registered fd from being 0. */
static uint32_t
wanted(const struct loop_fd *f)
{
	uint32_t mask = EPOLLERR | EPOLLHUP;
	bool blocked = f->tx != NULL && (f->ep.bits & EP_TX_BLOCKED) != 0;

	if (f->rx != NULL && f->rx->kind == OP_ACCEPT)
		return mask | EPOLLIN | EPOLLEXCLUSIVE;
	if (blocked)
		mask |= EPOLLOUT;
	if (f->rx != NULL && f->rx->kind == OP_POLL)
		return mask | f->rx->events;
	mask |= STREAM_MASK;
	if ((f->ep.mask & EPOLLET) != 0)
		mask |= f->ep.mask & EPOLLOUT;
	return mask;
}

/* A change of the mask makes the kernel report anew what is ready, so that
 * none of the edges is lost. */
int
loop_epoll_watch(struct loop *l, struct loop_fd *f)
{
	struct epoll_event ev;
	uint32_t mask = wanted(f);
	int how = f->ep.mask == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (f->ep.mask == mask)
		return 0;
	ev.events = mask;
	ev.data.u64 = (uint64_t)f->gen << 32 | (uint32_t)f->fd;
	if (epoll_ctl(l->ep.fd, how, f->fd, &ev) == -1)
		return -errno;
	f->ep.mask = mask;
	return 0;
}

void
loop_epoll_unwatch(struct loop *l, struct loop_fd *f)
{
	struct epoll_event none = {0};

	if (f->ep.mask == 0)
		return;
	epoll_ctl(l->ep.fd, EPOLL_CTL_DEL, f->fd, &none);
	f->ep.mask = 0;
}

static void
forget(struct loop *l, struct loop_fd *f)
{
	/* close() unregisters, unless somebody else holds the same file: then
	 * a level-triggered fd would be reported for ever. */
	if ((f->ep.mask & EPOLLET) == 0)
		loop_epoll_unwatch(l, f);
	assert((f->ep.bits & EP_QUEUED) == 0);
	f->ep.mask = 0;
	f->ep.bits = 0;
	f->ep.accept_n = 0;
}

static void
epoll_close(struct loop *l, int fd, struct loop_fd *f, bool reset)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	if (f != NULL)
		forget(l, f);
	loop_epoll_close_soon(l, fd);
}

/* What is taken goes to the kernel at once. */
static size_t
epoll_unsent(const struct loop_fd *f)
{
	(void)f;
	return 0;
}

static void
epoll_flush(struct loop *l)
{
	(void)l;
}

static void
epoll_shutdown(struct loop *l, int fd)
{
	(void)l;
	/* Fails only when the peer is gone, which the reader learns. */
	shutdown(fd, SHUT_WR);
}

static int
epoll_peek(struct loop *l, int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	(void)l;
	return n == -1 ? -errno : (int)n;
}

static void
epoll_drained(struct loop *l, struct loop_fd *f)
{
	f->ep.bits &= ~EP_RX;
	loop_epoll_requeue(l, f);
}

/* What has come waits in the kernel, for whoever accepts next. */
static int
epoll_take_accepted(struct loop *l, struct loop_fd *f)
{
	(void)l, (void)f;
	return -EAGAIN;
}

static void
epoll_full(struct loop *l, struct loop_fd *f)
{
	f->ep.bits |= EP_TX_BLOCKED;
	loop_epoll_requeue(l, f);
}

/*
 * A callback may cancel, close, and start anew on the same fd number: after
 * each one only f itself is looked at, and only while it is the same file.
 * Connect goes first, or recv would take the error that is connect's; send
 * goes last, or it would take the one that follows the data received.  What
 * a callback started has queued f anew; it is run here and now, and nothing
 * that runs is in the queue.
 */
static void
run_fd(struct loop *l, struct loop_fd *f)
{
	const uint32_t gen = f->gen;
	bool connecting = f->tx != NULL && f->tx->kind == OP_CONNECT;

	if (connecting && tx_runnable(f))
		loop_epoll_run_connect(l, f);
	if (f->gen == gen && rx_runnable(f)) {
		dequeue(l, f);
		loop_epoll_run_rx(l, f);
	}
	if (f->gen == gen && !connecting && tx_runnable(f) &&
	    f->tx->kind != OP_CONNECT) {
		dequeue(l, f);
		loop_epoll_run_tx(l, f);
	}
	if (f->gen == gen)
		loop_epoll_requeue(l, f);
}

/* What was queued before this round; what is queued in it waits. */
static void
run_ready(struct loop *l)
{
	struct loop_fd *f;

	l->ep.round++;
	l->ep.running = true;
	while ((f = TAILQ_FIRST(&l->ep.ready)) != NULL &&
	       f->ep.queued_at != l->ep.round) {
		TAILQ_REMOVE(&l->ep.ready, f, ep.link);
		f->ep.bits &= ~EP_QUEUED;
		run_fd(l, f);
	}
	l->ep.running = false;
	loop_epoll_close_all(l);
}

static void
note_level(struct loop *l, struct loop_fd *f, uint32_t events)
{
	uint32_t asked;

	if (f->rx != NULL && f->rx->kind == OP_ACCEPT) {
		f->ep.bits |= EP_RX;
	} else if (f->rx != NULL && f->rx->kind == OP_POLL) {
		asked = f->rx->events | EPOLLERR | EPOLLHUP;
		f->ep.revents = (uint16_t)(events & asked);
		if (f->ep.revents != 0)
			f->ep.bits |= EP_RX;
	}
	loop_epoll_requeue(l, f);
	if ((f->ep.bits & EP_QUEUED) != 0)
		return;
	/* Reported for nobody, and would be again and again. */
	if ((f->rx == NULL && f->tx == NULL) || loop_epoll_watch(l, f) != 0)
		loop_epoll_unwatch(l, f);
}

static void
note_edge(struct loop *l, struct loop_fd *f, uint32_t events)
{
	if ((events & ~(uint32_t)EPOLLOUT) != 0)
		f->ep.bits |= EP_RX;
	loop_epoll_requeue(l, f);
}

static void
note(struct loop *l, const struct epoll_event *ev)
{
	struct loop_fd *f = loop_fd_find(l, (int)(uint32_t)ev->data.u64);

	if (f == NULL || f->gen != (uint32_t)(ev->data.u64 >> 32))
		return;
	if ((ev->events & (EPOLLERR | EPOLLHUP)) != 0)
		f->ep.bits |= EP_ERROR | EP_ODD;
	if ((ev->events & (EPOLLRDHUP | EPOLLPRI)) != 0)
		f->ep.bits |= EP_ODD;
	if ((ev->events & (EPOLLRDHUP | EPOLLPRI | EPOLLERR)) == EPOLLRDHUP)
		f->ep.bits |= EP_ENDS;
	else
		f->ep.bits &= ~EP_ENDS;
	if ((ev->events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
		f->ep.bits &= ~EP_TX_BLOCKED;
	if ((f->ep.mask & EPOLLET) != 0)
		note_edge(l, f, ev->events);
	else
		note_level(l, f, ev->events);
}

static int
wait_ms(int64_t wait_us)
{
	int64_t ms = wait_us / 1000 + (wait_us % 1000 != 0);

	if (wait_us < 0)
		return -1;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

static int
epoll_turn(struct loop *l, int64_t wait_us)
{
	struct epoll_event events[EVENTS_N];
	int i, n;

	if (!TAILQ_EMPTY(&l->ep.ready))
		wait_us = 0;
	n = epoll_wait(l->ep.fd, events, EVENTS_N, wait_ms(wait_us));
	if (n == -1 && errno != EINTR)
		return -errno;
	l->now_us = mono_us();
	for (i = 0; i < n; i++)
		note(l, &events[i]);
	run_ready(l);
	return 0;
}

const struct loop_backend loop_epoll = {.name = "epoll",
    .init = epoll_init,
    .fini = epoll_fini,
    .start_rx = loop_epoll_start_rx,
    .start_tx = loop_epoll_start_tx,
    .start_connect = loop_epoll_start_connect,
    .stopped_rx = loop_epoll_stopped_rx,
    .stopped_tx = loop_epoll_stopped_tx,
    .send_now = loop_epoll_send_now,
    .unsent = epoll_unsent,
    .shutdown = epoll_shutdown,
    .peek = epoll_peek,
    .drained = epoll_drained,
    .take_accepted = epoll_take_accepted,
    .full = epoll_full,
    .close = epoll_close,
    .turn = epoll_turn,
    .flush = epoll_flush};
