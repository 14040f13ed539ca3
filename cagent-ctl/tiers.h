#ifndef CAGENT_CTL_TIERS_H
#define CAGENT_CTL_TIERS_H

#include <jansson.h>
#include <stdint.h>

struct call;

/* The table as an answer, with what is wrong with it in "degraded".  What
 * keeps it from being read is said.  *doc NULL on failure; verb_exit. */
int tiers_get(const struct call *, json_t **doc);
void tiers_render(const struct call *, const json_t *doc);
/* What is wrong with it, as notes. */
void tiers_notes(const struct call *, const json_t *doc);

#endif
