#ifndef CAGENTD_RULES_H
#define CAGENTD_RULES_H

#include "cagentd/decide/classify.h"

/* What it took, which does not grow with the number of rules. */
struct rules_cost {
	uint32_t keys;	/* looked for */
	uint32_t rules; /* compared with the request */
};

/*
 * Pure: the first rule, in the order of the file, that matches, or -1; what
 * comparing them one by one would find.  cost: NULL, or added to.
 */
int32_t rules_find(const struct settings *, const struct wire_host *,
    const struct client *, const struct asked *, struct rules_cost *cost);

#endif
