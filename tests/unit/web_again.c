/* Plain HTTP requests whose path brings no answer: what another one gets. */
#include <string.h>

#include "conf/match.h"
#include "tests/unit/unit.h"
#include "tests/unit/web_rig.h"

#define HEDGED	   "[agent]\nhedge-percent = 5\n"
#define TO_EXAMPLE " http://www.example.com/ HTTP/1.1\r\nHost: x\r\n"
#define SORRY	   "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nsorry"
#define GOT_SORRY \
	"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\nVia: *\r\n\r\nsorry"

/* It had been kept, and its peer has ended it: nobody's fault. */
static void
replaces_what_is_at_its_end(void)
{
	struct rig *rig = rig_new();
	struct peer *p = add_http(rig, OK_HI);
	int fd;

	configure_web(rig, HEDGED);
	fd = connect_client(rig);
	ask(fd, "GET" TO_EXAMPLE "\r\n");
	get(rig, fd, GOT_HI);
	/* The end is seen when the next request has been sent. */
	p->reply = NULL;
	ask(fd, "GET" TO_EXAMPLE "X: 2\r\n\r\n");
	peer_await(p, 0, "X: 2");
	p->reply = OK_HI;
	peer_close(&p->conns[0], true);
	get(rig, fd, GOT_HI);
	CHECK_INT(p->conns_n, 2);
	CHECK_INT(
	    AGENT_GET(&rig->agent->slab.rows[0].failures[REASON_HOP_HUNG_UP]),
	    0);
	AGENT_CHECK(rig->agent, 0, 3, 2, 0, 0);
	web_rig_free(rig);
}

/* One that ends while it is idle is not taken, nor one that speaks. */
static void
drops_what_ends_or_speaks(void)
{
	struct rig *rig = rig_new();
	struct peer *o = peer_new(rig, OK_HI);
	int fd, i;

	configure_web(rig, DIRECT);
	fd = connect_client(rig);
	for (i = 0; i < 3; i++) {
		ask_for(fd, o, "GET", "/" HOST "\r\n");
		get(rig, fd, GOT_HI);
		CHECK_INT(o->conns_n, i + 1);
		CHECK_INT(pool.n, 1);
		if (i == 0)
			peer_close(&o->conns[i], false);
		else
			peer_say(&o->conns[i], "HTTP/1.1 200 OK\r\n\r\n");
	}
	RIG_UNTIL(rig->agent->loop, pool.n == 0);
	web_rig_free(rig);
}

/* More than the answer is a connection to be trusted no more. */
static void
keeps_none_that_says_more(void)
{
	struct rig *rig = rig_new();
	struct peer *o = peer_new(rig, OK_HI "HTTP/1.1 200 OK\r\n"
					     "Content-Length: 4\r\n\r\nevil");
	int fd;

	configure_web(rig, DIRECT);
	fd = connect_client(rig);
	ask_for(fd, o, "GET", "/" HOST "\r\n");
	get(rig, fd, GOT_HI);
	RIG_UNTIL(rig->agent->loop, o->conns[0].fd == -1);
	CHECK_INT(pool.n, 0);
	ask_for(fd, o, "GET", "/" HOST "\r\n");
	get(rig, fd, GOT_HI);
	web_rig_free(rig);
}

/* A connection that somebody has logged in on is his. */
static void
keeps_none_that_is_bound(void)
{
	static const char *const asks[] = {"Authorization: NTLM abc\r\n",
	    "Authorization: negotiate abc\r\n", ""};
	static const char *const replies[] = {OK_HI, OK_HI,
	    ("HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\n"
	     "Content-Length: 0\r\n\r\n")};
	struct rig *rig = rig_new();
	struct peer *o = peer_new(rig, NULL);
	char rest[256];
	int fd, i;

	configure_web(rig, DIRECT);
	fd = connect_client(rig);
	for (i = 0; i < 3; i++) {
		o->reply = replies[i];
		o->reply_len = strlen(replies[i]);
		snprintf(rest, sizeof(rest), "/" HOST "%s\r\n", asks[i]);
		ask_for(fd, o, "GET", rest);
		if (i < 2)
			get(rig, fd, GOT_HI);
		else
			get(rig, fd, "HTTP/1.1 401 *\r\n");
		RIG_UNTIL(rig->agent->loop,
		    o->conns_n == i + 1 && o->conns[i].fd == -1);
		CHECK_INT(pool.n, 0);
	}
	web_rig_free(rig);
}

static void
set_direct(struct settings *s, size_t n)
{
	s->direct_networks_n = n;
	match_free(s->match);
	CHECK_INT(match_make(s, &s->match), 0);
}

/* What is allowed to one request need not be to the next one. */
static void
asks_the_rules_of_a_kept_one(void)
{
	struct rig *rig = rig_new();
	struct peer *o = peer_new(rig, OK_HI);
	int fd;

	configure_web(rig, DIRECT);
	fd = connect_client(rig);
	ask_for(fd, o, "GET", "/" HOST "\r\n");
	get(rig, fd, GOT_HI);
	CHECK_INT(pool.n, 1);
	set_direct(rig->agent->settings, 0);
	rig->agent->settings->no_path_direct = true;
	ask_for(fd, o, "GET", "/2" HOST "\r\n");
	get(rig, fd, "HTTP/1.1 403 *\r\n");
	CHECK_INT(o->conns_n, 1);
	CHECK(strstr(o->conns[0].got, "/2") == NULL, "it was sent");
	set_direct(rig->agent->settings, 1);
	web_rig_free(rig);
}

/* The first hangs up on everything: what may be sent twice is answered by the
 * second, which then shows whose fault it was. */
static void
asks_elsewhere(void)
{
	static const struct {
		const char *ask, *conf;
		bool again;
	} rows[] = {
	    {"GET" TO_EXAMPLE "\r\n", HEDGED, true},
	    {"DELETE" TO_EXAMPLE "\r\n", HEDGED, true},
	    {"PUT" TO_EXAMPLE "Content-Length: 3\r\n\r\nabc", HEDGED, true},
	    {"PUT" TO_EXAMPLE "Transfer-Encoding: chunked\r\n\r\n"
	     "3\r\nabc\r\n0\r\n\r\n",
		HEDGED, true},
	    {"POST" TO_EXAMPLE "Content-Length: 3\r\n\r\nabc", HEDGED, false},
	    {"POST" TO_EXAMPLE "Content-Length: 3\r\n\r\nabc",
		HEDGED "[rule \"r\"]\nport = 80\nreplay = always\n", true},
	    {"GET" TO_EXAMPLE "\r\n",
		HEDGED "[rule \"r\"]\nport = 80\nreplay = never\n", false},
	};
	struct peer *bad, *good;
	const char *body;
	struct rig *rig;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		rig = rig_new();
		bad = add_http(rig, "");
		bad->closes = true;
		good = add_http(rig, OK_HI);
		configure_web(rig, rows[i].conf);
		fd = connect_client(rig);
		ask(fd, rows[i].ask);
		get(rig, fd, rows[i].again ? GOT_HI : "HTTP/1.1 502 *\r\n");
		CHECK(good->conns_n == rows[i].again, "row %zu: %d", i,
		    good->conns_n);
		CHECK_INT(bad->conns_n, 1);
		AGENT_CHECK(rig->agent, 0, 1, 0, rows[i].again, 0);
		AGENT_CHECK(rig->agent, 1, rows[i].again, rows[i].again, 0, 0);
		body = rows[i].again ? strstr(good->conns[0].got, "abc") : NULL;
		CHECK(!rows[i].again || strstr(rows[i].ask, "abc") == NULL ||
			  body != NULL,
		    "row %zu: the content is lost", i);
		web_rig_free(rig);
	}
}

/* More of a content than is kept is gone. */
static void
does_not_repeat_much(void)
{
	static char content[40000];
	struct rig *rig = rig_new();
	struct peer *bad = add_http(rig, NULL);
	struct peer *good = add_http(rig, OK_HI);
	int fd;

	memset(content, 'x', sizeof(content) - 1);
	configure_web(rig, HEDGED);
	fd = connect_client(rig);
	ask(fd, "PUT" TO_EXAMPLE "Content-Length: 39999\r\n\r\n");
	ask(fd, content);
	RIG_UNTIL(rig->agent->loop,
	    bad->conns_n == 1 && bad->conns[0].got_len > 39999);
	peer_close(&bad->conns[0], false);
	get(rig, fd, "HTTP/1.1 502 *\r\n");
	CHECK_INT(good->conns_n, 0);
	web_rig_free(rig);
}

/* An intermediary's word that it cannot: another one may, but only one more,
 * and of two that cannot the second is believed. */
static void
asks_another_for_a_hops_word(void)
{
	struct peer *p[3];
	struct rig *rig;
	int fd, good, i;

	for (good = 1; good < 3; good++) {
		rig = rig_new();
		for (i = 0; i < 3; i++)
			p[i] = add_http(rig, i == good ? OK_HI : SORRY);
		configure_web(rig, HEDGED);
		fd = connect_client(rig);
		ask(fd, "GET" TO_EXAMPLE "\r\n");
		get(rig, fd, good == 1 ? GOT_HI : GOT_SORRY);
		CHECK_INT(p[1]->conns_n, 1);
		CHECK_INT(p[2]->conns_n, 0);
		AGENT_CHECK(rig->agent, 0, 1, 0, good == 1, 0);
		AGENT_CHECK(rig->agent, 1, 1, good == 1, 0, 0);
		web_rig_free(rig);
	}
	/* The destination's own is passed on at once. */
	rig = rig_new();
	p[0] = add_http(rig, "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
	p[1] = add_http(rig, OK_HI);
	configure_web(rig, HEDGED);
	fd = connect_client(rig);
	ask(fd, "GET" TO_EXAMPLE "\r\n");
	get(rig, fd, "HTTP/1.1 500 Oh\r\n");
	CHECK_INT(p[1]->conns_n, 0);
	web_rig_free(rig);
}

/* Whose login it wants is for us to know, not for the client. */
static void
keeps_a_login_between_us(void)
{
	struct rig *rig = rig_new();
	struct peer *p = add_http(rig,
	    "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\n"
	    "Content-Length: 0\r\n\r\n");
	int fd;

	configure_web(rig, HEDGED);
	fd = connect_client(rig);
	ask(fd, "GET" TO_EXAMPLE "Proxy-Authorization: Basic YTpi\r\n\r\n");
	get(rig, fd, "HTTP/1.1 502 *\r\nProxy-Status: *\r\n");
	CHECK(strstr(p->conns[0].got, "YTpi") == NULL, "the client's went on");
	CHECK(
	    AGENT_GET(&rig->agent->slab.rows[0].failures[REASON_HOP_AUTH]) > 0,
	    "counted");
	CHECK(AGENT_GET(&rig->agent->slab.rows[0].charged) > 0, "charged");
	web_rig_free(rig);
}

/* Rubbish is the intermediary's fault when it was the one that was asked. */
static void
does_not_pass_on_rubbish(void)
{
	struct rig *rig = rig_new();
	struct peer *bad = add_http(rig, "HTTP/2 nonsense\r\n\r\n");
	struct peer *good = add_http(rig, OK_HI);
	struct peer *o = peer_new(rig, "220 mail.example\r\n\r\n");
	int fd;

	configure_web(rig, HEDGED "[rule \"d\"]\nnetwork = 127.0.0.0/8\n"
				  "via = direct\n");
	fd = connect_client(rig);
	ask(fd, "GET" TO_EXAMPLE "\r\n");
	get(rig, fd, GOT_HI);
	CHECK_INT(bad->conns_n, 1);
	CHECK_INT(good->conns_n, 1);
	AGENT_CHECK(rig->agent, 0, 1, 0, 1, 0);
	ask_for(fd, o, "GET", "/" HOST "\r\n");
	get(rig, fd,
	    "HTTP/1.1 502 *\r\nProxy-Status: cagent; "
	    "error=http_protocol_error\r\n");
	web_rig_free(rig);
}

/* Silence for longer than is usual. */
static void
replaces_the_silent(void)
{
	struct rig *rig = rig_new();
	struct peer *mute = add_http(rig, NULL);
	struct peer *good = add_http(rig, OK_HI);
	int fd;

	rig->agent->table.rows[0].first_byte_p95_us = 1000;
	path_index_build(&rig->agent->index, &rig->agent->table);
	configure_web(rig, HEDGED);
	fd = connect_client(rig);
	ask(fd, "GET" TO_EXAMPLE "\r\n");
	get(rig, fd, GOT_HI);
	CHECK_INT(mute->conns_n, 1);
	CHECK_INT(good->conns_n, 1);
	AGENT_CHECK(rig->agent, 0, 1, 0, 1, 0);
	AGENT_CHECK(rig->agent, 1, 1, 1, 0, 0);
	web_rig_free(rig);
}

/* All of them hang up: a page says so, on a connection that goes on. */
static void
says_what_was_tried(void)
{
	struct rig *rig = rig_new();
	struct peer *p[2];
	int fd, i;

	for (i = 0; i < 2; i++) {
		p[i] = add_http(rig, "");
		p[i]->closes = true;
	}
	configure_web(rig, "");
	fd = connect_client(rig);
	for (i = 0; i < 2; i++) {
		ask(fd, "HEAD" TO_EXAMPLE "\r\n");
		get(rig, fd,
		    "HTTP/1.1 502 *\r\nProxy-Status: cagent; "
		    "error=connection_terminated; "
		    "details=\"hop-hung-up\"\r\nContent-Type: *\r\n"
		    "Content-Length: *\r\n\r\n");
	}
	CHECK_INT(AGENT_GET(&rig->agent->slab.refused[REASON_HOP_HUNG_UP]), 2);
	web_rig_free(rig);
}

static const struct unit_case cases[] = {
    {"replaces what is at its end", replaces_what_is_at_its_end},
    {"drops what ends or speaks", drops_what_ends_or_speaks},
    {"keeps none that says more", keeps_none_that_says_more},
    {"keeps none that is bound", keeps_none_that_is_bound},
    {"asks the rules of a kept one", asks_the_rules_of_a_kept_one},
    {"asks elsewhere", asks_elsewhere},
    {"does not repeat much", does_not_repeat_much},
    {"asks another for a hop's word", asks_another_for_a_hops_word},
    {"keeps a login between us", keeps_a_login_between_us},
    {"does not pass on rubbish", does_not_pass_on_rubbish},
    {"replaces the silent", replaces_the_silent},
    {"says what was tried", says_what_was_tried},
};

UNIT_MAIN("web_again", cases)
