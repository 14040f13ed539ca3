#ifndef CAGENTD_DRAW_H
#define CAGENTD_DRAW_H

#include <stdint.h>

/* Lots for decisions that can be made again: splitmix64, of which the seed is
 * all the state.  Not for secrets. */
uint64_t draw_next(uint64_t *seed);
/* Below bound, which is not 0. */
uint32_t draw_below(uint64_t *seed, uint32_t bound);

#endif
