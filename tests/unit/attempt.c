/* One attempt at one path, against servers and a resolver of the test's. */
#include "cagentd/common/attempt.h"

#include <netinet/tcp.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/chan.h"
#include "tests/unit/attempt_rig.h"
#include "tests/unit/unit.h"

/* --- names --- */

static void
resolves_a_name(void)
{
	struct rig *rig = rig_new();
	struct fake *f = fake_new(rig->loop, FAKE_ECHO);

	answer_with(rig, (const char *const[]){"127.0.0.1", NULL});
	rig->target.port = f->port;
	run(rig, LONG_US);
	check_reason(rig, REASON_OK);
	CHECK_INT(rig->asked, 1);
	CHECK(rig->r.handshake_us >= rig->r.connect_us, "times");
	fake_free(f);
	rig_free(rig);
}

/* Nothing listens at the other address. */
static void
tries_the_next_address(void)
{
	struct rig *rig = rig_new();
	struct fake *f = fake_new(rig->loop, FAKE_ECHO);

	answer_with(rig, (const char *const[]){"127.0.0.2", "127.0.0.1", NULL});
	rig->target.port = f->port;
	run(rig, LONG_US);
	check_reason(rig, REASON_OK);
	CHECK_INT(f->requests, 1);
	fake_free(f);
	rig_free(rig);
}

/* What an intermediary costs of whose two addresses one is dead: one delay
 * when it is silent, nothing when it refuses. */
static void
passes_over_a_silent_address(void)
{
	struct rig *rig = rig_new();
	struct fake *f = fake_new(rig->loop, FAKE_ECHO);
	struct fake_hole hole;

	fake_hole_open(&hole, "127.0.0.2", f->port);
	answer_with(rig, (const char *const[]){"127.0.0.2", "127.0.0.1", NULL});
	rig->target.port = f->port;
	run(rig, LONG_US);
	check_reason(rig, REASON_OK);
	CHECK_INT(f->requests, 1);
	CHECK(rig->r.connect_us >= RACE_DELAY_US &&
		  rig->r.connect_us < 4 * RACE_DELAY_US,
	    "connected after %lld us", (long long)rig->r.connect_us);
	CHECK(rig->r.handshake_us >= rig->r.connect_us, "times");
	fake_hole_close(&hole);
	fake_free(f);
	rig_free(rig);
}

static void
goes_on_at_once_where_one_refuses(void)
{
	struct rig *rig = rig_new();
	struct fake *f = fake_new(rig->loop, FAKE_ECHO);

	answer_with(rig, (const char *const[]){
			     "127.0.0.2", "fe80::1", "::1", "127.0.0.1", NULL});
	rig->target.port = f->port;
	start(rig, LONG_US);
	RIG_UNTIL(rig->loop, rig->attempt.state == ATTEMPT_CONNECTING);
	rig_settle(rig->loop);
	CHECK(rig->attempt.state != ATTEMPT_CONNECTING, "waits for nothing");
	RIG_UNTIL(rig->loop, rig->n > 0);
	check_reason(rig, REASON_OK);
	fake_free(f);
	rig_free(rig);
}

static void
times_out_connecting(void)
{
	struct rig *rig = rig_new();
	struct fake *f = fake_new(rig->loop, FAKE_ECHO);
	struct fake_hole hole;

	fake_hole_open(&hole, "127.0.0.2", f->port);
	rig->target.host = "127.0.0.2";
	rig->target.port = f->port;
	run(rig, SHORT_US);
	check_reason(rig, REASON_HOP_TIMEOUT);
	CHECK_INT(rig->r.connect_us, 0);
	rig->target.direct = true;
	rig->n = 0;
	run(rig, SHORT_US);
	check_reason(rig, REASON_TIMEOUT);
	fake_hole_close(&hole);
	fake_free(f);
	rig_free(rig);
}

/* One refuses and one is silent: who waits to the end waits for that one. */
static void
ends_by_its_deadline_with_several(void)
{
	struct rig *rig = rig_new();
	struct fake *f = fake_new(rig->loop, FAKE_ECHO);
	struct fake_hole hole;

	fake_hole_open(&hole, "127.0.0.2", f->port);
	answer_with(rig,
	    (const char *const[]){"127.0.0.2", "127.0.0.3", "fe80::1", NULL});
	rig->target.port = f->port;
	run(rig, RACE_DELAY_US + SHORT_US);
	check_reason(rig, REASON_HOP_TIMEOUT);
	fake_hole_close(&hole);
	fake_free(f);
	rig_free(rig);
}

static bool
only_one(const void *arg, const struct net_ip *ip)
{
	const struct net_ip *allowed = arg;

	return net_ip_equal(ip, allowed);
}

/* A name that turns to an address which is not allowed is not followed. */
static void
connects_only_where_it_may(void)
{
	struct rig *rig = rig_new();
	struct fake *f = fake_new(rig->loop, FAKE_ECHO);
	struct net_ip allowed;

	CHECK_INT(net_ip_parse("127.0.0.9", &allowed), 0);
	answer_with(rig, (const char *const[]){"127.0.0.1", "127.0.0.2", NULL});
	rig->target.port = f->port;
	rig->target.direct = true;
	rig->target.may = only_one;
	rig->target.arg = &allowed;
	run(rig, LONG_US);
	check_reason(rig, REASON_DENIED);
	CHECK_INT(f->accepted, 0);
	CHECK_INT(net_ip_parse("127.0.0.2", &allowed), 0);
	rig->n = 0;
	run(rig, LONG_US);
	check_reason(rig, REASON_REFUSED);
	CHECK_INT(f->accepted, 0);
	CHECK_INT(net_ip_parse("127.0.0.1", &allowed), 0);
	rig->n = 0;
	run(rig, LONG_US);
	check_reason(rig, REASON_OK);
	fake_free(f);
	rig_free(rig);
}

static void
says_what_became_of_the_name(void)
{
	static const struct {
		enum names_outcome outcome;
		bool direct;
		enum wire_reason reason;
	} rows[] = {
	    {NAMES_UNKNOWN, true, REASON_NAME_UNKNOWN},
	    {NAMES_FAILED, true, REASON_NAME_FAILED},
	    {NAMES_TIMEOUT, true, REASON_NAME_FAILED},
	    {NAMES_UNKNOWN, false, REASON_HOP_UNREACHABLE},
	    {NAMES_FAILED, false, REASON_HOP_UNREACHABLE},
	};
	struct rig *rig;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		rig = rig_new();
		answer_with(rig, (const char *const[]){NULL});
		rig->answer.outcome = rows[i].outcome;
		rig->target.direct = rows[i].direct;
		run(rig, LONG_US);
		check_reason(rig, rows[i].reason);
		rig_free(rig);
	}
}

static void
does_not_wait_for_ever_for_a_name(void)
{
	struct rig *rig = rig_new();

	rig->mute = true;
	answer_with(rig, (const char *const[]){NULL});
	rig->target.direct = true;
	run(rig, SHORT_US);
	check_reason(rig, REASON_NAME_FAILED);
	rig->target.direct = false;
	rig->n = 0;
	run(rig, SHORT_US);
	check_reason(rig, REASON_HOP_UNREACHABLE);
	rig_free(rig);
}

/* The resolver dies with the question; its successor is asked. */
static void
survives_its_resolver(void)
{
	struct rig *rig = rig_new();
	struct fake *f = fake_new(rig->loop, FAKE_ECHO);

	rig->mute = true;
	answer_with(rig, (const char *const[]){"127.0.0.1", NULL});
	rig->target.port = f->port;
	start(rig, LONG_US);
	RIG_UNTIL(rig->loop, rig->asked == 1);
	chan_free(rig->resolver);
	rig_settle(rig->loop);
	rig->mute = false;
	attach(rig);
	RIG_UNTIL(rig->loop, rig->n > 0);
	check_reason(rig, REASON_OK);
	CHECK_INT(rig->asked, 2);
	fake_free(f);
	rig_free(rig);
}

/* An answer that comes too late finds nobody. */
static void
can_be_cancelled_while_resolving(void)
{
	struct rig *rig = rig_new();

	answer_with(rig, (const char *const[]){"127.0.0.1", NULL});
	start(rig, LONG_US);
	attempt_cancel(&rig->attempt);
	RIG_UNTIL(rig->loop, rig->asked == 1);
	rig_settle(rig->loop);
	CHECK_INT(rig->n, 0);
	rig_free(rig);
}

static void
refuses_what_is_no_name(void)
{
	struct rig *rig = rig_new();

	rig->target.host = "no name";
	run(rig, LONG_US);
	check_reason(rig, REASON_OVERLOAD);
	rig_free(rig);
}

/* --- the handshake, by hand --- */

struct server {
	struct rig *rig;
	int lfd, fd;
};

static void
serve(struct server *s, enum hop_type type)
{
	struct sockaddr_in sin;

	s->rig = rig_new();
	s->lfd = rig_listen(&sin);
	s->rig->target.type = type;
	s->rig->target.port = ntohs(sin.sin_port);
	start(s->rig, LONG_US);
	rig_told(s->rig->loop);
	s->fd = accept4(s->lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	rig_must(s->fd, "accept4");
	fake_nodelay(s->fd);
	rig_settle(s->rig->loop);
}

/* What the attempt has sent, and nothing else. */
static void
expect(struct server *s, const void *want, size_t len)
{
	char got[2048];
	ssize_t n;

	rig_settle(s->rig->loop);
	n = recv(s->fd, got, sizeof(got), MSG_DONTWAIT);
	CHECK(n == (ssize_t)len && memcmp(got, want, len) == 0,
	    "%zd bytes, %zu expected", n, len);
}

static void
say(struct server *s, const void *data, size_t len)
{
	CHECK_INT(send(s->fd, data, len, 0), len);
	rig_settle(s->rig->loop);
}

/* A handshake and what follows it wait for nothing, so that nobody has told
 * the kernel not to make them. */
static void
check_untold(const struct rig *rig)
{
	socklen_t len = sizeof(int);
	int fd = rig->r.stream.fd, on = -1;

	CHECK_INT(loop_send_now(rig->loop, fd, "x", 1), 1);
	CHECK_INT(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
	CHECK_INT(on, 0);
}

static void
serve_end(struct server *s, enum wire_reason want, const char *early)
{
	struct rig *rig = s->rig;
	size_t len = strlen(early);

	RIG_UNTIL(rig->loop, rig->n > 0);
	check_reason(rig, want);
	CHECK((rig->r.early != NULL ? rig->r.early->len : 0) == len,
	    "early bytes");
	if (rig->r.early != NULL && rig->r.early->len == len)
		CHECK(memcmp(buf_bytes(rig->r.early), early, len) == 0,
		    "early bytes are the payload");
	if (want == REASON_OK)
		check_untold(rig);
	close(s->fd);
	close(s->lfd);
	rig_free(rig);
}

static const char socks5_request[] = "\5\1\0\3\17www.example.com\1\273";
#define SOCKS5_REQUEST_LEN (sizeof(socks5_request) - 1)
static const char socks5_answer[] = "\5\0\0\1\177\0\0\1\0\120payload";
#define SOCKS5_ANSWER_LEN (sizeof(socks5_answer) - 1)
static const char http_answer[] =
    "HTTP/1.1 200 OK\r\nProxy-Agent: x\r\n\r\npayload";
#define HTTP_ANSWER_LEN (sizeof(http_answer) - 1)

static void
takes_a_split_socks5_answer(void)
{
	struct server s;
	size_t cut;

	for (cut = 0; cut < SOCKS5_ANSWER_LEN; cut++) {
		serve(&s, HOP_SOCKS5);
		expect(&s, "\5\1\0", 3);
		say(&s, "\5", 1);
		say(&s, "\0", 1);
		expect(&s, socks5_request, SOCKS5_REQUEST_LEN);
		if (cut > 0)
			say(&s, socks5_answer, cut);
		if (s.rig->n == 0)
			say(&s, socks5_answer + cut, SOCKS5_ANSWER_LEN - cut);
		serve_end(&s, REASON_OK,
		    cut < 10 ? "payload"
			     : (const char[][8]){"", "p", "pa", "pay", "payl",
				   "paylo", "payloa"}[cut - 10]);
	}
}

static void
takes_a_split_http_answer(void)
{
	const size_t head = HTTP_ANSWER_LEN - 7;
	struct server s;
	size_t cut;

	for (cut = 1; cut <= head; cut++) {
		serve(&s, HOP_HTTP);
		say(&s, http_answer, cut);
		if (cut < head) {
			CHECK_INT(s.rig->n, 0);
			say(&s, http_answer + cut, HTTP_ANSWER_LEN - cut);
		}
		serve_end(&s, REASON_OK, cut < head ? "payload" : "");
	}
}

static void
takes_an_answer_byte_by_byte(void)
{
	struct server s;
	size_t i;

	serve(&s, HOP_HTTP);
	for (i = 0; i < HTTP_ANSWER_LEN - 7; i++) {
		CHECK_INT(s.rig->n, 0);
		say(&s, http_answer + i, 1);
	}
	serve_end(&s, REASON_OK, "");
}

static void
logs_in(void)
{
	struct server s;
	struct rig *rig;
	struct sockaddr_in sin;

	rig = rig_new();
	s.rig = rig;
	s.lfd = rig_listen(&sin);
	rig->target.port = ntohs(sin.sin_port);
	rig->target.user = "agent";
	rig->target.password = "secret";
	start(rig, LONG_US);
	rig_told(rig->loop);
	s.fd = accept4(s.lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	expect(&s, "\5\2\0\2", 4);
	say(&s, "\5\2", 2);
	expect(&s, "\1\5agent\6secret", 14);
	say(&s, "\1\1", 2);
	serve_end(&s, REASON_HOP_AUTH, "");
}

static void
refuses_bytes_that_nobody_asked_for(void)
{
	struct server s;

	serve(&s, HOP_SOCKS5);
	say(&s, "\5\0x", 3);
	serve_end(&s, REASON_HOP_BAD, "");
}

static void
bounds_what_it_reads(void)
{
	static char flood[3 * HOP_IN_MAX];
	struct server s;

	memset(flood, 'a', sizeof(flood));
	memcpy(flood, "HTTP/1.1 200 OK\r\nX: ", 20);
	serve(&s, HOP_HTTP);
	say(&s, flood, 10);
	say(&s, flood + 10, sizeof(flood) - 10);
	serve_end(&s, REASON_HOP_BAD, "");
}

static void
tells_how_far_it_came(void)
{
	struct server s;

	serve(&s, HOP_SOCKS5);
	shutdown(s.fd, SHUT_RDWR);
	serve_end(&s, REASON_HOP_CLOSED, "");

	serve(&s, HOP_SOCKS5);
	say(&s, "\5\0", 2);
	shutdown(s.fd, SHUT_RDWR);
	serve_end(&s, REASON_HOP_HUNG_UP, "");

	serve(&s, HOP_SOCKS5);
	say(&s, "\5\0", 2);
	say(&s, socks5_answer, 4);
	shutdown(s.fd, SHUT_RDWR);
	serve_end(&s, REASON_HOP_HUNG_UP, "");
}

static const struct unit_case cases[] = {
    {"resolves a name", resolves_a_name},
    {"tries the next address", tries_the_next_address},
    {"passes over a silent address", passes_over_a_silent_address},
    {"goes on at once where one refuses", goes_on_at_once_where_one_refuses},
    {"times out connecting", times_out_connecting},
    {"ends by its deadline with several", ends_by_its_deadline_with_several},
    {"connects only where it may", connects_only_where_it_may},
    {"says what became of the name", says_what_became_of_the_name},
    {"does not wait for ever for a name", does_not_wait_for_ever_for_a_name},
    {"survives its resolver", survives_its_resolver},
    {"can be cancelled while resolving", can_be_cancelled_while_resolving},
    {"refuses what is no name", refuses_what_is_no_name},
    {"takes a split SOCKS5 answer", takes_a_split_socks5_answer},
    {"takes a split HTTP answer", takes_a_split_http_answer},
    {"takes an answer byte by byte", takes_an_answer_byte_by_byte},
    {"logs in", logs_in},
    {"refuses bytes that nobody asked for",
	refuses_bytes_that_nobody_asked_for},
    {"bounds what it reads", bounds_what_it_reads},
    {"tells how far it came", tells_how_far_it_came},
};

UNIT_MAIN("attempt", cases)
