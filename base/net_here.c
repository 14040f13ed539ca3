/* Asks the kernel whether an address is one of this host's; sends nothing. */
#include <unistd.h>

#include "base/net.h"

bool
net_is_here(const struct net_ip *ip)
{
	union net_addr addr, own = {0};
	socklen_t len = net_addr_make(ip, 9, &addr), own_len = sizeof(own);
	struct net_ip from;
	bool here;
	int fd;

	if (ip->family == 0)
		return false;
	fd = socket(
	    addr.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return false;
	/* Who sends to himself does so from the address he sends to. */
	here = connect(fd, &addr.sa, len) == 0 &&
	       getsockname(fd, &own.sa, &own_len) == 0;
	close(fd);
	net_addr_ip(&own, &from);
	return here && net_ip_equal(&from, ip);
}
