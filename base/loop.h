#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/*
 * A completion loop: the owner embeds a struct op, starts something on it,
 * and gets a callback with the result.  Rules that hold for every backend:
 *
 * - Starting never calls back before it returns.
 * - A callback is its caller's last act: the owner may free the op in it.
 * - After loop_cancel() or loop_close() returns no callback comes.
 * - One receiving op (accept, recv, readable, poll) and one sending op
 *   (connect, send, writable) may be under way on an fd at once.  Fds given to
 *   the loop must be non-blocking, and are closed by loop_close() and by
 *   nothing else.
 * - What loop_send_now() took may still be with the loop, and what has come
 *   may be with it already: an fd that the loop has sent or received on is
 *   half-closed by loop_shutdown() and looked at by loop_peek() alone, and
 *   read or written past the loop only between loop_readable() or
 *   loop_writable() and the next of the others.
 * - Multishot ops (accept, recv, poll) call back until a result with
 *   more == false; the others call back once.
 */
struct op;

struct op_result {
	int res;       /* >= 0: the result; negative errno: failed */
	uint8_t *data; /* recv: res bytes, lent for this callback */
	/* accept: likewise; NULL: the backend has not been told */
	const struct sockaddr *peer;
	bool more; /* multishot: the op is still under way */
};

struct loop;
typedef void op_fn(struct loop *, struct op *, const struct op_result *);

enum op_kind {
	OP_NONE,
	OP_ACCEPT,
	OP_CONNECT,
	OP_RECV,
	OP_SEND,
	OP_READABLE,
	OP_WRITABLE,
	OP_POLL,
	OP_TIMER
};

/* Zeroed by its owner before first use; the fields are the loop's. */
struct op {
	op_fn *fn;
	union {
		struct buf *out; /* send: owned by the loop */
		int64_t at_us;	 /* timer */
	};
	int32_t fd;
	uint32_t slot; /* timer: place in the heap, from 1 */
	uint16_t events;
	uint8_t kind; /* enum op_kind */
	uint8_t flags;
};

/* The most that a recv lends at once: so much to who has filled the usual
 * several times in a row. */
#define LOOP_RECV_MAX	(256 * 1024)
#define LOOP_RECV_USUAL (64 * 1024)

/* 0 or -errno. */
int loop_new(struct loop **);
/* On this backend and no other; -ENOTSUP when it cannot be had. */
int loop_new_on(struct loop **, const char *backend);
/* On io_uring where that can be had, on epoll where *why (-errno) it cannot. */
int loop_new_best(struct loop **, int *why);
/* NULL allowed; cancels all, closes no fd; not from a callback. */
void loop_free(struct loop *);

/* Run until loop_stop(), or until nothing is under way.  0 or -errno. */
int loop_run(struct loop *);
void loop_stop(struct loop *);
/* One turn, waiting at most wait_us (-1: for ever, 0: not at all). */
int loop_turn(struct loop *, int64_t wait_us);

/* mono_us() as of the start of this turn. */
int64_t loop_now_us(const struct loop *);
/* "epoll" or "io_uring" */
const char *loop_backend(const struct loop *);
/* What a sandbox must let through beyond what epoll's takes; NULL: nothing. */
const char *loop_syscall(const struct loop *);

/* All starters: 0, or -errno with the op not under way. */

/*
 * Accept connections, one callback each, res = a new fd (CLOEXEC,
 * non-blocking) that the callback owns.  EMFILE, ENFILE, ENOBUFS and ENOMEM
 * end the op (more == false): the owner decides when to go on.  Errors of one
 * connection (ECONNABORTED, EPROTO ...) are swallowed.  The listener may be
 * shared between processes: one is woken a connection.
 */
int loop_accept(struct loop *, struct op *, int fd, op_fn *);

/*
 * A connection that has been accepted and not told of, or -EAGAIN: to be asked
 * until then by who is about to close a listener, or they go with it.
 */
int loop_take_accepted(struct loop *, int fd);

/* Connect; res = 0 or -errno.  sa is copied. */
int loop_connect(struct loop *, struct op *, int fd, const struct sockaddr *sa,
    socklen_t sa_len, op_fn *);

/*
 * Receive, again and again: res > 0 bytes in data, lent for the callback;
 * 0 is the end of the stream, and like any error ends the op.
 */
int loop_recv(struct loop *, struct op *, int fd, op_fn *);

/*
 * Send all of b, which the loop owns from here on, also when this fails, and
 * frees when done.  res = bytes sent (all) or -errno.
 */
int loop_send(struct loop *, struct op *, int fd, struct buf *b, op_fn *);

/*
 * Send at once what can be taken: bytes (0: would block) or -errno.  Only
 * while no loop_send() is under way on fd.  What was taken and cannot be sent
 * after all is told by the next sending op, and by a receiving one, in place of
 * the stream's end or, where that would not come, at once.  Then the stream
 * ends with a reset, however it is closed.
 */
ssize_t loop_send_now(struct loop *, int fd, const void *data, size_t len);
/* Bytes that were taken so and that the kernel has not got. */
size_t loop_unsent(const struct loop *, int fd);
/*
 * fd is a TCP socket that is to send at once what it is given, and all that
 * has been sent on it so far is answered; may be said again and again.  The
 * kernel holds back a small segment only while another is unacknowledged, so
 * that TCP_NODELAY is set when something is sent that may meet with that: more
 * than one segment, or a second one since this was last said.  Of a handshake
 * and one request, each of which waits for its answer, none is.
 */
void loop_prompt(struct loop *, int fd);
/* No more is to be sent: shutdown(2) with SHUT_WR, behind what was taken. */
void loop_shutdown(struct loop *, int fd);
/* What the next receive would bring, without taking it: 1 (bytes), 0 (the
 * end), -EAGAIN (nothing yet), or another -errno. */
int loop_peek(struct loop *, int fd);

/*
 * For who moves bytes itself, with splice(2): call back once when there is
 * something to receive, or room to send in.  The first asks the kernel only
 * from the last loop_drained() on, the second from the last loop_full() on, so
 * both must be said when a call has found nothing (EAGAIN).  res > 0: so many
 * bytes in data, lent for the callback, had been received before; they are
 * the next ones.
 */
int loop_readable(struct loop *, struct op *, int fd, op_fn *);
int loop_writable(struct loop *, struct op *, int fd, op_fn *);
void loop_drained(struct loop *, int fd);
void loop_full(struct loop *, int fd);

/* Level-triggered readiness; events and res are poll(2) bits. */
int loop_poll(struct loop *, struct op *, int fd, int events, op_fn *);

/* Call back once at at_us (mono_us()'s clock), res = 0; a timer that is
 * under way is moved.  Fails only with -ENOMEM. */
int loop_timer(struct loop *, struct op *, int64_t at_us, op_fn *);

bool loop_op_active(const struct op *);
void loop_cancel(struct loop *, struct op *); /* idempotent */
/* Cancel what is under way on fd and close it, by the end of this turn.  fd
 * may be -1. */
void loop_close(struct loop *, int fd);
/* The same, so that what was sent does not look complete: the peer is told by
 * a reset, and what was taken need not be sent. */
void loop_reset(struct loop *, int fd);

#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
