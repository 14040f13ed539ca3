/* Tests the intake: every protocol on one port, cut at every byte, and what
 * a client is told. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "wire/intake.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define B(s) (s), sizeof(s) - 1

#define CONNECT "CONNECT www.example:443 HTTP/1.1\r\nHost: www.example\r\n"
#define LOGIN	"Proxy-Authorization: Basic "

#define X51  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X255 X51 X51 X51 X51 X51

struct scene {
	const char *name;
	enum intake_wants want_login; /* of alice by "secret" */
	const char *in;
	size_t in_len;
	size_t rest; /* bytes at the end of in that are not intake's */
	enum intake_step end;
	const char *out; /* all that was sent, REJECT's part included; an HTTP
			  * head's first line is enough */
	size_t out_len;
	enum wire_protocol protocol;
	const char *host;
	const char *user;
};

#define S50   "01234567890123456789012345678901234567890123456789"
#define S254  S50 S50 S50 S50 S50 "1234"
#define NAME5 "\005\001\000\003\013www.example\001\273"

static const struct scene scenes[] = {
    {"4", false, B("\004\001\000\120\300\000\002\001\000"), 0, INTAKE_REQUEST,
	B(""), PROTOCOL_SOCKS4, "192.0.2.1:80", ""},
    {"4 with userid and payload", false,
	B("\004\001\000\120\300\000\002\001alice\000hello"), 5, INTAKE_REQUEST,
	B(""), PROTOCOL_SOCKS4, "192.0.2.1:80", "alice"},
    {"4a", false, B("\004\001\001\273\000\000\000\001bob\000WWW.example.\000"),
	0, INTAKE_REQUEST, B(""), PROTOCOL_SOCKS4A, "www.example:443", "bob"},
    {"4a with payload", false,
	B("\004\001\001\273\000\000\000\377\000www.example\000\000"), 1,
	INTAKE_REQUEST, B(""), PROTOCOL_SOCKS4A, "www.example:443", ""},
    {"4, BIND", false, B("\004\002\000\120\300\000\002\001bob\000hi"), 2,
	INTAKE_REQUEST, B(""), PROTOCOL_SOCKS4, "192.0.2.1:80", "bob"},
    {"4, BIND, any port", false, B("\004\002\000\000\300\000\002\001\000"), 0,
	INTAKE_REQUEST, B(""), PROTOCOL_SOCKS4, "192.0.2.1:0", ""},
    {"4, BIND, login wanted", true, B("\004\002\000\120\300\000\002\001\000"),
	0, INTAKE_REJECT, B("\000\133\000\000\000\000\000\000"),
	PROTOCOL_SOCKS4, "-", ""},
    {"4a, BIND", false,
	B("\004\002\000\025\000\000\000\001\000ftp.example\000"), 0,
	INTAKE_REQUEST, B(""), PROTOCOL_SOCKS4A, "ftp.example:21", ""},
    {"4, unknown command", false, B("\004\003\000\120\300\000\002\001\000"), 0,
	INTAKE_REJECT, B("\000\133\000\000\000\000\000\000"), PROTOCOL_SOCKS4,
	"-", ""},
    {"4, port 0", false, B("\004\001\000\000\300\000\002\001\000"), 9,
	INTAKE_REJECT, B("\000\133\000\000\000\000\000\000"), PROTOCOL_SOCKS4,
	"-", ""},
    {"4a, empty name", false, B("\004\001\000\120\000\000\000\001\000\000"), 10,
	INTAKE_REJECT, B("\000\133\000\000\000\000\000\000"), PROTOCOL_SOCKS4,
	"-", ""},
    {"4a, CR in the name", false,
	B("\004\001\000\120\000\000\000\001\000a\rb\000"), 13, INTAKE_REJECT,
	B("\000\133\000\000\000\000\000\000"), PROTOCOL_SOCKS4, "-", ""},
    {"4 where a login is wanted", true,
	B("\004\001\000\120\300\000\002\001alice\000"), 0, INTAKE_REJECT,
	B("\000\133\000\000\000\000\000\000"), PROTOCOL_SOCKS4, "-", ""},

    {"5 by name", false, B("\005\001\000" NAME5), 0, INTAKE_REQUEST,
	B("\005\000"), PROTOCOL_SOCKS5, "www.example:443", ""},
    {"5, v4, payload", false,
	B("\005\001\000\005\001\000\001\300\000\002\001\000\120hi"), 2,
	INTAKE_REQUEST, B("\005\000"), PROTOCOL_SOCKS5, "192.0.2.1:80", ""},
    {"5, v6", false,
	B("\005\001\000\005\001\000\004\040\001\015\270\000\000\000\000"
	  "\000\000\000\000\000\000\000\001\000\026"),
	0, INTAKE_REQUEST, B("\005\000"), PROTOCOL_SOCKS5, "[2001:db8::1]:22",
	""},
    {"5, a literal for a name", false,
	B("\005\001\000\005\001\000\003\011192.0.2.1\000\120"), 0,
	INTAKE_REQUEST, B("\005\000"), PROTOCOL_SOCKS5, "192.0.2.1:80", ""},
    {"5, none and password offered", false, B("\005\002\002\000" NAME5), 0,
	INTAKE_REQUEST, B("\005\000"), PROTOCOL_SOCKS5, "www.example:443", ""},
    {"5, none and password offered, login wanted", true,
	B("\005\002\000\002\001\005alice\006secret" NAME5), 0, INTAKE_REQUEST,
	B("\005\002\001\000"), PROTOCOL_SOCKS5, "www.example:443", "alice"},
    {"5, login and payload", true,
	B("\005\001\002\001\005alice\006secret" NAME5 "\005\001\000"), 3,
	INTAKE_REQUEST, B("\005\002\001\000"), PROTOCOL_SOCKS5,
	"www.example:443", "alice"},
    {"5, wrong password", true, B("\005\001\002\001\005alice\006sesame" NAME5),
	sizeof(NAME5) - 1, INTAKE_REJECT, B("\005\002\001\001"),
	PROTOCOL_SOCKS5, "-", "alice"},
    {"5, empty login", true, B("\005\001\002\001\000\000"), 0, INTAKE_REJECT,
	B("\005\002\001\001"), PROTOCOL_SOCKS5, "-", ""},
    {"5, NUL in the user", true, B("\005\001\002\001\007alice\000b\006secret"),
	0, INTAKE_REJECT, B("\005\002\001\001"), PROTOCOL_SOCKS5, "-", ""},
    {"5, NUL in the password", true,
	B("\005\001\002\001\005alice\010secret\000b"), 0, INTAKE_REJECT,
	B("\005\002\001\001"), PROTOCOL_SOCKS5, "-", ""},
    {"5, user and password of 255", true,
	B("\005\001\002\001\377" S254 "u\377" S254 "p" NAME5),
	sizeof(NAME5) - 1, INTAKE_REJECT, B("\005\002\001\001"),
	PROTOCOL_SOCKS5, "-", S254 "u"},
    {"5, empty user", true, B("\005\001\002\001\000\006secret"), 0,
	INTAKE_REJECT, B("\005\002\001\001"), PROTOCOL_SOCKS5, "-", ""},
    {"5, empty password", true, B("\005\001\002\001\005alice\000"), 0,
	INTAKE_REJECT, B("\005\002\001\001"), PROTOCOL_SOCKS5, "-", "alice"},
    {"5, login of another version", true,
	B("\005\001\002\005\005alice\006secret"), 14, INTAKE_REJECT,
	B("\005\002\001\001"), PROTOCOL_SOCKS5, "-", ""},
    {"5, request instead of a login", true, B("\005\001\002" NAME5),
	sizeof(NAME5) - 1, INTAKE_REJECT, B("\005\002\001\001"),
	PROTOCOL_SOCKS5, "-", ""},
    {"5, login unasked", false, B("\005\002\000\002\001\005alice\006secret"),
	14, INTAKE_REJECT,
	B("\005\000\005\001\000\001\000\000\000\000\000\000"), PROTOCOL_SOCKS5,
	"-", ""},
    {"5, no methods", false, B("\005\000"), 0, INTAKE_REJECT, B("\005\377"),
	PROTOCOL_SOCKS5, "-", ""},
    {"5, 255 methods", false, B("\005\377" S254 "\000" NAME5), 0,
	INTAKE_REQUEST, B("\005\000"), PROTOCOL_SOCKS5, "www.example:443", ""},
    {"5, 255 methods we lack", false, B("\005\377" S254 "9" NAME5),
	sizeof(NAME5) - 1, INTAKE_REJECT, B("\005\377"), PROTOCOL_SOCKS5, "-",
	""},
    {"5, methods we lack", false, B("\005\003\001\003\200"), 0, INTAKE_REJECT,
	B("\005\377"), PROTOCOL_SOCKS5, "-", ""},
    {"5, only none offered, login wanted", true, B("\005\001\000"), 0,
	INTAKE_REJECT, B("\005\377"), PROTOCOL_SOCKS5, "-", ""},
    {"5, only password offered, none wanted", false, B("\005\001\002"), 0,
	INTAKE_REJECT, B("\005\377"), PROTOCOL_SOCKS5, "-", ""},
    {"5, login of 255 and 255", true,
	B("\005\001\002\001\377" X255 "\377" X255), 0, INTAKE_REJECT,
	B("\005\002\001\001"), PROTOCOL_SOCKS5, "-", X255},
    {"5, offered where it may be", INTAKE_MAY_LOGIN,
	B("\005\002\000\002\001\005alice\006secret" NAME5), 0, INTAKE_REQUEST,
	B("\005\002\001\000"), PROTOCOL_SOCKS5, "www.example:443", "alice"},
    {"5, wrong where it may be", INTAKE_MAY_LOGIN,
	B("\005\001\002\001\005alice\006sesame"), 0, INTAKE_REJECT,
	B("\005\002\001\001"), PROTOCOL_SOCKS5, "-", "alice"},
    {"5, none where it may be", INTAKE_MAY_LOGIN, B("\005\001\000" NAME5), 0,
	INTAKE_REQUEST, B("\005\000"), PROTOCOL_SOCKS5, "www.example:443", ""},
    {"4 where a login may be", INTAKE_MAY_LOGIN,
	B("\004\001\000\120\300\000\002\001bob\000"), 0, INTAKE_REQUEST, B(""),
	PROTOCOL_SOCKS4, "192.0.2.1:80", "bob"},
    {"5, BIND", false,
	B("\005\001\000\005\002\000\001\300\000\002\001\000\120hi"), 2,
	INTAKE_REQUEST, B("\005\000"), PROTOCOL_SOCKS5, "192.0.2.1:80", ""},
    {"5, UDP ASSOCIATE", false,
	B("\005\001\000\005\003\000\001\000\000\000\000\000\000"), 0,
	INTAKE_REQUEST, B("\005\000"), PROTOCOL_SOCKS5, "0.0.0.0:0", ""},
    {"5, UDP ASSOCIATE, from a port", false,
	B("\005\001\000\005\003\000\001\177\000\000\001\020\001"), 0,
	INTAKE_REQUEST, B("\005\000"), PROTOCOL_SOCKS5, "127.0.0.1:4097", ""},
    {"5, command 0", false,
	B("\005\001\000\005\000\000\001\300\000\002\001\000\120"), 0,
	INTAKE_REJECT, B("\005\000\005\007\000\001\000\000\000\000\000\000"),
	PROTOCOL_SOCKS5, "-", ""},
    {"5, command 4", false,
	B("\005\001\000\005\004\000\001\300\000\002\001\000\120"), 0,
	INTAKE_REJECT, B("\005\000\005\007\000\001\000\000\000\000\000\000"),
	PROTOCOL_SOCKS5, "-", ""},
    {"5, ATYP 2", false, B("\005\001\000\005\001\000\002"), 4, INTAKE_REJECT,
	B("\005\000\005\010\000\001\000\000\000\000\000\000"), PROTOCOL_SOCKS5,
	"-", ""},
    {"5, RSV 1", false, B("\005\001\000\005\001\001"), 3, INTAKE_REJECT,
	B("\005\000\005\001\000\001\000\000\000\000\000\000"), PROTOCOL_SOCKS5,
	"-", ""},
    {"5, RSV 255", false, B("\005\001\000\005\001\377"), 3, INTAKE_REJECT,
	B("\005\000\005\001\000\001\000\000\000\000\000\000"), PROTOCOL_SOCKS5,
	"-", ""},
    {"5, port 0", false,
	B("\005\001\000\005\001\000\001\300\000\002\001\000\000"), 10,
	INTAKE_REJECT, B("\005\000\005\001\000\001\000\000\000\000\000\000"),
	PROTOCOL_SOCKS5, "-", ""},
    {"5, trailing dot", false,
	B("\005\001\000\005\001\000\003\014www.example.\001\273"), 0,
	INTAKE_REQUEST, B("\005\000"), PROTOCOL_SOCKS5, "www.example:443", ""},
    {"5, ATYP 0", false, B("\005\001\000\005\001\000\000"), 4, INTAKE_REJECT,
	B("\005\000\005\010\000\001\000\000\000\000\000\000"), PROTOCOL_SOCKS5,
	"-", ""},
    {"5, ATYP 5", false, B("\005\001\000\005\001\000\005"), 4, INTAKE_REJECT,
	B("\005\000\005\010\000\001\000\000\000\000\000\000"), PROTOCOL_SOCKS5,
	"-", ""},
    {"5, ATYP 255", false, B("\005\001\000\005\001\000\377"), 4, INTAKE_REJECT,
	B("\005\000\005\010\000\001\000\000\000\000\000\000"), PROTOCOL_SOCKS5,
	"-", ""},
    {"5, name of 0", false, B("\005\001\000\005\001\000\003\000"), 5,
	INTAKE_REJECT, B("\005\000\005\010\000\001\000\000\000\000\000\000"),
	PROTOCOL_SOCKS5, "-", ""},
    {"5, name with CR", false, B("\005\001\000\005\001\000\003\003a\rb"), 8,
	INTAKE_REJECT, B("\005\000\005\010\000\001\000\000\000\000\000\000"),
	PROTOCOL_SOCKS5, "-", ""},
    {"5, name with NUL", false, B("\005\001\000\005\001\000\003\003a\000b"), 8,
	INTAKE_REJECT, B("\005\000\005\010\000\001\000\000\000\000\000\000"),
	PROTOCOL_SOCKS5, "-", ""},
    {"5, name with @", false, B("\005\001\000\005\001\000\003\003a@b"), 8,
	INTAKE_REJECT, B("\005\000\005\010\000\001\000\000\000\000\000\000"),
	PROTOCOL_SOCKS5, "-", ""},
    {"5, name with /", false, B("\005\001\000\005\001\000\003\003a/b"), 8,
	INTAKE_REJECT, B("\005\000\005\010\000\001\000\000\000\000\000\000"),
	PROTOCOL_SOCKS5, "-", ""},
    {"5, name with #", false, B("\005\001\000\005\001\000\003\003a#b"), 8,
	INTAKE_REJECT, B("\005\000\005\010\000\001\000\000\000\000\000\000"),
	PROTOCOL_SOCKS5, "-", ""},
    {"5, name with %", false, B("\005\001\000\005\001\000\003\003a%b"), 8,
	INTAKE_REJECT, B("\005\000\005\010\000\001\000\000\000\000\000\000"),
	PROTOCOL_SOCKS5, "-", ""},
    {"5, name of 255", false, B("\005\001\000\005\001\000\003\377" S254 "x"),
	260, INTAKE_REJECT,
	B("\005\000\005\010\000\001\000\000\000\000\000\000"), PROTOCOL_SOCKS5,
	"-", ""},
    {"5, name with LF", false, B("\005\001\000\005\001\000\003\003a\nb"), 8,
	INTAKE_REJECT, B("\005\000\005\010\000\001\000\000\000\000\000\000"),
	PROTOCOL_SOCKS5, "-", ""},

    {"HTTP", false, B(CONNECT "\r\n"), 0, INTAKE_REQUEST, B(""), PROTOCOL_HTTP,
	"www.example:443", ""},
    {"HTTP with payload", false, B(CONNECT "\r\n\r\n\r\n"), 4, INTAKE_REQUEST,
	B(""), PROTOCOL_HTTP, "www.example:443", ""},
    {"HTTP, a login nobody wants", false,
	B(CONNECT LOGIN "YWxpY2U6c2VjcmV0\r\n\r\n"), 0, INTAKE_REQUEST, B(""),
	PROTOCOL_HTTP, "www.example:443", "alice"},
    {"HTTP, login", true, B(CONNECT LOGIN "YWxpY2U6c2VjcmV0\r\n\r\nhi"), 2,
	INTAKE_REQUEST, B(""), PROTOCOL_HTTP, "www.example:443", "alice"},
    {"HTTP, wrong password", true, B(CONNECT LOGIN "YWxpY2U6c2VzYW1l\r\n\r\n"),
	0, INTAKE_REJECT, B("HTTP/1.1 407 "), PROTOCOL_HTTP, "www.example:443",
	"alice"},
    {"HTTP, no login", true, B(CONNECT "\r\n"), 0, INTAKE_REJECT,
	B("HTTP/1.1 407 "), PROTOCOL_HTTP, "-", ""},
    {"HTTP, none where it may be", INTAKE_MAY_LOGIN, B(CONNECT "\r\n"), 0,
	INTAKE_REQUEST, B(""), PROTOCOL_HTTP, "www.example:443", ""},
    {"HTTP, wrong where it may be", INTAKE_MAY_LOGIN,
	B(CONNECT LOGIN "YWxpY2U6c2VzYW1l\r\n\r\n"), 0, INTAKE_REJECT,
	B("HTTP/1.1 407 "), PROTOCOL_HTTP, "www.example:443", "alice"},
    {"HTTP, login of another scheme", true,
	B(CONNECT "Proxy-Authorization: Digest a=b\r\n\r\n"), 0, INTAKE_REJECT,
	B("HTTP/1.1 407 "), PROTOCOL_HTTP, "-", ""},
    {"HTTP, browser at the port", false,
	B("GET / HTTP/1.1\r\nHost: 127.0.0.1:1080\r\n\r\n"), 40, INTAKE_REQUEST,
	B(""), PROTOCOL_HTTP, "-", ""},
    {"HTTP, browser at the port, with logins", true,
	B("GET / HTTP/1.1\r\nHost: 127.0.0.1:1080\r\n\r\n"), 40, INTAKE_REQUEST,
	B(""), PROTOCOL_HTTP, "-", ""},
    {"HTTP, form posted to the port", false,
	B("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"), 50,
	INTAKE_REQUEST, B(""), PROTOCOL_HTTP, "-", ""},
    {"HTTP, absolute form", false,
	B("GET http://www.example/ HTTP/1.1\r\nHost: www.example\r\n\r\n"), 55,
	INTAKE_REQUEST, B(""), PROTOCOL_HTTP, "www.example:80", ""},
    {"HTTP, bare LF", false, B("CONNECT a:1 HTTP/1.0\n\n"), 22, INTAKE_REJECT,
	B("HTTP/1.1 400 "), PROTOCOL_HTTP, "-", ""},
    {"HTTP, OPTIONS *", false, B("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"), 31,
	INTAKE_REJECT, B("HTTP/1.1 405 "), PROTOCOL_HTTP, "-", ""},
    {"HTTP/2", false, B("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 24, INTAKE_REJECT,
	B("HTTP/1.1 505 "), PROTOCOL_HTTP, "-", ""},

    {"TLS", false, B("\026\003\001"), 3, INTAKE_REJECT, B(""), PROTOCOL_NONE,
	"-", ""},
    {"NUL", false, B("\000"), 1, INTAKE_REJECT, B(""), PROTOCOL_NONE, "-", ""},
    {"SOCKS6", false, B("\006\001"), 2, INTAKE_REJECT, B(""), PROTOCOL_NONE,
	"-", ""},
    {"digit", false, B("5"), 1, INTAKE_REJECT, B(""), PROTOCOL_NONE, "-", ""},
    {"empty line", false, B("\r\nGET / HTTP/1.0\r\n\r\n"), 20, INTAKE_REJECT,
	B(""), PROTOCOL_NONE, "-", ""},
};

struct run {
	struct intake intake;
	enum intake_step step;
	size_t used; /* of the whole input */
	size_t out_len;
	uint8_t out[2 * INTAKE_OUT_MAX];
};

/* Feed in[0..len), whose used bytes are gone, until a step needs more. */
static void
run_feed(struct run *r, const char *in, size_t len)
{
	struct intake *i = &r->intake;
	size_t used, left;
	bool ok;

	do {
		left = len - r->used;
		r->step =
		    intake_feed(i, (const uint8_t *)in + r->used, left, &used);
		CHECK(used <= left, "used %zu of %zu", used, left);
		r->used += used;
		if (r->step == INTAKE_LOGIN) {
			ok = strcmp(i->user, "alice") == 0 &&
			     strcmp(i->password, "secret") == 0;
			r->step = intake_login(i, ok);
		}
		if (r->step == INTAKE_MORE)
			CHECK_INT(i->out_len, 0);
		memcpy(r->out + r->out_len, i->out, i->out_len);
		r->out_len += i->out_len;
	} while (r->step == INTAKE_SEND);
}

static bool
run_is_over(const struct run *r)
{
	return r->step == INTAKE_REQUEST || r->step == INTAKE_REJECT;
}

/* By its name. */
static enum intake_command
command_of(const struct scene *s)
{
	if (s->end != INTAKE_REQUEST)
		return INTAKE_CONNECT;
	if (strstr(s->name, "BIND") != NULL)
		return INTAKE_BIND;
	return strstr(s->name, "ASSOCIATE") != NULL ? INTAKE_ASSOCIATE
						    : INTAKE_CONNECT;
}

static void
run_check(const struct run *r, const struct scene *s, const char *how)
{
	char host[WIRE_HOST_STRLEN];
	bool is_http = s->protocol == PROTOCOL_HTTP;

	CHECK(r->step == s->end, "%s, %s: step %d", s->name, how, r->step);
	CHECK(r->used == s->in_len - s->rest, "%s, %s: used %zu, not %zu",
	    s->name, how, r->used, s->in_len - s->rest);
	CHECK(is_http ? r->out_len >= s->out_len : r->out_len == s->out_len,
	    "%s, %s: %zu bytes out", s->name, how, r->out_len);
	CHECK(
	    r->out_len >= s->out_len && memcmp(r->out, s->out, s->out_len) == 0,
	    "%s, %s: out is %.*s", s->name, how, (int)r->out_len, r->out);
	CHECK(r->intake.protocol == s->protocol, "%s, %s: protocol %s", s->name,
	    how, wire_protocol_word(r->intake.protocol));
	CHECK(strcmp(wire_host_format(&r->intake.host, host), s->host) == 0,
	    "%s, %s: host %s", s->name, how, host);
	CHECK(is_http || r->intake.command == command_of(s),
	    "%s, %s: command %d", s->name, how, r->intake.command);
	CHECK(strcmp(r->intake.user, s->user) == 0, "%s, %s: user %s", s->name,
	    how, r->intake.user);
	CHECK(r->intake.password[0] == '\0', "%s, %s: the password is kept",
	    s->name, how);
}

static void
test_whole(void)
{
	const struct scene *s;
	struct run r;

	for (s = scenes; s < scenes + N(scenes); s++) {
		memset(&r, 0, sizeof(r));
		intake_init(&r.intake, s->want_login);
		run_feed(&r, s->in, s->in_len);
		run_check(&r, s, "whole");
	}
}

static void
test_split(void)
{
	const struct scene *s;
	struct run r;
	size_t cut;

	for (s = scenes; s < scenes + N(scenes); s++) {
		for (cut = 0; cut < s->in_len; cut++) {
			memset(&r, 0, sizeof(r));
			intake_init(&r.intake, s->want_login);
			run_feed(&r, s->in, cut);
			if (!run_is_over(&r))
				run_feed(&r, s->in, s->in_len);
			run_check(&r, s, "in two");
		}
	}
}

static void
test_bytes(void)
{
	const struct scene *s;
	struct run r;
	size_t n;

	for (s = scenes; s < scenes + N(scenes); s++) {
		memset(&r, 0, sizeof(r));
		intake_init(&r.intake, s->want_login);
		for (n = 0; n <= s->in_len && !run_is_over(&r); n++)
			run_feed(&r, s->in, n);
		run_check(&r, s, "byte by byte");
	}
}

static void
test_prefixes(void)
{
	const struct scene *s;
	struct run r;
	size_t n;

	for (s = scenes; s < scenes + N(scenes); s++) {
		for (n = 0; s->end == INTAKE_REQUEST && n < s->in_len - s->rest;
		     n++) {
			memset(&r, 0, sizeof(r));
			intake_init(&r.intake, s->want_login);
			run_feed(&r, s->in, n);
			CHECK(r.step == INTAKE_MORE, "%s cut at %zu: step %d",
			    s->name, n, r.step);
		}
	}
}

/* One step a message: what follows in the segment is fed after SEND. */
static void
feed(struct intake *i, const char *in, size_t len, enum intake_step want,
    size_t want_used)
{
	enum intake_step step;
	size_t used;

	step = intake_feed(i, (const uint8_t *)in, len, &used);
	CHECK_INT(step, want);
	CHECK_INT(used, want_used);
}

static void
login(struct intake *i, bool ok, enum intake_step want)
{
	enum intake_step step = intake_login(i, ok);

	CHECK_INT(step, want);
}

/* One step a message: what follows in the segment is fed after SEND. */
static void
test_steps(void)
{
	static const char in[] = "\005\001\002\001\005alice\006secret" NAME5;
	size_t len = sizeof(in) - 1;
	struct intake i;

	intake_init(&i, true);
	feed(&i, in, len, INTAKE_SEND, 3);
	CHECK_INT(i.state, INTAKE_WAIT_LOGIN);
	feed(&i, in + 3, len - 3, INTAKE_LOGIN, 14);
	CHECK_INT(i.out_len, 0);
	CHECK_STR(i.user, "alice");
	CHECK_STR(i.password, "secret");
	/* Before the verdict nothing more is read. */
	feed(&i, in + 17, len - 17, INTAKE_MORE, 0);
	login(&i, true, INTAKE_SEND);
	CHECK_STR(i.password, "");
	/* A second verdict, or bytes after the end, are a caller's bug. */
	login(&i, true, INTAKE_REJECT);
	CHECK_INT(i.out_len, 0);
	feed(&i, in + 17, len - 17, INTAKE_REJECT, 0);
}

/* Nobody could look: HTTP has a word for it. */
static void
test_busy(void)
{
	static const char socks[] = "\005\001\002\001\005alice\006secret";
	static const char http[] = CONNECT LOGIN "YWxpY2U6c2VjcmV0\r\n\r\n";
	struct intake i;

	intake_init(&i, INTAKE_MUST_LOGIN);
	feed(&i, socks, 3, INTAKE_SEND, 3);
	feed(&i, socks + 3, 14, INTAKE_LOGIN, 14);
	CHECK_INT(intake_login(&i, INTAKE_BUSY), INTAKE_REJECT);
	CHECK(i.out_len == 2 && memcmp(i.out, "\001\001", 2) == 0, "socks");
	intake_init(&i, INTAKE_MUST_LOGIN);
	feed(&i, http, sizeof(http) - 1, INTAKE_LOGIN, sizeof(http) - 1);
	CHECK_INT(intake_login(&i, INTAKE_BUSY), INTAKE_REJECT);
	CHECK(memcmp(i.out, "HTTP/1.1 503 ", 13) == 0, "%.20s", i.out);
	CHECK_STR(i.password, "");
}

static void
test_limits(void)
{
	static char in[INTAKE_IN_MAX + 1];
	struct run r;

	memset(in, 'a', sizeof(in));
	memset(&r, 0, sizeof(r));
	intake_init(&r.intake, false);
	run_feed(&r, in, INTAKE_IN_MAX - 1);
	CHECK_INT(r.step, INTAKE_MORE);
	run_feed(&r, in, INTAKE_IN_MAX);
	CHECK_INT(r.step, INTAKE_REJECT);
	CHECK(memcmp(r.out, "HTTP/1.1 414 ", 13) == 0, "%.20s", r.out);

	memcpy(in, "GET / HTTP/1.1\r\n", 16);
	memset(&r, 0, sizeof(r));
	intake_init(&r.intake, false);
	run_feed(&r, in, INTAKE_IN_MAX);
	CHECK_INT(r.step, INTAKE_REJECT);
	CHECK(memcmp(r.out, "HTTP/1.1 431 ", 13) == 0, "%.20s", r.out);

	memcpy(in, "\004\001\000\120\300\000\002\001", 8);
	memset(&r, 0, sizeof(r));
	intake_init(&r.intake, false);
	run_feed(&r, in, 8 + 255);
	CHECK_INT(r.step, INTAKE_MORE);
	run_feed(&r, in, 8 + 256);
	CHECK_INT(r.step, INTAKE_REJECT);
}

/* Which the agent answers itself, whatever a client must show. */
static void
test_pages(void)
{
	struct run r;

	memset(&r, 0, sizeof(r));
	intake_init(&r.intake, true);
	run_feed(&r, B("GET / HTTP/1.0\r\n\r\n"));
	CHECK_INT(r.step, INTAKE_REQUEST);
	CHECK_INT(r.intake.command, INTAKE_PAGE);
	CHECK_INT(r.used, 0);

	memset(&r, 0, sizeof(r));
	intake_init(&r.intake, false);
	run_feed(&r, B(CONNECT "\r\n"));
	CHECK_INT(r.intake.command, INTAKE_CONNECT);
	CHECK_INT(r.used, sizeof(CONNECT "\r\n") - 1);
}

static void
test_words(void)
{
	CHECK_STR(wire_protocol_word(PROTOCOL_NONE), "none");
	CHECK_STR(wire_protocol_word(PROTOCOL_SOCKS4), "socks4");
	CHECK_STR(wire_protocol_word(PROTOCOL_SOCKS4A), "socks4a");
	CHECK_STR(wire_protocol_word(PROTOCOL_SOCKS5), "socks5");
	CHECK_STR(wire_protocol_word(PROTOCOL_HTTP), "http");
	CHECK_STR(wire_protocol_word(PROTOCOL_REDIRECT), "redirect");
	CHECK_STR(wire_protocol_word(PROTOCOL_TPROXY), "tproxy");
}

/* A connection without a handshake: complete at once, answered by nothing. */
static void
test_diverted(void)
{
	struct wire_host host = {.port = 443};
	struct intake i;
	size_t used;

	CHECK_INT(wire_host_set(&host, "192.0.2.1", 9), 0);
	memset(&i, 0x5a, sizeof(i));
	intake_divert(&i, PROTOCOL_REDIRECT, &host);
	CHECK_INT(i.protocol, PROTOCOL_REDIRECT);
	CHECK_INT(i.command, INTAKE_CONNECT);
	CHECK_INT(i.host.port, 443);
	CHECK(i.user[0] == '\0' && i.password[0] == '\0', "nobody has said");
	intake_reply(&i, REASON_OK, NULL);
	CHECK_INT(i.out_len, 0);
	intake_reply(&i, REASON_REFUSED, "tried\n");
	CHECK_INT(i.out_len, 0);
	CHECK_INT(
	    intake_feed(&i, (const uint8_t *)"\5", 1, &used), INTAKE_REJECT);
}

static const struct unit_case cases[] = {
    {"whole", test_whole},
    {"in two, at every byte", test_split},
    {"byte by byte", test_bytes},
    {"every prefix", test_prefixes},
    {"steps", test_steps},
    {"busy", test_busy},
    {"limits", test_limits},
    {"pages", test_pages},
    {"diverted", test_diverted},
    {"words", test_words},
};

UNIT_MAIN("intake", cases)
