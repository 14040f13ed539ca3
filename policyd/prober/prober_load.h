#ifndef POLICYD_PROBER_LOAD_H
#define POLICYD_PROBER_LOAD_H

#include "policyd/common/pdmsg.h"
#include "probe/load_fetch.h"

/*
 * What an answer about load asks of a rank.  Pure.
 *
 * An agent's line stands for itself: what it does not say is as if it had said
 * "ready", "up" and "100%".  "drain" and "maint" want no new requests, "down",
 * "failed" and "stopped" say what they say.  A metric leaves the share of
 * `full` that it has not reached.
 */
enum pdmsg_load prober_load_agent(const struct load_agent *, uint16_t *percent);
enum pdmsg_load prober_load_metric(
    double value, int64_t full, uint16_t *percent);

#endif
