/* What SOCKS has besides tunnels, by the real daemon: DNS over an association,
 * straight and through real intermediaries, and connections that come back. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_net.h"
#include "tests/integ/rig_ns.h"

#define ANSWER_MS   20000
#define PATIENCE_MS 500 /* of a DNS client, before it asks again */

struct assoc {
	struct rig_conn tcp;
	int udp;
};

/* Ask for an association and connect to where it is. */
static void
assoc_open(struct assoc *a, const struct rig_agent *agent)
{
	static const uint8_t ask[] = "\5\1\0\5\3\0\1\0\0\0\0\0\0";
	struct sockaddr_in at = {.sin_family = AF_INET};
	uint8_t got[12];

	REQUIRE(
	    rig_open(&a->tcp, "127.0.0.1", agent->port, ANSWER_MS) == RIG_OK &&
		rig_send(&a->tcp, ask, sizeof(ask) - 1) == RIG_OK &&
		rig_recv(&a->tcp, got, sizeof(got)) == RIG_OK,
	    "no association: %s", a->tcp.text);
	REQUIRE(memcmp(got, "\5\0\5\0\0\1\177\0\0\1", 10) == 0,
	    "an association, not code %u", got[3]);
	memcpy(&at.sin_addr, got + 6, 4);
	memcpy(&at.sin_port, got + 10, 2);
	a->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	REQUIRE(connect(a->udp, (struct sockaddr *)&at, sizeof(at)) == 0,
	    "connect: %s", strerror(errno));
}

static void
assoc_close(struct assoc *a)
{
	rig_conn_close(&a->tcp);
	close(a->udp);
}

/* A question for nobody.test to 127.0.0.1:53, in a datagram of SOCKS. */
static void
ask_dns(const struct assoc *a, uint8_t id)
{
	uint8_t out[] = "\0\0\0\1\177\0\0\1\0\65"
			"ID\1\0\0\1\0\0\0\0\0\0\6nobody\4test\0\0\1\0\1";

	out[10] = 0x5a;
	out[11] = id;
	CHECK(send(a->udp, out, sizeof(out) - 1, 0) == sizeof(out) - 1,
	    "send: %s", strerror(errno));
}

/* Is there an answer to one of the questions up to id? */
static bool
dns_answers(const struct assoc *a, uint8_t id)
{
	struct pollfd p = {.fd = a->udp, .events = POLLIN};
	uint8_t got[512];
	ssize_t n;

	if (poll(&p, 1, PATIENCE_MS) != 1)
		return false;
	n = recv(a->udp, got, sizeof(got), 0);
	if (n < 22)
		return false;
	CHECK(memcmp(got, "\0\0\0\1\177\0\0\1\0\65", 10) == 0,
	    "it says where it has come from");
	CHECK(got[10] == 0x5a && got[11] <= id && (got[13] & 15) == 3,
	    "the name server's answer: there is no such name");
	return true;
}

/* Ask until answered, as a DNS client does; how often. */
static int
resolve(const struct assoc *a)
{
	int64_t end_ms = rig_now_ms() + ANSWER_MS;
	uint8_t id = 0;

	while (rig_now_ms() < end_ms) {
		ask_dns(a, ++id);
		if (dns_answers(a, id))
			return id;
	}
	return 0;
}

static void
agent_with(struct rig_agent *a, const char *sections)
{
	rig_dns_start();
	rig_agent_init(a, "agent");
	rig_agent_add(a, "%s", sections);
}

static void
intermediary(struct rig_agent *a, const char *name, const char *type, int tier,
    uint16_t port)
{
	rig_agent_add(a,
	    "[intermediary \"%s\"]\ntype = %s\naddress = 127.0.0.1:%u\n"
	    "tier = %d\n",
	    name, type, port, tier);
}

/* Straight, what the operator sees of it, and its end with the connection. */
static void
dns_directly(void)
{
	const char *const status[] = {"--json", "status", NULL};
	struct rig_agent agent;
	struct rig_output o;
	struct assoc a;
	char byte = 0;
	int64_t end_ms;

	agent_with(&agent, "");
	rig_agent_direct(&agent);
	rig_agent_start(&agent);
	assoc_open(&a, &agent);
	CHECK_INT(resolve(&a), 1);
	CHECK(send(a.udp, "\0\0\1\1\177\0\0\1\0\65x", 11, 0) == 11, "send");
	CHECK_INT(resolve(&a), 1);
	rig_ctl(&agent, &o, status);
	CHECK(strstr(o.out, "\"associations\":1") != NULL &&
		  strstr(o.out, "\"datagrams\":4") != NULL &&
		  strstr(o.out, "\"datagrams_dropped\":1") != NULL,
	    "status: %s", o.out);
	rig_output_free(&o);
	rig_conn_close(&a.tcp);
	/* Its port is closed soon: that is the answer to a datagram then. */
	end_ms = rig_now_ms() + ANSWER_MS;
	while (rig_pause(end_ms)) {
		if (send(a.udp, &byte, 1, 0) == -1 && errno == ECONNREFUSED)
			break;
	}
	CHECK(rig_left_ms(end_ms) > 0, "the port outlives its connection");
	close(a.udp);
	rig_agent_stop(&agent);
}

/* What the operator is told, once it says so. */
static bool
told(struct rig_agent *agent, const char *what, const char *want)
{
	const char *const args[] = {"--json", what, NULL};
	int64_t end_ms = rig_now_ms() + ANSWER_MS;
	struct rig_output o;
	bool found = false;

	while (!found && rig_pause(end_ms)) {
		rig_ctl(agent, &o, args);
		found = strstr(o.out, want) != NULL;
		rig_output_free(&o);
	}
	return found;
}

/* Marked, shown, and held to the ceiling of its class. */
static void
within_its_class(void)
{
	uint8_t out[1000] = "\0\0\0\1\177\0\0\1\0\65";
	struct rig_agent agent;
	struct assoc a;
	int i;

	agent_with(&agent, "[class \"bulk\"]\nceiling = 8kbit\ndscp = cs1\n"
			   "[rule \"dns\"]\nport = 53\nclass = bulk\n");
	rig_agent_direct(&agent);
	rig_agent_start(&agent);
	assoc_open(&a, &agent);
	CHECK(told(&agent, "tunnels", "\"destination\":\"udp\""), "no row");
	for (i = 0; i < 3; i++)
		CHECK(send(a.udp, out, sizeof(out), 0) == sizeof(out), "send");
	CHECK(
	    told(&agent, "classes", "\"datagrams_dropped\":2"), "not one of 3");
	CHECK(told(&agent, "tunnels", "\"class\":\"bulk\""), "its class");
	assoc_close(&a);
	rig_agent_stop(&agent);
}

static void
dns_through_danted(void)
{
	struct rig_peer dante = {0};
	struct rig_agent agent;
	struct assoc a;

	rig_peer_start(&dante, RIG_PEER_DANTED, "danted");
	agent_with(&agent, "");
	intermediary(&agent, "dante", "socks5", 1, dante.port);
	rig_agent_start(&agent);
	assoc_open(&a, &agent);
	CHECK(resolve(&a) > 0, "no answer through danted");
	CHECK(resolve(&a) > 0, "no second one");
	assoc_close(&a);
	rig_agent_stop(&agent);
}

/* Those that relay no datagrams come first, and are asked in vain; then one
 * that does is killed.  The client's association stays. */
static void
moves_on(void)
{
	struct rig_peer micro = {0}, first = {0}, second = {0};
	struct rig_agent agent;
	struct assoc a;

	rig_peer_start(&micro, RIG_PEER_MICROSOCKS, "microsocks");
	rig_peer_start(&first, RIG_PEER_DANTED, "first");
	rig_peer_start(&second, RIG_PEER_DANTED, "second");
	agent_with(&agent, "");
	intermediary(&agent, "http", "http", 1, first.port);
	intermediary(&agent, "micro", "socks5", 2, micro.port);
	intermediary(&agent, "first", "socks5", 3, first.port);
	intermediary(&agent, "second", "socks5", 4, second.port);
	rig_agent_start(&agent);
	assoc_open(&a, &agent);
	CHECK(resolve(&a) > 0, "no answer through the first that can");
	rig_peer_kill(&first);
	CHECK(resolve(&a) > 0, "no answer through the next");
	rig_peer_kill(&second);
	rig_peer_restart(&first, "first");
	CHECK(resolve(&a) > 0, "no answer through the first, again");
	assoc_close(&a);
	rig_agent_stop(&agent);
}

/* In the way of FTP: the server connects to where the client has it told. */
static void
comes_back(bool v5)
{
	static const uint8_t ask4[] = "\4\2\0\25\177\0\0\1\0";
	static const uint8_t ask5[] = "\5\1\0\5\2\0\1\177\0\0\1\0\25";
	const size_t len = v5 ? 10 : 8;
	struct rig_agent agent;
	struct rig_conn c, back;
	uint8_t got[12], said[8];
	uint16_t port;

	agent_with(&agent, "");
	rig_agent_direct(&agent);
	rig_agent_start(&agent);
	REQUIRE(rig_open(&c, "127.0.0.1", agent.port, ANSWER_MS) == RIG_OK,
	    "%s", c.text);
	REQUIRE((v5 ? rig_send(&c, ask5, sizeof(ask5) - 1)
		    : rig_send(&c, ask4, sizeof(ask4) - 1)) == RIG_OK,
	    "%s", c.text);
	if (v5)
		CHECK_INT(rig_recv(&c, got, 2), RIG_OK);
	REQUIRE(rig_recv(&c, got, len) == RIG_OK, "%s", c.text);

	CHECK(memcmp(got, v5 ? "\5\0\0\1" : "\0\132", v5 ? 4 : 2) == 0,
	    "granted, not %u", got[1]);
	CHECK(memcmp(got + 4, "\177\0\0\1", 4) == 0, "where it waits");
	port = (uint16_t)(v5 ? got[8] << 8 | got[9] : got[2] << 8 | got[3]);
	REQUIRE(rig_open(&back, "127.0.0.1", port, ANSWER_MS) == RIG_OK,
	    "nobody waits at %u: %s", port, back.text);
	REQUIRE(
	    rig_recv(&c, got, len) == RIG_OK, "no second reply: %s", c.text);
	CHECK(memcmp(got, v5 ? "\5\0\0\1" : "\0\132", v5 ? 4 : 2) == 0,
	    "it has come, not %u", got[1]);
	CHECK(memcmp(got + 4, "\177\0\0\1", 4) == 0, "who has come");
	CHECK(rig_send(&back, "LIST", 4) == RIG_OK &&
		  rig_recv(&c, said, 4) == RIG_OK &&
		  memcmp(said, "LIST", 4) == 0,
	    "to the client");
	CHECK(rig_send(&c, "more", 4) == RIG_OK &&
		  rig_recv(&back, said, 4) == RIG_OK &&
		  memcmp(said, "more", 4) == 0,
	    "from the client");
	CHECK(told(&agent, "tunnels", "\"destination\":\"127.0.0.1:"),
	    "it is not shown");
	rig_conn_close(&back);
	CHECK_INT(rig_recv(&c, said, 1), RIG_FAIL_CLOSED);
	rig_conn_close(&c);
	rig_agent_stop(&agent);
}

static void
comes_back_socks4(void)
{
	comes_back(false);
}

static void
comes_back_socks5(void)
{
	comes_back(true);
}

static const struct rig_case cases[] = {
    {"DNS straight", dns_directly, 0, RIG_NEEDS_NETNS},
    {"within its class", within_its_class, 0, RIG_NEEDS_NETNS},
    {"DNS through danted", dns_through_danted, 0, RIG_NEEDS_NETNS},
    {"DNS by the next that can", moves_on, 90, RIG_NEEDS_NETNS},
    {"BIND, SOCKS4", comes_back_socks4, 0, RIG_NEEDS_NETNS},
    {"BIND, SOCKS5", comes_back_socks5, 0, RIG_NEEDS_NETNS},
};

RIG_MAIN("udp", cases, NULL)
