#ifndef CAGENT_CTL_PEEK_H
#define CAGENT_CTL_PEEK_H

#include <jansson.h>
#include <stdint.h>

#include "shm/table.h"

/*
 * The tier table, read where the control process publishes it.
 * *out  a copy; the caller frees it with free().
 * returns 0, -ENODATA (nothing was published yet), -EPROTO (not a table of
 * our layout, or damaged), or another -errno.
 */
int peek_table(const char *path, struct table **out);

/* The table as the answer of "tiers": rows by rising tier, those not to be
 * used last.  NULL when out of memory. */
json_t *peek_json(const struct table *, int64_t now_us);

#endif
