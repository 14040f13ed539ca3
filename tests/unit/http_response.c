/* Tests the decoding of a proxy's response to CONNECT, cut everywhere. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "wire/http.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

struct response {
	const char *name;
	const char *text;
	int status;  /* 0: WIRE_BAD */
	size_t used; /* 0: all */
};

#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

static const struct response responses[] = {
    {"plain", "HTTP/1.1 200 Connection established\r\n\r\n", 200, 0},
    {"1.0", "HTTP/1.0 200 OK\r\nProxy-agent: x\r\n\r\n", 200, 0},
    {"no reason", "HTTP/1.1 200 \r\n\r\n", 200, 0},
    {"no reason and no blank", "HTTP/1.1 200\r\n\r\n", 200, 0},
    {"another 2xx", "HTTP/1.1 204 x\r\n\r\n", 204, 0},
    {"payload", "HTTP/1.1 200 OK\r\n\r\nSSH-2.0-x\r\n\r\n", 200, 19},
    {"payload of empty lines", "HTTP/1.1 200 OK\r\n\r\n\r\n\r\n", 200, 19},
    {"200 with CL", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200,
	38},
    {"200 with a bad CL", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", 200,
	0},
    {"200 with two CLs",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
	200, 0},
    {"200 with TE",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", 200, 47},
    {"200 with CL and TE",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
	"Transfer-Encoding: chunked\r\n\r\n",
	200, 0},
    {"403", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403, 45},
    {"407", "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=\"a\"\r\n\r\n",
	407, 0},
    {"302", "HTTP/1.1 302 x\r\nLocation: http://a/\r\n\r\n", 302, 0},
    {"503", "HTTP/1.0 503 x\r\n\r\n", 503, 0},
    {"101 is final", "HTTP/1.1 101 x\r\nUpgrade: a\r\n\r\n", 101, 0},
    {"1xx", CONTINUE "HTTP/1.1 200 OK\r\n\r\n", 200, 0},
    {"1xx with payload",
	CONTINUE "HTTP/1.1 103 x\r\nLink: a\r\n\r\n"
		 "HTTP/1.1 200 OK\r\n\r\npayload",
	200, 71},
    {"five 1xx",
	CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE "HTTP/1.1 200 OK\r\n\r\n",
	200, 0},
    {"six 1xx",
	CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE
	"HTTP/1.1 200 OK\r\n\r\n",
	0, 0},
    {"empty line after a 1xx", CONTINUE "\r\nHTTP/1.1 200 OK\r\n\r\n", 0, 0},
    {"bytes before the status", "\r\nHTTP/1.1 200 OK\r\n\r\n", 0, 0},
    {"SSH", "SSH-2.0-x\r\n", 0, 0},
    {"SOCKS5", "\005\001", 0, 0},
    {"ICY", "ICY 200 OK\r\n\r\n", 0, 0},
    {"HTTP/0.9", "<html>", 0, 0},
    {"HTTP/2", "HTTP/2 200\r\n\r\n", 0, 0},
    {"HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", 0, 0},
    {"no status", "HTTP/1.1 \r\n\r\n", 0, 0},
    {"status of two digits", "HTTP/1.1 20 OK\r\n\r\n", 0, 0},
    {"status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", 0, 0},
    {"status 0", "HTTP/1.1 000 OK\r\n\r\n", 0, 0},
    {"status 0200", "HTTP/1.1 0200 OK\r\n\r\n", 0, 0},
    {"status 099", "HTTP/1.1 099 OK\r\n\r\n", 0, 0},
    {"status 600", "HTTP/1.1 600 OK\r\n\r\n", 0, 0},
    {"status -20", "HTTP/1.1 -20 OK\r\n\r\n", 0, 0},
    {"status 0x2", "HTTP/1.1 0x2 OK\r\n\r\n", 0, 0},
    {"bare LF", "HTTP/1.1 200 OK\n\n", 0, 0},
    {"bare LF at the end", "HTTP/1.1 200 OK\r\n\n", 0, 0},
    {"bare CR", "HTTP/1.1 200 OK\rA: b\r\n\r\n", 0, 0},
    {"obs-fold", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", 0, 0},
    {"blank before the colon", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", 0, 0},
    {"empty name", "HTTP/1.1 200 OK\r\n: b\r\n\r\n", 0, 0},
    {"ESC in the reason", "HTTP/1.1 200 \033[2J\r\n\r\n", 0, 0},
};

static int
response(const char *name, const char *text, size_t len, int *status)
{
	int rc, again_rc = WIRE_MORE, again_status = -1;
	size_t n, scanned = 0;

	rc = http_response_decode((const uint8_t *)text, len, &scanned, status);
	scanned = 0;
	for (n = 0; n <= len && again_rc == WIRE_MORE; n++)
		again_rc = http_response_decode(
		    (const uint8_t *)text, n, &scanned, &again_status);
	CHECK(again_rc == rc && again_status == *status,
	    "%s: %d with status %d, but byte by byte %d with %d", name, rc,
	    *status, again_rc, again_status);
	return rc;
}

static void
test_table(void)
{
	const struct response *r;
	int rc, status, want;

	for (r = responses; r < responses + N(responses); r++) {
		rc = response(r->name, r->text, strlen(r->text), &status);
		want = (int)(r->used != 0 ? r->used : strlen(r->text));
		if (r->status == 0)
			want = WIRE_BAD;
		CHECK(rc == want && status == r->status,
		    "%s: %d with status %d, not %d with %d", r->name, rc,
		    status, want, r->status);
	}
}

static void
test_prefixes(void)
{
	size_t i, n, scanned, len;
	int rc, status;

	for (i = 0; i < N(responses); i++) {
		len = responses[i].used != 0 ? responses[i].used
					     : strlen(responses[i].text);
		for (n = 0; n < len && responses[i].status != 0; n++) {
			scanned = 0;
			rc = http_response_decode(
			    (const uint8_t *)responses[i].text, n, &scanned,
			    &status);
			CHECK(rc == WIRE_MORE, "%s cut at %zu: %d",
			    responses[i].name, n, rc);
		}
	}
}

/* start, then filler, then end: a head of exactly len bytes. */
static void
fill(char *out, size_t len, const char *start, const char *end)
{
	memset(out, 'a', len);
	memcpy(out, start, strlen(start));
	memcpy(out + len - strlen(end), end, strlen(end));
}

static void
check_limit(const char *name, const char *text, size_t len, int want_status)
{
	int rc, status;

	rc = response(name, text, len, &status);
	CHECK(status == want_status, "%s: status %d", name, status);
	CHECK(
	    rc == (want_status != 0 ? (int)len : WIRE_BAD), "%s: %d", name, rc);
}

static void
test_limits(void)
{
	static const char start[] = CONTINUE "HTTP/1.1 200 ";
	static char text[65536];

	fill(text, HTTP_RESPONSE_MAX, start, "\r\n\r\n");
	check_limit("heads at their limit", text, HTTP_RESPONSE_MAX, 200);
	fill(text, HTTP_RESPONSE_MAX + 1, start, "\r\n\r\n");
	check_limit("heads too long", text, HTTP_RESPONSE_MAX + 1, 0);
	fill(text, sizeof(text), "HTTP/1.1 200 ", "\r\n\r\n");
	check_limit("64 KiB of status text", text, sizeof(text), 0);
}

static const struct unit_case cases[] = {
    {"table", test_table},
    {"every prefix", test_prefixes},
    {"limits", test_limits},
};

UNIT_MAIN("http_response", cases)
