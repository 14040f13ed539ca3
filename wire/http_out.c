/* Owns how the lines of an HTTP/1 head are written; must not choose them. */
#include "wire/http_out.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

void
http_out_bytes(struct http_out *o, const char *text, size_t len)
{
	if (o->len <= o->cap && len <= o->cap - o->len)
		memcpy(o->out + o->len, text, len);
	o->len += len;
}

void
http_out_text(struct http_out *o, const char *text)
{
	http_out_bytes(o, text, strlen(text));
}

void
http_out_number(struct http_out *o, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	http_out_text(o, text);
}

void
http_out_line(struct http_out *o, const char *name, const char *value)
{
	http_out_text(o, name);
	http_out_text(o, ": ");
	http_out_text(o, value);
	http_out_text(o, "\r\n");
}

void
http_out_count(struct http_out *o, const char *name, uint64_t value)
{
	http_out_text(o, name);
	http_out_text(o, ": ");
	http_out_number(o, value);
	http_out_text(o, "\r\n");
}

void
http_out_field(struct http_out *o, const struct http_field *field)
{
	http_out_bytes(o, field->name, field->name_len);
	http_out_text(o, ": ");
	http_out_bytes(o, field->value, field->value_len);
	http_out_text(o, "\r\n");
}

void
http_out_via(struct http_out *o, uint8_t minor)
{
	http_out_line(o, "Via", minor > 0 ? "1.1 cagent" : "1.0 cagent");
}

int
http_out_end(struct http_out *o)
{
	http_out_text(o, "\r\n");
	if (o->len <= o->cap && o->len <= INT_MAX)
		return (int)o->len;
	sodium_memzero(o->out, o->cap);
	return WIRE_BAD;
}
