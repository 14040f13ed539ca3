/* The intermediary and destination of benchmarks that do not load it. */
#include "tests/bench/hop.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "tests/integ/rig_origin.h"
#include "tests/integ/rig_pattern.h"

enum state {
	STATE_GREETING,
	STATE_REQUEST,
	STATE_HTTP,
	STATE_ECHO
};

#define GREETING_MIN 3
#define REQUEST_V4   10 /* bytes, with an IPv4 address */

static const char welcome[] = "\5\0";
static const char yes[] = "\5\0\0\1\0\0\0\0\0\0";

static void
consume(struct rig_link *l, size_t len)
{
	if (len > l->in_len)
		len = l->in_len;
	memmove(l->in, l->in + len, l->in_len - len);
	l->in_len -= len;
}

/* GET /bytes/N, and the end of the connection. */
static unsigned int
answer(struct rig_link *l)
{
	uint8_t body[BENCH_HOP_BYTES_MAX];
	unsigned long n = 0;
	char head[128];
	int len;

	if (memmem(l->in, l->in_len, "\r\n\r\n", 4) == NULL)
		return RIG_WANT_IN;
	l->in[l->in_len - 1] = '\0';
	if (sscanf((char *)l->in, "GET /bytes/%lu ", &n) != 1 ||
	    n > sizeof(body))
		return RIG_CLOSE;
	len = snprintf(head, sizeof(head),
	    "HTTP/1.1 200 OK\r\nContent-Length: %lu\r\n"
	    "Connection: close\r\n\r\n",
	    n);
	rig_pattern_fill(RIG_SEED_HTTP, 0, body, n);
	if (rig_link_write(l, (const uint8_t *)head, (size_t)len) != len ||
	    rig_link_write(l, body, n) != (long)n)
		rig_server_error(l->server, "an answer was not sent at once");
	atomic_fetch_add(&l->server->served, 1);
	return RIG_CLOSE;
}

static unsigned int
echo(struct rig_link *l)
{
	if (rig_link_write(l, l->in, l->in_len) != (long)l->in_len)
		return RIG_RESET;
	l->in_len = 0;
	return RIG_WANT_IN;
}

static void
handshake(struct rig_link *l)
{
	if (l->state == STATE_GREETING && l->in_len >= GREETING_MIN) {
		/* The second of two answers is not to wait for the first to be
		 * acknowledged. */
		setsockopt(
		    l->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
		rig_link_write(l, (const uint8_t *)welcome, 2);
		consume(l, 2 + (size_t)l->in[1]);
		l->state = STATE_REQUEST;
	}
	if (l->state == STATE_REQUEST && l->in_len >= REQUEST_V4) {
		l->state = l->in[8] == 0 && l->in[9] == BENCH_HOP_ECHO
			       ? STATE_ECHO
			       : STATE_HTTP;
		rig_link_write(l, (const uint8_t *)yes, sizeof(yes) - 1);
		consume(l, REQUEST_V4);
	}
}

static unsigned int
step(struct rig_link *l)
{
	long got;

	if (l->in_len == sizeof(l->in))
		return RIG_RESET;
	got = rig_link_read(l, l->in + l->in_len, sizeof(l->in) - l->in_len);
	if (got < 0 || l->fin)
		return RIG_CLOSE;
	l->in_len += (size_t)got;
	handshake(l);
	if (l->in_len > 0 && l->state == STATE_HTTP)
		return answer(l);
	if (l->in_len > 0 && l->state == STATE_ECHO)
		return echo(l);
	return RIG_WANT_IN;
}

void
bench_hop_start(struct rig_server *s, const char *address)
{
	memset(s, 0, sizeof(*s));
	s->address = address;
	s->step = step;
	rig_server_start(s);
}
