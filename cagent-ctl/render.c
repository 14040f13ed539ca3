/* Owns how answers are laid out on the terminal; asks nobody anything. */
#include "cagent-ctl/render.h"

#include <err.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/verb.h"

#define CELL_MAX   1024
#define WIDE_WIDTH 110

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

void
render_json(const struct call *call, const json_t *doc)
{
	json_dumpf(
	    doc, call->out, call->pretty ? JSON_INDENT(2) : JSON_COMPACT);
	fputc('\n', call->out);
}

static struct libscols_table *
table_new(const struct call *call)
{
	struct libscols_table *tb = given(scols_new_table());

	must(scols_table_set_stream(tb, call->out));
	must(scols_table_enable_colors(tb, call->colour));
	must(scols_table_set_column_separator(tb, "  "));
	return tb;
}

static bool
column_shown(const struct call *call, const struct field *f)
{
	return f->title != NULL &&
	       (!f->wide || call->width == 0 || call->width >= WIDE_WIDTH);
}

/* The last column is the one that gives way on a narrow terminal. */
static void
columns_add(
    const struct call *call, struct libscols_table *tb, const struct field *f)
{
	const struct field *last = NULL, *g;
	int flags;

	for (g = f; g->name != NULL; g++) {
		if (column_shown(call, g))
			last = g;
	}
	for (; f->name != NULL; f++) {
		if (!column_shown(call, f))
			continue;
		flags = field_is_number(f) ? SCOLS_FL_RIGHT : 0;
		if (f == last && flags == 0)
			flags = SCOLS_FL_TRUNC;
		given(scols_table_new_column(tb, f->title, 0, flags));
	}
}

static void
cell_set(struct libscols_line *ln, size_t i, const struct field *f,
    const json_t *obj, int64_t now_us)
{
	const char *colour = NULL;
	char text[CELL_MAX];

	if (f->kind == FIELD_STATE)
		colour = field_state_colour(field_string(obj, f->name));
	must(scols_line_set_data(
	    ln, i, field_text(f, obj, now_us, text, sizeof(text))));
	if (colour != NULL)
		must(scols_cell_set_color(scols_line_get_cell(ln, i), colour));
}

static void
row_add(const struct call *call, struct libscols_table *tb,
    const struct field *f, const json_t *obj, int64_t now_us)
{
	struct libscols_line *ln = given(scols_table_new_line(tb, NULL));
	size_t i = 0;

	for (; f->name != NULL; f++) {
		if (column_shown(call, f))
			cell_set(ln, i++, f, obj, now_us);
	}
}

void
render_table(const struct call *call, const struct field *fields,
    const json_t *rows, int64_t now_us)
{
	struct libscols_table *tb;
	size_t i;

	if (json_array_size(rows) == 0)
		return;
	tb = table_new(call);
	columns_add(call, tb, fields);
	for (i = 0; i < json_array_size(rows); i++)
		row_add(call, tb, fields, json_array_get(rows, i), now_us);
	must(scols_print_table(tb));
	scols_unref_table(tb);
}

void
render_pairs(const struct call *call, const struct field *f, const json_t *obj,
    int64_t now_us)
{
	struct libscols_table *tb = table_new(call);
	struct libscols_line *ln;

	must(scols_table_enable_noheadings(tb, 1));
	given(scols_table_new_column(tb, "field", 0, 0));
	given(scols_table_new_column(tb, "value", 0, SCOLS_FL_WRAP));
	for (; f->name != NULL; f++) {
		if (f->label == NULL)
			continue;
		ln = given(scols_table_new_line(tb, NULL));
		must(scols_line_set_data(ln, 0, f->label));
		cell_set(ln, 1, f, obj, now_us);
	}
	must(scols_print_table(tb));
	scols_unref_table(tb);
}

static const char *
shown_as(const struct field *f)
{
	if (f->title != NULL)
		return f->title;
	return f->label != NULL ? f->label : "-";
}

static json_t *
describe_json(const struct field_list *list)
{
	json_t *fields = json_array();
	const struct field *f;

	for (f = list->fields; f->name != NULL; f++)
		json_array_append_new(
		    fields, json_pack("{s:s, s:s, s:s}", "name", f->name,
				"shown_as", shown_as(f), "what", f->what));
	return json_pack("{s:s, s:s, s:o}", "what", list->title, "path",
	    list->path, "fields", fields);
}

static void
describe_table(const struct call *call, const struct field_list *list)
{
	struct libscols_table *tb = table_new(call);
	struct libscols_line *ln;
	const struct field *f;

	fprintf(call->out, "%s%s%s%s\n", list->title,
	    *list->path ? " (in JSON: " : "", list->path,
	    *list->path ? ")" : "");
	given(scols_table_new_column(tb, "JSON", 0, 0));
	given(scols_table_new_column(tb, "SHOWN AS", 0, 0));
	given(scols_table_new_column(tb, "MEANING", 0, SCOLS_FL_WRAP));
	for (f = list->fields; f->name != NULL; f++) {
		ln = given(scols_table_new_line(tb, NULL));
		must(scols_line_set_data(ln, 0, f->name));
		must(scols_line_set_data(ln, 1, shown_as(f)));
		must(scols_line_set_data(ln, 2, f->what));
	}
	must(scols_print_table(tb));
	scols_unref_table(tb);
}

void
render_describe(const struct call *call)
{
	const struct field_list *const *list;
	json_t *doc, *lists = json_array();

	for (list = call->verb->fields; *list != NULL; list++) {
		if (call->json) {
			json_array_append_new(lists, describe_json(*list));
			continue;
		}
		if (list != call->verb->fields)
			fputc('\n', call->out);
		describe_table(call, *list);
	}
	if (call->json) {
		doc = json_pack("{s:i, s:b, s:s, s:O}", "schema", 1, "ok", 1,
		    "command", call->verb->name, "objects", lists);
		render_json(call, doc);
		json_decref(doc);
	}
	json_decref(lists);
}

void
render_marked(const struct call *call, const char *mark, const char *colour,
    const char *text)
{
	static const struct {
		const char *colour, *on;
	} codes[] = {
	    {"green", "\033[32m"}, {"yellow", "\033[33m"}, {"red", "\033[31m"}};
	const char *on = "", *off = "";
	size_t i;

	for (i = 0; call->colour && colour != NULL && i < 3; i++) {
		if (strcmp(colour, codes[i].colour) != 0)
			continue;
		on = codes[i].on;
		off = "\033[0m";
	}
	fprintf(call->out, "%s%s%s%s\n", on, mark, off, text);
}
