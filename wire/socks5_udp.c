/* Owns the header of SOCKS5's datagrams; must not look at what they carry. */
#include "wire/socks5_udp.h"

#include "wire/cursor.h"
#include "wire/socks5.h"

int
socks5_udp_decode(const uint8_t *in, size_t len, struct wire_host *out)
{
	struct wire_host host = {0};
	struct cursor_in c;

	cursor_in_init(&c, in, len);
	cursor_require(&c, cursor_get_u16(&c) == 0);
	cursor_require(&c, cursor_get_u8(&c) == 0);
	socks5_get_host(&c, &host);
	cursor_require(&c, host.port != 0);
	if (cursor_in_result(&c) <= 0)
		return WIRE_BAD;
	*out = host;
	return cursor_in_result(&c);
}

int
socks5_udp_encode(const struct wire_host *host, uint8_t *out, size_t cap)
{
	struct cursor_out c;

	cursor_out_init(&c, out, cap);
	cursor_expect(&c, host->port != 0);
	cursor_put_u16(&c, 0);
	cursor_put_u8(&c, 0);
	socks5_put_host(&c, host);
	return cursor_out_result(&c);
}
