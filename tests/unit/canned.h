#ifndef TESTS_UNIT_CANNED_H
#define TESTS_UNIT_CANNED_H

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/loop.h"
#include "base/mono.h"
#include "tests/unit/loop_rig.h"

/*
 * A server on loopback that answers each message it receives with the next of
 * its pieces, whatever was asked, for one client at a time.  After the last
 * piece it does what `end` says; without any it does so on accept.  With
 * dribble set it sends a byte at a time, so that each is read alone.
 */
enum canned_end {
	CANNED_HOLD,
	CANNED_CLOSE,
	CANNED_RESET
};

struct canned_piece {
	const char *bytes;
	size_t len;
};

#define CANNED(s)                \
	{                        \
		s, sizeof(s) - 1 \
	}
#define CANNED_PIECES_MAX 5

struct canned {
	struct loop *loop;
	const struct canned_piece *pieces; /* ended by NULL bytes */
	enum canned_end end;
	uint16_t port;
	bool dribble;
	int fd, conn, next;
	size_t sent;	     /* of the next piece */
	int accepted, ended; /* by the client */
	size_t got_len;
	char got[4096];
	struct op accept, recv, timer;
};

static inline void
canned_hang_up(struct canned *c)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	loop_cancel(c->loop, &c->timer);
	if (c->conn == -1)
		return;
	if (c->end == CANNED_RESET)
		setsockopt(c->conn, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	loop_close(c->loop, c->conn);
	c->conn = -1;
}

static inline void canned_say(struct canned *);

static inline void
canned_due(struct loop *l, struct op *op, const struct op_result *r)
{
	(void)l, (void)r;
	canned_say(container_of(op, struct canned, timer));
}

static inline void
canned_say(struct canned *c)
{
	const struct canned_piece *p = &c->pieces[c->next];
	size_t len = p->bytes != NULL ? p->len - c->sent : 0;

	if (c->dribble && len > 1)
		len = 1;
	/* What the peer does not take it has no use for. */
	if (len > 0)
		(void)loop_send_now(c->loop, c->conn, p->bytes + c->sent, len);
	c->sent += len;
	if (p->bytes != NULL && c->sent < p->len) {
		/* The peer's turn comes before ours. */
		rig_must(
		    loop_timer(c->loop, &c->timer, mono_us() + 200, canned_due),
		    "loop_timer");
		return;
	}
	c->sent = 0;
	c->next += p->bytes != NULL;
	if (c->pieces[c->next].bytes == NULL && c->end != CANNED_HOLD)
		canned_hang_up(c);
}

static inline void
canned_recv(struct loop *l, struct op *op, const struct op_result *r)
{
	struct canned *c = container_of(op, struct canned, recv);
	size_t i;

	(void)l;
	if (r->res <= 0) {
		c->ended++;
		canned_hang_up(c);
		return;
	}
	for (i = 0; i < (size_t)r->res && c->got_len < sizeof(c->got); i++)
		c->got[c->got_len++] = (char)r->data[i];
	if (!loop_op_active(&c->timer))
		canned_say(c);
}

static inline void
canned_accept(struct loop *l, struct op *op, const struct op_result *r)
{
	struct canned *c = container_of(op, struct canned, accept);
	const int on = 1;

	rig_must(r->res, "accept");
	canned_hang_up(c);
	c->accepted++;
	c->next = 0;
	c->sent = 0;
	c->conn = r->res;
	setsockopt(c->conn, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (c->pieces[0].bytes == NULL && c->end != CANNED_HOLD) {
		canned_hang_up(c);
		return;
	}
	rig_must(loop_recv(l, &c->recv, c->conn, canned_recv), "loop_recv");
}

static inline void
canned_open(struct canned *c, struct loop *l, const struct canned_piece *pieces,
    enum canned_end end)
{
	struct sockaddr_in sin;

	memset(c, 0, sizeof(*c));
	c->loop = l;
	c->pieces = pieces;
	c->end = end;
	c->conn = -1;
	c->fd = rig_listen(&sin);
	c->port = ntohs(sin.sin_port);
	rig_must(
	    loop_accept(l, &c->accept, c->fd, canned_accept), "loop_accept");
}

static inline void
canned_shut(struct canned *c)
{
	canned_hang_up(c);
	loop_close(c->loop, c->fd);
}

#endif
