#ifndef BASE_LOOP_EPOLL_H
#define BASE_LOOP_EPOLL_H

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct loop_fd;
struct op;

/* What is known of an fd; all clear is an fd of which nothing is known. */
enum {
	EP_QUEUED = 1 << 0,
	EP_RX = 1 << 1, /* receiving may find something */
	/* The peer's end, an error or urgent data has been seen: a short read
	 * does not mean that nothing is left. */
	EP_ODD = 1 << 2,
	EP_ERROR = 1 << 3,	/* an error or a hang-up has been seen */
	EP_TX_BLOCKED = 1 << 4, /* until the next EPOLLOUT */
	EP_TX_DONE = 1 << 5,	/* tx_res is the result of f->tx */
	EP_ENDS = 1 << 6,	/* the peer's end is in sight, and no oddity */
};

/* The epoll backend's part of a struct loop_fd. */
struct loop_epoll_fd {
	TAILQ_ENTRY(loop_fd) link; /* valid with EP_QUEUED */
	uint32_t mask;		   /* as registered; 0: not registered */
	uint32_t queued_at;	   /* round in which it was queued */
	union {
		uint32_t accepted_at; /* listener: round of the last accept */
		int32_t tx_res; /* send: so far; with EP_TX_DONE: result */
	};
	uint16_t revents; /* poll: to be reported */
	union {
		uint8_t accept_n; /* accepted then; 0: and found no more */
		uint8_t full_n;	  /* receives in a row that were filled */
	};
	uint8_t bits; /* EP_* */
};

#define EP_CLOSING_MAX 64

/* ... and of a struct loop. */
struct loop_epoll_state {
	int fd;
	uint32_t round; /* counts turns; may wrap */
	TAILQ_HEAD(loop_epoll_ready, loop_fd) ready;
	uint8_t *lent; /* LOOP_RECV_MAX bytes, for recv callbacks */
	bool running;  /* callbacks: what they close goes together */
	uint32_t closing_n;
	int32_t closing[EP_CLOSING_MAX]; /* to be closed, in order */
};

/* Between loop_epoll.c, which is the backend, and loop_epoll_op.c, whose
 * first functions are the struct loop_backend's. */
int loop_epoll_start_rx(struct loop *, struct loop_fd *);
int loop_epoll_start_tx(struct loop *, struct loop_fd *);
int loop_epoll_start_connect(
    struct loop *, struct loop_fd *, const struct sockaddr *, socklen_t);
void loop_epoll_stopped_rx(struct loop *, struct loop_fd *, int kind);
void loop_epoll_stopped_tx(struct loop *, struct loop_fd *, int kind);
ssize_t loop_epoll_send_now(
    struct loop *, int fd, const void *data, size_t len);

/* At the end of the turn, if callbacks are run now. */
void loop_epoll_close_soon(struct loop *, int fd);
/* Now what is to be closed; false: that was nothing. */
bool loop_epoll_close_all(struct loop *);
/* Register f for what is under way.  0 or -errno. */
int loop_epoll_watch(struct loop *, struct loop_fd *);
void loop_epoll_unwatch(struct loop *, struct loop_fd *);
/* Put f on the ready list, or take it off, as its state asks. */
void loop_epoll_requeue(struct loop *, struct loop_fd *);
/* Go on with what is under way; each calls back at most once, but accept. */
void loop_epoll_run_connect(struct loop *, struct loop_fd *);
void loop_epoll_run_rx(struct loop *, struct loop_fd *);
void loop_epoll_run_tx(struct loop *, struct loop_fd *);

#endif
