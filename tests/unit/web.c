/* Plain HTTP requests through a session: where they go, and what comes back. */
#include <string.h>

#include "tests/unit/unit.h"
#include "tests/unit/web_rig.h"

static uint64_t
served(const struct rig *rig)
{
	return AGENT_GET(&rig->agent->slab.served);
}

/* In origin-form, one after the other by the same connection. */
static void
goes_directly(void)
{
	struct rig *rig = rig_new();
	struct peer *o = peer_new(rig, OK_HI);
	char want[256];
	int fd;

	configure_web(rig, DIRECT);
	fd = connect_client(rig);
	ask_for(fd, o, "GET", "/a?b" HOST "Proxy-Connection: close\r\n\r\n");
	get(rig, fd, GOT_HI);
	ask_for(fd, o, "GET", "/c" HOST "\r\n");
	get(rig, fd, GOT_HI);
	CHECK_INT(o->conns_n, 1);
	snprintf(want, sizeof(want),
	    "GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n", o->port);
	CHECK(strncmp(o->conns[0].got, want, strlen(want)) == 0, "%s",
	    o->conns[0].got);
	CHECK(strstr(o->conns[0].got, "Proxy-Connection") == NULL, "hop's");
	CHECK(strstr(o->conns[0].got, "\r\n\r\nGET /c HTTP/1.1\r\n") != NULL,
	    "the second: %s", o->conns[0].got);
	CHECK_INT(served(rig), 2);
	CHECK_INT(AGENT_GET(&rig->agent->slab.direct), 2);
	web_rig_free(rig);
}

/* An HTTP intermediary gets the request itself. */
static void
goes_to_a_proxy(void)
{
	struct rig *rig = rig_new();
	struct peer *p = add_http(rig, OK_HI);
	int fd;

	configure_web(rig, "");
	fd = connect_client(rig);
	ask(fd, "GET http://www.example.com/a HTTP/1.1\r\nHost: x\r\n\r\n");
	get(rig, fd, GOT_HI);
	ask(fd, "GET http://other.example/ HTTP/1.1\r\nHost: x\r\n\r\n");
	get(rig, fd, GOT_HI);
	CHECK_INT(p->conns_n, 1);
	CHECK(strncmp(p->conns[0].got,
		  LIT("GET http://www.example.com/a HTTP/1.1\r\n"
		      "Host: www.example.com\r\n")) == 0,
	    "%s", p->conns[0].got);
	AGENT_CHECK(rig->agent, 0, 2, 2, 0, 0);
	web_rig_free(rig);
}

/* Through others there is a tunnel, which is for one host. */
static void
goes_through_a_tunnel(void)
{
	struct rig *rig = rig_new();
	struct fake *f = add(rig, FAKE_MUTE);
	int fd, i;

	configure_web(rig, "");
	fd = connect_client(rig);
	for (i = 0; i < 3; i++) {
		f->got_len = 0;
		ask(fd, i < 2 ? "GET http://a.example/ HTTP/1.1\r\n"
				"Host: x\r\n\r\n"
			      : "GET http://b.example/ HTTP/1.1\r\n"
				"Host: x\r\n\r\n");
		RIG_UNTIL(rig->agent->loop, f->got_len > 0);
		CHECK(strncmp(f->got, LIT("GET / HTTP/1.1\r\nHost: ")) == 0,
		    "%s", f->got);
		fake_say(LIST_FIRST(&f->conns), LIT(OK_HI));
		get(rig, fd, GOT_HI);
		CHECK_INT(f->accepted, i < 2 ? 1 : 2);
	}
	AGENT_CHECK(rig->agent, 0, 3, 3, 0, 0);
	web_rig_free(rig);
}

/* What is refused leaves the connection as it is. */
static void
refuses_and_goes_on(void)
{
	struct rig *rig = rig_new();
	struct peer *o = peer_new(rig, OK_HI);
	int fd;

	configure_web(rig, DIRECT "[rule \"no\"]\ndomain = bad.example\n"
				  "via = deny\n");
	fd = connect_client(rig);
	ask(fd, "GET http://bad.example/ HTTP/1.1\r\nHost: x\r\n\r\n");
	get(rig, fd,
	    "HTTP/1.1 403 *\r\nProxy-Status: *\r\nContent-Type: *\r\n"
	    "Content-Length: *\r\n\r\ncagent: no path to ");
	get(rig, fd, "bad.example:80: ");
	while (true) {
		char c;
		int error;

		if (take(rig, fd, &c, 1, &error) != 1 || c == '\n')
			break;
	}
	ask(fd, "HEAD http://bad.example/ HTTP/1.1\r\nHost: x\r\n\r\n");
	get(rig, fd,
	    "HTTP/1.1 403 *\r\nProxy-Status: *\r\nContent-Type: *\r\n"
	    "Content-Length: *\r\n\r\n");
	ask_for(fd, o, "GET", "/" HOST "\r\n");
	get(rig, fd, GOT_HI);
	CHECK_INT(AGENT_GET(&rig->agent->slab.refused[REASON_DENIED]), 2);
	CHECK_INT(served(rig), 1);
	web_rig_free(rig);
}

/* Sent at once, served in order. */
static void
serves_what_is_pipelined(void)
{
	struct rig *rig = rig_new();
	struct peer *o = peer_new(rig, NULL);
	char text[4096] = "", reply[128], want[128];
	size_t len = 0;
	int fd, i;

	configure_web(rig, DIRECT);
	fd = connect_client(rig);
	for (i = 0; i < 20; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "GET %s/%d" HOST "\r\n", url(o), i);
	ask(fd, text);
	for (i = 0; i < 20; i++) {
		snprintf(want, sizeof(want), "GET /%d HTTP", i);
		peer_await(o, 0, want);
		snprintf(want, sizeof(want), "GET /%d HTTP", i + 1);
		CHECK(strstr(o->conns[0].got, want) == NULL, "too early");
		snprintf(reply, sizeof(reply),
		    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n%4d", i);
		peer_say(&o->conns[0], reply);
	}
	for (i = 0; i < 20; i++) {
		snprintf(want, sizeof(want),
		    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nVia: *\r\n\r\n%4d",
		    i);
		get(rig, fd, want);
	}
	CHECK_INT(o->conns_n, 1);
	web_rig_free(rig);
}

/* A CONNECT may follow. */
static void
turns_to_a_tunnel(void)
{
	struct rig *rig = rig_new();
	struct peer *o = peer_new(rig, OK_HI);
	char text[256];
	int fd;

	configure_web(rig, DIRECT);
	fd = connect_client(rig);
	ask_for(fd, o, "GET", "/" HOST "\r\n");
	get(rig, fd, GOT_HI);
	o->reply = NULL;
	snprintf(text, sizeof(text),
	    "CONNECT 127.0.0.1:%u HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\nhello",
	    o->port, o->port);
	ask(fd, text);
	get(rig, fd, "HTTP/1.1 200 *\r\n\r\n");
	peer_await(o, 1, "hello");
	peer_say(&o->conns[1], "world");
	get(rig, fd, "world");
	web_rig_free(rig);
}

static const struct unit_case cases[] = {
    {"goes directly", goes_directly},
    {"goes to a proxy", goes_to_a_proxy},
    {"goes through a tunnel", goes_through_a_tunnel},
    {"refuses and goes on", refuses_and_goes_on},
    {"serves what is pipelined", serves_what_is_pipelined},
    {"turns to a tunnel", turns_to_a_tunnel},
};

UNIT_MAIN("web", cases)
