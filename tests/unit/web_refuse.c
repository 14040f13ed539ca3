/* Requests that two readers could take for two different things: none of them
 * reaches an origin, however they are cut. */
#include <string.h>

#include "tests/unit/unit.h"
#include "tests/unit/web_rig.h"

#define CHUNKED "Transfer-Encoding: chunked\r\n"

/* Behind "POST http://127.0.0.1:PORT/" up to what would be smuggled in. */
static const struct {
	const char *name, *rest;
	const char *status; /* the first bytes of the answer */
} heads[] = {
    {"length with coding", HOST "Content-Length: 4\r\n" CHUNKED "\r\n", "400"},
    {"coding with length", HOST CHUNKED "Content-Length: 4\r\n\r\n", "400"},
    {"two lengths", HOST "Content-Length: 4\r\nContent-Length: 4\r\n\r\n",
	"400"},
    {"two lengths that differ",
	HOST "Content-Length: 4\r\nContent-Length: 5\r\n\r\n", "400"},
    {"a list of lengths", HOST "Content-Length: 4, 4\r\n\r\n", "400"},
    {"a signed length", HOST "Content-Length: +4\r\n\r\n", "400"},
    {"a negative length", HOST "Content-Length: -4\r\n\r\n", "400"},
    {"a hexadecimal length", HOST "Content-Length: 0x4\r\n\r\n", "400"},
    {"an empty length", HOST "Content-Length: \r\n\r\n", "400"},
    {"a length that overflows",
	HOST "Content-Length: 18446744073709551620\r\n\r\n", "400"},
    {"two codings", HOST CHUNKED CHUNKED "\r\n", "400"},
    {"chunked twice", HOST "Transfer-Encoding: chunked, chunked\r\n\r\n",
	"400"},
    {"chunked not last", HOST "Transfer-Encoding: chunked, gzip\r\n\r\n",
	"400"},
    {"a coding we lack", HOST "Transfer-Encoding: xchunked\r\n\r\n", "400"},
    {"another below it", HOST "Transfer-Encoding: gzip, chunked\r\n\r\n",
	"501"},
    {"a coding with a tab", HOST "Transfer-Encoding:\tchunked\r\n\r\nX", ""},
    {"a coding in HTTP/1.0", " HTTP/1.0\r\nHost: x\r\n" CHUNKED "\r\n", "400"},
    {"a blank before the colon", HOST "Content-Length : 4\r\n" CHUNKED "\r\n",
	"400"},
    {"a folded line", HOST "Content-Length: 4\r\n " CHUNKED "\r\n", "400"},
    {"a field that begins with a blank", " HTTP/1.1\r\n Host: x\r\n\r\n",
	"400"},
    {"bare LF", " HTTP/1.1\nHost: x\n\n", "400"},
    {"bare LF in a field", HOST "X: 1\n" CHUNKED "\r\n", "400"},
    {"bare CR in a field", HOST "X: 1\r" CHUNKED "\r\n", "400"},
    {"NUL in a field", HOST "X: \001\r\n\r\n", "400"},
    {"an empty name", HOST ": 1\r\n\r\n", "400"},
    {"Connection names itself", HOST "Connection: connection\r\n\r\n", "400"},
    {"Connection names the length",
	HOST "Connection: content-length\r\nContent-Length: 4\r\n\r\n", "400"},
    {"Connection names the coding",
	HOST "Connection: transfer-encoding\r\n" CHUNKED "\r\n", "400"},
    {"Connection names the host", HOST "Connection: host\r\n\r\n", "400"},
    {"two hosts", HOST "Host: y\r\n\r\n", "400"},
    {"no host", " HTTP/1.1\r\n\r\n", "400"},
    {"a fragment", "#x" HOST "\r\n", "400"},
    {"HTTP/1.2", " HTTP/1.2\r\nHost: x\r\n\r\n", "505"},
    {"two blanks", "  HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
};

#define EVIL "GET http://evil.example/ HTTP/1.1\r\nHost: evil\r\n\r\n"

static void
try_head(size_t i, size_t step)
{
	struct rig *rig = rig_new();
	struct peer *o = peer_new(rig, OK_HI);
	char text[1024], got[1024];
	size_t at, len, n;
	int fd, error;

	configure_web(rig, DIRECT);
	fd = connect_client(rig);
	/* Also behind one that is right. */
	ask_for(fd, o, "GET", "/first" HOST "\r\n");
	get(rig, fd, GOT_HI);
	len = (size_t)snprintf(
	    text, sizeof(text), "POST %s/second%s" EVIL, url(o), heads[i].rest);
	for (at = 0; at < len; at += step) {
		(void)!send(fd, text + at, len - at < step ? len - at : step,
		    MSG_NOSIGNAL);
		loop_turn(rig->agent->loop, 0);
	}
	n = take(rig, fd, got, 12, &error);
	got[n] = '\0';
	CHECK(n == 12 && (heads[i].status[0] == '\0' ||
			     strncmp(got + 9, heads[i].status, 3) == 0),
	    "%s: %s", heads[i].name, got);
	CHECK(o->conns_n == 1 || heads[i].status[0] == '\0',
	    "%s: it was connected to", heads[i].name);
	CHECK(heads[i].status[0] == '\0' ||
		  strstr(o->conns[0].got, "second") == NULL,
	    "%s: it got there", heads[i].name);
	for (n = 0; n < (size_t)o->conns_n; n++)
		CHECK(strstr(o->conns[n].got, "evil") == NULL, "%s: smuggled",
		    heads[i].name);
	web_rig_free(rig);
}

static void
refuses_heads(void)
{
	size_t i;

	for (i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		try_head(i, 4096);
		try_head(i, 1);
	}
}

/* Of a content that is none the beginning may have gone: but upstream is told
 * that it is not whole, and gets nothing that stands behind. */
static void
refuses_contents(void)
{
	static const char *const bodies[] = {
	    "10000000000000000\r\nhello",
	    "ffffffffffffffff\r\nhello",
	    "-1\r\nhello",
	    "+5\r\nhello\r\n0\r\n\r\n",
	    "0x5\r\nhello\r\n0\r\n\r\n",
	    " 5\r\nhello\r\n0\r\n\r\n",
	    "5 \r\nhello\r\n0\r\n\r\n",
	    "5\nhello\r\n0\r\n\r\n",
	    "5\r\nhelloX\n0\r\n\r\n",
	    "5\r\nhello0\r\n\r\n",
	    "5\r\nhello\n0\r\n\r\n",
	    "5;\nx\r\nhello\r\n0\r\n\r\n",
	    "\r\nhello\r\n0\r\n\r\n",
	    "0\r\nX : y\r\n\r\n",
	    "0\r\n X: y\r\n\r\n",
	    "0\r\nX: y\n\n",
	    "g\r\nhello",
	};
	struct peer *o;
	struct rig *rig;
	char text[1024], got[64];
	size_t i, n, k;
	int fd, error;

	for (i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		rig = rig_new();
		o = peer_new(rig, NULL);
		configure_web(rig, DIRECT);
		fd = connect_client(rig);
		snprintf(text, sizeof(text),
		    "POST %s/" HOST CHUNKED "\r\n%s" EVIL, url(o), bodies[i]);
		ask(fd, text);
		n = take(rig, fd, got, 12, &error);
		CHECK(n == 12 && memcmp(got + 9, "400", 3) == 0,
		    "body %zu: %.*s", i, (int)n, got);
		RIG_UNTIL(
		    rig->agent->loop, o->conns_n == 0 || o->conns[0].fd == -1);
		for (k = 0; k < (size_t)o->conns_n; k++) {
			CHECK(strstr(o->conns[k].got, "evil") == NULL,
			    "body %zu: smuggled", i);
			CHECK(strstr(o->conns[k].got, "\r\n0\r\n\r\n") == NULL,
			    "body %zu: it looks whole", i);
		}
		web_rig_free(rig);
	}
}

/* What is meant for nobody beyond us, or has been everywhere. */
static void
answers_by_itself(void)
{
	static const struct {
		const char *ask, *got;
	} rows[] = {
	    {"OPTIONS http://a.example/ HTTP/1.1\r\nHost: x\r\n"
	     "Max-Forwards: 0\r\n\r\n",
		"HTTP/1.1 200 *\r\nAllow: *\r\nContent-Length: 0\r\n\r\n"},
	    {"TRACE http://a.example/ HTTP/1.1\r\nHost: x\r\n"
	     "Max-Forwards: 0\r\n\r\n",
		"HTTP/1.1 405 *\r\n"},
	    {"GET http://a.example/ HTTP/1.1\r\nHost: x\r\n"
	     "Via: 1.1 cagent, 1.1 cagent, 1.1 cagent, 1.1 cagent, 1.1 cagent, "
	     "1.1 cagent, 1.1 cagent, 1.1 cagent, 1.1 cagent\r\n\r\n",
		"HTTP/1.1 508 *\r\n"},
	    {"GET https://a.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
		"HTTP/1.1 501 *\r\n"},
	};
	struct rig *rig;
	struct peer *p;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		rig = rig_new();
		p = add_http(rig, OK_HI);
		configure_web(rig, "");
		fd = connect_client(rig);
		ask(fd, rows[i].ask);
		get(rig, fd, rows[i].got);
		CHECK_INT(p->conns_n, 0);
		web_rig_free(rig);
	}
}

/* A page of ours is not asked for on a connection that was a proxy's. */
static void
is_no_web_site(void)
{
	struct rig *rig = rig_new();
	struct peer *o = peer_new(rig, OK_HI);
	int fd;

	configure_web(rig, DIRECT);
	fd = connect_client(rig);
	ask_for(fd, o, "GET", "/" HOST "\r\n");
	get(rig, fd, GOT_HI);
	ask(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	get(rig, fd, "HTTP/1.1 400 *\r\n");
	CHECK_INT(o->conns_n, 1);
	web_rig_free(rig);
}

static const struct unit_case cases[] = {
    {"refuses heads", refuses_heads},
    {"refuses contents", refuses_contents},
    {"answers by itself", answers_by_itself},
    {"is no web site", is_no_web_site},
};

UNIT_MAIN("web_refuse", cases)
