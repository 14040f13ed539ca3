#ifndef TESTS_UNIT_WEB_RIG_H
#define TESTS_UNIT_WEB_RIG_H

#include "cagentd/worker/web/web_pool.h"
#include "tests/unit/session_rig.h"

/*
 * Peers that are sent HTTP: origins, or intermediaries that get the requests
 * themselves.  They keep what came on each connection and say what they are
 * told to.
 */
#define PEER_CONNS_MAX 32
#define PEER_GOT_MAX   (1 << 20)

struct peer;
struct peer_conn {
	struct peer *peer;
	int fd; /* -1: closed */
	struct op recv;
	size_t got_len;
	char *got;    /* NUL-terminated */
	size_t heads; /* that were answered */
	size_t looked;
};

struct peer {
	struct loop *loop;
	int fd;
	uint16_t port;
	struct op accept;
	const char *reply; /* to each head, at once; NULL: none */
	size_t reply_len;
	bool closes; /* behind the reply */
	int conns_n; /* accepted in all */
	struct peer_conn conns[PEER_CONNS_MAX];
};

static inline void
peer_close(struct peer_conn *c, bool reset)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (c->fd == -1)
		return;
	if (reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	loop_close(c->peer->loop, c->fd);
	c->fd = -1;
}

static inline void
peer_say_bytes(struct peer_conn *c, const void *data, size_t len)
{
	ssize_t n = loop_send_now(c->peer->loop, c->fd, data, len);

	CHECK(n < 0 || n == (ssize_t)len, "the peer can send");
}

static inline void
peer_say(struct peer_conn *c, const char *text)
{
	peer_say_bytes(c, text, strlen(text));
}

static inline void
peer_recv(struct loop *l, struct op *op, const struct op_result *r)
{
	struct peer_conn *c = container_of(op, struct peer_conn, recv);
	const char *end;

	(void)l;
	if (r->res <= 0) {
		peer_close(c, false);
		return;
	}
	CHECK(c->got_len + (size_t)r->res < PEER_GOT_MAX, "room");
	memcpy(c->got + c->got_len, r->data, (size_t)r->res);
	c->got_len += (size_t)r->res;
	c->got[c->got_len] = '\0';
	while (c->peer->reply != NULL && c->fd != -1 &&
	       (end = strstr(c->got + c->looked, "\r\n\r\n")) != NULL) {
		c->looked = (size_t)(end - c->got) + 4;
		c->heads++;
		peer_say_bytes(c, c->peer->reply, c->peer->reply_len);
		if (c->peer->closes)
			peer_close(c, false);
	}
}

static inline void
peer_accept(struct loop *l, struct op *op, const struct op_result *r)
{
	struct peer *p = container_of(op, struct peer, accept);
	struct peer_conn *c = &p->conns[p->conns_n++];

	*c = (struct peer_conn){.peer = p, .fd = r->res};
	c->got = calloc(1, PEER_GOT_MAX);
	rig_must(loop_recv(l, &c->recv, c->fd, peer_recv), "loop_recv");
}

static struct peer *peers[8];
static int peers_n;

static inline struct peer *
peer_new(struct rig *rig, const char *reply)
{
	struct peer *p = calloc(1, sizeof(*p));
	struct sockaddr_in sin;

	p->loop = rig->agent->loop;
	p->fd = rig_listen(&sin);
	p->port = ntohs(sin.sin_port);
	p->reply = reply;
	p->reply_len = reply != NULL ? strlen(reply) : 0;
	rig_must(
	    loop_accept(p->loop, &p->accept, p->fd, peer_accept), "accept");
	peers[peers_n++] = p;
	return p;
}

static inline void
peer_free(struct peer *p)
{
	int i;

	for (i = 0; i < p->conns_n; i++) {
		peer_close(&p->conns[i], false);
		free(p->conns[i].got);
	}
	loop_close(p->loop, p->fd);
	free(p);
}

/* Until this has come on that connection (the first is 0). */
static inline void
peer_await(struct peer *p, int conn, const char *text)
{
	RIG_UNTIL(p->loop,
	    p->conns_n > conn && strstr(p->conns[conn].got, text) != NULL);
}

/* An HTTP intermediary in a tier of its own. */
static inline struct peer *
add_http(struct rig *rig, const char *reply)
{
	struct agent *a = rig->agent;
	struct peer *p = peer_new(rig, reply);
	uint32_t i = a->table.rows_n;
	size_t len = strlen(a->conf);

	agent_hop(a, "127.0.0.1", p->port);
	a->table.rows[i].type = TABLE_HTTP;
	snprintf(a->conf + len, sizeof(a->conf) - len,
	    "[intermediary \"hop-%u\"]\ntype = http\naddress = 127.0.0.1:%u\n"
	    "tier = %u\n",
	    i, p->port, i + 1);
	path_index_build(&a->index, &a->table);
	return p;
}

static struct web_pool pool;

static inline struct stream
take_idle(void *arg, const struct dial_try *t, const struct wire_host *host)
{
	(void)arg;
	return web_pool_take(&pool, t, host);
}

#define DIRECT "[direct]\nnetwork = 127.0.0.0/8\n"

/* With a pool. */
static inline void
configure_web(struct rig *rig, const char *more)
{
	configure(rig, more);
	web_pool_init(&pool, rig->agent->loop, 8);
	rig->env.pool = &pool;
	rig->env.dial.idle = take_idle;
}

static inline void
web_rig_free(struct rig *rig)
{
	int i;

	for (i = 0; i < rig->clients_n; i++) {
		loop_close(rig->agent->loop, rig->client[i]);
		rig->client[i] = -1;
	}
	while (peers_n > 0)
		peer_free(peers[--peers_n]);
	RIG_UNTIL(rig->agent->loop, LIST_EMPTY(&rig->sessions));
	web_pool_clear(&pool);
	rig_free(rig);
}

static inline void
ask(int fd, const char *text)
{
	say(fd, text, strlen(text));
}

/* What comes back next is this, to the byte, where '*' stands for the rest of
 * a line. */
static inline void
get(struct rig *rig, int fd, const char *want)
{
	char c;
	size_t n = 0;
	int error = 0;

	for (; *want != '\0'; want++, n++) {
		if (take(rig, fd, &c, 1, &error) != 1) {
			CHECK(0, "end after %zu bytes, error %d, before %s", n,
			    error, want);
			return;
		}
		if (*want == '*') {
			while (c != '\r' && take(rig, fd, &c, 1, &error) == 1)
				n++;
			want++;
		}
		if (c != *want) {
			CHECK(0, "byte %zu is '%c', not %s", n, c, want);
			return;
		}
	}
}

#define OK_HI "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
/* As the client gets it. */
#define GOT_HI "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nVia: *\r\n\r\nhi"

/* "http://127.0.0.1:PORT" of a peer. */
static inline const char *
url(const struct peer *p)
{
	static char text[64];

	snprintf(text, sizeof(text), "http://127.0.0.1:%u", p->port);
	return text;
}

static inline void
ask_for(int fd, const struct peer *p, const char *method, const char *rest)
{
	char text[16384];

	snprintf(text, sizeof(text), "%s %s%s", method, url(p), rest);
	ask(fd, text);
}

#define HOST " HTTP/1.1\r\nHost: x\r\n"

#endif
