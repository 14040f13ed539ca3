/* Owns what is sent and connected by io_uring: what was taken, its order, and
 * what became of it.  Receives nothing. */
#include "base/loop_uring.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/loop_impl.h"
#include "base/loop_uring_impl.h"

/* So much is worth a buffer of the ring; less is copied. */
#define HOLD_MIN 1024

bool
uring_tx_connecting(const struct loop_fd *f)
{
	return f->tx != NULL && f->tx->kind == OP_CONNECT;
}

bool
uring_tx_runnable(const struct loop_fd *f)
{
	if (f->tx == NULL)
		return false;
	if ((f->ur.bits & UR_TX_DONE) != 0)
		return true;
	return f->tx->kind == OP_WRITABLE && (f->ur.bits & UR_FULL) == 0 &&
	       f->ur.out == NULL;
}

void
uring_tx_run(struct loop *l, struct loop_fd *f)
{
	int res = (f->ur.bits & UR_TX_DONE) != 0 ? f->ur.tx_res : 0;

	f->ur.bits &= ~UR_TX_DONE;
	loop_finish(l, f, f->tx, res);
}

static void
done(struct loop_fd *f, int res)
{
	f->ur.tx_res = res;
	f->ur.bits |= UR_TX_DONE;
}

void
uring_out_free(struct loop_uring_out *out)
{
	if (out->buf == NULL && out->group != NULL) {
		uring_give_back(out->group, out->bid);
		out->group->held--;
	}
	buf_free(out->buf);
	free(out);
}

static struct loop_uring_out *
out_new(void)
{
	return calloc(1, sizeof(struct loop_uring_out));
}

static void
append(struct loop_fd *f, struct loop_uring_out *out)
{
	struct loop_uring_out **end = &f->ur.out;

	while (*end != NULL)
		end = &(*end)->next;
	*end = out;
}

/* Has the kernel got the first of what is to be sent? */
static bool
sending(const struct loop_fd *f)
{
	return f->ur.tx_asked == UR_TX_SEND;
}

int
uring_start_tx(struct loop *l, struct loop_fd *f)
{
	struct op *op = f->tx;
	struct loop_uring_out *out;

	if (op->kind == OP_SEND && f->ur.tx_error != 0) {
		done(f, f->ur.tx_error);
	} else if (op->kind == OP_SEND && op->out->len == 0) {
		done(f, 0);
	} else if (op->kind == OP_SEND) {
		out = out_new();
		if (out == NULL)
			return -ENOMEM;
		out->buf = op->out;
		out->len = (uint32_t)op->out->len;
		out->total = (int32_t)out->len;
		out->of_op = true;
		op->out = NULL;
		append(f, out);
	}
	uring_update(l, f);
	return 0;
}

int
uring_start_connect(struct loop *l, struct loop_fd *f,
    const struct sockaddr *sa, socklen_t sa_len)
{
	if (f->ur.addr != NULL || sa_len > sizeof(*f->ur.addr))
		return -EALREADY;
	if (sa->sa_family == AF_UNIX) {
		/* Known at once; io_uring would wait for a full backlog. */
		done(f, connect(f->fd, sa, sa_len) == 0 ? 0 : -errno);
	} else {
		f->ur.addr = malloc(sizeof(*f->ur.addr));
		if (f->ur.addr == NULL)
			return -ENOMEM;
		memcpy(f->ur.addr, sa, sa_len);
		f->ur.addr_len = (uint8_t)sa_len;
	}
	uring_update(l, f);
	return 0;
}

/* It is on its way through the kernel, and will soon have ended. */
static void
disown(struct loop_uring_out *out)
{
	out->dead = true;
	out->of_op = false;
}

/* The op's bytes are the last. */
static void
unsend(struct loop_fd *f)
{
	struct loop_uring_out **last = &f->ur.out;

	if (*last == NULL)
		return;
	while ((*last)->next != NULL)
		last = &(*last)->next;
	if (!(*last)->of_op)
		return;
	if (*last == f->ur.out && sending(f)) {
		disown(f->ur.out);
		return;
	}
	uring_out_free(*last);
	*last = NULL;
}

static void
unconnect(struct loop_fd *f)
{
	if (f->ur.tx_asked == UR_TX_CONNECT) {
		f->ur.bits |= UR_TX_DROP;
		return;
	}
	free(f->ur.addr);
	f->ur.addr = NULL;
}

void
uring_stopped_tx(struct loop *l, struct loop_fd *f, int kind)
{
	f->ur.bits &= ~UR_TX_DONE;
	if (kind == OP_SEND)
		unsend(f);
	else if (kind == OP_CONNECT)
		unconnect(f);
	uring_update(l, f);
}

static void
free_all_but(struct loop_fd *f, struct loop_uring_out *spared)
{
	struct loop_uring_out *out;

	while ((out = f->ur.out) != NULL) {
		f->ur.out = out->next;
		if (out != spared)
			uring_out_free(out);
	}
	f->ur.out = spared;
	if (spared != NULL)
		spared->next = NULL;
}

void
uring_tx_abandon(struct loop *l, struct loop_fd *f)
{
	(void)l;
	free_all_but(f, sending(f) ? f->ur.out : NULL);
	if (sending(f))
		disown(f->ur.out);
}

/* Hold on to the bytes that the callback has been lent, if data is of them
 * and the ring can spare them: what slow readers hold must not starve all. */
static bool
hold(struct loop_uring *u, struct loop_uring_out *out, const uint8_t *data,
    size_t len)
{
	struct uring_group *g = u->lent_group;

	if (g == NULL || u->lent_held || len < HOLD_MIN ||
	    g->held >= g->n / 2 || data < u->lent ||
	    data + len > u->lent + u->lent_len)
		return false;
	g->held++;
	u->lent_held = true;
	out->group = g;
	out->bid = u->lent_bid;
	out->data = data;
	return true;
}

/* What is queued already: nothing of it may be in the kernel. */
static int
take(struct loop *l, struct loop_fd *f, const uint8_t *data, size_t len)
{
	struct loop_uring_out *last = f->ur.out;
	int error = 0;

	while (last != NULL && last->next != NULL)
		last = last->next;
	if (last == NULL || last->buf == NULL) {
		last = out_new();
		if (last == NULL)
			return -ENOMEM;
		append(f, last);
		if (hold(l->ur, last, data, len)) {
			last->len = (uint32_t)len;
			return 0;
		}
	}
	error = buf_extend(&last->buf, data, len);
	last->len += error == 0 ? (uint32_t)len : 0;
	return error;
}

size_t
uring_unsent(const struct loop_fd *f)
{
	const struct loop_uring_out *out;
	size_t n = 0;

	for (out = f->ur.out; out != NULL; out = out->next)
		n += out->dead ? 0 : out->len;
	return n;
}

ssize_t
uring_send_now(struct loop *l, int fd, const void *data, size_t len)
{
	struct loop_fd *f = loop_fd_get(l, fd);
	size_t room;
	int error;

	if (f == NULL)
		return -ENOMEM;
	if (f->ur.tx_error != 0)
		return f->ur.tx_error;
	if ((f->ur.bits & UR_MUTE) != 0)
		return -EPIPE;
	if (f->tx != NULL || f->ur.tx_asked != UR_TX_NONE)
		return 0;
	room = URING_TAKE_MAX - uring_unsent(f);
	if (len > room)
		len = room;
	if (len == 0)
		return 0;
	error = take(l, f, data, len);
	if (error != 0)
		return error;
	uring_todo(l, f);
	return (ssize_t)len;
}

void
uring_shutdown(struct loop *l, int fd)
{
	struct loop_fd *f = loop_fd_find(l, fd);

	if (f != NULL)
		f->ur.bits |= UR_MUTE;
	if (f != NULL && f->ur.out != NULL)
		f->ur.bits |= UR_SHUT;
	else if (f == NULL || f->ur.tx_error == 0)
		/* Fails only when the peer is gone, as the reader learns.
		 * Through the ring it would cost a thread. */
		shutdown(fd, SHUT_WR);
}

void
uring_full(struct loop *l, struct loop_fd *f)
{
	(void)l;
	f->ur.bits |= UR_FULL;
}

/* Of ours alone: the peer goes on waiting, and so would who receives. */
static bool
is_shortage(int error)
{
	return error == -ENOBUFS || error == -ENOMEM;
}

/* Nothing of what was taken can be sent, and it must not look complete. */
static void
failed(struct loop *l, struct loop_fd *f, int error)
{
	bool of_op = false;
	const struct loop_uring_out *out;

	for (out = f->ur.out; out != NULL; out = out->next)
		of_op |= out->of_op;
	free_all_but(f, NULL);
	f->ur.tx_error = error;
	f->ur.bits &= ~UR_SHUT;
	if ((f->ur.bits & UR_CLOSE) != 0)
		uring_reset_at_close(f->fd);
	else if (is_shortage(error))
		f->ur.bits |= UR_LOST;
	if (of_op && f->tx != NULL && f->tx->kind == OP_SEND)
		loop_finish(l, f, f->tx, error);
}

static void
went(struct loop *l, struct loop_fd *f, uint32_t n)
{
	struct loop_uring_out *out = f->ur.out;
	bool of_op = out->of_op;
	int total = out->total;

	out->len -= n;
	if (out->buf != NULL)
		buf_consume(out->buf, n);
	else
		out->data += n;
	if (out->len > 0)
		return;
	f->ur.out = out->next;
	uring_out_free(out);
	if (f->ur.out == NULL && (f->ur.bits & UR_SHUT) != 0) {
		f->ur.bits &= ~UR_SHUT;
		shutdown(f->fd, SHUT_WR);
	}
	if (of_op)
		loop_finish(l, f, f->tx, total);
}

static void
send_ended(struct loop *l, struct loop_fd *f, int res)
{
	struct loop_uring_out *out = f->ur.out;

	f->ur.tx_asked = UR_TX_NONE;
	/* It took less because it is full: it will say when not. */
	if (res == -EAGAIN || (res > 0 && (uint32_t)res < out->len))
		f->ur.bits |= UR_FULL;
	if (out->dead) {
		f->ur.out = out->next;
		uring_out_free(out);
	} else if (res > 0) {
		went(l, f, (uint32_t)res);
	} else if (res != -EINTR && res != -EAGAIN) {
		failed(l, f, res);
	}
}

static void
went_unsaid(struct loop *l, struct loop_fd *f)
{
	f->ur.bits &= ~UR_UNSAID;
	l->ur->in_kernel--;
	send_ended(l, f, (int)f->ur.out->len);
	uring_update(l, f);
}

/*
 * A send has ended when the kernel has taken it.  Where nobody waits for that
 * the kernel tells of failure alone: each completion would end the wait for
 * what others do.
 */
void
uring_conclude_unsaid(struct loop *l)
{
	struct loop_uring *u = l->ur;
	struct uring_list unsaid = STAILQ_HEAD_INITIALIZER(unsaid);
	bool all_said = io_uring_sq_ready(&u->ring) == 0 &&
			!io_uring_cq_has_overflow(&u->ring);
	struct io_uring_cqe *cqe;
	struct loop_fd *f;
	unsigned int head;

	if (STAILQ_EMPTY(&u->unsaid))
		return;
	io_uring_for_each_cqe(&u->ring, head, cqe)
	{
		f = uring_what_of(cqe) == URING_SEND ? uring_fd_of(l, cqe)
						     : NULL;
		if (f != NULL)
			f->ur.bits &= ~UR_UNSAID;
	}
	STAILQ_CONCAT(&unsaid, &u->unsaid);
	while ((f = STAILQ_FIRST(&unsaid)) != NULL) {
		STAILQ_REMOVE_HEAD(&unsaid, ur.unsaid);
		if ((f->ur.bits & UR_UNSAID) == 0)
			continue;
		if (all_said)
			went_unsaid(l, f);
		else
			STAILQ_INSERT_TAIL(&u->unsaid, f, ur.unsaid);
	}
}

static void
connected(struct loop *l, struct loop_fd *f, int res)
{
	bool dropped = (f->ur.bits & UR_TX_DROP) != 0;

	f->ur.tx_asked = UR_TX_NONE;
	f->ur.bits &= ~(UR_TX_DROP | UR_TX_DROPPED);
	free(f->ur.addr);
	f->ur.addr = NULL;
	if (!dropped && uring_tx_connecting(f))
		loop_finish(l, f, f->tx, res);
}

static void
polled(struct loop_fd *f, int res, bool more)
{
	if (!more)
		f->ur.bits &= ~UR_OUT;
	if (res < 0 || (res & (POLLOUT | POLLERR | POLLHUP)) != 0)
		f->ur.bits &= ~UR_FULL;
}

void
uring_sent(struct loop *l, struct loop_fd *f, const struct io_uring_cqe *cqe,
    enum uring_what what)
{
	const uint32_t gen = f->gen;

	if (what == URING_SEND)
		send_ended(l, f, cqe->res);
	else if (what == URING_CONNECT)
		connected(l, f, cqe->res);
	else
		polled(f, cqe->res, (cqe->flags & IORING_CQE_F_MORE) != 0);
	if (f->gen == gen)
		uring_update(l, f);
}
