#ifndef CAGENT_CTL_TOP_UI_H
#define CAGENT_CTL_TOP_UI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cagent-ctl/top/top.h"

/* Keys that are no characters. */
enum top_key {
	TOP_KEY_ESC = 27,
	TOP_KEY_ERASE = 127,
	TOP_KEY_UP = 1000,
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END
};

/* What the person before the live view has made of it. */
struct top_ui {
	struct top_wish wish;
	char line[TOP_LINE_MAX];  /* the filter, as it was typed */
	char words[TOP_LINE_MAX]; /* the same, cut up: the wish borrows it */
	bool typing, paused, help;
	size_t first; /* row that is shown */
};

enum top_act {
	TOP_ACT_NONE,
	TOP_ACT_DRAW,
	TOP_ACT_CLEAR, /* and draw all of it */
	TOP_ACT_PICK,  /* rows and order are others */
	TOP_ACT_PAUSE, /* on or off, or at another interval */
	TOP_ACT_QUIT
};

/* args: the words of the filter in the wish, NULL-terminated. */
void top_ui_init(struct top_ui *, const struct top_wish *,
    const char *const *args, size_t args_n);
/* A key: what is to be done.  page: rows on the screen, rows_n: of the view. */
enum top_act top_ui_key(struct top_ui *, int key, size_t page, size_t rows_n);
/* Not beyond the end of a view that has become shorter. */
void top_ui_bound(struct top_ui *, size_t page, size_t rows_n);

/* The keys, a line each; ended by NULL. */
extern const char *const top_ui_help[];

#endif
