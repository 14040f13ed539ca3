/* What clients do with a tunnel, and the socket calls under all clients. */
#include "tests/integ/rig_client.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integ/rig_net.h"
#include "tests/integ/rig_pattern.h"

#define CHUNK 16384

const char *
rig_proto_word(enum rig_proto p)
{
	static const char *const words[RIG_PROTOS] = {
	    "direct", "socks4", "socks4a", "socks5", "socks5h", "connect"};

	return words[p];
}

const char *
rig_fail_word(enum rig_fail f)
{
	static const char *const words[RIG_FAILS] = {"ok", "no proxy",
	    "refused by reply", "rubbish", "closed", "reset", "timeout",
	    "wrong data"};

	return words[f];
}

__attribute__((format(printf, 3, 4))) static enum rig_fail
say(struct rig_conn *c, enum rig_fail f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
	return f;
}

void
rig_conn_renew(struct rig_conn *c, int timeout_ms)
{
	c->deadline_ms = rig_now_ms() + timeout_ms;
}

void
rig_conn_close(struct rig_conn *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
}

enum rig_fail
rig_open(struct rig_conn *c, const char *address, uint16_t port, int timeout_ms)
{
	struct sockaddr_in6 v6 = {0};
	socklen_t len = sizeof(v6);

	c->code = -1;
	c->head_len = 0;
	c->head[0] = '\0';
	c->text[0] = '\0';
	rig_conn_renew(c, timeout_ms);
	c->fd = rig_net_connect(address, port, timeout_ms);
	if (c->fd < 0) {
		say(c, RIG_FAIL_PROXY, "connect to %s:%u: %s", address, port,
		    strerror(-c->fd));
		c->fd = -1;
		return RIG_FAIL_PROXY;
	}
	/* The port stands at the same place in both families. */
	getsockname(c->fd, (struct sockaddr *)&v6, &len);
	c->local_port = ntohs(v6.sin6_port);
	return RIG_OK;
}

static enum rig_fail
broken(struct rig_conn *c, const char *doing)
{
	enum rig_fail f = errno == ECONNRESET || errno == EPIPE
			      ? RIG_FAIL_RESET
			      : RIG_FAIL_CLOSED;

	return say(c, f, "%s: %s", doing, strerror(errno));
}

static enum rig_fail
await(struct rig_conn *c, short events, const char *doing)
{
	struct pollfd p = {.fd = c->fd, .events = events};

	while (poll(&p, 1, rig_left_ms(c->deadline_ms)) != 1) {
		if (rig_left_ms(c->deadline_ms) == 0) {
			return say(
			    c, RIG_FAIL_TIMEOUT, "%s: no progress", doing);
		}
	}
	return RIG_OK;
}

enum rig_fail
rig_send(struct rig_conn *c, const void *data, size_t len)
{
	const uint8_t *p = data;
	enum rig_fail f;
	ssize_t put;

	while (len > 0) {
		put = send(c->fd, p, len, MSG_NOSIGNAL);
		if (put > 0) {
			p += put;
			len -= (size_t)put;
			continue;
		}
		if (errno != EAGAIN)
			return broken(c, "send");
		f = await(c, POLLOUT, "send");
		if (f != RIG_OK)
			return f;
	}
	return RIG_OK;
}

/* At least one byte, or 0 bytes at the end of the stream. */
static enum rig_fail
recv_some(struct rig_conn *c, void *data, size_t cap, size_t *len)
{
	enum rig_fail f;
	ssize_t got;

	*len = 0;
	for (;;) {
		got = recv(c->fd, data, cap, 0);
		if (got >= 0) {
			*len = (size_t)got;
			return RIG_OK;
		}
		if (errno != EAGAIN)
			return broken(c, "receive");
		f = await(c, POLLIN, "receive");
		if (f != RIG_OK)
			return f;
	}
}

enum rig_fail
rig_recv(struct rig_conn *c, void *data, size_t len)
{
	uint8_t *p = data;
	enum rig_fail f;
	size_t got;

	while (len > 0) {
		f = recv_some(c, p, len, &got);
		if (f != RIG_OK)
			return f;
		if (got == 0) {
			return say(c, RIG_FAIL_CLOSED,
			    "closed, %zu bytes missing", len);
		}
		p += got;
		len -= got;
	}
	return RIG_OK;
}

enum rig_fail
rig_recv_all(struct rig_conn *c, void *data, size_t cap, size_t *len)
{
	uint8_t *p = data;
	enum rig_fail f;
	size_t got = 1;

	*len = 0;
	while (got > 0) {
		if (*len == cap)
			return say(c, RIG_FAIL_DATA, "over %zu bytes", cap);
		f = recv_some(c, p + *len, cap - *len, &got);
		if (f != RIG_OK)
			return f;
		*len += got;
	}
	return RIG_OK;
}

/* Check bytes of a stream that are expected up to byte size. */
static enum rig_fail
check(struct rig_conn *c, uint64_t seed, uint64_t at, const uint8_t *in,
    size_t len)
{
	size_t good = rig_pattern_check(seed, at, in, len);

	if (good == len)
		return RIG_OK;
	return say(c, RIG_FAIL_DATA, "byte %llu is wrong",
	    (unsigned long long)(at + good));
}

enum rig_fail
rig_echo(struct rig_conn *c, uint64_t seed, uint64_t at, size_t len)
{
	uint8_t buf[CHUNK];
	enum rig_fail f;
	size_t n;

	while (len > 0) {
		n = len < sizeof(buf) ? len : sizeof(buf);
		rig_pattern_fill(seed, at, buf, n);
		f = rig_send(c, buf, n);
		if (f == RIG_OK)
			f = rig_recv(c, buf, n);
		if (f == RIG_OK)
			f = check(c, seed, at, buf, n);
		if (f != RIG_OK)
			return f;
		at += n;
		len -= n;
	}
	return RIG_OK;
}

/* The head of a response, byte by byte: what follows is left in the socket. */
static enum rig_fail
recv_head(struct rig_conn *c, char *out, size_t cap)
{
	enum rig_fail f;
	size_t n = 0;

	while (n < 4 || memcmp(out + n - 4, "\r\n\r\n", 4) != 0) {
		if (n + 1 >= cap)
			return say(c, RIG_FAIL_DATA, "head too long");
		f = rig_recv(c, out + n, 1);
		if (f != RIG_OK)
			return f;
		n++;
	}
	out[n] = '\0';
	return RIG_OK;
}

enum rig_fail
rig_http_get(struct rig_conn *c, uint64_t bytes)
{
	char text[1024], want[64];
	uint8_t buf[CHUNK];
	uint64_t at = 0;
	enum rig_fail f;
	size_t got = 1;
	int len;

	len = snprintf(text, sizeof(text),
	    "GET /bytes/%llu HTTP/1.1\r\nHost: origin\r\n\r\n",
	    (unsigned long long)bytes);
	f = rig_send(c, text, (size_t)len);
	if (f == RIG_OK)
		f = recv_head(c, text, sizeof(text));
	if (f != RIG_OK)
		return f;
	snprintf(want, sizeof(want), "Content-Length: %llu\r\n",
	    (unsigned long long)bytes);
	if (strncmp(text, "HTTP/1.1 200 ", 13) != 0 ||
	    strstr(text, want) == NULL)
		return say(c, RIG_FAIL_DATA, "head \"%.60s\"", text);
	while (got > 0) {
		f = recv_some(c, buf, sizeof(buf), &got);
		if (f == RIG_OK)
			f = check(c, RIG_SEED_HTTP, at, buf, got);
		if (f != RIG_OK)
			return f;
		at += got;
	}
	if (at != bytes) {
		return say(c, RIG_FAIL_DATA, "%llu bytes of %llu",
		    (unsigned long long)at, (unsigned long long)bytes);
	}
	return RIG_OK;
}

/* Both directions of a transfer, as far as they have come. */
struct transfer {
	enum rig_origin_kind kind;
	uint64_t size;
	uint64_t up, down;
	bool up_end, down_end;
};

static bool
may_send(const struct transfer *t)
{
	if (t->up_end)
		return false;
	if (t->kind == RIG_ORIGIN_DOWN_FIRST)
		return t->down_end;
	if (t->kind == RIG_ORIGIN_EXCHANGE && t->up == t->size)
		return t->down == t->size;
	/* The end comes in the middle of what the origin sends. */
	if (t->kind == RIG_ORIGIN_DUPLEX && t->up == t->size)
		return t->down >= t->size / 2;
	return true;
}

static enum rig_fail
send_part(struct rig_conn *c, struct transfer *t)
{
	uint8_t buf[CHUNK];
	ssize_t put;
	size_t len;

	if (t->up == t->size) {
		t->up_end = true;
		return shutdown(c->fd, SHUT_WR) == 0 ? RIG_OK
						     : broken(c, "shutdown");
	}
	len = t->size - t->up < CHUNK ? (size_t)(t->size - t->up) : CHUNK;
	rig_pattern_fill(RIG_SEED_UP, t->up, buf, len);
	put = send(c->fd, buf, len, MSG_NOSIGNAL);
	if (put == -1)
		return errno == EAGAIN ? RIG_OK : broken(c, "send");
	t->up += (uint64_t)put;
	return RIG_OK;
}

static enum rig_fail
recv_part(struct rig_conn *c, struct transfer *t)
{
	uint8_t buf[CHUNK];
	enum rig_fail f;
	size_t got;

	f = recv_some(c, buf, sizeof(buf), &got);
	if (f == RIG_OK)
		f = check(c, RIG_SEED_DOWN, t->down, buf, got);
	if (f != RIG_OK)
		return f;
	t->down += got;
	t->down_end = got == 0;
	if (t->down > t->size)
		return say(c, RIG_FAIL_DATA, "too many bytes came back");
	return RIG_OK;
}

enum rig_fail
rig_transfer(struct rig_conn *c, enum rig_origin_kind kind, uint64_t size)
{
	struct transfer t = {.kind = kind, .size = size};
	struct pollfd p = {.fd = c->fd};
	enum rig_fail f = RIG_OK;

	while (!t.up_end || !t.down_end) {
		p.events = (short)((may_send(&t) ? POLLOUT : 0) |
				   (t.down_end ? 0 : POLLIN));
		f = await(c, p.events, "transfer");
		if (f == RIG_OK && poll(&p, 1, 0) == 1) {
			if (p.revents & (POLLIN | POLLHUP | POLLERR) &&
			    !t.down_end)
				f = recv_part(c, &t);
			if (f == RIG_OK && p.revents & POLLOUT)
				f = send_part(c, &t);
		}
		if (f != RIG_OK)
			break;
	}
	if (f == RIG_OK && kind != RIG_ORIGIN_SLOW && t.down != size) {
		f = say(c, RIG_FAIL_DATA, "%llu bytes came back, not %llu",
		    (unsigned long long)t.down, (unsigned long long)size);
	}
	if (f != RIG_OK && f != RIG_FAIL_DATA) {
		snprintf(c->text + strlen(c->text),
		    sizeof(c->text) - strlen(c->text), " (%llu up, %llu down)",
		    (unsigned long long)t.up, (unsigned long long)t.down);
	}
	return f;
}
