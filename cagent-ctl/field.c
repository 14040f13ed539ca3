/* Owns how a field of an answer becomes text; prints nothing. */
#include "cagent-ctl/field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cagent-ctl/format.h"

const json_t *
field_value(const json_t *obj, const char *name)
{
	const char *dot = strchr(name, '.');
	char part[64];

	/* A name of one part may itself hold dots. */
	if (dot == NULL || json_object_get(obj, name) != NULL)
		return json_object_get(obj, name);
	if ((size_t)(dot - name) >= sizeof(part))
		return NULL;
	memcpy(part, name, (size_t)(dot - name));
	part[dot - name] = '\0';
	return field_value(json_object_get(obj, part), dot + 1);
}

int64_t
field_number(const json_t *obj, const char *name)
{
	const json_t *v = field_value(obj, name);
	double real;

	if (!json_is_real(v))
		return (int64_t)json_integer_value(v);
	/* The larger counters are doubles once they pass 2^63. */
	real = json_real_value(v);
	if (real >= 0x1p63)
		return INT64_MAX;
	return real < -0x1p63 ? INT64_MIN : (int64_t)real;
}

const char *
field_string(const json_t *obj, const char *name)
{
	const char *s = json_string_value(field_value(obj, name));

	return s != NULL ? s : "";
}

bool
field_true(const json_t *obj, const char *name)
{
	return json_is_true(field_value(obj, name));
}

const char *
field_state_text(const char *state)
{
	return strcmp(state, "unknown") == 0 ? "not used yet" : state;
}

const char *
field_state_colour(const char *state)
{
	static const struct {
		const char *state, *colour;
	} colours[] = {
	    {"up", "green"},
	    {"ready", "green"},
	    {"ok", "green"},
	    {"suspect", "yellow"},
	    {"half-open", "yellow"},
	    {"slow-start", "yellow"},
	    {"starting", "yellow"},
	    {"draining", "yellow"},
	    {"warn", "yellow"},
	    {"ejected", "red"},
	    {"waiting", "red"},
	    {"fail", "red"},
	};
	size_t i;

	for (i = 0; i < sizeof(colours) / sizeof(*colours); i++) {
		if (strcmp(state, colours[i].state) == 0)
			return colours[i].colour;
	}
	return NULL;
}

bool
field_is_number(const struct field *f)
{
	return f->kind == FIELD_COUNT || f->kind == FIELD_RANK ||
	       f->kind == FIELD_BYTES || f->kind == FIELD_RATE ||
	       f->kind == FIELD_SPAN;
}

static void
join(const char *text, char *out, size_t size)
{
	size_t len = strlen(out);

	snprintf(
	    out + len, size - len, "%s%s", len > 0 && *text ? ", " : "", text);
}

static void
list_text(const json_t *list, char *out, size_t size)
{
	const char *s;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		s = json_string_value(json_array_get(list, i));
		if (s != NULL)
			join(s, out, size);
	}
}

static void
counts_text(const json_t *counts, char *out, size_t size)
{
	void *it = json_object_iter((json_t *)(uintptr_t)counts);
	char one[96];

	for (; it != NULL;
	     it = json_object_iter_next((json_t *)(uintptr_t)counts, it)) {
		snprintf(one, sizeof(one), "%s %lld", json_object_iter_key(it),
		    (long long)json_integer_value(json_object_iter_value(it)));
		join(one, out, size);
	}
}

static void
number_text(enum field_kind kind, int64_t n, char *out, size_t size)
{
	char text[FORMAT_LEN];

	if (kind == FIELD_BYTES)
		snprintf(out, size, "%s", format_bytes(n, text));
	else if (kind == FIELD_RATE)
		snprintf(out, size, "%s", format_rate(n, text));
	else if (kind == FIELD_SPAN && n > 0)
		snprintf(out, size, "%s", format_span(n, text));
	else if (kind == FIELD_COUNT || n > 0)
		snprintf(out, size, "%lld", (long long)n);
}

static void
kind_text(const struct field *f, const json_t *obj, int64_t now_us, char *out,
    size_t size)
{
	const json_t *v = field_value(obj, f->name);
	char text[FORMAT_LEN];

	if (v == NULL || json_is_null(v))
		return;
	switch (f->kind) {
	case FIELD_TEXT:
		snprintf(out, size, "%s", field_string(obj, f->name));
		return;
	case FIELD_STATE:
		snprintf(out, size, "%s",
		    field_state_text(field_string(obj, f->name)));
		return;
	case FIELD_COUNT:
	case FIELD_RANK:
	case FIELD_BYTES:
	case FIELD_RATE:
	case FIELD_SPAN:
		number_text(f->kind, field_number(obj, f->name), out, size);
		return;
	case FIELD_TIME:
		snprintf(out, size, "%s",
		    format_time(field_number(obj, f->name), now_us, text));
		return;
	case FIELD_BOOL:
		snprintf(out, size, "%s", json_is_true(v) ? "yes" : "no");
		return;
	case FIELD_LIST:
		list_text(v, out, size);
		return;
	case FIELD_COUNTS:
		counts_text(v, out, size);
		return;
	case FIELD_OTHER:
		return;
	}
}

const char *
field_text(const struct field *f, const json_t *obj, int64_t now_us, char *out,
    size_t size)
{
	out[0] = '\0';
	if (f->cell != NULL)
		f->cell(obj, now_us, out, size);
	else
		kind_text(f, obj, now_us, out, size);
	if (out[0] == '\0')
		snprintf(out, size, "-");
	return format_clean(out);
}

json_t *
field_json_string(const char *s)
{
	json_t *j = json_string(s);
	char *ascii, *p;

	if (j != NULL)
		return j;
	ascii = strdup(s);
	if (ascii == NULL)
		return NULL;
	for (p = ascii; *p != '\0'; p++) {
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	}
	j = json_string(ascii);
	free(ascii);
	return j;
}
