/* The search for a path, among scripted intermediaries on loopback. */
#include "cagentd/dial.h"

#include <sys/resource.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/agent.h"
#include "tests/unit/unit.h"

/* One dial of a test. */
struct call {
	struct agent *agent;
	struct dial dial;
	struct wire_host host;
	struct verdict verdict;
	int client;
	int n; /* callbacks */
	enum wire_reason reason;
	int fd;
	char early[64];
	char via[TABLE_NAME_MAX + 1];
};

static struct call *
call_new(struct agent *a)
{
	struct call *c = calloc(1, sizeof(*c));

	c->agent = a;
	c->client = -1;
	c->fd = -1;
	c->verdict = (struct verdict){.class = CLASS_NORMAL, .rule = -1};
	c->host.port = 443;
	wire_host_set(&c->host, "www.example.com", 15);
	return c;
}

static void
done(struct dial *d, struct dialed *r)
{
	struct call *c = container_of(d, struct call, dial);

	c->n++;
	c->reason = r->reason;
	c->fd = r->fd;
	memset(c->early, 0, sizeof(c->early));
	if (r->early != NULL)
		memcpy(c->early, buf_bytes(r->early), r->early->len);
	buf_free(r->early);
	CHECK((r->try != NULL) == (r->reason == REASON_OK), "try");
	if (r->try != NULL)
		memcpy(c->via, r->try->name, sizeof(c->via));
}

static void
start(struct call *c)
{
	struct dial_request r = {
	    c->agent->settings, &c->host, &c->verdict, c->client};

	dial_start(&c->dial, &c->agent->env, &r, done);
	CHECK_INT(c->n, 0);
}

static void
run(struct call *c)
{
	start(c);
	RIG_UNTIL(c->agent->loop, c->n > 0);
	CHECK_INT(c->n, 1);
}

static void
leave(struct call *c)
{
	if (c->fd != -1) {
		loop_close(c->agent->loop, c->fd);
		if (c->dial.tries[c->dial.tries_n - 1].direct == false)
			record_leave(&c->agent->record,
			    c->dial.tries[c->dial.tries_n - 1].hop);
	}
	dial_cancel(&c->dial);
	free(c);
}

/* What ends with the first byte, as the session says it. */
static void
leave_proved(struct call *c)
{
	dial_judge(&c->dial, REASON_OK);
	leave(c);
}

static void
succeeds(void)
{
	struct agent *a = agent_new();
	struct fake *f = agent_fake(a, FAKE_ECHO);
	struct call *c = call_new(a);

	agent_settings(a, "");
	run(c);
	CHECK_INT(c->reason, REASON_OK);
	CHECK(c->fd >= 0, "an fd");
	CHECK_STR(c->via, "hop-0");
	CHECK_STR(c->early, "");
	CHECK_INT(f->requests, 1);
	AGENT_CHECK(a, 0, 1, 0, 0, 1);
	leave_proved(c);
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
	run(c);
	CHECK_INT(c->reason, REASON_OK);
	CHECK_STR(c->early, "hello");
	leave_proved(c);
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
	run(c);
	CHECK(c->reason == REASON_OK, "%s: %s", failures[i].name,
	    wire_reason_word(c->reason));
	CHECK_STR(c->via, "hop-1");
	CHECK_INT(c->dial.tries_n, 2);
	CHECK(c->dial.tries[0].reason == failures[i].reason, "%s: %s",
	    failures[i].name, wire_reason_word(c->dial.tries[0].reason));
	AGENT_CHECK(a, 0, 1, 0, failures[i].charged_at_once, 0);
	leave_proved(c);
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
	run(c);
	CHECK_INT(c->reason, REASON_OK);
	dial_judge(&c->dial, REASON_CANCELLED);
	leave(c);
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
	run(c);
	CHECK_STR(c->via, "hop-1");
	CHECK_INT(c->dial.tries[0].reason, REASON_HOP_REFUSED);
	AGENT_CHECK(a, 0, 1, 0, 1, 0);
	CHECK(a->loads[0].avoid_until_us > 0, "to be avoided now");
	leave_proved(c);
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
	run(c);
	CHECK_INT(c->reason, REASON_NO_PATH);
	CHECK_INT(c->dial.tries_n, 0);
	leave(c);
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
	run(c);
	CHECK_INT(c->reason, REASON_REFUSED);
	CHECK_INT(c->dial.tries_n, 2);
	leave(c);
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
	run(c);
	CHECK_INT(c->reason, REASON_OK);
	CHECK_STR(c->via, "hop-3");
	leave_proved(c);
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
	run(c);
	CHECK_INT(c->reason, REASON_REFUSED);
	CHECK_INT(c->dial.tries_n, 3);
	CHECK_INT(c->dial.tries[1].code, 5);
	len = dial_report(&c->dial, text, sizeof(text));
	CHECK_INT(len, strlen(text));
	CHECK(strncmp(text, "hop-0 (tier 1): ", 16) == 0, "%s", text);
	CHECK(strstr(text, "\nhop-1 (tier 2): ") != NULL, "%s", text);
	CHECK(text[strlen(text) - 1] == '\n', "whole lines");
	CHECK_INT(dial_report(&c->dial, text, 40), 0);
	leave(c);
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
	run(c);
	CHECK_INT(c->reason, REASON_HOP_CLOSED);
	CHECK_INT(c->dial.tries_n, 4);
	leave(c);
	/* Of one alone, not more often than it may be. */
	a->table.rows_n = 1;
	path_index_build(&a->index, &a->table);
	c = call_new(a);
	run(c);
	CHECK_INT(c->dial.tries_n, 2);
	leave(c);
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
	run(c);
	CHECK_INT(c->reason, REASON_HOP_TIMEOUT);
	CHECK_INT(c->dial.tries_n, 2);
	leave(c);
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
	run(c);
	CHECK_INT(c->reason, REASON_OK);
	CHECK_STR(c->via, "direct");
	leave_proved(c);
	fake_free(origin);
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
	run(c);
	CHECK_INT(c->reason, REASON_REFUSED);
	CHECK_INT(f->accepted, 0);
	leave(c);
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
	run(c);
	CHECK_INT(c->reason, REASON_OK);
	CHECK_STR(c->via, "hop-0");
	CHECK_INT(c->dial.tries[0].reason, REASON_NAME_FAILED);
	leave_proved(c);
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
	run(c);
	CHECK_STR(c->via, "direct");
	leave(c);
	/* But not where a rule says otherwise. */
	c = call_new(a);
	c->verdict.via = VIA_TIER;
	c->verdict.tier = 1;
	run(c);
	CHECK_INT(c->reason, REASON_NO_PATH);
	leave(c);
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
	run(c);
	CHECK_INT(c->reason, REASON_DENIED);
	leave(c);
	CHECK_INT(origin->accepted, 0);
	f = agent_fake(a, FAKE_ECHO);
	c = call_new(a);
	c->verdict.direct_first = true;
	c->host.port = origin->port;
	wire_host_set(&c->host, "127.0.0.1", 9);
	a->table.conf_serial = a->settings->serial;
	run(c);
	CHECK_STR(c->via, "hop-0");
	leave_proved(c);
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
	run(c);
	setrlimit(RLIMIT_NOFILE, &was);
	CHECK_INT(c->reason, REASON_OVERLOAD);
	AGENT_CHECK(a, 0, 2, 0, 0, 0);
	CHECK_INT(a->loads[0].avoid_until_us, 0);
	leave(c);
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
	start(c);
	for (i = 0; i < turns && c->n == 0; i++)
		loop_turn(a->loop, 0);
	dial_cancel(&c->dial);
	i = c->n;
	rig_settle(a->loop);
	CHECK_INT(c->n, i);
	leave(c);
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
	start(c);
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
	leave(c);
	AGENT_CHECK(a, 1, 1, 0, 0, 0);
	fake_free(closed);
	fake_free(silent);
	agent_free(a);
}

/* A path that broke before its first byte: the next one, and blame only once
 * that has proved itself. */
static void
goes_on_with_a_broken_path(void)
{
	struct agent *a = agent_new();
	struct fake *f[2];
	struct call *c = call_new(a);

	f[0] = agent_fake(a, FAKE_LIAR);
	f[1] = agent_fake(a, FAKE_ECHO);
	agent_settings(a, "");
	run(c);
	CHECK_STR(c->via, "hop-0");
	loop_close(a->loop, c->fd);
	record_leave(&a->record, c->dial.tries[0].hop);
	c->n = 0;
	dial_again(&c->dial, REASON_HOP_HUNG_UP, done);
	CHECK_INT(c->n, 0);
	RIG_UNTIL(a->loop, c->n > 0);
	CHECK_STR(c->via, "hop-1");
	AGENT_CHECK(a, 0, 1, 0, 0, 0);
	AGENT_CHECK(a, 1, 1, 0, 0, 1);
	leave_proved(c);
	AGENT_CHECK(a, 0, 1, 0, 1, 0);
	AGENT_CHECK(a, 1, 1, 1, 0, 0);
	fake_free(f[0]);
	fake_free(f[1]);
	agent_free(a);
}

/* Two that break alike: so does the destination. */
static void
believes_two_that_broke(void)
{
	struct agent *a = agent_new();
	struct fake *f[3];
	struct call *c = call_new(a);
	int i;

	for (i = 0; i < 3; i++)
		f[i] = agent_fake(a, FAKE_LIAR);
	agent_settings(a, "");
	run(c);
	for (i = 0; i < 2; i++) {
		CHECK_INT(c->reason, REASON_OK);
		loop_close(a->loop, c->fd);
		record_leave(&a->record, c->dial.tries[i].hop);
		c->n = 0;
		dial_again(&c->dial, REASON_HOP_HUNG_UP, done);
		CHECK_INT(c->n, 0);
		RIG_UNTIL(a->loop, c->n > 0);
	}
	CHECK_INT(c->reason, REASON_HOP_HUNG_UP);
	leave(c);
	AGENT_CHECK(a, 0, 1, 0, 0, 0);
	AGENT_CHECK(a, 1, 1, 0, 0, 0);
	AGENT_CHECK(a, 2, 0, 0, 0, 0);
	for (i = 0; i < 3; i++)
		fake_free(f[i]);
	agent_free(a);
}

/* As often as the settings can allow, and then once more: the tries of all
 * dials of a request share one array. */
static void
counts_tries_over_broken_paths(void)
{
	struct agent *a = agent_new();
	struct fake *f[DIAL_TRIES_MAX + 1];
	struct call *c = call_new(a);
	int i;

	for (i = 0; i <= DIAL_TRIES_MAX; i++)
		f[i] = agent_fake(
		    a, i == DIAL_TRIES_MAX - 1 ? FAKE_ECHO : FAKE_CLOSED);
	agent_settings(a, "[agent]\nattempts = 8\nattempts-each = 8\n");
	run(c);
	CHECK_INT(c->reason, REASON_OK);
	CHECK_INT(c->dial.tries_n, DIAL_TRIES_MAX);
	loop_close(a->loop, c->fd);
	record_leave(&a->record, c->dial.tries[DIAL_TRIES_MAX - 1].hop);
	c->n = 0;
	dial_again(&c->dial, REASON_HOP_HUNG_UP, done);
	CHECK_INT(c->n, 0);
	RIG_UNTIL(a->loop, c->n > 0);
	CHECK_INT(c->reason, REASON_HOP_HUNG_UP);
	CHECK_INT(c->dial.tries_n, DIAL_TRIES_MAX);
	CHECK_INT(f[DIAL_TRIES_MAX]->accepted, 0);
	leave(c);
	for (i = 0; i <= DIAL_TRIES_MAX; i++)
		fake_free(f[i]);
	agent_free(a);
}

/* Many requests, one after the other; the tries that they took in all. */
static uint32_t
run_many(struct agent *a, int n)
{
	uint32_t tries = 0;
	struct call *c;
	int i;

	for (i = 0; i < n; i++) {
		c = call_new(a);
		run(c);
		tries += c->dial.tries_n;
		if (c->reason == REASON_OK)
			leave_proved(c);
		else
			leave(c);
	}
	return tries;
}

static void
tries_less_when_all_is_down(void)
{
	struct agent *a = agent_new();
	struct fake *f[2];
	uint32_t tries;

	f[0] = agent_fake(a, FAKE_CLOSED);
	f[1] = agent_fake(a, FAKE_CLOSED);
	agent_settings(a, "");
	/* At first nobody knows. */
	CHECK_INT(run_many(a, 10), 40);
	tries = run_many(a, 990) + 40;
	CHECK(tries > 1000 && tries <= 1210, "%u tries", tries);
	/* One that comes back is found, and then all is as before. */
	f[1]->script = FAKE_ECHO;
	run_many(a, 10);
	f[1]->script = FAKE_CLOSED;
	CHECK_INT(run_many(a, 5), 20);
	fake_free(f[0]);
	fake_free(f[1]);
	agent_free(a);
}

/* While some path is proved now and then, nobody goes without its tries. */
static void
tries_on_while_something_serves(void)
{
	struct agent *a = agent_new();
	struct fake *f[2];
	int i;

	f[0] = agent_fake(a, FAKE_CLOSED);
	f[1] = agent_fake(a, FAKE_CLOSED);
	agent_settings(a, "");
	a->budget.proved_us = mono_us();
	CHECK(run_many(a, 100) == 400 ||
		  mono_us() - a->budget.proved_us >= DIAL_DOWN_US,
	    "a proof a moment ago");
	for (i = 0; i < 20; i++) {
		f[1]->script = FAKE_ECHO;
		run_many(a, 1);
		f[1]->script = FAKE_CLOSED;
		a->budget.proved_us = 0;
		CHECK_INT(run_many(a, 5), 20);
	}
	fake_free(f[0]);
	fake_free(f[1]);
	agent_free(a);
}

/* Rows move between picks. */
static void
swap_rows(void *arg)
{
	struct agent *a = arg;
	struct table_row first = a->table.rows[0];

	a->table.rows[0] = a->table.rows[1];
	a->table.rows[1] = first;
	path_index_build(&a->index, &a->table);
}

static void
follows_rows_that_move(void)
{
	struct agent *a = agent_new();
	struct fake *f[2];
	struct call *c = call_new(a);

	f[0] = agent_fake(a, FAKE_CLOSED);
	f[1] = agent_fake(a, FAKE_ECHO);
	agent_settings(a, "[agent]\nattempts-each = 1\n");
	a->env.refresh = swap_rows;
	a->env.arg = a;
	run(c);
	CHECK_STR(c->via, "hop-1");
	leave_proved(c);
	AGENT_CHECK(a, 0, 1, 0, 1, 0);
	AGENT_CHECK(a, 1, 1, 1, 0, 0);
	fake_free(f[0]);
	fake_free(f[1]);
	agent_free(a);
}

static void
counts_trials(void)
{
	struct agent *a = agent_new();
	struct fake *f = agent_fake(a, FAKE_SILENT);
	struct call *c[3];
	int i;

	a->table.rows[0].observed = TABLE_HALF_OPEN;
	a->table.rows[0].trials = 2;
	path_index_build(&a->index, &a->table);
	agent_settings(a, "");
	for (i = 0; i < 2; i++) {
		c[i] = call_new(a);
		start(c[i]);
		CHECK_INT(a->loads[0].trials, i + 1);
		CHECK(a->loads[0].trial_us > loop_now_us(a->loop), "a gap");
		a->loads[0].trial_us = 0;
	}
	dial_cancel(&c[0]->dial);
	CHECK_INT(a->loads[0].trials, 1);
	f->script = FAKE_ECHO;
	RIG_UNTIL(a->loop, c[1]->n > 0);
	CHECK_INT(a->loads[0].trials, 0);
	leave(c[0]);
	leave_proved(c[1]);
	fake_free(f);
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
    {"believes a destination that refuses",
	believes_a_destination_that_refuses},
    {"goes on when direct fails", goes_on_when_direct_fails},
    {"goes direct when nobody is left", goes_direct_when_nobody_is_left},
    {"goes direct only where it may", goes_direct_only_where_it_may},
    {"charges nobody for our own limits", charges_nobody_for_our_own_limits},
    {"can be cancelled", can_be_cancelled},
    {"ends when the client has gone", ends_when_the_client_has_gone},
    {"goes on with a broken path", goes_on_with_a_broken_path},
    {"believes two that broke", believes_two_that_broke},
    {"counts tries over broken paths", counts_tries_over_broken_paths},
    {"tries less when all is down", tries_less_when_all_is_down},
    {"tries on while something serves", tries_on_while_something_serves},
    {"follows rows that move", follows_rows_that_move},
    {"counts trials", counts_trials},
};

UNIT_MAIN("dial", cases)
