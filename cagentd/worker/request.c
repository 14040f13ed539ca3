/* Owns a client's handshake; reads and answers it, and dials nothing. */
#include "cagentd/worker/request.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"

static void on_recv(struct loop *, struct op *, const struct op_result *);

static void
release(struct request *q)
{
	loop_cancel(q->loop, &q->recv);
	loop_cancel(q->loop, &q->send);
	loop_cancel(q->loop, &q->timer);
	loop_cancel(q->loop, &q->first);
}

/* There may be a password in it. */
static void
drop_in(struct request *q)
{
	if (q->in != NULL)
		explicit_bzero(q->in->data, q->in->cap);
	buf_free(q->in);
	q->in = NULL;
}

void
request_cancel(struct request *q)
{
	if (q->loop == NULL)
		return;
	release(q);
	drop_in(q);
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

/* The loop lends its bytes to others next. */
static void
forget_lent(struct request *q)
{
	if (q->lent != NULL)
		explicit_bzero(q->lent, q->lent_len);
	q->lent = NULL;
}

static void
finish(struct request *q, enum request_end end)
{
	release(q);
	forget_lent(q);
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

/* Keep in q->in what intake has left of data, and nothing else of it. */
static int
keep(struct request *q, const uint8_t *data, size_t len)
{
	size_t used;

	if (buf_holds(q->in, data)) {
		used = q->in->len - len;
		explicit_bzero(q->in->data + q->in->off, used);
		buf_consume(q->in, used);
		return 0;
	}
	return len > 0 ? buf_extend(&q->in, data, len) : 0;
}

/* As buf_extend(), but leaves nothing behind. */
static int
extend(struct request *q, const uint8_t *data, size_t len)
{
	struct buf *more;

	if (buf_append(q->in, data, len) == 0)
		return 0;
	more = buf_new(q->in->len + len);
	if (more == NULL)
		return -ENOMEM;
	buf_append(more, buf_bytes(q->in), q->in->len);
	buf_append(more, data, len);
	drop_in(q);
	q->in = more;
	return 0;
}

/* Nobody needs to send on before his login is looked at. */
static void
wait_for_verdict(struct request *q)
{
	if (q->in != NULL && q->in->len >= INTAKE_IN_MAX)
		loop_cancel(q->loop, &q->recv);
}

static void
follow(
    struct request *q, enum intake_step step, const uint8_t *data, size_t len)
{
	size_t used;

	while (step == INTAKE_SEND) {
		if (send_out(q) != 0) {
			finish(q, REQUEST_GONE);
			return;
		}
		step = intake_feed(&q->intake, data, len, &used);
		data += used;
		len -= used;
	}
	if (step != INTAKE_REJECT && keep(q, data, len) != 0) {
		finish(q, REQUEST_NO_MEMORY);
		return;
	}
	forget_lent(q);
	switch (step) {
	case INTAKE_REJECT:
		finish(q, REQUEST_REJECTED);
		return;
	case INTAKE_REQUEST:
		finish(q, REQUEST_READY);
		return;
	case INTAKE_LOGIN:
		wait_for_verdict(q);
		q->done(q, REQUEST_LOGIN);
		return;
	case INTAKE_MORE:
		if (q->intake.state == INTAKE_CHECK_LOGIN)
			wait_for_verdict(q);
		else if (!loop_op_active(&q->recv) &&
			 loop_recv(q->loop, &q->recv, q->fd, on_recv) != 0)
			finish(q, REQUEST_NO_MEMORY);
		return;
	case INTAKE_SEND: /* done above */
		return;
	}
}

static void
feed(struct request *q, const uint8_t *data, size_t len)
{
	size_t used;
	enum intake_step step = intake_feed(&q->intake, data, len, &used);

	follow(q, step, data + used, len - used);
}

void
request_login(struct request *q, enum intake_verdict verdict)
{
	enum intake_step step = intake_login(&q->intake, verdict);
	const uint8_t none = 0;

	if (q->in != NULL)
		follow(q, step, buf_bytes(q->in), q->in->len);
	else
		follow(q, step, &none, 0);
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
	if (q->intake.wants != INTAKE_NO_LOGIN) {
		q->lent = r->data;
		q->lent_len = len;
	}
	if (q->in == NULL || q->in->len == 0) {
		drop_in(q);
		feed(q, r->data, len);
		return;
	}
	/* Bounded: intake rejects what is longer than any handshake, so one
	 * receive at most comes on top of that; payload may be in it. */
	if (extend(q, r->data, len) != 0)
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
request_start(struct request *q, struct loop *loop, int fd,
    enum intake_wants wants, int64_t deadline_us, request_fn *done)
{
	int error;

	*q = (struct request){.loop = loop, .fd = fd, .done = done};
	intake_init(&q->intake, wants);
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
