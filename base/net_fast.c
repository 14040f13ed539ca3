/* Owns what the kernel is told and asked of TCP Fast Open; makes no
 * connection. */
#include "base/net_fast.h"

#include <sys/socket.h>

#include <errno.h>
/* Of this and <netinet/tcp.h> only the one knows what became of a cookie. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>

/* enum tcp_ca_state's neighbour in the kernel's net/tcp_states.h. */
#define SYN_SENT 2
#define CLOSED	 7

static int
set(int fd, int option, int value)
{
	return setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value)) == -1
		   ? -errno
		   : 0;
}

int
net_fast_listen(int fd, int queue)
{
	return set(fd, TCP_FASTOPEN, queue);
}

int
net_fast_connect(int fd)
{
	return set(fd, TCP_FASTOPEN_CONNECT, 1);
}

int
net_fast_look(int fd, struct net_fast *out)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	/* What an older kernel does not tell stays zero. */
	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
		return -errno;
	out->rtt_us = info.tcpi_rtt;
	out->stands = info.tcpi_state != SYN_SENT &&
		      (info.tcpi_state != CLOSED || info.tcpi_rtt != 0);
	out->lost = info.tcpi_fastopen_client_fail == TFO_SYN_RETRANSMITTED;
	return 0;
}
