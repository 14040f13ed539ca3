#ifndef CAGENTD_TUNNEL_H
#define CAGENTD_TUNNEL_H

#include "cagentd/worker/dial/dial.h"
#include "cagentd/worker/relay/relay.h"
#include "wire/intake.h"

/* The line that is logged of a tunnel when it ends. */

/* "socks5 example.com:443 via hq-1 (tier 1, cheaper than hq-2 ...)": what is
 * known when the path stands.  The caller frees it; NULL when out of memory. */
char *tunnel_label(const struct intake *, const struct dial *, const char *via);
/* loud: not just for debugging. */
void tunnel_log(const char *label, const struct relay *, enum relay_end,
    enum relay_side where, bool loud);

#endif
