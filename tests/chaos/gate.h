#ifndef TESTS_CHAOS_GATE_H
#define TESTS_CHAOS_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A SOCKS5 intermediary whose ways can be changed while it serves: a door
 * before a real one, which is let through to as long as the gate is good.  A
 * connection keeps the ways that the gate had when it came.
 */
enum gate_way {
	GATE_GOOD,
	GATE_REFUSES,	   /* its port is closed: a reset on connect */
	GATE_RESETS,	   /* accepts and resets */
	GATE_SILENT,	   /* accepts and never speaks */
	GATE_STALLS,	   /* half of the success, then nothing */
	GATE_MUTE,	   /* says yes, and then nothing more */
	GATE_HANGS_UP,	   /* says yes, and closes at once */
	GATE_DROPS_FLIGHT, /* says yes, takes the first flight, closes */
	GATE_GARBAGE,	   /* random bytes */
	GATE_DRIBBLES,	   /* one byte a second, for ever */
	GATE_TENTH,	   /* one in ten is served, others reset or stall */
	GATE_DENIES,	   /* "refused by the destination", whatever it is */
	GATE_WAYS
};

struct gate {
	uint16_t port;
	uint16_t behind; /* the real one's, on 127.0.0.1 */
	atomic_int way;
	atomic_uint delay_ms; /* before a connection is taken care of */
	atomic_uint accepted;
	/* When it was last changed, and the first and the last connection
	 * since that was not served; microseconds, 0: none. */
	atomic_llong turned_us, first_us, last_us;

	pthread_t thread;
	pthread_mutex_t lock; /* of the fds, and of what follows */
	pthread_cond_t changed;
	int listener; /* -1: the port is closed */
	int wake;     /* an eventfd: look at what is wanted */
	bool open_wanted, stopping;
	unsigned int links_n;
	int links[1024]; /* clients' fds */
};

/* Start a good one before the real one on that port. */
void gate_start(struct gate *, uint16_t behind);
/* From now on; in force when it returns. */
void gate_turn(struct gate *, enum gate_way);
/* Break every connection that it has. */
void gate_break(struct gate *);
void gate_stop(struct gate *);

#endif
