/* Owns a client's handshake; reads and answers it, and dials nothing. */
#include "cagentd/worker/request.h"

#include <errno.h>

#include "base/buf.h"

static void
release(struct request *q)
{
	loop_cancel(q->loop, &q->recv);
	loop_cancel(q->loop, &q->send);
	loop_cancel(q->loop, &q->timer);
	loop_cancel(q->loop, &q->first);
}

void
request_cancel(struct request *q)
{
	if (q->loop == NULL)
		return;
	release(q);
	buf_free(q->in);
	q->in = NULL;
	q->loop = NULL;
}

struct buf *
request_take_early(struct request *q)
{
	struct buf *b = q->in;

	q->in = NULL;
	if (b != NULL && b->len == 0) {
		buf_free(b);
		b = NULL;
	}
	return b;
}

static void
finish(struct request *q, enum request_end end)
{
	release(q);
	q->done(q, end);
}

static void
on_sent(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct request *q = container_of(op, struct request, send);

	(void)loop;
	if (r->res < 0)
		finish(q, REQUEST_GONE);
}

/* A reply of the handshake: a few bytes, which a client that reads at all has
 * room for.  0 or -errno. */
static int
send_out(struct request *q)
{
	struct buf *rest;
	ssize_t n;

	if (loop_op_active(&q->send))
		return -EPIPE; /* it sends on without reading */
	n = loop_send_now(q->loop, q->fd, q->intake.out, q->intake.out_len);
	if (n < 0)
		return (int)n;
	if ((size_t)n == q->intake.out_len)
		return 0;
	rest = buf_copy(q->intake.out + n, q->intake.out_len - (size_t)n);
	if (rest == NULL)
		return -ENOMEM;
	return loop_send(q->loop, &q->send, q->fd, rest, on_sent);
}

/* Keep in q->in what intake has left of data. */
static int
keep(struct request *q, const uint8_t *data, size_t len)
{
	if (buf_holds(q->in, data)) {
		buf_consume(q->in, q->in->len - len);
		return 0;
	}
	return len > 0 ? buf_extend(&q->in, data, len) : 0;
}

static void
feed(struct request *q, const uint8_t *data, size_t len)
{
	enum intake_step step;
	size_t used;

	for (;;) {
		step = intake_feed(&q->intake, data, len, &used);
		data += used;
		len -= used;
		if (step != INTAKE_SEND)
			break;
		if (send_out(q) != 0) {
			finish(q, REQUEST_GONE);
			return;
		}
	}
	if (step == INTAKE_REJECT) {
		finish(q, REQUEST_REJECTED);
		return;
	}
	/* No login is asked for before the users file exists. */
	if (keep(q, data, len) != 0)
		finish(q, REQUEST_NO_MEMORY);
	else if (step == INTAKE_REQUEST)
		finish(q, REQUEST_READY);
}

static void
on_recv(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct request *q = container_of(op, struct request, recv);
	size_t len;

	(void)loop;
	if (r->res <= 0) {
		finish(q, REQUEST_GONE);
		return;
	}
	len = (size_t)r->res;
	if (q->in == NULL || q->in->len == 0) {
		buf_free(q->in);
		q->in = NULL;
		feed(q, r->data, len);
		return;
	}
	/* Bounded: intake rejects what is longer than any handshake, so one
	 * receive at most comes on top of that; payload may be in it. */
	if (buf_extend(&q->in, r->data, len) != 0)
		finish(q, REQUEST_NO_MEMORY);
	else
		feed(q, buf_bytes(q->in), q->in->len);
}

static void
on_deadline(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)loop, (void)r; /* time is the only news */
	finish(container_of(op, struct request, timer), REQUEST_TIMEOUT);
}

int
request_start(struct request *q, struct loop *loop, int fd, bool want_login,
    int64_t deadline_us, request_fn *done)
{
	int error;

	*q = (struct request){.loop = loop, .fd = fd, .done = done};
	intake_init(&q->intake, want_login);
	error = loop_timer(loop, &q->timer, deadline_us, on_deadline);
	if (error == 0)
		error = loop_recv(loop, &q->recv, fd, on_recv);
	if (error != 0)
		request_cancel(q);
	return error;
}

static void
on_first(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct request *q = container_of(op, struct request, first);

	(void)loop, (void)r; /* only the turn matters */
	if (q->in != NULL && q->in->len > 0)
		feed(q, buf_bytes(q->in), q->in->len);
}

void
request_feed(struct request *q, struct buf *first)
{
	q->in = first;
	/* Else it is looked at with what comes next, or not at all. */
	(void)loop_timer(q->loop, &q->first, loop_now_us(q->loop), on_first);
}
