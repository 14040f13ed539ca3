#ifndef BASE_LOGPACE_H
#define BASE_LOGPACE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How often strangers may have a line written to the log: some at once, and
 * the rest is counted.  Pure; zeroed before first use, one a kind of line.
 */
#define LOGPACE_LINES	10
#define LOGPACE_SPAN_US INT64_C(10000000)

struct logpace {
	int64_t since_us; /* of the span; 0: none has begun */
	uint32_t lines;	  /* in it */
	uint64_t missed;  /* and those that were not written, since the last */
};

/* May it be written now?  *missed: how many before it were not. */
bool logpace_may(struct logpace *, int64_t now_us, uint64_t *missed);

#endif
