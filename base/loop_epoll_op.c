/* Owns the system calls of the epoll backend's ops, and what their results
 * mean; when to make them is loop_epoll.c's. */
#include "base/loop_epoll.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/loop_impl.h"

#define ACCEPT_N_MAX 16 /* connections a turn */
/* Who has filled so many receives in a row gets larger ones. */
#define FULL_N 4

int
loop_epoll_start_rx(struct loop *l, struct loop_fd *f)
{
	int error;

	if (f->rx->kind == OP_POLL)
		f->ep.bits &= ~EP_RX; /* of an earlier poll's events */
	error = loop_epoll_watch(l, f);
	if (error != 0)
		return error;
	loop_epoll_requeue(l, f);
	return 0;
}

void
loop_epoll_stopped_rx(struct loop *l, struct loop_fd *f, int kind)
{
	/* A listener that nobody accepts from must not be woken: the wake-up
	 * would be lost to the other processes that share it. */
	if (kind == OP_ACCEPT) {
		loop_epoll_unwatch(l, f);
		f->ep.bits &= ~EP_RX;
	}
	loop_epoll_requeue(l, f);
}

void
loop_epoll_stopped_tx(struct loop *l, struct loop_fd *f, int kind)
{
	(void)kind;
	f->ep.bits &= ~EP_TX_DONE;
	loop_epoll_requeue(l, f);
}

static void
tx_done(struct loop_fd *f, int res)
{
	f->ep.tx_res = res;
	f->ep.bits |= EP_TX_DONE;
}

int
loop_epoll_start_connect(struct loop *l, struct loop_fd *f,
    const struct sockaddr *sa, socklen_t sa_len)
{
	int error;

	if (connect(f->fd, sa, sa_len) == 0) {
		tx_done(f, 0);
	} else if (errno == EINPROGRESS || errno == EINTR) {
		f->ep.bits |= EP_TX_BLOCKED;
		error = loop_epoll_watch(l, f);
		if (error != 0)
			return error;
	} else {
		tx_done(f, -errno);
	}
	loop_epoll_requeue(l, f);
	return 0;
}

/* Sent bytes, 0 if it would block, or -errno; keeps EP_TX_BLOCKED. */
static ssize_t
send_some(struct loop_fd *f, const void *data, size_t len)
{
	ssize_t n;

	do
		n = send(f->fd, data, len, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	if (n == -1 && errno != EAGAIN)
		return -errno;
	if (n == -1)
		n = 0;
	/* The kernel took less because it is full: it will say when not. */
	if ((size_t)n < len)
		f->ep.bits |= EP_TX_BLOCKED;
	return n;
}

/* Send what the kernel takes of f->tx's buffer.  On return there is a result,
 * or the send is blocked. */
static void
send_out(struct loop_fd *f)
{
	struct buf *b = f->tx->out;
	ssize_t n;

	n = send_some(f, buf_bytes(b), b->len);
	if (n < 0) {
		tx_done(f, (int)n);
		return;
	}
	f->ep.tx_res += (int)n;
	buf_consume(b, (size_t)n);
	if (b->len == 0)
		tx_done(f, f->ep.tx_res);
}

int
loop_epoll_start_tx(struct loop *l, struct loop_fd *f)
{
	bool writable = f->tx->kind == OP_WRITABLE;
	int error;

	f->ep.tx_res = 0;
	if ((writable && (f->ep.bits & EP_TX_BLOCKED) == 0) ||
	    (!writable && f->tx->out->len == 0))
		tx_done(f, 0);
	else if (!writable && (f->ep.bits & EP_TX_BLOCKED) == 0)
		send_out(f);
	if ((f->ep.bits & EP_TX_DONE) == 0) {
		error = loop_epoll_watch(l, f);
		if (error != 0)
			return error;
	}
	loop_epoll_requeue(l, f);
	return 0;
}

ssize_t
loop_epoll_send_now(struct loop *l, int fd, const void *data, size_t len)
{
	struct loop_fd unknown = {.fd = fd}, *f = loop_fd_find(l, fd);

	if (f == NULL)
		f = &unknown;
	/* Known to be full only if the kernel has been asked to say when not.
	 */
	if (len == 0 ||
	    ((f->ep.bits & EP_TX_BLOCKED) != 0 && (f->ep.mask & EPOLLOUT) != 0))
		return 0;
	return send_some(f, data, len);
}

void
loop_epoll_run_connect(struct loop *l, struct loop_fd *f)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if ((f->ep.bits & EP_TX_DONE) != 0)
		error = -f->ep.tx_res;
	else if ((f->ep.bits & EP_ERROR) != 0 &&
		 getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	f->ep.bits &= ~EP_TX_DONE;
	loop_finish(l, f, f->tx, -error);
}

void
loop_epoll_run_tx(struct loop *l, struct loop_fd *f)
{
	int error;

	if (f->tx->kind == OP_WRITABLE)
		tx_done(f, 0);
	else if ((f->ep.bits & EP_TX_DONE) == 0)
		send_out(f);
	if ((f->ep.bits & EP_TX_DONE) == 0) {
		error = loop_epoll_watch(l, f);
		if (error == 0)
			return;
		tx_done(f, error);
	}
	f->ep.bits &= ~EP_TX_DONE;
	loop_finish(l, f, f->tx, f->ep.tx_res);
}

/* Of TCP, when its end was in sight before it was read short: all was read,
 * and what it would say next need not be asked for. */
static bool
is_read_out(const struct loop_fd *f)
{
	return (f->ep.bits & EP_ENDS) != 0 && f->prompt != PROMPT_NONE;
}

static void
note_full(struct loop_fd *f, bool full)
{
	if (!full)
		f->ep.full_n = 0;
	else if (f->ep.full_n < FULL_N)
		f->ep.full_n++;
}

static void
run_recv(struct loop *l, struct loop_fd *f)
{
	size_t room = f->ep.full_n < FULL_N ? LOOP_RECV_USUAL : LOOP_RECV_MAX;
	ssize_t n = recv(f->fd, l->ep.lent, room, 0);
	const uint32_t gen = f->gen;
	int error = errno;
	bool drained, ended;

	if (n == -1 && error == EAGAIN)
		f->ep.bits &= ~EP_RX;
	if (n == -1 && (error == EAGAIN || error == EINTR))
		return;
	if (n <= 0) {
		loop_finish(l, f, f->rx, n == 0 ? 0 : -error);
		return;
	}
	/* Short is drained, but not at the end: there a unix socket stops
	 * short behind passed fds, with nothing to come that tells of it. */
	drained = (size_t)n < room;
	if (drained && (f->ep.bits & EP_ODD) == 0)
		f->ep.bits &= ~EP_RX;
	ended = drained && is_read_out(f);
	note_full(f, n >= LOOP_RECV_USUAL);
	loop_more(l, f->rx, (int)n, l->ep.lent);
	/* What the callback has begun is queued, and comes to the end by
	 * itself. */
	if (ended && f->gen == gen && (f->ep.bits & EP_QUEUED) == 0 &&
	    f->rx != NULL && f->rx->kind == OP_RECV)
		loop_finish(l, f, f->rx, 0);
}

static void
run_poll(struct loop *l, struct loop_fd *f)
{
	f->ep.bits &= ~EP_RX;
	loop_more(l, f->rx, f->ep.revents, NULL);
}

/* How many to accept: one, so that a lone connection costs no second call
 * that finds nothing; more as long as more keep waiting. */
static int
accept_budget(const struct loop *l, const struct loop_fd *f)
{
	int n = f->ep.accept_n * 2;

	if (n == 0 || f->ep.accepted_at + 1 != l->ep.round)
		return 1;
	return n < ACCEPT_N_MAX ? n : ACCEPT_N_MAX;
}

static void
run_accept(struct loop *l, struct loop_fd *f)
{
	const uint32_t gen = f->gen;
	int budget = accept_budget(l, f), left, fd, error;
	/* Of no more use than getpeername(2), but for nothing. */
	union {
		struct sockaddr sa;
		struct sockaddr_storage any;
	} peer;
	socklen_t len;

	f->ep.bits &= ~EP_RX;
	f->ep.accepted_at = l->ep.round;
	f->ep.accept_n = (uint8_t)budget;
	for (left = budget; left > 0; left--) {
		len = sizeof(peer);
		fd = accept4(
		    f->fd, &peer.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		error = errno;
		if (fd == -1 && loop_accept_goes_on(error))
			continue;
		if (fd == -1 && error == EAGAIN) {
			f->ep.accept_n = 0;
			return;
		}
		if (fd == -1 && loop_epoll_close_all(l))
			continue; /* there may be one free now */
		/* Nobody need be waiting still; who is, is reported again. */
		if (fd == -1 && left < budget)
			return;
		if (fd == -1) {
			loop_epoll_unwatch(l, f);
			loop_finish(l, f, f->rx, -error);
			return;
		}
		loop_accepted(l, f->rx, fd, &peer.sa);
		if (f->gen != gen || f->rx == NULL || f->rx->kind != OP_ACCEPT)
			return;
	}
}

void
loop_epoll_run_rx(struct loop *l, struct loop_fd *f)
{
	switch ((enum op_kind)f->rx->kind) {
	case OP_ACCEPT:
		run_accept(l, f);
		return;
	case OP_RECV:
		run_recv(l, f);
		return;
	case OP_POLL:
		run_poll(l, f);
		return;
	case OP_READABLE:
		loop_finish(l, f, f->rx, 0);
		return;
	case OP_NONE:
	case OP_CONNECT:
	case OP_SEND:
	case OP_WRITABLE:
	case OP_TIMER:
		return;
	}
}
