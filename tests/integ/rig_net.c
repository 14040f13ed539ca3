/* Socket calls that the rig's parts share, and ports to be given away. */
#include "tests/integ/rig_net.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig.h"

#define PORTS_MAX 128

static struct {
	uint16_t port;
	int fd;
} held[PORTS_MAX];
static size_t held_n;

bool
rig_net_addr(const char *address, uint16_t port, struct sockaddr_storage *ss,
    socklen_t *len)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct sockaddr_in v4 = {.sin_family = AF_INET};

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
		v4.sin_port = htons(port);
		memcpy(ss, &v4, sizeof(v4));
		*len = sizeof(v4);
		return true;
	}
	if (inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
		return false;
	v6.sin6_port = htons(port);
	memcpy(ss, &v6, sizeof(v6));
	*len = sizeof(v6);
	return true;
}

static int
wait_connected(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	int err = 0;

	if (poll(&p, 1, timeout_ms) != 1)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == -1)
		return -errno;
	return -err;
}

int
rig_net_connect(const char *address, uint16_t port, int timeout_ms)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd, rc;

	if (!rig_net_addr(address, port, &ss, &len))
		return -EINVAL;
	fd =
	    socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -errno;
	rc = connect(fd, (struct sockaddr *)&ss, len) == 0 ? 0 : -errno;
	if (rc == -EINPROGRESS)
		rc = wait_connected(fd, timeout_ms);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	return fd;
}

static uint16_t
port_of(int fd)
{
	struct sockaddr_storage ss;
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		return 0;
	memcpy(&v4, &ss, sizeof(v4));
	memcpy(&v6, &ss, sizeof(v6));
	return ntohs(ss.ss_family == AF_INET ? v4.sin_port : v6.sin6_port);
}

static int
bind_to(const char *address, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd, one = 1, err;

	if (!rig_net_addr(address, port, &ss, &len))
		return -EINVAL;
	fd =
	    socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&ss, len) == -1) {
		err = errno;
		close(fd);
		return -err;
	}
	return fd;
}

int
rig_net_listen(const char *address, uint16_t *port, int backlog)
{
	int fd = bind_to(address, *port), err;

	if (fd < 0)
		return fd;
	if (listen(fd, backlog) == -1) {
		err = errno;
		close(fd);
		return -err;
	}
	*port = port_of(fd);
	return fd;
}

void
rig_net_reset(int fd)
{
	struct linger l = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
}

static void
hold(uint16_t port, int fd)
{
	REQUIRE(held_n < PORTS_MAX, "out of ports");
	held[held_n].port = port;
	held[held_n++].fd = fd;
}

uint16_t
rig_port(const char *address)
{
	int fd = bind_to(address, 0);

	REQUIRE(fd >= 0, "bind %s: %s", address, strerror(-fd));
	hold(port_of(fd), fd);
	return held[held_n - 1].port;
}

void
rig_port_release(uint16_t port)
{
	size_t i;

	for (i = 0; i < held_n; i++) {
		if (held[i].port == port && held[i].fd != -1) {
			close(held[i].fd);
			held[i].fd = -1;
		}
	}
}

uint16_t
rig_port_blackhole(const char *address)
{
	uint16_t port = 0;
	int fd, i;

	fd = rig_net_listen(address, &port, 0);
	REQUIRE(fd >= 0, "listen %s: %s", address, strerror(-fd));
	hold(port, fd);
	for (i = 0; i < 8; i++) {
		fd = rig_net_connect(address, port, 300);
		if (fd == -ETIMEDOUT)
			return port;
		REQUIRE(fd >= 0, "connect: %s", strerror(-fd));
		hold(0, fd);
	}
	REQUIRE(false, "a backlog of 0 took 8 connections");
	return 0;
}
