#ifndef BASE_LOOP_URING_IMPL_H
#define BASE_LOOP_URING_IMPL_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/loop_impl.h"

/* Private to base/loop_uring*.c. */

#define URING_SQ_N 512
#define URING_CQ_N 4096
/* Most that reconciling one fd adds to the queue. */
#define URING_SQES_AN_FD 6

/* What is kept for nobody before the kernel is told to stop. */
#define URING_KEPT_MAX (16 * 1024)
/* What is taken to be sent before the kernel has it. */
#define URING_TAKE_MAX LOOP_RECV_USUAL
/* How long a closed fd may take to send what was taken. */
#define URING_LINGER_S 30

/* Buffers that the kernel picks from to receive into. */
enum uring_size {
	URING_SMALL,
	URING_LARGE,
	URING_SIZES
};

struct uring_group {
	struct io_uring_buf_ring *ring;
	uint8_t *memory;
	uint32_t size; /* of a buffer */
	uint32_t n;    /* a power of two */
	uint32_t held; /* by what is to be sent */
};

/* Bytes on their way out: in a buf, or in a received buffer that is held. */
struct loop_uring_out {
	struct loop_uring_out *next;
	struct buf *buf;
	struct uring_group *group; /* with buf == NULL */
	const uint8_t *data;	   /* with buf == NULL */
	uint32_t len;		   /* left */
	int32_t total;
	uint16_t bid;
	bool of_op; /* f->tx is told when it is sent */
	bool dead;  /* in the kernel, but cancelled */
};

/* Where the kernel puts who has connected. */
struct loop_uring_peer {
	struct sockaddr_storage addr;
	socklen_t len;
};

STAILQ_HEAD(uring_list, loop_fd);

struct loop_uring {
	struct io_uring ring;
	struct uring_group groups[URING_SIZES];
	struct uring_list ready;     /* to be called back, without asking */
	struct uring_list todo;	     /* the kernel is to be asked or told */
	struct uring_list lingering; /* closed, and not all sent */
	struct uring_list unsaid;    /* sent, unless a completion tells */
	int64_t sweep_us;	     /* when to look at these */
	uint32_t in_kernel;	     /* requests, each owes a completion */
	/* What the callback that runs has been lent. */
	struct uring_group *lent_group; /* NULL: nothing of the ring's */
	const uint8_t *lent;
	size_t lent_len;
	uint16_t lent_bid;
	bool lent_held; /* ... has been kept hold of */
};

/* What a completion is about, in its user_data. */
enum uring_what {
	URING_NOTHING, /* told by nobody, such as of a cancelling */
	URING_RECV,
	URING_RECV_LARGE,
	URING_ACCEPT,
	URING_POLL,
	URING_SEND,
	URING_CONNECT,
	URING_POLL_OUT
};

static inline uint64_t
uring_user_data(const struct loop_fd *f, int what)
{
	return (uint64_t)(uint32_t)f->fd << 32 |
	       (uint64_t)(f->ur.serial & 0xffffff) << 8 | (uint64_t)what;
}

static inline enum uring_what
uring_what_of(const struct io_uring_cqe *cqe)
{
	return (enum uring_what)(cqe->user_data & 0xff);
}

/* NULL: the file is closed. */
static inline struct loop_fd *
uring_fd_of(const struct loop *l, const struct io_uring_cqe *cqe)
{
	struct loop_fd *f = loop_fd_find(l, (int)(cqe->user_data >> 32));
	uint32_t serial = (uint32_t)(cqe->user_data >> 8) & 0xffffff;

	return f != NULL && (f->ur.serial & 0xffffff) == serial ? f : NULL;
}

/* loop_uring_setup.c: 0 or -errno, with nothing left behind. */
int uring_setup(struct loop_uring *);
/* Nothing is in the kernel any more. */
void uring_teardown(struct loop_uring *);

/* loop_uring.c */
void uring_ready(struct loop *, struct loop_fd *);
void uring_todo(struct loop *, struct loop_fd *);
/* An entry of the queue, for which there is room. */
struct io_uring_sqe *uring_ask(struct loop *);
void uring_about(
    struct loop *, struct io_uring_sqe *, const struct loop_fd *, int what);
void uring_cancel(struct loop *, const struct loop_fd *, int what);
/* Its close tells the peer by a reset. */
void uring_reset_at_close(int fd);
/* Put f where its state wants it. */
void uring_update(struct loop *, struct loop_fd *);

/* loop_uring_ask.c */
void uring_rx_reconcile(struct loop *, struct loop_fd *);
void uring_tx_reconcile(struct loop *, struct loop_fd *);

/* loop_uring_rx.c */
int uring_start_rx(struct loop *, struct loop_fd *);
void uring_stopped_rx(struct loop *, struct loop_fd *, int kind);
int uring_peek(struct loop *, int fd);
void uring_drained(struct loop *, struct loop_fd *);
int uring_take_accepted(struct loop *, struct loop_fd *);
bool uring_rx_runnable(const struct loop_fd *);
void uring_rx_run(struct loop *, struct loop_fd *);
/* f: NULL when the file is closed. */
void uring_received(struct loop *, struct loop_fd *,
    const struct io_uring_cqe *, enum uring_what);
/* What nobody will ask for. */
void uring_rx_forget(struct loop *, struct loop_fd *);
void uring_give_back(struct uring_group *, uint16_t bid);

/* loop_uring_tx.c */
int uring_start_tx(struct loop *, struct loop_fd *);
int uring_start_connect(
    struct loop *, struct loop_fd *, const struct sockaddr *, socklen_t);
void uring_stopped_tx(struct loop *, struct loop_fd *, int kind);
ssize_t uring_send_now(struct loop *, int fd, const void *data, size_t len);
size_t uring_unsent(const struct loop_fd *);
void uring_shutdown(struct loop *, int fd);
void uring_full(struct loop *, struct loop_fd *);
bool uring_tx_runnable(const struct loop_fd *);
bool uring_tx_connecting(const struct loop_fd *);
void uring_tx_run(struct loop *, struct loop_fd *);
void uring_sent(struct loop *, struct loop_fd *, const struct io_uring_cqe *,
    enum uring_what);
/* All has been sent of what the kernel has taken and not told of. */
void uring_conclude_unsaid(struct loop *);
/* What was taken need not be sent. */
void uring_tx_abandon(struct loop *, struct loop_fd *);
void uring_out_free(struct loop_uring_out *);

#endif
