/* Owns the calls on UDP sockets; knows neither SOCKS nor who may send what. */
#include "cagentd/worker/socks/datagram.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define DATAGRAM_MAX 65536 /* more than any */

int
datagram_open(int family, const union net_addr *local)
{
	int fd, error;

	fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -errno;
	if (local != NULL && bind(fd, &local->sa, net_addr_len(local)) == -1) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

int
datagram_connect(const union net_addr *to)
{
	int fd = datagram_open(to->sa.sa_family, NULL);
	int error;

	if (fd >= 0 && connect(fd, &to->sa, net_addr_len(to)) == -1) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

int
datagram_local(const union net_addr *to, union net_addr *local)
{
	socklen_t len = sizeof(*local);
	int fd = datagram_connect(to);
	int error = 0;

	if (fd < 0)
		return fd;
	memset(local, 0, sizeof(*local));
	if (getsockname(fd, &local->sa, &len) == -1)
		error = -errno;
	else if (local->sa.sa_family == AF_INET6)
		local->in6.sin6_port = 0;
	else
		local->in.sin_port = 0;
	close(fd);
	return error;
}

static void *
unconst(const void *p)
{
	void *out;

	memcpy(&out, &p, sizeof(out));
	return out;
}

int
datagram_send(int fd, const union net_addr *to, const struct datagram *d)
{
	/* sendmsg() writes to none of these. */
	struct iovec parts[2] = {
	    {unconst(d->head), d->head_len}, {unconst(d->data), d->len}};
	union net_addr at = {0};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};

	if (to != NULL) {
		at = *to;
		m.msg_name = &at;
		m.msg_namelen = net_addr_len(to);
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == -1 ? -errno : 0;
}

/* What a connected socket was told of an earlier datagram of its own: that is
 * no end. */
static bool
is_news(int error)
{
	return error == ECONNREFUSED || error == EHOSTUNREACH ||
	       error == ENETUNREACH || error == EINTR;
}

void
datagram_receive(int fd, int most, datagram_fn *fn, void *arg)
{
	uint8_t data[DATAGRAM_MAX];
	union net_addr from;
	socklen_t len;
	ssize_t n;

	for (; most > 0; most--) {
		len = sizeof(from);
		memset(&from, 0, sizeof(from));
		n = recvfrom(
		    fd, data, sizeof(data), MSG_DONTWAIT, &from.sa, &len);
		if (n >= 0)
			fn(arg, &from, data, (size_t)n);
		else if (!is_news(errno))
			return;
	}
}
