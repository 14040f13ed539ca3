#ifndef CAGENT_CTL_ROW_H
#define CAGENT_CTL_ROW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cagent-ctl/field.h"

struct table;
struct table_row;

/* An intermediary, as the table and as the daemon's answers hold it. */
extern const struct field row_fields[];
extern const struct field_list row_list;

/* The same object as the daemon makes of it; t: for the tier's name. */
json_t *row_json(const struct table *t, const struct table_row *);
/* Is it in a tier, and no cache or service? */
bool row_ranked(const json_t *row);
/* Would a new request be given to it? */
bool row_usable(const json_t *row);
/* The word of a class's bit in a tier's reserved_for.  The table knows no names:
 * of those that are not built in it is "class 5".  returns out. */
#define ROW_CLASS_LEN 16
const char *row_class_word(unsigned int bit, char out[static ROW_CLASS_LEN]);

#endif
