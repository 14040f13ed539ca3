#ifndef BASE_STREAM_H
#define BASE_STREAM_H

#include "base/loop.h"

struct tls;
struct tls_client;

/*
 * A byte stream on the loop: a socket, or TLS on one.  What moves bytes uses
 * these instead of the loop's functions of the same names and is told nothing
 * of the difference; the rules of base/loop.h hold for them too.  Passed
 * around by value; the fields are the stream's, but that fd is -1 where there
 * is none.
 */
struct stream {
	int fd;
	struct tls *tls; /* owned; NULL: the socket alone */
};

#define STREAM_NONE ((struct stream){.fd = -1})

static inline struct stream
stream_plain(int fd)
{
	return (struct stream){.fd = fd};
}

/*
 * Lay TLS over a socket that has just been connected: one callback, res 0,
 * -EPROTO (tls_why() of base/tls.h says more) or the socket's error.  The
 * stream is the caller's to close whatever it is.  0 or -ENOMEM.
 */
int stream_secure(
    struct loop *, struct stream *, struct tls_client *, struct op *, op_fn *);

/*
 * As loop_recv(), loop_send() and loop_send_now(); bytes that were not taken
 * must be the next ones to be sent.  The end of a TLS stream that nobody has
 * announced (close_notify) is -EPROTO: it may be cut short.
 */
int stream_recv(struct loop *, struct stream, struct op *, op_fn *);
int stream_send(
    struct loop *, struct stream, struct op *, struct buf *b, op_fn *);
ssize_t stream_send_now(
    struct loop *, struct stream, const void *data, size_t len);
/* Cancel one of them. */
void stream_cancel(struct loop *, struct stream, struct op *);
bool stream_op_active(struct stream, const struct op *);
/* As loop_peek(). */
int stream_peek(struct loop *, struct stream);
/* No more is to be sent: the peer is told. */
void stream_end(struct loop *, struct stream);
/* Cancel what is under way, and close.  reset: so that what was sent does not
 * look complete. */
void stream_close(struct loop *, struct stream, bool reset);

#endif
