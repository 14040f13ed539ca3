#ifndef TESTS_INTEG_RIG_HOP_H
#define TESTS_INTEG_RIG_HOP_H

#include <stdatomic.h>

#include "tests/integ/rig_server.h"

/*
 * A SOCKS5 intermediary in a thread of the case that is the destination, too:
 * whatever it is asked for, it says yes and answers the first bytes of a
 * client like an HTTP server.  How long it thinks before it says yes depends
 * on the port it is asked for, so that one intermediary can be slow for some
 * and quick for others, as it would be by the ways that lead there.
 */
#define RIG_HOP_PORTS	   4
#define RIG_HOP_FIRST_PORT 8001 /* and those that follow */

struct rig_hop {
	struct rig_server server; /* .port */
	atomic_int delay_ms[RIG_HOP_PORTS];
	atomic_int refuses[RIG_HOP_PORTS]; /* closes without an answer */
	atomic_uint asked[RIG_HOP_PORTS];
};

/* On 127.0.0.1. */
void rig_hop_start(struct rig_hop *);
void rig_hop_stop(struct rig_hop *);

#endif
