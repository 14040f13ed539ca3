/* Tests base/buf: what is appended comes out, in order, and never more. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "tests/unit/unit.h"

static void
test_append_consume(void)
{
	struct buf *b = buf_new(8);
	int r;

	r = buf_append(b, "abcde", 5);
	CHECK_INT(r, 0);
	CHECK_INT(b->len, 5);
	buf_consume(b, 3);
	CHECK(memcmp(buf_bytes(b), "de", 2) == 0, "wrong bytes are left");
	CHECK_INT(b->len, 2);
	CHECK_INT(b->off, 3);
	buf_consume(b, 2);
	CHECK_INT(b->len, 0);
	CHECK_INT(b->off, 0);
	buf_free(b);
}

static void
test_append_full(void)
{
	struct buf *b = buf_new(8);
	int r;

	r = buf_append(b, "12345678", 8);
	CHECK_INT(r, 0);
	r = buf_append(b, "9", 1);
	CHECK_INT(r, -ENOSPC);
	r = buf_append(b, "", 0);
	CHECK_INT(r, 0);
	CHECK_INT(b->len, 8);
	buf_consume(b, 4);
	r = buf_append(b, "abcde", 5);
	CHECK_INT(r, -ENOSPC);
	CHECK_INT(b->len, 4);
	r = buf_append(b, "abcd", 4);
	CHECK_INT(r, 0);
	CHECK(memcmp(buf_bytes(b), "5678abcd", 8) == 0,
	    "content is not moved to the front");
	buf_free(b);
}

static void
test_room(void)
{
	struct buf *b = buf_new(8);
	size_t n;

	n = buf_room(b);
	CHECK_INT(n, 8);
	memcpy(buf_tail(b), "abcdef", 6);
	buf_added(b, 6);
	n = buf_room(b);
	CHECK_INT(n, 2);
	buf_consume(b, 5);
	n = buf_room(b);
	CHECK_INT(n, 7);
	CHECK_INT(b->off, 0);
	CHECK(buf_bytes(b)[0] == 'f', "buf_room() loses the content");
	memcpy(buf_tail(b), "ghijklm", 7);
	buf_added(b, 7);
	n = buf_room(b);
	CHECK_INT(n, 0);
	CHECK(memcmp(buf_bytes(b), "fghijklm", 8) == 0, "wrong content");
	buf_free(b);
}

static void
test_copy(void)
{
	char src[] = "copied";
	struct buf *b = buf_copy(src, 6);
	int r;

	memset(src, 'x', 6);
	CHECK_INT(b->len, 6);
	CHECK_INT(b->cap, 6);
	CHECK(memcmp(buf_bytes(b), "copied", 6) == 0, "not a copy");
	r = buf_append(b, "!", 1);
	CHECK_INT(r, -ENOSPC);
	buf_free(b);
	b = buf_copy(NULL, 0);
	CHECK(b != NULL && b->len == 0, "an empty copy is not empty");
	buf_free(b);
}

static void
test_absurd_sizes(void)
{
	struct buf *b;
	int r;

	CHECK(buf_new(SIZE_MAX) == NULL, "the size has wrapped");
	b = buf_new(4);
	r = buf_append(b, "a", SIZE_MAX);
	CHECK_INT(r, -ENOSPC);
	CHECK_INT(b->len, 0);
	buf_free(b);
	buf_free(NULL);
}

static void
test_stream(void)
{
	struct buf *b = buf_new(13);
	size_t in = 0, out = 0;
	uint8_t chunk[7];
	size_t n, i;

	while (out < 5000) {
		n = in % 7 + 1;
		for (i = 0; i < n; i++)
			chunk[i] = (uint8_t)(in + i);
		if (buf_append(b, chunk, n) == 0)
			in += n;
		n = out % 5 + 1;
		for (i = 0; i < n && b->len > 0; i++, out++) {
			if (buf_bytes(b)[0] != (uint8_t)out)
				CHECK(0, "byte %zu is wrong", out);
			buf_consume(b, 1);
		}
	}
	CHECK_INT(b->len, in - out);
	buf_free(b);
}

static const struct unit_case cases[] = {
    {"append and consume", test_append_consume},
    {"append to a full buffer", test_append_full},
    {"room and tail", test_room},
    {"copy", test_copy},
    {"absurd sizes", test_absurd_sizes},
    {"a long stream through a small buffer", test_stream},
};

UNIT_MAIN("buf", cases)
