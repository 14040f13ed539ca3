/* Tests responses that are passed back: what is refused, and what goes on. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "wire/http_message.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

#define OK   "HTTP/1.1 200 OK\r\n"
#define OK10 "HTTP/1.0 200 OK\r\n"

static struct http_ask
asked(const char *method, uint8_t minor, const char *upgrade)
{
	struct http_ask ask = {.max_forwards = -1};

	ask.request.form = HTTP_FORM_ABSOLUTE;
	ask.request.minor = minor;
	ask.keep_alive = true;
	snprintf(ask.request.method, sizeof(ask.request.method), "%s", method);
	snprintf(ask.upgrade, sizeof(ask.upgrade), "%s", upgrade);
	return ask;
}

/* Whole, byte by byte with one *scanned, and with other bytes behind it: the
 * same end. */
static int
answer(const char *name, const char *text, size_t len,
    const struct http_ask *ask, struct http_answer *out)
{
	static const char tail[] = "\r\n\r\nHTTP/1.1 500 No\r\n\r\n";
	struct http_answer again;
	int rc, again_rc = WIRE_MORE;
	uint8_t *copy = malloc(len + sizeof(tail));
	size_t n, scanned = 0;

	memset(out, 0, sizeof(*out));
	memset(&again, 0, sizeof(again));
	memcpy(copy, text, len);
	memcpy(copy + len, tail, sizeof(tail));
	rc = http_answer_decode(copy, len, &scanned, ask, out);
	scanned = 0;
	for (n = 0; n <= len && again_rc == WIRE_MORE; n++) {
		again_rc = http_answer_decode(copy, n, &scanned, ask, &again);
		CHECK(again_rc == WIRE_MORE || rc == WIRE_BAD || n == len,
		    "%s: cut at %zu: %d", name, n, again_rc);
	}
	CHECK(
	    again_rc == rc, "%s: %d, but byte by byte %d", name, rc, again_rc);
	CHECK(memcmp(&again, out, sizeof(again)) == 0,
	    "%s: otherwise byte by byte", name);
	scanned = 0;
	again_rc =
	    http_answer_decode(copy, len + sizeof(tail), &scanned, ask, &again);
	CHECK(again_rc == rc && memcmp(&again, out, sizeof(again)) == 0,
	    "%s: %d, but with trailing data %d", name, rc, again_rc);
	free(copy);
	return rc;
}

struct bad {
	const char *name;
	const char *text;
	size_t len; /* 0: strlen(text) */
};

static const struct bad bads[] = {
    {"bytes before the status", "\r\n" OK "\r\n", 0},
    {"blank before the status", " " OK "\r\n", 0},
    {"HTTP/0.9", "<html></html>\r\n\r\n", 0},
    {"SSH", "SSH-2.0-x\r\n", 0},
    {"ICY", "ICY 200 OK\r\n\r\n", 0},
    {"HTTP/2", "HTTP/2 200\r\n\r\n", 0},
    {"HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", 0},
    {"HTTP/1.10", "HTTP/1.10 200 OK\r\n\r\n", 0},
    {"http/1.1", "http/1.1 200 OK\r\n\r\n", 0},
    {"no status", "HTTP/1.1 \r\n\r\n", 0},
    {"status of two digits", "HTTP/1.1 20 OK\r\n\r\n", 0},
    {"status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", 0},
    {"status 0200", "HTTP/1.1 0200 OK\r\n\r\n", 0},
    {"status 099", "HTTP/1.1 099 OK\r\n\r\n", 0},
    {"status 600", "HTTP/1.1 600 OK\r\n\r\n", 0},
    {"status +20", "HTTP/1.1 +20 OK\r\n\r\n", 0},
    {"two blanks before the status", "HTTP/1.1  200 OK\r\n\r\n", 0},
    {"bare LF", "HTTP/1.1 200 OK\nA: b\n\n", 0},
    {"bare LF after a field", OK "A: b\nC: d\r\n\r\n", 0},
    {"bare LF at the end", OK "\n", 0},
    {"bare CR after the status line", "HTTP/1.1 200 OK\rA: b\r\n\r\n", 0},
    {"bare CR in a field", OK "A: b\rC: d\r\n\r\n", 0},
    {"NUL in a field", OK "A: b\0c\r\n\r\n", sizeof(OK "A: b\0c\r\n\r\n") - 1},
    {"ESC in the reason", "HTTP/1.1 200 \033[2J\r\n\r\n", 0},
    {"empty name", OK ": a\r\n\r\n", 0},
    {"no colon", OK "abc\r\n\r\n", 0},
    {"space before the colon", OK "A : b\r\n\r\n", 0},
    {"space before the colon of a length", OK "Content-Length : 5\r\n\r\n", 0},
    {"obs-fold", OK "A: b\r\n c\r\n\r\n", 0},
    {"obs-fold by a tab", OK "A: b\r\n\tc\r\n\r\n", 0},
    {"obs-fold of the status line", OK " a: b\r\n\r\n", 0},
    {"obs-fold of a coding", OK "Transfer-Encoding:\r\n chunked\r\n\r\n", 0},

    {"empty Content-Length", OK "Content-Length:\r\n\r\n", 0},
    {"Content-Length: +5", OK "Content-Length: +5\r\n\r\n", 0},
    {"Content-Length: -5", OK "Content-Length: -5\r\n\r\n", 0},
    {"Content-Length: 0x5", OK "Content-Length: 0x5\r\n\r\n", 0},
    {"Content-Length: 5, 5", OK "Content-Length: 5, 5\r\n\r\n", 0},
    {"Content-Length of 2^63", OK "Content-Length: 9223372036854775808\r\n\r\n",
	0},
    {"Content-Length over 2^64",
	OK "Content-Length: 18446744073709551621\r\n\r\n", 0},
    {"duplicate CL", OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 0},
    {"duplicate CL, the same",
	OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 0},
    {"CL with TE", OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
	0},
    {"TE with CL", OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
	0},
    {"TE with CL of 0",
	OK "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 0},
    {"duplicate TE",
	OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
	0},
    {"TE not chunked", OK "Transfer-Encoding: gzip\r\n\r\n", 0},
    {"TE identity", OK "Transfer-Encoding: identity\r\n\r\n", 0},
    {"TE chunked, not final", OK "Transfer-Encoding: chunked, gzip\r\n\r\n", 0},
    {"TE of another coding", OK "Transfer-Encoding: gzip, chunked\r\n\r\n", 0},
    {"TE empty", OK "Transfer-Encoding:\r\n\r\n", 0},
    {"TE in HTTP/1.0", OK10 "Transfer-Encoding: chunked\r\n\r\n", 0},
    {"CL with TE, 304",
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n"
	"Transfer-Encoding: chunked\r\n\r\n",
	0},

    {"Connection: connection", OK "Connection: connection\r\n\r\n", 0},
    {"Connection naming the length",
	OK "Content-Length: 5\r\nConnection: content-length\r\n\r\n", 0},
    {"Connection naming Set-Cookie", OK "Connection: Set-Cookie\r\n\r\n", 0},
    {"Connection with no token", OK "Connection: a b\r\n\r\n", 0},

    {"101 that was not asked for",
	"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	0},
    {"100 with a length", "HTTP/1.1 100 Go\r\nContent-Length: 5\r\n\r\n", 0},
    {"103 with a coding",
	"HTTP/1.1 103 Hm\r\nTransfer-Encoding: chunked\r\n\r\n", 0},
};

static void
test_bad(void)
{
	static const struct http_answer zero;
	struct http_ask ask = asked("GET", 1, "");
	struct http_answer got;
	const struct bad *b;
	int rc;

	for (b = bads; b < bads + N(bads); b++) {
		rc = answer(b->name, b->text,
		    b->len != 0 ? b->len : strlen(b->text), &ask, &got);
		CHECK(rc == WIRE_BAD, "%s: %d", b->name, rc);
		CHECK(memcmp(&got, &zero, sizeof(got)) == 0,
		    "%s: out was filled", b->name);
	}
}

/* A 101 must turn to what was asked for, by the book. */
static void
test_bad_upgrade(void)
{
	static const char go[] = "HTTP/1.1 101 Go\r\n";
	static const char *const texts[] = {"", "Upgrade: websocket\r\n",
	    "Connection: Upgrade\r\n", "Connection: Upgrade\r\nUpgrade:\r\n",
	    "Connection: Upgrade\r\nUpgrade: h2c\r\n",
	    "Connection: Upgrade\r\nUpgrade: foo\r\nContent-Length: 5\r\n"};
	struct http_ask ask = asked("GET", 1, "foo, websocket");
	struct http_answer got;
	char text[256];
	size_t i;
	int rc;

	for (i = 0; i < N(texts); i++) {
		snprintf(text, sizeof(text), "%s%s\r\n", go, texts[i]);
		rc = answer(texts[i], text, strlen(text), &ask, &got);
		CHECK(rc == WIRE_BAD, "%s: %d", texts[i], rc);
	}
	snprintf(text, sizeof(text),
	    "HTTP/1.0 101 Go\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n");
	rc = answer("HTTP/1.0", text, strlen(text), &ask, &got);
	CHECK(rc == WIRE_BAD, "HTTP/1.0: %d", rc);
	text[7] = '1';
	rc = answer("HTTP/1.1", text, strlen(text), &ask, &got);
	CHECK(rc > 0, "HTTP/1.1: %d", rc);
}

enum {
	KEEP = 1 << 0,
	INTERIM = 1 << 1,
	UPGRADE = 1 << 2,
	OF_HOP = 1 << 3,
	HEAD = 1 << 4, /* it was asked for by HEAD */
	BINDS = 1 << 5
};

struct fact {
	const char *name;
	const char *text;
	int status;
	unsigned int flags;
	enum http_framing framing;
	uint64_t length;
	const char *type;
};

static const struct fact facts[] = {
    {"to the end", OK "\r\n", 200, 0, HTTP_BODY_CLOSE, 0, ""},
    {"length", OK "Content-Length: 05\r\n\r\n", 200, KEEP, HTTP_BODY_LENGTH, 5,
	""},
    {"length at its limit", OK "Content-Length: 9223372036854775807\r\n\r\n",
	200, KEEP, HTTP_BODY_LENGTH, INT64_MAX, ""},
    {"length 0", OK "Content-Length: 0\r\n\r\n", 200, KEEP, HTTP_BODY_NONE, 0,
	""},
    {"chunked", OK "Transfer-Encoding: chunked\r\n\r\n", 200, KEEP,
	HTTP_BODY_CHUNKED, 0, ""},
    {"close", OK "Content-Length: 5\r\nConnection: close\r\n\r\n", 200, 0,
	HTTP_BODY_LENGTH, 5, ""},
    {"close and keep-alive",
	OK "Content-Length: 5\r\nConnection: keep-alive, close\r\n\r\n", 200, 0,
	HTTP_BODY_LENGTH, 5, ""},
    {"HTTP/1.0", OK10 "Content-Length: 5\r\n\r\n", 200, 0, HTTP_BODY_LENGTH, 5,
	""},
    {"HTTP/1.0, keep-alive",
	OK10 "Content-Length: 5\r\nConnection: Keep-Alive\r\n\r\n", 200, KEEP,
	HTTP_BODY_LENGTH, 5, ""},
    {"HTTP/1.0, keep-alive to the end", OK10 "Connection: keep-alive\r\n\r\n",
	200, 0, HTTP_BODY_CLOSE, 0, ""},
    {"no reason", "HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\n", 200, KEEP,
	HTTP_BODY_LENGTH, 5, ""},
    {"neither a reason nor its blank",
	"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n", 200, KEEP,
	HTTP_BODY_LENGTH, 5, ""},

    {"204", "HTTP/1.1 204 No\r\n\r\n", 204, KEEP, HTTP_BODY_NONE, 0, ""},
    {"204 with a length of 0", "HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n",
	204, KEEP, HTTP_BODY_NONE, 0, ""},
    {"204 with a length", "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", 204,
	0, HTTP_BODY_NONE, 0, ""},
    {"204 with a coding",
	"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", 204, 0,
	HTTP_BODY_NONE, 0, ""},
    {"304 with a length", "HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", 304,
	KEEP, HTTP_BODY_NONE, 0, ""},
    {"304 with a coding",
	"HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n", 304, 0,
	HTTP_BODY_NONE, 0, ""},
    {"HEAD", OK "Content-Length: 5\r\n\r\n", 200, KEEP | HEAD, HTTP_BODY_NONE,
	0, ""},
    {"HEAD without a length", OK "\r\n", 200, KEEP | HEAD, HTTP_BODY_NONE, 0,
	""},
    {"HEAD with a coding", OK "Transfer-Encoding: chunked\r\n\r\n", 200,
	KEEP | HEAD, HTTP_BODY_NONE, 0, ""},
    {"HEAD, HTTP/1.0", OK10 "Content-Length: 5\r\n\r\n", 200, HEAD,
	HTTP_BODY_NONE, 0, ""},
    {"205", "HTTP/1.1 205 No\r\nContent-Length: 0\r\n\r\n", 205, KEEP,
	HTTP_BODY_NONE, 0, ""},
    {"100", "HTTP/1.1 100 Continue\r\n\r\n", 100, KEEP | INTERIM,
	HTTP_BODY_NONE, 0, ""},
    {"103", "HTTP/1.1 103 Hints\r\nLink: a\r\nContent-Length: 0\r\n\r\n", 103,
	KEEP | INTERIM, HTTP_BODY_NONE, 0, ""},
    {"101",
	"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n",
	101, UPGRADE, HTTP_BODY_NONE, 0, ""},

    {"type",
	OK "Content-Length: 1\r\ncontent-type: Text/HTML ; charset=A\r\n\r\n",
	200, KEEP, HTTP_BODY_LENGTH, 1, "text/html"},
    {"type without parameters",
	OK "Content-Length: 1\r\nContent-Type: image/svg+xml\r\n\r\n", 200,
	KEEP, HTTP_BODY_LENGTH, 1, "image/svg+xml"},
    {"type without a subtype",
	OK "Content-Length: 1\r\nContent-Type: text\r\n\r\n", 200, KEEP,
	HTTP_BODY_LENGTH, 1, ""},
    {"type with an empty subtype",
	OK "Content-Length: 1\r\nContent-Type: text/;a\r\n\r\n", 200, KEEP,
	HTTP_BODY_LENGTH, 1, ""},
    {"type that is a list",
	OK "Content-Length: 1\r\nContent-Type: a/b, c/d\r\n\r\n", 200, KEEP,
	HTTP_BODY_LENGTH, 1, ""},
    {"type with two slashes",
	OK "Content-Length: 1\r\nContent-Type: a/b/c\r\n\r\n", 200, KEEP,
	HTTP_BODY_LENGTH, 1, ""},
    {"two types",
	OK "Content-Length: 1\r\nContent-Type: a/b\r\nContent-Type: "
	   "a/b\r\n\r\n",
	200, KEEP, HTTP_BODY_LENGTH, 1, ""},

    {"login of the request",
	"HTTP/1.1 401 No\r\nContent-Length: 1\r\n"
	"WWW-Authenticate: Basic realm=\"NTLM\"\r\n\r\n",
	401, KEEP, HTTP_BODY_LENGTH, 1, ""},
    {"login of the connection",
	"HTTP/1.1 401 No\r\nContent-Length: 1\r\n"
	"WWW-Authenticate: Basic realm=\"a\", NTLM\r\n\r\n",
	401, KEEP | BINDS, HTTP_BODY_LENGTH, 1, ""},
    {"login of the connection, second",
	"HTTP/1.1 401 No\r\nContent-Length: 1\r\nWWW-Authenticate: Basic "
	"realm=\"a\"\r\nWWW-Authenticate:Negotiate\r\n\r\n",
	401, KEEP | BINDS, HTTP_BODY_LENGTH, 1, ""},

    {"502", "HTTP/1.1 502 Bad\r\nContent-Length: 1\r\n\r\n", 502, KEEP | OF_HOP,
	HTTP_BODY_LENGTH, 1, ""},
    {"504", "HTTP/1.1 504 Late\r\nContent-Length: 1\r\n\r\n", 504,
	KEEP | OF_HOP, HTTP_BODY_LENGTH, 1, ""},
    {"407", "HTTP/1.1 407 Log in\r\nContent-Length: 1\r\n\r\n", 407,
	KEEP | OF_HOP, HTTP_BODY_LENGTH, 1, ""},
    {"503", "HTTP/1.1 503 No\r\nContent-Length: 1\r\n\r\n", 503, KEEP,
	HTTP_BODY_LENGTH, 1, ""},
    {"503 by squid",
	"HTTP/1.1 503 No\r\nContent-Length: 1\r\n"
	"X-Squid-Error: ERR_CONNECT_FAIL 111\r\n\r\n",
	503, KEEP | OF_HOP, HTTP_BODY_LENGTH, 1, ""},
    {"503 with Proxy-Status",
	"HTTP/1.1 503 No\r\nContent-Length: 1\r\n"
	"Proxy-Status: cagent; error=connection_refused\r\n\r\n",
	503, KEEP | OF_HOP, HTTP_BODY_LENGTH, 1, ""},
    {"503 with Proxy-Status of another sort",
	"HTTP/1.1 503 No\r\nContent-Length: 1\r\n"
	"Proxy-Status: cagent; next-hop=a; xerror=b\r\n\r\n",
	503, KEEP, HTTP_BODY_LENGTH, 1, ""},
    {"500 by squid",
	"HTTP/1.1 500 No\r\nContent-Length: 1\r\nX-Squid-Error: a\r\n\r\n", 500,
	KEEP, HTTP_BODY_LENGTH, 1, ""},
};

static void
test_facts(void)
{
	struct http_answer a;
	const struct fact *f;
	struct http_ask ask;
	unsigned int flags;
	int rc;

	for (f = facts; f < facts + N(facts); f++) {
		ask = asked(
		    (f->flags & HEAD) != 0 ? "HEAD" : "GET", 1, "websocket");
		rc = answer(f->name, f->text, strlen(f->text), &ask, &a);
		CHECK(rc == (int)strlen(f->text) && a.status == f->status,
		    "%s: %d, status %d", f->name, rc, a.status);
		flags = (a.keep_alive ? KEEP : 0) | (a.interim ? INTERIM : 0) |
			(a.upgrade ? UPGRADE : 0) | (a.of_hop ? OF_HOP : 0) |
			(a.binds ? BINDS : 0) | (f->flags & HEAD);
		CHECK(flags == f->flags, "%s: flags %x", f->name, flags);
		CHECK(a.framing == f->framing && a.length == f->length,
		    "%s: framing %d of %llu", f->name, a.framing,
		    (unsigned long long)a.length);
		CHECK(strcmp(a.content_type, f->type) == 0, "%s: type %s",
		    f->name, a.content_type);
	}
}

struct back {
	const char *name;
	const char *method;
	const char *text;
	const char *want11; /* to a client that stays */
	const char *want10; /* NULL: that and a Connection */
};

#define VIA   "Via: 1.1 cagent\r\n"
#define CLOSE "Connection: close\r\n\r\n"

static const struct back backs[] = {
    {"length", "GET", OK "A:1\r\ncontent-length: 05\r\nB: \t2 \r\n\r\n",
	OK "A: 1\r\nContent-Length: 5\r\nB: 2\r\n" VIA "\r\n",
	OK "A: 1\r\nContent-Length: 5\r\nB: 2\r\n" VIA CLOSE},
    {"length 0", "GET", OK "Content-Length: 0\r\n\r\n",
	OK "Content-Length: 0\r\n" VIA "\r\n",
	OK "Content-Length: 0\r\n" VIA CLOSE},
    {"chunked", "GET", OK "Transfer-Encoding: chunked\r\nTrailer: a\r\n\r\n",
	OK "Trailer: a\r\n" VIA "Transfer-Encoding: chunked\r\n\r\n",
	OK "Trailer: a\r\n" VIA CLOSE},
    {"to the end", "GET", OK "Connection: close\r\n\r\n",
	OK VIA "Transfer-Encoding: chunked\r\n\r\n", OK VIA CLOSE},
    {"HTTP/1.0", "GET",
	OK10 "Connection: Keep-Alive\r\nContent-Length: 1\r\n\r\n",
	OK "Content-Length: 1\r\nVia: 1.0 cagent\r\n\r\n",
	OK "Content-Length: 1\r\nVia: 1.0 cagent\r\n" CLOSE},
    {"no reason", "GET", "HTTP/1.1 204\r\n\r\n", "HTTP/1.1 204 \r\n" VIA "\r\n",
	"HTTP/1.1 204 \r\n" VIA CLOSE},
    {"reason", "GET", "HTTP/1.0 204  a \xe4: b \r\n\r\n",
	"HTTP/1.1 204  a \xe4: b \r\nVia: 1.0 cagent\r\n\r\n",
	"HTTP/1.1 204  a \xe4: b \r\nVia: 1.0 cagent\r\n" CLOSE},
    {"204 with a length", "GET", "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n",
	"HTTP/1.1 204 No\r\n" VIA "\r\n", "HTTP/1.1 204 No\r\n" VIA CLOSE},
    {"304 with a length", "GET", "HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n",
	"HTTP/1.1 304 No\r\nContent-Length: 5\r\n" VIA "\r\n",
	"HTTP/1.1 304 No\r\nContent-Length: 5\r\n" VIA CLOSE},
    {"HEAD with a length", "HEAD", OK "Content-Length: 5\r\n\r\n",
	OK "Content-Length: 5\r\n" VIA "\r\n",
	OK "Content-Length: 5\r\n" VIA CLOSE},
    {"HEAD with a coding", "HEAD", OK "Transfer-Encoding: chunked\r\n\r\n",
	OK VIA "\r\n", OK VIA CLOSE},
    {"fields of the hop", "GET",
	OK "Connection: X-Foo\r\nx-foo: a\r\nKeep-Alive: timeout=5\r\n"
	   "Proxy-Authenticate: Basic realm=\"a\"\r\nProxy-Connection: a\r\n"
	   "Proxy-Status: a; error=b\r\nUpgrade: h2c\r\nTE: a\r\n"
	   "WWW-Authenticate: a\r\nContent-Length: 1\r\nVia: 1.0 a\r\n\r\n",
	OK "Proxy-Status: a; error=b\r\nWWW-Authenticate: a\r\n"
	   "Content-Length: 1\r\nVia: 1.0 a\r\n" VIA "\r\n",
	OK "Proxy-Status: a; error=b\r\nWWW-Authenticate: a\r\n"
	   "Content-Length: 1\r\nVia: 1.0 a\r\n" VIA CLOSE},
    {"our credentials echoed", "GET",
	OK "Proxy-Authorization: Basic ZnJlZDpzZWNyZXQ=\r\nA: b\r\n"
	   "proxy-authorization:Basic ZnJlZDpzZWNyZXQ=\r\n"
	   "Content-Length: 1\r\n\r\n",
	OK "A: b\r\nContent-Length: 1\r\n" VIA "\r\n",
	OK "A: b\r\nContent-Length: 1\r\n" VIA CLOSE},
    {"interim", "GET",
	"HTTP/1.1 103 Hints\r\nLink: a\r\nContent-Length: 0\r\n"
	"Connection: close\r\n\r\n",
	"HTTP/1.1 103 Hints\r\nLink: a\r\n" VIA "\r\n", ""},
    {"upgrade", "GET",
	"HTTP/1.1 101 Go\r\nConnection: keep-alive, Upgrade\r\n"
	"Upgrade: websocket\r\nSec-WebSocket-Accept: a\r\n\r\n",
	"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: a\r\n" VIA
	"Connection: Upgrade\r\n\r\n",
	NULL},
    {"426", "GET",
	"HTTP/1.1 426 Go\r\nConnection: Upgrade\r\nUpgrade: a\r\n"
	"Content-Length: 0\r\n\r\n",
	"HTTP/1.1 426 Go\r\nUpgrade: a\r\nContent-Length: 0\r\n" VIA
	"Connection: Upgrade\r\n\r\n",
	"HTTP/1.1 426 Go\r\nUpgrade: a\r\nContent-Length: 0\r\n" VIA
	"Connection: close, Upgrade\r\n\r\n"},
};

static void
back_check(const struct back *b, uint8_t minor, const char *want)
{
	struct http_ask ask = asked(b->method, minor, "websocket");
	struct http_back how = {.minor = minor, .keep_alive = minor > 0};
	size_t len = strlen(b->text), want_len = strlen(want);
	struct http_answer a;
	uint8_t out[2048];
	int rc;

	rc = answer(b->name, b->text, len, &ask, &a);
	CHECK(rc == (int)len, "%s: %d", b->name, rc);
	how.framing = http_back_framing(&ask, &a);
	rc = http_answer_encode(
	    &a, (const uint8_t *)b->text, len, &how, out, sizeof(out) - 1);
	CHECK(rc == (int)want_len, "%s: %d bytes, not %zu", b->name, rc,
	    want_len);
	CHECK(rc <= (int)len + HTTP_ONWARD_EXTRA, "%s: %d bytes", b->name, rc);
	if (rc <= 0)
		return;
	out[rc] = '\0';
	CHECK(strcmp((char *)out, want) == 0, "%s: %s", b->name, (char *)out);
	rc = http_answer_encode(
	    &a, (const uint8_t *)b->text, len, &how, out, want_len);
	CHECK(rc == (int)want_len, "%s: %d in as much room", b->name, rc);
	rc = http_answer_encode(
	    &a, (const uint8_t *)b->text, len, &how, out, want_len - 1);
	CHECK(rc == WIRE_BAD, "%s: %d in too little room", b->name, rc);
}

static void
test_back(void)
{
	const struct back *b;

	for (b = backs; b < backs + N(backs); b++) {
		back_check(b, 1, b->want11);
		if (b->want10 != NULL)
			back_check(b, 0, b->want10);
	}
}

/* A client whose connection closes, and one of HTTP/1.0 whose stays. */
static void
test_back_connection(void)
{
	static const char text[] = OK "Content-Length: 1\r\n\r\n";
	struct http_back how = {.minor = 1, .framing = HTTP_BODY_LENGTH};
	struct http_ask ask = asked("GET", 1, "");
	struct http_answer a;
	uint8_t out[256];
	int rc;

	answer("text", text, strlen(text), &ask, &a);
	rc = http_answer_encode(&a, (const uint8_t *)text, strlen(text), &how,
	    out, sizeof(out) - 1);
	out[rc > 0 ? rc : 0] = '\0';
	CHECK_STR((char *)out, OK "Content-Length: 1\r\n" VIA CLOSE);
	how.minor = 0;
	how.keep_alive = true;
	rc = http_answer_encode(&a, (const uint8_t *)text, strlen(text), &how,
	    out, sizeof(out) - 1);
	out[rc > 0 ? rc : 0] = '\0';
	CHECK_STR((char *)out,
	    OK "Content-Length: 1\r\n" VIA "Connection: keep-alive\r\n\r\n");
}

static void
check_limit(const char *name, char *text, size_t len, const char *end, int want)
{
	struct http_ask ask = asked("GET", 1, "");
	struct http_answer a;
	int rc;

	memcpy(text + len - strlen(end), end, strlen(end));
	rc = answer(name, text, len, &ask, &a);
	CHECK(rc == want, "%s: %d", name, rc);
}

static void
test_limits(void)
{
	static char text[65536];
	struct http_ask ask = asked("GET", 1, "");
	struct http_answer a;
	size_t i, n, scanned = 0;
	int rc;

	memset(text, 'a', sizeof(text));
	memcpy(text, "HTTP/1.1 200 ", 13);
	check_limit("head at its limit", text, HTTP_RESPONSE_MAX, "\r\n\r\n",
	    HTTP_RESPONSE_MAX);
	memset(text + 13, 'a', sizeof(text) - 13);
	check_limit(
	    "head too long", text, HTTP_RESPONSE_MAX + 1, "\r\n\r\n", WIRE_BAD);
	memset(text + 13, 'a', sizeof(text) - 13);
	check_limit(
	    "64 KiB status text", text, sizeof(text), "\r\n\r\n", WIRE_BAD);

	n = (size_t)snprintf(text, sizeof(text), OK);
	for (i = 0; i < HTTP_HEADERS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "a:b\r\n");
	check_limit("100 fields", text, n + 2, "\r\n", (int)n + 2);
	check_limit("101 fields", text, n + 7, "a:b\r\n\r\n", WIRE_BAD);

	rc = http_answer_decode(
	    (const uint8_t *)OK "A: b\r\n", strlen(OK) + 6, &scanned, &ask, &a);
	CHECK(rc == WIRE_MORE, "no final CR LF: %d", rc);
}

static const struct unit_case cases[] = {
    {"refused", test_bad},
    {"upgrades refused", test_bad_upgrade},
    {"facts", test_facts},
    {"back", test_back},
    {"back, the connection", test_back_connection},
    {"limits", test_limits},
};

UNIT_MAIN("http_answer", cases)
