/* Listeners and sockets as asked for, and stale unix sockets. */
#include <netinet/tcp.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/net.h"

#include "tests/unit/unit.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static int
sockopt(int fd, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	getsockopt(fd, level, name, &v, &len);
	return v;
}

/* The congestion control of a socket; -1: of a new one. */
static const char *
congestion(int of)
{
	static char name[16];
	socklen_t len = sizeof(name) - 1;
	int fd = of != -1 ? of : socket(AF_INET, SOCK_STREAM, 0);

	memset(name, 0, sizeof(name));
	CHECK_INT(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	if (of == -1)
		close(fd);
	return name;
}

static void
listen_inet(const char *where)
{
	union net_addr a;
	socklen_t len = sizeof(a);
	int fd, second, client, conn;

	CHECK(net_addr_parse(where, &a) > 0, "%s", where);
	fd = net_listen(&a, 16, 0);
	CHECK(fd >= 0, "%s: %s", where, strerror(-fd));
	if (fd < 0)
		return;
	CHECK(getsockname(fd, &a.sa, &len) == 0, "getsockname");
	CHECK(net_addr_port(&a) != 0, "no port");
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "not CLOEXEC");
	CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, "blocking");
	CHECK_INT(sockopt(fd, SOL_SOCKET, SO_REUSEADDR), 1);
	second = net_listen(&a, 16, 0);
	CHECK_INT(second, -EADDRINUSE);
	client = socket(a.sa.sa_family, SOCK_STREAM, 0);
	CHECK(connect(client, &a.sa, net_addr_len(&a)) == 0, "connect");
	conn = accept(fd, NULL, NULL);
	CHECK(conn != -1, "accept: %s", strerror(errno));
	CHECK_INT(sockopt(conn, IPPROTO_TCP, TCP_NODELAY), 1);
	CHECK_STR(congestion(conn), "reno");
	close(conn);
	close(client);
	close(fd);
}

static void
test_listen_inet(void)
{
	listen_inet("127.0.0.1:0");
	if (access("/proc/net/if_inet6", R_OK) == 0)
		listen_inet("[::1]:0");
}

/* Only the wildcard can be both; nothing is connected to it. */
static void
test_listen_v6_only(void)
{
	union net_addr a;
	int fd;

	if (access("/proc/net/if_inet6", R_OK) == -1) {
		unit_skip("no IPv6 here");
		return;
	}
	net_addr_parse("[::]:0", &a);
	fd = net_listen(&a, 1, 0);
	CHECK(fd >= 0, "listen: %s", strerror(-fd));
	CHECK_INT(sockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	close(fd);
}

/* There is a path to be spared then. */
static void
test_listen_wide(void)
{
	char usual[16];
	union net_addr a;
	int fd;

	snprintf(usual, sizeof(usual), "%s", congestion(-1));
	net_addr_parse("0.0.0.0:0", &a);
	fd = net_listen(&a, 1, 0);
	CHECK(fd >= 0, "listen: %s", strerror(-fd));
	CHECK_STR(congestion(fd), usual);
	close(fd);
}

static void
test_listen_refused(void)
{
	union net_addr a;
	char out[NET_ADDR_STRLEN];
	int fd;

	memset(&a, 0, sizeof(a));
	fd = net_listen(&a, 1, 0);
	CHECK(fd < 0, "a socket of no family: %s", net_addr_format(&a, out));
	net_addr_parse("unix:/nonexistent/x", &a);
	CHECK_INT(net_listen(&a, 1, 0600), -ENOENT);
}

static unsigned int
mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void
test_listen_unix(void)
{
	char dir[] = "/tmp/cagent-net-XXXXXX", text[64];
	const char *path = text + 5;
	union net_addr a;
	mode_t mask;
	int fd, again, file;

	CHECK(mkdtemp(dir) != NULL, "mkdtemp");
	snprintf(text, sizeof(text), "unix:%s/s", dir);
	CHECK(net_addr_parse(text, &a) > 0, "%s", text);
	mask = umask(077);
	fd = net_listen(&a, 1, 0666);
	CHECK(fd >= 0, "listen: %s", strerror(-fd));
	CHECK_INT(mode_of(path), 0666);
	again = net_listen(&a, 1, 0600);
	CHECK_INT(again, -EADDRINUSE);
	CHECK_INT(mode_of(path), 0666);
	close(fd); /* leaves a dead one */
	umask(0);
	fd = net_listen(&a, 1, 0600);
	CHECK(fd >= 0, "a dead socket in the way: %s", strerror(-fd));
	CHECK_INT(mode_of(path), 0600);
	umask(mask);
	close(fd);
	unlink(path);
	file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(file);
	again = net_listen(&a, 1, 0600);
	CHECK_INT(again, -EADDRINUSE);
	CHECK(access(path, F_OK) == 0, "a file of somebody's was removed");
	unlink(path);
	rmdir(dir);
}

/* A listener whose queue is full is not a dead one. */
static void
test_listen_unix_busy(void)
{
	char dir[] = "/tmp/cagent-net-XXXXXX", text[64];
	int fd, again, c[8];
	union net_addr a;
	size_t i;

	CHECK(mkdtemp(dir) != NULL, "mkdtemp");
	snprintf(text, sizeof(text), "unix:%s/s", dir);
	CHECK(net_addr_parse(text, &a) > 0, "%s", text);
	fd = net_listen(&a, 1, 0600);
	for (i = 0; i < N(c); i++) {
		c[i] = net_stream_socket(AF_UNIX);
		(void)connect(c[i], &a.sa, net_addr_len(&a));
	}
	CHECK(errno == EAGAIN, "the queue is not full: %s", strerror(errno));
	again = net_listen(&a, 1, 0600);
	CHECK_INT(again, -EADDRINUSE);
	for (i = 0; i < N(c); i++)
		close(c[i]);
	close(fd);
	unlink(text + 5);
	rmdir(dir);
}

static void
test_stream_socket(void)
{
	int fd = net_stream_socket(AF_INET);

	CHECK(fd >= 0, "%s", strerror(-fd));
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "not CLOEXEC");
	CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, "blocking");
	CHECK_INT(sockopt(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	close(fd);
	CHECK_INT(net_stream_socket(12345), -EAFNOSUPPORT);
}

static const struct unit_case cases[] = {
    {"listen on TCP", test_listen_inet},
    {"v6 listeners take v6 only", test_listen_v6_only},
    {"a wide listener keeps the default pace", test_listen_wide},
    {"listen refused", test_listen_refused},
    {"listen on a unix socket", test_listen_unix},
    {"a busy unix socket is alive", test_listen_unix_busy},
    {"stream socket", test_stream_socket},
};

UNIT_MAIN("net_listen", cases)
