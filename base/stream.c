/* Owns the difference between a socket and TLS on one; knows no protocol
 * above them. */
#include "base/stream.h"

#include "base/tls.h"

int
stream_secure(struct loop *loop, struct stream *s, struct tls_client *client,
    struct op *op, op_fn *fn)
{
	return tls_start(&s->tls, loop, s->fd, client, op, fn);
}

int
stream_recv(struct loop *loop, struct stream s, struct op *op, op_fn *fn)
{
	return s.tls != NULL ? tls_recv(s.tls, op, fn)
			     : loop_recv(loop, op, s.fd, fn);
}

int
stream_send(
    struct loop *loop, struct stream s, struct op *op, struct buf *b, op_fn *fn)
{
	return s.tls != NULL ? tls_send(s.tls, op, b, fn)
			     : loop_send(loop, op, s.fd, b, fn);
}

ssize_t
stream_send_now(
    struct loop *loop, struct stream s, const void *data, size_t len)
{
	return s.tls != NULL ? tls_send_now(s.tls, data, len)
			     : loop_send_now(loop, s.fd, data, len);
}

void
stream_cancel(struct loop *loop, struct stream s, struct op *op)
{
	if (s.tls != NULL)
		tls_cancel(s.tls, op);
	else
		loop_cancel(loop, op);
}

bool
stream_op_active(struct stream s, const struct op *op)
{
	return s.tls != NULL ? tls_op_active(s.tls, op) : loop_op_active(op);
}

int
stream_peek(struct loop *loop, struct stream s)
{
	return s.tls != NULL ? tls_peek(s.tls) : loop_peek(loop, s.fd);
}

void
stream_end(struct loop *loop, struct stream s)
{
	if (s.tls != NULL)
		tls_end(s.tls);
	else
		loop_shutdown(loop, s.fd);
}

void
stream_close(struct loop *loop, struct stream s, bool reset)
{
	if (s.fd == -1)
		return;
	if (s.tls != NULL && tls_close(s.tls, reset))
		return;
	if (reset)
		loop_reset(loop, s.fd);
	else
		loop_close(loop, s.fd);
}
