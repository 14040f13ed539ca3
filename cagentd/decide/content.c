/* Tells what content a request is for; keeps nothing, and decides no path. */
#include "cagentd/decide/content.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct word {
	const char *word, *type;
};

/* The Fetch standard's destinations, as far as they tell. */
static const struct word destinations[] = {
    {"document", "text/html"},
    {"iframe", "text/html"},
    {"frame", "text/html"},
    {"fencedframe", "text/html"},
    {"image", "image/"},
    {"style", "text/css"},
    {"script", "text/javascript"},
    {"worker", "text/javascript"},
    {"sharedworker", "text/javascript"},
    {"serviceworker", "text/javascript"},
    {"audioworklet", "text/javascript"},
    {"paintworklet", "text/javascript"},
    {"json", "application/json"},
    {"manifest", "application/manifest+json"},
    {"font", "font/"},
    {"audio", "audio/"},
    {"video", "video/"},
    {"track", "text/vtt"},
    {"xslt", "application/xslt+xml"},
};

/* Those that mean the same everywhere; "php" and its like do not. */
static const struct word extensions[] = {
    {"html", "text/html"},
    {"htm", "text/html"},
    {"xhtml", "application/xhtml+xml"},
    {"css", "text/css"},
    {"js", "text/javascript"},
    {"mjs", "text/javascript"},
    {"json", "application/json"},
    {"xml", "application/xml"},
    {"txt", "text/plain"},
    {"csv", "text/csv"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"svg", "image/svg+xml"},
    {"ico", "image/vnd.microsoft.icon"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"otf", "font/otf"},
    {"mp3", "audio/mpeg"},
    {"ogg", "audio/ogg"},
    {"wav", "audio/wav"},
    {"mp4", "video/mp4"},
    {"webm", "video/webm"},
    {"pdf", "application/pdf"},
    {"zip", "application/zip"},
    {"gz", "application/gzip"},
    {"xz", "application/x-xz"},
    {"deb", "application/vnd.debian.binary-package"},
    {"rpm", "application/x-rpm"},
    {"iso", "application/octet-stream"},
    {"exe", "application/octet-stream"},
    {"wasm", "application/wasm"},
};

#define LEN(table) (sizeof(table) / sizeof(*(table)))

const char *
content_witness_word(enum content_witness w)
{
	static const char *const words[CONTENT_WITNESSES] = {
	    [CONTENT_BY_DEST] = "sec-fetch-dest",
	    [CONTENT_BY_SEEN] = "learned",
	    [CONTENT_BY_EXTENSION] = "extension",
	    [CONTENT_BY_ACCEPT] = "accept",
	};

	return words[w];
}

static const char *
look_up(const struct word *words, size_t n, const char *word)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (strcasecmp(words[i].word, word) == 0)
			return words[i].type;
	}
	return "";
}

const char *
content_extension(const char *path, char out[static CONTENT_EXTENSION_MAX + 1])
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	const char *dot = strrchr(name, '.');
	size_t i, letters = 0;

	out[0] = '\0';
	if (dot == NULL || dot == name ||
	    strlen(dot + 1) > CONTENT_EXTENSION_MAX)
		return out;
	for (i = 0; dot[1 + i] != '\0'; i++) {
		if (!isalnum((unsigned char)dot[1 + i])) {
			out[0] = '\0';
			return out;
		}
		letters += isalpha((unsigned char)dot[1 + i]) != 0;
		out[i] = (char)tolower((unsigned char)dot[1 + i]);
	}
	out[letters > 0 ? i : 0] = '\0';
	return out;
}

/* --- Accept (RFC 9110 section 12.5.1) --- */

static const char *
skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* The weight in thousandths; what is not one is taken for 1. */
static int
weight(const char *params, const char *end)
{
	const char *p = params;
	int q = 0, unit = 1000;

	for (; p < end; p++) {
		if (*p != ';')
			continue;
		p = skip_blanks(p + 1);
		if (p + 2 < end && strncasecmp(p, "q=", 2) == 0)
			break;
	}
	if (p >= end)
		return 1000;
	for (p += 2; p < end && unit > 0; p++) {
		if (*p >= '0' && *p <= '9') {
			q += (*p - '0') * unit;
			unit /= 10;
		} else if (*p != '.') {
			break;
		}
	}
	return q;
}

/* A media range into out; of all of them, and of what is none, "". */
static void
take_range(
    const char *from, const char *end, char out[static CONTENT_TYPE_MAX + 1])
{
	size_t len = strcspn(from, ";, \t"), i;
	const char *slash;

	out[0] = '\0';
	if (len > (size_t)(end - from))
		len = (size_t)(end - from);
	slash = memchr(from, '/', len);
	if (slash == NULL || slash == from || len > CONTENT_TYPE_MAX ||
	    from[0] == '*')
		return;
	for (i = 0; i < len; i++)
		out[i] = (char)tolower((unsigned char)from[i]);
	if (len >= 2 && out[len - 1] == '*' && out[len - 2] == '/')
		len--;
	out[len] = '\0';
}

static void
first_of_accept(const char *accept, char out[static CONTENT_TYPE_MAX + 1])
{
	const char *at = skip_blanks(accept), *end;
	int best = 0, q;

	out[0] = '\0';
	for (; *at != '\0'; at = skip_blanks(end + (*end == ','))) {
		end = at + strcspn(at, ",");
		/* Where it was cut the last one may be another. */
		if (*end == '\0' && strlen(accept) >= CONTENT_TYPE_MAX)
			break;
		q = weight(at, end);
		if (q <= best)
			continue;
		best = q;
		take_range(at, end, out);
	}
}

const char *
content_by(const struct asked *asked, enum content_witness w,
    char out[static CONTENT_TYPE_MAX + 1])
{
	char extension[CONTENT_EXTENSION_MAX + 1];

	out[0] = '\0';
	switch (w) {
	case CONTENT_BY_DEST:
		snprintf(out, CONTENT_TYPE_MAX + 1, "%s",
		    look_up(
			destinations, LEN(destinations), asked->fetch_dest));
		break;
	case CONTENT_BY_SEEN:
		if (asked->seen != NULL)
			snprintf(out, CONTENT_TYPE_MAX + 1, "%s", asked->seen);
		break;
	case CONTENT_BY_EXTENSION:
		content_extension(asked->path, extension);
		snprintf(out, CONTENT_TYPE_MAX + 1, "%s",
		    look_up(extensions, LEN(extensions), extension));
		break;
	case CONTENT_BY_ACCEPT:
		first_of_accept(asked->accept, out);
		break;
	case CONTENT_WITNESSES:
		break;
	}
	return out;
}

enum says {
	SAYS_NO,
	SAYS_NOTHING,
	SAYS_YES
};

/* Of a type that is known as "image/" it is open whether it is a png. */
static enum says
compare(const char *type, const char *content)
{
	size_t type_len = strlen(type), len = strlen(content);

	if (strcmp(type, content) == 0)
		return SAYS_YES;
	if (content[len - 1] == '/' && strncmp(type, content, len) == 0)
		return SAYS_YES;
	if (type[type_len - 1] == '/' && strncmp(type, content, type_len) == 0)
		return SAYS_NOTHING;
	return SAYS_NO;
}

static enum says
ask(const struct asked *asked, enum content_witness w, char *const *contents,
    size_t n)
{
	char type[CONTENT_TYPE_MAX + 1];
	enum says one, all = SAYS_NO;
	size_t i;

	if (content_by(asked, w, type)[0] == '\0')
		return SAYS_NOTHING;
	for (i = 0; i < n; i++) {
		one = compare(type, contents[i]);
		if (one > all)
			all = one;
	}
	return all;
}

bool
content_is_for(
    const struct asked *asked, char *const *contents, size_t contents_n)
{
	enum says says;
	int w;

	for (w = 0; w < CONTENT_WITNESSES; w++) {
		says =
		    ask(asked, (enum content_witness)w, contents, contents_n);
		if (says != SAYS_NOTHING)
			return says == SAYS_YES;
	}
	return false;
}
