#ifndef BASE_LOOP_URING_H
#define BASE_LOOP_URING_H

#include <sys/queue.h>
#include <sys/socket.h>

#include <stdint.h>

struct buf;
struct loop_fd;
struct loop_uring;
struct loop_uring_out;
struct loop_uring_peer;

/* What has been asked of the kernel for an fd: one of each row at most. */
enum {
	UR_RX_NONE,
	UR_RX_RECV,
	UR_RX_ACCEPT,
	UR_RX_POLL, /* for poll and readable */
};
enum {
	UR_TX_NONE,
	UR_TX_SEND,
	UR_TX_CONNECT,
};

/* All clear is an fd of which nothing is known. */
enum {
	UR_QUEUED = 1 << 0, /* in ready */
	UR_TODO = 1 << 1,   /* in todo */
	UR_LINGER = 1 << 2, /* in lingering */
	/* What the kernel was asked for is for nobody, and: has been told. */
	UR_RX_DROP = 1 << 3,
	UR_RX_DROPPED = 1 << 4,
	UR_TX_DROP = 1 << 5,
	UR_TX_DROPPED = 1 << 6,
	UR_RX_END = 1 << 7,   /* rx_end is for the next receiving op */
	UR_READABLE = 1 << 8, /* polled so, and not drained since */
	UR_FULL = 1 << 9,     /* to send in, until polled otherwise */
	UR_TX_DONE = 1 << 10, /* tx_res is the result of f->tx */
	UR_SHUT = 1 << 11,    /* half-close when all is sent */
	UR_CLOSE = 1 << 12,   /* close when all is sent */
	UR_BULK = 1 << 13,    /* to receive by large buffers, one by one */
	UR_LARGE = 1 << 14,   /* receives so already */
	UR_LISTENER = 1 << 15,
	UR_ODD = 1 << 16, /* a poll that what nobody asked for ends */
	UR_OUT = 1 << 17, /* the kernel says when there is room to send in */
	/* What was taken is lost, and only we know: who receives is told. */
	UR_LOST = 1 << 18,
	/* Of a listener without a descriptor to spare: to be polled before it
	 * accepts again, and: was, and somebody waits. */
	UR_SHORT = 1 << 19,
	UR_KNOCKED = 1 << 20,
	UR_MUTE = 1 << 22,   /* half-closed, or to be: nothing more is taken */
	UR_UNSAID = 1 << 21, /* in unsaid; what was sent has not failed yet */
};

/* The io_uring backend's part of a struct loop_fd. */
struct loop_uring_fd {
	STAILQ_ENTRY(loop_fd) ready;  /* valid with UR_QUEUED */
	STAILQ_ENTRY(loop_fd) todo;   /* valid with UR_TODO */
	STAILQ_ENTRY(loop_fd) linger; /* valid with UR_LINGER */
	STAILQ_ENTRY(loop_fd) unsaid; /* valid with UR_UNSAID */
	struct buf *kept; /* received while nobody asked; of a listener: fds */
	struct loop_uring_out *out;    /* to be sent, in this order */
	struct sockaddr_storage *addr; /* to connect to, until it is */
	struct loop_uring_peer *peer;  /* of a listener, for ever */
	uint32_t serial;  /* of the file, among those of this number */
	int32_t rx_end;	  /* with UR_RX_END: 0 or -errno */
	int32_t tx_error; /* of what was taken; 0: none */
	int32_t tx_res;	  /* with UR_TX_DONE */
	int32_t linger_s; /* when to give up, by mono_us()'s clock */
	uint32_t bits;	  /* UR_* */
	uint8_t rx_asked; /* UR_RX_* */
	uint8_t tx_asked; /* UR_TX_* */
	uint8_t addr_len;
	uint8_t appetite; /* full or short receives in a row */
};

#endif
