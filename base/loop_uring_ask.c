/* Owns what the kernel is asked to receive and to send: which request stands
 * for an fd, and when it is taken back.  What comes of it is known to
 * loop_uring_rx.c and loop_uring_tx.c. */
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
		io_uring_prep_recv(sqe, f->fd, NULL, LOOP_RECV_USUAL, 0);
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

/* Is nothing done when it has been sent? */
static bool
nobody_waits(const struct loop_fd *f)
{
	const struct loop_uring_out *out = f->ur.out;

	return f->tx == NULL && out->next == NULL && !out->dead &&
	       (f->ur.bits & (UR_SHUT | UR_CLOSE)) == 0;
}

/*
 * MSG_DONTWAIT, so that it has ended when the kernel returns: one that waits
 * in io_uring for a peer that has half-closed goes round and round, and ends
 * in a thread of its own.  MSG_WAITALL, so that a part of it is no success.
 */
static void
ask_send(struct loop *l, struct loop_fd *f)
{
	const struct loop_uring_out *out = f->ur.out;
	struct io_uring_sqe *sqe = uring_ask(l);

	io_uring_prep_send(sqe, f->fd,
	    out->buf != NULL ? buf_bytes(out->buf) : out->data, out->len,
	    MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL);
	uring_about(l, sqe, f, URING_SEND);
	f->ur.tx_asked = UR_TX_SEND;
	if (!nobody_waits(f))
		return;
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
	f->ur.bits |= UR_UNSAID;
	STAILQ_INSERT_TAIL(&l->ur->unsaid, f, ur.unsaid);
}

static void
ask_connect(struct loop *l, struct loop_fd *f)
{
	struct io_uring_sqe *sqe = uring_ask(l);

	io_uring_prep_connect(
	    sqe, f->fd, (const struct sockaddr *)f->ur.addr, f->ur.addr_len);
	uring_about(l, sqe, f, URING_CONNECT);
	f->ur.tx_asked = UR_TX_CONNECT;
}

/* Of changes, again and again: the level would tell of the peer's end for
 * ever, which is of no interest here. */
static void
ask_room(struct loop *l, struct loop_fd *f)
{
	struct io_uring_sqe *sqe = uring_ask(l);

	io_uring_prep_poll_multishot(sqe, f->fd, POLLOUT);
	uring_about(l, sqe, f, URING_POLL_OUT);
	f->ur.bits |= UR_OUT;
}

void
uring_tx_reconcile(struct loop *l, struct loop_fd *f)
{
	bool full = (f->ur.bits & UR_FULL) != 0;

	if ((f->ur.bits & (UR_TX_DROP | UR_TX_DROPPED)) == UR_TX_DROP) {
		uring_cancel(l, f, URING_CONNECT);
		f->ur.bits |= UR_TX_DROPPED;
	}
	if (f->ur.tx_asked != UR_TX_NONE)
		return;
	if (f->ur.addr != NULL)
		ask_connect(l, f);
	else if (f->ur.out != NULL && !full)
		ask_send(l, f);
	else if (full && (f->ur.bits & UR_OUT) == 0 &&
		 (f->ur.out != NULL || f->tx != NULL))
		ask_room(l, f);
}
