#ifndef CAGENT_CTL_TOP_SCREEN_H
#define CAGENT_CTL_TOP_SCREEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct top_ui;

/*
 * The terminal of stdin and stdout as a screen.  Signals must be blocked that
 * are to end the program: it has to come to top_screen_close().
 */
struct top_screen;

/* 0; -ENODEV: the terminal ($TERM) is not known, or has no addressable
 * cursor; or -ENOMEM. */
int top_screen_open(struct top_screen **, bool colour);
/* The terminal is as it was; NULL allowed. */
void top_screen_close(struct top_screen *);

/* The size of the terminal has changed. */
void top_screen_resize(struct top_screen *);
/* The next key, as top_ui_key() wants it; -1: there is none now. */
int top_screen_key(struct top_screen *);
/* How many rows of a table fit. */
size_t top_screen_page(const struct top_screen *);

/* What is to be seen; trouble: why there is nothing newer, or NULL. */
struct top_picture {
	const struct top_ui *ui;
	const json_t *model; /* its lists as they are wanted */
	const char *trouble;
	bool clear; /* paint it all, whatever may be there */
};
void top_screen_draw(struct top_screen *, const struct top_picture *);

#endif
