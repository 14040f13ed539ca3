/* Tests that nobody's words pass for another message: what a client hides in a
 * request, and what upstream says beyond its answer. */
#include <string.h>

#include "tests/unit/unit.h"
#include "tests/unit/web_rig.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* An answer that says more than it may, and the request after it: the rest is
 * never taken for that one's answer. */
static void
takes_no_more_than_the_answer(void)
{
	static const struct {
		const char *method;
		const char *reply;
		const char *want;
	} cases[] = {
	    {"GET", OK_HI "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
		GOT_HI},
	    {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nVia: *\r\n\r\n"},
	    {"GET", "HTTP/1.1 204 No\r\nContent-Length: 4\r\n\r\nevil",
		"HTTP/1.1 204 No\r\nVia: *\r\n\r\n"},
	    {"GET", "HTTP/1.1 304 No\r\n\r\nHTTP/1.1 200 evil\r\n\r\n",
		"HTTP/1.1 304 No\r\nVia: *\r\n\r\n"},
	    {"GET",
		"HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n"
		"4\r\nevil\r\n0\r\n\r\n",
		"HTTP/1.1 304 No\r\nVia: *\r\n\r\n"},
	    {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nevil",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nVia: *\r\n\r\n"},
	    {"GET",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"2\r\nhi\r\n0\r\n\r\nHTTP/1.1 200 evil\r\n\r\n",
		"HTTP/1.1 200 OK\r\nVia: *\r\nTransfer-Encoding: chunked\r\n"
		"\r\n2\r\nhi\r\n0\r\n\r\n"},
	};
	struct rig *rig;
	struct peer *o;
	size_t i;
	int fd;

	for (i = 0; i < N(cases); i++) {
		rig = rig_new();
		o = peer_new(rig, cases[i].reply);
		configure_web(rig, DIRECT);
		fd = connect_client(rig);
		ask_for(fd, o, cases[i].method, "/a" HOST "\r\n");
		get(rig, fd, cases[i].want);
		o->reply = OK_HI;
		o->reply_len = strlen(OK_HI);
		ask_for(fd, o, "GET", "/b" HOST "\r\n");
		get(rig, fd, GOT_HI);
		CHECK(o->conns_n == 2, "%s: %d connections", cases[i].reply,
		    o->conns_n);
		web_rig_free(rig);
	}
}

/* What is no answer gets the client a 502, or an end; never more of it. */
static void
passes_no_unclear_answer(void)
{
	static const char *const replies[] = {
	    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"
	    "Transfer-Encoding: chunked\r\n\r\nevil",
	    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n"
	    "evil",
	    "HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\nevil",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\nevil",
	    "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\nevil",
	    "HTTP/1.1 200 OK\nContent-Length: 4\n\nevil",
	    "HTTP/1.1 200 OK\r\nConnection: content-length\r\n"
	    "Content-Length: 4\r\n\r\nevil",
	    "\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
	    "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: a\r\n\r\nevil",
	    "evil\r\n"};
	struct rig *rig;
	struct peer *o;
	size_t i;
	int fd;

	for (i = 0; i < N(replies); i++) {
		rig = rig_new();
		o = peer_new(rig, replies[i]);
		configure_web(rig, DIRECT);
		fd = connect_client(rig);
		ask_for(fd, o, "GET", "/a" HOST "\r\n");
		get(rig, fd,
		    "HTTP/1.1 502 *\r\nProxy-Status: cagent; error=http_*\r\n");
		web_rig_free(rig);
	}
}

/* Each of them hides a request to /evil, which nobody may get. */
static void
takes_no_hidden_request(void)
{
#define EVIL "GET http://127.0.0.1:1/evil HTTP/1.1\r\nHost: x\r\n\r\n"
	static const char *const asks[] = {
	    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "0\r\n\r\n" EVIL,
	    "Transfer-Encoding: chunked\r\nContent-Length: 80\r\n\r\n"
	    "0\r\n\r\n" EVIL,
	    "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" EVIL,
	    "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" EVIL,
	    "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" EVIL,
	    "Content-Length: 0\r\nContent-Length: 80\r\n\r\n" EVIL,
	    "Content-Length: +0\r\n\r\n" EVIL,
	    "Content-Length: 0x0\r\n\r\n" EVIL,
	    "Content-Length : 80\r\n\r\n" EVIL,
	    "A: b\r\n Content-Length: 80\r\n\r\n" EVIL,
	    "A: b\nContent-Length: 80\r\n\r\n" EVIL,
	    "Connection: content-length\r\nContent-Length: 80\r\n\r\n" EVIL,
	    "Connection: connection\r\n\r\n" EVIL,
	    "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n" EVIL,
	    "Transfer-Encoding: chunked\r\n\r\n0\n\r\n" EVIL,
	    "Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n" EVIL,
	    "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n" EVIL,
	    "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n\r\n" EVIL,
	    "Expect: 200-ok\r\nContent-Length: 80\r\n\r\n" EVIL};
	struct rig *rig;
	struct peer *o;
	char c, rest[1024];
	int fd, i, error;
	size_t len;

	for (i = 0; i < (int)N(asks); i++) {
		rig = rig_new();
		o = peer_new(rig, NULL);
		configure_web(rig, DIRECT);
		fd = connect_client(rig);
		ask_for(fd, o, "POST", "/a" HOST "");
		ask(fd, asks[i]);
		get(rig, fd, "HTTP/1.1 ");
		CHECK(take(rig, fd, &c, 1, &error) == 1 && c == '4' + (i == 4),
		    "%s: %c", asks[i], c);
		/* It is the last word, and there is no second one. */
		len = 0;
		while (len < sizeof(rest) - 1 &&
		       take(rig, fd, &rest[len], 1, &error) == 1)
			len++;
		rest[len] = '\0';
		CHECK(
		    strstr(rest, "HTTP/1.1 ") == NULL, "%s: %s", asks[i], rest);
		CHECK(AGENT_GET(&rig->agent->slab.refused[REASON_REFUSED]) == 0,
		    "%s: it was asked for", asks[i]);
		web_rig_free(rig);
	}
}

/* The content of a request whose answer came early is never a request. */
static void
ends_after_an_early_answer(void)
{
	struct rig *rig = rig_new();
	struct peer *o =
	    peer_new(rig, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
	char c;
	int fd, error;

	configure_web(rig, DIRECT);
	fd = connect_client(rig);
	ask_for(fd, o, "POST", "/a" HOST "Content-Length: 1000\r\n\r\n");
	get(rig, fd,
	    "HTTP/1.1 413 No\r\nContent-Length: 2\r\nVia: *\r\n"
	    "Connection: close\r\n\r\nno");
	ask_for(fd, o, "GET", "/evil" HOST "\r\n");
	CHECK_INT(take(rig, fd, &c, 1, &error), 0);
	CHECK_INT(o->conns_n, 1);
	web_rig_free(rig);
}

/* What was said to nobody on a connection that stands by is no answer. */
static void
asks_anew_after_a_408(void)
{
	struct rig *rig = rig_new();
	struct peer *o = peer_new(rig, OK_HI);
	int fd;

	configure_web(rig, DIRECT);
	fd = connect_client(rig);
	ask_for(fd, o, "GET", "/a" HOST "\r\n");
	get(rig, fd, GOT_HI);
	o->reply = "HTTP/1.1 408 Late\r\nContent-Length: 0\r\n"
		   "Connection: close\r\n\r\n";
	o->reply_len = strlen(o->reply);
	ask_for(fd, o, "GET", "/b" HOST "\r\n");
	RIG_UNTIL(rig->agent->loop, o->conns_n == 2);
	get(rig, fd, "HTTP/1.1 408 Late\r\nContent-Length: 0\r\n");
	CHECK_INT(o->conns_n, 2);
	web_rig_free(rig);
}

/* However its field is spelt. */
static void
keeps_no_login_of_a_connection(void)
{
	struct rig *rig = rig_new();
	struct peer *o = peer_new(rig, OK_HI);
	int fd;

	configure_web(rig, DIRECT);
	fd = connect_client(rig);
	ask_for(fd, o, "GET", "/a" HOST "authorization:\t ntlm abc=\r\n\r\n");
	get(rig, fd, GOT_HI);
	ask_for(fd, o, "GET", "/b" HOST "\r\n");
	get(rig, fd, GOT_HI);
	CHECK_INT(o->conns_n, 2);
	web_rig_free(rig);
}

/* An empty line before a request, but not for ever. */
static void
skips_one_empty_line(void)
{
	struct rig *rig = rig_new();
	struct peer *o = peer_new(rig, OK_HI);
	int fd;

	configure_web(rig, DIRECT);
	fd = connect_client(rig);
	ask_for(fd, o, "GET", "/a" HOST "\r\n\r\n");
	get(rig, fd, GOT_HI);
	ask_for(fd, o, "GET", "/b" HOST "\r\n\r\n");
	get(rig, fd, GOT_HI);
	ask(fd, "\r\n\r\n");
	get(rig, fd, "HTTP/1.1 400 *\r\n");
	web_rig_free(rig);
}

/* Whoever reflects a TRACE would tell the client our login. */
static void
traces_without_our_login(void)
{
	struct rig *rig = rig_new();
	struct peer *p = add_http(rig, OK_HI);
	char *conf = rig->agent->conf;
	int fd;

	strlcat(conf, "username = u\n", sizeof(rig->agent->conf));
	configure_web(rig, "");
	fd = connect_client(rig);
	ask(fd, "TRACE http://a.example/ HTTP/1.1\r\nHost: x\r\n\r\n");
	get(rig, fd, "HTTP/1.1 405 *\r\nAllow: *\r\n");
	get(rig, fd, "Content-Type: *\r\nContent-Length: 0\r\n\r\n");
	ask(fd, "GET http://a.example/ HTTP/1.1\r\nHost: x\r\n\r\n");
	get(rig, fd, GOT_HI);
	CHECK(strstr(p->conns[p->conns_n - 1].got, "Proxy-Authorization: ") !=
		  NULL,
	    "%s", p->conns[p->conns_n - 1].got);
	web_rig_free(rig);
}

static const struct unit_case cases[] = {
    {"takes no more than the answer", takes_no_more_than_the_answer},
    {"passes no unclear answer", passes_no_unclear_answer},
    {"takes no hidden request", takes_no_hidden_request},
    {"ends after an early answer", ends_after_an_early_answer},
    {"asks anew after a 408", asks_anew_after_a_408},
    {"keeps no login of a connection", keeps_no_login_of_a_connection},
    {"traces without our login", traces_without_our_login},
    {"skips one empty line", skips_one_empty_line},
};

UNIT_MAIN("web_desync", cases)
