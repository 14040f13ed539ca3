#ifndef CAGENTD_FAST_H
#define CAGENTD_FAST_H

#include "cagentd/common/attempt.h"
#include "cagentd/worker/record.h"

/*
 * To which intermediaries the first bytes of a handshake may ride in the SYN,
 * of those whose section says so: not for this time to one that was there only
 * when they did not.  That stands in the worker's slab, for its successor.
 */
#define FAST_AGAIN_US 3600000000ll

/* Takes target.fast back where it may not be. */
void fast_ask(struct record *, struct record_hop, int64_t now_us,
    struct attempt_target *);
void fast_learn(struct record *, struct record_hop,
    const struct attempt_result *, int64_t now_us);

#endif
