#ifndef WIRE_HTTP_OUT_H
#define WIRE_HTTP_OUT_H

#include "wire/http_head.h"

/*
 * A head as it is written; for wire/http_*.c alone.  What does not fit is
 * counted, so that only http_out_end() has to be asked.
 */
struct http_out {
	uint8_t *out;
	size_t cap;
	size_t len; /* also of what did not fit */
};

void http_out_bytes(struct http_out *, const char *text, size_t len);
void http_out_text(struct http_out *, const char *);
void http_out_number(struct http_out *, uint64_t);
/* A whole line, "name: value". */
void http_out_line(struct http_out *, const char *name, const char *value);
void http_out_count(struct http_out *, const char *name, uint64_t value);
void http_out_field(struct http_out *, const struct http_field *);
/* Whom a message of HTTP/1.minor has passed: ourselves. */
void http_out_via(struct http_out *, uint8_t minor);
/* The empty line.  The head's length; WIRE_BAD, and out is wiped (it may hold
 * a login), when it did not fit. */
int http_out_end(struct http_out *);

#endif
