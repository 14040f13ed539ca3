/* An attempt that says all at once, by servers that bear it or do not; and one
 * on a connection that was there before. */
#include "cagentd/common/attempt.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/fake.h"
#include "tests/unit/unit.h"

#define REQUEST "\5\1\0\3\17www.example.com\1\273"
#define REPLY	"\5\0\0\1\177\0\0\1\0\120"
#define B(s)	(s), sizeof(s) - 1

/* A server by hand. */
struct rig {
	struct loop *loop;
	struct resolve *resolve;
	struct attempt attempt;
	struct attempt_target target;
	struct wire_host dest;
	int n;
	struct attempt_result r;
	int lfd, fd, fds;
};

static void
rig_init(struct rig *rig, enum attempt_manner manner)
{
	struct sockaddr_in sin;

	memset(rig, 0, sizeof(*rig));
	rig->fds = fake_open_fds();
	rig->fd = -1;
	rig->loop = rig_loop();
	rig_must(resolve_new(&rig->resolve, rig->loop), "resolve_new");
	rig->lfd = rig_listen(&sin);
	rig->dest.port = 443;
	wire_host_set(&rig->dest, "www.example.com", 15);
	rig->target = (struct attempt_target){.host = "127.0.0.1",
	    .port = ntohs(sin.sin_port),
	    .type = HOP_SOCKS5,
	    .manner = manner,
	    .dest = &rig->dest};
	rig->r.stream = STREAM_NONE;
}

static void
hang_up(struct rig *rig)
{
	if (rig->fd != -1)
		close(rig->fd);
	rig->fd = -1;
}

static void
rig_fini(struct rig *rig)
{
	attempt_cancel(&rig->attempt);
	hang_up(rig);
	close(rig->lfd);
	buf_free(rig->r.early);
	loop_close(rig->loop, rig->r.stream.fd);
	resolve_free(rig->resolve);
	loop_free(rig->loop);
	CHECK_INT(fake_open_fds(), rig->fds);
}

static void
done(struct attempt *a, struct attempt_result *r)
{
	struct rig *rig = container_of(a, struct rig, attempt);

	rig->n++;
	rig->r = *r;
}

static void
start(struct rig *rig, int64_t limit_us)
{
	attempt_start(&rig->attempt, rig->loop, rig->resolve, &rig->target,
	    mono_us() + limit_us, done);
	/* A link so slow that it is patient with the test. */
	rig->attempt.connecting_us -= limit_us;
}

static bool
has_come(struct rig *rig)
{
	rig->fd = accept4(rig->lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (rig->fd != -1)
		fake_nodelay(rig->fd);
	return rig->fd != -1;
}

static void
accept_one(struct rig *rig)
{
	int64_t end = mono_us() + RIG_DEADLINE_US;

	hang_up(rig);
	/* Short turns, as its coming is no event of the loop. */
	while (!has_come(rig) && mono_us() < end)
		loop_turn(rig->loop, 1000);
	CHECK(rig->fd != -1, "no connection comes");
}

/* In one segment, and nothing else. */
static void
expect(struct rig *rig, const void *want, size_t len)
{
	char got[2048];
	ssize_t n;

	rig_settle(rig->loop);
	n = recv(rig->fd, got, sizeof(got), MSG_DONTWAIT);
	CHECK(n == (ssize_t)len && memcmp(got, want, len) == 0,
	    "%zd bytes, %zu expected", n, len);
}

static void
say(struct rig *rig, const void *data, size_t len)
{
	CHECK_INT(send(rig->fd, data, len, 0), len);
	rig_settle(rig->loop);
}

static void
check_end(struct rig *rig, enum wire_reason reason, enum attempt_news news)
{
	RIG_UNTIL(rig->loop, rig->n > 0);
	CHECK_INT(rig->n, 1);
	CHECK(rig->r.reason == reason, "%s, not %s",
	    wire_reason_word(rig->r.reason), wire_reason_word(reason));
	CHECK(rig->r.news == news, "news %d, not %d", (int)rig->r.news,
	    (int)news);
}

static void
go_stepwise(struct rig *rig)
{
	accept_one(rig);
	expect(rig, B("\5\1\0"));
	say(rig, B("\5\0"));
	expect(rig, B(REQUEST));
	say(rig, B(REPLY "early"));
}

static void
is_borne(void)
{
	static const enum attempt_manner manners[] = {
	    ATTEMPT_TRYING, ATTEMPT_EAGER};
	static const char all[] = "\5\0" REPLY "early";
	struct rig rig;
	size_t i, cut;

	for (cut = 0; cut < 12; cut++) {
		for (i = 0; i < 2; i++) {
			rig_init(&rig, manners[i]);
			start(&rig, RIG_DEADLINE_US);
			accept_one(&rig);
			expect(&rig, B("\5\1\0" REQUEST));
			if (cut > 0)
				say(&rig, all, cut);
			say(&rig, all + cut, sizeof(all) - 1 - cut);
			check_end(&rig, REASON_OK,
			    i == 0 ? ATTEMPT_NEWS_BORNE : ATTEMPT_NO_NEWS);
			CHECK(rig.r.early != NULL && rig.r.early->len == 5,
			    "what came early");
			rig_fini(&rig);
		}
	}
}

/* The greeting is answered, and nothing else (microsocks). */
static void
is_swallowed(void)
{
	struct rig rig;
	int silent;

	rig_init(&rig, ATTEMPT_TRYING);
	start(&rig, RIG_DEADLINE_US);
	accept_one(&rig);
	expect(&rig, B("\5\1\0" REQUEST));
	say(&rig, B("\5\0"));
	CHECK_INT(rig.n, 0);
	silent = rig.fd;
	rig.fd = -1;
	go_stepwise(&rig);
	check_end(&rig, REASON_OK, ATTEMPT_NEWS_SWALLOWED);
	CHECK(rig.r.handshake_us < ATTEMPT_PATIENCE_MAX_US,
	    "%lld us, with the time that was lost",
	    (long long)rig.r.handshake_us);
	close(silent);
	rig_fini(&rig);
}

/* What else may come in its place says nothing for sure. */
static void
falls_back_once(void)
{
	static const struct {
		const char *in;
		size_t len;
		enum attempt_manner manner;
		enum attempt_news news;
	} rows[] = {
	    {B(""), ATTEMPT_TRYING, ATTEMPT_NEWS_UNSURE},
	    {B("\5\0"), ATTEMPT_TRYING, ATTEMPT_NEWS_UNSURE},
	    {B("\5\0\5\1\0\1\0\0\0\0\0\0"), ATTEMPT_TRYING,
		ATTEMPT_NEWS_UNSURE},
	    {B("HTTP/1.0 400 Bad"), ATTEMPT_TRYING, ATTEMPT_NEWS_UNSURE},
	    {B("\5\377"), ATTEMPT_TRYING, ATTEMPT_NEWS_UNSURE},
	    {B("\5\377"), ATTEMPT_EAGER, ATTEMPT_NEWS_STEPWISE},
	    {B("\5\2"), ATTEMPT_EAGER, ATTEMPT_NEWS_STEPWISE},
	};
	struct rig rig;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		rig_init(&rig, rows[i].manner);
		start(&rig, RIG_DEADLINE_US);
		accept_one(&rig);
		expect(&rig, B("\5\1\0" REQUEST));
		if (rows[i].len > 0)
			say(&rig, rows[i].in, rows[i].len);
		hang_up(&rig);
		CHECK_INT(rig.n, 0);
		go_stepwise(&rig);
		check_end(&rig, REASON_OK, rows[i].news);
		rig_fini(&rig);
	}
}

/* Stepwise it is told what is wrong, as if nothing else had been said. */
static void
ends_as_the_second_does(void)
{
	struct rig rig;

	rig_init(&rig, ATTEMPT_TRYING);
	start(&rig, RIG_DEADLINE_US);
	accept_one(&rig);
	hang_up(&rig);
	accept_one(&rig);
	expect(&rig, B("\5\1\0"));
	hang_up(&rig);
	check_end(&rig, REASON_HOP_CLOSED, ATTEMPT_NEWS_UNSURE);
	rig_fini(&rig);

	rig_init(&rig, ATTEMPT_TRYING);
	start(&rig, 2 * ATTEMPT_PATIENCE_MIN_US);
	rig.attempt.connecting_us = rig.attempt.started_us;
	accept_one(&rig);
	accept_one(&rig);
	expect(&rig, B("\5\1\0"));
	check_end(&rig, REASON_HOP_TIMEOUT, ATTEMPT_NEWS_UNSURE);
	rig_fini(&rig);
}

/* Of what is known to be borne the answers are answers. */
static void
tells_the_truth_where_it_is_known(void)
{
	struct rig rig;

	rig_init(&rig, ATTEMPT_EAGER);
	start(&rig, RIG_DEADLINE_US);
	accept_one(&rig);
	say(&rig, B("\5\0\5\5\0\1\0\0\0\0\0\0"));
	check_end(&rig, REASON_REFUSED, ATTEMPT_NO_NEWS);
	CHECK_INT(rig.r.code, 5);
	rig_fini(&rig);

	rig_init(&rig, ATTEMPT_EAGER);
	start(&rig, RIG_DEADLINE_US);
	accept_one(&rig);
	say(&rig, B("\5\0"));
	hang_up(&rig);
	check_end(&rig, REASON_HOP_HUNG_UP, ATTEMPT_NEWS_DOUBT);
	rig_fini(&rig);

	rig_init(&rig, ATTEMPT_EAGER);
	start(&rig, ATTEMPT_PATIENCE_MIN_US);
	accept_one(&rig);
	say(&rig, B("\5\0"));
	check_end(&rig, REASON_HOP_SILENT, ATTEMPT_NEWS_DOUBT);
	rig_fini(&rig);
}

static void
says_what_stepwise_has_shown(void)
{
	struct rig rig;

	rig_init(&rig, ATTEMPT_STEPWISE);
	start(&rig, RIG_DEADLINE_US);
	go_stepwise(&rig);
	check_end(&rig, REASON_OK, ATTEMPT_NEWS_STEPWISE);
	CHECK(!rig.r.logged_in && !rig.r.warm, "nor a login");
	rig_fini(&rig);
}

/* --- a connection that was there before --- */

static void
make_warm(struct rig *rig, enum hop_type type)
{
	rig->target.type = type;
	rig->target.greet = type == HOP_SOCKS5;
	rig->target.bare = type != HOP_SOCKS5;
	start(rig, RIG_DEADLINE_US);
	accept_one(rig);
	if (type == HOP_SOCKS5) {
		expect(rig, B("\5\1\0"));
		say(rig, B("\5\0"));
	}
	check_end(rig, REASON_OK, ATTEMPT_NO_NEWS);
	rig->n = 0;
}

static void
start_warm(struct rig *rig)
{
	const struct attempt_warm warm = {rig->r.stream, 1000, 2000000};

	rig->r.stream = STREAM_NONE;
	rig->target.greet = rig->target.bare = false;
	attempt_start_warm(&rig->attempt, rig->loop, rig->resolve, &rig->target,
	    &warm, mono_us() + RIG_DEADLINE_US, done);
	CHECK_INT(rig->n, 0);
}

static void
goes_on_where_it_stands(void)
{
	struct rig rig;
	int mark = -1;
	socklen_t len = sizeof(mark);

	rig_init(&rig, ATTEMPT_STEPWISE);
	make_warm(&rig, HOP_SOCKS5);
	rig.target.dscp = 10;
	start_warm(&rig);
	expect(&rig, B(REQUEST));
	say(&rig, B(REPLY));
	check_end(&rig, REASON_OK, ATTEMPT_NO_NEWS);
	CHECK(rig.r.warm && rig.r.connect_us == 1000 &&
		  rig.r.handshake_us >= 2000000,
	    "as long as from the start: %lld and %lld us",
	    (long long)rig.r.connect_us, (long long)rig.r.handshake_us);
	CHECK_INT(
	    getsockopt(rig.r.stream.fd, IPPROTO_IP, IP_TOS, &mark, &len), 0);
	CHECK_INT(mark, 10 << 2);
	rig_fini(&rig);

	rig_init(&rig, ATTEMPT_STEPWISE);
	make_warm(&rig, HOP_HTTP);
	start_warm(&rig);
	say(&rig, B("HTTP/1.1 200 OK\r\n\r\n"));
	check_end(&rig, REASON_OK, ATTEMPT_NO_NEWS);
	CHECK(rig.r.warm, "the same connection");
	rig_fini(&rig);
}

/* Dead before its first byte, it is as if it had never been. */
static void
goes_on_without_a_dead_one(void)
{
	struct rig rig;
	int when;

	for (when = 0; when < 2; when++) {
		rig_init(&rig, ATTEMPT_STEPWISE);
		make_warm(&rig, HOP_SOCKS5);
		if (when == 0)
			fake_reset(rig.fd);
		if (when == 0)
			hang_up(&rig);
		start_warm(&rig);
		if (when == 1)
			expect(&rig, B(REQUEST));
		go_stepwise(&rig);
		check_end(&rig, REASON_OK, ATTEMPT_NEWS_STEPWISE);
		CHECK(!rig.r.warm && rig.r.handshake_us < 2000000 &&
			  rig.r.connect_us < 2000000,
		    "on another one");
		rig_fini(&rig);
	}
}

/* What has answered is alive, and to be judged by that. */
static void
ends_where_it_has_answered(void)
{
	struct rig rig;

	rig_init(&rig, ATTEMPT_STEPWISE);
	make_warm(&rig, HOP_SOCKS5);
	start_warm(&rig);
	expect(&rig, B(REQUEST));
	say(&rig, B("\5\0\0"));
	hang_up(&rig);
	check_end(&rig, REASON_HOP_HUNG_UP, ATTEMPT_NO_NEWS);
	rig_fini(&rig);

	rig_init(&rig, ATTEMPT_STEPWISE);
	make_warm(&rig, HOP_SOCKS5);
	start_warm(&rig);
	say(&rig, B("\5\4\0\1\0\0\0\0\0\0"));
	check_end(&rig, REASON_HOST_UNREACHABLE, ATTEMPT_NO_NEWS);
	CHECK_INT(rig.r.code, 4);
	rig_fini(&rig);
}

static const struct unit_case cases[] = {
    {"is borne", is_borne},
    {"is swallowed", is_swallowed},
    {"falls back once", falls_back_once},
    {"ends as the second does", ends_as_the_second_does},
    {"tells the truth where it is known", tells_the_truth_where_it_is_known},
    {"says what stepwise has shown", says_what_stepwise_has_shown},
    {"goes on where it stands", goes_on_where_it_stands},
    {"goes on without a dead one", goes_on_without_a_dead_one},
    {"ends where it has answered", ends_where_it_has_answered},
};

UNIT_MAIN("attempt_eager", cases)
