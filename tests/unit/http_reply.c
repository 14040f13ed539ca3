/* Tests the bytes of our own HTTP responses. */
#include <stdint.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "wire/http.h"

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

static const struct unit_case cases[] = {
    {"replies", test_replies},
};

UNIT_MAIN("http_reply", cases)
