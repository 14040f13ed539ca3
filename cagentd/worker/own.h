#ifndef CAGENTD_OWN_H
#define CAGENTD_OWN_H

#include "base/net.h"
#include "conf/settings.h"

/* Would that lead to a listener of ours?  Asks the kernel where one on all
 * addresses listens at that port; nothing is sent. */
bool own_listens(const struct settings *, const struct net_ip *, uint16_t port);

#endif
