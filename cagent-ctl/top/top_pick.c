/* Owns which rows of `cagent-ctl top` are shown, and in what order. */
#include "cagent-ctl/top/top_pick.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "user=alice" into *out when it is that key's. */
static bool
value_of(const char *word, const char *key, const char **out)
{
	size_t len = strlen(key);

	if (strncmp(word, key, len) != 0 || word[len] != '=')
		return false;
	*out = word + len + 1;
	return true;
}

static int
add_text(struct top_filter *f, const char *word)
{
	if (f->texts_n == TOP_TEXTS_MAX)
		return -E2BIG;
	f->texts[f->texts_n++] = word;
	return 0;
}

int
top_filter_add(struct top_filter *f, const char *word)
{
	if (value_of(word, "class", &f->class) ||
	    value_of(word, "user", &f->user) ||
	    value_of(word, "via", &f->via) || value_of(word, "host", &f->host))
		return 0;
	return strchr(word, '=') != NULL ? -EINVAL : add_text(f, word);
}

void
top_filter_read(struct top_filter *f, char line[static TOP_LINE_MAX])
{
	char *rest = line, *word;

	memset(f, 0, sizeof(*f));
	while ((word = strsep(&rest, " ")) != NULL) {
		if (*word != '\0' && top_filter_add(f, word) == -EINVAL)
			(void)add_text(f, word); /* or it is too much */
	}
}

static bool
is_class(const struct top_filter *f, const char *name)
{
	return f->class == NULL || strcmp(name, f->class) == 0;
}

static bool
is_via(const struct top_filter *f, const char *name)
{
	return f->via == NULL || strcmp(name, f->via) == 0;
}

/* "login alice" is asked for so, or as "alice". */
static bool
is_user(const struct top_filter *f, const char *name)
{
	const char *space = strchr(name, ' ');

	return f->user == NULL || strcmp(name, f->user) == 0 ||
	       (space != NULL && strcmp(space + 1, f->user) == 0);
}

bool
top_filter_counts(const struct top_filter *f, const json_t *tunnel)
{
	return is_class(f, field_string(tunnel, "class")) &&
	       is_user(f, field_string(tunnel, "user")) &&
	       is_via(f, field_string(tunnel, "via")) &&
	       (f->host == NULL ||
		   strcasestr(field_string(tunnel, "destination"), f->host) !=
		       NULL);
}

/* What the keys say of a row of that view. */
static bool
keys_hold(const struct top_filter *f, enum top_view v, const json_t *row)
{
	switch (v) {
	case TOP_TUNNELS:
		return top_filter_counts(f, row);
	case TOP_USERS:
		return is_user(f, field_string(row, "user"));
	case TOP_CLASSES:
		return is_class(f, field_string(row, "name"));
	case TOP_INTERMEDIARIES:
		return is_via(f, field_string(row, "name"));
	case TOP_VIEWS:
		break;
	}
	return false;
}

static bool
has_text(const struct field *fields, const json_t *row, const char *text)
{
	const struct field *f;

	for (f = fields; f->name != NULL; f++) {
		if (f->title != NULL && !field_is_number(f) &&
		    strcasestr(field_string(row, f->name), text) != NULL)
			return true;
	}
	return false;
}

static bool
is_wanted(const struct top_filter *f, enum top_view v, const json_t *row)
{
	size_t i;

	if (!keys_hold(f, v, row))
		return false;
	for (i = 0; i < f->texts_n; i++) {
		if (!has_text(top_view_fields(v), row, f->texts[i]))
			return false;
	}
	return true;
}

/* What rows are compared by, read once. */
struct item {
	json_t *row;
	const char *identity, *text;
	int64_t number;
	size_t at;
};

struct by {
	bool number, reverse;
};

static int
compare(const void *pa, const void *pb, void *arg)
{
	const struct item *a = pa, *b = pb;
	const struct by *by = arg;
	int order;

	if (by->number)
		order = (a->number < b->number) - (a->number > b->number);
	else
		order = strcasecmp(a->text, b->text);
	if (order != 0)
		return by->reverse ? -order : order;
	order = strcmp(a->identity, b->identity);
	/* Two of one name: as they came. */
	return order != 0 ? order : (a->at > b->at) - (a->at < b->at);
}

/* By the largest first; but of what is served in order, the first.  What is
 * not known comes after all that is. */
static int64_t
number_of(const json_t *row, const struct field *f)
{
	bool rank = f->kind == FIELD_RANK;
	int64_t n = field_number(row, f->name);

	if (!json_is_number(field_value(row, f->name)) || (rank && n == 0))
		return INT64_MIN;
	return rank || strcmp(f->name, "priority") == 0 ? -n : n;
}

static size_t
collect(struct item *items, const json_t *rows, enum top_view v,
    const struct top_filter *f, const struct field *column)
{
	json_t *row;
	size_t i, n = 0;

	for (i = 0; i < json_array_size(rows); i++) {
		row = json_array_get(rows, i);
		if (!is_wanted(f, v, row))
			continue;
		items[n++] = (struct item){.row = row,
		    .identity = field_string(row, top_view_identity(v)),
		    .text = field_string(row, column->name),
		    .number = number_of(row, column),
		    .at = i};
	}
	return n;
}

json_t *
top_pick(const json_t *rows, enum top_view v, const struct top_filter *f,
    const struct top_order *order, int64_t limit)
{
	const struct field *column = &top_view_fields(v)[order->column];
	struct by by = {field_is_number(column), order->reverse};
	struct item *items = calloc(json_array_size(rows) + 1, sizeof(*items));
	json_t *list = json_array();
	size_t i, n;

	if (items == NULL || list == NULL) {
		free(items);
		json_decref(list);
		return NULL;
	}
	n = collect(items, rows, v, f, column);
	qsort_r(items, n, sizeof(*items), compare, &by);
	if (limit >= 0 && n > (size_t)limit)
		n = (size_t)limit;
	for (i = 0; i < n; i++)
		json_array_append(list, items[i].row);
	free(items);
	return list;
}
