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

#endif
