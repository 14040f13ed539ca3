/* Where a connection was meant to go, and that it was not meant for us. */
#include "cagentd/worker/divert.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/loop_rig.h"
#include "tests/unit/settings_sample.h"

/* Settings of an agent with that listener. */
static struct settings *
listening(const char *host, unsigned int port)
{
	struct settings *s = NULL;
	struct conf_errors e = {0};
	char text[160];

	snprintf(text, sizeof(text),
	    "[agent]\nlisten = tproxy:%s:%u\n[access]\nnetwork = 127.0.0.0/8\n",
	    host, port);
	CHECK(sample_parse(text, &s, &e) == 0, "%s", e.text);
	return s;
}

static void
check(const struct settings *s, int fd, enum settings_listener kind, int want)
{
	struct wire_host to;

	CHECK_INT(divert_destination(s, fd, kind, &to), want);
}

/* The socket's own address is where it was going. */
static void
tells_where(void)
{
	static const uint8_t loopback[4] = {127, 0, 0, 1};
	union net_addr own = {0};
	socklen_t len = sizeof(own);
	struct settings *s;
	struct wire_host to;
	uint16_t port;
	int fds[2];

	rig_tcp_pair(fds);
	CHECK_INT(getsockname(fds[1], &own.sa, &len), 0);
	port = net_addr_port(&own);
	s = listening("127.0.0.1", port == 65535 ? 1024 : port + 1u);
	CHECK_INT(divert_destination(s, fds[1], LISTENER_TPROXY, &to), 0);
	CHECK_INT(to.kind, WIRE_HOST_V4);
	CHECK(memcmp(to.ip, loopback, 4) == 0, "its address");
	CHECK_INT(to.port, port);
	settings_unref(s);
	close(fds[0]);
	close(fds[1]);
}

/* Who connects to the listener itself is on the way to nobody else. */
static void
refuses_ourselves(void)
{
	union net_addr own = {0};
	socklen_t len = sizeof(own);
	struct settings *s;
	int fds[2];

	rig_tcp_pair(fds);
	CHECK_INT(getsockname(fds[1], &own.sa, &len), 0);
	s = listening("127.0.0.1", net_addr_port(&own));
	check(s, fds[1], LISTENER_TPROXY, -ELOOP);
	settings_unref(s);
	s = listening("0.0.0.0", net_addr_port(&own));
	check(s, fds[1], LISTENER_TPROXY, -ELOOP);
	settings_unref(s);
	close(fds[0]);
	close(fds[1]);
}

static void
refuses_what_is_no_address(void)
{
	struct settings *s = listening("127.0.0.1", 1081);
	int fds[2];

	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	check(s, fds[1], LISTENER_TPROXY, -EAFNOSUPPORT);
	close(fds[0]);
	close(fds[1]);
	settings_unref(s);
}

static const struct unit_case cases[] = {
    {"tells where", tells_where},
    {"refuses ourselves", refuses_ourselves},
    {"refuses what is no address", refuses_what_is_no_address},
};

UNIT_MAIN("divert", cases)
