#ifndef BASE_LOOP_IMPL_H
#define BASE_LOOP_IMPL_H

#include <sys/socket.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/loop_epoll.h"
#include "base/loop_timer.h"
#include "base/loop_uring.h"

/*
 * Private to base/loop*.c.  loop.c keeps which op is under way on which fd
 * and is the only one to change op->kind; the backend gets results out of the
 * kernel and hands them to loop_more() and loop_finish().
 */

/* Of loop_prompt(): nobody has asked for it; all that was sent is answered;
 * something is not; the kernel has been told. */
enum {
	PROMPT_NONE,
	PROMPT_ANSWERED,
	PROMPT_SENT,
	PROMPT_SET
};

/*
 * What is under way on an fd.  Records never move and are freed with the
 * loop, so that a pointer outlives any callback; gen tells whether it is
 * still about the same file.
 */
struct loop_fd {
	struct op *rx; /* accept, recv, readable or poll; NULL: none */
	struct op *tx; /* connect, send or writable */
	int32_t fd;
	uint32_t gen; /* counts loop_close() */
	uint8_t prompt;
	union {
		struct loop_epoll_fd ep;
		struct loop_uring_fd ur;
	};
};

/*
 * A way to ask the kernel.  0 or -errno, where nothing else is said; nothing
 * calls back but turn().
 */
struct loop_backend {
	const char *name;
	const char *syscall; /* see loop_syscall() */
	int (*init)(struct loop *);
	void (*fini)(struct loop *);
	/* op is already f->rx or f->tx; on an error nothing is under way. */
	int (*start_rx)(struct loop *, struct loop_fd *);
	int (*start_tx)(struct loop *, struct loop_fd *);
	int (*start_connect)(struct loop *, struct loop_fd *,
	    const struct sockaddr *, socklen_t);
	/* f->rx or f->tx has just become NULL, without a result. */
	void (*stopped_rx)(struct loop *, struct loop_fd *, int kind);
	void (*stopped_tx)(struct loop *, struct loop_fd *, int kind);
	ssize_t (*send_now)(
	    struct loop *, int fd, const void *data, size_t len);
	size_t (*unsent)(const struct loop_fd *);
	void (*shutdown)(struct loop *, int fd);
	int (*peek)(struct loop *, int fd);
	void (*drained)(struct loop *, struct loop_fd *);
	void (*full)(struct loop *, struct loop_fd *);
	int (*take_accepted)(struct loop *, struct loop_fd *);
	/* Close fd, of which f (NULL: nothing was ever started on it) is the
	 * record; nothing is under way on it. */
	void (*close)(struct loop *, int fd, struct loop_fd *, bool reset);
	/* Wait at most wait_us (-1: for ever), take the time, call back. */
	int (*turn)(struct loop *, int64_t wait_us);
	/* Tell the kernel what has been started, without waiting. */
	void (*flush)(struct loop *);
};

extern const struct loop_backend loop_epoll;
extern const struct loop_backend loop_uring;

#define LOOP_FD_CHUNK 128
struct loop_fd_chunk {
	struct loop_fd fds[LOOP_FD_CHUNK];
};

struct loop {
	const struct loop_backend *backend;
	struct loop_fd_chunk **chunks; /* by fd / LOOP_FD_CHUNK; some NULL */
	size_t chunks_n;
	size_t active; /* ops under way on fds */
	int64_t now_us;
	int64_t timer_floor_us; /* no timer is set to an earlier time */
	bool stop;
	bool in_turn;
	struct loop_timers timers;
	union {
		struct loop_epoll_state ep;
		struct loop_uring *ur;
	};
};

/* The record of fd, or NULL if nothing was ever started on it. */
struct loop_fd *loop_fd_find(const struct loop *, int fd);
/* The same, made if need be; NULL: out of memory. */
struct loop_fd *loop_fd_get(struct loop *, int fd);
/* Release what is under way on all of them, and: free them. */
void loop_fds_release(struct loop *);
void loop_fds_free(struct loop *);
/* The op is its owner's again. */
void loop_op_release(struct op *);

void loop_prompt_now(int fd);
/* Before len bytes are sent on an fd that is neither NONE nor SET. */
void loop_prompt_send(struct loop_fd *, size_t len);
static inline bool
loop_prompt_waits(const struct loop_fd *f)
{
	return f->prompt != PROMPT_NONE && f->prompt != PROMPT_SET;
}

/* One of many results of a multishot op. */
void loop_more(struct loop *, struct op *, int res, uint8_t *data);
/* One that was accepted. */
void loop_accepted(
    struct loop *, struct op *, int fd, const struct sockaddr *peer);
/* The last result: op is no longer under way, its buffer is freed. */
void loop_finish(struct loop *, struct loop_fd *, struct op *, int res);
void loop_finish_with(
    struct loop *, struct loop_fd *, struct op *, int res, uint8_t *data);

/* Of the one connection, not of the listener? */
bool loop_accept_goes_on(int error);

#endif
