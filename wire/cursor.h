#ifndef WIRE_CURSOR_H
#define WIRE_CURSOR_H

#include "wire/wire.h"

/*
 * Bounds-checked big-endian reading and writing for the codecs.  A cursor
 * remembers its first failure: later calls do nothing and get zeroes, so a
 * decoder reads a whole message in a row and asks once, at the end, how it
 * went.  A check on what was read after a failure is ignored for that reason.
 */
enum cursor_state {
	CURSOR_OK,
	CURSOR_SHORT, /* reading: the bytes ran out; writing: the space did */
	CURSOR_BAD
};

struct cursor_in {
	const uint8_t *p; /* borrowed; what is left */
	size_t left;
	size_t used;
	enum cursor_state state;
};

void cursor_in_init(struct cursor_in *, const uint8_t *in, size_t len);
uint8_t cursor_get_u8(struct cursor_in *);
uint16_t cursor_get_u16(struct cursor_in *);
uint32_t cursor_get_u32(struct cursor_in *);
uint64_t cursor_get_u64(struct cursor_in *);
/* Copies n bytes to out; on failure out is not touched. */
void cursor_get(struct cursor_in *, void *out, size_t n);
/* The next n bytes, borrowed from the input; NULL on failure. */
const uint8_t *cursor_take(struct cursor_in *, size_t n);
/* A string that ends with NUL, which is consumed; out holds cap bytes, the
 * NUL among them.  Bad as soon as it is known not to fit.  Returns the
 * length. */
size_t cursor_get_string(struct cursor_in *, char *out, size_t cap);
/* The message is bad unless ok. */
void cursor_require(struct cursor_in *, bool ok);
/* The bytes consumed, WIRE_MORE or WIRE_BAD. */
int cursor_in_result(const struct cursor_in *);

struct cursor_out {
	uint8_t *p; /* borrowed; the space that is left */
	size_t left;
	size_t used;
	enum cursor_state state;
};

void cursor_out_init(struct cursor_out *, uint8_t *out, size_t cap);
void cursor_put_u8(struct cursor_out *, uint8_t);
void cursor_put_u16(struct cursor_out *, uint16_t);
void cursor_put_u32(struct cursor_out *, uint32_t);
void cursor_put_u64(struct cursor_out *, uint64_t);
void cursor_put(struct cursor_out *, const void *in, size_t n);
/* The string without its NUL. */
void cursor_put_text(struct cursor_out *, const char *);
/* The input cannot be expressed unless ok. */
void cursor_expect(struct cursor_out *, bool ok);
/* The bytes written, or WIRE_BAD. */
int cursor_out_result(const struct cursor_out *);

#endif
