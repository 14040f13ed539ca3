#ifndef PROBE_UNITS_H
#define PROBE_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* Numbers as people read and write them. */
#define UNITS_LEN 32

/* "350us", "12.3ms", "4.5s"; "-" when negative. */
const char *units_span(int64_t us, char out[UNITS_LEN]);
/* "12M/s", in units of 1024 bytes; "-" when negative. */
const char *units_rate(int64_t bytes_s, char out[UNITS_LEN]);

/* "2", "0.5", "2s", "250ms", "1m": microseconds, -EINVAL, or -ERANGE when not
 * between min_us and max_us. */
int64_t units_parse_span(const char *s, int64_t min_us, int64_t max_us);
/* "65536", "64k", "1M", "1g", in units of 1024: bytes, or as above. */
int64_t units_parse_size(const char *s, int64_t min, int64_t max);

/* Replace what could steer a terminal, in place; returns s. */
char *units_clean(char *s);
/* The same of s into out, cut with "..." when too long; returns out. */
const char *units_quote(const char *s, char *out, size_t size);

#endif
