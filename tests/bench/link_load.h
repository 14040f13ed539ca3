#ifndef TESTS_BENCH_LINK_LOAD_H
#define TESTS_BENCH_LINK_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "tests/bench/link_far.h"

/*
 * Clients of a SOCKS5 server on 127.0.0.1 that move bytes without an end, in
 * groups that are counted apart, and ping-pongs of 64 bytes.
 */
#define LINK_GROUPS   8
#define LINK_TUNNELS  256
#define LINK_SAMPLES  4096
#define LINK_RTTS     65536
#define LINK_GRAIN_MS 10

struct link_tunnel {
	int fd; /* -1: it has failed */
	unsigned int group;
	unsigned int steps; /* of the handshake */
	size_t in_n;	    /* of its answer, or of a pong */
	int64_t asked_us;
};

struct link_group {
	enum link_what what;
	uint16_t port;
	uint64_t got; /* bytes down */
};

/* What all groups had got by then. */
struct link_sample {
	int64_t us;
	uint64_t got[LINK_GROUPS];
};

struct link_load {
	int ep;
	uint16_t proxy;
	unsigned int groups_n, tunnels_n, failed;
	struct link_group groups[LINK_GROUPS];
	struct link_tunnel tunnels[LINK_TUNNELS];
	/* Since link_load_mark(). */
	unsigned int samples_n, rtts_n;
	struct link_sample samples[LINK_SAMPLES];
	int32_t rtt_us[LINK_RTTS];
};

void link_load_start(struct link_load *, uint16_t proxy);
/* n tunnels to that port; the group's number. */
unsigned int link_load_add(
    struct link_load *, enum link_what, unsigned int n, uint16_t port);
void link_load_run(struct link_load *, int ms);
/* What was before does not count. */
void link_load_mark(struct link_load *);
/* By resets, so that nothing is under way for long. */
void link_load_stop(struct link_load *);

/* Since the mark, bytes a second: of all the time, and the most there were in
 * any window of at least `ms` from one sample to another. */
double link_load_rate(const struct link_load *, unsigned int group);
double link_load_worst(const struct link_load *, unsigned int group, int ms);
/* The p-th percentile of the round trips, in milliseconds; 0: there are none.
 */
double link_load_rtt_ms(struct link_load *, double p);

#endif
