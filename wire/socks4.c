/* Owns the bytes of SOCKS4 and 4a; must not decide what is served. */
#include "wire/socks4.h"

#include <string.h>

#include "wire/cursor.h"

#define SOCKS4_VERSION 4

/* 0.0.0.x with x != 0: not an address, a name follows (4a). */
static bool
is_marker(const uint8_t ip[4])
{
	return ip[0] == 0 && ip[1] == 0 && ip[2] == 0 && ip[3] != 0;
}

int
socks4_request_decode(const uint8_t *in, size_t len, struct socks4_request *out)
{
	struct socks4_request r = {.host = {.kind = WIRE_HOST_V4}};
	char name[WIRE_NAME_MAX + 2] = ""; /* and the root dot */
	struct cursor_in c;
	size_t name_len;

	cursor_in_init(&c, in, len);
	cursor_require(&c, cursor_get_u8(&c) == SOCKS4_VERSION);
	r.command = cursor_get_u8(&c);
	r.host.port = cursor_get_u16(&c);
	cursor_require(&c, r.host.port != 0 || r.command != SOCKS4_CONNECT);
	cursor_get(&c, r.host.ip, 4);
	cursor_get_string(&c, r.userid, sizeof(r.userid));
	r.is_4a = is_marker(r.host.ip);
	if (r.is_4a) {
		name_len = cursor_get_string(&c, name, sizeof(name));
		cursor_require(&c, wire_host_set(&r.host, name, name_len) == 0);
	}
	if (cursor_in_result(&c) > 0)
		*out = r;
	return cursor_in_result(&c);
}

int
socks4_request_encode(const struct socks4_request *r, uint8_t *out, size_t cap)
{
	static const uint8_t marker[4] = {[3] = 1};
	bool is_name = r->host.kind == WIRE_HOST_NAME;
	size_t name_len = strnlen(r->host.name, sizeof(r->host.name));
	struct cursor_out c;

	cursor_out_init(&c, out, cap);
	cursor_expect(&c, is_name || r->host.kind == WIRE_HOST_V4);
	cursor_expect(&c, is_name || !is_marker(r->host.ip));
	cursor_expect(
	    &c, !is_name || (name_len > 0 && name_len <= WIRE_NAME_MAX));
	cursor_expect(&c, r->host.port != 0 || r->command != SOCKS4_CONNECT);
	cursor_expect(&c, memchr(r->userid, '\0', sizeof(r->userid)) != NULL);
	cursor_put_u8(&c, SOCKS4_VERSION);
	cursor_put_u8(&c, r->command);
	cursor_put_u16(&c, r->host.port);
	cursor_put(&c, is_name ? marker : r->host.ip, 4);
	cursor_put(&c, r->userid, strnlen(r->userid, SOCKS4_USERID_MAX));
	cursor_put_u8(&c, 0);
	if (is_name) {
		cursor_put(&c, r->host.name, name_len);
		cursor_put_u8(&c, 0);
	}
	return cursor_out_result(&c);
}

int
socks4_reply_encode(uint8_t code, uint8_t out[SOCKS4_REPLY_LEN])
{
	/* The address and port are for BIND; a client of CONNECT ignores
	 * them. */
	memset(out, 0, SOCKS4_REPLY_LEN);
	out[1] = code;
	return SOCKS4_REPLY_LEN;
}

int
socks4_reply_bound(
    uint8_t code, const struct wire_host *bound, uint8_t out[SOCKS4_REPLY_LEN])
{
	socks4_reply_encode(code, out);
	out[2] = (uint8_t)(bound->port >> 8);
	out[3] = (uint8_t)bound->port;
	if (bound->kind == WIRE_HOST_V4)
		memcpy(out + 4, bound->ip, 4);
	return SOCKS4_REPLY_LEN;
}

int
socks4_reply_decode(const uint8_t *in, size_t len, uint8_t *code)
{
	struct cursor_in c;
	uint8_t got;

	cursor_in_init(&c, in, len);
	cursor_require(&c, cursor_get_u8(&c) == 0);
	got = cursor_get_u8(&c);
	cursor_require(&c, got >= SOCKS4_GRANTED && got <= SOCKS4_BAD_USERID);
	cursor_take(&c, 6);
	if (cursor_in_result(&c) > 0)
		*code = got;
	return cursor_in_result(&c);
}
