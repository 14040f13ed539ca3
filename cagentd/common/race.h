#ifndef CAGENTD_RACE_H
#define CAGENTD_RACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/net.h"

/*
 * Connect to one of several addresses of one peer: Happy Eyeballs version 2
 * (RFC 8305).  The next address is begun with when one has failed, or has not
 * answered for RACE_DELAY_US; the first connection that stands wins, and the
 * others are cancelled and closed.
 */
#define RACE_DELAY_US 250000 /* section 5; never under 100 ms */
/* Connections under way at once.  When more are due, the one that has been
 * silent for longest, RACE_MAX delays or more, makes room. */
#define RACE_MAX 4

struct race;
/* A connected socket, the callee's, that sends promptly (loop_prompt());
 * or -errno. */
typedef void race_fn(struct race *, int fd);

struct race_lane {
	struct op connect;
	struct race *race;
	int fd; /* -1: free */
	uint32_t address;
};

/* Embedded by its owner, who need not zero it; the fields are the race's. */
struct race {
	struct loop *loop;
	race_fn *done;
	const struct net_ip *ips;
	uint32_t ips_n, next;
	uint16_t port;
	bool fast;
	uint8_t dscp;
	uint32_t window;
	int error; /* the truest so far; 0: none */
	int error_truth;
	struct op timer;
	struct race_lane lanes[RACE_MAX];
};

struct race_field {
	const struct net_ip *ips; /* in this order; borrowed until the end */
	uint32_t ips_n;		  /* at least one */
	uint16_t port;
	/* Connect to the first of them by net_fast_connect(), so that it may
	 * win without an answer. */
	bool fast;
	uint8_t dscp; /* the mark of what is sent, from the SYN on; 0: none */
	uint32_t window; /* net_first_window(); 0: as the kernel has it */
};

/* Bring addresses that are in order of preference into the order of section
 * 4: the families by turns, beginning with that of the first. */
void race_order(struct net_ip *ips, uint32_t n);

/*
 * done() comes once and never before this returns; there is no deadline.
 * 0, or -errno when nothing is under way.
 *
 * Which error is told when all fail: that this host was out of something
 * (EMFILE, ENOMEM, no local port), for then not all have been asked; else what
 * the peer answered, rather than silence, rather than that there is no way to
 * it, least of all for want of a whole family.  Of equals the last.
 */
int race_start(
    struct race *, struct loop *, const struct race_field *, race_fn *done);
/* No callback comes after this; what was open is closed.  Idempotent, but not
 * before the first race_start(). */
void race_cancel(struct race *);

#endif
