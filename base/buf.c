/* Owns the layout of struct buf; does no I/O and never grows a buffer. */
#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct buf *
buf_new(size_t cap)
{
	struct buf *b;

	if (cap > SIZE_MAX - sizeof(*b))
		return NULL;
	b = malloc(sizeof(*b) + cap);
	if (b == NULL)
		return NULL;
	b->off = 0;
	b->len = 0;
	b->cap = cap;
	return b;
}

struct buf *
buf_copy(const void *data, size_t len)
{
	struct buf *b = buf_new(len);

	if (b != NULL && len > 0) {
		memcpy(b->data, data, len);
		b->len = len;
	}
	return b;
}

void
buf_free(struct buf *b)
{
	free(b);
}

size_t
buf_room(struct buf *b)
{
	if (b->off > 0) {
		memmove(b->data, b->data + b->off, b->len);
		b->off = 0;
	}
	return b->cap - b->len;
}

uint8_t *
buf_tail(struct buf *b)
{
	return b->data + b->off + b->len;
}

void
buf_added(struct buf *b, size_t n)
{
	assert(n <= b->cap - b->off - b->len);
	b->len += n;
}

int
buf_append(struct buf *b, const void *data, size_t len)
{
	if (len > b->cap - b->len)
		return -ENOSPC;
	if (len == 0)
		return 0;
	if (len > b->cap - b->off - b->len)
		buf_room(b);
	memcpy(buf_tail(b), data, len);
	b->len += len;
	return 0;
}

void
buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);
	b->len -= n;
	b->off = b->len > 0 ? b->off + n : 0;
}

int
buf_extend(struct buf **b, const void *data, size_t len)
{
	struct buf *old = *b;
	size_t had = old != NULL ? old->len : 0;
	struct buf *more;

	if (old != NULL && buf_append(old, data, len) == 0)
		return 0;
	more = buf_new(had + len);
	if (more == NULL)
		return -ENOMEM;
	if (had > 0)
		memcpy(more->data, buf_bytes(old), had);
	memcpy(more->data + had, data, len);
	more->len = had + len;
	buf_free(old);
	*b = more;
	return 0;
}

bool
buf_holds(const struct buf *b, const uint8_t *bytes)
{
	return b != NULL && bytes >= b->data && bytes <= b->data + b->cap;
}
