/* A SOCKS5 intermediary whose time to answer the case decides. */
#include "tests/integ/rig_hop.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/loop.h"
#include "tests/integ/rig_origin.h"
#include "tests/integ/rig_pattern.h"

enum state {
	STATE_GREETING,
	STATE_REQUEST,
	STATE_THINKING,
	STATE_TUNNEL
};

#define BYTES_MAX    4096
#define GREETING_MIN 3
#define REQUEST_V4   10 /* bytes, with an IPv4 address */

static const char yes[] = "\5\0\0\1\0\0\0\0\0\0";
static unsigned int
say_yes(struct rig_link *l)
{
	if (rig_link_write(l, (const uint8_t *)yes, sizeof(yes) - 1) < 0)
		return RIG_CLOSE;
	l->state = STATE_TUNNEL;
	l->in_len = 0;
	return RIG_WANT_IN;
}

static unsigned int
take_request(struct rig_link *l)
{
	struct rig_hop *h = container_of(l->server, struct rig_hop, server);
	int at, delay;

	if (l->in_len < REQUEST_V4)
		return RIG_WANT_IN;
	at = l->in[l->in_len - 2] << 8 | l->in[l->in_len - 1];
	at -= RIG_HOP_FIRST_PORT;
	if (at < 0 || at >= RIG_HOP_PORTS)
		return say_yes(l);
	atomic_fetch_add(&h->asked[at], 1);
	if (atomic_load(&h->refuses[at]))
		return RIG_CLOSE;
	delay = atomic_load(&h->delay_ms[at]);
	if (delay == 0)
		return say_yes(l);
	l->state = STATE_THINKING;
	l->due_ms = rig_now_ms() + delay;
	return 0;
}

/* GET /bytes/N, for N up to BYTES_MAX. */
static unsigned int
answer(struct rig_link *l)
{
	char head[128];
	uint8_t body[BYTES_MAX];
	unsigned long n = 0;
	long len = rig_link_read_head(l);

	if (len == 0)
		return RIG_WANT_IN;
	if (len < 0 || sscanf((char *)l->in, "GET /bytes/%lu ", &n) != 1 ||
	    n > sizeof(body))
		return RIG_CLOSE;
	snprintf(head, sizeof(head),
	    "HTTP/1.1 200 OK\r\nContent-Length: %lu\r\n"
	    "Connection: close\r\n\r\n",
	    n);
	rig_pattern_fill(RIG_SEED_HTTP, 0, body, n);
	rig_link_write(l, (const uint8_t *)head, strlen(head));
	rig_link_write(l, body, n);
	atomic_fetch_add(&l->server->served, 1);
	return RIG_CLOSE;
}

static unsigned int
step(struct rig_link *l)
{
	long got;

	if (l->state == STATE_THINKING)
		return say_yes(l);
	if (l->state == STATE_TUNNEL)
		return answer(l);
	got = rig_link_read(l, l->in + l->in_len, sizeof(l->in) - l->in_len);
	if (got < 0 || l->fin)
		return RIG_CLOSE;
	l->in_len += (size_t)got;
	if (l->state == STATE_GREETING) {
		if (l->in_len < GREETING_MIN)
			return RIG_WANT_IN;
		rig_link_write(l, (const uint8_t *)"\5\0", 2);
		l->state = STATE_REQUEST;
		l->in_len = 0;
		return RIG_WANT_IN;
	}
	return take_request(l);
}

void
rig_hop_start(struct rig_hop *h)
{
	memset(h, 0, sizeof(*h));
	h->server.address = "127.0.0.1";
	h->server.step = step;
	h->server.lenient = true;
	rig_server_start(&h->server);
}

void
rig_hop_stop(struct rig_hop *h)
{
	rig_server_stop(&h->server);
}
