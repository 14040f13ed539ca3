/* An attempt whose first bytes ride in the SYN, in a network that lets them:
 * what is told of it is what would be told without. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/net.h"
#include "base/net_fast.h"
#include "cagentd/common/attempt.h"
#include "tests/unit/attempt_rig.h"
#include "tests/unit/fast_room.h"
#include "tests/unit/unit.h"

#define QUEUE 16

/* Of an address, whatever its port. */
static void
get_cookie(const char *where)
{
	union net_addr at;
	socklen_t len = sizeof(at);
	int lfd, fd = net_bare_socket(AF_INET);

	CHECK(net_addr_parse(where, &at) > 0, "%s", where);
	lfd = rig_must(net_listen(&at, 4, 0), "net_listen");
	CHECK_INT(net_fast_listen(lfd, QUEUE), 0);
	CHECK_INT(getsockname(lfd, &at.sa, &len), 0);
	CHECK_INT(net_fast_connect(fd), 0);
	CHECK(connect(fd, &at.sa, len) == 0 || errno == EINPROGRESS, "%s",
	    strerror(errno));
	close(fd);
	close(lfd);
}

static struct rig *
rig_fast(struct fake **f, enum fake_script script)
{
	struct rig *rig = rig_new();

	get_cookie("127.0.0.1:0");
	*f = fake_new(rig->loop, script);
	CHECK_INT(net_fast_listen((*f)->fd, QUEUE), 0);
	rig->target.port = (*f)->port;
	rig->target.fast = true;
	return rig;
}

static bool
rode(const struct rig *rig)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	CHECK_INT(
	    getsockopt(rig->r.stream.fd, IPPROTO_TCP, TCP_INFO, &info, &len),
	    0);
	return (info.tcpi_options & TCPI_OPT_SYN_DATA) != 0;
}

static void
check_none(const struct rig *rig, enum wire_reason want)
{
	check_reason(rig, want);
	CHECK_INT(rig->r.connect_us, 0);
	CHECK_INT(rig->r.code, -1);
	CHECK_INT(rig->r.news, ATTEMPT_NO_NEWS);
	CHECK(!rig->r.fast_failed, "no fault of this");
}

static void
stands(void)
{
	static const enum attempt_manner manners[] = {
	    ATTEMPT_STEPWISE, ATTEMPT_EAGER};
	struct fake *f;
	struct rig *rig;
	int i;

	for (i = 0; i < 2; i++) {
		rig = rig_fast(&f, FAKE_ECHO);
		rig->target.manner = manners[i];
		run(rig, LONG_US);
		check_reason(rig, REASON_OK);
		CHECK(rode(rig), "in the SYN");
		CHECK(!rig->r.fast_failed, "and well");
		CHECK(rig->r.connect_us > 0 &&
			  rig->r.connect_us <= rig->r.handshake_us,
		    "%lld of %lld us", (long long)rig->r.connect_us,
		    (long long)rig->r.handshake_us);
		CHECK_INT(f->accepted, 1);
		CHECK_INT(f->requests, 1);
		fake_free(f);
		rig_free(rig);
	}
}

/* What a client says is never said so, nor where it would be in the way. */
static void
ours_alone(void)
{
	static const struct attempt_target rows[] = {{.direct = true},
	    {.bare = true}, {.greet = true}, {.manner = ATTEMPT_TRYING},
	    {.secure = true}};
	struct fake *f;
	struct rig *rig;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		rig = rig_fast(&f, FAKE_ECHO);
		rig->target.direct = rows[i].direct;
		rig->target.bare = rows[i].bare;
		rig->target.greet = rows[i].greet;
		rig->target.manner = rows[i].manner;
		rig->target.secure = rows[i].secure;
		run(rig, LONG_US);
		check_reason(rig, rows[i].secure ? REASON_HOP_TLS : REASON_OK);
		CHECK(rows[i].secure || !rode(rig), "row %zu", i);
		rig_settle(rig->loop);
		CHECK_INT(f->accepted, 1);
		fake_free(f);
		rig_free(rig);
	}
}

static void
refused(void)
{
	struct fake *f;
	struct rig *rig = rig_fast(&f, FAKE_ECHO);

	fake_free(f);
	rig->target.manner = ATTEMPT_EAGER;
	run(rig, LONG_US);
	check_none(rig, REASON_HOP_REFUSED);
	rig_free(rig);
}

static void
silent(void)
{
	struct fake *f;
	struct rig *rig = rig_fast(&f, FAKE_ECHO);
	struct fake_hole hole;

	fake_hole_open(&hole, "127.0.0.2", f->port);
	get_cookie("127.0.0.2:0");
	rig->target.host = "127.0.0.2";
	rig->target.manner = ATTEMPT_EAGER;
	run(rig, SHORT_US);
	check_none(rig, REASON_HOP_TIMEOUT);
	fake_hole_close(&hole);
	fake_free(f);
	rig_free(rig);
}

/* Which has won without an answer. */
static void
next_address(void)
{
	struct fake *f;
	struct rig *rig = rig_fast(&f, FAKE_ECHO);
	struct fake_hole hole;
	int i;

	answer_with(rig, (const char *const[]){"127.0.0.2", "127.0.0.1", NULL});
	get_cookie("127.0.0.2:0");
	for (i = 0; i < 2; i++) {
		if (i == 1)
			fake_hole_open(&hole, "127.0.0.2", f->port);
		rig->n = 0;
		run(rig, LONG_US);
		check_reason(rig, REASON_OK);
		CHECK(!rode(rig), "by a plain one");
		CHECK(rig->r.fast_failed, "as the other did not serve");
		CHECK(i == 0 || rig->r.connect_us >= RACE_DELAY_US,
		    "stood after %lld us", (long long)rig->r.connect_us);
		loop_close(rig->loop, rig->r.stream.fd);
		rig->r.stream = STREAM_NONE;
	}
	CHECK_INT(f->accepted, 2);
	fake_hole_close(&hole);
	fake_free(f);
	rig_free(rig);
}

/* The kernel sends it again, and then alone. */
static void
dropped(void)
{
	struct fake_hole hole;
	struct fake *f;
	struct rig *rig = rig_fast(&f, FAKE_ECHO);
	struct fake late = {.loop = rig->loop, .script = FAKE_ECHO};

	LIST_INIT(&late.conns);
	fake_hole_open(&hole, "127.0.0.2", f->port);
	get_cookie("127.0.0.2:0");
	rig->target.host = "127.0.0.2";
	start(rig, LONG_US);
	RIG_UNTIL(rig->loop, rig->attempt.state == ATTEMPT_SHAKING);
	rig_settle(rig->loop);
	CHECK_INT(listen(hole.fd, 128), 0);
	rig_must(loop_accept(rig->loop, &late.accept, hole.fd, fake_accept),
	    "loop_accept");
	RIG_UNTIL(rig->loop, rig->n > 0);
	check_reason(rig, REASON_OK);
	CHECK(rig->r.fast_failed && !rode(rig), "it was lost");
	CHECK(rig->r.connect_us > 0, "and stands all the same");
	while (!LIST_EMPTY(&late.conns))
		fake_drop(LIST_FIRST(&late.conns), false);
	loop_cancel(rig->loop, &late.accept);
	rig_settle(rig->loop);
	fake_hole_close(&hole);
	fake_free(f);
	rig_free(rig);
}

/* What has stood is judged by what it said, once. */
static void
broken(void)
{
	static const struct {
		enum fake_script script;
		enum attempt_manner manner;
		enum wire_reason reason;
		enum attempt_news news;
	} rows[] = {
	    {FAKE_CLOSED, ATTEMPT_EAGER, REASON_HOP_CLOSED, ATTEMPT_NEWS_DOUBT},
	    {FAKE_STALLED, ATTEMPT_STEPWISE, REASON_HOP_TIMEOUT,
		ATTEMPT_NO_NEWS},
	    {FAKE_SILENT, ATTEMPT_EAGER, REASON_HOP_SILENT, ATTEMPT_NEWS_DOUBT},
	    {FAKE_HANG_UP, ATTEMPT_EAGER, REASON_HOP_HUNG_UP,
		ATTEMPT_NEWS_DOUBT},
	    {FAKE_RUBBISH, ATTEMPT_EAGER, REASON_HOP_BAD, ATTEMPT_NEWS_DOUBT},
	};
	struct fake *f;
	struct rig *rig;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		rig = rig_fast(&f, rows[i].script);
		rig->target.manner = rows[i].manner;
		run(rig, SHORT_US);
		check_reason(rig, rows[i].reason);
		CHECK_INT(rig->r.news, rows[i].news);
		CHECK(rig->r.connect_us > 0 && !rig->r.fast_failed,
		    "row %zu: it stood", i);
		rig_settle(rig->loop);
		CHECK_INT(f->accepted, 1);
		fake_free(f);
		rig_free(rig);
	}
}

/* A cookie is of the address, and there are other servers at it. */
static void
not_taken(void)
{
	struct rig *rig = rig_new();
	struct fake *f = fake_new(rig->loop, FAKE_ECHO);

	get_cookie("127.0.0.1:0");
	rig->target.port = f->port;
	rig->target.fast = true;
	run(rig, LONG_US);
	check_reason(rig, REASON_OK);
	CHECK(!rode(rig) && !rig->r.fast_failed, "and no harm done");
	fake_free(f);
	rig_free(rig);
}

#define IN_ROOM(name, fn)          \
	static void name(void)     \
	{                          \
		fast_room_run(fn); \
	}

IN_ROOM(saves_a_round_trip, stands)
IN_ROOM(takes_only_our_own_words, ours_alone)
IN_ROOM(is_refused_as_without, refused)
IN_ROOM(times_out_as_without, silent)
IN_ROOM(goes_on_to_the_next_address, next_address)
IN_ROOM(sees_that_it_was_dropped, dropped)
IN_ROOM(is_not_repeated_once_it_stood, broken)
IN_ROOM(does_without_where_it_is_not_taken, not_taken)

#define LIST_OF(X)                                                        \
	X(saves_a_round_trip, "saves a round trip")                       \
	X(takes_only_our_own_words, "takes only our own words")           \
	X(is_refused_as_without, "is refused as without")                 \
	X(times_out_as_without, "times out as without")                   \
	X(goes_on_to_the_next_address, "goes on to the next address")     \
	X(sees_that_it_was_dropped, "sees that it was dropped")           \
	X(is_not_repeated_once_it_stood, "is not repeated once it stood") \
	X(does_without_where_it_is_not_taken,                             \
	    "does without where it is not taken")

RIG_CASES(LIST_OF)

UNIT_MAIN("attempt_fast", cases)
