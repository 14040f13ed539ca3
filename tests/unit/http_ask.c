/* Tests requests that are passed on: what is refused, and what goes on. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "wire/http_message.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

#define GET   "GET http://www.example/ HTTP/1.1\r\nHost: www.example\r\n"
#define POST  "POST http://www.example/ HTTP/1.1\r\nHost: www.example\r\n"
#define TRACE "TRACE http://www.example/ HTTP/1.1\r\nHost: www.example\r\n"

struct bad {
	const char *name;
	const char *text;
	int status;
	size_t len; /* 0: strlen(text) */
};

#define WITH_NUL(name, s, status)              \
	{                                      \
		name, s, status, sizeof(s) - 1 \
	}

static const struct bad bads[] = {
    /* The request line. */
    {"no method", " http://www.example/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, 0},
    {"empty line first", "\r\n" GET "\r\n", 400, 0},
    {"no target", "GET HTTP/1.1\r\nHost: x\r\n\r\n", 400, 0},
    {"bare LF after the request line",
	"GET http://www.example/ HTTP/1.1\nHost: x\r\n\r\n", 400, 0},
    {"bare LF everywhere", "GET http://www.example/ HTTP/1.1\nHost: x\n\n", 400,
	0},
    {"HTTP/0.9", "GET http://www.example/\r\n\r\n", 400, 0},
    {"HTTP/0.9 with a version",
	"GET http://www.example/ HTTP/0.9\r\nHost: x\r\n\r\n", 505, 0},
    {"HTTP/2.0", "GET http://www.example/ HTTP/2.0\r\nHost: x\r\n\r\n", 505, 0},
    {"# in the target", "GET http://www.example/#a HTTP/1.0\r\n\r\n", 400, 0},
    {"# in the authority", "GET http://www.example#a HTTP/1.0\r\n\r\n", 400, 0},
    {"blank in the target", "GET http://www.example/a b HTTP/1.0\r\n\r\n", 400,
	0},
    {"userinfo", "GET http://u:p@www.example/ HTTP/1.0\r\n\r\n", 400, 0},
    {"userinfo, empty", "GET http://@www.example/ HTTP/1.0\r\n\r\n", 400, 0},
    {"backslash for the end of a host",
	"GET http://www.example\\@a.example/ HTTP/1.0\r\n\r\n", 400, 0},
    {"port overflow", "GET http://www.example:65536/ HTTP/1.0\r\n\r\n", 400, 0},
    {"port overflow to 80", "GET http://www.example:65616/ HTTP/1.0\r\n\r\n",
	400, 0},
    {"port +80", "GET http://www.example:+80/ HTTP/1.0\r\n\r\n", 400, 0},
    {"port 0", "GET http://www.example:0/ HTTP/1.0\r\n\r\n", 400, 0},
    {"ftp://", "GET ftp://www.example/ HTTP/1.0\r\n\r\n", 501, 0},
    {"https://", "GET https://www.example/ HTTP/1.0\r\n\r\n", 501, 0},
    {"ws://", "GET ws://www.example/ HTTP/1.0\r\n\r\n", 501, 0},
    {"CONNECT without a port", "CONNECT www.example HTTP/1.0\r\n\r\n", 400, 0},
    {"IPv6 without brackets", "GET http://2001:db8::1/ HTTP/1.0\r\n\r\n", 400,
	0},
    {"IPv6 with a zone", "GET http://[fe80::1%25lo]/ HTTP/1.0\r\n\r\n", 400, 0},
    {"number for a host", "GET http://2130706433/ HTTP/1.0\r\n\r\n", 400, 0},
    {"no host", "GET http:///a HTTP/1.0\r\n\r\n", 400, 0},
    {"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 405, 0},
    {"unknown method", "BREW http://www.example/ HTTP/1.0\r\n\r\n", 501, 0},
    {"CR LF in the target",
	"GET http://www.example/\r\nA: b HTTP/1.1\r\nHost: x\r\n\r\n", 400, 0},
    WITH_NUL(
	"NUL in the target", "GET http://www.example/\0 HTTP/1.0\r\n\r\n", 400),

    /* Host. */
    {"no Host", "GET http://www.example/ HTTP/1.1\r\n\r\n", 400, 0},
    {"two Hosts", GET "Host: www.example\r\n\r\n", 400, 0},
    {"authority differing from Host, CONNECT",
	"CONNECT www.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", 400,
	0},
    {"Host with userinfo",
	"GET http://www.example/ HTTP/1.1\r\nHost: u@www.example\r\n\r\n", 400,
	0},
    {"Host with a path",
	"GET http://www.example/ HTTP/1.1\r\nHost: www.example/a\r\n\r\n", 400,
	0},
    {"Host with a blank",
	"GET http://www.example/ HTTP/1.1\r\nHost: www.example a\r\n\r\n", 400,
	0},

    /* Fields. */
    {"empty name", GET ": a\r\n\r\n", 400, 0},
    {"no colon", GET "abc\r\n\r\n", 400, 0},
    {"space before the colon", GET "A : b\r\n\r\n", 400, 0},
    {"space before the colon of a length", POST "Content-Length : 5\r\n\r\n",
	400, 0},
    {"tab before the colon of a coding",
	POST "Transfer-Encoding\t: chunked\r\n\r\n", 400, 0},
    {"blank before a name",
	"GET http://www.example/ HTTP/1.1\r\n Host: x\r\n\r\n", 400, 0},
    {"obs-fold", GET "A: b\r\n c\r\n\r\n", 400, 0},
    {"obs-fold by a tab", GET "A: b\r\n\tc\r\n\r\n", 400, 0},
    {"obs-fold of a coding", POST "Transfer-Encoding:\r\n chunked\r\n\r\n", 400,
	0},
    {"bare LF after a field", GET "A: b\nC: d\r\n\r\n", 400, 0},
    {"bare LF at the end", GET "\n", 400, 0},
    {"bare CR in a field", GET "A: b\rC: d\r\n\r\n", 400, 0},
    {"CR CR LF", GET "A: b\r\r\n\r\n", 400, 0},
    WITH_NUL("NUL in a field", GET "A: b\0c\r\n\r\n", 400),
    WITH_NUL("NUL in a name", GET "A\0: b\r\n\r\n", 400),
    {"VT before a coding", POST "Transfer-Encoding:\vchunked\r\n\r\n", 400, 0},

    /* Framing. */
    {"empty Content-Length", POST "Content-Length:\r\n\r\n", 400, 0},
    {"Content-Length: +5", POST "Content-Length: +5\r\n\r\n", 400, 0},
    {"Content-Length: -5", POST "Content-Length: -5\r\n\r\n", 400, 0},
    {"Content-Length: -0", POST "Content-Length: -0\r\n\r\n", 400, 0},
    {"Content-Length: 0x5", POST "Content-Length: 0x5\r\n\r\n", 400, 0},
    {"Content-Length: 5,5", POST "Content-Length: 5,5\r\n\r\n", 400, 0},
    {"Content-Length: 5 5", POST "Content-Length: 5 5\r\n\r\n", 400, 0},
    {"Content-Length: 5.0", POST "Content-Length: 5.0\r\n\r\n", 400, 0},
    {"Content-Length: 5;a", POST "Content-Length: 5;a\r\n\r\n", 400, 0},
    {"Content-Length of 2^63",
	POST "Content-Length: 9223372036854775808\r\n\r\n", 400, 0},
    {"Content-Length over 2^64",
	POST "Content-Length: 18446744073709551621\r\n\r\n", 400, 0},
    {"duplicate Content-Length",
	POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400, 0},
    {"duplicate Content-Length, the same",
	POST "Content-Length: 5\r\ncontent-length: 5\r\n\r\n", 400, 0},
    {"duplicate Content-Length, of 0",
	POST "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400, 0},
    {"CL with TE",
	POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 0},
    {"TE with CL",
	POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400, 0},
    {"TE with CL of 0",
	POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400, 0},
    {"CL of 0 with TE",
	POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 0},
    {"duplicate TE",
	POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: "
	     "chunked\r\n\r\n",
	400, 0},
    {"TE, then another",
	POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: "
	     "identity\r\n\r\n",
	400, 0},
    {"TE not chunked", POST "Transfer-Encoding: gzip\r\n\r\n", 400, 0},
    {"TE identity", POST "Transfer-Encoding: identity\r\n\r\n", 400, 0},
    {"TE xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n", 400, 0},
    {"TE chunkedx", POST "Transfer-Encoding: chunkedx\r\n\r\n", 400, 0},
    {"TE empty", POST "Transfer-Encoding:\r\n\r\n", 400, 0},
    {"TE of commas", POST "Transfer-Encoding: ,\r\n\r\n", 400, 0},
    {"TE with a comma before it", POST "Transfer-Encoding: ,chunked\r\n\r\n",
	400, 0},
    {"TE with a comma after it", POST "Transfer-Encoding: chunked,\r\n\r\n",
	400, 0},
    {"TE chunked, not final", POST "Transfer-Encoding: chunked, gzip\r\n\r\n",
	400, 0},
    {"TE chunked twice", POST "Transfer-Encoding: chunked, chunked\r\n\r\n",
	400, 0},
    {"TE with a parameter", POST "Transfer-Encoding: chunked;a=b\r\n\r\n", 400,
	0},
    {"TE in quotes", POST "Transfer-Encoding: \"chunked\"\r\n\r\n", 400, 0},
    {"TE of another coding", POST "Transfer-Encoding: gzip, chunked\r\n\r\n",
	501, 0},
    {"TE in HTTP/1.0",
	"POST http://www.example/ HTTP/1.0\r\nTransfer-Encoding: "
	"chunked\r\n\r\n",
	400, 0},
    {"TRACE with a content", TRACE "Content-Length: 5\r\n\r\n", 400, 0},
    {"CONNECT with a content",
	"CONNECT www.example:1 HTTP/1.0\r\nContent-Length: 5\r\n\r\n", 400, 0},

    /* The hop. */
    {"Connection: connection", GET "Connection: connection\r\n\r\n", 400, 0},
    {"Connection: close, CONNECTION",
	GET "Connection: close, CONNECTION\r\n\r\n", 400, 0},
    {"Connection naming Host", GET "Connection: Host\r\n\r\n", 400, 0},
    {"Connection naming the length",
	POST "Content-Length: 5\r\nConnection: Content-Length\r\n\r\n", 400, 0},
    {"Connection naming the coding",
	POST "Connection: Transfer-Encoding\r\n\r\n", 400, 0},
    {"Connection naming auth headers", GET "Connection: Authorization\r\n\r\n",
	400, 0},
    {"Connection naming the proxy's auth",
	GET "Connection: close ,\tproxy-authorization\r\n\r\n", 400, 0},
    {"Connection naming Cookie", GET "Connection: Cookie\r\n\r\n", 400, 0},
    {"Connection naming Via", GET "Connection: Via\r\n\r\n", 400, 0},
    {"Connection naming Max-Forwards", GET "Connection: Max-Forwards\r\n\r\n",
	400, 0},
    {"Connection naming it in a second line",
	GET "Connection: close\r\nConnection: Host\r\n\r\n", 400, 0},
    {"Connection with no token", GET "Connection: a b\r\n\r\n", 400, 0},
    {"Connection with quotes", GET "Connection: \"close\"\r\n\r\n", 400, 0},
    {"Connection with 33 options",
	GET "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,"
	    "0,1,2,3,4,5,6\r\n\r\n",
	431, 0},
    {"Expect of something else", POST "Expect: 200-ok\r\n\r\n", 417, 0},
    {"Expect of something more", POST "Expect: 100-continue, a\r\n\r\n", 417,
	0},
    {"Max-Forwards: -1", TRACE "Max-Forwards: -1\r\n\r\n", 400, 0},
    {"Max-Forwards: a", TRACE "Max-Forwards: a\r\n\r\n", 400, 0},
    {"Max-Forwards, empty", TRACE "Max-Forwards:\r\n\r\n", 400, 0},
    {"two Max-Forwards", TRACE "Max-Forwards: 1\r\nMax-Forwards: 2\r\n\r\n",
	400, 0},
    {"two logins",
	GET "Proxy-Authorization: Basic Og==\r\n"
	    "Proxy-Authorization: Basic Og==\r\n\r\n",
	400, 0},
};

/* Whole, byte by byte with one *scanned, and with other bytes behind it: the
 * same end. */
static int
ask(const char *name, const char *text, size_t len, struct http_ask *out,
    int *status)
{
	static const char tail[] = "\r\n\r\nGET http://a/ HTTP/1.1\r\n\r\n";
	struct http_ask again;
	int rc, again_rc = WIRE_MORE, again_status = -1;
	uint8_t *copy = malloc(len + sizeof(tail));
	size_t n, scanned = 0;

	memcpy(copy, text, len);
	memcpy(copy + len, tail, sizeof(tail));
	rc = http_ask_decode(copy, len, &scanned, out, status);
	scanned = 0;
	for (n = 0; n <= len && again_rc == WIRE_MORE; n++) {
		again_rc =
		    http_ask_decode(copy, n, &scanned, &again, &again_status);
		CHECK(again_rc == WIRE_MORE || rc == WIRE_BAD || n == len,
		    "%s: cut at %zu: %d", name, n, again_rc);
	}
	CHECK(again_rc == rc && again_status == *status,
	    "%s: %d with %d, but byte by byte %d with %d", name, rc, *status,
	    again_rc, again_status);
	CHECK(memcmp(&again, out, sizeof(again)) == 0,
	    "%s: otherwise byte by byte", name);
	scanned = 0;
	again_rc = http_ask_decode(
	    copy, len + sizeof(tail), &scanned, &again, &again_status);
	CHECK(again_rc == rc && again_status == *status &&
		  memcmp(&again, out, sizeof(again)) == 0,
	    "%s: %d with %d, but with trailing data %d with %d", name, rc,
	    *status, again_rc, again_status);
	free(copy);
	return rc;
}

static void
test_bad(void)
{
	static const struct http_ask zero;
	struct http_ask got;
	const struct bad *b;
	int rc, status;

	for (b = bads; b < bads + N(bads); b++) {
		rc = ask(b->name, b->text,
		    b->len != 0 ? b->len : strlen(b->text), &got, &status);
		CHECK(rc == WIRE_BAD && status == b->status,
		    "%s: %d with status %d, not %d", b->name, rc, status,
		    b->status);
		CHECK(memcmp(&got, &zero, sizeof(got)) == 0,
		    "%s: out was filled", b->name);
	}
}

enum {
	KEEP = 1 << 0,
	SAFE = 1 << 1,
	IDEM = 1 << 2,
	CONT = 1 << 3, /* expects 100 */
	TRAILERS = 1 << 4,
	BINDS = 1 << 5
};

struct fact {
	const char *name;
	const char *text;
	const char *path;
	unsigned int flags;
	enum http_framing framing;
	uint64_t length;
	const char *upgrade;
	int64_t max_forwards;
	uint32_t vias_n;
};

#define SAFELY (KEEP | SAFE | IDEM)

static const struct fact facts[] = {
    {"plain", GET "\r\n", "/", SAFELY, HTTP_BODY_NONE, 0, "", -1, 0},
    {"HTTP/1.0", "GET http://www.example/a?b HTTP/1.0\r\n\r\n", "/a",
	SAFE | IDEM, HTTP_BODY_NONE, 0, "", -1, 0},
    {"HTTP/1.0, keep-alive",
	"GET http://www.example/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	"/", SAFE | IDEM, HTTP_BODY_NONE, 0, "", -1, 0},
    {"no path", "HEAD http://www.example HTTP/1.1\r\nHost: x\r\n\r\n", "",
	SAFELY, HTTP_BODY_NONE, 0, "", -1, 0},
    {"no path but a query",
	"GET http://www.example?/a HTTP/1.1\r\nHost: x\r\n\r\n", "", SAFELY,
	HTTP_BODY_NONE, 0, "", -1, 0},
    {"close", GET "Connection: Close\r\n\r\n", "/", SAFE | IDEM, HTTP_BODY_NONE,
	0, "", -1, 0},
    {"close in a list", GET "Connection: a,\t,keep-alive , close\r\n\r\n", "/",
	SAFE | IDEM, HTTP_BODY_NONE, 0, "", -1, 0},
    {"Proxy-Connection says nothing", GET "Proxy-Connection: close\r\n\r\n",
	"/", SAFELY, HTTP_BODY_NONE, 0, "", -1, 0},
    {"length", POST "Content-Length: 5\r\n\r\n", "/", KEEP, HTTP_BODY_LENGTH, 5,
	"", -1, 0},
    {"length with zeros and blanks", POST "Content-Length:\t 0005 \r\n\r\n",
	"/", KEEP, HTTP_BODY_LENGTH, 5, "", -1, 0},
    {"length 0", POST "Content-Length: 0\r\n\r\n", "/", KEEP, HTTP_BODY_NONE, 0,
	"", -1, 0},
    {"length at its limit", POST "Content-Length: 9223372036854775807\r\n\r\n",
	"/", KEEP, HTTP_BODY_LENGTH, INT64_MAX, "", -1, 0},
    {"chunked", POST "transfer-encoding:  CHUNKED \r\n\r\n", "/", KEEP,
	HTTP_BODY_CHUNKED, 0, "", -1, 0},
    {"GET with a content", GET "Content-Length: 5\r\n\r\n", "/", SAFELY,
	HTTP_BODY_LENGTH, 5, "", -1, 0},
    {"PUT", "PUT http://[2001:db8::1]:8080/a/b HTTP/1.1\r\nHost: x\r\n\r\n",
	"/a/b", KEEP | IDEM, HTTP_BODY_NONE, 0, "", -1, 0},
    {"Expect", POST "Content-Length: 5\r\nExpect: 100-Continue\r\n\r\n", "/",
	KEEP | CONT, HTTP_BODY_LENGTH, 5, "", -1, 0},
    {"Expect without a content", POST "Expect: 100-continue\r\n\r\n", "/", KEEP,
	HTTP_BODY_NONE, 0, "", -1, 0},
    {"Expect in HTTP/1.0",
	"POST http://www.example/ HTTP/1.0\r\nContent-Length: 5\r\n"
	"Expect: 100-continue\r\n\r\n",
	"/", 0, HTTP_BODY_LENGTH, 5, "", -1, 0},
    {"TE", GET "Connection: TE\r\nTE: gzip;q=0.5, trailers\r\n\r\n", "/",
	SAFELY | TRAILERS, HTTP_BODY_NONE, 0, "", -1, 0},
    {"TE without trailers", GET "TE: gzip, xtrailers\r\n\r\n", "/", SAFELY,
	HTTP_BODY_NONE, 0, "", -1, 0},
    {"upgrade",
	GET "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
	"/", SAFELY, HTTP_BODY_NONE, 0, "websocket", -1, 0},
    {"upgrade to one of two",
	GET "Connection: upgrade\r\nUpgrade: foo/1.2, websocket\r\n\r\n", "/",
	SAFELY, HTTP_BODY_NONE, 0, "foo/1.2, websocket", -1, 0},
    {"upgrade that Connection does not name", GET "Upgrade: websocket\r\n\r\n",
	"/", SAFELY, HTTP_BODY_NONE, 0, "", -1, 0},
    {"upgrade to h2c",
	GET "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
	    "HTTP2-Settings: a\r\n\r\n",
	"/", SAFELY, HTTP_BODY_NONE, 0, "", -1, 0},
    {"upgrade to h2c, second",
	GET "Connection: Upgrade\r\nUpgrade: websocket, H2C\r\n\r\n", "/",
	SAFELY, HTTP_BODY_NONE, 0, "", -1, 0},
    {"upgrade to TLS", GET "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n\r\n",
	"/", SAFELY, HTTP_BODY_NONE, 0, "", -1, 0},
    {"upgrade to no protocol",
	GET "Connection: Upgrade\r\nUpgrade: a b\r\n\r\n", "/", SAFELY,
	HTTP_BODY_NONE, 0, "", -1, 0},
    {"two upgrades",
	GET "Connection: Upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n\r\n", "/",
	SAFELY, HTTP_BODY_NONE, 0, "", -1, 0},
    {"upgrade with a content",
	POST "Connection: Upgrade\r\nUpgrade: a\r\nContent-Length: 1\r\n\r\n",
	"/", KEEP, HTTP_BODY_LENGTH, 1, "", -1, 0},
    {"upgrade in HTTP/1.0",
	"GET http://www.example/ HTTP/1.0\r\nConnection: Upgrade\r\n"
	"Upgrade: a\r\n\r\n",
	"/", SAFE | IDEM, HTTP_BODY_NONE, 0, "", -1, 0},
    {"Max-Forwards", TRACE "Max-Forwards: 010\r\n\r\n", "/", SAFELY,
	HTTP_BODY_NONE, 0, "", 10, 0},
    {"Max-Forwards: 0",
	"OPTIONS http://www.example HTTP/1.1\r\nHost: x\r\n"
	"max-forwards: 0\r\n\r\n",
	"", SAFELY, HTTP_BODY_NONE, 0, "", 0, 0},
    {"Max-Forwards of another method", GET "Max-Forwards: a\r\n\r\n", "/",
	SAFELY, HTTP_BODY_NONE, 0, "", -1, 0},
    {"Via", GET "Via: 1.1 cagent\r\n\r\n", "/", SAFELY, HTTP_BODY_NONE, 0, "",
	-1, 1},
    {"Vias",
	GET "Via: 1.0 a, HTTP/1.1\tCAGENT (x), 1.1 cagent(y)\r\n"
	    "Via: 1.1 b, 1.1 cagent\r\n\r\n",
	"/", SAFELY, HTTP_BODY_NONE, 0, "", -1, 3},
    {"Via behind what is not closed", GET "Via: 1.1 a (, 1.1 cagent\r\n\r\n",
	"/", SAFELY, HTTP_BODY_NONE, 0, "", -1, 1},
    {"login of the request", GET "Authorization: Basic NTLM\r\n\r\n", "/",
	SAFELY, HTTP_BODY_NONE, 0, "", -1, 0},
    {"login of the connection", GET "authorization:NTLM\tabc=\r\n\r\n", "/",
	SAFELY | BINDS, HTTP_BODY_NONE, 0, "", -1, 0},
    {"login of the connection, in any case",
	GET "Authorization:  negotiate abc=\r\n\r\n", "/", SAFELY | BINDS,
	HTTP_BODY_NONE, 0, "", -1, 0},
    {"Vias of others",
	GET "Via: 1.1 cagent.example, 1.1 xcagent, cagent, 1.1 a cagent, "
	    "1.1\r\n\r\n",
	"/", SAFELY, HTTP_BODY_NONE, 0, "", -1, 0},
};

static unsigned int
flags_of(const struct http_ask *a)
{
	return (a->keep_alive ? KEEP : 0) | (a->safe ? SAFE : 0) |
	       (a->idempotent ? IDEM : 0) | (a->expects_continue ? CONT : 0) |
	       (a->trailers ? TRAILERS : 0) | (a->binds ? BINDS : 0);
}

static void
test_facts(void)
{
	const struct fact *f;
	struct http_ask a;
	int rc, status;

	for (f = facts; f < facts + N(facts); f++) {
		rc = ask(f->name, f->text, strlen(f->text), &a, &status);
		CHECK(rc == (int)strlen(f->text), "%s: %d, status %d", f->name,
		    rc, status);
		CHECK(flags_of(&a) == f->flags, "%s: flags %x", f->name,
		    flags_of(&a));
		CHECK(a.framing == f->framing && a.length == f->length,
		    "%s: framing %d of %llu", f->name, a.framing,
		    (unsigned long long)a.length);
		CHECK(a.path_len == strlen(f->path) &&
			  memcmp(a.request.target + a.path_at, f->path,
			      a.path_len) == 0,
		    "%s: path at %u of %u", f->name, a.path_at, a.path_len);
		CHECK(strcmp(a.upgrade, f->upgrade) == 0, "%s: upgrade %s",
		    f->name, a.upgrade);
		CHECK(a.max_forwards == f->max_forwards,
		    "%s: Max-Forwards %lld", f->name,
		    (long long)a.max_forwards);
		CHECK(
		    a.vias_n == f->vias_n, "%s: %u in Via", f->name, a.vias_n);
	}
}

static void
test_words(void)
{
	char text[1024];
	struct http_ask a;
	int rc, status;

	snprintf(text, sizeof(text),
	    GET "Accept:  text/html, */*;q=0.1 \r\nAccept: b\r\n"
		"Sec-Fetch-Dest: document\r\n\r\n");
	rc = ask("words", text, strlen(text), &a, &status);
	CHECK(rc > 0, "%d", status);
	CHECK_STR(a.accept, "text/html, */*;q=0.1");
	CHECK_STR(a.fetch_dest, "document");

	snprintf(text, sizeof(text),
	    GET "Accept: %0200d\r\nSec-Fetch-Dest: %0100d\r\n\r\n", 0, 0);
	rc = ask("long", text, strlen(text), &a, &status);
	CHECK(rc > 0, "%d", status);
	CHECK_INT(strlen(a.accept), HTTP_TYPE_MAX);
	CHECK_INT(strlen(a.fetch_dest), sizeof(a.fetch_dest) - 1);
}

struct onward {
	const char *name;
	const char *text;
	const char *direct; /* the fields after Host up to Via */
	struct {
		const char *direct, *proxy;
	} line;
	const char *host;
	const char *last; /* from Via on */
};

#define CLOSE "Connection: close\r\n\r\n"
#define VIA   "Via: 1.1 cagent\r\n"

static const struct onward onwards[] = {
    {"plain", GET "\r\n", "",
	{"GET / HTTP/1.1", "GET http://www.example/ HTTP/1.1"}, "www.example",
	VIA CLOSE},
    {"HTTP/1.0 without Host", "GET http://www.example/a HTTP/1.0\r\n\r\n", "",
	{"GET /a HTTP/1.1", "GET http://www.example/a HTTP/1.1"}, "www.example",
	"Via: 1.0 cagent\r\n" CLOSE},
    {"authority differing from Host",
	"GET HTTP://WWW.Example.:80/A?B=%0d%0aC HTTP/1.1\r\n"
	"Host: evil.example\r\n\r\n",
	"",
	{"GET /A?B=%0d%0aC HTTP/1.1",
	    "GET http://www.example/A?B=%0d%0aC HTTP/1.1"},
	"www.example", VIA CLOSE},
    {"port and IPv6",
	"GET http://[2001:DB8::1]:8080/ HTTP/1.1\r\nHost: x\r\n\r\n", "",
	{"GET / HTTP/1.1", "GET http://[2001:db8::1]:8080/ HTTP/1.1"},
	"[2001:db8::1]:8080", VIA CLOSE},
    {"port 8080 is not 80",
	"GET http://www.example:8080/ HTTP/1.1\r\nHost: x\r\n\r\n", "",
	{"GET / HTTP/1.1", "GET http://www.example:8080/ HTTP/1.1"},
	"www.example:8080", VIA CLOSE},
    {"no path", "GET http://www.example HTTP/1.1\r\nHost: x\r\n\r\n", "",
	{"GET / HTTP/1.1", "GET http://www.example/ HTTP/1.1"}, "www.example",
	VIA CLOSE},
    {"no path but a query",
	"OPTIONS http://www.example?a HTTP/1.1\r\nHost: x\r\n\r\n", "",
	{"OPTIONS /?a HTTP/1.1", "OPTIONS http://www.example/?a HTTP/1.1"},
	"www.example", VIA CLOSE},
    {"OPTIONS of the server",
	"OPTIONS http://www.example HTTP/1.1\r\nHost: x\r\n\r\n", "",
	{"OPTIONS * HTTP/1.1", "OPTIONS http://www.example HTTP/1.1"},
	"www.example", VIA CLOSE},
    {"fields as they stood",
	GET "b: 2\r\nA:1\r\nHost-Name: x\r\nA: \xe4 , \t; \r\nX-Empty:\r\n\r\n",
	"b: 2\r\nA: 1\r\nHost-Name: x\r\nA: \xe4 , \t;\r\nX-Empty: \r\n",
	{"GET / HTTP/1.1", "GET http://www.example/ HTTP/1.1"}, "www.example",
	VIA CLOSE},
    {"fields of the hop",
	GET "Connection: X-Foo, keep-alive\r\nx-foo: a\r\nA: b\r\n"
	    "Keep-Alive: timeout=5\r\nTE: gzip\r\nUpgrade: websocket\r\n"
	    "Proxy-Connection: keep-alive\r\nProxy-Foo: a\r\n"
	    "Connection: x-bar\r\nX-Bar: b\r\nTrailer: c\r\n\r\n",
	"A: b\r\nTrailer: c\r\n",
	{"GET / HTTP/1.1", "GET http://www.example/ HTTP/1.1"}, "www.example",
	VIA CLOSE},
    {"a login is not passed on",
	GET "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"
	    "Authorization: Basic Og==\r\n\r\n",
	"Authorization: Basic Og==\r\n",
	{"GET / HTTP/1.1", "GET http://www.example/ HTTP/1.1"}, "www.example",
	VIA CLOSE},
    {"Via of others", GET "Via: 1.0 a\r\nA: b\r\n\r\n",
	"Via: 1.0 a\r\nA: b\r\n",
	{"GET / HTTP/1.1", "GET http://www.example/ HTTP/1.1"}, "www.example",
	VIA CLOSE},
    {"length", POST "content-length:05\r\nExpect: 100-continue\r\n\r\n",
	"Content-Length: 5\r\n",
	{"POST / HTTP/1.1", "POST http://www.example/ HTTP/1.1"}, "www.example",
	VIA "Expect: 100-continue\r\n" CLOSE},
    {"length 0", POST "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n",
	"Content-Length: 0\r\n",
	{"POST / HTTP/1.1", "POST http://www.example/ HTTP/1.1"}, "www.example",
	VIA CLOSE},
    {"chunked", POST "Transfer-Encoding: Chunked\r\nA: b\r\n\r\n", "A: b\r\n",
	{"POST / HTTP/1.1", "POST http://www.example/ HTTP/1.1"}, "www.example",
	VIA "Transfer-Encoding: chunked\r\n" CLOSE},
    {"upgrade and trailers",
	GET "Connection: Upgrade, TE\r\nUpgrade: websocket\r\nTE: trailers\r\n"
	    "Sec-WebSocket-Key: a\r\n\r\n",
	"Sec-WebSocket-Key: a\r\n",
	{"GET / HTTP/1.1", "GET http://www.example/ HTTP/1.1"}, "www.example",
	VIA "Connection: close, TE, Upgrade\r\nTE: trailers\r\n"
	    "Upgrade: websocket\r\n\r\n"},
    {"upgrade to h2c",
	GET "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
	    "HTTP2-Settings: a\r\n\r\n",
	"", {"GET / HTTP/1.1", "GET http://www.example/ HTTP/1.1"},
	"www.example", VIA CLOSE},
    {"Max-Forwards", TRACE "Max-Forwards: 10\r\n\r\n", "Max-Forwards: 9\r\n",
	{"TRACE / HTTP/1.1", "TRACE http://www.example/ HTTP/1.1"},
	"www.example", VIA CLOSE},
    {"Max-Forwards of another method", GET "Max-Forwards: 0\r\n\r\n",
	"Max-Forwards: 0\r\n",
	{"GET / HTTP/1.1", "GET http://www.example/ HTTP/1.1"}, "www.example",
	VIA CLOSE},
};

static void
encode_check(const char *name, const struct http_ask *a, const char *text,
    const struct http_onward *how, const char *want)
{
	size_t len = strlen(want);
	uint8_t out[4096];
	int rc;

	rc = http_ask_encode(
	    a, (const uint8_t *)text, strlen(text), how, out, sizeof(out) - 1);
	CHECK(rc == (int)len, "%s: %d bytes, not %zu", name, rc, len);
	CHECK(len <= strlen(text) + HTTP_ONWARD_EXTRA, "%s: %zu", name, len);
	if (rc <= 0)
		return;
	out[rc] = '\0';
	CHECK(strcmp((char *)out, want) == 0, "%s: %s", name, (char *)out);
	rc = http_ask_encode(
	    a, (const uint8_t *)text, strlen(text), how, out, len);
	CHECK(rc == (int)len, "%s: %d in as much room", name, rc);
	rc = http_ask_encode(
	    a, (const uint8_t *)text, strlen(text), how, out, len - 1);
	CHECK(rc == WIRE_BAD, "%s: %d in too little room", name, rc);
}

static void
test_onward(void)
{
	struct http_onward direct = {.user = "u", .password = "p"};
	struct http_onward proxy = {.proxy = true};
	const struct onward *o;
	struct http_ask a;
	char want[2048];
	int status;

	for (o = onwards; o < onwards + N(onwards); o++) {
		ask(o->name, o->text, strlen(o->text), &a, &status);
		CHECK(status == 0, "%s: status %d", o->name, status);
		snprintf(want, sizeof(want), "%s\r\nHost: %s\r\n%s%s",
		    o->line.direct, o->host, o->direct, o->last);
		encode_check(o->name, &a, o->text, &direct, want);
		snprintf(want, sizeof(want), "%s\r\nHost: %s\r\n%s%s",
		    o->line.proxy, o->host, o->direct, o->last);
		encode_check(o->name, &a, o->text, &proxy, want);
	}
}

static void
test_login(void)
{
	struct http_onward how = {.proxy = true,
	    .keep_alive = true,
	    .user = "Aladdin",
	    .password = "open sesame"};
	static const char text[] =
	    GET "Proxy-Authorization: Basic Og==\r\n\r\n";
	struct http_ask a;
	uint8_t out[2048];
	int rc, status;

	rc = ask("login", text, strlen(text), &a, &status);
	CHECK(rc > 0, "%d", status);
	CHECK(a.request.has_login, "no login");
	encode_check("login", &a, text, &how,
	    "GET http://www.example/ HTTP/1.1\r\nHost: www.example\r\n"
	    "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"
	    "Via: 1.1 cagent\r\nConnection: keep-alive\r\n\r\n");
	how.user = "a\r\nb";
	CHECK_INT(http_ask_encode(&a, (const uint8_t *)text, strlen(text), &how,
		      out, sizeof(out)),
	    WIRE_BAD);
}

/* What has no head to go on with. */
static void
test_not_onward(void)
{
	static const char *const texts[] = {
	    "GET /a HTTP/1.1\r\nHost: www.example\r\n\r\n",
	    "CONNECT www.example:443 HTTP/1.0\r\n\r\n",
	    TRACE "Max-Forwards: 0\r\n\r\n"};
	struct http_onward how = {.keep_alive = true};
	struct http_ask a;
	uint8_t out[2048];
	int status, rc;
	size_t i;

	for (i = 0; i < N(texts); i++) {
		rc = ask(texts[i], texts[i], strlen(texts[i]), &a, &status);
		CHECK(rc > 0, "%s: %d", texts[i], status);
		rc = http_ask_encode(&a, (const uint8_t *)texts[i],
		    strlen(texts[i]), &how, out, sizeof(out));
		CHECK(rc == WIRE_BAD, "%s: %d", texts[i], rc);
	}
	/* A server that reflects what it got would tell our login. */
	rc = ask("TRACE", TRACE "\r\n", strlen(TRACE "\r\n"), &a, &status);
	CHECK(rc > 0, "%d", rc);
	how.proxy = true;
	how.user = how.password = "x";
	rc = http_ask_encode(&a, (const uint8_t *)TRACE "\r\n",
	    strlen(TRACE "\r\n"), &how, out, sizeof(out));
	CHECK_INT(rc, WIRE_BAD);
}

static void
test_limits(void)
{
	static char text[2000000];
	struct http_ask a;
	int status, rc, i;
	size_t len;

	len = (size_t)snprintf(text, sizeof(text), GET);
	for (i = 1; i < HTTP_HEADERS_MAX; i++)
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, "a: b\r\n");
	memcpy(text + len, "\r\n", 3);
	rc = ask("100 fields", text, len + 2, &a, &status);
	CHECK(rc > 0, "%d", status);
	memcpy(text + len, "a: b\r\n\r\n", 9);
	rc = ask("101 fields", text, len + 8, &a, &status);
	CHECK(rc == WIRE_BAD && status == 431, "%d, %d", rc, status);

	/* A table of fields would have them all in one place. */
	for (i = HTTP_HEADERS_MAX; i < 100000; i++)
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, "a: b\r\n");
	memcpy(text + len, "\r\n", 3);
	rc = ask("100,000 headers", text, len + 2, &a, &status);
	CHECK(rc == WIRE_BAD && status == 431, "%d, %d", rc, status);

	len = (size_t)snprintf(text, sizeof(text), "GET http://www.example/");
	memset(text + len, 'a', 65536);
	rc = ask("64 KiB", text, len + 65536, &a, &status);
	CHECK(rc == WIRE_BAD && status == 414, "%d, %d", rc, status);
}

/* No table is keyed by what a client says: names that any hash would put in
 * one place, held against all that Connection may name, are a head like any
 * other. */
static void
test_hash_flooding(void)
{
	struct http_onward how = {0};
	char text[16384], name[8];
	struct http_ask a;
	uint8_t out[20000];
	size_t len;
	int status, rc, i;

	len = (size_t)snprintf(text, sizeof(text), GET "Connection: n0");
	for (i = 1; i < 32; i++)
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, ", n%d", i);
	for (i = 0; i < HTTP_HEADERS_MAX - 2; i++)
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, "\r\nn%d: %040d", i, i);
	len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\n\r\n");
	rc = ask("hash flooding", text, len, &a, &status);
	CHECK(rc == (int)len, "%d with %d", rc, status);
	rc = http_ask_encode(
	    &a, (const uint8_t *)text, len, &how, out, sizeof(out) - 1);
	CHECK(rc > 0, "%d", rc);
	out[rc > 0 ? rc : 0] = '\0';
	for (i = 0; i < HTTP_HEADERS_MAX - 2; i++) {
		snprintf(name, sizeof(name), "\nn%d:", i);
		CHECK((strstr((char *)out, name) != NULL) == (i >= 32),
		    "%s passed on, or not", name + 1);
	}
}

static const struct unit_case cases[] = {
    {"hash flooding", test_hash_flooding},
    {"refused", test_bad},
    {"facts", test_facts},
    {"words", test_words},
    {"onward", test_onward},
    {"login onward", test_login},
    {"not onward", test_not_onward},
    {"limits", test_limits},
};

UNIT_MAIN("http_ask", cases)
