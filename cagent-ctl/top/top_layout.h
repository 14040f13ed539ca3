#ifndef CAGENT_CTL_TOP_LAYOUT_H
#define CAGENT_CTL_TOP_LAYOUT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct field;

/*
 * Where the columns of a table stand on a screen.  All that has a title is
 * shown as long as there is room: long texts get shorter first, then columns
 * for wide terminals go, then all texts get shorter, and at last columns go
 * from the right.
 */
#define TOP_COLUMNS_MAX 16
#define TOP_CELL_MAX	256

struct top_layout {
	size_t n;
	struct {
		const struct field *field;
		unsigned int at, width;
	} column[TOP_COLUMNS_MAX];
};

/* For rows first to end of the list; the width of the screen, at least 1. */
void top_layout(struct top_layout *, const struct field *fields,
    const json_t *rows, size_t first, size_t end, unsigned int width);

/* What stands in that column, as wide as it is, in printable ASCII alone; row
 * NULL: its title.  Returns out. */
const char *top_layout_cell(const struct top_layout *, size_t column,
    const json_t *row, char out[static TOP_CELL_MAX]);

/* What cannot be printed, or is no ASCII, becomes '?'; returns s. */
char *top_layout_ascii(char *s);

#endif
