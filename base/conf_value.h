#ifndef BASE_CONF_VALUE_H
#define BASE_CONF_VALUE_H

#include "base/conf.h"

/*
 * Parse a value by its row into the section's record: for conf.c alone.
 * returns 0, or -1 after conf_error() with the record unchanged (a row's own
 * function answers for itself).
 */
int conf_value(struct conf_ctx *, const struct conf_option *, void *record,
    const char *value);

#endif
