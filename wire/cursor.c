/* Owns byte order and bounds of the codecs; must not know any message. */
#include "wire/cursor.h"

#include <limits.h>
#include <string.h>

void
cursor_in_init(struct cursor_in *c, const uint8_t *in, size_t len)
{
	/* A result is an int: what lies beyond is left for the next message. */
	*c = (struct cursor_in){.p = in, .left = len < INT_MAX ? len : INT_MAX};
}

const uint8_t *
cursor_take(struct cursor_in *c, size_t n)
{
	const uint8_t *p = c->p;

	if (c->state == CURSOR_OK && n > c->left)
		c->state = CURSOR_SHORT;
	if (c->state != CURSOR_OK)
		return NULL;
	/* An empty input may be NULL, which must not be added to. */
	if (n > 0)
		c->p += n;
	c->left -= n;
	c->used += n;
	return p;
}

static uint64_t
get_number(struct cursor_in *c, size_t n)
{
	const uint8_t *p = cursor_take(c, n);
	uint64_t v = 0;
	size_t i;

	for (i = 0; p != NULL && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t
cursor_get_u8(struct cursor_in *c)
{
	return (uint8_t)get_number(c, 1);
}

uint16_t
cursor_get_u16(struct cursor_in *c)
{
	return (uint16_t)get_number(c, 2);
}

uint32_t
cursor_get_u32(struct cursor_in *c)
{
	return (uint32_t)get_number(c, 4);
}

uint64_t
cursor_get_u64(struct cursor_in *c)
{
	return get_number(c, 8);
}

void
cursor_get(struct cursor_in *c, void *out, size_t n)
{
	const uint8_t *p = cursor_take(c, n);

	if (p != NULL && n > 0)
		memcpy(out, p, n);
}

size_t
cursor_get_string(struct cursor_in *c, char *out, size_t cap)
{
	size_t most = c->left < cap ? c->left : cap;
	const uint8_t *end = NULL;
	size_t n;

	if (c->state != CURSOR_OK)
		return 0;
	if (most > 0)
		end = memchr(c->p, '\0', most);
	if (end == NULL) {
		c->state = most == cap ? CURSOR_BAD : CURSOR_SHORT;
		return 0;
	}
	n = (size_t)(end - c->p);
	cursor_get(c, out, n + 1);
	return n;
}

void
cursor_require(struct cursor_in *c, bool ok)
{
	if (c->state == CURSOR_OK && !ok)
		c->state = CURSOR_BAD;
}

int
cursor_in_result(const struct cursor_in *c)
{
	switch (c->state) {
	case CURSOR_OK:
		return (int)c->used;
	case CURSOR_SHORT:
		return WIRE_MORE;
	case CURSOR_BAD:
		break;
	}
	return WIRE_BAD;
}

void
cursor_out_init(struct cursor_out *c, uint8_t *out, size_t cap)
{
	*c = (struct cursor_out){
	    .p = out, .left = cap < INT_MAX ? cap : INT_MAX};
}

void
cursor_put(struct cursor_out *c, const void *in, size_t n)
{
	if (c->state == CURSOR_OK && n > c->left)
		c->state = CURSOR_SHORT;
	if (c->state != CURSOR_OK || n == 0)
		return;
	memcpy(c->p, in, n);
	c->p += n;
	c->left -= n;
	c->used += n;
}

static void
put_number(struct cursor_out *c, uint64_t v, size_t n)
{
	uint8_t bytes[8];
	size_t i;

	for (i = n; i > 0; i--, v >>= 8)
		bytes[i - 1] = (uint8_t)v;
	cursor_put(c, bytes, n);
}

void
cursor_put_u8(struct cursor_out *c, uint8_t v)
{
	put_number(c, v, 1);
}

void
cursor_put_u16(struct cursor_out *c, uint16_t v)
{
	put_number(c, v, 2);
}

void
cursor_put_u32(struct cursor_out *c, uint32_t v)
{
	put_number(c, v, 4);
}

void
cursor_put_u64(struct cursor_out *c, uint64_t v)
{
	put_number(c, v, 8);
}

void
cursor_put_text(struct cursor_out *c, const char *s)
{
	cursor_put(c, s, strlen(s));
}

void
cursor_expect(struct cursor_out *c, bool ok)
{
	if (c->state == CURSOR_OK && !ok)
		c->state = CURSOR_BAD;
}

int
cursor_out_result(const struct cursor_out *c)
{
	return c->state == CURSOR_OK ? (int)c->used : WIRE_BAD;
}
