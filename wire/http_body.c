/* Owns where the content of an HTTP/1 message ends; must not know the message. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "wire/http_head.h"
#include "wire/http_message.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

#define DIGITS_MAX 16 /* of a chunk's size */

enum body_state {
	BODY_DATA, /* left bytes of content, or all there are */
	BODY_SIZE, /* digits of a chunk's size */
	BODY_EXT,  /* what follows them, up to CR */
	BODY_SIZE_LF,
	BODY_DATA_CR, /* after a chunk */
	BODY_DATA_LF,
	BODY_TRAILER,
	BODY_DONE,
	BODY_BAD
};

void
http_body_init(
    struct http_body *body, enum http_framing framing, uint64_t length)
{
	memset(body, 0, sizeof(*body));
	body->framing = framing;
	switch (framing) {
	case HTTP_BODY_NONE:
		body->state = BODY_DONE;
		break;
	case HTTP_BODY_LENGTH:
		body->left = length;
		body->state = length > 0 ? BODY_DATA : BODY_DONE;
		break;
	case HTTP_BODY_CHUNKED:
		body->state = BODY_SIZE;
		break;
	case HTTP_BODY_CLOSE:
		body->state = BODY_DATA;
		break;
	}
}

bool
http_body_done(const struct http_body *body)
{
	return body->state == BODY_DONE;
}

bool
http_body_ends(const struct http_body *body)
{
	return body->state == BODY_DONE || body->framing == HTTP_BODY_CLOSE;
}

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* A chunk's size: nothing but digits, then CR or an extension at once. */
static enum body_state
size_digit(struct http_body *body, uint8_t c)
{
	int digit = hex_digit(c);

	if (digit >= 0) {
		if (body->line_len > DIGITS_MAX ||
		    body->left > (uint64_t)INT64_MAX >> 4)
			return BODY_BAD;
		body->left = body->left << 4 | (unsigned int)digit;
		return BODY_SIZE;
	}
	if (body->line_len == 1)
		return BODY_BAD;
	if (c == '\r')
		return BODY_SIZE_LF;
	return c == ';' ? BODY_EXT : BODY_BAD;
}

static enum body_state
ext_byte(uint8_t c)
{
	if (c == '\r')
		return BODY_SIZE_LF;
	return (c < ' ' && c != '\t') || c == 0x7f ? BODY_BAD : BODY_EXT;
}

/* One byte of what frames a chunk. */
static enum body_state
frame_byte(struct http_body *body, uint8_t c)
{
	switch ((enum body_state)body->state) {
	case BODY_SIZE:
	case BODY_EXT:
		if (++body->line_len > HTTP_CHUNK_LINE_MAX)
			return BODY_BAD;
		return body->state == BODY_SIZE ? size_digit(body, c)
						: ext_byte(c);
	case BODY_SIZE_LF:
		body->line_len = 0;
		if (c != '\n')
			return BODY_BAD;
		return body->left > 0 ? BODY_DATA : BODY_TRAILER;
	case BODY_DATA_CR:
		return c == '\r' ? BODY_DATA_LF : BODY_BAD;
	case BODY_DATA_LF:
		return c == '\n' ? BODY_SIZE : BODY_BAD;
	case BODY_DATA:
	case BODY_TRAILER:
	case BODY_DONE:
	case BODY_BAD:
		break;
	}
	return BODY_BAD;
}

static enum http_piece
data_next(struct http_body *body, const uint8_t *in, size_t len,
    const uint8_t **data, size_t *data_len)
{
	if (body->framing != HTTP_BODY_CLOSE) {
		if (len > body->left)
			len = (size_t)body->left;
		body->left -= len;
	}
	if (body->framing == HTTP_BODY_LENGTH && body->left == 0)
		body->state = BODY_DONE;
	else if (body->framing == HTTP_BODY_CHUNKED && body->left == 0)
		body->state = BODY_DATA_CR;
	*data = in;
	*data_len = len;
	return HTTP_PIECE_DATA;
}

/* name ":" value CR LF, by itself. */
static bool
is_field_line(const uint8_t *line, size_t len)
{
	const uint8_t *colon = memchr(line, ':', len);
	size_t i;

	if (len < 3 || line[len - 2] != '\r' || colon == NULL ||
	    !http_is_token((const char *)line, (size_t)(colon - line)))
		return false;
	for (i = 0; i < len - 2; i++) {
		if ((line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f)
			return false;
	}
	return true;
}

static enum http_piece
trailer_next(struct http_body *body, const uint8_t *in, size_t len,
    const uint8_t **data, size_t *data_len)
{
	size_t left = HTTP_TRAILER_MAX - body->trailer_len;
	size_t from = body->line_len < len ? body->line_len : 0;
	const uint8_t *lf;

	lf = memchr(in + from, '\n', len - from);
	if (lf == NULL && len < left) {
		body->line_len = (uint32_t)len;
		return HTTP_PIECE_MORE;
	}
	if (lf == NULL || (size_t)(lf - in) >= left)
		return HTTP_PIECE_BAD;
	len = (size_t)(lf - in) + 1;
	*data_len = len;
	body->line_len = 0;
	body->trailer_len += (uint32_t)len;
	if (len == 2 && in[0] == '\r')
		return HTTP_PIECE_DONE;
	*data = in;
	return is_field_line(in, len) ? HTTP_PIECE_TRAILER : HTTP_PIECE_BAD;
}

static bool
is_frame(enum body_state state)
{
	return state == BODY_SIZE || state == BODY_EXT ||
	       state == BODY_SIZE_LF || state == BODY_DATA_CR ||
	       state == BODY_DATA_LF;
}

enum http_piece
http_body_next(struct http_body *body, const uint8_t *in, size_t len,
    size_t *used, const uint8_t **data, size_t *data_len)
{
	enum http_piece piece = HTTP_PIECE_MORE;
	size_t n = 0;

	*data = NULL;
	*data_len = 0;
	while (n < len && is_frame(body->state))
		body->state = (uint8_t)frame_byte(body, in[n++]);
	*used = n;
	switch ((enum body_state)body->state) {
	case BODY_SIZE:
	case BODY_EXT:
	case BODY_SIZE_LF:
	case BODY_DATA_CR:
	case BODY_DATA_LF:
		return HTTP_PIECE_MORE;
	case BODY_DATA:
		if (n < len)
			piece =
			    data_next(body, in + n, len - n, data, data_len);
		break;
	case BODY_TRAILER:
		if (n < len)
			piece =
			    trailer_next(body, in + n, len - n, data, data_len);
		break;
	case BODY_DONE:
		return HTTP_PIECE_DONE;
	case BODY_BAD:
		return HTTP_PIECE_BAD;
	}
	*used += *data_len;
	if (piece == HTTP_PIECE_DONE) {
		body->state = BODY_DONE;
		*data_len = 0;
	} else if (piece == HTTP_PIECE_BAD) {
		body->state = BODY_BAD;
		*data = NULL;
		*data_len = 0;
	}
	return piece;
}

bool
http_trailer_passes(const uint8_t *line, size_t len)
{
	/* Whatever a recipient would have had to know before the content. */
	static const char *const never[] = {"Age", "Authorization",
	    "Cache-Control", "Connection", "Content-Encoding", "Content-Length",
	    "Content-Range", "Content-Type", "Cookie", "Date", "Expect",
	    "Expires", "Host", "If-Match", "If-Modified-Since", "If-None-Match",
	    "If-Range", "If-Unmodified-Since", "Keep-Alive", "Location",
	    "Max-Forwards", "Pragma", "Range", "Retry-After", "Set-Cookie",
	    "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Vary", "Via",
	    "WWW-Authenticate"};
	const uint8_t *colon = memchr(line, ':', len);
	struct http_word name;
	size_t i;

	if (colon == NULL)
		return false;
	name.text = (const char *)line;
	name.len = (size_t)(colon - line);
	for (i = 0; i < N(never); i++) {
		if (http_word_is(&name, never[i]))
			return false;
	}
	return name.len < 6 || strncasecmp(name.text, "Proxy-", 6) != 0;
}

size_t
http_chunk_head(size_t n, uint8_t out[HTTP_CHUNK_HEAD_MAX])
{
	char text[HTTP_CHUNK_HEAD_MAX + 1];
	int len = snprintf(text, sizeof(text), "%zx\r\n", n);

	memcpy(out, text, (size_t)len);
	return (size_t)len;
}
