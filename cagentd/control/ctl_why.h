#ifndef CAGENTD_CTL_WHY_H
#define CAGENTD_CTL_WHY_H

#include <stddef.h>
#include <stdint.h>

#include "shm/table.h"

/* Holds any sentence in full. */
#define CTL_WHY_MAX 640

/*
 * Why a row stands where it stands, as one sentence; pure.
 * now_us: wall clock.  Times of day are UTC ("09:41:07Z"): inside the sandbox
 * there are no time zones.  Returns out.
 */
const char *ctl_why_sentence(
    const struct table_row *, int64_t now_us, char *out, size_t size);

#endif
