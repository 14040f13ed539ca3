#ifndef TESTS_UNIT_ASSOCIATE_RIG_H
#define TESTS_UNIT_ASSOCIATE_RIG_H

#include <poll.h>

#include "base/chan.h"
#include "cagentd/worker/socks/associate.h"
#include "tests/unit/session_rig.h"
#include "wire/socks5_udp.h"

/* A client of an association, destinations and relays on loopback, and a
 * resolver that knows what the test says. */

/* A UDP socket at that address, and its port. */
static inline int
udp_open(const char *ip, uint16_t *port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	rig_must(fd, "socket");
	inet_pton(AF_INET, ip, &sin.sin_addr);
	rig_must(bind(fd, (struct sockaddr *)&sin, len), "bind");
	rig_must(getsockname(fd, (struct sockaddr *)&sin, &len), "getsockname");
	*port = ntohs(sin.sin_port);
	return fd;
}

static inline void
udp_send(int fd, uint16_t port, const void *data, size_t len)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(port)};

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_INT(
	    sendto(fd, data, len, 0, (struct sockaddr *)&to, sizeof(to)), len);
}

/* What comes to fd, and from which port; -1: nothing. */
static inline ssize_t
udp_take(struct rig *rig, int fd, void *out, size_t cap, uint16_t *port)
{
	int64_t end_us = mono_us() + RIG_DEADLINE_US;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n = -1;

	do {
		loop_turn(rig->agent->loop, 1000);
		n = recvfrom(
		    fd, out, cap, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
	} while (n == -1 && mono_us() < end_us);
	if (port != NULL)
		*port = ntohs(from.sin_port);
	return n;
}

static inline void
udp_expect(struct rig *rig, int fd, const char *text, uint16_t *port)
{
	char got[1024] = "";
	ssize_t n = udp_take(rig, fd, got, sizeof(got) - 1, port);

	CHECK(
	    n == (ssize_t)strlen(text) && memcmp(got, text, strlen(text)) == 0,
	    "got %zd bytes, \"%s\", not \"%s\"", n, got, text);
}

/* Nothing has come: all that was on its way is here. */
static inline void
udp_nothing(struct rig *rig, int fd)
{
	char got[64];

	rig_settle(rig->agent->loop);
	rig_settle(rig->agent->loop);
	CHECK(recv(fd, got, sizeof(got), MSG_DONTWAIT) == -1,
	    "something was passed on");
}

/* --- the association --- */

struct assoc {
	struct rig *rig;
	int tcp;
	uint16_t at; /* to be sent to */
	int udp;
	uint16_t port;
};

/* Ask for one; the reply's code. */
static inline uint8_t
assoc_ask(struct rig *rig, int fd, uint16_t from, uint16_t *at)
{
	char ask[] = "\5\1\0\5\3\0\1\0\0\0\0\0\0";
	uint8_t got[12];
	int error;
	size_t n;

	ask[11] = (char)(from >> 8);
	ask[12] = (char)from;
	say(fd, ask, 13);
	n = take(rig, fd, (char *)got, sizeof(got), &error);
	CHECK_INT(n, 12);
	CHECK(got[0] == 5 && got[1] == 0 && got[2] == 5 && got[5] == 1,
	    "a reply of SOCKS5");
	*at = (uint16_t)(got[10] << 8 | got[11]);
	if (got[3] == 0)
		CHECK(memcmp(got + 6, "\177\0\0\1", 4) == 0 && *at != 0,
		    "where the client has found us");
	return got[3];
}

static inline void
assoc_open(struct rig *rig, struct assoc *a)
{
	a->rig = rig;
	a->udp = udp_open("127.0.0.1", &a->port);
	a->tcp = connect_client(rig);
	CHECK_INT(assoc_ask(rig, a->tcp, 0, &a->at), 0);
}

static inline void
assoc_close(struct assoc *a)
{
	close(a->udp);
}

/* From fd, a datagram for that host. */
static inline void
assoc_send_from(
    struct assoc *a, int fd, const char *to, uint16_t port, const char *text)
{
	struct wire_host host = {.port = port};
	uint8_t out[2048];
	int n;

	CHECK_INT(wire_host_set(&host, to, strlen(to)), 0);
	n = socks5_udp_encode(&host, out, sizeof(out));
	memcpy(out + n, text, strlen(text));
	udp_send(fd, a->at, out, (size_t)n + strlen(text));
}

static inline void
assoc_send(struct assoc *a, const char *to, uint16_t port, const char *text)
{
	assoc_send_from(a, a->udp, to, port, text);
}

/* What the client is told: "127.0.0.1:53 text". */
static inline void
assoc_expect(struct assoc *a, const char *want)
{
	char text[2048] = "", host[WIRE_HOST_STRLEN];
	uint8_t got[2048];
	struct wire_host from;
	uint16_t port = 0;
	ssize_t len = udp_take(a->rig, a->udp, got, sizeof(got), &port);
	int n = len > 0 ? socks5_udp_decode(got, (size_t)len, &from) : -1;

	CHECK(n > 0, "%zd bytes, of which %d are a header", len, n);
	if (n <= 0)
		return;
	CHECK_INT(port, a->at);
	snprintf(text, sizeof(text), "%s %.*s", wire_host_format(&from, host),
	    (int)(len - n), (char *)got + n);
	CHECK_STR(text, want);
}

static inline uint64_t
assoc_dropped(const struct assoc *a)
{
	return AGENT_GET(&a->rig->agent->slab.datagrams_dropped);
}

/* So many are dropped, and nothing comes of them. */
#define ASSOC_DROPS(a, before, n)                            \
	do {                                                 \
		RIG_UNTIL((a)->rig->agent->loop,             \
		    assoc_dropped(a) >= (before) + (n));     \
		CHECK_INT(assoc_dropped(a), (before) + (n)); \
	} while (0)

/* --- the resolver --- */

struct resolver {
	struct chan *chan;
	struct msg_resolved answer;
	bool mute;
	int asked;
	char name[NET_HOST_MAX + 1]; /* the last */
};

static inline void
resolver_question(void *arg, struct chan *c, const struct chan_msg *m)
{
	struct resolver *r = arg;
	struct msg_resolve q;
	uint8_t buf[CHAN_DATA_MAX];
	size_t len;

	CHECK_INT(msg_resolve_decode(m->data, m->len, &q), 0);
	r->asked++;
	memcpy(r->name, q.name, sizeof(r->name));
	if (r->mute)
		return;
	r->answer.id = q.id;
	len = msg_resolved_encode(&r->answer, buf);
	CHECK_INT(chan_send(c, MSG_RESOLVED, buf, len, NULL, 0), 0);
}

static inline void
resolver_gone(void *arg, struct chan *c, const char *why)
{
	(void)arg, (void)c, (void)why;
}

static inline void
resolver_attach(struct rig *rig, struct resolver *r, const char *ip)
{
	const struct chan_owner owner = {resolver_question, resolver_gone, r};
	int fds[2];

	memset(r, 0, sizeof(*r));
	if (ip != NULL) {
		r->answer.ips_n = 1;
		CHECK_INT(net_ip_parse(ip, &r->answer.ips[0]), 0);
	} else {
		r->answer.outcome = NAMES_UNKNOWN;
	}
	rig_must(chan_pair(fds), "chan_pair");
	rig_must(chan_new(&r->chan, rig->agent->loop, fds[0], &procs_rules,
		     ROLE_RESOLVER, ROLE_WORKER, &owner),
	    "chan_new");
	rig_must(resolve_attach(rig->agent->resolve, ROLE_WORKER, fds[1]),
	    "resolve_attach");
}

#endif
