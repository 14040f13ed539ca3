/* The search for a path, among scripted intermediaries on loopback. */
#include "cagentd/worker/dial/dial.h"

#include <sys/resource.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cagentd/worker/dial/target.h"
#include "tests/unit/dial_call.h"
#include "tests/unit/unit.h"

static void
succeeds(void)
{
	struct agent *a = agent_new();
	struct fake *f = agent_fake(a, FAKE_ECHO);
	struct call *c = call_new(a);

	agent_settings(a, "");
	call_run(c);
	CHECK_INT(c->reason, REASON_OK);
	CHECK(c->fd >= 0, "an fd");
	CHECK_STR(c->via, "hop-0");
	CHECK_STR(c->early, "");
	CHECK_INT(f->requests, 1);
	AGENT_CHECK(a, 0, 1, 0, 0, 1);
	call_leave_proved(c);
	AGENT_CHECK(a, 0, 1, 1, 0, 0);
	CHECK(a->loads[0].ewma_us > 0, "measured");
	fake_free(f);
	agent_free(a);
}

static void
hands_on_what_follows_the_reply(void)
{
	struct agent *a = agent_new();
	struct fake *f = agent_fake(a, FAKE_BANNER);
	struct call *c = call_new(a);

	agent_settings(a, "");
	call_run(c);
	CHECK_INT(c->reason, REASON_OK);
	CHECK_STR(c->early, "hello");
	call_leave_proved(c);
	fake_free(f);
	agent_free(a);
}

/* Each way to fail, followed by one that serves: what the try says, and who
 * is charged before and after the first byte. */
static const struct {
	const char *name;
	enum fake_script script;
	uint8_t code;
	enum wire_reason reason;
	uint64_t charged_at_once, charged_in_the_end;
} failures[] = {
    {"refused", FAKE_REPLY, 5, REASON_REFUSED, 0, 1},
    {"general failure", FAKE_REPLY, 1, REASON_HOP_FAILED, 0, 1},
    {"denied", FAKE_REPLY, 2, REASON_HOP_DENIED, 0, 0},
    {"host unreachable", FAKE_REPLY, 4, REASON_HOST_UNREACHABLE, 0, 1},
    {"unsupported", FAKE_REPLY, 8, REASON_HOP_UNSUPPORTED, 0, 0},
    {"bad code", FAKE_REPLY, 77, REASON_HOP_BAD, 1, 1},
    {"hung up", FAKE_HANG_UP, 0, REASON_HOP_HUNG_UP, 0, 1},
    {"closed", FAKE_CLOSED, 0, REASON_HOP_CLOSED, 1, 1},
    {"rubbish", FAKE_RUBBISH, 0, REASON_HOP_BAD, 1, 1},
    {"stalled", FAKE_STALLED, 0, REASON_HOP_TIMEOUT, 1, 1},
    {"silent", FAKE_SILENT, 0, REASON_HOP_SILENT, 0, 1},
};

static void
goes_on_with(size_t i)
{
	struct agent *a = agent_new();
	struct fake *bad = agent_fake(a, failures[i].script);
	struct fake *good = agent_fake(a, FAKE_ECHO);
	struct call *c = call_new(a);

	bad->code = failures[i].code;
	agent_settings(a, "[agent]\nattempt-timeout = 500ms\n");
	call_run(c);
	CHECK(c->reason == REASON_OK, "%s: %s", failures[i].name,
	    wire_reason_word(c->reason));
	CHECK_STR(c->via, "hop-1");
	CHECK_INT(c->dial.tries_n, 2);
	CHECK(c->dial.tries[0].reason == failures[i].reason, "%s: %s",
	    failures[i].name, wire_reason_word(c->dial.tries[0].reason));
	AGENT_CHECK(a, 0, 1, 0, failures[i].charged_at_once, 0);
	call_leave_proved(c);
	AGENT_CHECK(a, 0, 1, 0, failures[i].charged_in_the_end, 0);
	AGENT_CHECK(a, 1, 1, 1, 0, 0);
	CHECK_INT(AGENT_GET(&a->slab.rows[0].failures[failures[i].reason]), 1);
	fake_free(bad);
	fake_free(good);
	agent_free(a);
}

static void
goes_on_after_every_failure(void)
{
	size_t i;

	for (i = 0; i < sizeof(failures) / sizeof(*failures); i++)
		goes_on_with(i);
}

/* Without a first byte by another path nobody knows whose fault it was. */
static void
charges_nobody_without_proof(void)
{
	struct agent *a = agent_new();
	struct fake *silent = agent_fake(a, FAKE_SILENT);
	struct fake *mute = agent_fake(a, FAKE_MUTE);
	struct call *c = call_new(a);

	agent_settings(a, "[agent]\nattempt-timeout = 500ms\n");
	call_run(c);
	CHECK_INT(c->reason, REASON_OK);
	dial_judge(&c->dial, REASON_CANCELLED, true);
	call_leave(c);
	AGENT_CHECK(a, 0, 1, 0, 0, 0);
	AGENT_CHECK(a, 1, 1, 0, 0, 0);
	CHECK_INT(AGENT_GET(&a->slab.rows[0].failures[REASON_HOP_SILENT]), 1);
	CHECK_INT(AGENT_GET(&a->slab.rows[1].failures[REASON_CANCELLED]), 1);
	fake_free(silent);
	fake_free(mute);
	agent_free(a);
}

static void
goes_on_after_a_refused_connect(void)
{
	struct agent *a = agent_new();
	struct call *c = call_new(a);
	struct fake *good;
	uint16_t port;
	int fd = fake_refusing(&port);

	agent_hop(a, "127.0.0.1", port);
	good = agent_fake(a, FAKE_ECHO);
	agent_settings(a, "");
	call_run(c);
	CHECK_STR(c->via, "hop-1");
	CHECK_INT(c->dial.tries[0].reason, REASON_HOP_REFUSED);
	AGENT_CHECK(a, 0, 1, 0, 1, 0);
	CHECK(a->loads[0].avoid_until_us > 0, "to be avoided now");
	call_leave_proved(c);
	AGENT_CHECK(a, 0, 1, 0, 1, 0);
	close(fd);
	fake_free(good);
	agent_free(a);
}

static void
says_that_there_is_no_path(void)
{
	struct agent *a = agent_new();
	struct call *c = call_new(a);

	agent_settings(a, "");
	call_run(c);
	CHECK_INT(c->reason, REASON_NO_PATH);
	CHECK_INT(c->dial.tries_n, 0);
	call_leave(c);
	agent_free(a);
}

/* Two that answer for the destination are believed; nobody is charged. */
static void
believes_two(void)
{
	struct agent *a = agent_new();
	struct fake *f[3];
	struct call *c = call_new(a);
	int i;

	for (i = 0; i < 3; i++) {
		f[i] = agent_fake(a, FAKE_REPLY);
		f[i]->code = 5;
	}
	agent_settings(a, "");
	call_run(c);
	CHECK_INT(c->reason, REASON_REFUSED);
	CHECK_INT(c->dial.tries_n, 2);
	call_leave(c);
	AGENT_CHECK(a, 0, 1, 0, 0, 0);
	AGENT_CHECK(a, 1, 1, 0, 0, 0);
	AGENT_CHECK(a, 2, 0, 0, 0, 0);
	for (i = 0; i < 3; i++)
		fake_free(f[i]);
	agent_free(a);
}

/* A general failure may be the intermediary's own, however many say so. */
static void
goes_on_after_general_failures(void)
{
	struct agent *a = agent_new();
	struct fake *f[4];
	struct call *c = call_new(a);
	int i;

	for (i = 0; i < 4; i++) {
		f[i] = agent_fake(a, i < 3 ? FAKE_REPLY : FAKE_ECHO);
		f[i]->code = i == 1 ? 2 : 1;
	}
	agent_settings(a, "");
	call_run(c);
	CHECK_INT(c->reason, REASON_OK);
	CHECK_STR(c->via, "hop-3");
	call_leave_proved(c);
	for (i = 0; i < 4; i++)
		fake_free(f[i]);
	agent_free(a);
}

static void
tells_the_truest_reason(void)
{
	struct agent *a = agent_new();
	struct fake *f[3];
	struct call *c = call_new(a);
	char text[512];
	size_t len;
	int i;

	f[0] = agent_fake(a, FAKE_CLOSED);
	f[1] = agent_fake(a, FAKE_REPLY);
	f[1]->code = 5;
	f[2] = agent_fake(a, FAKE_HANG_UP);
	agent_settings(a, "[agent]\nattempts-each = 1\n");
	call_run(c);
	CHECK_INT(c->reason, REASON_REFUSED);
	CHECK_INT(c->dial.tries_n, 3);
	CHECK_INT(c->dial.tries[1].code, 5);
	len = dial_report(&c->dial, text, sizeof(text));
	CHECK_INT(len, strlen(text));
	CHECK(strncmp(text, "hop-0 (tier 1): ", 16) == 0, "%s", text);
	CHECK(strstr(text, "\nhop-1 (tier 2): ") != NULL, "%s", text);
	CHECK(text[strlen(text) - 1] == '\n', "whole lines");
	CHECK_INT(dial_report(&c->dial, text, 40), 0);
	call_leave(c);
	for (i = 0; i < 3; i++)
		fake_free(f[i]);
	agent_free(a);
}

static void
counts_its_tries(void)
{
	struct agent *a = agent_new();
	struct fake *f[6];
	struct call *c;
	int i;

	for (i = 0; i < 6; i++)
		f[i] = agent_fake(a, FAKE_CLOSED);
	agent_settings(a, "");
	c = call_new(a);
	call_run(c);
	CHECK_INT(c->reason, REASON_HOP_CLOSED);
	CHECK_INT(c->dial.tries_n, 4);
	call_leave(c);
	/* Of one alone, not more often than it may be. */
	a->table.rows_n = 1;
	path_index_build(&a->index, &a->table);
	c = call_new(a);
	call_run(c);
	CHECK_INT(c->dial.tries_n, 2);
	call_leave(c);
	for (i = 0; i < 6; i++)
		fake_free(f[i]);
	agent_free(a);
}

static void
keeps_its_deadline(void)
{
	struct agent *a = agent_new();
	struct fake *f[4];
	struct call *c = call_new(a);
	int i;

	for (i = 0; i < 4; i++)
		f[i] = agent_fake(a, FAKE_STALLED);
	agent_settings(
	    a, "[agent]\nattempt-timeout = 1s\ndial-timeout = 1400ms\n");
	call_run(c);
	CHECK_INT(c->reason, REASON_HOP_TIMEOUT);
	CHECK_INT(c->dial.tries_n, 2);
	call_leave(c);
	AGENT_CHECK(a, 0, 1, 0, 1, 0);
	/* The second had no time to show what it can do. */
	AGENT_CHECK(a, 1, 1, 0, 0, 0);
	for (i = 0; i < 4; i++)
		fake_free(f[i]);
	agent_free(a);
}

#define LOOPBACK "[direct]\nnetwork = 127.0.0.0/8\n"

static void
goes_direct(void)
{
	struct agent *a = agent_new();
	struct fake *origin = fake_new(a->loop, FAKE_ECHO);
	struct call *c = call_new(a);

	agent_settings(a, LOOPBACK);
	c->verdict.via = VIA_DIRECT;
	c->host.port = origin->port;
	wire_host_set(&c->host, "127.0.0.1", 9);
	call_run(c);
	CHECK_INT(c->reason, REASON_OK);
	CHECK_STR(c->via, "direct");
	call_leave_proved(c);
	fake_free(origin);
	agent_free(a);
}

/* What comes over a link of known rate begins with a small window, by any
 * way. */
static void
begins_small_on_a_link(void)
{
	struct agent *a = agent_new();
	struct fake *f = agent_fake(a, FAKE_ECHO);
	struct fake *origin = fake_new(a->loop, FAKE_ECHO);
	struct call *c;
	socklen_t len = sizeof(int);
	int i, size = 0;

	agent_settings(a, LOOPBACK);
	for (i = 0; i < 4; i++) {
		a->settings->link.down = i % 2 * 12500000;
		c = call_new(a);
		if (i >= 2) {
			c->verdict.via = VIA_DIRECT;
			c->host.port = origin->port;
			wire_host_set(&c->host, "127.0.0.1", 9);
		}
		call_run(c);
		CHECK_INT(c->reason, REASON_OK);
		getsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &size, &len);
		CHECK((size == 2 * TARGET_WINDOW) == (i % 2 == 1),
		    "row %d: %d bytes", i, size);
		call_leave_proved(c);
	}
	fake_free(f);
	fake_free(origin);
	agent_free(a);
}

static int
mark_on(int fd)
{
	int mark = -1;
	socklen_t len = sizeof(mark);

	getsockopt(fd, IPPROTO_IP, IP_TOS, &mark, &len);
	return mark;
}

/* One that has served another class. */
static struct stream
idle_one(void *arg, const struct dial_try *t, const struct wire_host *host)
{
	int fds[2];

	(void)arg, (void)t, (void)host;
	rig_tcp_pair(fds);
	close(fds[1]);
	CHECK_INT(net_mark(fds[0], 40), 0);
	return stream_plain(fds[0]);
}

static void
marks_what_its_class_says(void)
{
	static const struct {
		uint8_t class;
		bool direct, reuse;
		int mark;
	} t[] = {{CLASS_BULK, false, false, 4}, {CLASS_NORMAL, false, false, 0},
	    {CLASS_BULK, true, false, 4}, {CLASS_NORMAL, true, false, 0},
	    {CLASS_BULK, true, true, 4}, {CLASS_NORMAL, true, true, 0}};
	struct agent *a = agent_new();
	struct fake *f = agent_fake(a, FAKE_ECHO);
	struct fake *origin = fake_new(a->loop, FAKE_ECHO);
	struct call *c;
	size_t i;

	agent_settings(a, "[class \"bulk\"]\ndscp = le\n" LOOPBACK);
	a->env.idle = idle_one;
	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		c = call_new(a);
		c->verdict.class = t[i].class;
		c->reuse = t[i].reuse;
		if (t[i].direct) {
			c->verdict.via = VIA_DIRECT;
			c->host.port = origin->port;
			wire_host_set(&c->host, "127.0.0.1", 9);
		}
		call_run(c);
		CHECK_INT(c->reason, REASON_OK);
		CHECK_INT(c->dial.tries[0].reused, t[i].reuse);
		CHECK_INT(mark_on(c->fd), t[i].mark);
		call_leave_proved(c);
	}
	fake_free(origin);
	fake_free(f);
	agent_free(a);
}

static void
believes_a_destination_that_refuses(void)
{
	struct agent *a = agent_new();
	struct fake *f = agent_fake(a, FAKE_ECHO);
	struct call *c = call_new(a);
	int fd = fake_refusing(&c->host.port);

	agent_settings(a, LOOPBACK);
	c->verdict.direct_first = true;
	wire_host_set(&c->host, "127.0.0.1", 9);
	call_run(c);
	CHECK_INT(c->reason, REASON_REFUSED);
	CHECK_INT(f->accepted, 0);
	call_leave(c);
	close(fd);
	fake_free(f);
	agent_free(a);
}

/* A name that cannot be resolved here may be known elsewhere. */
static void
goes_on_when_direct_fails(void)
{
	struct agent *a = agent_new();
	struct fake *f = agent_fake(a, FAKE_ECHO);
	struct call *c = call_new(a);

	agent_settings(a, "[agent]\nattempt-timeout = 500ms\n");
	c->verdict.direct_first = true;
	call_run(c);
	CHECK_INT(c->reason, REASON_OK);
	CHECK_STR(c->via, "hop-0");
	CHECK_INT(c->dial.tries[0].reason, REASON_NAME_FAILED);
	call_leave_proved(c);
	AGENT_CHECK(a, 0, 1, 1, 0, 0);
	fake_free(f);
	agent_free(a);
}

static void
goes_direct_when_nobody_is_left(void)
{
	struct agent *a = agent_new();
	struct fake *origin = fake_new(a->loop, FAKE_ECHO);
	struct call *c = call_new(a);

	agent_settings(a, "[agent]\nno-path = direct\n" LOOPBACK);
	c->host.port = origin->port;
	wire_host_set(&c->host, "127.0.0.1", 9);
	call_run(c);
	CHECK_STR(c->via, "direct");
	call_leave(c);
	/* But not where a rule says otherwise. */
	c = call_new(a);
	c->verdict.via = VIA_TIER;
	c->verdict.tier = 1;
	call_run(c);
	CHECK_INT(c->reason, REASON_NO_PATH);
	call_leave(c);
	fake_free(origin);
	agent_free(a);
}

/* What no list names: the intermediary is asked, if there is one. */
static void
goes_direct_only_where_it_may(void)
{
	struct agent *a = agent_new();
	struct fake *origin = fake_new(a->loop, FAKE_ECHO);
	struct call *c = call_new(a);
	struct fake *f;

	agent_settings(a, "[agent]\nno-path = direct\n");
	c->host.port = origin->port;
	wire_host_set(&c->host, "127.0.0.1", 9);
	call_run(c);
	CHECK_INT(c->reason, REASON_DENIED);
	call_leave(c);
	CHECK_INT(origin->accepted, 0);
	f = agent_fake(a, FAKE_ECHO);
	c = call_new(a);
	c->verdict.direct_first = true;
	c->host.port = origin->port;
	wire_host_set(&c->host, "127.0.0.1", 9);
	a->table.conf_serial = a->settings->serial;
	call_run(c);
	CHECK_STR(c->via, "hop-0");
	call_leave_proved(c);
	CHECK_INT(origin->accepted, 0);
	fake_free(f);
	fake_free(origin);
	agent_free(a);
}

/* Out of descriptors: nobody's fault. */
static void
charges_nobody_for_our_own_limits(void)
{
	struct agent *a = agent_new();
	struct fake *f = agent_fake(a, FAKE_ECHO);
	struct call *c = call_new(a);
	struct rlimit was, now;
	int next = dup(0);

	agent_settings(a, "");
	getrlimit(RLIMIT_NOFILE, &was);
	now = was;
	now.rlim_cur = (rlim_t)next;
	close(next);
	setrlimit(RLIMIT_NOFILE, &now);
	call_run(c);
	setrlimit(RLIMIT_NOFILE, &was);
	CHECK_INT(c->reason, REASON_OVERLOAD);
	AGENT_CHECK(a, 0, 2, 0, 0, 0);
	CHECK_INT(a->loads[0].avoid_until_us, 0);
	call_leave(c);
	fake_free(f);
	agent_free(a);
}

static void
cancel_after(enum fake_script script, int turns)
{
	struct agent *a = agent_new();
	struct fake *f = agent_fake(a, script);
	struct call *c = call_new(a);
	int i;

	agent_settings(a, "");
	call_start(c);
	for (i = 0; i < turns && c->n == 0; i++)
		loop_turn(a->loop, 0);
	dial_cancel(&c->dial);
	i = c->n;
	rig_settle(a->loop);
	CHECK_INT(c->n, i);
	call_leave(c);
	AGENT_CHECK(a, 0, 1, 0, 0, 0);
	fake_free(f);
	agent_free(a);
}

/* At each stage: nothing is left behind, nobody is called back. */
static void
can_be_cancelled(void)
{
	int turns;

	for (turns = 0; turns < 6; turns++) {
		cancel_after(FAKE_STALLED, turns);
		cancel_after(FAKE_SILENT, turns);
		cancel_after(FAKE_ECHO, turns);
	}
}

static void
ends_when_the_client_has_gone(void)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};
	struct agent *a = agent_new();
	struct fake *closed = agent_fake(a, FAKE_CLOSED);
	struct fake *silent = agent_fake(a, FAKE_SILENT);
	struct call *c = call_new(a);
	int pair[2];

	rig_tcp_pair(pair);
	c->client = pair[0];
	agent_settings(a, "");
	call_start(c);
	RIG_UNTIL(a->loop, silent->requests == 1);
	/* The end of its stream is not its end. */
	CHECK_INT(shutdown(pair[1], SHUT_WR), 0);
	rig_idle(a->loop);
	CHECK_INT(c->n, 0);
	setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(pair[1]);
	RIG_UNTIL(a->loop, c->n > 0);
	CHECK_INT(c->reason, REASON_CANCELLED);
	loop_close(a->loop, pair[0]);
	call_leave(c);
	AGENT_CHECK(a, 1, 1, 0, 0, 0);
	fake_free(closed);
	fake_free(silent);
	agent_free(a);
}

static const struct unit_case cases[] = {
    {"succeeds", succeeds},
    {"hands on what follows the reply", hands_on_what_follows_the_reply},
    {"goes on after every failure", goes_on_after_every_failure},
    {"charges nobody without proof", charges_nobody_without_proof},
    {"goes on after a refused connect", goes_on_after_a_refused_connect},
    {"says that there is no path", says_that_there_is_no_path},
    {"believes two", believes_two},
    {"goes on after general failures", goes_on_after_general_failures},
    {"tells the truest reason", tells_the_truest_reason},
    {"counts its tries", counts_its_tries},
    {"keeps its deadline", keeps_its_deadline},
    {"goes direct", goes_direct},
    {"begins small on a link", begins_small_on_a_link},
    {"marks what its class says", marks_what_its_class_says},
    {"believes a destination that refuses",
	believes_a_destination_that_refuses},
    {"goes on when direct fails", goes_on_when_direct_fails},
    {"goes direct when nobody is left", goes_direct_when_nobody_is_left},
    {"goes direct only where it may", goes_direct_only_where_it_may},
    {"charges nobody for our own limits", charges_nobody_for_our_own_limits},
    {"can be cancelled", can_be_cancelled},
    {"ends when the client has gone", ends_when_the_client_has_gone},
};

UNIT_MAIN("dial", cases)
