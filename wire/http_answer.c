/* Owns what a response that is passed on says, and the head that goes back in
 * its place; must not decide what its status means. */
#include <string.h>
#include <strings.h>

#include "wire/http_head.h"
#include "wire/http_hop.h"
#include "wire/http_message.h"
#include "wire/http_out.h"

/* What the fields say that are not the hop's. */
struct said {
	bool squid_error;
	bool proxy_error;
	bool switches; /* Upgrade names what was asked for */
	unsigned int types_n;
};

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* type "/" subtype, or nothing at all. */
static void
type_read(const struct http_field *field, char out[HTTP_TYPE_MAX + 1])
{
	const char *slash, *end;
	size_t len = field->value_len, i;

	out[0] = '\0';
	end = memchr(field->value, ';', len);
	if (end != NULL)
		len = (size_t)(end - field->value);
	while (len > 0 && memchr(" \t", field->value[len - 1], 2) != NULL)
		len--;
	slash = memchr(field->value, '/', len);
	if (slash == NULL || len > HTTP_TYPE_MAX ||
	    !http_is_token(field->value, (size_t)(slash - field->value)) ||
	    !http_is_token(slash + 1, len - (size_t)(slash - field->value) - 1))
		return;
	for (i = 0; i < len; i++)
		out[i] = lower(field->value[i]);
	out[len] = '\0';
}

/* A parameter "error" of any of its members (RFC 9209 section 2.1.1); that it
 * may stand within a string does no harm. */
static bool
has_error(const struct http_field *field)
{
	static const char name[] = "error=";
	size_t i, len = sizeof(name) - 1;

	for (i = 1; i + len <= field->value_len; i++) {
		if (memcmp(field->value + i, name, len) == 0 &&
		    memchr("; \t", field->value[i - 1], 3) != NULL)
			return true;
	}
	return false;
}

/* Does the list that was sent hold what the server now turns to? */
static bool
is_offered(const struct http_ask *ask, const struct http_field *field)
{
	struct http_field offer = {
	    .value = ask->upgrade, .value_len = strlen(ask->upgrade)};
	struct http_word got, offered;
	size_t pos = 0;

	if (!http_list_next(field, &pos, &got))
		return false;
	for (pos = 0; http_list_next(&offer, &pos, &offered);) {
		if (offered.len == got.len &&
		    strncasecmp(offered.text, got.text, got.len) == 0)
			return true;
	}
	return false;
}

static void
fields_read(const uint8_t *in, size_t len, const struct http_ask *ask,
    struct http_answer *out, struct said *said)
{
	struct http_field field;
	size_t pos = 0;

	while (http_head_next(in, len, &pos, &field)) {
		if (http_field_is(&field, "Content-Type")) {
			type_read(&field, out->content_type);
			said->types_n++;
		} else if (http_field_is(&field, "X-Squid-Error")) {
			said->squid_error = true;
		} else if (http_field_is(&field, "Proxy-Status")) {
			said->proxy_error |= has_error(&field);
		} else if (http_field_is(&field, "WWW-Authenticate")) {
			out->binds |= http_field_binds(&field);
		} else if (http_field_is(&field, "Upgrade")) {
			said->switches = is_offered(ask, &field);
		}
	}
	/* Which of two is meant, nobody can tell. */
	if (said->types_n > 1)
		out->content_type[0] = '\0';
}

/* RFC 9112 section 6.3. */
static enum http_framing
framing_of(const struct http_ask *ask, int status, const struct http_hop *hop)
{
	if (status < 200 || status == 204 || status == 304 ||
	    strcmp(ask->request.method, "HEAD") == 0)
		return HTTP_BODY_NONE;
	if (hop->framing == HTTP_BODY_NONE && !hop->has_length)
		return HTTP_BODY_CLOSE;
	return hop->framing;
}

/* May a content follow all the same, by a server that knows no better? */
static bool
is_doubtful(int status, const struct http_hop *hop)
{
	if (status == 304)
		return hop->framing == HTTP_BODY_CHUNKED;
	return (status < 200 || status == 204) &&
	       hop->framing != HTTP_BODY_NONE;
}

static bool
is_kept(const struct http_answer *answer, const struct http_hop *hop)
{
	if (answer->framing == HTTP_BODY_CLOSE || answer->upgrade ||
	    hop->close || is_doubtful(answer->status, hop))
		return false;
	return answer->minor > 0 || hop->keep_alive;
}

static bool
is_of_hop(int status, const struct said *said)
{
	if (status == 503)
		return said->squid_error || said->proxy_error;
	return status == 407 || status == 502 || status == 504;
}

static int
head_read(const uint8_t *in, size_t len, const struct http_ask *ask,
    struct http_answer *out)
{
	struct said said = {.types_n = 0};
	struct http_hop hop;

	memset(out, 0, sizeof(*out));
	out->status = http_head_status(in, len, false);
	if (out->status == WIRE_BAD)
		return WIRE_BAD;
	out->minor = in[7] == '1';
	if (http_hop_read(in, len, out->minor, &hop) != 0)
		return WIRE_BAD;
	fields_read(in, len, ask, out, &said);
	out->upgrade = out->status == 101;
	out->interim = out->status < 200 && !out->upgrade;
	if (out->status < 200 && is_doubtful(out->status, &hop))
		return WIRE_BAD;
	if (out->upgrade && (out->minor == 0 || !hop.upgrade || !said.switches))
		return WIRE_BAD;
	out->framing = framing_of(ask, out->status, &hop);
	if (out->framing == HTTP_BODY_LENGTH)
		out->length = hop.length;
	out->keep_alive = is_kept(out, &hop);
	out->of_hop = is_of_hop(out->status, &said);
	return 0;
}

int
http_answer_decode(const uint8_t *in, size_t len, size_t *scanned,
    const struct http_ask *ask, struct http_answer *out)
{
	size_t max = len < HTTP_RESPONSE_MAX ? len : HTTP_RESPONSE_MAX;
	size_t end;

	if (!http_may_be_response(in, max))
		return WIRE_BAD;
	end = http_head_end(in, max, scanned);
	if (end == 0)
		return len < HTTP_RESPONSE_MAX ? WIRE_MORE : WIRE_BAD;
	if (head_read(in, end, ask, out) == WIRE_BAD) {
		memset(out, 0, sizeof(*out));
		return WIRE_BAD;
	}
	return (int)end;
}

enum http_framing
http_back_framing(const struct http_ask *ask, const struct http_answer *answer)
{
	switch (answer->framing) {
	case HTTP_BODY_NONE:
	case HTTP_BODY_LENGTH:
		break;
	case HTTP_BODY_CHUNKED:
	case HTTP_BODY_CLOSE:
		return ask->request.minor > 0 ? HTTP_BODY_CHUNKED
					      : HTTP_BODY_CLOSE;
	}
	return answer->framing;
}

/* "HTTP/1.1 200 OK", whatever the version was and where no reason is, its
 * blank. */
static void
line_put(struct http_out *o, const uint8_t *head, size_t len, int status)
{
	const char *text = (const char *)head;
	const char *reason = text + strlen("HTTP/1.1 200");
	const char *cr = memchr(text, '\r', len);

	http_out_text(o, "HTTP/1.1 ");
	http_out_number(o, (uint64_t)status);
	if (cr == NULL || cr <= reason)
		http_out_text(o, " ");
	else
		http_out_bytes(o, reason, (size_t)(cr - reason));
	http_out_text(o, "\r\n");
}

/* To what may the client's connection turn?  426 tells it to ask for that. */
static bool
upgrade_passes(const struct http_answer *answer)
{
	return answer->upgrade || answer->status == 426;
}

static void
fields_put(struct http_out *o, const struct http_answer *answer,
    const uint8_t *head, size_t len, const struct http_hop *hop)
{
	struct http_field field;
	size_t pos = 0;

	while (http_head_next(head, len, &pos, &field)) {
		if (http_field_is(&field, "Upgrade") && upgrade_passes(answer))
			http_out_field(o, &field);
		if (http_hop_owns(hop, &field))
			continue;
		if (!http_field_is(&field, "Content-Length"))
			http_out_field(o, &field);
		/* RFC 9110 section 8.6. */
		else if (answer->status >= 200 && answer->status != 204)
			http_out_count(o, "Content-Length", hop->length);
	}
}

static void
connection_put(struct http_out *o, const struct http_answer *answer,
    const struct http_back *back)
{
	if (answer->interim)
		return;
	if (back->framing == HTTP_BODY_CHUNKED)
		http_out_line(o, "Transfer-Encoding", "chunked");
	if (answer->upgrade)
		http_out_line(o, "Connection", "Upgrade");
	else if (!back->keep_alive || back->framing == HTTP_BODY_CLOSE)
		http_out_line(o, "Connection",
		    upgrade_passes(answer) ? "close, Upgrade" : "close");
	else if (upgrade_passes(answer))
		http_out_line(o, "Connection", "Upgrade");
	else if (back->minor == 0)
		http_out_line(o, "Connection", "keep-alive");
}

int
http_answer_encode(const struct http_answer *answer, const uint8_t *head,
    size_t len, const struct http_back *back, uint8_t *out, size_t cap)
{
	struct http_out o = {.out = out, .cap = cap};
	struct http_hop hop;

	if (http_hop_read(head, len, answer->minor, &hop) != 0)
		return WIRE_BAD;
	/* RFC 9110 section 15.2. */
	if (answer->interim && back->minor == 0)
		return 0;
	line_put(&o, head, len, answer->status);
	fields_put(&o, answer, head, len, &hop);
	http_out_via(&o, answer->minor);
	connection_put(&o, answer, back);
	return http_out_end(&o);
}
