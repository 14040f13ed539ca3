/* Owns what the kernel is asked to receive: which request stands for an fd,
 * and when it is taken back.  What comes of it is loop_uring_rx.c's. */
#include "base/loop_uring.h"

#include <sys/socket.h>

#include <poll.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/loop_impl.h"
#include "base/loop_uring_impl.h"

static int
wanted(const struct loop_fd *f)
{
	if (f->rx == NULL || (f->ur.bits & UR_CLOSE) != 0 ||
	    uring_tx_connecting(f))
		return UR_RX_NONE;
	switch ((enum op_kind)f->rx->kind) {
	case OP_ACCEPT:
		return (f->ur.bits & UR_SHORT) != 0 ? UR_RX_POLL : UR_RX_ACCEPT;
	case OP_RECV:
		return UR_RX_RECV;
	case OP_READABLE:
	case OP_POLL:
		return UR_RX_POLL;
	case OP_NONE:
	case OP_CONNECT:
	case OP_SEND:
	case OP_WRITABLE:
	case OP_TIMER:
		break;
	}
	return UR_RX_NONE;
}

/* A receive that nobody owns stays, for the next owner, as long as not too
 * much has come. */
static bool
may_stay(const struct loop_fd *f, int want)
{
	if (f->ur.rx_asked == want)
		return true;
	return f->ur.rx_asked == UR_RX_RECV && want == UR_RX_NONE &&
	       (f->ur.bits & UR_CLOSE) == 0 &&
	       (f->ur.kept == NULL || f->ur.kept->len < URING_KEPT_MAX);
}

static int
what_is_asked(const struct loop_fd *f)
{
	switch (f->ur.rx_asked) {
	case UR_RX_RECV:
		return (f->ur.bits & UR_LARGE) != 0 ? URING_RECV_LARGE
						    : URING_RECV;
	case UR_RX_ACCEPT:
		return URING_ACCEPT;
	default:
		return URING_POLL;
	}
}

static void
ask_recv(struct loop_fd *f, struct io_uring_sqe *sqe)
{
	if ((f->ur.bits & UR_BULK) != 0) {
		io_uring_prep_recv(sqe, f->fd, NULL, LOOP_RECV_MAX, 0);
		sqe->buf_group = URING_LARGE;
		f->ur.bits |= UR_LARGE;
	} else {
		io_uring_prep_recv_multishot(sqe, f->fd, NULL, 0, 0);
		sqe->buf_group = URING_SMALL;
		f->ur.bits &= ~UR_LARGE;
	}
	io_uring_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
}

/*
 * One at a time.  Who waits for more keeps its place in front of the others
 * that share the listener, and gets all connections, busy or not.
 */
static void
ask_accept(struct loop_fd *f, struct io_uring_sqe *sqe)
{
	struct loop_uring_peer *p = f->ur.peer;

	if (p == NULL)
		p = f->ur.peer = malloc(sizeof(*p));
	if (p != NULL)
		p->len = sizeof(p->addr);
	io_uring_prep_accept(sqe, f->fd,
	    p != NULL ? (struct sockaddr *)&p->addr : NULL,
	    p != NULL ? &p->len : NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	f->ur.bits |= UR_LISTENER;
}

static void
ask(struct loop *l, struct loop_fd *f, int want)
{
	struct io_uring_sqe *sqe = uring_ask(l);
	unsigned int events = POLLIN | POLLRDHUP;

	if (want == UR_RX_RECV) {
		ask_recv(f, sqe);
	} else if (want == UR_RX_ACCEPT) {
		ask_accept(f, sqe);
	} else {
		if (f->rx->kind == OP_POLL)
			events = f->rx->events;
		io_uring_prep_poll_add(sqe, f->fd, events);
		if ((f->ur.bits & UR_ODD) != 0)
			sqe->len |= IORING_POLL_ADD_MULTI;
	}
	f->ur.rx_asked = (uint8_t)want;
	uring_about(l, sqe, f, what_is_asked(f));
}

void
uring_rx_reconcile(struct loop *l, struct loop_fd *f)
{
	int want = wanted(f);

	if (f->ur.rx_asked == UR_RX_NONE) {
		if (want != UR_RX_NONE && !uring_rx_runnable(f))
			ask(l, f, want);
		return;
	}
	if (!may_stay(f, want))
		f->ur.bits |= UR_RX_DROP;
	if ((f->ur.bits & (UR_RX_DROP | UR_RX_DROPPED)) != UR_RX_DROP)
		return;
	uring_cancel(l, f, what_is_asked(f));
	f->ur.bits |= UR_RX_DROPPED;
}
