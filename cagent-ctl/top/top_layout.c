/* Owns where columns stand on a screen; draws nothing. */
#include "cagent-ctl/top/top_layout.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cagent-ctl/field.h"

#define GAP	   2
#define TEXT_GOOD  24 /* shorter a text gets once columns have gone */
#define TEXT_MIN   8
#define NUMBER_MIN 6 /* so that columns stand still while numbers change */

char *
top_layout_ascii(char *s)
{
	char *p;

	for (p = s; *p != '\0'; p++) {
		if (*p < ' ' || *p > '~')
			*p = '?';
	}
	return s;
}

static const char *
text_of(const struct field *f, const json_t *row, char out[static TOP_CELL_MAX])
{
	/* Nothing that is shown here is a time of the day. */
	field_text(f, row, 0, out, TOP_CELL_MAX);
	return top_layout_ascii(out);
}

static unsigned int
width_of(const struct field *f, const json_t *rows, size_t first, size_t end)
{
	size_t i, len, max = strlen(f->title);
	char text[TOP_CELL_MAX];

	if (field_is_number(f) && max < NUMBER_MIN)
		max = NUMBER_MIN;
	for (i = first; i < end; i++) {
		len = strlen(text_of(f, json_array_get(rows, i), text));
		if (len > max)
			max = len;
	}
	return (unsigned int)max;
}

static unsigned int
sum(const struct top_layout *l)
{
	unsigned int all = 0;
	size_t i;

	for (i = 0; i < l->n; i++)
		all += l->column[i].width + (i > 0 ? GAP : 0);
	return all;
}

/* One character off the longest text that is longer than min: is there one? */
static bool
shorten(struct top_layout *l, unsigned int min)
{
	size_t i, longest = l->n;

	for (i = 0; i < l->n; i++) {
		if (field_is_number(l->column[i].field) ||
		    l->column[i].width <= min)
			continue;
		if (longest == l->n ||
		    l->column[i].width > l->column[longest].width)
			longest = i;
	}
	if (longest == l->n)
		return false;
	l->column[longest].width--;
	return true;
}

static void
drop(struct top_layout *l, size_t i)
{
	for (l->n--; i < l->n; i++)
		l->column[i] = l->column[i + 1];
}

/* Away with the last column that is for wide terminals: is there one? */
static bool
drop_wide(struct top_layout *l)
{
	size_t i;

	for (i = l->n; i > 1; i--) {
		if (l->column[i - 1].field->wide) {
			drop(l, i - 1);
			return true;
		}
	}
	return false;
}

void
top_layout(struct top_layout *l, const struct field *f, const json_t *rows,
    size_t first, size_t end, unsigned int width)
{
	unsigned int at = 0;
	size_t i;

	memset(l, 0, sizeof(*l));
	for (; f->name != NULL && l->n < TOP_COLUMNS_MAX; f++) {
		if (f->title == NULL)
			continue;
		l->column[l->n].field = f;
		l->column[l->n++].width = width_of(f, rows, first, end);
	}
	while (sum(l) > width && shorten(l, TEXT_GOOD))
		continue;
	while (sum(l) > width && drop_wide(l))
		continue;
	while (sum(l) > width && shorten(l, TEXT_MIN))
		continue;
	while (sum(l) > width && l->n > 1)
		drop(l, l->n - 1);
	for (i = 0; i < l->n; i++) {
		if (l->column[i].width > width)
			l->column[i].width = width;
		l->column[i].at = at;
		at += l->column[i].width + GAP;
	}
}

const char *
top_layout_cell(const struct top_layout *l, size_t column, const json_t *row,
    char out[static TOP_CELL_MAX])
{
	const struct field *f = l->column[column].field;
	int width = (int)l->column[column].width;
	char text[TOP_CELL_MAX];

	if (row == NULL)
		snprintf(text, sizeof(text), "%s", f->title);
	else
		text_of(f, row, text);
	if (width >= TOP_CELL_MAX)
		width = TOP_CELL_MAX - 1;
	if (width > 1 && strlen(text) > (size_t)width)
		text[width - 1] = '+';
	if (field_is_number(f))
		snprintf(out, TOP_CELL_MAX, "%*.*s", width, width, text);
	else
		snprintf(out, TOP_CELL_MAX, "%-*.*s", width, width, text);
	return out;
}
