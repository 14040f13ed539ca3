/* Owns what is received by io_uring: who is asked for, who is told, and what
 * is kept while nobody asks.  Sends nothing. */
#include "base/loop_uring.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/loop_impl.h"
#include "base/loop_uring_impl.h"

/* So many full, or short, ones in a row change the size of the buffers. */
#define APPETITE_N 4

void
uring_give_back(struct uring_group *g, uint16_t bid)
{
	io_uring_buf_ring_add(g->ring, g->memory + (size_t)bid * g->size,
	    g->size, bid, (int)g->n - 1, 0);
	io_uring_buf_ring_advance(g->ring, 1);
}

static bool
receives(const struct loop_fd *f, enum op_kind kind)
{
	return f->rx != NULL && f->rx->kind == kind &&
	       (f->ur.bits & UR_CLOSE) == 0;
}

bool
uring_rx_runnable(const struct loop_fd *f)
{
	if (f->rx == NULL || uring_tx_connecting(f))
		return false;
	if (f->ur.kept != NULL || (f->ur.bits & UR_LOST) != 0)
		return true;
	if (f->rx->kind == OP_READABLE && (f->ur.bits & UR_READABLE) != 0)
		return true;
	return (f->ur.bits & UR_RX_END) != 0 && f->rx->kind != OP_POLL;
}

int
uring_start_rx(struct loop *l, struct loop_fd *f)
{
	uring_update(l, f);
	return 0;
}

/* What is asked for a poll or of a listener would come too late: the one has
 * changed by then, and the other has somebody else to serve. */
void
uring_stopped_rx(struct loop *l, struct loop_fd *f, int kind)
{
	if (kind != OP_RECV && f->ur.rx_asked != UR_RX_NONE)
		f->ur.bits |= UR_RX_DROP;
	f->ur.bits &= ~(UR_SHORT | UR_KNOCKED);
	uring_todo(l, f);
}

static int
take_kept(struct loop_fd *f)
{
	struct buf *b = f->ur.kept;
	int fd;

	memcpy(&fd, buf_bytes(b), sizeof(fd));
	buf_consume(b, sizeof(fd));
	if (b->len == 0) {
		buf_free(b);
		f->ur.kept = NULL;
	}
	return fd;
}

int
uring_take_accepted(struct loop *l, struct loop_fd *f)
{
	const struct io_uring *ring = &l->ur->ring;
	struct io_uring_cqe *cqe;
	unsigned int head;

	if ((f->ur.bits & UR_LISTENER) == 0)
		return -EAGAIN;
	if (f->ur.kept != NULL)
		return take_kept(f);
	io_uring_for_each_cqe(ring, head, cqe)
	{
		if (cqe->user_data != uring_user_data(f, URING_ACCEPT) ||
		    cqe->res < 0)
			continue;
		cqe->user_data = URING_NOTHING;
		l->ur->in_kernel--;
		f->ur.rx_asked = UR_RX_NONE;
		f->ur.bits &= ~(UR_RX_DROP | UR_RX_DROPPED);
		return cqe->res;
	}
	return -EAGAIN;
}

void
uring_rx_forget(struct loop *l, struct loop_fd *f)
{
	(void)l;
	while ((f->ur.bits & UR_LISTENER) != 0 && f->ur.kept != NULL)
		close(take_kept(f));
	buf_free(f->ur.kept);
	f->ur.kept = NULL;
	f->ur.bits &= ~(UR_RX_END | UR_READABLE);
}

/* Has a completion come that has not been looked at?  1, 0 (the end), -errno,
 * or -EAGAIN. */
static int
peek_completions(const struct loop *l, const struct loop_fd *f)
{
	const struct io_uring *ring = &l->ur->ring;
	const struct io_uring_cqe *cqe;
	unsigned int head;

	io_uring_for_each_cqe(ring, head, cqe)
	{
		if ((cqe->user_data != uring_user_data(f, URING_RECV) &&
			cqe->user_data !=
			    uring_user_data(f, URING_RECV_LARGE)) ||
		    cqe->res == -ECANCELED || cqe->res == -ENOBUFS)
			continue;
		return cqe->res > 0 ? 1 : cqe->res;
	}
	return -EAGAIN;
}

int
uring_peek(struct loop *l, int fd)
{
	const struct loop_fd *f = loop_fd_find(l, fd);
	int seen = -EAGAIN;
	char byte;
	ssize_t n;

	if (f != NULL && (f->ur.bits & UR_LOST) != 0)
		return f->ur.tx_error;
	if (f != NULL && f->ur.kept != NULL)
		return 1;
	if (f != NULL && (f->ur.bits & UR_RX_END) != 0)
		return f->ur.rx_end;
	if (f != NULL)
		seen = peek_completions(l, f);
	if (seen != -EAGAIN)
		return seen;
	n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return n == -1 ? -errno : (int)n;
}

void
uring_drained(struct loop *l, struct loop_fd *f)
{
	(void)l;
	f->ur.bits &= ~UR_READABLE;
}

static void
end(struct loop_fd *f, int res)
{
	/* Told here if by nobody else: the end is no good one. */
	if (res == 0 && f->ur.tx_error != 0)
		res = f->ur.tx_error;
	f->ur.rx_end = res;
	f->ur.bits |= UR_RX_END;
}

/* 0, or -ENOMEM, which is the end. */
static int
keep(struct loop_fd *f, const void *data, size_t len)
{
	int error = buf_extend(&f->ur.kept, data, len);

	if (error != 0) {
		end(f, error);
		f->ur.bits |= UR_RX_DROP;
	}
	return error;
}

/* Hand out what has been kept; a callback gets no more than it may. */
static void
run_kept(struct loop *l, struct loop_fd *f)
{
	struct buf *b = f->ur.kept;
	uint8_t *data = b->data + b->off;
	size_t n = b->len < LOOP_RECV_USUAL ? b->len : LOOP_RECV_USUAL;

	f->ur.kept = NULL;
	if (n < b->len)
		(void)keep(f, data + n, b->len - n); /* told as the end */
	if (f->rx->kind == OP_RECV)
		loop_more(l, f->rx, (int)n, data);
	else
		loop_finish_with(l, f, f->rx, (int)n, data);
	buf_free(b);
}

static void
run_accepted(struct loop *l, struct loop_fd *f)
{
	const uint32_t gen = f->gen;

	while (f->gen == gen && f->ur.kept != NULL && receives(f, OP_ACCEPT))
		loop_accepted(l, f->rx, take_kept(f), NULL);
}

void
uring_rx_run(struct loop *l, struct loop_fd *f)
{
	int res = 0;

	if ((f->ur.bits & UR_LOST) != 0) {
		loop_finish(l, f, f->rx, f->ur.tx_error);
		return;
	}
	if (f->ur.kept != NULL && f->rx->kind == OP_ACCEPT) {
		run_accepted(l, f);
		return;
	}
	if (f->ur.kept != NULL && f->rx->kind == OP_POLL) {
		loop_more(l, f->rx, POLLIN & f->rx->events, NULL);
		return;
	}
	if (f->ur.kept != NULL) {
		run_kept(l, f);
		return;
	}
	if ((f->ur.bits & UR_RX_END) != 0)
		res = f->ur.rx_end;
	f->ur.bits &= ~UR_RX_END;
	loop_finish(l, f, f->rx, res);
}

static void
change_appetite(struct loop_fd *f)
{
	f->ur.appetite = 0;
	f->ur.bits ^= UR_BULK;
	if (f->ur.rx_asked == UR_RX_RECV)
		f->ur.bits |= UR_RX_DROP;
}

/* Who fills its buffers gets larger ones, and one at a time: so much that a
 * slow reader's flood stays within bounds. */
static void
note_appetite(struct loop_fd *f, const struct uring_group *g, uint32_t n)
{
	bool bulk = (f->ur.bits & UR_BULK) != 0;

	if (bulk ? n <= g->size / 32 : n == g->size)
		f->ur.appetite++;
	else
		f->ur.appetite = 0;
	if (f->ur.appetite >= APPETITE_N)
		change_appetite(f);
}

static void
lend(struct loop *l, struct loop_fd *f, struct uring_group *g, uint16_t bid,
    uint32_t n)
{
	struct loop_uring *u = l->ur;
	uint8_t *data = g->memory + (size_t)bid * g->size;

	u->lent_group = g;
	u->lent = data;
	u->lent_len = n;
	u->lent_bid = bid;
	u->lent_held = false;
	loop_more(l, f->rx, (int)n, data);
	u->lent_group = NULL;
	if (!u->lent_held)
		uring_give_back(g, bid);
}

static void
got_bytes(struct loop *l, struct loop_fd *f, const struct io_uring_cqe *cqe,
    struct uring_group *g)
{
	uint16_t bid = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
	uint32_t n = (uint32_t)cqe->res;

	if (f != NULL)
		note_appetite(f, g, n);
	if (f != NULL && receives(f, OP_RECV) && f->ur.kept == NULL) {
		lend(l, f, g, bid, n);
		return;
	}
	if (f != NULL && (f->ur.bits & UR_CLOSE) == 0)
		(void)keep(f, g->memory + (size_t)bid * g->size, n);
	uring_give_back(g, bid);
}

/* Told at once, if nothing is to be told before. */
static void
tell_end(struct loop *l, struct loop_fd *f, int res)
{
	end(f, res);
	if (uring_rx_runnable(f) && f->ur.kept == NULL)
		uring_rx_run(l, f);
}

static void
received_bytes(struct loop *l, struct loop_fd *f,
    const struct io_uring_cqe *cqe, struct uring_group *g)
{
	const uint32_t gen = f != NULL ? f->gen : 0;

	if ((cqe->flags & IORING_CQE_F_BUFFER) != 0 && cqe->res > 0)
		got_bytes(l, f, cqe, g);
	else if ((cqe->flags & IORING_CQE_F_BUFFER) != 0)
		uring_give_back(
		    g, (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT));
	if (f == NULL || f->gen != gen)
		return;
	switch (-cqe->res) {
	case ECANCELED:
	case ENOBUFS: /* they come back with this turn's callbacks */
	case EINTR:
	case EAGAIN:
		break;
	default:
		if (cqe->res <= 0 && (f->ur.bits & UR_CLOSE) == 0)
			tell_end(l, f, cqe->res);
	}
}

/*
 * The kernel takes a descriptor before it looks whether anybody waits: it is
 * nobody's loss to have none until that has been asked.
 */
static bool
is_unheard(struct loop_fd *f, int res)
{
	bool knocked = (f->ur.bits & UR_KNOCKED) != 0;

	f->ur.bits &= ~UR_KNOCKED;
	if ((res != -EMFILE && res != -ENFILE) || knocked ||
	    !receives(f, OP_ACCEPT))
		return false;
	f->ur.bits |= UR_SHORT;
	return true;
}

static void
accepted(struct loop *l, struct loop_fd *f, int res)
{
	if (f != NULL && is_unheard(f, res))
		return;
	if (res < 0) {
		/* EAGAIN: it was another's, and one more is waited for. */
		if (f != NULL && res != -ECANCELED && res != -EAGAIN &&
		    !loop_accept_goes_on(-res) && receives(f, OP_ACCEPT))
			loop_finish(l, f, f->rx, res);
		return;
	}
	if (f == NULL || (f->ur.bits & UR_CLOSE) != 0)
		close(res);
	else if (receives(f, OP_ACCEPT) && f->ur.kept == NULL)
		loop_accepted(l, f->rx, res,
		    f->ur.peer != NULL ? (struct sockaddr *)&f->ur.peer->addr
				       : NULL);
	else if (keep(f, &res, sizeof(res)) != 0)
		close(res);
}

static void
polled(struct loop *l, struct loop_fd *f, int res, bool dropped)
{
	int events;

	if (f != NULL && !dropped && (f->ur.bits & UR_SHORT) != 0) {
		f->ur.bits ^= UR_SHORT | UR_KNOCKED;
		return;
	}
	if (f == NULL || dropped ||
	    (!receives(f, OP_POLL) && !receives(f, OP_READABLE)))
		return;
	events = f->rx->events | POLLERR | POLLHUP;
	if (res < 0) {
		loop_finish(l, f, f->rx, res);
	} else if (receives(f, OP_POLL) && (res & events) == 0) {
		/* The kernel adds POLLRDHUP to what is asked for: from now on
		 * it tells of changes alone, or this would go round. */
		f->ur.bits |= UR_ODD;
	} else if (receives(f, OP_POLL)) {
		if ((f->ur.bits & UR_ODD) != 0)
			f->ur.bits |= UR_RX_DROP;
		f->ur.bits &= ~UR_ODD;
		loop_more(l, f->rx, res & events, NULL);
	} else {
		f->ur.bits |= UR_READABLE;
		loop_finish(l, f, f->rx, 0);
	}
}

void
uring_received(struct loop *l, struct loop_fd *f,
    const struct io_uring_cqe *cqe, enum uring_what what)
{
	const uint32_t gen = f != NULL ? f->gen : 0;
	bool more = (cqe->flags & IORING_CQE_F_MORE) != 0;
	bool dropped = f != NULL && (f->ur.bits & UR_RX_DROP) != 0;

	if (f != NULL && !more) {
		f->ur.rx_asked = UR_RX_NONE;
		f->ur.bits &= ~(UR_RX_DROP | UR_RX_DROPPED);
	}
	if (what == URING_RECV)
		received_bytes(l, f, cqe, &l->ur->groups[URING_SMALL]);
	else if (what == URING_RECV_LARGE)
		received_bytes(l, f, cqe, &l->ur->groups[URING_LARGE]);
	else if (what == URING_ACCEPT)
		accepted(l, f, cqe->res);
	else
		polled(l, f, cqe->res, dropped);
	if (f != NULL && f->gen == gen &&
	    (!more || (f->ur.bits & UR_RX_DROP) != 0 || f->ur.kept != NULL))
		uring_update(l, f);
}
