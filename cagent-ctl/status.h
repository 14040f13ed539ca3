#ifndef CAGENT_CTL_STATUS_H
#define CAGENT_CTL_STATUS_H

#include <jansson.h>

struct call;

/* What is wrong, as notes; returns VERB_DEGRADED when something is. */
int status_degraded(const struct call *, const json_t *doc);
/* Two lines that say the most important of it. */
void status_brief(const struct call *, const json_t *doc);

#endif
