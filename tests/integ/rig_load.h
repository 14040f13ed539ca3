#ifndef TESTS_INTEG_RIG_LOAD_H
#define TESTS_INTEG_RIG_LOAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "tests/integ/rig_client.h"

/*
 * Load: requests (dial, GET, every byte checked) by threads, each with one
 * request in flight, and long tunnels that echo.  Nothing is retried: one
 * failure is one user's complaint.
 */
#define RIG_FLIGHT_MAX	128
#define RIG_LOAD_TEXTS	8
#define RIG_STREAMS_MAX 64

/* What became of one request; microseconds. */
struct rig_sample {
	int64_t start_us, end_us; /* end_us 0: it is under way */
	int32_t setup_us; /* from the connect to the success; 0: none came */
	enum rig_fail fail;
};

struct rig_load {
	const struct rig_proxy *proxies; /* taken in turn; borrowed */
	unsigned int proxies_n;
	const char *host;
	uint16_t port;
	uint64_t bytes;		    /* of each answer */
	unsigned int total;	    /* requests; 0: until rig_load_end() */
	unsigned int flight;	    /* threads */
	int timeout_ms;		    /* of one request */
	struct rig_sample *samples; /* by number, or NULL; borrowed */
	unsigned int samples_max;   /* that many; later ones are not noted */

	pthread_t threads[RIG_FLIGHT_MAX];
	atomic_uint next, done, stop;
	atomic_uint count[RIG_FAILS];
	atomic_uint texts_n;
	char texts[RIG_LOAD_TEXTS][320]; /* read after the end */
	atomic_llong slowest_ms;
};

/* The fields above the blank line are set, the rest is zero. */
void rig_load_start(struct rig_load *);
/* Wait until n requests are done: false when the deadline passes first. */
bool rig_load_reach(struct rig_load *, unsigned int n, int timeout_ms);
/* Wait for all (total != 0), or end what goes on now; joins the threads. */
void rig_load_end(struct rig_load *);
unsigned int rig_load_failed(const struct rig_load *);
/* "1000 requests, 0 failed, slowest 12 ms", and the first failures' texts;
 * fails the case when more than allowed have failed. */
void rig_load_report(
    const struct rig_load *, const char *what, unsigned int allowed);

/* Tunnels to an echo that send and check all the time. */
struct rig_stream {
	struct rig_conn conn;
	pthread_t thread;
	uint64_t seed;
	atomic_ullong bytes;
	enum rig_fail fail; /* after rig_streams_end() */
	struct rig_streams *all;
};
struct rig_streams {
	unsigned int n;
	int timeout_ms; /* for the echo of one piece */
	atomic_uint stop;
	struct rig_stream stream[RIG_STREAMS_MAX];
};
/* Dial n tunnels to the echo and start to use them; ends the case when one
 * cannot be had. */
void rig_streams_start(struct rig_streams *, unsigned int n,
    const struct rig_proxy *, const char *host, uint16_t port);
/* Wait until each has echoed that much more: false at the deadline.  Broken
 * ones are left out. */
bool rig_streams_move(struct rig_streams *, uint64_t bytes, int timeout_ms);
void rig_streams_end(struct rig_streams *);

#endif
