/* What bad intermediaries do with a connection; see rig_server.c. */
#include "tests/integ/rig_bad.h"

#include <stdio.h>
#include <string.h>

#include "tests/integ/rig_pattern.h"

#define DRIBBLE_MS	 1000
#define RIG_SEED_RUBBISH 9

enum type {
	TYPE_SOCKS5,
	TYPE_SOCKS4A,
	TYPE_HTTP
};

enum state {
	STATE_FIRST, /* SOCKS5: the greeting is awaited */
	STATE_LAST,  /* the request is awaited */
	STATE_REPLY, /* the last reply is being sent */
	STATE_OVER
};

struct reply {
	const char *bytes;
	size_t len;
};

static const char http_yes[] =
    "HTTP/1.1 200 Connection established\r\nVia: 1.1 bad\r\n\r\n";
static const struct reply replies[] = {
    [TYPE_SOCKS5] = {"\5\0\0\1\0\0\0\0\0\0", 10},
    [TYPE_SOCKS4A] = {"\0\x5a\0\0\0\0\0\0", 8},
    [TYPE_HTTP] = {http_yes, sizeof(http_yes) - 1},
};
static const char http_flood[] = "HTTP/1.1 100 Continue\r\n\r\n";

const char *
rig_bad_word(enum rig_bad_kind k)
{
	static const char *const words[RIG_BAD_KINDS] = {"silent", "close",
	    "reset", "rubbish", "mid-close", "stall", "false-success",
	    "dribble", "flood"};

	return words[k];
}

static enum rig_bad_kind
kind_of(const struct rig_link *l)
{
	return (enum rig_bad_kind)(l->server->kind / 4);
}

static enum type
type_of(const struct rig_link *l)
{
	return (enum type)(l->server->kind % 4);
}

static unsigned int
send_rubbish(struct rig_link *l)
{
	uint8_t buf[256];

	rig_pattern_fill(
	    RIG_SEED_RUBBISH, l->server->accepted * 32, buf, sizeof(buf));
	/* Some of it must not begin like the protocol by luck. */
	buf[0] = 0xa5;
	rig_link_write(l, buf, sizeof(buf));
	l->state = STATE_OVER;
	return RIG_WANT_IN;
}

static unsigned int
send_flood(struct rig_link *l)
{
	uint8_t buf[4096];
	size_t unit = sizeof(http_flood) - 1, i;
	long put = 1;

	memset(buf, 5, sizeof(buf));
	if (type_of(l) == TYPE_HTTP) {
		for (i = 0; i + unit <= sizeof(buf); i += unit)
			memcpy(buf + i, http_flood, unit);
	}
	for (i = 0; i < 16 && put > 0; i++)
		put = rig_link_write(l, buf, sizeof(buf) / unit * unit);
	return put < 0 ? RIG_CLOSE : RIG_WANT_OUT;
}

/* The last reply, in the way of this kind. */
static unsigned int
send_reply(struct rig_link *l)
{
	const struct reply *r = &replies[type_of(l)];
	enum rig_bad_kind kind = kind_of(l);
	size_t len = r->len - (size_t)l->put;

	l->state = STATE_REPLY;
	if (kind == RIG_BAD_DRIBBLE) {
		if (len == 0)
			return 0;
		len = 1;
		l->due_ms = rig_now_ms() + DRIBBLE_MS;
	}
	if (kind == RIG_BAD_MID_CLOSE || kind == RIG_BAD_STALL)
		len = r->len / 2;
	if (rig_link_write(l, (const uint8_t *)r->bytes + l->put, len) < 0)
		return RIG_CLOSE;
	l->put += len;
	if (kind == RIG_BAD_DRIBBLE || kind == RIG_BAD_STALL)
		return 0;
	return RIG_CLOSE;
}

/* A message of the handshake is there; which one is for the type to say. */
static unsigned int
take_message(struct rig_link *l)
{
	enum rig_bad_kind kind = kind_of(l);

	if (kind == RIG_BAD_RUBBISH)
		return send_rubbish(l);
	if (kind == RIG_BAD_FLOOD) {
		l->state = STATE_REPLY;
		return send_flood(l);
	}
	if (l->state == STATE_FIRST && type_of(l) == TYPE_SOCKS5) {
		if (rig_link_write(l, (const uint8_t *)"\5\0", 2) != 2)
			return RIG_CLOSE;
		l->state = STATE_LAST;
		return RIG_WANT_IN;
	}
	return send_reply(l);
}

static unsigned int
step_bad(struct rig_link *l)
{
	enum rig_bad_kind kind = kind_of(l);
	long got;

	if (kind == RIG_BAD_CLOSE)
		return RIG_CLOSE;
	if (kind == RIG_BAD_RESET)
		return RIG_RESET;
	if (l->state == STATE_REPLY)
		return kind == RIG_BAD_FLOOD ? send_flood(l) : send_reply(l);
	/* A message comes in one piece from our own agent on loopback. */
	got = rig_link_read(l, l->in, sizeof(l->in));
	if (got < 0 || l->fin)
		return RIG_CLOSE;
	if (got == 0 || kind == RIG_BAD_SILENT || l->state == STATE_OVER)
		return RIG_WANT_IN;
	return take_message(l);
}

void
rig_bad_start(struct rig_server *s, enum rig_bad_kind kind, const char *type)
{
	enum type t = TYPE_SOCKS5;

	if (strcmp(type, "http") == 0)
		t = TYPE_HTTP;
	else if (strcmp(type, "socks4a") == 0)
		t = TYPE_SOCKS4A;
	memset(s, 0, sizeof(*s));
	s->address = "127.0.0.1";
	s->step = step_bad;
	s->kind = (int)kind * 4 + (int)t;
	rig_server_start(s);
}
