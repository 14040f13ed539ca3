/* Owns what the command line of `cagent-ctl top` asks for; asks nobody. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/top/top.h"
#include "cagent-ctl/verb.h"

#define COLUMNS_MAX 64
#define QUOTE_MAX   72

static int
read_view(const struct call *call, struct top_wish *w)
{
	const char *names[TOP_VIEWS + 1] = {NULL}, *near;
	char text[QUOTE_MAX];
	unsigned int v;

	if (call->view == NULL)
		return VERB_OK;
	w->view = top_view_find(call->view);
	if (w->view != TOP_VIEWS)
		return VERB_OK;
	for (v = 0; v < TOP_VIEWS; v++)
		names[v] = top_view_name((enum top_view)v);
	near = conf_nearest(call->view, names);
	format_quote(call->view, text, sizeof(text));
	if (near != NULL)
		return say_usage(
		    call, "--view %s: did you mean %s?", text, near);
	return say_usage(call,
	    "--view %s: expected tunnels, users, classes or intermediaries",
	    text);
}

static int
no_column(const struct call *call, enum top_view view, const char *word)
{
	char own[COLUMNS_MAX][TOP_WORD_MAX], list[256] = "", text[QUOTE_MAX];
	const struct field *f = top_view_fields(view);
	const char *words[COLUMNS_MAX + 1], *near;
	size_t n, len = 0;

	for (n = 0; f[n].name != NULL && n < COLUMNS_MAX; n++) {
		words[n] = top_view_word(&f[n], own[n]);
		if (len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len,
			    "%s%s", n > 0 ? ", " : "", words[n]);
	}
	words[n] = NULL;
	near = conf_nearest(word, words);
	format_quote(word, text, sizeof(text));
	if (near != NULL)
		return say_usage(
		    call, "--sort %s: did you mean %s?", text, near);
	return say_usage(call, "--sort %s: of %s there are %s", text,
	    top_view_name(view), list);
}

/* By that column wherever there is one; the view itself must have it. */
static int
read_sort(const struct call *call, struct top_wish *w)
{
	const char *word = call->sort;
	bool reverse = word != NULL && *word == '-';
	unsigned int v;
	int column;

	for (v = 0; v < TOP_VIEWS; v++)
		w->order[v].column = top_view_first((enum top_view)v);
	if (word == NULL)
		return VERB_OK;
	word += reverse;
	if (top_view_column(w->view, word) == -1)
		return no_column(call, w->view, word);
	for (v = 0; v < TOP_VIEWS; v++) {
		column = top_view_column((enum top_view)v, word);
		if (column != -1)
			w->order[v] = (struct top_order){column, reverse};
	}
	return VERB_OK;
}

static int
read_filter(const struct call *call, struct top_wish *w)
{
	char text[QUOTE_MAX];
	size_t i;

	for (i = 0; i < CALL_ARGS_MAX && call->args[i] != NULL; i++) {
		if (top_filter_add(&w->filter, call->args[i]) != 0)
			return say_usage(call,
			    "%s: expected class=, user=, via=, host= or a text",
			    format_quote(call->args[i], text, sizeof(text)));
	}
	return VERB_OK;
}

static int
read_interval(const struct call *call, struct top_wish *w)
{
	char text[QUOTE_MAX];

	w->interval_us = TOP_INTERVAL_US;
	if (call->interval == NULL)
		return VERB_OK;
	w->interval_us = format_parse_span(
	    call->interval, TOP_INTERVAL_MIN_US, TOP_INTERVAL_MAX_US);
	if (w->interval_us > 0)
		return VERB_OK;
	return say_usage(call,
	    "--interval %s: expected seconds between 0.1 and 3600",
	    format_quote(call->interval, text, sizeof(text)));
}

int
top_wish_read(const struct call *call, struct top_wish *w)
{
	int status;

	memset(w, 0, sizeof(*w));
	w->limit = call->lines;
	if ((status = read_view(call, w)) != VERB_OK ||
	    (status = read_sort(call, w)) != VERB_OK ||
	    (status = read_interval(call, w)) != VERB_OK)
		return status;
	return read_filter(call, w);
}

int
top_apply(json_t *model, const struct top_wish *w)
{
	json_t *rows;
	unsigned int v;

	for (v = 0; v < TOP_VIEWS; v++) {
		rows = top_pick(
		    json_object_get(model, top_view_name((enum top_view)v)),
		    (enum top_view)v, &w->filter, &w->order[v], w->limit);
		if (rows == NULL)
			return -ENOMEM;
		json_object_set_new(
		    model, top_view_name((enum top_view)v), rows);
	}
	return 0;
}
