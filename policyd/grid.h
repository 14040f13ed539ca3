#ifndef POLICYD_GRID_H
#define POLICYD_GRID_H

#include <stdint.h>

#include <jansson.h>

/* JSON objects as tables for people, on stdout. */
enum grid_kind {
	GRID_TEXT,
	GRID_COUNT,    /* a number as it is */
	GRID_RANK,     /* 0 shown as "-" */
	GRID_SPAN,     /* microseconds; 0 shown as "-" */
	GRID_AGE,      /* seconds since 1970; how long ago */
	GRID_LEFT,     /* likewise; how long until then */
	GRID_TIME,     /* likewise */
	GRID_PERMILLE, /* "99.1%" */
	GRID_BYTES
};

/* A column of a table, or a line of a list of pairs. */
struct grid_field {
	const char *name;  /* in JSON; NULL ends the list */
	const char *title; /* for people */
	enum grid_kind kind;
};

/* A line an object of the array; nothing for an empty one. */
void grid_table(const struct grid_field *, const json_t *rows, int64_t now_s);
/* A line a field that the object has. */
void grid_pairs(const struct grid_field *, const json_t *object, int64_t now_s);

#endif
