#ifndef TESTS_INTEG_RIG_DELAY_H
#define TESTS_INTEG_RIG_DELAY_H

#include <sys/types.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A long line between the case's own network and that of rig_ns_peer(): what
 * is sent to RIG_DELAY_THERE, or from there to RIG_DELAY_HERE, arrives so much
 * later, in order.  A process carries it, packet by packet, between a TUN
 * device at each end (so that no packet is larger than a real one), and ends
 * with the case.  It is late by some 0.1 ms where the machine has time for it.
 * Nothing is lost as long as no more than RIG_DELAY_QUEUE packets are under
 * way in one direction, and no queue is said.
 */
#define RIG_DELAY_HERE	"198.18.1.1"
#define RIG_DELAY_THERE "198.18.1.2"
#define RIG_DELAY_QUEUE 16384

/* What it has carried, of both directions. */
struct rig_delay_count {
	_Atomic uint64_t packets, bytes, lost;
	_Atomic uint64_t dropped; /* there was no room in the queue */
};

struct rig_delay {
	pid_t there;	    /* rig_ns_peer() */
	int64_t delay_us;   /* each way */
	int64_t bits_per_s; /* each way; 0: no limit */
	int64_t queue_us;   /* what waits for longer is dropped; 0: never */

	pid_t pid;
	int here_ns; /* to come back to */
	const struct rig_delay_count *count;
};

/* The fields above the blank line are set, the rest is zero.  Ends the case on
 * failure. */
void rig_delay_start(struct rig_delay *);
/* The sockets and threads that this thread makes from now on, and theirs, are
 * of the far network, or of the case's own again. */
void rig_delay_cross(const struct rig_delay *, bool there);

#endif
