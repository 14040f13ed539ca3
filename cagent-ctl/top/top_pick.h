#ifndef CAGENT_CTL_TOP_PICK_H
#define CAGENT_CTL_TOP_PICK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cagent-ctl/top/top_view.h"

/*
 * Which rows of a view are wanted.  Keys are those of `cagent-ctl tunnels`:
 * each holds for the views that have such a column; texts for all, any case,
 * anywhere in a row's texts.  All that are said must be so.
 */
#define TOP_TEXTS_MAX 4
#define TOP_LINE_MAX  256

struct top_filter { /* all borrowed; NULL: any */
	const char *class, *user, *via, *host;
	const char *texts[TOP_TEXTS_MAX];
	size_t texts_n;
};

/* "user=alice", or a text: 0, -EINVAL (no such key), or -E2BIG. */
int top_filter_add(struct top_filter *, const char *word);
/* The words of a line, which is cut up for it; one with an unknown key is a
 * text like others, and what is too much is left out. */
void top_filter_read(struct top_filter *, char line[static TOP_LINE_MAX]);
/* Is that tunnel one whose user's sums it counts for? */
bool top_filter_counts(const struct top_filter *, const json_t *tunnel);

struct top_order {
	int column;   /* of the view's fields */
	bool reverse; /* else the largest number, or the first text, first */
};

/* The rows that are wanted in that order, limit at most; -1: all.  Those that
 * are equal stand by their identity.  A new array, or NULL (out of memory). */
json_t *top_pick(const json_t *rows, enum top_view, const struct top_filter *,
    const struct top_order *, int64_t limit);

#endif
