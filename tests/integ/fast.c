/* TCP Fast Open: what is said first rides in the SYN. */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/net_fast.h"
#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_ns.h"

/* Both ends of it are let, in the case's own network. */
static void
let(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/tcp_fastopen", "we");

	REQUIRE(
	    f != NULL && fputs("3", f) >= 0 && fclose(f) == 0, "tcp_fastopen");
}

/* The figure of that name, in a pair of lines "TcpExt: ...". */
static long
figure_of(char *names, char *values, const char *want)
{
	char *n, *v, *n_rest, *v_rest;

	n = strtok_r(names, " \n", &n_rest);
	v = strtok_r(values, " \n", &v_rest);
	while (n != NULL && v != NULL) {
		if (strcmp(n, want) == 0)
			return strtol(v, NULL, 10);
		n = strtok_r(NULL, " \n", &n_rest);
		v = strtok_r(NULL, " \n", &v_rest);
	}
	return -1;
}

static long
count(const char *want)
{
	FILE *f = fopen("/proc/self/net/netstat", "re");
	char names[8192], values[8192];
	long n = -1;

	REQUIRE(f != NULL, "netstat");
	while (n == -1 && fgets(names, sizeof(names), f) != NULL &&
	       fgets(values, sizeof(values), f) != NULL)
		n = figure_of(names, values, want);
	fclose(f);
	REQUIRE(n != -1, "no %s", want);
	return n;
}

/* A greeting, in the SYN where there is a cookie, and its answer. */
static void
greet(uint16_t port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage at;
	char got[2] = {0};
	socklen_t len;

	REQUIRE(rig_net_addr("127.0.0.1", port, &at, &len), "an address");
	CHECK_INT(net_fast_connect(fd), 0);
	CHECK_INT(connect(fd, (struct sockaddr *)&at, len), 0);
	CHECK_INT(send(fd, "\5\1\0", 3, MSG_NOSIGNAL), 3);
	CHECK_INT(recv(fd, got, sizeof(got), MSG_WAITALL), 2);
	CHECK(memcmp(got, "\5\0", 2) == 0, "greeted");
	close(fd);
}

/* A client's first bytes. */
static void
t_client(void)
{
	static struct rig_agent agent;
	long before;

	let();
	rig_agent_init(&agent, "agent");
	rig_agent_direct(&agent);
	rig_agent_start(&agent);
	greet(agent.port);
	before = count("TCPFastOpenPassive");
	greet(agent.port);
	CHECK_INT(count("TCPFastOpenPassive"), before + 1);
	rig_agent_stop(&agent);
}

static const struct rig_case cases[] = {
    {"client", t_client, 0, RIG_NEEDS_NETNS},
};

RIG_MAIN("fast", cases, NULL)
