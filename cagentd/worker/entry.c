/* Decides who may connect at all, by [access]; closes nothing. */
#include "cagentd/worker/entry.h"

#include <sys/socket.h>

#include "base/log.h"
#include "base/net.h"
#include "cagentd/decide/classify.h"
#include "cagentd/worker/accept.h"

/* A diverted connection of this host comes from the address that it had for
 * its destination; to [access] it is one from the loopback all the same. */
static void
source_of(const struct accept_listener *from, struct net_ip *ip)
{
	if (from->kind == LISTENER_PROXY || !net_is_here(ip))
		return;
	*ip = ip->family == 4 ? (struct net_ip){4, {127, [3] = 1}}
			      : (struct net_ip){6, {[15] = 1}};
}

bool
entry_may(const struct settings *s, const struct accept_listener *from,
    const union net_addr *peer)
{
	char text[NET_ADDR_STRLEN];
	struct net_ip ip;

	if (peer == NULL)
		return false;
	net_addr_ip(peer, &ip);
	source_of(from, &ip);
	if (classify_access(s, &ip))
		return true;
	log_info("%s: not in [access]", net_addr_format(peer, text));
	return false;
}

const union net_addr *
entry_peer(int fd, union net_addr *peer)
{
	socklen_t len = sizeof(*peer);

	return getpeername(fd, &peer->sa, &len) == 0 ? peer : NULL;
}
