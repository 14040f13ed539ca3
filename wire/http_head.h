#ifndef WIRE_HTTP_HEAD_H
#define WIRE_HTTP_HEAD_H

#include <llhttp/llhttp.h>

#include "wire/wire.h"

/*
 * What requests and responses have in common; for wire/http_*.c alone.
 */

/* One header field, borrowed from the head; value without the blanks around
 * it. */
struct http_field {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

/*
 * The length of the head that starts at in, or 0 while its end is not there.
 * Ends with a bare LF count too: they are refused later, not waited for.
 * *scanned (0 at first) is where no end has to be looked for any more.
 */
size_t http_head_end(const uint8_t *in, size_t len, size_t *scanned);

/* Every line of a whole head ends in CR LF, none continues another (obs-fold)
 * or begins with its colon; no control characters but tabs. */
bool http_head_is_clean(const uint8_t *in, size_t len);

/* RFC 9110 section 5.6.2. */
bool http_is_token(const char *text, size_t len);

/* What llhttp finds wrong with a whole head: HPE_OK when nothing.  *status
 * (may be NULL) is a response's status, 0 when that was not reached. */
llhttp_errno_t http_head_check(
    llhttp_type_t, const uint8_t *in, size_t len, int *status);

/* An early no to what is not HTTP/1 at all, such as a greeting by SSH. */
bool http_may_be_response(const uint8_t *in, size_t len);
/* The status, 100 to 599, of a whole response head that is clean and checked,
 * or WIRE_BAD.  unframed: how its content is framed does not matter. */
int http_head_status(const uint8_t *in, size_t len, bool unframed);

/* The field at *pos (first: 0, which skips the start line) of a head that is
 * clean and checked; false at the end. */
bool http_head_next(
    const uint8_t *in, size_t len, size_t *pos, struct http_field *out);
bool http_field_is(const struct http_field *, const char *name);

/* Borrowed text, not ended by a NUL. */
struct http_word {
	const char *text;
	size_t len;
};

bool http_word_is(const struct http_word *, const char *); /* in any case */
/*
 * The element at *pos (first: 0) of a field's value that is a list (RFC 9110
 * section 5.6.1), without the blanks around it; empty ones are skipped.  Every
 * comma separates: what quotes or brackets may hide is cut too.
 */
bool http_list_next(
    const struct http_field *, size_t *pos, struct http_word *out);

/* Does a field with a challenge or credentials name a scheme that logs the
 * connection in, and not the request (NTLM, Negotiate)? */
bool http_field_binds(const struct http_field *);

#endif
