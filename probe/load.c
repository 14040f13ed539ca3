/* Owns the two ways in which an intermediary tells its load; must not do I/O
 * nor judge what it is told. */
#include "probe/load.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBER_MAX 48

/* --- HAProxy's agent-check --- */

static bool
is_word(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(s, word, len) == 0;
}

/* Digits and nothing else, at most max; or -1. */
static int64_t
number(const char *s, size_t len, int64_t max)
{
	int64_t n = 0;
	size_t i;

	if (len == 0 || len > 10)
		return -1;
	for (i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		n = n * 10 + (s[i] - '0');
	}
	return n <= max ? n : -1;
}

/* Set once, or to the same again. */
static int
set_once(int *field, int unset, int value)
{
	if (*field != unset && *field != value)
		return -EINVAL;
	*field = value;
	return 0;
}

static int
take_number(const char *s, size_t len, struct load_agent *a)
{
	static const char maxconn[] = "maxconn:";
	size_t head = sizeof(maxconn) - 1;
	int64_t n;

	if (s[len - 1] == '%') {
		n = number(s, len - 1, LOAD_PERCENT_MAX);
		return n >= 0 ? set_once(&a->percent, -1, (int)n) : -EINVAL;
	}
	if (len <= head || strncasecmp(s, maxconn, head) != 0)
		return -EINVAL;
	n = number(s + head, len - head, INT32_MAX);
	if (n < 0 || (a->maxconn != -1 && a->maxconn != n))
		return -EINVAL;
	a->maxconn = n;
	return 0;
}

static int
take_word(const char *s, size_t len, struct load_agent *a)
{
	static const struct {
		const char *word;
		int admin, state;
	} words[] = {{"ready", LOAD_READY, 0}, {"drain", LOAD_DRAIN, 0},
	    {"maint", LOAD_MAINT, 0}, {"up", 0, LOAD_UP},
	    {"down", 0, LOAD_DOWN}, {"failed", 0, LOAD_FAILED},
	    {"stopped", 0, LOAD_STOPPED}};
	int admin = a->admin, state = a->state;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!is_word(s, len, words[i].word))
			continue;
		if (words[i].admin != 0 &&
		    set_once(&admin, LOAD_ADMIN_UNSAID, words[i].admin) != 0)
			return -EINVAL;
		if (words[i].state != 0 &&
		    set_once(&state, LOAD_STATE_UNSAID, words[i].state) != 0)
			return -EINVAL;
		a->admin = (enum load_admin)admin;
		a->state = (enum load_state)state;
		return 0;
	}
	return take_number(s, len, a);
}

static void
take_description(const char *s, size_t len, char out[LOAD_WHY_MAX])
{
	size_t i;

	if (len > LOAD_WHY_MAX - 1)
		len = LOAD_WHY_MAX - 1;
	for (i = 0; i < len; i++)
		out[i] = s[i] >= ' ' && s[i] <= '~' ? s[i] : '?';
	out[len] = '\0';
}

/* Bytes up to one of the set, without an end of the string to look for. */
static size_t
span_until(const char *s, size_t len, const char *set)
{
	size_t i = 0;

	while (i < len && (s[i] == '\0' || strchr(set, s[i]) == NULL))
		i++;
	return i;
}

int
load_agent_parse(const char *line, size_t len, struct load_agent *out)
{
	struct load_agent a = {.percent = -1, .maxconn = -1};
	size_t end, words = 0;

	len = span_until(line, len, "\r\n");
	if (len > LOAD_LINE_MAX)
		return -EINVAL;
	while (len > 0 && *line != '#') {
		end = span_until(line, len, " \t,#");
		if (end > 0 && take_word(line, end, &a) != 0)
			return -EINVAL;
		words += end > 0;
		if (end < len && line[end] != '#')
			end++;
		line += end;
		len -= end;
	}
	if (len > 0)
		take_description(line + 1, len - 1, a.why);
	if (words == 0)
		return -EINVAL;
	*out = a;
	return 0;
}

/* --- Prometheus --- */

struct scan {
	const char *p;
	size_t left;
};

struct label {
	const char *name, *value; /* the value as written, escapes and all */
	size_t name_len, value_len;
};

static void
skip(struct scan *s, size_t n)
{
	s->p += n;
	s->left -= n;
}

static void
skip_blanks(struct scan *s)
{
	while (s->left > 0 && (*s->p == ' ' || *s->p == '\t'))
		skip(s, 1);
}

static bool
eat(struct scan *s, char c)
{
	skip_blanks(s);
	if (s->left == 0 || *s->p != c)
		return false;
	skip(s, 1);
	return true;
}

/* [a-zA-Z_:][a-zA-Z0-9_:]*: its length, 0 for none. */
static size_t
name_len(const struct scan *s)
{
	size_t i;

	for (i = 0; i < s->left; i++) {
		if ((s->p[i] >= 'a' && s->p[i] <= 'z') ||
		    (s->p[i] >= 'A' && s->p[i] <= 'Z') || s->p[i] == '_' ||
		    s->p[i] == ':' ||
		    (i > 0 && s->p[i] >= '0' && s->p[i] <= '9'))
			continue;
		break;
	}
	return i;
}

/* The length of a quoted value up to its closing quote, or -1. */
static ssize_t
value_len(const struct scan *s)
{
	size_t i;

	for (i = 0; i < s->left && s->p[i] != '"'; i++) {
		if (s->p[i] == '\\')
			i++;
	}
	return i < s->left ? (ssize_t)i : -1;
}

/* The next label and the comma after it: 1; 0 at the '}', which is eaten; or
 * -EINVAL. */
static int
next_label(struct scan *s, struct label *l)
{
	ssize_t n;

	if (eat(s, '}'))
		return 0;
	l->name = s->p;
	l->name_len = name_len(s);
	skip(s, l->name_len);
	if (l->name_len == 0 || !eat(s, '=') || !eat(s, '"'))
		return -EINVAL;
	n = value_len(s);
	if (n < 0)
		return -EINVAL;
	l->value = s->p;
	l->value_len = (size_t)n;
	skip(s, l->value_len + 1);
	skip_blanks(s);
	if (!eat(s, ',') && (s->left == 0 || *s->p != '}'))
		return -EINVAL;
	return 1;
}

/* Has the sample, whose labels begin at s, this one? */
static bool
has_label(struct scan s, const struct label *want)
{
	struct label l;

	while (next_label(&s, &l) == 1) {
		if (l.name_len == want->name_len &&
		    memcmp(l.name, want->name, l.name_len) == 0)
			return l.value_len == want->value_len &&
			       memcmp(l.value, want->value, l.value_len) == 0;
	}
	return false;
}

/* To the end of the labels, if there are any: 0 or -EINVAL. */
static int
skip_labels(struct scan *s)
{
	struct label l;
	int rc, n = 0;

	if (!eat(s, '{'))
		return 0;
	while ((rc = next_label(s, &l)) == 1) {
		if (++n > LOAD_LABELS_MAX)
			return -EINVAL;
	}
	return rc;
}

int
load_selector_check(const char *selector)
{
	struct scan s = {selector, strnlen(selector, LOAD_SELECTOR_MAX + 1)};
	size_t n = name_len(&s);

	if (n == 0 || s.left > LOAD_SELECTOR_MAX)
		return -EINVAL;
	skip(&s, n);
	if (s.left > 0 && *s.p != '{')
		return -EINVAL;
	if (skip_labels(&s) != 0)
		return -EINVAL;
	return s.left == 0 ? 0 : -EINVAL;
}

/* Does the sample, behind its name, have the labels of the selector? */
static bool
has_labels(struct scan sample, struct scan want)
{
	struct label l;

	if (!eat(&want, '{'))
		return true;
	if (!eat(&sample, '{')) {
		sample.p = "}";
		sample.left = 1;
	}
	while (next_label(&want, &l) == 1) {
		if (!has_label(sample, &l))
			return false;
	}
	return true;
}

/* The number at s; a time stamp may follow. */
static int
take_value(struct scan *s, double *value)
{
	char text[NUMBER_MAX + 1], *end;
	size_t n;
	double v;

	skip_blanks(s);
	n = span_until(s->p, s->left, " \t\r");
	if (n == 0 || n > NUMBER_MAX)
		return -EINVAL;
	memcpy(text, s->p, n);
	text[n] = '\0';
	v = strtod(text, &end);
	if (*end != '\0' || end == text)
		return -EINVAL;
	if (!isfinite(v))
		return -ERANGE;
	*value = v;
	return 1;
}

int
load_sample_parse(
    const char *line, size_t len, const char *selector, double *value)
{
	struct scan s = {line, len};
	struct scan want = {selector, strnlen(selector, LOAD_SELECTOR_MAX)};
	size_t n;

	skip_blanks(&s);
	n = name_len(&s);
	if (n == 0 || n != name_len(&want) || memcmp(s.p, want.p, n) != 0)
		return 0;
	skip(&s, n);
	skip(&want, n);
	if (!has_labels(s, want))
		return 0;
	if (skip_labels(&s) != 0)
		return -EINVAL;
	return take_value(&s, value);
}
