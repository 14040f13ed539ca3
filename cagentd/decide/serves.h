#ifndef CAGENTD_SERVES_H
#define CAGENTD_SERVES_H

#include <stdbool.h>

#include "cagentd/decide/classify.h"

/*
 * Which special service and which caches a plain HTTP request is for; the
 * steps before all others (patent [0028], [0033] steps 431 to 434).  Pure.
 *
 * A cache gets GET and HEAD, a service POST as well: what changes something
 * elsewhere is not to be stored, and has no page to add to.  What asks for an
 * upgrade is no HTTP for long, and goes to neither.
 *
 * Of domain, port and path what is listed must match.  Where extensions are
 * listed they tell of a path with an extension; of one without it, and where
 * none are listed, the contents do (content.h).
 *
 * Fill in v->service and v->caches, and turn VIA_CACHE and VIA_SERVICE into
 * that and VIA_DEFAULT.  via: index of what the rule has named, for these
 * two. */
void serves_classify(const struct settings *, const struct wire_host *,
    const struct asked *, uint32_t via, struct verdict *v);

#endif
