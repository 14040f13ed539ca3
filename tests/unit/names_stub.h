#ifndef TESTS_UNIT_NAMES_STUB_H
#define TESTS_UNIT_NAMES_STUB_H

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/loop.h"
#include "tests/unit/unit.h"

/*
 * A name server on the test's own loop: what it does with a question is said
 * by the first label of the name.
 */
#define STUB_MSG_MAX 65535
#define STUB_TYPES   32 /* A is 1, AAAA 28 */
#define STUB_NAMES   64

struct stub_asked {
	char name[256];
	int n[STUB_TYPES];
};

struct stub_msg;

/* What the test answers: false for nothing at all.  The message holds the
 * question with the head of a good answer; tcp: over TCP. */
typedef bool stub_fn(struct stub_msg *, const char *name, int type, bool tcp);

struct stub {
	struct loop *loop;
	stub_fn *answer;
	int udp, tcp, conn; /* one TCP connection at a time is served */
	struct op udp_op, tcp_op, conn_op, out_op;
	uint8_t in[1024]; /* of the TCP connection */
	size_t in_len;
	int tcp_n;
	char servers[32]; /* for names_new() */
	struct stub_asked asked[STUB_NAMES];
};

/* An answer in the making. */
struct stub_msg {
	uint8_t bytes[STUB_MSG_MAX];
	size_t len;
};

static inline void
stub_put(struct stub_msg *m, const void *data, size_t len)
{
	memcpy(m->bytes + m->len, data, len);
	m->len += len;
}

static inline void
stub_put16(struct stub_msg *m, uint32_t v)
{
	stub_put(m, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static inline void
stub_put32(struct stub_msg *m, uint32_t v)
{
	stub_put16(m, v >> 16);
	stub_put16(m, v);
}

/* "a.b" as labels. */
static inline void
stub_put_name(struct stub_msg *m, const char *name)
{
	size_t len;

	for (; *name != '\0'; name += len + (name[len] == '.')) {
		len = strcspn(name, ".");
		stub_put(m, (uint8_t[]){(uint8_t)len}, 1);
		stub_put(m, name, len);
	}
	stub_put(m, "", 1);
}

/* A record of name (NULL: the question's), counted in the head. */
static inline void
stub_record(struct stub_msg *m, const char *name, int type, uint32_t ttl,
    const void *data, size_t len)
{
	uint32_t n = (uint32_t)(m->bytes[6] << 8 | m->bytes[7]) + 1;

	m->bytes[6] = (uint8_t)(n >> 8);
	m->bytes[7] = (uint8_t)n;
	if (name != NULL)
		stub_put_name(m, name);
	else
		stub_put(m, "\xc0\x0c", 2);
	stub_put16(m, (uint32_t)type);
	stub_put16(m, 1);
	stub_put32(m, ttl);
	stub_put16(m, (uint32_t)len);
	stub_put(m, data, len);
}

static inline void
stub_a(struct stub_msg *m, const char *name, uint32_t ttl, uint32_t ip)
{
	uint32_t be = htonl(ip);

	stub_record(m, name, 1, ttl, &be, 4);
}

static inline void
stub_cname(
    struct stub_msg *m, const char *name, uint32_t ttl, const char *target)
{
	static struct stub_msg t;

	t.len = 0;
	stub_put_name(&t, target);
	stub_record(m, name, 5, ttl, t.bytes, t.len);
}

static inline size_t
stub_question(const uint8_t *in, size_t len, char name[256], int *type)
{
	size_t at = 12, to = 0;

	while (at < len && in[at] != 0 && at + in[at] < len) {
		memcpy(name + to, in + at + 1, in[at]);
		to += in[at];
		name[to++] = '.';
		at += in[at] + 1u;
	}
	name[to > 0 ? to - 1 : 0] = '\0';
	if (at + 5 > len)
		return 0;
	*type = in[at + 1] << 8 | in[at + 2];
	return at + 5;
}

static inline int *
stub_count(struct stub *s, const char *name, int type)
{
	static int lost;
	size_t i;

	for (i = 0; i < STUB_NAMES; i++) {
		if (s->asked[i].name[0] == '\0')
			snprintf(s->asked[i].name, 256, "%s", name);
		if (strcmp(s->asked[i].name, name) == 0)
			return &s->asked[i].n[type % STUB_TYPES];
	}
	return &lost;
}

/* Fill in m for the question; false for no answer. */
static inline bool
stub_serve(
    struct stub *s, const uint8_t *in, size_t len, bool tcp, struct stub_msg *m)
{
	char name[256] = "";
	int type = 0;
	size_t end = stub_question(in, len, name, &type);

	CHECK(end > 0, "a question of %zu bytes", len);
	if (end == 0)
		return false;
	++*stub_count(s, name, type);
	m->len = 0;
	stub_put(m, in, end);
	m->bytes[2] = 0x81; /* a response, recursion desired */
	m->bytes[3] = 0x80; /* and available */
	memset(m->bytes + 6, 0, 6);
	return s->answer(m, name, type, tcp);
}

static inline void
stub_on_udp(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct stub *s = container_of(op, struct stub, udp_op);
	static struct stub_msg m;
	struct sockaddr_in from;
	socklen_t from_len;
	uint8_t in[1024];
	ssize_t len;

	(void)loop;
	(void)r;
	for (;;) {
		from_len = sizeof(from);
		len = recvfrom(s->udp, in, sizeof(in), 0,
		    (struct sockaddr *)&from, &from_len);
		if (len == -1)
			return;
		if (stub_serve(s, in, (size_t)len, false, &m))
			sendto(s->udp, m.bytes, m.len, 0,
			    (struct sockaddr *)&from, from_len);
	}
}

static inline void
stub_on_sent(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)loop, (void)op;
	CHECK(r->res > 0, "TCP answer: %d", r->res);
}

/* One question after the other; c-ares sends the next without waiting. */
static inline void
stub_tcp_next(struct stub *s)
{
	static struct stub_msg m;
	struct buf *b = NULL;
	uint8_t head[2];
	size_t len;

	while (s->in_len >= 2) {
		len = (size_t)(s->in[0] << 8 | s->in[1]);
		if (s->in_len < 2 + len)
			break;
		if (stub_serve(s, s->in + 2, len, true, &m)) {
			head[0] = (uint8_t)(m.len >> 8);
			head[1] = (uint8_t)m.len;
			CHECK(buf_extend(&b, head, 2) == 0 &&
				  buf_extend(&b, m.bytes, m.len) == 0,
			    "memory");
		}
		memmove(s->in, s->in + 2 + len, s->in_len - 2 - len);
		s->in_len -= 2 + len;
	}
	if (b != NULL)
		CHECK_INT(
		    loop_send(s->loop, &s->out_op, s->conn, b, stub_on_sent),
		    0);
}

static inline void
stub_on_data(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct stub *s = container_of(op, struct stub, conn_op);

	if (r->res <= 0) {
		loop_close(loop, s->conn);
		s->conn = -1;
		return;
	}
	if ((size_t)r->res <= sizeof(s->in) - s->in_len) {
		memcpy(s->in + s->in_len, r->data, (size_t)r->res);
		s->in_len += (size_t)r->res;
	}
	stub_tcp_next(s);
}

static inline void
stub_on_accept(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct stub *s = container_of(op, struct stub, tcp_op);

	s->tcp_n++;
	if (s->conn != -1)
		loop_close(loop, s->conn);
	s->conn = r->res;
	s->in_len = 0;
	CHECK_INT(loop_recv(loop, &s->conn_op, s->conn, stub_on_data), 0);
}

/* The same port for both. */
static inline int
stub_bind(struct stub *s)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	socklen_t len = sizeof(sin);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(s->udp, (struct sockaddr *)&sin, sizeof(sin)) == 0 &&
	    getsockname(s->udp, (struct sockaddr *)&sin, &len) == 0 &&
	    bind(s->tcp, (struct sockaddr *)&sin, sizeof(sin)) == 0 &&
	    listen(s->tcp, 16) == 0)
		return ntohs(sin.sin_port);
	close(s->udp);
	close(s->tcp);
	return -1;
}

static inline void
stub_init(struct stub *s, struct loop *loop, stub_fn *answer)
{
	int port = -1, tries;

	memset(s, 0, sizeof(*s));
	s->loop = loop;
	s->answer = answer;
	s->conn = -1;
	for (tries = 0; port == -1 && tries < 20; tries++)
		port = stub_bind(s);
	CHECK(port != -1, "no port for both UDP and TCP");
	snprintf(s->servers, sizeof(s->servers), "127.0.0.1:%d", port);
	CHECK_INT(loop_poll(loop, &s->udp_op, s->udp, POLLIN, stub_on_udp), 0);
	CHECK_INT(loop_accept(loop, &s->tcp_op, s->tcp, stub_on_accept), 0);
}

static inline void
stub_fini(struct stub *s)
{
	loop_close(s->loop, s->udp);
	loop_close(s->loop, s->tcp);
	loop_close(s->loop, s->conn);
}

#endif
