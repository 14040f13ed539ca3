/* Owns the decoding of an HTTP proxy's response to CONNECT; must not decide
 * what a status means. */
#include <string.h>

#include "wire/http.h"
#include "wire/http_head.h"

/*
 * The status of the one head in[0..len), or WIRE_BAD.  How a content would be
 * framed is of no interest: after a 2xx there is none whatever the fields say
 * (RFC 9110 section 9.3.6), after anything else we close.
 */
static int
head_read(const uint8_t *in, size_t len)
{
	llhttp_errno_t error;
	int status;

	if (len < 9 ||
	    (memcmp(in, "HTTP/1.0 ", 9) != 0 &&
		memcmp(in, "HTTP/1.1 ", 9) != 0) ||
	    !http_head_is_clean(in, len))
		return WIRE_BAD;
	error = http_head_check(HTTP_RESPONSE, in, len, &status);
	if (error != HPE_OK && error != HPE_INVALID_CONTENT_LENGTH &&
	    error != HPE_UNEXPECTED_CONTENT_LENGTH &&
	    error != HPE_INVALID_TRANSFER_ENCODING)
		return WIRE_BAD;
	return status >= 100 && status <= 599 ? status : WIRE_BAD;
}

/* An early no to what is not HTTP at all, such as a greeting by SSH. */
static bool
may_be_http(const uint8_t *in, size_t len)
{
	static const char magic[7] = "HTTP/1.";

	return memcmp(in, magic, len < sizeof(magic) ? len : sizeof(magic)) ==
	       0;
}

int
http_response_decode(
    const uint8_t *in, size_t len, size_t *scanned, int *status)
{
	size_t max = len < HTTP_RESPONSE_MAX ? len : HTTP_RESPONSE_MAX;
	size_t start = 0, head_len, from;
	int interim, got;

	*status = 0;
	if (!may_be_http(in, max))
		return WIRE_BAD;
	/* The heads are read anew only when another one has ended. */
	if (http_head_end(in, max, scanned) == 0)
		return len < HTTP_RESPONSE_MAX ? WIRE_MORE : WIRE_BAD;

	for (interim = 0; interim <= HTTP_INTERIM_MAX; interim++) {
		from = 0;
		head_len = http_head_end(in + start, max - start, &from);
		if (head_len == 0) {
			*scanned = start + from;
			return len < HTTP_RESPONSE_MAX ? WIRE_MORE : WIRE_BAD;
		}
		got = head_read(in + start, head_len);
		if (got == WIRE_BAD)
			break;
		start += head_len;
		/* 101 is final: the protocol would change after it. */
		if (got >= 200 || got == 101) {
			*status = got;
			return (int)start;
		}
	}
	return WIRE_BAD;
}
