/* Owns what is said to a target and what is taken for its answer; must not do
 * I/O nor judge an HTTP status. */
#include "probe/query.h"

#include <stdio.h>
#include <string.h>

#include "wire/cursor.h"
#include "wire/http.h"

#define TLS_ALERT	 21
#define TLS_HANDSHAKE	 22
#define TLS_CLIENT_HELLO 1
#define TLS_RECORD_MAX	 (16384 + 256) /* RFC 5246 section 6.2.3 */
#define TLS_HEAD_LEN	 5

/* RFC 8446 section 4.2. */
enum extension {
	EXT_SERVER_NAME = 0,
	EXT_GROUPS = 10,
	EXT_POINTS = 11,
	EXT_SIGNATURES = 13,
	EXT_VERSIONS = 43,
	EXT_KEY_SHARE = 51
};

static const uint16_t suites[] = {
    0x1301, 0x1302, 0x1303,			    /* TLS 1.3 */
    0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, /* ECDHE, AEAD */
    0xc013, 0xc014, 0x009c, 0x002f,		    /* older servers */
};
static const uint16_t groups[] = {0x001d, 0x0017, 0x0018};
static const uint16_t signatures[] = {0x0403, 0x0503, 0x0603, 0x0807, 0x0804,
    0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0201};
static const uint16_t versions[] = {0x0304, 0x0303};

#define N(a) (sizeof(a) / sizeof(*(a)))

/* A list of numbers with its length in bytes before it. */
static void
put_list(struct cursor_out *c, const uint16_t *list, size_t n)
{
	size_t i;

	cursor_put_u16(c, (uint16_t)(2 * n));
	for (i = 0; i < n; i++)
		cursor_put_u16(c, list[i]);
}

static void
put_extension_list(
    struct cursor_out *c, enum extension type, const uint16_t *list, size_t n)
{
	cursor_put_u16(c, (uint16_t)type);
	cursor_put_u16(c, (uint16_t)(2 + 2 * n));
	put_list(c, list, n);
}

/* RFC 6066 section 3: a name, never an address. */
static void
put_server_name(struct cursor_out *c, const struct wire_host *host)
{
	size_t len = 0;

	while (host->name[len] != '\0')
		len++;
	if (host->kind != WIRE_HOST_NAME)
		return;
	cursor_put_u16(c, EXT_SERVER_NAME);
	cursor_put_u16(c, (uint16_t)(len + 5));
	cursor_put_u16(c, (uint16_t)(len + 3));
	cursor_put_u8(c, 0); /* host_name */
	cursor_put_u16(c, (uint16_t)len);
	cursor_put(c, host->name, len);
}

static void
put_extensions(struct cursor_out *c, const struct wire_host *host)
{
	put_server_name(c, host);
	put_extension_list(c, EXT_GROUPS, groups, N(groups));
	cursor_put_u16(c, EXT_POINTS);
	cursor_put_u16(c, 2);
	cursor_put_u16(c, 0x0100); /* one format: uncompressed */
	put_extension_list(c, EXT_SIGNATURES, signatures, N(signatures));
	cursor_put_u16(c, EXT_VERSIONS);
	cursor_put_u16(c, 1 + 2 * N(versions));
	cursor_put_u8(c, 2 * N(versions));
	cursor_put_u16(c, versions[0]);
	cursor_put_u16(c, versions[1]);
	cursor_put_u16(c, EXT_KEY_SHARE);
	cursor_put_u16(c, 2);
	cursor_put_u16(c, 0); /* none: the server asks again */
}

/* The body of the handshake message. */
static int
hello_body(const struct wire_host *host, uint8_t *out, size_t cap)
{
	uint8_t extensions[QUERY_OUT_MAX];
	struct cursor_out c, e;
	int len;
	uint8_t i;

	cursor_out_init(&e, extensions, sizeof(extensions));
	put_extensions(&e, host);
	len = cursor_out_result(&e);
	cursor_out_init(&c, out, cap);
	cursor_expect(&c, len > 0);
	cursor_put_u16(&c, 0x0303);
	/* Nothing is derived from this random: no key ever comes of it. */
	for (i = 0; i < 32; i++)
		cursor_put_u8(&c, (uint8_t)(0xa5 ^ (i * 29)));
	cursor_put_u8(&c, 0); /* no session */
	put_list(&c, suites, N(suites));
	cursor_put_u8(&c, 1);
	cursor_put_u8(&c, 0); /* no compression */
	cursor_put_u16(&c, (uint16_t)len);
	if (len > 0)
		cursor_put(&c, extensions, (size_t)len);
	return cursor_out_result(&c);
}

static int
hello_encode(const struct wire_host *host, uint8_t *out, size_t cap)
{
	uint8_t body[QUERY_OUT_MAX];
	int len = hello_body(host, body, sizeof(body));
	struct cursor_out c;

	if (len == WIRE_BAD)
		return WIRE_BAD;
	cursor_out_init(&c, out, cap);
	cursor_put_u8(&c, TLS_HANDSHAKE);
	cursor_put_u16(&c, 0x0301); /* RFC 8446 section 5.1 */
	cursor_put_u16(&c, (uint16_t)(len + 4));
	cursor_put_u8(&c, TLS_CLIENT_HELLO);
	cursor_put_u8(&c, 0);
	cursor_put_u16(&c, (uint16_t)len);
	cursor_put(&c, body, (size_t)len);
	return cursor_out_result(&c);
}

static int
get_encode(const struct query *q, uint8_t *out, size_t cap)
{
	char host[WIRE_HOST_STRLEN];
	int len;

	len = snprintf((char *)out, cap,
	    "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: cagent-probe\r\n"
	    "Accept: */*\r\nConnection: close\r\n\r\n",
	    q->path, wire_host_format(&q->host, host));
	return len > 0 && (size_t)len < cap ? len : WIRE_BAD;
}

int
query_encode(const struct query *q, uint8_t *out, size_t cap)
{
	switch (q->kind) {
	case QUERY_HTTP:
	case QUERY_ANY:
		return get_encode(q, out, cap);
	case QUERY_TLS:
		return hello_encode(&q->host, out, cap);
	case QUERY_ALIVE:
	case QUERY_TCP:
		break;
	}
	return 0;
}

/* The head of a record is enough: nobody else begins like that. */
static int
record_decode(const uint8_t *in, size_t len)
{
	struct cursor_in c;
	uint8_t type;
	uint16_t size;

	cursor_in_init(&c, in, len);
	type = cursor_get_u8(&c);
	cursor_require(&c, type == TLS_ALERT || type == TLS_HANDSHAKE);
	cursor_require(&c, cursor_get_u8(&c) == 3);
	cursor_get_u8(&c);
	size = cursor_get_u16(&c);
	cursor_require(&c, size > 0 && size <= TLS_RECORD_MAX);
	return cursor_in_result(&c);
}

/* Whatever it is, somebody has answered; but an intermediary's own page about
 * its failure is HTTP. */
static int
any_decode(const uint8_t *in, size_t len, size_t *scanned, int *status)
{
	static const char http[] = "HTTP/";
	size_t n = len < sizeof(http) - 1 ? len : sizeof(http) - 1;
	int used;

	if (memcmp(in, http, n) != 0)
		return 1;
	used = http_response_decode(in, len, scanned, status);
	return used == WIRE_BAD ? 1 : used;
}

int
query_decode(enum query_kind kind, const uint8_t *in, size_t len,
    size_t *scanned, int *status)
{
	*status = 0;
	if (len == 0)
		return WIRE_MORE;
	switch (kind) {
	case QUERY_HTTP:
		return http_response_decode(in, len, scanned, status);
	case QUERY_ANY:
		return any_decode(in, len, scanned, status);
	case QUERY_TLS:
		return record_decode(in, len);
	case QUERY_ALIVE:
	case QUERY_TCP:
		break;
	}
	return 1;
}
