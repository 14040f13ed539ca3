#ifndef BASE_CONF_TEXT_H
#define BASE_CONF_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/conf.h"

/* The text of one line of an INI file: for conf.c alone. */
#define CONF_WHY_MAX 160

enum conf_line_kind {
	CONF_LINE_BLANK,   /* or a comment */
	CONF_LINE_SECTION, /* [kind] or [kind "name"] */
	CONF_LINE_VALUE,   /* key = value */
	CONF_LINE_BAD
};

struct conf_header {
	char kind[CONF_KIND_MAX + 1];
	char name[CONF_NAME_MAX + 1];
	bool named;
};

/*
 * What the line of len bytes, without its newline, is.
 * out   filled for CONF_LINE_SECTION.
 * why   filled for CONF_LINE_BAD: what was expected and found.
 */
enum conf_line_kind conf_text_line(
    const char *s, size_t len, struct conf_header *out, char why[CONF_WHY_MAX]);

/* The first max bytes of s, or fewer so that no UTF-8 sequence is cut. */
int conf_text_fit(const char *s, size_t len, size_t max);

#endif
