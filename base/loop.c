/* Owns struct loop: which op is under way on which fd, the timers, and the
 * public interface.  Asks the kernel for nothing itself: the backend does. */
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/loop_impl.h"
#include "base/mono.h"

void
loop_op_release(struct op *op)
{
	if (op->kind == OP_SEND) {
		buf_free(op->out);
		op->out = NULL;
	}
	op->kind = OP_NONE;
}

/* 0, or -errno: op cannot be put under way on fd. */
static int
prepare(struct loop *l, struct op *op, int fd, struct loop_fd **out)
{
	if (fd < 0)
		return -EBADF;
	if (op->kind != OP_NONE)
		return -EBUSY;
	*out = loop_fd_get(l, fd);
	return *out != NULL ? 0 : -ENOMEM;
}

static void
begin(struct loop *l, struct op *op, int fd, enum op_kind kind, op_fn *fn)
{
	op->fn = fn;
	op->fd = fd;
	op->kind = (uint8_t)kind;
	l->active++;
}

/* Neither called back nor told to the backend. */
static void
detach(struct loop *l, struct loop_fd *f, struct op *op)
{
	if (f->rx == op)
		f->rx = NULL;
	else
		f->tx = NULL;
	l->active--;
	loop_op_release(op);
}

static int
start_rx(struct loop *l, struct op *op, int fd, enum op_kind kind, op_fn *fn)
{
	struct loop_fd *f;
	int error;

	error = prepare(l, op, fd, &f);
	if (error != 0)
		return error;
	if (f->rx != NULL)
		return -EBUSY;
	begin(l, op, fd, kind, fn);
	f->rx = op;
	error = l->backend->start_rx(l, f);
	if (error != 0)
		detach(l, f, op);
	return error;
}

int
loop_accept(struct loop *l, struct op *op, int fd, op_fn *fn)
{
	return start_rx(l, op, fd, OP_ACCEPT, fn);
}

int
loop_recv(struct loop *l, struct op *op, int fd, op_fn *fn)
{
	return start_rx(l, op, fd, OP_RECV, fn);
}

int
loop_poll(struct loop *l, struct op *op, int fd, int events, op_fn *fn)
{
	if (op->kind != OP_NONE)
		return -EBUSY;
	op->events =
	    (uint16_t)(events & (POLLIN | POLLPRI | POLLOUT | POLLRDHUP));
	return start_rx(l, op, fd, OP_POLL, fn);
}

/* As prepare(), for a sending op. */
static int
prepare_tx(struct loop *l, struct op *op, int fd, struct loop_fd **out)
{
	int error = prepare(l, op, fd, out);

	return error == 0 && (*out)->tx != NULL ? -EBUSY : error;
}

int
loop_connect(struct loop *l, struct op *op, int fd, const struct sockaddr *sa,
    socklen_t sa_len, op_fn *fn)
{
	struct loop_fd *f;
	int error;

	error = prepare_tx(l, op, fd, &f);
	if (error != 0)
		return error;
	begin(l, op, fd, OP_CONNECT, fn);
	f->tx = op;
	error = l->backend->start_connect(l, f, sa, sa_len);
	if (error != 0)
		detach(l, f, op);
	return error;
}

int
loop_send(struct loop *l, struct op *op, int fd, struct buf *b, op_fn *fn)
{
	struct loop_fd *f;
	int error;

	error = prepare_tx(l, op, fd, &f);
	if (error == 0 && b->len > INT_MAX)
		error = -EMSGSIZE;
	if (error != 0) {
		buf_free(b);
		return error;
	}
	if (loop_prompt_waits(f))
		loop_prompt_send(f, b->len);
	begin(l, op, fd, OP_SEND, fn);
	op->out = b;
	f->tx = op;
	error = l->backend->start_tx(l, f);
	if (error != 0)
		detach(l, f, op);
	return error;
}

ssize_t
loop_send_now(struct loop *l, int fd, const void *data, size_t len)
{
	struct loop_fd *f = loop_fd_find(l, fd);

	if (f != NULL && loop_prompt_waits(f))
		loop_prompt_send(f, len);
	return l->backend->send_now(l, fd, data, len);
}

int
loop_readable(struct loop *l, struct op *op, int fd, op_fn *fn)
{
	return start_rx(l, op, fd, OP_READABLE, fn);
}

int
loop_writable(struct loop *l, struct op *op, int fd, op_fn *fn)
{
	struct loop_fd *f;
	int error;

	error = prepare_tx(l, op, fd, &f);
	if (error != 0)
		return error;
	if (loop_prompt_waits(f))
		loop_prompt_send(f, SIZE_MAX); /* who splices sends much */
	begin(l, op, fd, OP_WRITABLE, fn);
	f->tx = op;
	error = l->backend->start_tx(l, f);
	if (error != 0)
		detach(l, f, op);
	return error;
}

void
loop_drained(struct loop *l, int fd)
{
	struct loop_fd *f = loop_fd_find(l, fd);

	if (f != NULL)
		l->backend->drained(l, f);
}

int
loop_take_accepted(struct loop *l, int fd)
{
	struct loop_fd *f = loop_fd_find(l, fd);

	return f != NULL ? l->backend->take_accepted(l, f) : -EAGAIN;
}

void
loop_full(struct loop *l, int fd)
{
	struct loop_fd *f = loop_fd_find(l, fd);

	if (f != NULL)
		l->backend->full(l, f);
}

void
loop_shutdown(struct loop *l, int fd)
{
	l->backend->shutdown(l, fd);
}

int
loop_peek(struct loop *l, int fd)
{
	return l->backend->peek(l, fd);
}

int
loop_timer(struct loop *l, struct op *op, int64_t at_us, op_fn *fn)
{
	assert(op->kind == OP_NONE || op->kind == OP_TIMER);
	if (at_us < l->timer_floor_us)
		at_us = l->timer_floor_us;
	if (op->kind == OP_NONE)
		op->slot = 0;
	if (loop_timers_set(&l->timers, op, at_us) != 0)
		return -ENOMEM;
	op->fn = fn;
	op->kind = OP_TIMER;
	return 0;
}

bool
loop_op_active(const struct op *op)
{
	return op->kind != OP_NONE;
}

static void
cancel_on(struct loop *l, struct loop_fd *f, struct op *op)
{
	int kind = op->kind;
	bool rx = f->rx == op;

	assert(rx || f->tx == op);
	detach(l, f, op);
	if (rx)
		l->backend->stopped_rx(l, f, kind);
	else
		l->backend->stopped_tx(l, f, kind);
}

void
loop_cancel(struct loop *l, struct op *op)
{
	if (op->kind == OP_NONE)
		return;
	if (op->kind == OP_TIMER) {
		loop_timers_remove(&l->timers, op);
		loop_op_release(op);
		return;
	}
	cancel_on(l, loop_fd_find(l, op->fd), op);
}

static void
end_file(struct loop *l, int fd, bool reset)
{
	struct loop_fd *f;

	if (fd < 0)
		return;
	f = loop_fd_find(l, fd);
	if (f != NULL) {
		if (f->rx != NULL)
			cancel_on(l, f, f->rx);
		if (f->tx != NULL)
			cancel_on(l, f, f->tx);
		f->gen++;
		f->prompt = PROMPT_NONE;
	}
	l->backend->close(l, fd, f, reset);
}

void
loop_close(struct loop *l, int fd)
{
	end_file(l, fd, false);
}

void
loop_reset(struct loop *l, int fd)
{
	end_file(l, fd, true);
}

size_t
loop_unsent(const struct loop *l, int fd)
{
	const struct loop_fd *f = loop_fd_find(l, fd);

	return f != NULL ? l->backend->unsent(f) : 0;
}

void
loop_more(struct loop *l, struct op *op, int res, uint8_t *data)
{
	const struct op_result r = {.res = res, .data = data, .more = true};

	op->fn(l, op, &r);
}

void
loop_accepted(
    struct loop *l, struct op *op, int fd, const struct sockaddr *peer)
{
	const struct op_result r = {.res = fd, .peer = peer, .more = true};

	op->fn(l, op, &r);
}

void
loop_finish(struct loop *l, struct loop_fd *f, struct op *op, int res)
{
	loop_finish_with(l, f, op, res, NULL);
}

void
loop_finish_with(
    struct loop *l, struct loop_fd *f, struct op *op, int res, uint8_t *data)
{
	const struct op_result r = {.res = res, .data = data};

	detach(l, f, op);
	op->fn(l, op, &r);
}

/* Of the one connection, not of the listener: accept(2), and EPERM of a
 * firewall. */
bool
loop_accept_goes_on(int error)
{
	switch (error) {
	case ECONNABORTED:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case EINTR:
	case ENETDOWN:
	case ENETUNREACH:
	case ENONET:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case EPERM:
	case EPROTO:
		return true;
	default:
		return false;
	}
}

/*
 * A timer set from here to a time that has come waits for the next turn, or
 * one that sets itself anew would never let go.
 */
static void
run_timers(struct loop *l)
{
	const struct op_result r = {.res = 0};
	struct op *op;

	l->timer_floor_us = l->now_us + 1;
	while ((op = loop_timers_first(&l->timers)) != NULL &&
	       op->at_us <= l->now_us) {
		loop_timers_remove(&l->timers, op);
		loop_op_release(op);
		op->fn(l, op, &r);
	}
	l->timer_floor_us = INT64_MIN;
}

static int64_t
until_timer(const struct loop *l, int64_t wait_us)
{
	const struct op *first = loop_timers_first(&l->timers);
	int64_t now_us;

	if (wait_us == 0 || first == NULL)
		return wait_us;
	now_us = mono_us();
	if (first->at_us <= now_us)
		return 0;
	if (wait_us < 0 || first->at_us - now_us < wait_us)
		return first->at_us - now_us;
	return wait_us;
}

int
loop_turn(struct loop *l, int64_t wait_us)
{
	int error;

	assert(!l->in_turn);
	l->in_turn = true;
	error = l->backend->turn(l, until_timer(l, wait_us));
	if (error == 0)
		run_timers(l);
	l->in_turn = false;
	return error;
}

int
loop_run(struct loop *l)
{
	int error = 0;

	while (error == 0 && !l->stop && (l->active > 0 || l->timers.n > 0))
		error = loop_turn(l, -1);
	l->backend->flush(l);
	l->stop = false;
	return error;
}

void
loop_stop(struct loop *l)
{
	l->stop = true;
}

int64_t
loop_now_us(const struct loop *l)
{
	return l->now_us;
}
