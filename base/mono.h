#ifndef BASE_MONO_H
#define BASE_MONO_H

#include <stdint.h>

/* Microseconds of the monotonic clock: for intervals and deadlines. */
int64_t mono_us(void);

/* Microseconds since the Unix epoch: for people and for expiry, never for
 * an interval. */
int64_t mono_wall_us(void);

#endif
