#ifndef TESTS_UNIT_CODEC_H
#define TESTS_UNIT_CODEC_H

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "wire/wire.h"

#define CODEC_OUT_MAX 1024 /* of a decoded struct */

/* One message as bytes.  A bad one ends at the first byte that makes it bad,
 * so that deciding late, or early, is a failure. */
struct codec_case {
	const char *name;
	const char *in;
	size_t len;
	int want; /* as the decoder returns for the whole */
};

#define CODEC_BYTES(s) (s), sizeof(s) - 1
#define CODEC_GOOD(name, s)                           \
	{                                             \
		(name), CODEC_BYTES(s), sizeof(s) - 1 \
	}
#define CODEC_BAD(name, s)                       \
	{                                        \
		(name), CODEC_BYTES(s), WIRE_BAD \
	}

/* The decoder under test; out is zeroed and holds CODEC_OUT_MAX bytes. */
typedef int codec_decode(const uint8_t *in, size_t len, void *out);

/* From an allocation of exactly len bytes, so that the sanitizer sees a read
 * beyond them. */
static inline int
codec_run(codec_decode *fn, const char *in, size_t len, void *out)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	int rc;

	memset(out, 0, CODEC_OUT_MAX);
	if (len > 0)
		memcpy(copy, in, len);
	rc = fn(len > 0 ? copy : NULL, len, out);
	free(copy);
	return rc;
}

/* Every prefix, the whole, and the whole with 1..40 bytes behind it. */
static inline void
codec_check(codec_decode *fn, const struct codec_case *c)
{
	static const char zero[CODEC_OUT_MAX];
	char whole[CODEC_OUT_MAX], out[CODEC_OUT_MAX];
	char *more = malloc(c->len + 40);
	size_t i;
	int rc;

	for (i = 0; i < c->len; i++) {
		rc = codec_run(fn, c->in, i, out);
		CHECK(rc == WIRE_MORE, "%s: %zu of %zu bytes: %d, not MORE",
		    c->name, i, c->len, rc);
		CHECK(memcmp(out, zero, sizeof(out)) == 0,
		    "%s: %zu of %zu bytes: out was filled", c->name, i, c->len);
	}
	rc = codec_run(fn, c->in, c->len, whole);
	CHECK(rc == c->want, "%s: %d, not %d", c->name, rc, c->want);
	CHECK(rc > 0 || memcmp(whole, zero, sizeof(whole)) == 0,
	    "%s: out was filled", c->name);
	memcpy(more, c->in, c->len);
	for (i = 1; i <= 40; i++) {
		memset(more + c->len, (i & 1) != 0 ? 0xff : 0, i);
		rc = codec_run(fn, more, c->len + i, out);
		CHECK(rc == c->want, "%s: with %zu more: %d, not %d", c->name,
		    i, rc, c->want);
		CHECK(memcmp(out, whole, sizeof(out)) == 0,
		    "%s: with %zu more: another result", c->name, i);
	}
	free(more);
}

static inline void
codec_check_all(codec_decode *fn, const struct codec_case *cases, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		codec_check(fn, &cases[i]);
}

#define CODEC_CHECK_ALL(fn, cases) \
	codec_check_all((fn), (cases), sizeof(cases) / sizeof(*(cases)))

#endif
