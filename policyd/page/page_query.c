/* Owns the spelling of a request's parameters; does no I/O, and knows not what
 * they are good for. */
#include "policyd/page/page_query.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The longest value: a name, with every byte percent-encoded. */
#define RAW_MAX (3 * MANAGE_NAME_MAX)

struct parse {
	struct page_query *out;
	int64_t now_s;
	char value[RAW_MAX + 1]; /* decoded */
};

static int
take_name(const char *value, char out[MANAGE_NAME_MAX + 1])
{
	size_t len = strlen(value);

	if (len > MANAGE_NAME_MAX || !manage_name_ok(value))
		return -1;
	memcpy(out, value, len + 1);
	return 0;
}

static int
take_group(struct parse *p)
{
	return take_name(p->value, p->out->group);
}

static int
take_member(struct parse *p)
{
	return take_name(p->value, p->out->name);
}

static int
take_after(struct parse *p)
{
	return take_name(p->value, p->out->after);
}

/* Digits alone, at most max. */
static int
number(const char *s, int64_t max, int64_t *out)
{
	int64_t n = 0;

	if (*s == '\0')
		return -1;
	for (; *s != '\0'; s++) {
		int64_t digit = *s - '0';

		if (digit < 0 || digit > 9 || digit > max ||
		    n > (max - digit) / 10)
			return -1;
		n = 10 * n + digit;
	}
	*out = n;
	return 0;
}

static int
take_since(struct parse *p)
{
	int64_t n;

	if (p->value[0] == '-') {
		if (number(p->value + 1, PAGE_QUERY_AGO_MAX, &n) != 0)
			return -1;
		p->out->since_s = p->now_s > n ? p->now_s - n : 0;
		return 0;
	}
	if (number(p->value, INT64_MAX / 2, &n) != 0)
		return -1;
	p->out->since_s = n < p->now_s ? n : p->now_s;
	return 0;
}

static int
take_before(struct parse *p)
{
	if (number(p->value, INT64_MAX / 2, &p->out->before) != 0)
		return -1;
	return p->out->before > 0 ? 0 : -1;
}

static int
take_limit(struct parse *p)
{
	if (number(p->value, PAGE_QUERY_LIMIT_MAX, &p->out->limit) != 0)
		return -1;
	return p->out->limit > 0 ? 0 : -1;
}

static int
take_trouble(struct parse *p)
{
	int64_t n;

	if (number(p->value, 1, &n) != 0)
		return -1;
	p->out->trouble = n == 1;
	return 0;
}

static const struct key {
	const char *word, *expects;
	uint32_t bit;
	int (*take)(struct parse *);
} keys[] = {
    {"group", "a group's name", PAGE_QUERY_GROUP, take_group},
    {"name", "an intermediary's or agent's name", PAGE_QUERY_NAME, take_member},
    {"after", "a name", PAGE_QUERY_AFTER, take_after},
    {"since", "seconds since 1970, or -SECONDS before now", PAGE_QUERY_SINCE,
	take_since},
    {"before", "an event's id", PAGE_QUERY_BEFORE, take_before},
    {"limit", "1 to 1000", PAGE_QUERY_LIMIT, take_limit},
    {"trouble", "0 or 1", PAGE_QUERY_TROUBLE, take_trouble},
};
#define KEYS_N (sizeof(keys) / sizeof(*keys))

static const struct key *
find(const char *word, size_t len)
{
	size_t i;

	for (i = 0; i < KEYS_N; i++) {
		if (strlen(keys[i].word) == len &&
		    memcmp(keys[i].word, word, len) == 0)
			return &keys[i];
	}
	return NULL;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Of len bytes: 0, or -1 when they are too many, or hold a broken escape or
 * a zero. */
static int
decode(const char *in, size_t len, char out[RAW_MAX + 1])
{
	size_t i, n = 0;

	if (len > RAW_MAX)
		return -1;
	for (i = 0; i < len; i++) {
		char c = in[i];

		if (c == '%') {
			if (len - i < 3 || hex(in[i + 1]) < 0 ||
			    hex(in[i + 2]) < 0)
				return -1;
			c = (char)(16 * hex(in[i + 1]) + hex(in[i + 2]));
			i += 2;
		}
		if (c == '\0')
			return -1;
		out[n++] = c;
	}
	out[n] = '\0';
	return 0;
}

static int
wrong(char why[PAGE_QUERY_WHY_MAX], const char *what, const char *word)
{
	snprintf(why, PAGE_QUERY_WHY_MAX, "%s%s%s", word,
	    *word != '\0' ? ": " : "", what);
	return -EINVAL;
}

/* One "key=value" of len bytes. */
static int
parameter(struct parse *p, const char *text, size_t len, uint32_t allowed,
    char why[PAGE_QUERY_WHY_MAX])
{
	const char *equals = memchr(text, '=', len);
	const struct key *k;
	size_t word;

	if (equals == NULL)
		return wrong(why, "expected key=value", "");
	word = (size_t)(equals - text);
	k = find(text, word);
	if (k == NULL || (allowed & k->bit) == 0)
		return wrong(why, "a parameter that is not known here", "");
	if ((p->out->given & k->bit) != 0)
		return wrong(why, "given more than once", k->word);
	if (decode(equals + 1, len - word - 1, p->value) != 0 ||
	    k->take(p) != 0) {
		snprintf(why, PAGE_QUERY_WHY_MAX, "%s: expected %s", k->word,
		    k->expects);
		return -EINVAL;
	}
	p->out->given |= k->bit;
	return 0;
}

int
page_query_parse(const char *text, const struct page_query_rules *r,
    int64_t now_s, struct page_query *out, char why[PAGE_QUERY_WHY_MAX])
{
	struct parse p = {.out = out, .now_s = now_s};
	size_t i, len;

	*out = (struct page_query){0};
	while (*text != '\0') {
		len = strcspn(text, "&");
		if (parameter(&p, text, len, r->allowed, why) != 0)
			return -EINVAL;
		text += len;
		if (*text != '&')
			break;
		text++;
		if (*text == '\0')
			return wrong(why, "expected key=value", "");
	}
	for (i = 0; i < KEYS_N; i++) {
		if ((r->required & keys[i].bit & ~out->given) != 0)
			return wrong(why, "is required", keys[i].word);
	}
	return 0;
}
