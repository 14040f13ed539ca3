#ifndef CAGENTD_CTL_ROW_H
#define CAGENTD_CTL_ROW_H

#include <jansson.h>

#include "conf/settings.h"
#include "shm/table.h"

/* A row of the tier table as an object; NULL when out of memory. */
json_t *ctl_row(const struct table_row *);

/* When an active check was last made, and what it said. */
void ctl_set_check(json_t *, const struct table_row *);

/* The words of a bit set of classes. */
json_t *ctl_classes(const struct settings *, uint32_t classes);

#endif
