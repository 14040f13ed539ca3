/* TCP Fast Open, in a network that lets it. */
#include "base/net_fast.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>

#include "base/net.h"
#include "tests/unit/fast_room.h"
#include "tests/unit/unit.h"

#define QUEUE 7

static int
listener(union net_addr *at)
{
	socklen_t len = sizeof(*at);
	int fd;

	CHECK(net_addr_parse("127.0.0.1:0", at) > 0, "an address");
	fd = net_listen(at, 16, 0);
	CHECK(fd >= 0, "listen: %s", strerror(-fd));
	CHECK_INT(getsockname(fd, &at->sa, &len), 0);
	return fd;
}

static int
opening(void)
{
	int fd = net_bare_socket(AF_INET);

	CHECK(fd >= 0, "socket: %s", strerror(-fd));
	CHECK_INT(net_fast_connect(fd), 0);
	return fd;
}

static int
connected(int fd, const union net_addr *at)
{
	return connect(fd, &at->sa, net_addr_len(at)) == 0 ? 0 : -errno;
}

/* By a connection that asks for the cookie. */
static void
get_cookie(int lfd, const union net_addr *at)
{
	int fd = opening(), peer;

	(void)connected(fd, at);
	peer = accept(lfd, NULL, NULL);
	CHECK(peer != -1, "the first is a connect like any other");
	close(peer);
	close(fd);
}

static void
in_the_syn(void)
{
	struct net_fast seen;
	union net_addr at;
	int lfd = listener(&at), fd, peer;
	char got[8];

	CHECK_INT(net_fast_listen(lfd, QUEUE), 0);
	get_cookie(lfd, &at);
	fd = opening();
	CHECK_INT(connected(fd, &at), 0);
	CHECK_INT(net_fast_look(fd, &seen), 0);
	CHECK(!seen.stands && accept(lfd, NULL, NULL) == -1, "yet nothing");
	CHECK_INT(send(fd, "hello", 5, MSG_NOSIGNAL), 5);
	peer = accept(lfd, NULL, NULL);
	CHECK(peer != -1, "accepted: %s", strerror(errno));
	CHECK_INT(recv(peer, got, sizeof(got), MSG_DONTWAIT), 5);
	CHECK_INT(net_fast_look(fd, &seen), 0);
	CHECK(seen.stands && !seen.lost && seen.rtt_us > 0, "and it stands");
	close(peer);
	close(fd);
	close(lfd);
}

/* Its success is none, and is told later. */
static void
refused(void)
{
	struct net_fast seen;
	union net_addr at;
	int lfd = listener(&at), fd;
	ssize_t n;
	char got;

	CHECK_INT(net_fast_listen(lfd, QUEUE), 0);
	get_cookie(lfd, &at);
	close(lfd);
	fd = opening();
	CHECK_INT(connected(fd, &at), 0);
	n = send(fd, "hello", 5, MSG_NOSIGNAL);
	if (n != -1)
		n = recv(fd, &got, 1, MSG_DONTWAIT);
	CHECK(n == -1 && errno == ECONNREFUSED, "%zd: %s", n, strerror(errno));
	CHECK_INT(net_fast_look(fd, &seen), 0);
	CHECK(!seen.stands, "it never did");
	close(fd);
}

static void
rides_in_the_syn(void)
{
	fast_room_run(in_the_syn);
}

static void
is_refused_late(void)
{
	fast_room_run(refused);
}

static void
asks_a_listener(void)
{
	union net_addr at;
	int lfd = listener(&at), value = -1;
	socklen_t len = sizeof(value);

	CHECK_INT(net_fast_listen(lfd, QUEUE), 0);
	CHECK_INT(getsockopt(lfd, IPPROTO_TCP, TCP_FASTOPEN, &value, &len), 0);
	CHECK_INT(value, QUEUE);
	close(lfd);
	CHECK_INT(net_fast_listen(lfd, QUEUE), -EBADF);
	CHECK_INT(net_fast_connect(lfd), -EBADF);
}

static const struct unit_case cases[] = {
    {"asks a listener", asks_a_listener},
    {"rides in the SYN", rides_in_the_syn},
    {"is refused late", is_refused_late},
};

UNIT_MAIN("net_fast", cases)
