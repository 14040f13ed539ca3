#ifndef CAGENT_CTL_FORMAT_H
#define CAGENT_CTL_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/* Numbers for people.  Each returns out. */
#define FORMAT_LEN 32

/* "999", "1.0K", "12M": bytes in units of 1024. */
const char *format_bytes(int64_t n, char out[FORMAT_LEN]);
/* "999", "1.0k", "12M": bit/s, in units of 1000. */
const char *format_rate(int64_t n, char out[FORMAT_LEN]);
/* "350us", "12.3ms", "4.5s", "2m05s", "3h12m", "5d04h". */
const char *format_span(int64_t us, char out[FORMAT_LEN]);
/* The same of the time between two points; 0 when to_us is the earlier. */
const char *format_between(
    int64_t from_us, int64_t to_us, char out[FORMAT_LEN]);
/* Local time: "09:41:07" when it is of the same day as now_us, else
 * "2026-11-22 09:41:07"; "never" for 0. */
const char *format_time(int64_t us, int64_t now_us, char out[FORMAT_LEN]);
/* The same with the date always. */
const char *format_date(int64_t us, char out[FORMAT_LEN]);
/* "99.7%"; "-" of nothing.  100% only when all are. */
const char *format_percent(int64_t part, int64_t all, char out[FORMAT_LEN]);

/* Replace what could steer a terminal, in place; returns s. */
char *format_clean(char *s);
/* s into out, cut with "..." when too long, cleaned; returns out. */
const char *format_quote(const char *s, char *out, size_t size);

/*
 * A length of time as people write it: "2", "0.5", "2s", "250ms", "1m".
 * Microseconds, or -EINVAL; between min_us and max_us, else -ERANGE.
 */
int64_t format_parse_span(const char *s, int64_t min_us, int64_t max_us);

#endif
