#ifndef WIRE_HTTP_HOP_H
#define WIRE_HTTP_HOP_H

#include "wire/http_head.h"
#include "wire/http_message.h"

/*
 * What a message's fields say of the one connection it came by: how it is
 * framed, what Connection names, and so what must not be passed on; for
 * wire/http_*.c alone.
 */
#define HTTP_OPTIONS_MAX 32 /* that Connection names */

struct http_hop {
	/* By the fields alone: NONE, LENGTH or CHUNKED. */
	enum http_framing framing;
	uint64_t length;
	bool has_length; /* also when that is 0 and the framing thus NONE */
	/* Connection's options. */
	bool close;
	bool keep_alive;
	bool upgrade;
	struct http_word options[HTTP_OPTIONS_MAX]; /* borrowed from the head */
	size_t options_n;
};

/*
 * Read a head that is clean and checked.  0, or the status by which to refuse
 * a request with such fields: 400, 431 (too many), 501 (an unknown coding).
 */
int http_hop_read(
    const uint8_t *in, size_t len, uint8_t minor, struct http_hop *out);

/* Is the field this hop's alone?  Also Transfer-Encoding and Upgrade, which
 * whoever passes the message on makes anew. */
bool http_hop_owns(const struct http_hop *, const struct http_field *);

/* One or more digits and nothing else, up to 2^63 - 1: 0, or WIRE_BAD. */
int http_number_read(const char *text, size_t len, uint64_t *out);

#endif
