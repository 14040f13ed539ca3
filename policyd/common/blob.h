#ifndef POLICYD_BLOB_H
#define POLICYD_BLOB_H

#include <stddef.h>
#include <stdint.h>

struct chan;
struct chan_msg;

/*
 * What is longer than one message of a channel: pieces of one type, of one
 * blob after the other.  A piece: u32 of the whole's length, u32 of where it
 * begins, bytes.
 */
#define BLOB_MAX (2u << 20)
/* Messages that the longest comes to: who sends long ones gives the channel
 * that much room and more (chan_queue_max()). */
#define BLOB_PIECES_MAX 129

/* All pieces, at once: 0, or -errno of chan_send() with some of them sent
 * (then only closing the channel is right). */
int blob_send(struct chan *, uint32_t type, const void *data, size_t len);

/* One a type and sender; zeroed before first use. */
struct blob {
	uint8_t *data; /* owned; the whole when blob_take() says 1, and a NUL */
	size_t len, got;
};
/* 1: b->data holds the whole, until the next call; 0: more is to come; -EPROTO
 * (a piece that does not follow, or too long); -ENOMEM. */
int blob_take(struct blob *, const struct chan_msg *);
void blob_free(struct blob *);

#endif
