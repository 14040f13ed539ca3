#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <stddef.h>
#include <stdint.h>

/*
 * Clients: so many tunnels, each by SOCKS5 to the origin (origin.h), which
 * checks what goes up as they check what comes down; so many at once, and a
 * next one when one has ended.  A process of its own.
 */
#define LOAD_SETUPS_MAX 65536

struct load_plan {
	const char *host; /* of whom SOCKS5 is spoken to; borrowed */
	uint16_t port;
	uint16_t origin; /* on 127.0.0.1 */
	unsigned int total, flight;
	uint64_t up, down; /* bytes of each; down at least 1 */
	int timeout_ms;	   /* of all together */
};

enum load_error {
	LOAD_CONNECT, /* the TCP connection failed */
	LOAD_REFUSED, /* by SOCKS, or ended before its answer */
	LOAD_CUT,     /* ended too early, or broke */
	LOAD_WRONG,   /* a byte was not what was sent */
	LOAD_LATE,    /* not done at the time-out */
	LOAD_ERRORS
};
const char *load_error_word(enum load_error);

struct load_result {
	unsigned int done; /* well */
	unsigned int errors[LOAD_ERRORS];
	uint64_t bytes; /* up and down, of those done */
	int64_t took_us;
	/* From the start of the connection to SOCKS' success, and to the first
	 * byte down; microseconds, in ascending order. */
	unsigned int setups_n;
	int32_t setup_us[LOAD_SETUPS_MAX], first_us[LOAD_SETUPS_MAX];
};

/* The result is shared memory, valid until the next call. */
const struct load_result *load_run(const struct load_plan *);
unsigned int load_failed(const struct load_result *);
/* The p-th percentile of n ascending values; 0: there are none. */
double load_percentile(const int32_t *sorted, unsigned int n, double p);

#endif
