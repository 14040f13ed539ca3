/* Both ends of tunnels whose every byte is known; judges nobody. */
#include "tests/integ/rig_carry.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/loop.h"
#include "tests/integ/rig_pattern.h"

#define MAGIC	   0xc7
#define HEAD_LEN   32
#define HELLO_MAX  4096
#define CHUNK	   65536
#define GATE_MS	   10
#define TURN_MAX   8 /* chunks in a row for one of many */
#define FLIGHT_MAX 1000
/* The other way is another stream. */
#define DOWN_SEED(seed) ((seed) + 1)

enum state {
	STATE_HELLO,
	STATE_SOCKS5,
	STATE_GATE, /* waits for others */
	STATE_RUN,  /* its head stays at the start of in */
	STATE_SENT
};

static void
head_put(uint8_t out[static HEAD_LEN], const struct rig_cargo *g)
{
	memset(out, 0, HEAD_LEN);
	out[0] = MAGIC;
	out[1] = (uint8_t)g->shape;
	memcpy(out + 8, &g->seed, 8);
	memcpy(out + 16, &g->up, 8);
	memcpy(out + 24, &g->down, 8);
}

static struct rig_cargo
head_get(const uint8_t in[static HEAD_LEN])
{
	struct rig_cargo g = {.shape = (enum rig_carry_shape)in[1]};

	memcpy(&g.seed, in + 8, 8);
	memcpy(&g.up, in + 16, 8);
	memcpy(&g.down, in + 24, 8);
	return g;
}

/* --- the server -------------------------------------------------------------
 */

static struct rig_haven *
haven_of(struct rig_link *l)
{
	return container_of(l->server, struct rig_haven, server);
}

static bool
say(struct rig_link *l, const char *text, size_t len)
{
	return rig_link_write(l, (const uint8_t *)text, len) == (long)len;
}

/* Of a SOCKS4 request: bytes, or 0 for more. */
static size_t
socks4_len(const uint8_t *in, size_t len)
{
	bool named = len > 7 && in[4] == 0 && in[5] == 0 && in[6] == 0;
	int strings = named ? 2 : 1;
	size_t i;

	for (i = 8; i < len && strings > 0; i++)
		strings -= in[i] == 0;
	return strings == 0 ? i : 0;
}

static size_t
socks5_len(const uint8_t *in, size_t len)
{
	size_t want = 10;

	if (len > 4 && in[3] == 3)
		want = 7u + in[4];
	else if (len > 3 && in[3] == 4)
		want = 22;
	return len >= want ? want : 0;
}

static size_t
hello(struct rig_link *l)
{
	uint8_t *end;

	switch (l->in[0]) {
	case 4:
		if (socks4_len(l->in, l->in_len) > 0)
			say(l, "\0\x5a\0\0\0\0\0\0", 8);
		return socks4_len(l->in, l->in_len);
	case 5:
		if (l->in_len < 2 || l->in_len < 2u + l->in[1])
			return 0;
		say(l, "\5\0", 2);
		l->state = STATE_SOCKS5;
		return 2u + l->in[1];
	case MAGIC:
		l->state = l->in_len < HEAD_LEN ? STATE_HELLO : STATE_RUN;
		return 0;
	default:
		end = memmem(l->in, l->in_len, "\r\n\r\n", 4);
		if (end != NULL)
			say(l, "HTTP/1.1 200 OK\r\n\r\n", 19);
		return end != NULL ? (size_t)(end + 4 - l->in) : 0;
	}
}

/* False: not yet. */
static bool
pass_gate(struct rig_link *l)
{
	struct rig_haven *h = haven_of(l);

	if (atomic_load(&h->asked) < atomic_load(&h->gate))
		return false;
	say(l, "\5\0\0\1\0\0\0\0\0\0", 10);
	l->state = STATE_HELLO;
	return true;
}

/* Take one message off what has come: its length, 0 for more. */
static size_t
take(struct rig_link *l)
{
	size_t len;

	if (l->state == STATE_GATE && !pass_gate(l))
		return 0;
	if (l->in_len == 0 || l->state == STATE_RUN)
		return 0;
	if (l->state == STATE_HELLO)
		return hello(l);
	len = socks5_len(l->in, l->in_len);
	if (len > 0) {
		atomic_fetch_add(&haven_of(l)->asked, 1);
		l->state = STATE_GATE;
	}
	return len;
}

/* False: these are not the bytes. */
static bool
got(struct rig_link *l, const struct rig_cargo *g, const uint8_t *in,
    size_t len)
{
	if (len > g->up - l->got ||
	    rig_pattern_check(g->seed, l->got, in, len) != len) {
		atomic_fetch_add(&haven_of(l)->wrong, 1);
		return false;
	}
	l->got += len;
	return true;
}

static bool
receive(struct rig_link *l, const struct rig_cargo *g)
{
	uint8_t buf[CHUNK];
	int turns;
	long n;

	for (turns = 0; turns < TURN_MAX && !l->fin; turns++) {
		n = rig_link_read(l, buf, sizeof(buf));
		if (n < 0) {
			atomic_fetch_add(&haven_of(l)->broken, 1);
			return false;
		}
		if (n > 0 && !got(l, g, buf, (size_t)n))
			return false;
		if (n == 0)
			break;
	}
	if (l->fin && l->got < g->up) {
		atomic_fetch_add(&haven_of(l)->cut, 1);
		return false;
	}
	return true;
}

static bool
transmit(struct rig_link *l, const struct rig_cargo *g)
{
	uint8_t buf[CHUNK];
	size_t len;
	int turns;
	long n = 1;

	for (turns = 0; turns < TURN_MAX && n > 0 && l->put < g->down;
	     turns++) {
		len = g->down - l->put < CHUNK ? (size_t)(g->down - l->put)
					       : CHUNK;
		rig_pattern_fill(DOWN_SEED(g->seed), l->put, buf, len);
		n = rig_link_write(l, buf, len);
		if (n < 0) {
			atomic_fetch_add(&haven_of(l)->broken, 1);
			return false;
		}
		l->put += (uint64_t)n;
	}
	if (l->put == g->down) {
		shutdown(l->fd, SHUT_WR);
		l->state = STATE_SENT;
	}
	return true;
}

static unsigned int
run(struct rig_link *l)
{
	struct rig_cargo g = head_get(l->in);
	bool may_send;

	if (l->in_len > HEAD_LEN &&
	    !got(l, &g, l->in + HEAD_LEN, l->in_len - HEAD_LEN))
		return RIG_RESET;
	l->in_len = HEAD_LEN;
	if (!l->fin && !receive(l, &g))
		return RIG_RESET;
	may_send = g.shape != RIG_CARRY_UP_FIRST || l->fin;
	if (may_send && l->state == STATE_RUN && !transmit(l, &g))
		return RIG_RESET;
	if (l->fin && l->state == STATE_SENT) {
		atomic_fetch_add(&l->server->served, 1);
		return RIG_CLOSE;
	}
	return (l->fin ? 0 : RIG_WANT_IN) |
	       (may_send && l->state == STATE_RUN ? RIG_WANT_OUT : 0);
}

/* False: there is no more to come. */
static bool
collect(struct rig_link *l)
{
	long n = rig_link_read(l, l->in + l->in_len, HELLO_MAX - l->in_len);

	if (n < 0 || l->fin || l->in_len == HELLO_MAX) {
		/* A connection kept in stock says nothing. */
		if (l->in_len > 0)
			atomic_fetch_add(&haven_of(l)->broken, 1);
		return false;
	}
	l->in_len += (size_t)n;
	return true;
}

static unsigned int
step(struct rig_link *l)
{
	size_t len;

	if (l->state == STATE_RUN || l->state == STATE_SENT)
		return run(l);
	if (l->state != STATE_GATE && !collect(l))
		return RIG_CLOSE;
	while ((len = take(l)) > 0) {
		l->in_len -= len;
		memmove(l->in, l->in + len, l->in_len);
	}
	if (l->state == STATE_GATE) {
		l->due_ms = rig_now_ms() + GATE_MS;
		return 0;
	}
	return l->state == STATE_RUN ? run(l) : RIG_WANT_IN;
}

void
rig_haven_start(struct rig_haven *h)
{
	memset(h, 0, sizeof(*h));
	h->server.address = "127.0.0.1";
	h->server.step = step;
	rig_server_start(&h->server);
}

void
rig_haven_stop(struct rig_haven *h)
{
	rig_server_stop(&h->server);
}

/* --- the client -------------------------------------------------------------
 */

struct trip {
	struct rig_conn *c;
	const struct rig_cargo *g;
	uint64_t up, down;
	size_t head; /* bytes of it that are sent */
	bool up_end, down_end;
};

static enum rig_fail
gone(struct trip *t, const char *what)
{
	snprintf(t->c->text, sizeof(t->c->text),
	    "%s: %s at %llu of %llu up, %llu of %llu down, shape %d", what,
	    strerror(errno), (unsigned long long)t->up,
	    (unsigned long long)t->g->up, (unsigned long long)t->down,
	    (unsigned long long)t->g->down, (int)t->g->shape);
	return errno == ETIMEDOUT ? RIG_FAIL_TIMEOUT : RIG_FAIL_RESET;
}

static enum rig_fail
wrong(struct trip *t, const char *what)
{
	errno = 0;
	gone(t, what);
	return RIG_FAIL_DATA;
}

static bool
may_send(const struct trip *t)
{
	if (t->up_end)
		return false;
	return t->head < HEAD_LEN || t->g->shape != RIG_CARRY_DOWN_FIRST ||
	       t->down_end;
}

static enum rig_fail
send_some(struct trip *t)
{
	uint8_t buf[HEAD_LEN + CHUNK];
	size_t head = HEAD_LEN - t->head, len = 0;
	bool only_head = t->g->shape == RIG_CARRY_DOWN_FIRST && !t->down_end;
	ssize_t n;

	head_put(buf, t->g);
	memmove(buf, buf + t->head, head);
	if (!only_head)
		len = t->g->up - t->up < CHUNK ? (size_t)(t->g->up - t->up)
					       : CHUNK;
	rig_pattern_fill(t->g->seed, t->up, buf + head, len);
	if (head + len > 0) {
		n = send(t->c->fd, buf, head + len, MSG_NOSIGNAL);
		if (n == -1)
			return errno == EAGAIN ? RIG_OK : gone(t, "send");
		if ((size_t)n < head) {
			t->head += (size_t)n;
			return RIG_OK;
		}
		t->head = HEAD_LEN;
		t->up += (size_t)n - head;
	}
	if (only_head || t->up < t->g->up)
		return RIG_OK;
	t->up_end = true;
	return shutdown(t->c->fd, SHUT_WR) == 0 ? RIG_OK : gone(t, "shutdown");
}

static enum rig_fail
recv_some(struct trip *t)
{
	uint8_t buf[CHUNK];
	ssize_t n = recv(t->c->fd, buf, sizeof(buf), 0);

	if (n == -1)
		return errno == EAGAIN ? RIG_OK : gone(t, "recv");
	t->down_end = n == 0;
	if (n == 0)
		return t->down == t->g->down ? RIG_OK : wrong(t, "cut short");
	if ((uint64_t)n > t->g->down - t->down)
		return wrong(t, "too many bytes");
	if (rig_pattern_check(DOWN_SEED(t->g->seed), t->down, buf, (size_t)n) !=
	    (size_t)n)
		return wrong(t, "wrong bytes");
	t->down += (uint64_t)n;
	return RIG_OK;
}

enum rig_fail
rig_carry(struct rig_conn *c, const struct rig_cargo *g)
{
	struct trip t = {.c = c, .g = g};
	struct pollfd p = {.fd = c->fd};
	enum rig_fail f = RIG_OK;

	while (f == RIG_OK && (!t.up_end || !t.down_end)) {
		p.events = (short)((may_send(&t) ? POLLOUT : 0) |
				   (t.down_end ? 0 : POLLIN));
		if (poll(&p, 1, rig_left_ms(c->deadline_ms)) <= 0) {
			errno = ETIMEDOUT;
			return gone(&t, "waiting");
		}
		if ((p.revents & ~POLLOUT) != 0 && !t.down_end)
			f = recv_some(&t);
		if (f == RIG_OK && may_send(&t) && (p.revents & ~POLLIN) != 0)
			f = send_some(&t);
	}
	return f;
}

struct rig_cargo
rig_cargo_of(unsigned int n, uint64_t max)
{
	static const uint64_t sizes[] = {1, 0, 100000, 16384, 5, 65536, 1460,
	    300000, 65537, 4096, 1000000, 100, 16383};
	const size_t sizes_n = sizeof(sizes) / sizeof(*sizes);
	struct rig_cargo g = {
	    .shape = (enum rig_carry_shape)(n % RIG_CARRY_SHAPES),
	    .seed = 1000 + 2 * (uint64_t)n,
	    .up = sizes[n % sizes_n],
	    .down = sizes[(n / sizes_n + n * 5) % sizes_n]};

	g.up = g.up < max ? g.up : max;
	g.down = g.down < max ? g.down : max;
	return g;
}

static void
sail(struct rig_fleet *fl, unsigned int n)
{
	const struct rig_proxy *p = &fl->proxies[n % fl->proxies_n];
	struct rig_cargo g = rig_cargo_of(fl->from + n, fl->max);
	enum rig_fail f;
	struct rig_conn c;
	unsigned int i;

	f = rig_dial(&c, p, "127.0.0.1", fl->port, fl->timeout_ms);
	if (f == RIG_OK) {
		f = rig_carry(&c, &g);
		rig_conn_close(&c);
	}
	atomic_fetch_add(&fl->count[f], 1);
	i = f != RIG_OK ? atomic_fetch_add(&fl->texts_n, 1) : RIG_CARRY_TEXTS;
	if (i < RIG_CARRY_TEXTS)
		snprintf(fl->texts[i], sizeof(fl->texts[i]), "%u, %s: %s: %s",
		    fl->from + n, rig_proto_word(p->proto), rig_fail_word(f),
		    c.text);
}

static void *
sailor(void *arg)
{
	struct rig_fleet *fl = arg;
	unsigned int n;

	while ((n = atomic_fetch_add(&fl->next, 1)) < fl->total)
		sail(fl, n);
	return NULL;
}

void
rig_fleet_run(struct rig_fleet *fl)
{
	pthread_t threads[FLIGHT_MAX];
	sigset_t all, old;
	unsigned int i;

	REQUIRE(fl->flight <= FLIGHT_MAX, "too many in flight");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (i = 0; i < fl->flight; i++)
		REQUIRE(pthread_create(&threads[i], NULL, sailor, fl) == 0,
		    "cannot start a thread");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	for (i = 0; i < fl->flight; i++)
		pthread_join(threads[i], NULL);
}
