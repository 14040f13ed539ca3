/* Values by type, and what to say of a wrong one; knows no file and no line. */
#include "base/conf_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_text.h"

#define EXPECTS_MAX 160
#define FOUND_MAX   48

struct unit {
	const char *name;
	int64_t factor;
};

/* Ascending, for format_units(); "" only where a bare number is allowed. */
static const struct unit units_ms[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {NULL, 0}};
static const struct unit units_bytes[] = {
    {"", 1}, {"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {NULL, 0}};
static const struct unit units_none[] = {{"", 1}, {NULL, 0}};

static const struct conf_word words_bool[] = {
    {"yes", 1},
    {"no", 0},
    {"true", 1},
    {"false", 0},
    {"on", 1},
    {"off", 0},
    {NULL, 0},
};

static const struct unit *
units_of(enum conf_type type)
{
	if (type == CONF_MS)
		return units_ms;
	return type == CONF_BYTES ? units_bytes : units_none;
}

static int64_t
min_of(const struct conf_option *o)
{
	if (o->min != 0 || o->max != 0)
		return o->min;
	return o->type == CONF_INT ? INT64_MIN : 0;
}

static int64_t
max_of(const struct conf_option *o)
{
	return o->min != 0 || o->max != 0 ? o->max : INT64_MAX;
}

/* In the largest unit that needs no fraction. */
static void
format_units(const struct unit *u, int64_t v, char out[32])
{
	const struct unit *best = u;

	for (; v != 0 && u->name != NULL; u++) {
		if (v % u->factor == 0)
			best = u;
	}
	snprintf(out, 32, "%" PRId64 "%s", v / best->factor, best->name);
}

static void
list_words(const struct conf_word *w, char out[EXPECTS_MAX])
{
	size_t at = 0;
	int n;

	out[0] = '\0';
	for (; w->word != NULL && at < EXPECTS_MAX; w++) {
		n = snprintf(out + at, EXPECTS_MAX - at, "%s%s", w->word,
		    w[1].word == NULL	? ""
		    : w[2].word == NULL ? " or "
					: ", ");
		at += (size_t)n;
	}
}

static void
expect_number(const struct conf_option *o, char out[EXPECTS_MAX])
{
	const struct unit *u = units_of(o->type);
	const char *what = o->type == CONF_MS	   ? "a time"
			   : o->type == CONF_BYTES ? "a size"
						   : "a number";
	const char *like = o->type == CONF_MS	   ? " like 250ms, 3s, 5m or 1h"
			   : o->type == CONF_BYTES ? " like 64k, 1m or 2g"
						   : "";
	char least[32], most[32];

	if (o->min == 0 && o->max == 0) {
		snprintf(out, EXPECTS_MAX, "%s%s", what, like);
		return;
	}
	format_units(u, o->min, least);
	format_units(u, o->max, most);
	snprintf(
	    out, EXPECTS_MAX, "%s%s from %s to %s", what, like, least, most);
}

static void
expect(const struct conf_option *o, char out[EXPECTS_MAX])
{
	if (o->expects != NULL) {
		snprintf(out, EXPECTS_MAX, "%s", o->expects);
		return;
	}
	switch (o->type) {
	case CONF_STRING:
		snprintf(out, EXPECTS_MAX, "a text of at most %zu bytes",
		    o->size - 1);
		return;
	case CONF_BOOL:
		list_words(words_bool, out);
		return;
	case CONF_ENUM:
		list_words(o->words, out);
		return;
	case CONF_INT:
	case CONF_MS:
	case CONF_BYTES:
		expect_number(o, out);
		return;
	case CONF_CUSTOM:
		snprintf(out, EXPECTS_MAX, "another value");
		return;
	}
}

/* near: a word that may have been meant, or NULL. */
static int
wrong(struct conf_ctx *ctx, const struct conf_option *o, const char *value,
    const char *near)
{
	char expects[EXPECTS_MAX];
	size_t len = strlen(value);
	int n = conf_text_fit(value, len, FOUND_MAX);

	expect(o, expects);
	if (len == 0) {
		conf_error(
		    ctx, "'%s': expected %s, found nothing", o->key, expects);
		return -1;
	}
	conf_error(ctx, "'%s': expected %s, found '%.*s%s'%s%s%s", o->key,
	    expects, n, value, (size_t)n < len ? "..." : "",
	    near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
	    near != NULL ? "'?" : "");
	return -1;
}

/* Digits and a unit; false if malformed or beyond what int64_t holds. */
static bool
parse_units(const char *s, const struct unit *u, int64_t *out)
{
	char *end;
	const char *digits = s + (*s == '-' && u == units_none);
	int64_t v;

	if (*digits < '0' || *digits > '9')
		return false;
	errno = 0;
	v = strtoll(s, &end, 10);
	if (errno != 0)
		return false;
	while (u->name != NULL && strcmp(u->name, end) != 0)
		u++;
	return u->name != NULL && !__builtin_mul_overflow(v, u->factor, out);
}

static int
parse_number(struct conf_ctx *ctx, const struct conf_option *o, void *record,
    const char *value)
{
	int64_t v;

	if (!parse_units(value, units_of(o->type), &v) || v < min_of(o) ||
	    v > max_of(o))
		return wrong(ctx, o, value, NULL);
	memcpy((char *)record + o->offset, &v, sizeof(v));
	return 0;
}

static const struct conf_word *
find_word(const struct conf_word *w, const char *value)
{
	while (w->word != NULL && strcmp(w->word, value) != 0)
		w++;
	return w->word != NULL ? w : NULL;
}

static int
parse_word(struct conf_ctx *ctx, const struct conf_option *o, void *record,
    const char *value)
{
	const char *known[CONF_WORDS_MAX + 1];
	const struct conf_word *w = find_word(o->words, value);
	size_t n;

	if (w == NULL) {
		for (n = 0; o->words[n].word != NULL && n < CONF_WORDS_MAX; n++)
			known[n] = o->words[n].word;
		known[n] = NULL;
		return wrong(ctx, o, value, conf_nearest(value, known));
	}
	memcpy((char *)record + o->offset, &w->value, sizeof(w->value));
	return 0;
}

static int
parse_bool(struct conf_ctx *ctx, const struct conf_option *o, void *record,
    const char *value)
{
	const struct conf_word *w = find_word(words_bool, value);
	bool v;

	if (w == NULL)
		return wrong(ctx, o, value, NULL);
	v = w->value != 0;
	memcpy((char *)record + o->offset, &v, sizeof(v));
	return 0;
}

static int
parse_string(struct conf_ctx *ctx, const struct conf_option *o, void *record,
    const char *value)
{
	size_t len = strlen(value);

	if (len >= o->size)
		return wrong(ctx, o, value, NULL);
	memcpy((char *)record + o->offset, value, len + 1);
	return 0;
}

static int
parse_custom(struct conf_ctx *ctx, const struct conf_option *o, void *record,
    const char *value)
{
	int before = conf_errors_n(ctx);

	if (o->parse(ctx, record, value) == 0)
		return 0;
	return conf_errors_n(ctx) == before ? wrong(ctx, o, value, NULL) : -1;
}

int
conf_value(struct conf_ctx *ctx, const struct conf_option *o, void *record,
    const char *value)
{
	size_t len = strlen(value);

	if (len == 0)
		return wrong(ctx, o, value, NULL);
	if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
		conf_error(ctx,
		    "'%s': expected a value without quotes, found "
		    "%.*s",
		    o->key, conf_text_fit(value, len, FOUND_MAX), value);
		return -1;
	}
	switch (o->type) {
	case CONF_STRING:
		return parse_string(ctx, o, record, value);
	case CONF_BOOL:
		return parse_bool(ctx, o, record, value);
	case CONF_INT:
	case CONF_MS:
	case CONF_BYTES:
		return parse_number(ctx, o, record, value);
	case CONF_ENUM:
		return parse_word(ctx, o, record, value);
	case CONF_CUSTOM:
		return parse_custom(ctx, o, record, value);
	}
	return -1;
}
