/* Owns which fields concern one connection alone, and how they frame a
 * message; must not know what the message says. */
#include "wire/http_hop.h"

#include <string.h>
#include <strings.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* RFC 9110 section 7.6.1; Proxy-* see below. */
static const char *const hop_names[] = {
    "Connection", "Keep-Alive", "TE", "Transfer-Encoding", "Upgrade"};

/*
 * Nobody has a reason to name these: whoever does wants them to vanish between
 * two readers, so that one sees another message, login or destination than the
 * other.
 */
static const char *const unnameable[] = {"Connection", "Host", "Content-Length",
    "Transfer-Encoding", "Content-Type", "Content-Encoding", "Content-Range",
    "Range", "Expect", "Authorization", "Proxy-Authorization", "Cookie",
    "Set-Cookie", "Cache-Control", "Via", "Max-Forwards"};

int
http_number_read(const char *text, size_t len, uint64_t *out)
{
	uint64_t n = 0, digit;
	size_t i;

	if (len == 0)
		return WIRE_BAD;
	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return WIRE_BAD;
		digit = (uint64_t)(text[i] - '0');
		if (n > (INT64_MAX - digit) / 10)
			return WIRE_BAD;
		n = n * 10 + digit;
	}
	*out = n;
	return 0;
}

static int
length_read(struct http_hop *hop, const struct http_field *field)
{
	if (hop->has_length || hop->framing == HTTP_BODY_CHUNKED ||
	    http_number_read(field->value, field->value_len, &hop->length) != 0)
		return 400;
	hop->has_length = true;
	if (hop->length > 0)
		hop->framing = HTTP_BODY_LENGTH;
	return 0;
}

/*
 * "chunked" and nothing else.  Where other codings lie below it, its end could
 * be found, but who gets the content could not read it: the codings are this
 * hop's, and we ask for none.
 */
static int
coding_read(struct http_hop *hop, uint8_t minor, const struct http_field *field)
{
	struct http_word coding = {.len = 0};
	unsigned int n = 0, chunked_n = 0;
	size_t pos = 0;

	if (hop->has_length || hop->framing == HTTP_BODY_CHUNKED || minor == 0)
		return 400;
	while (http_list_next(field, &pos, &coding)) {
		n++;
		chunked_n += http_word_is(&coding, "chunked") ? 1 : 0;
	}
	if (chunked_n != 1 || !http_word_is(&coding, "chunked"))
		return 400;
	if (n > 1)
		return 501;
	/* No commas around it either. */
	if (field->value_len != coding.len)
		return 400;
	hop->framing = HTTP_BODY_CHUNKED;
	return 0;
}

static bool
may_be_named(const struct http_word *option)
{
	size_t i;

	for (i = 0; i < N(unnameable); i++) {
		if (http_word_is(option, unnameable[i]))
			return false;
	}
	return http_is_token(option->text, option->len);
}

static int
connection_read(struct http_hop *hop, const struct http_field *field)
{
	struct http_word option;
	size_t pos = 0;

	while (http_list_next(field, &pos, &option)) {
		if (!may_be_named(&option))
			return 400;
		if (hop->options_n == HTTP_OPTIONS_MAX)
			return 431;
		hop->options[hop->options_n++] = option;
		if (http_word_is(&option, "close"))
			hop->close = true;
		else if (http_word_is(&option, "keep-alive"))
			hop->keep_alive = true;
		else if (http_word_is(&option, "upgrade"))
			hop->upgrade = true;
	}
	return 0;
}

int
http_hop_read(
    const uint8_t *in, size_t len, uint8_t minor, struct http_hop *out)
{
	struct http_field field;
	unsigned int n = 0;
	size_t pos = 0;
	int status = 0;

	memset(out, 0, sizeof(*out));
	while (status == 0 && http_head_next(in, len, &pos, &field)) {
		if (++n > HTTP_HEADERS_MAX)
			return 431;
		if (http_field_is(&field, "Content-Length"))
			status = length_read(out, &field);
		else if (http_field_is(&field, "Transfer-Encoding"))
			status = coding_read(out, minor, &field);
		else if (http_field_is(&field, "Connection"))
			status = connection_read(out, &field);
	}
	return status;
}

/* All of them are between a client and the next proxy, but for what a proxy
 * says of itself to whom it may concern (RFC 9209). */
static bool
is_proxys(const struct http_field *field)
{
	return field->name_len > 6 &&
	       strncasecmp(field->name, "Proxy-", 6) == 0 &&
	       !http_field_is(field, "Proxy-Status");
}

bool
http_hop_owns(const struct http_hop *hop, const struct http_field *field)
{
	size_t i;

	if (is_proxys(field))
		return true;
	for (i = 0; i < N(hop_names); i++) {
		if (http_field_is(field, hop_names[i]))
			return true;
	}
	for (i = 0; i < hop->options_n; i++) {
		if (hop->options[i].len == field->name_len &&
		    strncasecmp(hop->options[i].text, field->name,
			field->name_len) == 0)
			return true;
	}
	return false;
}
