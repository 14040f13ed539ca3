#ifndef CAGENTD_CTL_WHY_H
#define CAGENTD_CTL_WHY_H

#include <stddef.h>
#include <stdint.h>

#include "shm/table.h"

/* Holds any sentence in full. */
#define CTL_WHY_MAX 768

struct ctl_why_now {
	int64_t now_us;	   /* wall clock */
	int64_t uplink_us; /* since when it is suspected; 0: it is not */
};

/*
 * Where a row stands, since when, why, and when or by what that will be
 * reconsidered, as one sentence; pure.  Returns out.
 */
const char *ctl_why_sentence(const struct table_row *,
    const struct ctl_why_now *, char *out, size_t size);

/* "09:41:07Z", with the date if it is not of the last 24 hours, "" for never.
 * UTC: inside the sandbox there are no time zones.  Returns out. */
#define CTL_WHY_TIME_LEN 32
const char *ctl_why_time(
    int64_t at_us, int64_t now_us, char out[static CTL_WHY_TIME_LEN]);

#endif
