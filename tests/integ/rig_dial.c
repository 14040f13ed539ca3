/* The clients' side of SOCKS4, 4a, 5 and CONNECT, written for this rig and
 * from the RFCs: it shares no code with what it tests. */
#include <arpa/inet.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integ/rig_client.h"

struct message {
	uint8_t bytes[1024];
	size_t len;
};

static void
put(struct message *m, const void *data, size_t len)
{
	REQUIRE(len <= sizeof(m->bytes) - m->len, "message too long");
	memcpy(m->bytes + m->len, data, len);
	m->len += len;
}

static void
put_byte(struct message *m, unsigned int b)
{
	uint8_t byte = (uint8_t)b;

	put(m, &byte, 1);
}

static void
put_port(struct message *m, uint16_t port)
{
	put_byte(m, port >> 8);
	put_byte(m, port & 0xffu);
}

/* A name or password with its length before it. */
static void
put_counted(struct message *m, const char *s)
{
	put_byte(m, (unsigned int)strlen(s));
	put(m, s, strlen(s));
}

static enum rig_fail
rubbish(struct rig_conn *c, const char *what, const uint8_t *in, size_t len)
{
	size_t i, n;

	n = (size_t)snprintf(c->text, sizeof(c->text), "%s:", what);
	for (i = 0; i < len && n + 4 < sizeof(c->text); i++) {
		n += (size_t)snprintf(
		    c->text + n, sizeof(c->text) - n, " %02x", in[i]);
	}
	return RIG_FAIL_RUBBISH;
}

static enum rig_fail
answer_is(struct rig_conn *c, int code, int granted)
{
	c->code = code;
	if (code == granted)
		return RIG_OK;
	snprintf(c->text, sizeof(c->text), "answered %d", code);
	return RIG_FAIL_REPLY;
}

static enum rig_fail
socks4(struct rig_conn *c, const struct rig_proxy *p, const char *host,
    uint16_t port)
{
	struct message m = {.len = 0};
	uint8_t address[4] = {0, 0, 0, 1}, in[8];
	enum rig_fail f;
	bool named;

	named = p->proto == RIG_SOCKS4A;
	REQUIRE(named || inet_pton(AF_INET, host, address) == 1,
	    "SOCKS4 carries no \"%s\"", host);
	put_byte(&m, 4);
	put_byte(&m, 1);
	put_port(&m, port);
	put(&m, address, 4);
	put(&m, p->user != NULL ? p->user : "",
	    p->user != NULL ? strlen(p->user) + 1 : 1);
	if (named)
		put(&m, host, strlen(host) + 1);
	f = rig_send(c, m.bytes, m.len);
	if (f == RIG_OK)
		f = rig_recv(c, in, sizeof(in));
	if (f != RIG_OK)
		return f;
	if (in[0] != 0 || in[1] < 0x5a || in[1] > 0x5d)
		return rubbish(c, "SOCKS4 reply", in, sizeof(in));
	return answer_is(c, in[1], 0x5a);
}

static enum rig_fail
socks5_login(struct rig_conn *c, const struct rig_proxy *p)
{
	struct message m = {.len = 0};
	uint8_t in[2];
	enum rig_fail f;

	put_byte(&m, 5);
	put_byte(&m, p->user != NULL ? 2 : 1);
	put_byte(&m, 0);
	if (p->user != NULL)
		put_byte(&m, 2);
	f = rig_send(c, m.bytes, m.len);
	if (f == RIG_OK)
		f = rig_recv(c, in, sizeof(in));
	if (f != RIG_OK)
		return f;
	if (in[0] != 5)
		return rubbish(c, "SOCKS5 choice", in, sizeof(in));
	if (in[1] == 0)
		return RIG_OK;
	if (in[1] == 0xff)
		return answer_is(c, 0xff, 0);
	if (in[1] != 2 || p->user == NULL)
		return rubbish(c, "SOCKS5 choice", in, sizeof(in));
	m.len = 0;
	put_byte(&m, 1);
	put_counted(&m, p->user);
	put_counted(&m, p->password);
	f = rig_send(c, m.bytes, m.len);
	if (f == RIG_OK)
		f = rig_recv(c, in, sizeof(in));
	if (f != RIG_OK)
		return f;
	if (in[0] != 1)
		return rubbish(c, "RFC 1929 reply", in, sizeof(in));
	if (in[1] != 0)
		snprintf(c->text, sizeof(c->text), "login refused");
	return in[1] == 0 ? RIG_OK : RIG_FAIL_REPLY;
}

/* The rest of a reply: the bound address, which nobody needs. */
static enum rig_fail
socks5_bound(struct rig_conn *c, uint8_t atyp)
{
	uint8_t in[257];
	enum rig_fail f;

	if (atyp == 1)
		return rig_recv(c, in, 4 + 2);
	if (atyp == 4)
		return rig_recv(c, in, 16 + 2);
	if (atyp != 3)
		return rubbish(c, "SOCKS5 ATYP", &atyp, 1);
	f = rig_recv(c, in, 1);
	return f == RIG_OK ? rig_recv(c, in, (size_t)in[0] + 2) : f;
}

static enum rig_fail
socks5(struct rig_conn *c, const struct rig_proxy *p, const char *host,
    uint16_t port)
{
	struct message m = {.bytes = {5, 1, 0}, .len = 3};
	uint8_t address[16], in[4];
	enum rig_fail f;

	if (p->proto == RIG_SOCKS5 && inet_pton(AF_INET, host, address) == 1) {
		put_byte(&m, 1);
		put(&m, address, 4);
	} else if (p->proto == RIG_SOCKS5 &&
		   inet_pton(AF_INET6, host, address) == 1) {
		put_byte(&m, 4);
		put(&m, address, 16);
	} else {
		put_byte(&m, 3);
		put_counted(&m, host);
	}
	put_port(&m, port);
	f = socks5_login(c, p);
	if (f == RIG_OK)
		f = rig_send(c, m.bytes, m.len);
	if (f == RIG_OK)
		f = rig_recv(c, in, sizeof(in));
	if (f != RIG_OK)
		return f;
	if (in[0] != 5 || in[2] != 0)
		return rubbish(c, "SOCKS5 reply", in, sizeof(in));
	c->code = in[1];
	f = socks5_bound(c, in[3]);
	return f == RIG_OK ? answer_is(c, in[1], 0) : f;
}

static size_t
base64(const char *in, size_t len, char *out)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqr"
				  "stuvwxyz0123456789+/";
	uint32_t w;
	size_t i, n = 0;

	for (i = 0; i < len; i += 3) {
		w = (uint32_t)(uint8_t)in[i] << 16;
		w |= i + 1 < len ? (uint32_t)(uint8_t)in[i + 1] << 8 : 0;
		w |= i + 2 < len ? (uint32_t)(uint8_t)in[i + 2] : 0;
		out[n++] = set[w >> 18];
		out[n++] = set[w >> 12 & 63];
		out[n++] = i + 1 < len ? set[w >> 6 & 63] : '=';
		out[n++] = i + 2 < len ? set[w & 63] : '=';
	}
	out[n] = '\0';
	return n;
}

static void
put_connect(struct message *m, const struct rig_proxy *p, const char *host,
    uint16_t port)
{
	char target[300], text[900], login[300], code[420] = "";
	bool v6 = strchr(host, ':') != NULL;
	int len;

	snprintf(target, sizeof(target), v6 ? "[%s]:%u" : "%s:%u", host, port);
	if (p->user != NULL) {
		len = snprintf(
		    login, sizeof(login), "%s:%s", p->user, p->password);
		base64(login, (size_t)len, code);
	}
	len = snprintf(text, sizeof(text),
	    "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n", target, target,
	    p->user != NULL ? "Proxy-Authorization: Basic " : "", code,
	    p->user != NULL ? "\r\n" : "");
	put(m, text, (size_t)len);
}

/* The page of a refusal, as far as it comes: the code stands already. */
static void
recv_page(struct rig_conn *c)
{
	size_t left = sizeof(c->head) - c->head_len - 1, len = 0;
	const char *field = strcasestr(c->head, "\r\nContent-Length:");
	unsigned long want;

	/* Squid keeps a refused connection open: there is no end to wait
	 * for. */
	if (field != NULL) {
		want = strtoul(field + 17, NULL, 10);
		if (want < left &&
		    rig_recv(c, c->head + c->head_len, want) == RIG_OK)
			len = want;
	} else {
		rig_recv_all(c, c->head + c->head_len, left, &len);
	}
	c->head_len += len;
	c->head[c->head_len] = '\0';
}

/* Byte by byte: what follows the head is the tunnel's. */
static enum rig_fail
recv_reply_head(struct rig_conn *c)
{
	enum rig_fail f;

	while (c->head_len < 4 ||
	       memcmp(c->head + c->head_len - 4, "\r\n\r\n", 4) != 0) {
		if (c->head_len + 1 >= sizeof(c->head))
			return rubbish(c, "endless head", NULL, 0);
		f = rig_recv(c, c->head + c->head_len, 1);
		if (f != RIG_OK)
			return f;
		c->head[++c->head_len] = '\0';
		if (c->head_len == 9 && strcmp(c->head, "HTTP/1.0 ") != 0 &&
		    strcmp(c->head, "HTTP/1.1 ") != 0)
			return rubbish(
			    c, "no HTTP reply", (uint8_t *)c->head, 9);
	}
	return RIG_OK;
}

static enum rig_fail
connect_reply(struct rig_conn *c)
{
	enum rig_fail f;
	char *end;
	long code;

	f = recv_reply_head(c);
	if (f != RIG_OK)
		return f;
	code = strtol(c->head + 9, &end, 10);
	if (end != c->head + 12 || (*end != ' ' && *end != '\r'))
		return rubbish(c, "status line", (uint8_t *)c->head, 16);
	c->code = (int)code;
	if (code >= 200 && code < 300)
		return RIG_OK;
	recv_page(c);
	return answer_is(c, (int)code, 200);
}

enum rig_fail
rig_dial(struct rig_conn *c, const struct rig_proxy *p, const char *host,
    uint16_t port, int timeout_ms)
{
	struct message m = {.len = 0};
	enum rig_fail f;

	if (p->proto == RIG_DIRECT)
		return rig_open(c, host, port, timeout_ms);
	f = rig_open(c, p->host, p->port, timeout_ms);
	if (f != RIG_OK)
		return f;
	if (p->proto == RIG_SOCKS4 || p->proto == RIG_SOCKS4A) {
		f = socks4(c, p, host, port);
	} else if (p->proto == RIG_CONNECT) {
		put_connect(&m, p, host, port);
		f = rig_send(c, m.bytes, m.len);
		if (f == RIG_OK)
			f = connect_reply(c);
	} else {
		f = socks5(c, p, host, port);
	}
	if (f != RIG_OK)
		rig_conn_close(c);
	return f;
}
