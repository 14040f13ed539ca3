#ifndef CAGENTD_CHANGE_H
#define CAGENTD_CHANGE_H

#include <stdbool.h>

#include "conf/settings.h"

/* What differs between two configurations, as far as it matters to a reload. */

/* The key that takes a restart to change, NULL if there is none: the children
 * that run, and all that was made for them, have it from the start. */
const char *change_fixed(const struct settings *, const struct settings *);
bool change_nameservers(const struct settings *, const struct settings *);

#endif
