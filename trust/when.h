#ifndef TRUST_WHEN_H
#define TRUST_WHEN_H

#include <stdbool.h>
#include <stdint.h>

/* Points in time as people write them: "2027-01-01T00:00:00Z", which is RFC
 * 3339 in UTC and to the second. */
#define WHEN_STRLEN 24
/* The last second that has four digits for its year. */
#define WHEN_MAX INT64_C(253402300799)

/* Seconds since 1970; false, and *out is as before, when it is anything
 * else or before 1970. */
bool when_parse(const char *, int64_t *out);
/* "365d", "12h", "30m", "20s" in seconds; more than none. */
bool when_span(const char *, int64_t *out);
/* That from now, or a point in time; later than now. */
bool when_later(const char *, int64_t now_s, int64_t *out);
/* "?" when it is out of range. */
const char *when_format(int64_t s, char out[WHEN_STRLEN]);

#endif
