/* Each plain HTTP request shows its own login. */
#include <string.h>

#include "cagentd/worker/who/login.h"
#include "tests/unit/unit.h"
#include "tests/unit/web_rig.h"

#define WORD "Proxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\n"

/* Nobody verifies here: what is asked waits. */
struct scene {
	struct rig *rig;
	struct peer *o;
	struct logins *logins;
	int fd;
};

/* A client that has had an answer before a users file came. */
static struct scene
scene_new(void)
{
	struct scene s = {.rig = rig_new()};

	s.o = peer_new(s.rig, OK_HI);
	configure_web(s.rig, DIRECT);
	CHECK_INT(logins_new(&s.logins, s.rig->agent->loop), 0);
	logins_use(s.logins, s.rig->agent->settings);
	s.rig->env.logins = s.logins;
	s.fd = connect_client(s.rig);
	ask_for(s.fd, s.o, "GET", "/first" HOST WORD "\r\n");
	get(s.rig, s.fd, GOT_HI);
	memcpy(s.rig->agent->settings->users_file, "/u", 3);
	return s;
}

static void
scene_free(struct scene *s)
{
	int i;

	for (i = 0; i < s->rig->clients_n; i++) {
		loop_close(s->rig->agent->loop, s->rig->client[i]);
		s->rig->client[i] = -1;
	}
	RIG_UNTIL(s->rig->agent->loop, LIST_EMPTY(&s->rig->sessions));
	logins_free(s->logins);
	web_rig_free(s->rig);
}

static void
wants_one_of_each(void)
{
	struct scene s = scene_new();
	int i;

	for (i = 0; i < 2; i++) {
		ask_for(s.fd, s.o, "HEAD", "/evil" HOST "\r\n");
		get(s.rig, s.fd,
		    "HTTP/1.1 407 *\r\nProxy-Authenticate: Basic *\r\n"
		    "Content-Type: *\r\nContent-Length: *\r\n\r\n");
	}
	CHECK(strstr(s.o->conns[0].got, "evil") == NULL, "it got there");
	CHECK_INT(s.o->conns_n, 1);
	scene_free(&s);
}

/* The content of a request that is refused could be the next request. */
static void
closes_behind_a_content(void)
{
	struct scene s = scene_new();

	ask_for(s.fd, s.o, "POST",
	    "/" HOST "Content-Length: 50\r\n\r\n"
	    "GET http://evil.example/ HTTP/1.1\r\nHost: evil\r\n\r\n");
	get(s.rig, s.fd, "HTTP/1.1 407 *\r\n");
	skip_head(s.rig, s.fd);
	CHECK_INT(s.o->conns_n, 1);
	scene_free(&s);
}

/* Nothing is sent while nobody has said that it is right, and somebody who
 * leaves is not asked about any more. */
static void
waits_for_the_verdict(void)
{
	struct scene s = scene_new();

	s.rig->agent->settings->handshake_timeout_ms = 50;
	ask_for(s.fd, s.o, "HEAD", "/evil" HOST WORD "\r\n");
	get(s.rig, s.fd, "HTTP/1.1 503 *\r\n");
	skip_head(s.rig, s.fd);
	s.rig->agent->settings->handshake_timeout_ms = 50000;
	ask_for(s.fd, s.o, "GET", "/evil" HOST WORD "\r\n");
	rig_settle(s.rig->agent->loop);
	close_client(s.rig, 0, true);
	RIG_UNTIL(s.rig->agent->loop, LIST_EMPTY(&s.rig->sessions));
	CHECK(strstr(s.o->conns[0].got, "evil") == NULL, "it got there");
	scene_free(&s);
}

static const struct unit_case cases[] = {
    {"wants one of each", wants_one_of_each},
    {"closes behind a content", closes_behind_a_content},
    {"waits for the verdict", waits_for_the_verdict},
};

UNIT_MAIN("web_login", cases)
