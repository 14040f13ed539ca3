/* Owns the decoding of an HTTP proxy's response to CONNECT; must not decide
 * what a status means. */
#include "wire/http.h"
#include "wire/http_head.h"

int
http_response_decode(
    const uint8_t *in, size_t len, size_t *scanned, int *status)
{
	size_t max = len < HTTP_RESPONSE_MAX ? len : HTTP_RESPONSE_MAX;
	size_t start = 0, head_len, from;
	int interim, got;

	*status = 0;
	if (!http_may_be_response(in, max))
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
		/* After a 2xx there is no content whatever the fields say (RFC
		 * 9110 section 9.3.6), after anything else we close. */
		got = http_head_status(in + start, head_len, true);
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
