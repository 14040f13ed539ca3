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

#define REQUEST_MS 10000
#define BYTES	   500
#define MORE	   3

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

/* Tunnels through two agents, one after another. */
static void
tunnels(struct rig_agent *agent, uint16_t port, int n)
{
	struct rig_proxy proxy = rig_agent_proxy(agent, RIG_SOCKS5);
	enum rig_fail fail;
	struct rig_conn c;

	while (n-- > 0) {
		fail = rig_dial(&c, &proxy, "127.0.0.1", port, REQUEST_MS);
		if (fail == RIG_OK) {
			fail = rig_http_get(&c, BYTES);
			rig_conn_close(&c);
		}
		CHECK(fail == RIG_OK, "a tunnel: %s", c.text);
	}
}

/*
 * The first tunnel brings the cookie; the second is the one trial of saying
 * all at once, which does without; all others have their request in their
 * SYN, and the agent behind takes it from there.
 */
static void
upstream(const char *loop, const char *type, const char *key, long want)
{
	static struct rig_agent agent, back;
	struct rig_server origin;
	long before;

	let();
	rig_origin_start(&origin, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_agent_init(&back, "back");
	rig_agent_direct(&back);
	rig_agent_start(&back);
	rig_agent_init(&agent, "agent");
	agent.workers = 1;
	rig_agent_key(&agent, "event-loop = %s", loop);
	rig_agent_key(&agent, "warm-connections = 0");
	rig_agent_intermediary(&agent, "one", type, "127.0.0.1", back.port);
	rig_agent_add(&agent, "%s\n", key);
	rig_agent_start(&agent);
	tunnels(&agent, origin.port, 2);
	before = count("TCPFastOpenActive");
	tunnels(&agent, origin.port, MORE);
	CHECK_INT(count("TCPFastOpenActive") - before, want);
	CHECK_INT(count("TCPFastOpenPassive") - before, want);
	CHECK_INT(count("TCPFastOpenActiveFail"), 0);
	rig_agent_stop(&agent);
	rig_agent_stop(&back);
	rig_server_stop(&origin);
}

static void
t_epoll(void)
{
	upstream("epoll", "socks5", "fast-open = yes", MORE);
}

static void
t_io_uring(void)
{
	upstream("io_uring", "socks5", "fast-open = yes", MORE);
}

/* And with a mark, which the sandbox lets through. */
static void
t_connect(void)
{
	upstream("auto", "http",
	    "fast-open = yes\n[class \"normal\"]\ndscp = cs1", MORE);
}

/* Not unless it is asked for. */
static void
t_default(void)
{
	upstream("auto", "socks5", "", 0);
}

static const struct rig_case cases[] = {
    {"client", t_client, 0, RIG_NEEDS_NETNS},
    {"epoll", t_epoll, 0, RIG_NEEDS_NETNS},
    {"io_uring", t_io_uring, 0, RIG_NEEDS_NETNS},
    {"connect", t_connect, 0, RIG_NEEDS_NETNS},
    {"default", t_default, 0, RIG_NEEDS_NETNS},
};

RIG_MAIN("fast", cases, NULL)
