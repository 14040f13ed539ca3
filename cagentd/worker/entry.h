#ifndef CAGENTD_ENTRY_H
#define CAGENTD_ENTRY_H

#include <stdbool.h>

struct accept_listener;
struct settings;
union net_addr;

/* Whose connection fd is, where accepting has not told it; NULL: it is gone
 * already.  returns peer, filled. */
const union net_addr *entry_peer(int fd, union net_addr *peer);
/* May that address (NULL: none, no) connect to that listener?  If not, the log
 * says so. */
bool entry_may(const struct settings *, const struct accept_listener *from,
    const union net_addr *peer);

#endif
