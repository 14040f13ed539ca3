#ifndef TESTS_BENCH_LINK_FAR_H
#define TESTS_BENCH_LINK_FAR_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * Destinations on 127.0.0.1 of the network they are started in, a process of
 * their own that ends with the case.  The first byte of a connection says what
 * it is for, the port tells tunnels of several classes apart.
 */
#define LINK_PORTS 9

enum link_what {
	LINK_DOWN, /* it sends without an end */
	LINK_UP,   /* it reads without an end, and counts */
	LINK_PING  /* what it is sent comes back */
};

struct link_far {
	uint16_t ports[LINK_PORTS];
	_Atomic uint64_t *got; /* of uploads, by port */
};

void link_far_start(struct link_far *);

#endif
