#ifndef CAGENTD_CTL_LEARNED_H
#define CAGENTD_CTL_LEARNED_H

#include <stdint.h>

#include "wire/wire.h"

struct control;

/* Facts that an answer is made from; what is over is counted. */
#define CTL_LEARNED_MAX 16384

/* Who goes directly to a destination because it was learned. */
struct ctl_learned_sum {
	uint32_t workers, of;
	int64_t since_us; /* mono_us(), the longest */
};
void ctl_learned_of(const struct control *, const struct wire_host *,
    int64_t now_us, struct ctl_learned_sum *);

#endif
