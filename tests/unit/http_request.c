/* Tests the decoding of HTTP requests, cut everywhere, and our CONNECT. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "wire/http.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

#define CONNECT "CONNECT www.example:443 HTTP/1.1\r\n"
#define HOST	"Host: www.example:443\r\n"

struct good {
	const char *name;
	const char *text;
	enum http_form form;
	int minor;
	const char *host; /* as wire_host_format() has it, or NULL */
	const char *user; /* NULL: no login */
	const char *password;
};

static const struct good goods[] = {
    {"plain", CONNECT HOST "\r\n", HTTP_FORM_CONNECT, 1, "www.example:443",
	NULL, NULL},
    {"1.0 without Host", "CONNECT www.example:443 HTTP/1.0\r\n\r\n",
	HTTP_FORM_CONNECT, 0, "www.example:443", NULL, NULL},
    {"Host without port", CONNECT "Host: www.example\r\n\r\n",
	HTTP_FORM_CONNECT, 1, "www.example:443", NULL, NULL},
    {"Host in another spelling", CONNECT "hOST:WWW.Example.:443 \t\r\n\r\n",
	HTTP_FORM_CONNECT, 1, "www.example:443", NULL, NULL},
    {"v4", "CONNECT 192.0.2.1:80 HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n",
	HTTP_FORM_CONNECT, 1, "192.0.2.1:80", NULL, NULL},
    {"v6",
	"CONNECT [2001:DB8::1]:80 HTTP/1.1\r\n"
	"Host: [2001:db8:0::1]:80\r\n\r\n",
	HTTP_FORM_CONNECT, 1, "[2001:db8::1]:80", NULL, NULL},
    {"v6, Host without port",
	"CONNECT [::1]:65535 HTTP/1.1\r\nHost: [::1]\r\n\r\n",
	HTTP_FORM_CONNECT, 1, "[::1]:65535", NULL, NULL},
    {"mapped v4",
	"CONNECT [::ffff:192.0.2.1]:1 HTTP/1.1\r\n"
	"Host: 192.0.2.1:1\r\n\r\n",
	HTTP_FORM_CONNECT, 1, "192.0.2.1:1", NULL, NULL},
    {"upper case, root dot",
	"CONNECT WWW.EXAMPLE.:443 HTTP/1.1\r\n" HOST "\r\n", HTTP_FORM_CONNECT,
	1, "www.example:443", NULL, NULL},
    {"Content-Length: 0", CONNECT HOST "Content-Length: 0\r\n\r\n",
	HTTP_FORM_CONNECT, 1, "www.example:443", NULL, NULL},
    {"any fields",
	CONNECT HOST "User-Agent: x\r\nProxy-Connection: keep-alive\r\n"
		     "Connection: keep-alive, x-foo,\r\nX-Empty:\r\n"
		     "X-Latin: \xe4\t\xf6\r\nExpect: 100-continue\r\n"
		     "Upgrade: h2c\r\n\r\n",
	HTTP_FORM_CONNECT, 1, "www.example:443", NULL, NULL},
    {"login",
	CONNECT HOST "Proxy-Authorization: Basic "
		     "QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n",
	HTTP_FORM_CONNECT, 1, "www.example:443", "Aladdin", "open sesame"},
    {"login, colons in the password, blanks before it",
	CONNECT HOST "proxy-authorization:  bAsIc   dTo6cDo=\r\n\r\n",
	HTTP_FORM_CONNECT, 1, "www.example:443", "u", ":p:"},
    {"login, both empty",
	CONNECT HOST "Proxy-Authorization: Basic Og==\r\n\r\n",
	HTTP_FORM_CONNECT, 1, "www.example:443", "", ""},
    {"login by another scheme",
	CONNECT HOST "Proxy-Authorization: Bearer Og==\r\n\r\n",
	HTTP_FORM_CONNECT, 1, "www.example:443", NULL, NULL},
    {"origin form", "GET / HTTP/1.1\r\nHost: 127.0.0.1:1080\r\n\r\n",
	HTTP_FORM_ORIGIN, 1, NULL, NULL, NULL},
    {"origin form, 1.0", "POST /a?b=://c HTTP/1.0\r\n\r\n", HTTP_FORM_ORIGIN, 0,
	NULL, NULL, NULL},
    {"absolute form",
	"GET http://www.example/a?b HTTP/1.1\r\nHost: ignored\r\n\r\n",
	HTTP_FORM_ABSOLUTE, 1, "www.example:80", NULL, NULL},
    {"absolute form, port, query",
	"GET HTTP://www.example:8443?@ HTTP/1.1\r\nHost: x\r\n\r\n",
	HTTP_FORM_ABSOLUTE, 1, "www.example:8443", NULL, NULL},
    {"absolute form, empty port",
	"GET http://[::1]:/ HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_FORM_ABSOLUTE, 1,
	"[::1]:80", NULL, NULL},
    {"content", "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
	HTTP_FORM_ORIGIN, 1, NULL, NULL, NULL},
    {"content, chunked",
	"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
	HTTP_FORM_ORIGIN, 1, NULL, NULL, NULL},
};

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
    {"empty head", "\r\n\r\n", 400, 0},
    {"empty line first", "\r\n" CONNECT HOST "\r\n", 400, 0},
    {"no method", " www.example:443 HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"no target", "CONNECT HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"empty target", "CONNECT  HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"method alone", "CONNECT\r\n\r\n", 400, 0},
    {"two blanks before the target",
	"CONNECT  www.example:443 HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"two blanks before the version",
	"CONNECT www.example:443  HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"blank after the version",
	"CONNECT www.example:443 HTTP/1.1 \r\n" HOST "\r\n", 400, 0},
    {"tab for a blank", "CONNECT\twww.example:443 HTTP/1.1\r\n" HOST "\r\n",
	400, 0},
    {"method not a token", "CON(ECT a.example:1 HTTP/1.1\r\n\r\n", 400, 0},
    {"method unknown", "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501, 0},
    {"method of 15", "ABCDEFGHIJKLMNO / HTTP/1.1\r\nHost: x\r\n\r\n", 501, 0},
    {"method of 16", "ABCDEFGHIJKLMNOP / HTTP/1.1\r\nHost: x\r\n\r\n", 501, 0},
    {"method in lower case", "connect www.example:443 HTTP/1.1\r\n\r\n", 501,
	0},
    {"method of RTSP", "DESCRIBE / HTTP/1.1\r\nHost: x\r\n\r\n", 400, 0},
    {"HTTP/0.9 without a version", "GET /\r\n\r\n", 400, 0},
    {"HTTP/0.9 with one", "GET / HTTP/0.9\r\n\r\n", 505, 0},
    {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505, 0},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", 505, 0},
    {"PRI in HTTP/1.1", "PRI * HTTP/1.1\r\nHost: x\r\n\r\n", 400, 0},
    {"HTTP/11", "GET / HTTP/11\r\nHost: x\r\n\r\n", 400, 0},
    {"HTTP/1.10", "GET / HTTP/1.10\r\nHost: x\r\n\r\n", 400, 0},
    {"http/1.1", "GET / http/1.1\r\nHost: x\r\n\r\n", 400, 0},
    {"ICE/1.1", "SOURCE / ICE/1.1\r\nHost: x\r\n\r\n", 400, 0},
    {"bare LF after the request line",
	"CONNECT www.example:443 HTTP/1.1\n" HOST "\r\n", 400, 0},
    {"bare LF after the target", "GET /\nHost: x\r\n\r\n", 400, 0},
    {"bare LF after a field", CONNECT "Host: www.example:443\n\r\n", 400, 0},
    {"bare LF at the end", CONNECT HOST "\n", 400, 0},
    {"bare LF everywhere",
	"CONNECT www.example:443 HTTP/1.1\nHost: www.example:443\n\n", 400, 0},
    {"bare CR in a field", CONNECT HOST "A: b\rC: d\r\n\r\n", 400, 0},
    {"bare CR after the request line",
	"CONNECT www.example:443 HTTP/1.1\r" HOST "\r\n", 400, 0},
    {"CR CR LF", CONNECT "Host: www.example:443\r\r\n\r\n", 400, 0},
    WITH_NUL("NUL in a field", CONNECT HOST "A: b\0c\r\n\r\n", 400),
    WITH_NUL("NUL in the target",
	"CONNECT www.example\0:443 HTTP/1.1\r\n" HOST "\r\n", 400),
    WITH_NUL("NUL in the method",
	"CONN\0ECT www.example:443 HTTP/1.1\r\n" HOST "\r\n", 400),
    {"DEL in a field", CONNECT HOST "A: b\x7f\r\n\r\n", 400, 0},
    {"byte over 127 in the target", "GET /\xe4 HTTP/1.0\r\n\r\n", 400, 0},

    {"# in the target", "CONNECT www.example:443#a HTTP/1.0\r\n\r\n", 400, 0},
    {"# in origin form", "GET /a#b HTTP/1.0\r\n\r\n", 400, 0},
    {"userinfo", "CONNECT u:p@www.example:443 HTTP/1.0\r\n\r\n", 400, 0},
    {"userinfo without password", "CONNECT u@www.example:443 HTTP/1.0\r\n\r\n",
	400, 0},
    {"userinfo, absolute form", "GET http://u:p@www.example/ HTTP/1.0\r\n\r\n",
	400, 0},
    {"no port", "CONNECT www.example HTTP/1.0\r\n\r\n", 400, 0},
    {"empty port", "CONNECT www.example: HTTP/1.0\r\n\r\n", 400, 0},
    {"port 0", "CONNECT www.example:0 HTTP/1.0\r\n\r\n", 400, 0},
    {"port 65536", "CONNECT www.example:65536 HTTP/1.0\r\n\r\n", 400, 0},
    {"port 2^32 + 80", "CONNECT www.example:4294967376 HTTP/1.0\r\n\r\n", 400,
	0},
    {"port +80", "CONNECT www.example:+80 HTTP/1.0\r\n\r\n", 400, 0},
    {"port 0x50", "CONNECT www.example:0x50 HTTP/1.0\r\n\r\n", 400, 0},
    {"port, then a path", "CONNECT www.example:80/ HTTP/1.0\r\n\r\n", 400, 0},
    {"port overflow, absolute form",
	"GET http://www.example:65536/ HTTP/1.0\r\n\r\n", 400, 0},
    {"port 0, absolute form", "GET http://www.example:0/ HTTP/1.0\r\n\r\n", 400,
	0},
    {"port 0 in Host", CONNECT "Host: www.example:0\r\n\r\n", 400, 0},
    {"port alone", "CONNECT :443 HTTP/1.0\r\n\r\n", 400, 0},
    {"v6 without brackets", "CONNECT 2001:db8::1:443 HTTP/1.0\r\n\r\n", 400, 0},
    {"v6 without port", "CONNECT [2001:db8::1] HTTP/1.0\r\n\r\n", 400, 0},
    {"v6 not closed", "CONNECT [2001:db8::1:443 HTTP/1.0\r\n\r\n", 400, 0},
    {"v6 with a zone", "CONNECT [fe80::1%25lo]:443 HTTP/1.0\r\n\r\n", 400, 0},
    {"v6, rubbish after it", "CONNECT [::1]x:443 HTTP/1.0\r\n\r\n", 400, 0},
    {"v4 in brackets", "CONNECT [192.0.2.1]:443 HTTP/1.0\r\n\r\n", 400, 0},
    {"name in brackets", "CONNECT [www.example]:443 HTTP/1.0\r\n\r\n", 400, 0},
    {"number for a host", "CONNECT 2130706433:80 HTTP/1.0\r\n\r\n", 400, 0},
    {"percent in the host", "CONNECT www%2eexample:80 HTTP/1.0\r\n\r\n", 400,
	0},
    {"CONNECT in origin form", "CONNECT / HTTP/1.0\r\n\r\n", 400, 0},
    {"CONNECT in absolute form",
	"CONNECT http://www.example:80/ HTTP/1.0\r\n\r\n", 400, 0},
    {"CONNECT *", "CONNECT * HTTP/1.0\r\n\r\n", 400, 0},
    {"GET in authority form", "GET www.example:443 HTTP/1.0\r\n\r\n", 400, 0},
    {"GET *", "GET * HTTP/1.0\r\n\r\n", 400, 0},
    {"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 405, 0},
    {"ftp", "GET ftp://www.example/ HTTP/1.0\r\n\r\n", 501, 0},
    {"https", "GET https://www.example/ HTTP/1.0\r\n\r\n", 501, 0},
    {"absolute form without a host", "GET http:///a HTTP/1.0\r\n\r\n", 400, 0},
    {"absolute form without a scheme", "GET ://a/ HTTP/1.0\r\n\r\n", 400, 0},

    {"no Host", CONNECT "\r\n", 400, 0},
    {"no Host, origin form", "GET / HTTP/1.1\r\n\r\n", 400, 0},
    {"two Hosts", CONNECT HOST HOST "\r\n", 400, 0},
    {"two Hosts, origin form", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
	400, 0},
    {"empty Host", CONNECT "Host:\r\n\r\n", 400, 0},
    {"another Host", CONNECT "Host: www.example.com:443\r\n\r\n", 400, 0},
    {"a Host that the target's begins with", CONNECT "Host: www\r\n\r\n", 400,
	0},
    {"Host with another port", CONNECT "Host: www.example:80\r\n\r\n", 400, 0},
    {"Host of another kind", "CONNECT 192.0.2.1:443 HTTP/1.1\r\n" HOST "\r\n",
	400, 0},
    {"another v4", "CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: 192.0.2.2\r\n\r\n",
	400, 0},
    {"another v6", "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::2]\r\n\r\n", 400, 0},
    {"Host with userinfo", CONNECT "Host: u@www.example:443\r\n\r\n", 400, 0},
    {"Host that is a list", CONNECT "Host: www.example, a\r\n\r\n", 400, 0},
    {"another Host in HTTP/1.0",
	"CONNECT www.example:443 HTTP/1.0\r\nHost: a.example\r\n\r\n", 400, 0},

    {"empty name", CONNECT HOST ": a\r\n\r\n", 400, 0},
    {"no colon", CONNECT HOST "abc\r\n\r\n", 400, 0},
    {"blank before the colon", CONNECT "Host : www.example:443\r\n\r\n", 400,
	0},
    {"blank in a name", CONNECT HOST "A b: c\r\n\r\n", 400, 0},
    {"name not a token", CONNECT HOST "A(b): c\r\n\r\n", 400, 0},
    {"obs-fold by a blank", CONNECT HOST "A: b\r\n c\r\n\r\n", 400, 0},
    {"obs-fold by a tab", CONNECT HOST "A: b\r\n\tc\r\n\r\n", 400, 0},
    {"obs-fold of the request line", CONNECT " a: b\r\n" HOST "\r\n", 400, 0},
    {"line of blanks", CONNECT HOST "A: b\r\n \r\n\r\n", 400, 0},

    {"empty Content-Length", "PUT / HTTP/1.0\r\nContent-Length:\r\n\r\n", 400,
	0},
    {"empty Content-Length of CONNECT", CONNECT HOST "Content-Length: \r\n\r\n",
	400, 0},
    {"Content-Length: +5", "PUT / HTTP/1.0\r\nContent-Length: +5\r\n\r\n", 400,
	0},
    {"Content-Length: 0x5", "PUT / HTTP/1.0\r\nContent-Length: 0x5\r\n\r\n",
	400, 0},
    {"Content-Length: -1", "PUT / HTTP/1.0\r\nContent-Length: -1\r\n\r\n", 400,
	0},
    {"Content-Length: 5, 5", "PUT / HTTP/1.0\r\nContent-Length: 5, 5\r\n\r\n",
	400, 0},
    {"Content-Length over 2^64",
	"PUT / HTTP/1.0\r\nContent-Length: 18446744073709551616\r\n\r\n", 400,
	0},
    {"Content-Length twice, same",
	"PUT / HTTP/1.0\r\nContent-Length: 0\r\ncontent-length: 0\r\n\r\n", 400,
	0},
    {"Content-Length twice, same, CONNECT",
	CONNECT HOST "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400, 0},
    {"CL with TE",
	"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
	"Transfer-Encoding: chunked\r\n\r\n",
	400, 0},
    {"TE with CL",
	"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
	"Content-Length: 5\r\n\r\n",
	400, 0},
    {"CL with TE, CONNECT",
	CONNECT HOST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
	400, 0},
    {"CONNECT with content", CONNECT HOST "Content-Length: 5\r\n\r\n", 400, 0},
    {"CONNECT with a coding", CONNECT HOST "Transfer-Encoding: chunked\r\n\r\n",
	400, 0},
    {"chunked, then another coding",
	"PUT / HTTP/1.1\r\nHost: x\r\n"
	"Transfer-Encoding: chunked, identity\r\n\r\n",
	400, 0},
    {"chunked below another coding",
	"PUT / HTTP/1.1\r\nHost: x\r\n"
	"Transfer-Encoding: gzip, chunked\r\n\r\n",
	501, 0},
    {"Connection: connection", CONNECT HOST "Connection: connection\r\n\r\n",
	400, 0},
    {"Connection: host", CONNECT HOST "Connection: close, host\r\n\r\n", 400,
	0},
    {"Connection naming the login",
	CONNECT HOST "Connection: Proxy-Authorization\r\n\r\n", 400, 0},

    {"two logins",
	CONNECT HOST "Proxy-Authorization: Basic Og==\r\n"
		     "Proxy-Authorization: Basic Og==\r\n\r\n",
	400, 0},
    {"malformed login", CONNECT HOST "Proxy-Authorization: Basic Og\r\n\r\n",
	400, 0},
};

/* Whole, and fed byte by byte with one *scanned: the same end. */
static int
request(const char *name, const char *text, size_t len,
    struct http_request *out, int *status)
{
	struct http_request again;
	size_t n, scanned = 0;
	int rc, again_rc = WIRE_MORE, again_status = -1;

	rc = http_request_decode(
	    (const uint8_t *)text, len, &scanned, out, status);
	scanned = 0;
	for (n = 0; n <= len && again_rc == WIRE_MORE; n++)
		again_rc = http_request_decode(
		    (const uint8_t *)text, n, &scanned, &again, &again_status);
	CHECK(
	    again_rc == rc, "%s: %d, but byte by byte %d", name, rc, again_rc);
	CHECK(again_status == *status, "%s: status %d, but byte by byte %d",
	    name, *status, again_status);
	return rc;
}

static void
test_good(void)
{
	char host[WIRE_HOST_STRLEN];
	struct http_request r;
	const struct good *g;
	int rc, status;

	for (g = goods; g < goods + N(goods); g++) {
		rc = request(g->name, g->text, strlen(g->text), &r, &status);
		CHECK(rc == (int)strlen(g->text) && status == 0,
		    "%s: %d, status %d", g->name, rc, status);
		if (rc <= 0)
			continue;
		CHECK(r.form == g->form, "%s: form %d", g->name, r.form);
		CHECK(r.minor == g->minor, "%s: minor %d", g->name, r.minor);
		CHECK(memcmp(r.method, g->text, strlen(r.method)) == 0,
		    "%s: method %s", g->name, r.method);
		CHECK(r.has_login == (g->user != NULL), "%s: login %d", g->name,
		    r.has_login);
		CHECK(strcmp(r.user, g->user != NULL ? g->user : "") == 0,
		    "%s: user %s", g->name, r.user);
		CHECK(strcmp(r.password,
			  g->password != NULL ? g->password : "") == 0,
		    "%s: password %s", g->name, r.password);
		if (g->host == NULL) {
			CHECK_INT(r.host.kind, WIRE_HOST_NONE);
			continue;
		}
		CHECK(strcmp(wire_host_format(&r.host, host), g->host) == 0,
		    "%s: host %s", g->name, host);
	}
}

static void
test_prefixes(void)
{
	struct http_request r;
	size_t i, n, scanned;
	int rc, status;

	for (i = 0; i < N(goods); i++) {
		for (n = 0; n < strlen(goods[i].text); n++) {
			scanned = 0;
			rc = http_request_decode((const uint8_t *)goods[i].text,
			    n, &scanned, &r, &status);
			CHECK(rc == WIRE_MORE, "%s cut at %zu: %d",
			    goods[i].name, n, rc);
		}
	}
}

static void
test_trailing(void)
{
	char text[1024];
	struct http_request r;
	int rc, status, len;
	size_t i;

	for (i = 0; i < N(goods); i++) {
		len = snprintf(text, sizeof(text), "%s%s", goods[i].text,
		    "\r\n\x16\x03payload\r\n\r\n");
		rc = request(goods[i].name, text, (size_t)len, &r, &status);
		CHECK(rc == (int)strlen(goods[i].text),
		    "%s with payload: %d of %zu", goods[i].name, rc,
		    strlen(goods[i].text));
	}
}

static void
test_bad(void)
{
	struct http_request r;
	const struct bad *b;
	int rc, status;

	for (b = bads; b < bads + N(bads); b++) {
		rc = request(b->name, b->text,
		    b->len != 0 ? b->len : strlen(b->text), &r, &status);
		CHECK(
		    (rc == WIRE_BAD) == (b->status != 0) && status == b->status,
		    "%s: %d with status %d, not %d", b->name, rc, status,
		    b->status);
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
	struct http_request r;
	int rc, status;

	rc = request(name, text, len, &r, &status);
	CHECK(status == want_status, "%s: status %d", name, status);
	CHECK(
	    rc == (want_status == 0 ? (int)len : WIRE_BAD), "%s: %d", name, rc);
}

static void
test_limits(void)
{
	static const char end[] = " HTTP/1.0\r\n\r\n";
	static char text[70000];
	size_t i, n;

	fill(text, HTTP_HEAD_MAX, CONNECT HOST "A: ", "\r\n\r\n");
	check_limit("head at its limit", text, HTTP_HEAD_MAX, 0);
	fill(text, HTTP_HEAD_MAX + 1, CONNECT HOST "A: ", "\r\n\r\n");
	check_limit("head too long", text, HTTP_HEAD_MAX + 1, 431);

	n = 4 + HTTP_TARGET_MAX - 1 + strlen(end);
	fill(text, n, "GET /", end);
	check_limit("target at its limit", text, n, 0);
	fill(text, n + 1, "GET /", end);
	check_limit("target too long", text, n + 1, 414);
	fill(text, 65536, "GET /", end);
	check_limit("64 KiB target", text, 65536, 414);

	n = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.0\r\n");
	for (i = 0; i < HTTP_HEADERS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "a:b\r\n");
	memcpy(text + n, "\r\n", 2);
	check_limit("fields at their limit", text, n + 2, 0);
	memcpy(text + n, "a:b\r\n\r\n", 7);
	check_limit("a field too many", text, n + 7, 431);
}

static void
test_connect(void)
{
	struct wire_host host = {.port = 443};
	uint8_t out[512];
	int len;

	CHECK_INT(wire_host_set(&host, "[2001:db8::1]", 13), 0);
	host.port = 8443;
	len = http_connect_encode(
	    &host, "Aladdin", "open sesame", out, sizeof(out));
	CHECK(len > 0, "%d", len);
	out[len > 0 ? len : 0] = '\0';
	CHECK_STR((char *)out,
	    "CONNECT [2001:db8::1]:8443 HTTP/1.1\r\n"
	    "Host: [2001:db8::1]:8443\r\n"
	    "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"
	    "\r\n");
	len = http_connect_encode(&host, NULL, NULL, out, sizeof(out));
	CHECK_INT(len, 65);
	CHECK_INT(http_connect_encode(&host, NULL, NULL, out, 65), WIRE_BAD);
	CHECK_INT(http_connect_encode(&host, NULL, NULL, out, 66), 65);

	CHECK_INT(
	    http_connect_encode(&host, "a:b", "", out, sizeof(out)), WIRE_BAD);
	CHECK_INT(http_connect_encode(&host, "a", "b\r\n", out, sizeof(out)),
	    WIRE_BAD);
	host.port = 0;
	CHECK_INT(
	    http_connect_encode(&host, NULL, NULL, out, sizeof(out)), WIRE_BAD);
	host = (struct wire_host){.kind = WIRE_HOST_NONE, .port = 1};
	CHECK_INT(
	    http_connect_encode(&host, NULL, NULL, out, sizeof(out)), WIRE_BAD);
}

static const struct unit_case cases[] = {
    {"good", test_good},
    {"every prefix", test_prefixes},
    {"trailing data", test_trailing},
    {"bad", test_bad},
    {"limits", test_limits},
    {"connect", test_connect},
};

UNIT_MAIN("http_request", cases)
