#ifndef POLICYD_DELIVERY_H
#define POLICYD_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/ask.h"

struct call;

/* How far the newest message of a type has come among the agents that are
 * connected. */
struct delivery {
	const char *type;  /* root, policy, rank */
	const char *group; /* NULL, "*": all of them */
	int64_t within_us; /* to wait for the last of them; 0: not at all */
	/* Of the last answer; delivery_free(). */
	struct answer answer;
	int64_t took_us;
	bool all; /* have it */
};

/* Ask until all have answered or the time is over.  0, or -errno: the server
 * could not be asked. */
int delivery_wait(const struct call *, struct delivery *);
/* Two or more lines for people. */
void delivery_print(const struct delivery *);
void delivery_free(struct delivery *);

#endif
