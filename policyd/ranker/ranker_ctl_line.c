/* Takes a request's line apart; knows no verb. */
#include "policyd/ranker/ranker_ctl_line.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define LAST "why="

/* jansson refuses what it could not write: one notion of UTF-8. */
static bool
is_utf8(const char *s, size_t len)
{
	json_t *j = json_stringn(s, len);
	bool ok = j != NULL;

	json_decref(j);
	return ok;
}

static bool
has_control(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return true;
	}
	return false;
}

const char *
ranker_ctl_line_parse(struct ranker_ctl_line *l, const char *line, size_t len)
{
	char *at = l->text, *space;

	l->words_n = 0;
	if (len == 0)
		return "expected a verb, found an empty line";
	if (len > PDCTL_LINE_MAX)
		return "the line is too long";
	if (has_control(line, len))
		return "the line holds a control character";
	if (!is_utf8(line, len))
		return "the line is not UTF-8";
	memcpy(l->text, line, len);
	l->text[len] = '\0';
	do {
		if (l->words_n == PDCTL_WORDS_MAX)
			return "too many words";
		space = strncmp(at, LAST, sizeof(LAST) - 1) == 0
			    ? NULL
			    : strchr(at, ' ');
		if (space != NULL)
			*space = '\0';
		if (*at == '\0')
			return "expected single spaces between words";
		l->words[l->words_n++] = at;
		at = space != NULL ? space + 1 : NULL;
	} while (at != NULL);
	return NULL;
}

const char *
ranker_ctl_arg(const struct ranker_ctl_line *l, int n)
{
	return n + 1 < l->words_n ? l->words[n + 1] : NULL;
}

const char *
ranker_ctl_value(const char *word, const char *key)
{
	size_t len = strlen(key);

	return strncmp(word, key, len) == 0 && word[len] == '=' ? word + len + 1
								: NULL;
}

bool
ranker_ctl_number(const char *word, int64_t min, int64_t max, int64_t *out)
{
	const char *bad;

	/* strtonum() would take blanks and a sign. */
	if (word[strspn(word, "0123456789")] != '\0')
		return false;
	*out = strtonum(word, min, max, &bad);
	return bad == NULL;
}
