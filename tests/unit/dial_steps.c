/* The steps of a plain HTTP request before the ranked: a service, a cache,
 * directly.  Each is tried once. */
#include <string.h>

#include "tests/unit/dial_call.h"
#include "tests/unit/unit.h"

enum {
	SERVICE,
	CACHE,
	OTHER,
	HQ,
	ALL
};

struct rig {
	struct agent *agent;
	struct fake *fake[ALL];
	struct fake *origin; /* who is listed as direct */
	struct call *call;
	int refusing[ALL];
};

/* A port that refuses, kept from others by a socket that does not listen. */
static int
refuse(struct agent *a, uint32_t i)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	rig_must(bind(fd, (struct sockaddr *)&sin, len), "bind");
	rig_must(getsockname(fd, (struct sockaddr *)&sin, &len), "name");
	a->table.rows[i].port = ntohs(sin.sin_port);
	return fd;
}

static void
give_duty(struct agent *a, uint32_t i, uint16_t rank)
{
	a->table.rows[i].tier = a->table.rows[i].tier_conf = rank;
	a->table.rows[i].type = TABLE_HTTP;
}

/* A service, two caches of which the second one is not for the request, and
 * one that is ranked. */
static void
rig_new(struct rig *r, enum fake_script service, enum fake_script cache,
    enum fake_script direct, enum fake_script hq)
{
	const enum fake_script scripts[ALL] = {service, cache, FAKE_ECHO, hq};
	struct agent *a = agent_new();
	char ip[] = "127.0.0.1";
	uint32_t i;

	memset(r, 0, sizeof(*r));
	r->agent = a;
	r->origin = fake_new(a->loop, direct);
	for (i = 0; i < ALL; i++) {
		r->fake[i] = agent_fake(a, scripts[i]);
		r->refusing[i] = scripts[i] == FAKE_CLOSED ? refuse(a, i) : -1;
	}
	give_duty(a, SERVICE, TABLE_RANK_SERVICE);
	give_duty(a, CACHE, TABLE_RANK_CACHE);
	give_duty(a, OTHER, TABLE_RANK_CACHE);
	path_index_build(&a->index, &a->table);
	agent_settings(a, "[direct]\nnetwork = 127.0.0.0/8\n");
	a->settings->intermediaries[CACHE].cache_bit = 1;
	a->settings->intermediaries[OTHER].cache_bit = 2;
	r->call = call_new(a);
	wire_host_set(&r->call->host, ip, strlen(ip));
	r->call->host.port = r->origin->port;
	r->call->verdict.service = SERVICE;
	r->call->verdict.caches = 1;
	r->call->verdict.direct_first = true;
}

static void
rig_end(struct rig *r)
{
	uint32_t i;

	for (i = 0; i < ALL; i++) {
		fake_free(r->fake[i]);
		if (r->refusing[i] != -1)
			close(r->refusing[i]);
	}
	fake_free(r->origin);
	agent_free(r->agent);
}

static void
run(struct rig *r, bool web)
{
	struct call *c = r->call;
	struct dial_request request = {.settings = r->agent->settings,
	    .host = &c->host,
	    .verdict = &c->verdict,
	    .client = -1,
	    .web = web};

	dial_start(&c->dial, &r->agent->env, &request, call_done);
	RIG_UNTIL(r->agent->loop, c->n > 0);
	CHECK_INT(c->n, 1);
}

/* What stands answers with a fault of its own. */
static void
go_on(struct rig *r)
{
	struct call *c = r->call;
	const struct dial_try *t = &c->dial.tries[c->dial.standing];

	loop_close(r->agent->loop, c->fd);
	if (!t->direct)
		record_leave(&r->agent->record, t->hop);
	c->n = 0;
	dial_again(&c->dial, REASON_HOP_FAILED, true, call_done);
	CHECK_INT(c->n, 0);
	RIG_UNTIL(r->agent->loop, c->n > 0);
}

static void
check_tries(struct rig *r, const char *want)
{
	const struct dial *d = &r->call->dial;
	char got[128] = "";
	size_t len = 0;
	uint32_t i;

	for (i = 0; i < d->tries_n; i++)
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s",
		    i > 0 ? " " : "", d->tries[i].name);
	CHECK_STR(got, want);
}

/* In order, down to the first that is there. */
static void
falls_through(void)
{
	static const struct {
		enum fake_script service, cache, direct, hq;
		const char *tries;
	} rows[] = {
	    {FAKE_ECHO, FAKE_ECHO, FAKE_ECHO, FAKE_ECHO, "hop-0"},
	    {FAKE_CLOSED, FAKE_ECHO, FAKE_ECHO, FAKE_ECHO, "hop-0 hop-1"},
	    {FAKE_CLOSED, FAKE_CLOSED, FAKE_ECHO, FAKE_ECHO,
		"hop-0 hop-1 direct"},
	};
	struct rig r;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		rig_new(&r, rows[i].service, rows[i].cache, rows[i].direct,
		    rows[i].hq);
		run(&r, true);
		CHECK_INT(r.call->reason, REASON_OK);
		check_tries(&r, rows[i].tries);
		CHECK_INT(r.fake[OTHER]->accepted, 0);
		CHECK_INT(r.fake[SERVICE]->got_len, 0); /* no handshake */
		call_leave_proved(r.call);
		rig_end(&r);
	}
}

/* A tunnel knows neither of the two, whatever its verdict says. */
static void
leaves_tunnels_alone(void)
{
	struct rig r;

	rig_new(&r, FAKE_ECHO, FAKE_ECHO, FAKE_ECHO, FAKE_ECHO);
	run(&r, false);
	CHECK_STR(r.call->via, "direct");
	call_leave(r.call);
	rig_end(&r);
}

static void
follows_the_verdict(void)
{
	struct rig r;

	rig_new(&r, FAKE_ECHO, FAKE_ECHO, FAKE_ECHO, FAKE_ECHO);
	r.call->verdict.service = -1;
	run(&r, true);
	check_tries(&r, "hop-1");
	call_leave_proved(r.call);
	rig_end(&r);
	rig_new(&r, FAKE_ECHO, FAKE_ECHO, FAKE_ECHO, FAKE_ECHO);
	r.call->verdict.service = -1;
	r.call->verdict.caches = 0;
	run(&r, true);
	check_tries(&r, "direct");
	call_leave(r.call);
	rig_end(&r);
}

/* Who is out, full or failed a moment ago is not even tried. */
static void
skips_who_is_not_well(void)
{
	struct table_row *row;
	struct rig r;

	rig_new(&r, FAKE_ECHO, FAKE_ECHO, FAKE_ECHO, FAKE_ECHO);
	row = &r.agent->table.rows[SERVICE];
	row->observed = TABLE_EJECTED;
	row->tier = 0;
	row = &r.agent->table.rows[CACHE];
	row->connections_max = row->in_flight = 1;
	path_index_build(&r.agent->index, &r.agent->table);
	run(&r, true);
	check_tries(&r, "direct");
	call_leave(r.call);
	rig_end(&r);

	rig_new(&r, FAKE_ECHO, FAKE_ECHO, FAKE_ECHO, FAKE_ECHO);
	r.agent->loads[SERVICE] = (struct path_load){
	    .incarnation = 1, .avoid_until_us = INT64_MAX / 2};
	run(&r, true);
	check_tries(&r, "hop-1");
	call_leave_proved(r.call);
	rig_end(&r);
}

/* A fault of its own: the next step, and never the same again. */
static void
goes_on_after_a_fault(void)
{
	struct call *c;
	struct rig r;

	rig_new(&r, FAKE_ECHO, FAKE_ECHO, FAKE_ECHO, FAKE_ECHO);
	c = r.call;
	run(&r, true);
	CHECK(dial_may_replace(&c->dial, true), "the cache is next");
	go_on(&r);
	check_tries(&r, "hop-0 hop-1");
	/* With nothing in the budget, too: each is its step's first. */
	CHECK(dial_may_replace(&c->dial, true), "direct is next");
	go_on(&r);
	check_tries(&r, "hop-0 hop-1 direct");
	CHECK_STR(c->via, "direct");
	/* That the destination could be reached shows whose faults they
	 * were. */
	AGENT_CHECK(r.agent, SERVICE, 1, 0, 1, 0);
	AGENT_CHECK(r.agent, CACHE, 1, 0, 1, 0);
	AGENT_CHECK(r.agent, OTHER, 0, 0, 0, 0);
	CHECK(!dial_may_replace(&c->dial, true), "a direct one is no step");
	call_leave(c);
	rig_end(&r);
}

/* And on to the ranked, which alone are tried more than once. */
static void
ends_with_the_ranked(void)
{
	struct call *c;
	struct rig r;

	rig_new(&r, FAKE_ECHO, FAKE_CLOSED, FAKE_ECHO, FAKE_ECHO);
	c = r.call;
	c->verdict.direct_first = false;
	r.agent->settings->attempts = 1;
	run(&r, true);
	go_on(&r);
	check_tries(&r, "hop-0 hop-1 hop-3");
	CHECK_INT(c->reason, REASON_OK);
	CHECK(!dial_may_replace(&c->dial, true), "one attempt is all");
	call_leave_proved(c);
	AGENT_CHECK(r.agent, HQ, 1, 1, 0, 0);
	rig_end(&r);
}

/* Two that answer nothing do not make a verdict on the destination. */
static void
two_faults_are_no_verdict(void)
{
	struct rig r;

	rig_new(&r, FAKE_ECHO, FAKE_ECHO, FAKE_ECHO, FAKE_CLOSED);
	r.call->verdict.direct_first = false;
	run(&r, true);
	go_on(&r);
	go_on(&r);
	check_tries(&r, "hop-0 hop-1 hop-3 hop-3");
	CHECK_INT(r.call->reason, REASON_HOP_FAILED);
	r.call->fd = -1;
	call_leave(r.call);
	rig_end(&r);
}

/* Where there is no other way, no-path = direct holds after them as well. */
static void
may_end_directly(void)
{
	struct rig r;

	rig_new(&r, FAKE_CLOSED, FAKE_CLOSED, FAKE_ECHO, FAKE_ECHO);
	r.call->verdict.direct_first = false;
	r.agent->settings->no_path_direct = true;
	r.agent->table.rows[HQ].observed = TABLE_EJECTED;
	r.agent->table.rows[HQ].tier = 0;
	path_index_build(&r.agent->index, &r.agent->table);
	run(&r, true);
	check_tries(&r, "hop-0 hop-1 direct");
	CHECK_INT(r.call->reason, REASON_OK);
	call_leave(r.call);
	rig_end(&r);
}

static void
says_so_in_words(void)
{
	char text[512];
	struct rig r;

	rig_new(&r, FAKE_CLOSED, FAKE_ECHO, FAKE_ECHO, FAKE_ECHO);
	run(&r, true);
	CHECK_STR(dial_why(&r.call->dial, text, sizeof(text)),
	    "cache, the only candidate; after hop-0: hop-refused");
	dial_report(&r.call->dial, text, sizeof(text));
	CHECK(strstr(text, "hop-0 (service): ") == text, "%s", text);
	call_leave_proved(r.call);
	rig_end(&r);
}

static const struct unit_case cases[] = {
    {"falls through", falls_through},
    {"leaves tunnels alone", leaves_tunnels_alone},
    {"follows the verdict", follows_the_verdict},
    {"skips who is not well", skips_who_is_not_well},
    {"goes on after a fault", goes_on_after_a_fault},
    {"ends with the ranked", ends_with_the_ranked},
    {"two faults are no verdict", two_faults_are_no_verdict},
    {"may end directly", may_end_directly},
    {"says so in words", says_so_in_words},
};

UNIT_MAIN("dial_steps", cases)
