#ifndef CAGENTD_LEARN_PATH_H
#define CAGENTD_LEARN_PATH_H

#include "cagentd/worker/dial/dial.h"
#include "cagentd/worker/dial/learn.h"

/*
 * What a request's path tells of its destination, for learn.h.  To be called
 * for every request: what may be learned of is decided there.
 */

/* The dial has ended. */
void learn_path_dialed(
    struct learn *, const struct dial *, const struct dialed *);
/* What became of the path that stands: REASON_OK when its first byte has
 * come, or why none came.  asked: the client had said something; the silence
 * that it did not break is held against a destination only if that then speaks
 * first by another path. */
void learn_path_judged(struct learn *, struct settings *, const struct dial *,
    enum wire_reason, bool asked);

#endif
