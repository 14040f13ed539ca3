#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A fixed-capacity byte buffer: bytes are appended at the end and consumed
 * from the front.  One owner; buf_free(NULL) is allowed.
 */
struct buf {
	size_t off; /* of the first unconsumed byte */
	size_t len; /* unconsumed bytes */
	size_t cap;
	uint8_t data[];
};

/* NULL when out of memory. */
struct buf *buf_new(size_t cap);
/* A buffer with capacity len that holds a copy of len bytes. */
struct buf *buf_copy(const void *data, size_t len);
void buf_free(struct buf *);

static inline const uint8_t *
buf_bytes(const struct buf *b)
{
	return b->data + b->off;
}

/* Room for further bytes, moving the content to the front if that helps. */
size_t buf_room(struct buf *);
/* Where buf_room() bytes may be written, to be followed by buf_added(). */
uint8_t *buf_tail(struct buf *);
void buf_added(struct buf *, size_t n);
/* 0, or -ENOSPC with nothing appended. */
int buf_append(struct buf *, const void *data, size_t len);
/* Append to *b, which is made or replaced by a larger one when need be; the
 * caller bounds how much.  0, or -ENOMEM with *b unchanged. */
int buf_extend(struct buf **b, const void *data, size_t len);
/* Do these bytes lie in b? */
bool buf_holds(const struct buf *b, const uint8_t *bytes);
void buf_consume(struct buf *, size_t n);

#endif
