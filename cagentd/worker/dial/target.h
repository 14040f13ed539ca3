#ifndef CAGENTD_TARGET_H
#define CAGENTD_TARGET_H

#include "cagentd/common/attempt.h"
#include "cagentd/decide/path.h"

/*
 * How the intermediary of a row is reached, and by whom: type, host, port, TLS
 * and login; the rest of the target is zero.  All of it is borrowed, of the
 * row and of the settings.
 */
struct attempt_target target_of(
    const struct settings *, const struct table *, uint32_t row);

/* The window that what comes over a link of known rate begins with: no more
 * than a sender's first flight, so that many that begin at once do not fill the
 * link's queue before anybody has told them their share; 0: the kernel's. */
#define TARGET_WINDOW (16 * 1024) /* RFC 6928: ten segments */
uint32_t target_window(const struct settings *);

#endif
