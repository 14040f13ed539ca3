#ifndef CAGENTD_EAGER_H
#define CAGENTD_EAGER_H

#include "cagentd/common/attempt.h"
#include "cagentd/worker/record.h"

/*
 * Which intermediaries bear a SOCKS5 handshake that is said all at once
 * (hop_start_eager()), as this worker has learned it.  It stands in the
 * worker's slab, for its successor and for the operator.
 *
 * One is tried when it has served in steps: then it is known whether it asks
 * for the login, which is offered to no other, and that it serves at all.
 * Servers are found that drop what comes behind the greeting (microsocks), so
 * one handshake at a time is the trial, and all others go in steps.
 */
#define EAGER_TRIAL_US 10000000ll   /* a trial that ends untold is over */
#define EAGER_AGAIN_US 60000000ll   /* after one that told nothing; doubling */
#define EAGER_LONG_US  3600000000ll /* after one that told no; the most */

/* How to speak to it now; sets the target's manner and no_login. */
void eager_ask(struct record *, struct record_hop, int64_t now_us,
    struct attempt_target *);
void eager_learn(struct record *, struct record_hop,
    const struct attempt_result *, int64_t now_us);

#endif
