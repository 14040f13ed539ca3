/* The syntax of one line of an INI file; knows no table and keeps nothing. */
#include "base/conf_text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define EXCERPT_MAX 48

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Bytes of the UTF-8 sequence at s, 0 if it is not one (RFC 3629). */
static size_t
utf8_len(const uint8_t *s, size_t left)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t c = s[0];
	size_t n, i;

	if (c < 0x80)
		return 1;
	n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if (c < 0xc0 || c >= 0xf8 || n > left)
		return 0;
	c &= 0x7fu >> n;
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return n;
}

int
conf_text_fit(const char *s, size_t len, size_t max)
{
	if (len <= max)
		return (int)len;
	while (max > 0 && ((uint8_t)s[max] & 0xc0) == 0x80)
		max--;
	return (int)max;
}

/* C0, DEL and C1 would reach a terminal with the error message. */
static bool
text_ok(const char *s, size_t len, char why[CONF_WHY_MAX])
{
	const uint8_t *p = (const uint8_t *)s;
	size_t i, n;

	for (i = 0; i < len; i += n) {
		n = utf8_len(p + i, len - i);
		if (n == 0) {
			snprintf(why, CONF_WHY_MAX,
			    "expected UTF-8, found the byte 0x%02x at column "
			    "%zu",
			    p[i], i + 1);
			return false;
		}
		if ((p[i] < 0x20 && p[i] != '\t') || p[i] == 0x7f ||
		    (p[i] == 0xc2 && p[i + 1] < 0xa0)) {
			snprintf(why, CONF_WHY_MAX,
			    "expected text, found the control character "
			    "0x%02x at column %zu",
			    n == 1 ? p[i] : p[i + 1], i + 1);
			return false;
		}
	}
	return true;
}

static enum conf_line_kind
bad(const char *expected, const char *s, size_t len, char why[CONF_WHY_MAX])
{
	int n = conf_text_fit(s, len, EXCERPT_MAX);

	snprintf(why, CONF_WHY_MAX, "expected %s, found '%.*s%s'", expected, n,
	    s, (size_t)n < len ? "..." : "");
	return CONF_LINE_BAD;
}

/* Copy n bytes as a string; says so if there is no room or nothing. */
static bool
take(char *out, size_t max, const char *s, size_t n, const char *what,
    char why[CONF_WHY_MAX])
{
	if (n == 0 || n > max) {
		snprintf(why, CONF_WHY_MAX,
		    "expected a %s of 1 to %zu bytes, found %zu", what, max, n);
		return false;
	}
	memcpy(out, s, n);
	out[n] = '\0';
	return true;
}

static enum conf_line_kind
header(
    const char *s, size_t len, struct conf_header *out, char why[CONF_WHY_MAX])
{
	static const char expected[] = "[kind] or [kind \"name\"]";
	size_t at = 1, from;

	while (at < len && is_word(s[at]))
		at++;
	if (at == 1)
		return bad(expected, s, len, why);
	if (!take(out->kind, CONF_KIND_MAX, s + 1, at - 1, "section kind", why))
		return CONF_LINE_BAD;
	from = at;
	while (at < len && is_blank(s[at]))
		at++;
	out->named = at > from && at < len && s[at] == '"';
	out->name[0] = '\0';
	if (out->named) {
		from = ++at;
		while (at < len && s[at] != '"' && s[at] != '\t')
			at++;
		if (at == len || s[at] != '"')
			return bad(expected, s, len, why);
		if (!take(out->name, CONF_NAME_MAX, s + from, at - from,
			"section name", why))
			return CONF_LINE_BAD;
		at++;
		while (at < len && is_blank(s[at]))
			at++;
	}
	if (at == len || s[at] != ']')
		return bad(expected, s, len, why);
	from = ++at;
	while (at < len && is_blank(s[at]))
		at++;
	if (at < len && (at == from || s[at] != ';'))
		return bad("nothing after ']'", s, len, why);
	return CONF_LINE_SECTION;
}

/* inih would also take "key: value", and cut the key at " ;". */
static enum conf_line_kind
value(const char *s, size_t len, char why[CONF_WHY_MAX])
{
	size_t at = 0;

	while (at < len && is_word(s[at]))
		at++;
	if (at > CONF_KIND_MAX)
		return bad("a key of at most 31 bytes", s, at, why);
	while (at > 0 && at < len && is_blank(s[at]))
		at++;
	if (at == 0 || at == len || s[at] != '=')
		return bad("'key = value' or a [section]", s, len, why);
	return CONF_LINE_VALUE;
}

enum conf_line_kind
conf_text_line(
    const char *s, size_t len, struct conf_header *out, char why[CONF_WHY_MAX])
{
	size_t at = 0;

	if (len > CONF_LINE_MAX) {
		snprintf(why, CONF_WHY_MAX,
		    "expected a line of at most %d bytes, found %zu",
		    CONF_LINE_MAX, len);
		return CONF_LINE_BAD;
	}
	if (!text_ok(s, len, why))
		return CONF_LINE_BAD;
	while (at < len && is_blank(s[at]))
		at++;
	if (at == len || s[at] == ';' || s[at] == '#')
		return CONF_LINE_BLANK;
	if (at > 0)
		return bad(
		    "no blanks at the start of a line", s + at, len - at, why);
	return s[0] == '[' ? header(s, len, out, why) : value(s, len, why);
}
