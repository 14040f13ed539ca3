#ifndef POLICYD_HUMAN_H
#define POLICYD_HUMAN_H

#include <stddef.h>
#include <stdint.h>

/* Numbers and words as people read them.  Each returns out. */
#define HUMAN_LEN 32

/* "350us", "12.3ms", "4.5s", "2m05s", "3h12m", "5d04h". */
const char *human_span(int64_t us, char out[HUMAN_LEN]);
/* "2026-11-22 09:41:07", local; "never" for 0. */
const char *human_time(int64_t s, char out[HUMAN_LEN]);
/* "1.5M", in units of 1024. */
const char *human_bytes(int64_t n, char out[HUMAN_LEN]);

/* Replace what could steer a terminal, in place; returns s. */
char *human_clean(char *s);

#endif
