/* What is said to a target, and what counts as its answer. */
#include "probe/query.h"

#include <string.h>

#include "tests/unit/unit.h"
#include "wire/cursor.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static void
set(struct query *q, enum query_kind kind, const char *host)
{
	memset(q, 0, sizeof(*q));
	q->kind = kind;
	q->host.port = 443;
	q->path[0] = '/';
	CHECK_INT(wire_host_set(&q->host, host, strlen(host)), 0);
}

/* Walk through a ClientHello; the server's name into name. */
static void
walk(const uint8_t *in, size_t len, char *name, bool *shares)
{
	struct cursor_in c;
	uint16_t type, n, end;

	*name = '\0';
	cursor_in_init(&c, in, len);
	CHECK_INT(cursor_get_u8(&c), 22);
	CHECK_INT(cursor_get_u16(&c), 0x0301);
	CHECK_INT(cursor_get_u16(&c), len - 5);
	CHECK_INT(cursor_get_u32(&c), 0x01000000 | (len - 9));
	CHECK_INT(cursor_get_u16(&c), 0x0303);
	cursor_take(&c, 32);
	CHECK_INT(cursor_get_u8(&c), 0);
	n = cursor_get_u16(&c);
	CHECK(n > 0 && n % 2 == 0, "%u bytes of suites", n);
	cursor_take(&c, n);
	CHECK_INT(cursor_get_u16(&c), 0x0100);
	end = cursor_get_u16(&c);
	CHECK_INT(end, c.left);
	while (c.left > 0 && c.state == CURSOR_OK) {
		type = cursor_get_u16(&c);
		n = cursor_get_u16(&c);
		in = cursor_take(&c, n);
		if (type == 0 && in != NULL) {
			memcpy(name, in + 5, n - 5u);
			name[n - 5u] = '\0';
			CHECK_INT(in[0] << 8 | in[1], n - 2);
			CHECK_INT(in[3] << 8 | in[4], n - 5);
		}
		*shares = *shares || type == 51;
	}
	CHECK_INT(cursor_in_result(&c), (int)len);
}

static void
says_hello(void)
{
	char name[256], longest[WIRE_NAME_MAX + 1];
	uint8_t out[QUERY_OUT_MAX];
	bool shares = false;
	struct query q;
	size_t i;
	int len;

	set(&q, QUERY_TLS, "www.example.com");
	len = query_encode(&q, out, sizeof(out));
	walk(out, (size_t)len, name, &shares);
	CHECK_STR(name, "www.example.com");
	CHECK(shares, "no key share");
	CHECK_INT(query_encode(&q, out, (size_t)len), len);
	CHECK_INT(query_encode(&q, out, (size_t)len - 1), WIRE_BAD);
	set(&q, QUERY_TLS, "192.0.2.1");
	len = query_encode(&q, out, sizeof(out));
	walk(out, (size_t)len, name, &shares);
	CHECK_STR(name, "");
	for (i = 0; i < WIRE_NAME_MAX; i++)
		longest[i] = i % 64 == 63 ? '.' : 'a';
	longest[WIRE_NAME_MAX] = '\0';
	set(&q, QUERY_TLS, longest);
	len = query_encode(&q, out, sizeof(out));
	walk(out, (size_t)len, name, &shares);
	CHECK_STR(name, longest);
}

static void
says_get(void)
{
	uint8_t out[QUERY_OUT_MAX + 1] = {0};
	static const char want[] =
	    "GET /a?b HTTP/1.1\r\nHost: [2001:db8::1]:443"
	    "\r\nUser-Agent: cagent-probe\r\n"
	    "Accept: */*\r\nConnection: close\r\n\r\n";
	struct query q;
	size_t i;
	int len;

	set(&q, QUERY_HTTP, "2001:db8::1");
	memcpy(q.path, "/a?b", 5);
	len = query_encode(&q, out, QUERY_OUT_MAX);
	CHECK_INT(len, sizeof(want) - 1);
	CHECK_STR((char *)out, want);
	CHECK_INT(query_encode(&q, out, (size_t)len), WIRE_BAD);
	/* The longest of all fits. */
	for (i = 0; i < WIRE_NAME_MAX; i++)
		q.host.name[i] = i % 64 == 63 ? '.' : 'a';
	q.host.name[i] = '\0';
	q.host.kind = WIRE_HOST_NAME;
	memset(q.path, 'x', QUERY_PATH_MAX);
	q.path[QUERY_PATH_MAX] = '\0';
	CHECK(query_encode(&q, out, QUERY_OUT_MAX) > 0, "does not fit");
	set(&q, QUERY_ANY, "a.example");
	CHECK(query_encode(&q, out, QUERY_OUT_MAX) > 0, "says nothing");
	set(&q, QUERY_TCP, "a.example");
	CHECK_INT(query_encode(&q, out, QUERY_OUT_MAX), 0);
	set(&q, QUERY_ALIVE, "a.example");
	CHECK_INT(query_encode(&q, out, QUERY_OUT_MAX), 0);
}

#define B(s) s, sizeof(s) - 1

static void
knows_answers(void)
{
	static const struct {
		enum query_kind kind;
		const char *in;
		size_t len;
		int used, status;
	} all[] = {
	    {QUERY_TLS, B("\26\3\1\0\1\2"), 5, 0},
	    {QUERY_TLS, B("\25\3\3\0\2\2\50"), 5, 0},
	    {QUERY_TLS, B("\26\3\3\101\0"), 5, 0},
	    {QUERY_TLS, B("\26\3\3\101\1"), WIRE_BAD, 0},
	    {QUERY_TLS, B("\26\3\3\0\0"), WIRE_BAD, 0},
	    {QUERY_TLS, B("\27\3\3\0\1"), WIRE_BAD, 0},
	    {QUERY_TLS, B("\24\3\3\0\1"), WIRE_BAD, 0},
	    {QUERY_TLS, B("\26\2\0\0\1"), WIRE_BAD, 0},
	    {QUERY_TLS, B("HTTP/1.1 400 Bad\r\n\r\n"), WIRE_BAD, 0},
	    {QUERY_HTTP, B("HTTP/1.1 200 OK\r\n\r\nbody"), 19, 200},
	    {QUERY_HTTP, B("HTTP/1.0 503 No\r\n\r\n"), 19, 503},
	    {QUERY_HTTP, B("\26\3\1\0\1\2"), WIRE_BAD, 0},
	    {QUERY_TCP, B("x"), 1, 0},
	    {QUERY_ANY, B("SSH-2.0-x"), 1, 0},
	    {QUERY_ANY, B("\25\3\3\0\2\2\50"), 1, 0},
	    {QUERY_ANY, B("HTTP/1.1 404 No\r\n\r\n"), 19, 404},
	    {QUERY_ANY, B("HTTP/1.1 502 No\r\n\r\n"), 19, 502},
	    {QUERY_ANY, B("HTTP/1.1 x\r\n\r\n"), 1, 0},
	    {QUERY_ALIVE, B("\0"), 1, 0},
	};
	size_t i, n, scanned;
	int status, used;

	for (i = 0; i < N(all); i++) {
		scanned = 0;
		used = query_decode(all[i].kind, (const uint8_t *)all[i].in,
		    all[i].len, &scanned, &status);
		CHECK(used == all[i].used, "%zu: used %d", i, used);
		CHECK(status == all[i].status, "%zu: status %d", i, status);
		/* Every shorter beginning of a good one is one. */
		for (n = 0; used > 1 && n < (size_t)used; n++) {
			scanned = 0;
			CHECK(query_decode(all[i].kind,
				  (const uint8_t *)all[i].in, n, &scanned,
				  &status) == WIRE_MORE,
			    "%zu: %zu bytes", i, n);
		}
	}
}

static const struct unit_case cases[] = {
    {"says hello", says_hello},
    {"says GET", says_get},
    {"knows answers", knows_answers},
};

UNIT_MAIN("query", cases)
