/* Owns the bytes of SOCKS5 and its login; must not decide what is served. */
#include "wire/socks5.h"

#include <string.h>

#include "wire/cursor.h"

#define SOCKS5_VERSION 5
#define LOGIN_VERSION  1

enum {
	ATYP_V4 = 1,
	ATYP_NAME = 3,
	ATYP_V6 = 4
};

int
socks5_greeting_decode(
    const uint8_t *in, size_t len, struct socks5_greeting *out)
{
	struct socks5_greeting g = {0};
	struct cursor_in c;

	cursor_in_init(&c, in, len);
	cursor_require(&c, cursor_get_u8(&c) == SOCKS5_VERSION);
	/* None is against the RFC, but deserves an answer: no method suits. */
	g.methods_n = cursor_get_u8(&c);
	cursor_get(&c, g.methods, g.methods_n);
	if (cursor_in_result(&c) > 0)
		*out = g;
	return cursor_in_result(&c);
}

bool
socks5_greeting_offers(const struct socks5_greeting *g, uint8_t method)
{
	return memchr(g->methods, method, g->methods_n) != NULL;
}

int
socks5_greeting_encode(bool login, uint8_t *out, size_t cap)
{
	struct cursor_out c;

	cursor_out_init(&c, out, cap);
	cursor_put_u8(&c, SOCKS5_VERSION);
	cursor_put_u8(&c, login ? 2 : 1);
	cursor_put_u8(&c, SOCKS5_METHOD_NONE);
	if (login)
		cursor_put_u8(&c, SOCKS5_METHOD_PASSWORD);
	return cursor_out_result(&c);
}

int
socks5_choice_encode(uint8_t method, uint8_t out[2])
{
	out[0] = SOCKS5_VERSION;
	out[1] = method;
	return 2;
}

int
socks5_choice_decode(const uint8_t *in, size_t len, uint8_t *method)
{
	struct cursor_in c;
	uint8_t got;

	cursor_in_init(&c, in, len);
	cursor_require(&c, cursor_get_u8(&c) == SOCKS5_VERSION);
	got = cursor_get_u8(&c);
	if (cursor_in_result(&c) > 0)
		*method = got;
	return cursor_in_result(&c);
}

int
socks5_login_decode(const uint8_t *in, size_t len, struct socks5_login *out)
{
	struct socks5_login l = {0};
	struct cursor_in c;

	cursor_in_init(&c, in, len);
	cursor_require(&c, cursor_get_u8(&c) == LOGIN_VERSION);
	l.user_len = cursor_get_u8(&c);
	cursor_get(&c, l.user, l.user_len);
	l.password_len = cursor_get_u8(&c);
	cursor_get(&c, l.password, l.password_len);
	if (cursor_in_result(&c) > 0)
		*out = l;
	explicit_bzero(&l, sizeof(l));
	return cursor_in_result(&c);
}

int
socks5_login_encode(const struct socks5_login *l, uint8_t *out, size_t cap)
{
	struct cursor_out c;

	cursor_out_init(&c, out, cap);
	cursor_put_u8(&c, LOGIN_VERSION);
	cursor_put_u8(&c, l->user_len);
	cursor_put(&c, l->user, l->user_len);
	cursor_put_u8(&c, l->password_len);
	cursor_put(&c, l->password, l->password_len);
	return cursor_out_result(&c);
}

int
socks5_login_reply_encode(bool ok, uint8_t out[2])
{
	out[0] = LOGIN_VERSION;
	out[1] = ok ? 0 : 1;
	return 2;
}

int
socks5_login_reply_decode(const uint8_t *in, size_t len, bool *ok)
{
	struct cursor_in c;
	uint8_t version, status;

	cursor_in_init(&c, in, len);
	version = cursor_get_u8(&c);
	/* microsocks before 2018 and others of its age say 5 (tinyproxy pull
	 * request 174). */
	cursor_require(
	    &c, version == LOGIN_VERSION || version == SOCKS5_VERSION);
	status = cursor_get_u8(&c);
	if (cursor_in_result(&c) > 0)
		*ok = status == 0;
	return cursor_in_result(&c);
}

void
socks5_put_host(struct cursor_out *c, const struct wire_host *h)
{
	size_t len = strnlen(h->name, sizeof(h->name));

	switch (h->kind) {
	case WIRE_HOST_NAME:
		cursor_expect(c, len > 0 && len <= WIRE_NAME_MAX);
		cursor_put_u8(c, ATYP_NAME);
		cursor_put_u8(c, (uint8_t)len);
		cursor_put(c, h->name, len);
		break;
	case WIRE_HOST_V4:
		cursor_put_u8(c, ATYP_V4);
		cursor_put(c, h->ip, 4);
		break;
	case WIRE_HOST_V6:
		cursor_put_u8(c, ATYP_V6);
		cursor_put(c, h->ip, 16);
		break;
	case WIRE_HOST_NONE:
		cursor_expect(c, false);
		break;
	}
	cursor_put_u16(c, h->port);
}

/* An address without its port. */
static void
get_address(struct cursor_in *c, struct wire_host *h)
{
	uint8_t atyp = cursor_get_u8(c), len;
	const uint8_t *p;

	switch (atyp) {
	case ATYP_NAME:
		len = cursor_get_u8(c);
		p = cursor_take(c, len);
		cursor_require(c,
		    p != NULL && wire_host_set(h, (const char *)p, len) == 0);
		break;
	case ATYP_V4:
		h->kind = WIRE_HOST_V4;
		cursor_get(c, h->ip, 4);
		break;
	case ATYP_V6:
		p = cursor_take(c, sizeof(h->ip));
		if (p != NULL)
			wire_host_set_v6(h, p);
		break;
	default:
		cursor_require(c, false);
		break;
	}
}

void
socks5_get_host(struct cursor_in *c, struct wire_host *h)
{
	get_address(c, h);
	h->port = cursor_get_u16(c);
}

int
socks5_request_decode(
    const uint8_t *in, size_t len, struct socks5_request *out, uint8_t *rep)
{
	struct socks5_request r = {0};
	struct cursor_in c;

	*rep = SOCKS5_REP_FAILURE;
	cursor_in_init(&c, in, len);
	cursor_require(&c, cursor_get_u8(&c) == SOCKS5_VERSION);
	r.command = cursor_get_u8(&c);
	cursor_require(&c, cursor_get_u8(&c) == 0);
	if (c.state == CURSOR_OK) {
		get_address(&c, &r.host);
		if (c.state == CURSOR_BAD)
			*rep = SOCKS5_REP_ADDRESS;
	}
	r.host.port = cursor_get_u16(&c);
	cursor_require(&c, r.host.port != 0 || r.command != SOCKS5_CONNECT);
	if (cursor_in_result(&c) > 0)
		*out = r;
	return cursor_in_result(&c);
}

int
socks5_request_encode(const struct socks5_request *r, uint8_t *out, size_t cap)
{
	struct cursor_out c;

	cursor_out_init(&c, out, cap);
	cursor_expect(&c, r->host.port != 0 || r->command != SOCKS5_CONNECT);
	cursor_put_u8(&c, SOCKS5_VERSION);
	cursor_put_u8(&c, r->command);
	cursor_put_u8(&c, 0);
	socks5_put_host(&c, &r->host);
	return cursor_out_result(&c);
}

int
socks5_reply_encode(
    uint8_t rep, const struct wire_host *bound, uint8_t *out, size_t cap)
{
	static const struct wire_host any = {.kind = WIRE_HOST_V4};
	struct cursor_out c;

	cursor_out_init(&c, out, cap);
	cursor_put_u8(&c, SOCKS5_VERSION);
	cursor_put_u8(&c, rep);
	cursor_put_u8(&c, 0);
	socks5_put_host(&c, bound != NULL ? bound : &any);
	return cursor_out_result(&c);
}

/* What a server puts there need not be a name, nor is it ever looked up. */
static void
get_bound(struct cursor_in *c, struct wire_host *h)
{
	const uint8_t *p;
	uint8_t len;

	switch (cursor_get_u8(c)) {
	case ATYP_NAME:
		len = cursor_get_u8(c);
		p = cursor_take(c, len);
		if (p == NULL || wire_host_set(h, (const char *)p, len) != 0)
			h->kind = WIRE_HOST_NONE;
		break;
	case ATYP_V4:
		h->kind = WIRE_HOST_V4;
		cursor_get(c, h->ip, 4);
		break;
	case ATYP_V6:
		p = cursor_take(c, sizeof(h->ip));
		if (p != NULL)
			wire_host_set_v6(h, p);
		break;
	default:
		cursor_require(c, false);
		break;
	}
	h->port = cursor_get_u16(c);
}

int
socks5_reply_bound(
    const uint8_t *in, size_t len, uint8_t *rep, struct wire_host *bound)
{
	struct wire_host h = {0};
	struct cursor_in c;
	uint8_t got;

	cursor_in_init(&c, in, len);
	cursor_require(&c, cursor_get_u8(&c) == SOCKS5_VERSION);
	got = cursor_get_u8(&c);
	/* RSV carries nothing, and clients have never looked at it. */
	cursor_take(&c, 1);
	get_bound(&c, &h);
	if (cursor_in_result(&c) > 0) {
		*rep = got;
		*bound = h;
	}
	return cursor_in_result(&c);
}

int
socks5_reply_decode(const uint8_t *in, size_t len, uint8_t *rep)
{
	struct wire_host bound;

	return socks5_reply_bound(in, len, rep, &bound);
}
