#ifndef TESTS_UNIT_FAKE_H
#define TESTS_UNIT_FAKE_H

#include <sys/queue.h>
#include <sys/socket.h>

#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/loop.h"
#include "tests/unit/loop_rig.h"

/* SOCKS5 intermediaries without a network behind them: scripted, on loopback,
 * served by the loop of the test. */
enum fake_script {
	FAKE_ECHO,   /* the destination sends back what it gets */
	FAKE_BANNER, /* likewise, and "hello" right behind the reply */
	FAKE_MUTE,   /* success, and then nothing ever */
	FAKE_LIAR,   /* success, and the end once something has come */
	FAKE_RST,    /* likewise, by a reset */
	FAKE_REPLY,  /* the reply code of the fake, and the end */
	FAKE_SILENT, /* no answer to the request */
	FAKE_HANG_UP,
	FAKE_STALLED, /* no answer to the greeting */
	FAKE_CLOSED,
	FAKE_RUBBISH
};

struct fake_conn {
	LIST_ENTRY(fake_conn) entry;
	struct fake *fake;
	int fd;
	struct op recv;
	int stage; /* 0: greeting, 1: request, 2: payload */
	size_t len;
	uint8_t in[512];
};

struct fake {
	struct loop *loop;
	enum fake_script script;
	uint8_t code;	/* of FAKE_REPLY */
	uint16_t bound; /* the port that it says it has bound; 0: 80 */
	uint16_t port;
	int fd;
	struct op accept;
	int accepted, requests;
	size_t got_len;
	char got[65536]; /* the payload of all connections */
	LIST_HEAD(, fake_conn) conns;
};

/* Its close will be a reset. */
static inline void
fake_reset(int fd)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static inline void
fake_drop(struct fake_conn *c, bool reset)
{
	if (reset)
		fake_reset(c->fd);
	loop_close(c->fake->loop, c->fd);
	LIST_REMOVE(c, entry);
	free(c);
}

static inline void
fake_say(struct fake_conn *c, const void *data, size_t len)
{
	ssize_t n = loop_send_now(c->fake->loop, c->fd, data, len);

	CHECK(n < 0 || n == (ssize_t)len, "the fake can send");
}

/* false: the connection is gone. */
static inline bool
fake_answer(struct fake_conn *c)
{
	uint8_t reply[15] = {5, 0, 0, 1, 127, 0, 0, 1, 0, 80};
	enum fake_script script = c->fake->script;

	c->fake->requests++;
	if (script == FAKE_REPLY)
		reply[1] = c->fake->code;
	if (c->fake->bound != 0) {
		reply[8] = (uint8_t)(c->fake->bound >> 8);
		reply[9] = (uint8_t)c->fake->bound;
	}
	memcpy(reply + 10, "hello", 5);
	if (script != FAKE_SILENT && script != FAKE_HANG_UP)
		fake_say(c, reply, script == FAKE_BANNER ? 15 : 10);
	if (script != FAKE_REPLY && script != FAKE_HANG_UP)
		return true;
	fake_drop(c, false);
	return false;
}

static inline bool
fake_payload(struct fake_conn *c, const uint8_t *data, size_t len)
{
	struct fake *f = c->fake;

	if (f->got_len + len <= sizeof(f->got))
		memcpy(f->got + f->got_len, data, len);
	f->got_len += len;
	if (f->script == FAKE_ECHO || f->script == FAKE_BANNER)
		fake_say(c, data, len);
	if (f->script != FAKE_LIAR && f->script != FAKE_RST)
		return true;
	fake_drop(c, f->script == FAKE_RST);
	return false;
}

/* The length of the message of this stage; 0: not known yet. */
static inline size_t
fake_expects(const struct fake_conn *c)
{
	if (c->stage == 0)
		return c->len >= 2 ? 2u + c->in[1] : 0;
	if (c->len < 5)
		return 0;
	return c->in[3] == 1 ? 10 : c->in[3] == 4 ? 22 : 7u + c->in[4];
}

static inline bool
fake_step(struct fake_conn *c)
{
	size_t n = fake_expects(c);

	if (n == 0 || c->len < n)
		return true;
	c->len -= n;
	memmove(c->in, c->in + n, c->len);
	c->stage++;
	if (c->stage == 2)
		return fake_answer(c);
	if (c->fake->script == FAKE_RUBBISH)
		fake_say(c, "HTTP", 4);
	else if (c->fake->script != FAKE_STALLED)
		fake_say(c, "\5\0", 2);
	return true;
}

static inline void
fake_recv(struct loop *l, struct op *op, const struct op_result *r)
{
	struct fake_conn *c = container_of(op, struct fake_conn, recv);
	int i;

	(void)l;
	if (r->res <= 0) {
		fake_drop(c, false);
		return;
	}
	for (i = 0; i < r->res && c->stage < 2; i++) {
		c->in[c->len++] = r->data[i];
		if (!fake_step(c))
			return;
	}
	if (i < r->res)
		fake_payload(c, r->data + i, (size_t)(r->res - i));
}

static inline void
fake_accept(struct loop *l, struct op *op, const struct op_result *r)
{
	struct fake *f = container_of(op, struct fake, accept);
	struct fake_conn *c;

	f->accepted++;
	if (f->script == FAKE_CLOSED) {
		loop_close(l, r->res);
		return;
	}
	c = calloc(1, sizeof(*c));
	c->fake = f;
	c->fd = r->res;
	LIST_INSERT_HEAD(&f->conns, c, entry);
	rig_must(loop_recv(l, &c->recv, c->fd, fake_recv), "loop_recv");
}

static inline struct fake *
fake_new(struct loop *l, enum fake_script script)
{
	struct fake *f = calloc(1, sizeof(*f));
	struct sockaddr_in sin;

	f->loop = l;
	f->script = script;
	f->fd = rig_listen(&sin);
	f->port = ntohs(sin.sin_port);
	LIST_INIT(&f->conns);
	rig_must(loop_accept(l, &f->accept, f->fd, fake_accept), "loop_accept");
	return f;
}

static inline void
fake_free(struct fake *f)
{
	struct fake_conn *c;

	while ((c = LIST_FIRST(&f->conns)) != NULL)
		fake_drop(c, false);
	loop_close(f->loop, f->fd);
	free(f);
}

/* A port on loopback that refuses connections while fd is open. */
static inline int
fake_refusing(uint16_t *port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	rig_must(fd, "socket");
	rig_must(bind(fd, (struct sockaddr *)&sin, len), "bind");
	rig_must(getsockname(fd, (struct sockaddr *)&sin, &len), "getsockname");
	*port = ntohs(sin.sin_port);
	return fd;
}

/* Each write is to be a segment of its own, at once. */
static inline void
fake_nodelay(int fd)
{
	const int on = 1;

	rig_must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)),
	    "TCP_NODELAY");
}

/* An address that answers no SYN: its listener's queue is full. */
#define FAKE_HOLE_FILLERS 4

struct fake_hole {
	int fd, fillers[FAKE_HOLE_FILLERS];
};

static inline void
fake_hole_open(struct fake_hole *h, const char *ip, uint16_t port)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr *sa = (struct sockaddr *)&sin;
	int i, type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

	CHECK_INT(inet_pton(AF_INET, ip, &sin.sin_addr), 1);
	h->fd = rig_must(socket(AF_INET, type, 0), "socket");
	rig_must(bind(h->fd, sa, sizeof(sin)), "bind");
	rig_must(listen(h->fd, 0), "listen");
	for (i = 0; i < FAKE_HOLE_FILLERS; i++) {
		h->fillers[i] = rig_must(socket(AF_INET, type, 0), "socket");
		CHECK(connect(h->fillers[i], sa, sizeof(sin)) == 0 ||
			  errno == EINPROGRESS,
		    "filler %d", i);
	}
}

static inline void
fake_hole_close(struct fake_hole *h)
{
	int i;

	for (i = 0; i < FAKE_HOLE_FILLERS; i++)
		close(h->fillers[i]);
	close(h->fd);
}

/* How many descriptors this process has open. */
static inline int
fake_open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d != NULL && readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

#endif
