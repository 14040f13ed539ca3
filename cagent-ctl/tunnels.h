#ifndef CAGENT_CTL_TUNNELS_H
#define CAGENT_CTL_TUNNELS_H

#include <jansson.h>

struct call;

/* The open tunnels that the call's arguments ask for ("class=bulk"), as the
 * daemon tells them.  *doc NULL on failure, which is said; verb_exit. */
int tunnels_get(const struct call *, json_t **doc);

#endif
