/* Owns the difference between a socket and what is laid over one; knows no
 * protocol. */
#include "base/stream.h"

#include <sys/socket.h>

int
stream_recv(struct loop *loop, struct stream s, struct op *op, op_fn *fn)
{
	return loop_recv(loop, op, s.fd, fn);
}

int
stream_send(
    struct loop *loop, struct stream s, struct op *op, struct buf *b, op_fn *fn)
{
	return loop_send(loop, op, s.fd, b, fn);
}

ssize_t
stream_send_now(
    struct loop *loop, struct stream s, const void *data, size_t len)
{
	return loop_send_now(loop, s.fd, data, len);
}

void
stream_cancel(struct loop *loop, struct stream s, struct op *op)
{
	(void)s;
	loop_cancel(loop, op);
}

bool
stream_op_active(struct stream s, const struct op *op)
{
	(void)s;
	return loop_op_active(op);
}

void
stream_end(struct loop *loop, struct stream s)
{
	(void)loop;
	/* Fails only when the peer is gone, which the reader learns. */
	shutdown(s.fd, SHUT_WR);
}

void
stream_close(struct loop *loop, struct stream s, bool reset)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (s.fd == -1)
		return;
	if (reset)
		setsockopt(s.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	loop_close(loop, s.fd);
}
