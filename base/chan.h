#ifndef BASE_CHAN_H
#define BASE_CHAN_H

#include <stddef.h>
#include <stdint.h>

struct loop;

/*
 * Messages between processes of ours over SOCK_SEQPACKET, with file
 * descriptors.  What may be said by whom is a table: a message that is not in
 * it, from a role that may not send it, of a wrong size or with a wrong number
 * of fds ends the channel, and the owner ends the peer.  So does a message
 * whose fds do not fit into our own limit: keep some fds in reserve.
 */
#define CHAN_DATA_MAX 16384
#define CHAN_FDS_MAX  16

/* A row; the message's type is its index. */
struct chan_rule {
	const char *name;
	uint32_t from; /* bit set of roles, 1u << role */
	uint32_t to;
	uint32_t len_min;
	uint32_t len_max;
	uint8_t fds_min;
	uint8_t fds_max;
};

struct chan_rules {
	const struct chan_rule *rows;
	uint32_t rows_n;
};

struct chan_msg {
	uint32_t type;
	const uint8_t *data; /* borrowed for the callback */
	size_t len;
	int *fds; /* the callback takes one by setting it to -1; the
		     others are closed when it returns */
	size_t fds_n;
};

struct chan;

struct chan_owner {
	/* A message that obeys the rules. */
	void (*message)(void *arg, struct chan *, const struct chan_msg *);
	/* The peer is gone (why NULL) or broke a rule ("note: too long").
	 * Called once, from the loop only; the channel is dead, chan_free() is
	 * still the owner's, who may call it here. */
	void (*closed)(void *arg, struct chan *, const char *why);
	void *arg;
};

/* An AF_UNIX SOCK_SEQPACKET pair, CLOEXEC, non-blocking.  0 or -errno. */
int chan_pair(int fds[2]);

/*
 * self, peer: roles (bit numbers in the rules).  fd is owned by the channel
 * from here on, also on failure.  0 or -errno.
 */
int chan_new(struct chan **, struct loop *, int fd, const struct chan_rules *,
    unsigned int self, unsigned int peer, const struct chan_owner *);
void chan_free(struct chan *); /* NULL allowed; not from its own message() */

/*
 * Send, or queue when the peer is behind.  fds are not taken: they are
 * duplicated into the message and stay the caller's.  0, -ENOBUFS when
 * CHAN_QUEUE_MAX messages already wait (the peer is stuck) or the kernel has
 * no room, -EPIPE (closed() comes or has come), or -EINVAL when the rules
 * forbid it (a bug of ours: also logged).
 */
#define CHAN_QUEUE_MAX 64
/* Another limit for this channel: where answers come in bursts, and each is
 * dear.  What waits with fds holds copies of them, so not for those. */
void chan_queue_max(struct chan *, size_t max);
int chan_send(struct chan *, uint32_t type, const void *data, size_t len,
    const int *fds, size_t fds_n);

/*
 * For a child's start, before it has a loop: wait at most wait_ms for one
 * message that obeys the rules.  buf holds CHAN_DATA_MAX bytes, fds
 * CHAN_FDS_MAX.  0 with *msg filled (all fds are the caller's), -ETIMEDOUT,
 * -EPIPE (peer gone), -EPROTO (a broken rule, logged).
 */
int chan_wait(int fd, const struct chan_rules *, unsigned int self,
    unsigned int peer, int wait_ms, uint8_t *buf, int *fds,
    struct chan_msg *msg);

#endif
