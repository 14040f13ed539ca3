/* Owns the framing of an HTTP/1 head and the way to llhttp; knows neither
 * requests nor responses. */
#include "wire/http_head.h"

#include <string.h>
#include <strings.h>

static int
on_headers_complete(llhttp_t *parser)
{
	(void)parser; /* llhttp's signature */
	/* 2: no body, and stop with HPE_PAUSED_UPGRADE at the head's end, so
	 * that one check of the offset serves every kind of message. */
	return 2;
}

static const llhttp_settings_t settings = {
    .on_headers_complete = on_headers_complete,
};

size_t
http_head_end(const uint8_t *in, size_t len, size_t *scanned)
{
	size_t i;

	for (i = *scanned; i + 1 < len; i++) {
		if (in[i] != '\n')
			continue;
		if (in[i + 1] == '\n')
			return i + 2;
		if (i + 2 < len && in[i + 1] == '\r' && in[i + 2] == '\n')
			return i + 3;
	}
	/* An end may have begun in the last two bytes. */
	if (len > 2 && len - 2 > *scanned)
		*scanned = len - 2;
	return 0;
}

bool
http_head_is_clean(const uint8_t *in, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (in[i] == '\r') {
			if (i + 1 == len || in[i + 1] != '\n')
				return false;
		} else if (in[i] == '\n') {
			if (i == 0 || in[i - 1] != '\r')
				return false;
			/* llhttp takes a field without a name. */
			if (i + 1 < len && memchr(" \t:", in[i + 1], 3) != NULL)
				return false;
		} else if ((in[i] < ' ' && in[i] != '\t') || in[i] == 0x7f) {
			return false;
		}
	}
	return true;
}

llhttp_errno_t
http_head_check(llhttp_type_t type, const uint8_t *in, size_t len, int *status)
{
	const char *text = (const char *)in;
	llhttp_t parser;
	llhttp_errno_t error;

	llhttp_init(&parser, type, &settings);
	error = llhttp_execute(&parser, text, len);
	if (status != NULL)
		*status = llhttp_get_status_code(&parser);
	if (error != HPE_PAUSED_UPGRADE)
		return error == HPE_OK ? HPE_INTERNAL : error;
	/* llhttp and http_head_end() must agree where the tunnel begins. */
	if (llhttp_get_error_pos(&parser) != text + len)
		return HPE_INTERNAL;
	return HPE_OK;
}

bool
http_may_be_response(const uint8_t *in, size_t len)
{
	static const char magic[7] = "HTTP/1.";

	return memcmp(in, magic, len < sizeof(magic) ? len : sizeof(magic)) ==
	       0;
}

int
http_head_status(const uint8_t *in, size_t len, bool unframed)
{
	llhttp_errno_t error;
	int status;

	if (len < 9 ||
	    (memcmp(in, "HTTP/1.0 ", 9) != 0 &&
		memcmp(in, "HTTP/1.1 ", 9) != 0) ||
	    !http_head_is_clean(in, len))
		return WIRE_BAD;
	error = http_head_check(HTTP_RESPONSE, in, len, &status);
	if (unframed && (error == HPE_INVALID_CONTENT_LENGTH ||
			    error == HPE_UNEXPECTED_CONTENT_LENGTH ||
			    error == HPE_INVALID_TRANSFER_ENCODING))
		error = HPE_OK;
	/* llhttp reads "0200" as 200. */
	if (error != HPE_OK || len < 13 || memchr(" \r", in[12], 2) == NULL)
		return WIRE_BAD;
	return status >= 100 && status <= 599 ? status : WIRE_BAD;
}

bool
http_is_token(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if ((text[i] >= 'A' && text[i] <= 'Z') ||
		    (text[i] >= 'a' && text[i] <= 'z') ||
		    (text[i] >= '0' && text[i] <= '9') ||
		    (text[i] != '\0' &&
			strchr("!#$%&'*+-.^_`|~", text[i]) != NULL))
			continue;
		return false;
	}
	return len > 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void
word_trim(struct http_word *word)
{
	while (word->len > 0 && is_blank(*word->text)) {
		word->text++;
		word->len--;
	}
	while (word->len > 0 && is_blank(word->text[word->len - 1]))
		word->len--;
}

bool
http_head_next(
    const uint8_t *in, size_t len, size_t *pos, struct http_field *out)
{
	const char *text = (const char *)in;
	const char *line, *colon, *lf;
	struct http_word value;

	if (*pos == 0) {
		lf = memchr(text, '\n', len);
		if (lf == NULL)
			return false;
		*pos = (size_t)(lf - text) + 1;
	}
	line = text + *pos;
	lf = memchr(line, '\n', len - *pos);
	colon = lf != NULL ? memchr(line, ':', (size_t)(lf - line)) : NULL;
	if (colon == NULL)
		return false;
	*pos = (size_t)(lf - text) + 1;

	out->name = line;
	out->name_len = (size_t)(colon - line);
	value.text = colon + 1;
	value.len = (size_t)(lf - colon) - 1;
	if (value.len > 0 && value.text[value.len - 1] == '\r')
		value.len--;
	word_trim(&value);
	out->value = value.text;
	out->value_len = value.len;
	return true;
}

bool
http_field_is(const struct http_field *field, const char *name)
{
	return strlen(name) == field->name_len &&
	       strncasecmp(field->name, name, field->name_len) == 0;
}

bool
http_word_is(const struct http_word *word, const char *text)
{
	return strlen(text) == word->len &&
	       strncasecmp(word->text, text, word->len) == 0;
}

bool
http_list_next(
    const struct http_field *field, size_t *pos, struct http_word *out)
{
	const char *comma;

	while (*pos < field->value_len) {
		out->text = field->value + *pos;
		out->len = field->value_len - *pos;
		comma = memchr(out->text, ',', out->len);
		if (comma != NULL)
			out->len = (size_t)(comma - out->text);
		*pos += out->len + 1;
		word_trim(out);
		if (out->len > 0)
			return true;
	}
	return false;
}

bool
http_field_binds(const struct http_field *field)
{
	struct http_word word;
	size_t pos = 0, len;

	while (http_list_next(field, &pos, &word)) {
		for (len = 0; len < word.len && !is_blank(word.text[len]);)
			len++;
		word.len = len;
		if (http_word_is(&word, "NTLM") ||
		    http_word_is(&word, "Negotiate"))
			return true;
	}
	return false;
}
