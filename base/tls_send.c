/* Owns what is sent on a TLS connection: what of it is with the kernel, and who
 * is told. */
#include "base/tls_impl.h"

#include <openssl/err.h>

#include <errno.h>
#include <limits.h>

/* What one SSL_write() makes a record of. */
#define RECORD_MAX SSL3_RT_MAX_PLAIN_LENGTH

/* Of ours alone the peer does not hear, so that no end would come of it: who
 * receives is told. */
void
tls_failed(struct tls *t, int error)
{
	t->error = error;
	if ((error == -ENOBUFS || error == -ENOMEM) && t->end == TLS_OPEN)
		t->end = error;
}

/* One record: how much of it is with the kernel. */
static size_t
send_record(struct tls *t, const uint8_t *data, size_t len)
{
	int rc;

	ERR_clear_error();
	rc = SSL_write(t->ssl, data, (int)len);
	if (t->error == 0 && rc <= 0)
		t->error = t->ended ? -EPIPE : -EPROTO;
	if (t->error != 0)
		return 0;
	if (!loop_op_active(&t->net_out))
		return len;
	t->owed = len;
	return 0;
}

static ssize_t
send_some(struct tls *t, const uint8_t *data, size_t len)
{
	size_t n, done = 0;

	if (t->end < 0 && t->error == 0 && t->fault != TLS_FAULT_NONE)
		t->error = -EPROTO;
	while (t->error == 0 && done < len && !loop_op_active(&t->net_out)) {
		n = len - done;
		if (t->owed > 0) {
			n = n < t->owed ? n : t->owed;
			t->owed -= n;
			done += n;
			continue;
		}
		n = n < RECORD_MAX ? n : RECORD_MAX;
		done += send_record(t, data + done, n);
	}
	return done > 0 ? (ssize_t)done : t->error;
}

ssize_t
tls_send_now(struct tls *t, const void *data, size_t len)
{
	return t->tx != NULL ? 0 : send_some(t, data, len);
}

bool
tls_tx_done(const struct tls *t)
{
	return t->tx != NULL && (t->error != 0 || t->out->len == 0);
}

static void
send_on(struct tls *t)
{
	ssize_t n;

	while (!tls_tx_done(t) &&
	       (n = send_some(t, buf_bytes(t->out), t->out->len)) > 0) {
		buf_consume(t->out, (size_t)n);
		t->sent += (int)n;
	}
}

void
tls_tell_sent(struct tls *t)
{
	const struct op_result r = {.res = t->error != 0 ? t->error : t->sent};
	struct op *op = t->tx;

	t->tx = NULL;
	buf_free(t->out);
	t->out = NULL;
	op->fn(t->loop, op, &r);
}

int
tls_send(struct tls *t, struct op *op, struct buf *b, op_fn *fn)
{
	int error = 0;

	if (t->tx != NULL || loop_op_active(op))
		error = -EBUSY;
	else if (b->len > INT_MAX)
		error = -EMSGSIZE;
	if (error != 0) {
		buf_free(b);
		return error;
	}
	op->fn = fn;
	t->tx = op;
	t->out = b;
	t->sent = 0;
	send_on(t);
	if (!tls_tx_done(t))
		return 0;
	error =
	    loop_timer(t->loop, &t->soon, loop_now_us(t->loop), tls_on_soon);
	if (error != 0)
		tls_cancel(t, op);
	return error;
}

/* What is queued goes out behind what has. */
static void
send_queue(struct tls *t)
{
	struct buf *b = t->queue;
	int error;

	if (b == NULL || t->error != 0)
		return;
	t->queue = NULL;
	error = loop_send(t->loop, &t->net_out, t->fd, b, tls_on_out);
	if (error != 0)
		tls_failed(t, error);
}

void
tls_say_end(struct tls *t)
{
	t->ended = true;
	ERR_clear_error();
	SSL_shutdown(t->ssl);
	ERR_clear_error();
}

void
tls_on_out(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct tls *t = container_of(op, struct tls, net_out);

	(void)loop;
	tls_enter(t);
	if (r->res < 0)
		tls_failed(t, r->res);
	send_queue(t);
	if (t->tx != NULL)
		send_on(t);
	if (t->end_after && !loop_op_active(&t->net_out)) {
		t->end_after = false;
		tls_say_end(t);
	}
	if (t->shaking && t->error != 0)
		t->end = t->error;
	if (t->orphan) {
		if (!loop_op_active(&t->net_out))
			tls_bury(t, t->error != 0);
	} else if (tls_tx_done(t)) {
		tls_tell_sent(t);
	} else if (t->shaking) {
		tls_run(t);
	}
	tls_leave(t);
}
