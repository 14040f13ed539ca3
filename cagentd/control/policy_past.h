#ifndef CAGENTD_POLICY_PAST_H
#define CAGENTD_POLICY_PAST_H

#include "cagentd/control/policy.h"

/* What has become of a message, to the history; for policy*.c. */
void policy_past_note(struct policy *, enum policy_outcome,
    const struct envelope *, int64_t now_s, const struct policy_answer *);

#endif
