/* Owns how answers are laid out on the terminal; asks nobody anything. */
#include "policyd/grid.h"

#include <err.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <libsmartcols/libsmartcols.h>

#include "policyd/human.h"
#include "policyd/verb.h"

#define CELL_MAX 1024

/* libsmartcols fails for want of memory only. */
static void
must(int rc)
{
	if (rc != 0)
		errx(VERB_FAILED, "out of memory");
}

static void *
given(void *p)
{
	if (p == NULL)
		errx(VERB_FAILED, "out of memory");
	return p;
}

static void
number_text(enum grid_kind kind, int64_t n, int64_t now_s, char *out)
{
	char text[HUMAN_LEN];

	switch (kind) {
	case GRID_RANK:
		if (n != 0)
			snprintf(out, CELL_MAX, "%" PRId64, n);
		return;
	case GRID_SPAN:
		if (n != 0)
			snprintf(out, CELL_MAX, "%s", human_span(n, text));
		return;
	case GRID_AGE:
	case GRID_LEFT:
		if (kind == GRID_AGE)
			n = n == 0 ? 0 : now_s - n;
		else
			n = n - now_s;
		if (n > 0)
			snprintf(
			    out, CELL_MAX, "%s", human_span(n * 1000000, text));
		return;
	case GRID_TIME:
		snprintf(out, CELL_MAX, "%s", human_time(n, text));
		return;
	case GRID_PERMILLE:
		snprintf(
		    out, CELL_MAX, "%d.%d%%", (int)(n / 10), (int)(n % 10));
		return;
	case GRID_BYTES:
		snprintf(out, CELL_MAX, "%s", human_bytes(n, text));
		return;
	case GRID_TEXT:
	case GRID_COUNT:
		break;
	}
	snprintf(out, CELL_MAX, "%" PRId64, n);
}

/* Strings of a list, joined. */
static void
list_text(const json_t *list, char *out)
{
	const char *s;
	size_t i, len;

	for (i = 0; i < json_array_size(list); i++) {
		s = json_string_value(json_array_get(list, i));
		len = strlen(out);
		snprintf(out + len, CELL_MAX - len, "%s%s", len > 0 ? " " : "",
		    s != NULL ? s : "?");
	}
}

static const char *
cell(const struct grid_field *f, const json_t *o, int64_t now_s,
    char out[CELL_MAX])
{
	const json_t *v = json_object_get(o, f->name);

	out[0] = '\0';
	if (json_is_string(v))
		snprintf(out, CELL_MAX, "%s", json_string_value(v));
	else if (json_is_array(v))
		list_text(v, out);
	else if (json_is_boolean(v))
		snprintf(out, CELL_MAX, "%s", json_is_true(v) ? "yes" : "no");
	else if (json_is_integer(v))
		number_text(f->kind, json_integer_value(v), now_s, out);
	if (out[0] == '\0')
		snprintf(out, CELL_MAX, "-");
	return human_clean(out);
}

static struct libscols_table *
table_new(void)
{
	struct libscols_table *tb = given(scols_new_table());

	must(scols_table_set_stream(tb, stdout));
	must(scols_table_set_column_separator(tb, "  "));
	return tb;
}

/* The last column is the one that gives way on a narrow terminal. */
void
grid_table(const struct grid_field *fields, const json_t *rows, int64_t now_s)
{
	struct libscols_table *tb;
	struct libscols_line *ln;
	const struct grid_field *f;
	char text[CELL_MAX];
	size_t i;
	int flags;

	if (json_array_size(rows) == 0)
		return;
	tb = table_new();
	for (f = fields; f->name != NULL; f++) {
		flags = f->kind != GRID_TEXT && f->kind != GRID_TIME
			    ? SCOLS_FL_RIGHT
			    : 0;
		if (f[1].name == NULL && flags == 0)
			flags = SCOLS_FL_TRUNC;
		given(scols_table_new_column(tb, f->title, 0, flags));
	}
	for (i = 0; i < json_array_size(rows); i++) {
		ln = given(scols_table_new_line(tb, NULL));
		for (f = fields; f->name != NULL; f++)
			must(scols_line_set_data(ln, (size_t)(f - fields),
			    cell(f, json_array_get(rows, i), now_s, text)));
	}
	must(scols_print_table(tb));
	scols_unref_table(tb);
}

void
grid_pairs(const struct grid_field *f, const json_t *object, int64_t now_s)
{
	struct libscols_table *tb = table_new();
	struct libscols_line *ln;
	char text[CELL_MAX];

	must(scols_table_enable_noheadings(tb, 1));
	given(scols_table_new_column(tb, "field", 0, 0));
	given(scols_table_new_column(tb, "value", 0, SCOLS_FL_WRAP));
	for (; f->name != NULL; f++) {
		if (json_object_get(object, f->name) == NULL)
			continue;
		ln = given(scols_table_new_line(tb, NULL));
		must(scols_line_set_data(ln, 0, f->title));
		must(scols_line_set_data(ln, 1, cell(f, object, now_s, text)));
	}
	must(scols_print_table(tb));
	scols_unref_table(tb);
}
