/* Tests the bytes of our own HTTP responses. */
#include <stdint.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "wire/http_message.h"

static void
reply(int status, const char *proxy_status, const char *page, const char *want)
{
	uint8_t out[1024];
	int len, again;

	len = http_reply_encode(status, proxy_status, page, out, sizeof(out));
	CHECK(len == (int)strlen(want), "%d: length %d, not %zu", status, len,
	    strlen(want));
	if (len <= 0)
		return;
	out[len] = '\0';
	CHECK_STR((char *)out, want);
	again =
	    http_reply_encode(status, proxy_status, page, out, (size_t)len - 1);
	CHECK_INT(again, WIRE_BAD);
	again = http_reply_encode(status, proxy_status, page, out, (size_t)len);
	CHECK_INT(again, len);
}

static void
refuse(int status, const char *proxy_status)
{
	uint8_t out[256];
	int rc;

	rc = http_reply_encode(status, proxy_status, NULL, out, sizeof(out));
	CHECK(rc == WIRE_BAD, "%d with %s: %d", status,
	    proxy_status != NULL ? proxy_status : "nothing", rc);
}

static void
test_replies(void)
{
	reply(200, NULL, NULL, "HTTP/1.1 200 Connection established\r\n\r\n");
	reply(502, "cagent; error=connection_refused", "No.\n",
	    "HTTP/1.1 502 Bad Gateway\r\n"
	    "Proxy-Status: cagent; error=connection_refused\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Length: 4\r\nConnection: close\r\n\r\nNo.\n");
	reply(405, NULL, NULL,
	    "HTTP/1.1 405 Method Not Allowed\r\nAllow: CONNECT, DELETE, GET, HEAD, "
	    "OPTIONS, PATCH, POST, PUT\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Length: 0\r\nConnection: close\r\n\r\n");
	reply(407, NULL, "Log in.\n",
	    "HTTP/1.1 407 Proxy Authentication Required\r\n"
	    "Proxy-Authenticate: Basic realm=\"cagent\"\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Length: 8\r\nConnection: close\r\n\r\nLog in.\n");

	refuse(299, NULL);
	refuse(502, "a\r\nSet-Cookie: b");
	refuse(502, "a\025b");
	refuse(502, "a\177b");
	refuse(502, "a\344b");
}

static void
own(const struct http_own *what, const char *method, bool keep_alive,
    const char *want)
{
	struct http_ask ask = {.keep_alive = true};
	uint8_t out[1024];
	int len;

	memcpy(ask.request.method, method, strlen(method));
	len = http_own_encode(what, *method != '\0' ? &ask : NULL, keep_alive,
	    out, sizeof(out) - 1);
	CHECK(len == (int)strlen(want), "%d: length %d, not %zu", what->status,
	    len, strlen(want));
	out[len > 0 ? len : 0] = '\0';
	CHECK_STR((char *)out, want);
	len = http_own_encode(what, *method != '\0' ? &ask : NULL, keep_alive,
	    out, strlen(want) - 1);
	CHECK_INT(len, WIRE_BAD);

	/* A client that does not stay is not kept. */
	ask.keep_alive = false;
	len = http_own_encode(what, &ask, true, out, sizeof(out) - 1);
	out[len > 0 ? len : 0] = '\0';
	CHECK(strstr((char *)out, "\r\nConnection: close\r\n\r\n") != NULL,
	    "%s", (char *)out);
}

#define PAGE                                          \
	"Content-Type: text/plain; charset=utf-8\r\n" \
	"Content-Length: 4\r\n"
#define TIMEOUT "HTTP/1.1 504 Gateway Timeout\r\nProxy-Status: cagent\r\n"

static void
test_own(void)
{
	static const int statuses[] = {200, 400, 403, 405, 407, 408, 411, 413,
	    414, 417, 429, 431, 500, 501, 502, 503, 504, 505, 508};
	struct http_own late = {504, "cagent", "No.\n"},
			options = {200, NULL, NULL};
	struct http_own injected = {502, "a\r\nb", NULL}, any = {0, NULL, NULL};
	uint8_t out[512];
	size_t i;
	int rc;

	own(&late, "GET", true, TIMEOUT PAGE "\r\nNo.\n");
	own(&late, "GET", false, TIMEOUT PAGE "Connection: close\r\n\r\nNo.\n");
	own(&late, "HEAD", true, TIMEOUT PAGE "\r\n");
	own(&late, "", true, TIMEOUT PAGE "Connection: close\r\n\r\nNo.\n");
	own(&options, "OPTIONS", true,
	    "HTTP/1.1 200 OK\r\nAllow: CONNECT, DELETE, GET, HEAD, OPTIONS, "
	    "PATCH, POST, PUT\r\nContent-Length: 0\r\n\r\n");
	CHECK_INT(
	    http_own_encode(&injected, NULL, true, out, sizeof(out)), WIRE_BAD);
	for (i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		any.status = statuses[i];
		rc = http_own_encode(&any, NULL, true, out, sizeof(out));
		CHECK(rc > 0, "%d: %d", any.status, rc);
	}
	any.status = 599;
	rc = http_own_encode(&any, NULL, true, out, sizeof(out));
	CHECK_INT(rc, WIRE_BAD);
}

static const struct unit_case cases[] = {
    {"replies", test_replies},
    {"on a connection that stays", test_own},
};

UNIT_MAIN("http_reply", cases)
