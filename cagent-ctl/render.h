#ifndef CAGENT_CTL_RENDER_H
#define CAGENT_CTL_RENDER_H

#include <jansson.h>
#include <stdint.h>

struct call;
struct field;
struct field_list;

/* Answers on call->out.  Wall clock passed in: what "today" is. */

/* One JSON text and a newline: indented for eyes, else on one line. */
void render_json(const struct call *, const json_t *doc);
/* A row an object of the array, a column a field that has a title; nothing
 * for an empty array. */
void render_table(const struct call *, const struct field *fields,
    const json_t *rows, int64_t now_us);
/* A line a field that has a label. */
void render_pairs(const struct call *, const struct field *fields,
    const json_t *obj, int64_t now_us);
/* What all the fields mean (--describe). */
void render_describe(const struct call *);
/* A line in words, its mark in that colour (NULL: none) where colours are
 * wanted. */
void render_marked(const struct call *, const char *mark, const char *colour,
    const char *text);

#endif
