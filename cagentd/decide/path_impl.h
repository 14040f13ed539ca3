#ifndef CAGENTD_PATH_IMPL_H
#define CAGENTD_PATH_IMPL_H

#include "cagentd/decide/path.h"

/* For path*.c alone. */

/* What this worker knows of a row; nothing, if that is of another tenant. */
const struct path_load *path_load_of(
    const struct path_query *, const struct table_row *);
/* Is that tier for the request's class, and the class for it? */
bool path_class_may(
    const struct path_query *, uint16_t rank, uint32_t reserved_for);
/* How often has this request tried it? */
uint32_t path_times_tried(const struct path_query *, uint32_t row);

/* The first place from there on that is not noted, or end. */
uint32_t path_memo_next(const struct path_memo *, uint32_t from, uint32_t end);
void path_memo_add(struct path_memo *, uint32_t place, int64_t until_us);

#endif
