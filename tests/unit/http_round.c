/* Tests that what is passed on reads as what was received. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <llhttp/llhttp.h>

#include "tests/unit/unit.h"
#include "wire/http_message.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static uint32_t
draw(uint32_t *seed, uint32_t n)
{
	*seed = (uint32_t)(*seed * UINT64_C(1664525) + 1013904223);
	return (*seed >> 8) % n;
}

/* A valid request, of parts that are drawn. */
static size_t
random_request(uint32_t *seed, char *out, size_t cap)
{
	static const char *const method[] = {"GET", "HEAD", "POST", "PUT",
	    "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND"};
	static const char *const hosts[] = {"www.example", "A.b-c.Example.",
	    "192.0.2.1", "[2001:DB8::1]", "[::ffff:192.0.2.1]", "x_y"};
	static const char *const ports[] = {"", ":", ":80", ":8080", ":1"};
	static const char *const paths[] = {
	    "", "/", "?", "/a/b?c=d", "?/a", "//", "/%0d%0a", "/:@*"};
	static const char *const fields[] = {"A: b\r\n", "Accept:*/*\r\n",
	    "Connection: x-a, close\r\n", "X-A: b\r\n", "TE: trailers\r\n",
	    "Expect: 100-continue\r\n", "Via: 1.1 cagent\r\n",
	    "Connection: Upgrade\r\nUpgrade: websocket\r\n",
	    "Proxy-Connection: a\r\n", "Keep-Alive: a\r\n",
	    "Cookie:  \t x \t \r\n", "X: \xff\xfe\r\n"};
	static const char *const framings[] = {"", "Content-Length: 0\r\n",
	    "Content-Length: 0012\r\n", "Transfer-Encoding: chunked\r\n"};
	uint32_t m = draw(seed, N(method)), n = draw(seed, 6);
	size_t len;

	len = (size_t)snprintf(out, cap,
	    "%s http://%s%s%s HTTP/1.1\r\nHost: x\r\n", method[m],
	    hosts[draw(seed, N(hosts))], ports[draw(seed, N(ports))],
	    paths[draw(seed, N(paths))]);
	while (n-- > 0)
		len += (size_t)snprintf(
		    out + len, cap - len, "%s", fields[draw(seed, N(fields))]);
	len += (size_t)snprintf(out + len, cap - len, "%s\r\n",
	    strcmp(method[m], "TRACE") == 0
		? ""
		: framings[draw(seed, N(framings))]);
	return len;
}

/* What llhttp says of how a content is framed: to it a proxy's reader is but
 * one of many. */
static int
on_head(llhttp_t *parser)
{
	*(uint64_t *)parser->data = parser->content_length;
	return 2;
}

static void
check_llhttp(const uint8_t *head, size_t len, const struct http_ask *a)
{
	llhttp_settings_t settings = {.on_headers_complete = on_head};
	uint64_t length = 0;
	llhttp_t parser;

	llhttp_init(&parser, HTTP_REQUEST, &settings);
	parser.data = &length;
	CHECK_INT(llhttp_execute(&parser, (const char *)head, len),
	    HPE_PAUSED_UPGRADE);
	CHECK(((parser.flags & F_CHUNKED) != 0) ==
		  (a->framing == HTTP_BODY_CHUNKED),
	    "chunked by one of two: %.*s", (int)len, (const char *)head);
	if (a->framing == HTTP_BODY_LENGTH)
		CHECK(length == a->length, "length %llu",
		    (unsigned long long)length);
	else
		CHECK_INT(length, 0);
}

static void
same(const struct http_ask *a, const struct http_ask *b)
{
	char host[2][WIRE_HOST_STRLEN];

	CHECK_STR(b->request.method, a->request.method);
	CHECK_STR(wire_host_format(&b->request.host, host[1]),
	    wire_host_format(&a->request.host, host[0]));
	CHECK_INT(b->framing, a->framing);
	CHECK_INT(b->length, a->length);
	CHECK_INT(b->expects_continue, a->expects_continue);
	CHECK_INT(b->trailers, a->trailers);
	CHECK_STR(b->upgrade, a->upgrade);
	CHECK_STR(b->accept, a->accept);
	CHECK_INT(b->vias_n, a->vias_n + 1);
}

/* What is sent on reads as the same request, to a server and to an agent, and
 * goes on from there but for one more Via. */
static void
test_round(void)
{
	struct http_onward proxy = {.proxy = true, .keep_alive = true};
	struct http_onward direct = {.keep_alive = true};
	uint8_t first[4096], second[4096];
	struct http_ask a, b, c;
	int i, rc, len, status;
	uint32_t seed = 1;
	char text[2048];
	size_t n, scanned;

	for (i = 0; i < 3000; i++) {
		n = random_request(&seed, text, sizeof(text));
		scanned = 0;
		rc = http_ask_decode((uint8_t *)text, n, &scanned, &a, &status);
		CHECK(rc == (int)n, "%s: %d", text, status);
		len = http_ask_encode(
		    &a, (uint8_t *)text, n, &proxy, first, sizeof(first));
		CHECK(len > 0, "%s: %d", text, len);
		scanned = 0;
		rc = http_ask_decode(first, (size_t)len, &scanned, &b, &status);
		CHECK(rc == len, "%s: %d", text, status);
		same(&a, &b);
		CHECK(b.keep_alive, "%s: closes", text);
		check_llhttp(first, (size_t)len, &a);
		rc = http_ask_encode(
		    &b, first, (size_t)len, &proxy, second, sizeof(second));
		CHECK_INT(rc, len + (int)strlen("Via: 1.1 cagent\r\n"));

		len = http_ask_encode(
		    &a, (uint8_t *)text, n, &direct, first, sizeof(first));
		check_llhttp(first, (size_t)len, &a);
		scanned = 0;
		if (memcmp(first, "OPTIONS *", 9) == 0)
			continue;
		rc = http_ask_decode(first, (size_t)len, &scanned, &c, &status);
		CHECK(rc == len && c.request.form == HTTP_FORM_ORIGIN, "%s: %d",
		    text, status);
		CHECK(c.framing == a.framing && c.length == a.length,
		    "%s: another framing", text);
	}
}

static size_t
random_answer(uint32_t *seed, char *out, size_t cap)
{
	static const char *const lines[] = {"HTTP/1.1 200 OK", "HTTP/1.0 200",
	    "HTTP/1.1 204 ", "HTTP/1.1 304 a b", "HTTP/1.1 404 \xe4",
	    "HTTP/1.1 103 Hints", "HTTP/1.1 502 Bad"};
	static const char *const fields[] = {"A: b\r\n",
	    "Connection: x-a, close\r\n", "X-A: b\r\n",
	    "Connection: keep-alive\r\n", "Via: 1.0 a\r\n",
	    "Set-Cookie:a=b\r\n", "Upgrade: h2c\r\n",
	    "Proxy-Authenticate: a\r\n", "Content-Type: a/b \t\r\n"};
	static const char *const framings[] = {"", "Content-Length: 0\r\n",
	    "Content-Length: 0012\r\n", "Transfer-Encoding: chunked\r\n"};
	uint32_t l = draw(seed, N(lines)), n = draw(seed, 6);
	uint32_t framing = draw(seed, N(framings));
	size_t len;

	/* What has none, and what must not have one. */
	if (strstr(lines[l], " 103 ") != NULL)
		framing &= 1;
	if (strstr(lines[l], "/1.0 ") != NULL && framing == 3)
		framing = 2;
	len = (size_t)snprintf(out, cap, "%s\r\n", lines[l]);
	while (n-- > 0)
		len += (size_t)snprintf(
		    out + len, cap - len, "%s", fields[draw(seed, N(fields))]);
	len +=
	    (size_t)snprintf(out + len, cap - len, "%s\r\n", framings[framing]);
	return len;
}

static void
answer_round(const struct http_ask *ask, const char *text, size_t len)
{
	struct http_back how = {.minor = ask->request.minor};
	struct http_answer a, b;
	uint8_t out[2048];
	size_t scanned = 0;
	int rc, n;

	rc = http_answer_decode((const uint8_t *)text, len, &scanned, ask, &a);
	CHECK(rc == (int)len, "%s: %d", text, rc);
	how.framing = http_back_framing(ask, &a);
	how.keep_alive = how.minor > 0;
	n = http_answer_encode(
	    &a, (const uint8_t *)text, len, &how, out, sizeof(out));
	if (a.interim && how.minor == 0) {
		CHECK_INT(n, 0);
		return;
	}
	scanned = 0;
	rc = http_answer_decode(out, (size_t)n, &scanned, ask, &b);
	CHECK(rc == n && n > 0, "%s: %d of %d", text, rc, n);
	CHECK(b.status == a.status && b.interim == a.interim, "%s: status %d",
	    text, b.status);
	CHECK(b.framing == how.framing && b.length == a.length,
	    "%s: framing %d", text, b.framing);
	CHECK(
	    b.keep_alive == how.keep_alive, "%s: stays %d", text, b.keep_alive);
	CHECK_STR(b.content_type, a.content_type);
}

static void
test_answers(void)
{
	struct http_ask ask = {.keep_alive = true};
	static const char *const methods[] = {"GET", "HEAD"};
	uint32_t seed = 1;
	char text[1024];
	size_t len;
	int i;

	for (i = 0; i < 3000; i++) {
		len = random_answer(&seed, text, sizeof(text));
		snprintf(ask.request.method, sizeof(ask.request.method), "%s",
		    methods[draw(&seed, 2)]);
		ask.request.minor = (uint8_t)draw(&seed, 2);
		answer_round(&ask, text, len);
	}
}

static const struct unit_case cases[] = {
    {"requests", test_round},
    {"answers", test_answers},
};

UNIT_MAIN("http_round", cases)
