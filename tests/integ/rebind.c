/* Names whose addresses change, or are several, so that what was judged is not
 * what is reached: by a real agent nobody gets to this host by them. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_agent.h"
#include "tests/integ/rig_ns.h"
#include "tests/integ/rig_web.h"

#define TIMEOUT_MS 10000
#define FLIP_MS	   20000 /* the agent keeps no answer so long */
#define AGAIN	   3

/* The ways to ask for a name; each has its own that flips. */
static const enum rig_proto protos[] = {RIG_SOCKS5H, RIG_SOCKS4A, RIG_CONNECT};
#define PROTOS (sizeof(protos) / sizeof(*protos))
#define WAYS   (PROTOS + 1) /* the last: a request in absolute form */

struct scene {
	struct rig_agent agent;
	struct rig_server far;		     /* the peer's, on the same port */
	struct rig_server here, six, alone;  /* never to be reached */
	int udp_far, udp_here, udp_own, udp; /* likewise; the client's */
	uint16_t udp_port;
	struct rig_conn assoc;
	unsigned int dropped;
};

/* --- what is there --- */

static void
enter(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	REQUIRE(fd != -1 && setns(fd, CLONE_NEWNET) == 0, "%s: %s", path,
	    strerror(errno));
	close(fd);
}

static int
udp_at(const char *ip, uint16_t *port)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_port = htons(*port)};
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	inet_pton(AF_INET, ip, &sin.sin_addr);
	REQUIRE(bind(fd, (struct sockaddr *)&sin, len) == 0 &&
		    getsockname(fd, (struct sockaddr *)&sin, &len) == 0,
	    "%s: %s", ip, strerror(errno));
	*port = ntohs(sin.sin_port);
	return fd;
}

static void
place(struct scene *s)
{
	pid_t peer = rig_ns_peer();
	char path[64];
	int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	rig_origin_start(&s->here, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_origin_start(&s->alone, RIG_ORIGIN_HTTP, "127.0.0.1", 0, NULL);
	rig_origin_http_at(&s->six, "::1", s->here.port);
	s->udp_here = udp_at("127.0.0.1", &s->udp_port);
	/* Sockets stay in the network that they were made in. */
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)peer);
	enter(path);
	rig_origin_http_at(&s->far, RIG_NS_THERE, s->here.port);
	s->udp_far = udp_at(RIG_NS_THERE, &s->udp_port);
	REQUIRE(own != -1 && setns(own, CLONE_NEWNET) == 0, "back: %s",
	    strerror(errno));
	close(own);
}

static void
setup(struct scene *s, const char *keys, const char *sections)
{
	memset(s, 0, sizeof(*s));
	place(s);
	rig_dns_start();
	rig_agent_init(&s->agent, "agent");
	s->agent.workers = 1;
	s->agent.listen = "0.0.0.0:0";
	rig_agent_key(&s->agent, "%s", keys);
	rig_agent_add(
	    &s->agent, "%s[access]\nnetwork = 127.0.0.0/8\n", sections);
	rig_agent_start(&s->agent);
	s->udp_own = udp_at(RIG_NS_HERE, &s->agent.port);
}

static void
teardown(struct scene *s)
{
	rig_agent_stop(&s->agent);
	rig_server_stop(&s->far);
	CHECK_INT(s->here.accepted, 0);
	CHECK_INT(s->six.accepted, 0);
	CHECK_INT(s->alone.accepted, 0);
	rig_server_stop(&s->here);
	rig_server_stop(&s->six);
	rig_server_stop(&s->alone);
	close(s->udp_far);
	close(s->udp_here);
	close(s->udp_own);
}

/* --- TCP --- */

static bool
get_plain(struct scene *s, const char *host, uint16_t port)
{
	char target[128];
	struct rig_web w;
	bool ok;

	snprintf(target, sizeof(target), "http://%s:%u/ok", host, port);
	rig_web_get(&w, s->agent.port, target, "");
	ok = w.status == 200;
	CHECK(ok || w.status == 403 || w.status == 502, "%s: %d: %.200s",
	    target, w.status, w.text);
	rig_web_free(&w);
	return ok;
}

/* Does that name lead to one that answers?  If not, it is refused. */
static bool
get(struct scene *s, size_t way, const char *host, uint16_t port)
{
	struct rig_proxy p;
	struct rig_conn c;
	enum rig_fail f;

	if (way == PROTOS)
		return get_plain(s, host, port);
	p = rig_agent_proxy(&s->agent, protos[way]);
	f = rig_dial(&c, &p, host, port, TIMEOUT_MS);
	if (f != RIG_OK) {
		CHECK(f == RIG_FAIL_REPLY, "%s by %s: %s: %s", host,
		    rig_proto_word(p.proto), rig_fail_word(f), c.text);
		return false;
	}
	f = rig_http_get(&c, 100);
	CHECK(f == RIG_OK, "%s by %s: %s: %s", host, rig_proto_word(p.proto),
	    rig_fail_word(f), c.text);
	rig_conn_close(&c);
	return true;
}

static void
flips(struct scene *s)
{
	int64_t end_ms = rig_now_ms() + FLIP_MS;
	unsigned int reached = 0, i;
	char name[32];
	size_t way;

	for (way = 0; way < WAYS; way++) {
		snprintf(name, sizeof(name), "flip%zu.rebind", way);
		CHECK(
		    get(s, way, name, s->here.port), "%s: not at first", name);
		reached++;
	}
	CHECK(s->far.accepted >= reached, "%u connections", s->far.accepted);
	for (way = 0; way < WAYS; way++) {
		snprintf(name, sizeof(name), "flip%zu.rebind", way);
		/* Until what was answered first has expired. */
		while (get(s, way, name, s->here.port) && rig_pause(end_ms))
			;
		CHECK(rig_left_ms(end_ms) > 0, "%s: never flipped", name);
		for (i = 0; i < AGAIN; i++)
			CHECK(!get(s, way, name, s->here.port), "%s: served",
			    name);
	}
}

static void
traps(struct scene *s)
{
	size_t way;

	for (way = 0; way < WAYS; way++) {
		CHECK(get(s, way, "both.rebind", s->here.port),
		    "the peer's is fine");
		CHECK(!get(s, way, "both.rebind", s->alone.port), "both");
		CHECK(!get(s, way, "loop.rebind", s->here.port), "loop");
		CHECK(!get(s, way, "six.rebind", s->here.port), "six");
		CHECK(!get(s, way, "own.rebind", s->agent.port), "own");
	}
}

/* --- UDP --- */

static void
associate(struct scene *s)
{
	static const uint8_t ask[] = "\5\1\0\5\3\0\1\0\0\0\0\0\0";
	struct sockaddr_in at = {.sin_family = AF_INET};
	uint8_t got[12];

	REQUIRE(rig_open(&s->assoc, "127.0.0.1", s->agent.port, TIMEOUT_MS) ==
			RIG_OK &&
		    rig_send(&s->assoc, ask, sizeof(ask) - 1) == RIG_OK &&
		    rig_recv(&s->assoc, got, sizeof(got)) == RIG_OK &&
		    got[3] == 0,
	    "no association: %s", s->assoc.text);
	memcpy(&at.sin_addr, got + 6, 4);
	memcpy(&at.sin_port, got + 10, 2);
	s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	REQUIRE(connect(s->udp, (struct sockaddr *)&at, sizeof(at)) == 0,
	    "connect: %s", strerror(errno));
}

static void
dissociate(struct scene *s)
{
	rig_conn_close(&s->assoc);
	close(s->udp);
}

static void
say(struct scene *s, const char *host, uint16_t port)
{
	uint8_t out[128] = {[3] = 3};
	size_t n = strlen(host);

	out[4] = (uint8_t)n;
	memcpy(out + 5, host, n);
	out[5 + n] = (uint8_t)(port >> 8);
	out[6 + n] = (uint8_t)port;
	memcpy(out + 7 + n, "word", 4);
	CHECK(send(s->udp, out, n + 11, 0) == (ssize_t)n + 11, "send: %s",
	    strerror(errno));
}

static bool
heard(int fd)
{
	char word[16];

	return recv(fd, word, sizeof(word), 0) == 4;
}

/* It is dropped, and has come nowhere.  By an association of its own: one that
 * has just found no intermediary drops whatever it would look for one for. */
static void
say_in_vain(struct scene *s, const char *host, uint16_t port)
{
	const char *const status[] = {"--json", "status", NULL};
	int64_t end_ms = rig_now_ms() + TIMEOUT_MS;
	struct rig_output o;
	char want[48];
	bool dropped = false;

	associate(s);
	say(s, host, port);
	snprintf(want, sizeof(want), "\"datagrams_dropped\":%u,", ++s->dropped);
	while (!dropped && rig_pause(end_ms)) {
		rig_ctl(&s->agent, &o, status);
		dropped = strstr(o.out, want) != NULL;
		rig_output_free(&o);
	}
	CHECK(dropped, "%s: it is not dropped", host);
	CHECK(!heard(s->udp_here) && !heard(s->udp_own) && !heard(s->udp_far),
	    "%s: somebody has heard of it", host);
	dissociate(s);
}

static void
datagrams(struct scene *s)
{
	int64_t end_ms = rig_now_ms() + TIMEOUT_MS;
	bool come = false;

	associate(s);
	say(s, "both.rebind", s->udp_port);
	while (!come && rig_pause(end_ms))
		come = heard(s->udp_far);
	CHECK(come, "the peer's is fine");
	dissociate(s);
	say_in_vain(s, "flip0.rebind", s->udp_port);
	say_in_vain(s, "loop.rebind", s->udp_port);
	say_in_vain(s, "six.rebind", s->udp_port);
	say_in_vain(s, "own.rebind", s->agent.port);
}

static void
all(const char *keys, const char *sections)
{
	struct scene s;

	setup(&s, keys, sections);
	flips(&s);
	traps(&s);
	datagrams(&s);
	teardown(&s);
}

static void
listed(void)
{
	all("", "[direct]\ndomain = rebind\n");
}

static void
unlisted(void)
{
	all("no-path = direct", "");
}

static const struct rig_case cases[] = {
    {"names that are listed", listed, 0, RIG_NEEDS_NETNS},
    {"names that are not", unlisted, 0, RIG_NEEDS_NETNS},
};

RIG_MAIN("rebind", cases, NULL)
