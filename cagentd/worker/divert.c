/* Finds out where a diverted connection was meant to go; judges nothing but
 * that it was not meant for us. */
#include "cagentd/worker/divert.h"

#include <errno.h>
#include <string.h>

#include "base/net.h"
#include "cagentd/worker/own.h"

/* Of <linux/netfilter_ipv4.h> and <linux/netfilter_ipv6/ip6_tables.h>, which
 * do not go with the libc's headers; at IPPROTO_IP and IPPROTO_IPV6. */
#define ORIGINAL_DST 80

static int
redirected_from(int fd, const union net_addr *own, union net_addr *out)
{
	socklen_t len = sizeof(*out);
	int level = own->sa.sa_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;

	if (getsockopt(fd, level, ORIGINAL_DST, out, &len) == -1)
		return -errno;
	/* Nobody has redirected it. */
	return net_addr_equal(own, out) ? -ELOOP : 0;
}

int
divert_destination(const struct settings *s, int fd,
    enum settings_listener kind, struct wire_host *out)
{
	union net_addr own = {0}, to = {0};
	socklen_t len = sizeof(own);
	struct net_ip ip;
	int error = 0;

	if (getsockname(fd, &own.sa, &len) == -1)
		return -errno;
	to = own;
	if (kind == LISTENER_REDIRECT)
		error = redirected_from(fd, &own, &to);
	if (error != 0)
		return error;
	net_addr_ip(&to, &ip);
	memset(out, 0, sizeof(*out));
	out->port = net_addr_port(&to);
	if (ip.family == 0 || out->port == 0)
		return -EAFNOSUPPORT;
	if (own_listens(s, &ip, out->port))
		return -ELOOP;
	out->kind = ip.family == 4 ? WIRE_HOST_V4 : WIRE_HOST_V6;
	memcpy(out->ip, ip.bytes, ip.family == 4 ? 4 : 16);
	return 0;
}

enum wire_protocol
divert_protocol(enum settings_listener kind)
{
	switch (kind) {
	case LISTENER_PROXY:
		break;
	case LISTENER_REDIRECT:
		return PROTOCOL_REDIRECT;
	case LISTENER_TPROXY:
		return PROTOCOL_TPROXY;
	}
	return PROTOCOL_NONE;
}
