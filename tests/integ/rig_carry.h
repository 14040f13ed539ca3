#ifndef TESTS_INTEG_RIG_CARRY_H
#define TESTS_INTEG_RIG_CARRY_H

#include <pthread.h>
#include <stdatomic.h>

#include "tests/integ/rig_client.h"

/*
 * Tunnels of all shapes and sizes, each of whose bytes is known at both ends,
 * and which have no other end than that of the stream: what is cut short and
 * ended in order looks complete, and is as wrong as a wrong byte.  What is
 * reset does not.
 *
 * The server is the destination and the intermediary before it: whoever says
 * SOCKS4, SOCKS5 or CONNECT first is told yes.
 */
enum rig_carry_shape {
	RIG_CARRY_UP_FIRST, /* the answer after the client's end */
	RIG_CARRY_BOTH,
	RIG_CARRY_DOWN_FIRST,
	RIG_CARRY_SHAPES
};

struct rig_cargo {
	enum rig_carry_shape shape;
	uint64_t seed, up, down; /* bytes each way */
};

struct rig_haven {
	struct rig_server server; /* .port; .served: complete both ways */
	atomic_uint wrong;	  /* bytes that are not what they should be */
	atomic_uint cut;	  /* ended in order before all was there */
	atomic_uint broken;	  /* reset, or never a whole request */
	atomic_uint asked;	  /* requests of SOCKS5 */
	/* None of those is answered before there are so many; 0, as at first:
	 * each at once. */
	atomic_uint gate;
};

/* On 127.0.0.1. */
void rig_haven_start(struct rig_haven *);
void rig_haven_stop(struct rig_haven *);

/* The client's side on a tunnel that stands.  RIG_FAIL_DATA: it looked
 * complete and was not, or was wrong. */
enum rig_fail rig_carry(struct rig_conn *, const struct rig_cargo *);

/* Number n of a mixture of shapes and of sizes from 0 bytes to max. */
struct rig_cargo rig_cargo_of(unsigned int n, uint64_t max);

#define RIG_CARRY_TEXTS 6
struct rig_fleet {
	const struct rig_proxy *proxies; /* taken in turn; borrowed */
	unsigned int proxies_n;
	uint16_t port;	    /* of the haven */
	unsigned int total; /* tunnels */
	unsigned int flight;
	unsigned int from; /* the number of the first */
	uint64_t max;	   /* bytes */
	int timeout_ms;	   /* of each */

	atomic_uint next, texts_n;
	atomic_uint count[RIG_FAILS];
	char texts[RIG_CARRY_TEXTS][320];
};

/* Carry them all, and return when all are through.  The fields above the
 * blank line are set. */
void rig_fleet_run(struct rig_fleet *);

#endif
