/* A second attempt beside one that takes long. */
#include <string.h>

#include "tests/unit/dial_call.h"
#include "tests/unit/unit.h"

#define HEDGED "[agent]\nhedge-percent = 5\n"

struct rig {
	struct agent *agent;
	struct fake *fake[3];
	int n;
	struct call *call;
};

static void
rig_new(struct rig *r, int n, const enum fake_script *scripts, const char *conf)
{
	int i;

	memset(r, 0, sizeof(*r));
	r->agent = agent_new();
	r->n = n;
	for (i = 0; i < n; i++)
		r->fake[i] = agent_fake(r->agent, scripts[i]);
	agent_settings(r->agent, conf);
	r->call = call_new(r->agent);
}
#define RIG(r, conf, ...)                                                      \
	do {                                                                   \
		const enum fake_script scripts[] = {__VA_ARGS__};              \
		rig_new(                                                       \
		    (r), sizeof(scripts) / sizeof(*scripts), scripts, (conf)); \
	} while (0)

static void
rig_end(struct rig *r)
{
	int i;

	for (i = 0; i < r->n; i++)
		fake_free(r->fake[i]);
	agent_free(r->agent);
}

static uint64_t
hedged(const struct rig *r, int i)
{
	return AGENT_GET(&r->agent->slab.rows[i].hedged);
}

/* The one that waits at a fake says yes at last. */
static void
say_yes(struct fake *f)
{
	static const uint8_t yes[10] = {5, 0, 0, 1, 127, 0, 0, 1, 0, 80};

	fake_say(LIST_FIRST(&f->conns), yes, sizeof(yes));
}

/* What follows holds for silence at every step of the handshake. */
static void
overtakes(enum fake_script slow)
{
	struct rig r;
	int64_t began;

	RIG(&r, HEDGED, slow, FAKE_ECHO);
	began = loop_now_us(r.agent->loop);
	call_run(r.call);
	CHECK_INT(r.call->reason, REASON_OK);
	CHECK_STR(r.call->via, "hop-1");
	CHECK(loop_now_us(r.agent->loop) - began >= PATH_HEDGE_MIN_US,
	    "not before it is late");
	CHECK(loop_now_us(r.agent->loop) - began <
		  r.agent->settings->attempt_timeout_ms * 1000,
	    "not as late as a failure");
	CHECK_INT(r.call->dial.tries[0].reason, REASON_CANCELLED);
	AGENT_CHECK(r.agent, 0, 1, 0, 0, 0);
	AGENT_CHECK(r.agent, 1, 1, 0, 0, 1);
	CHECK_INT(hedged(&r, 0), 1);
	/* The next pick knows, without anybody being blamed. */
	CHECK(r.agent->loads[0].ewma_us >= PATH_HEDGE_MIN_US, "it was slow");
	call_leave_proved(r.call);
	AGENT_CHECK(r.agent, 0, 1, 0, 0, 0);
	AGENT_CHECK(r.agent, 1, 1, 1, 0, 0);
	CHECK_INT(r.agent->loads[0].failures, 0);
	rig_end(&r);
}

static void
overtakes_a_silent_one(void)
{
	overtakes(FAKE_SILENT);
	overtakes(FAKE_STALLED);
}

static void
is_overtaken_itself(void)
{
	struct rig r;

	RIG(&r, HEDGED, FAKE_SILENT, FAKE_SILENT);
	call_start(r.call);
	RIG_UNTIL(r.agent->loop, r.fake[1]->requests == 1);
	say_yes(r.fake[0]);
	RIG_UNTIL(r.agent->loop, r.call->n > 0);
	CHECK_STR(r.call->via, "hop-0");
	CHECK_INT(hedged(&r, 0), 0);
	CHECK_INT(hedged(&r, 1), 1);
	CHECK_INT(r.call->dial.standing, 0);
	dial_judge(&r.call->dial, REASON_OK, true);
	loop_close(r.agent->loop, r.call->fd);
	record_leave(&r.agent->record, r.call->dial.tries[0].hop);
	r.call->fd = -1;
	call_leave(r.call);
	AGENT_CHECK(r.agent, 0, 1, 1, 0, 0);
	AGENT_CHECK(r.agent, 1, 1, 0, 0, 0);
	rig_end(&r);
}

/* A hedge that fails is followed by the next one; the slow one goes on. */
static void
goes_on_beside(void)
{
	struct rig r;

	RIG(&r, HEDGED, FAKE_SILENT, FAKE_CLOSED, FAKE_ECHO);
	call_run(r.call);
	CHECK_STR(r.call->via, "hop-2");
	CHECK_INT(r.call->dial.tries_n, 3);
	CHECK_INT(hedged(&r, 0), 1);
	call_leave_proved(r.call);
	AGENT_CHECK(r.agent, 0, 1, 0, 0, 0);
	AGENT_CHECK(r.agent, 1, 1, 0, 1, 0);
	AGENT_CHECK(r.agent, 2, 1, 1, 0, 0);
	rig_end(&r);
}

/* The slow one fails after all, and there is nothing left: the hedge still
 * may stand. */
static void
outlives_the_first(void)
{
	struct rig r;

	RIG(&r, HEDGED "attempts = 2\n", FAKE_SILENT, FAKE_SILENT);
	call_start(r.call);
	RIG_UNTIL(r.agent->loop, r.fake[1]->requests == 1);
	fake_drop(LIST_FIRST(&r.fake[0]->conns), false);
	RIG_UNTIL(r.agent->loop, r.call->dial.tries[0].reason != REASON_OK);
	CHECK_INT(r.call->n, 0);
	say_yes(r.fake[1]);
	RIG_UNTIL(r.agent->loop, r.call->n > 0);
	CHECK_STR(r.call->via, "hop-1");
	CHECK_INT(r.call->dial.tries[0].reason, REASON_HOP_HUNG_UP);
	call_leave_proved(r.call);
	AGENT_CHECK(r.agent, 0, 1, 0, 1, 0);
	AGENT_CHECK(r.agent, 1, 1, 1, 0, 0);
	rig_end(&r);
}

/* The destination is known to be dead: nobody waits for the slow one. */
static void
ends_when_enough_was_heard(void)
{
	struct rig r;

	RIG(&r, HEDGED, FAKE_SILENT, FAKE_REPLY, FAKE_REPLY);
	r.fake[1]->code = r.fake[2]->code = 5;
	call_run(r.call);
	CHECK_INT(r.call->reason, REASON_REFUSED);
	CHECK_INT(r.call->dial.tries_n, 3);
	call_leave(r.call);
	AGENT_CHECK(r.agent, 0, 1, 0, 0, 0);
	AGENT_CHECK(r.agent, 1, 1, 0, 0, 0);
	AGENT_CHECK(r.agent, 2, 1, 0, 0, 0);
	rig_end(&r);
}

static void
fails_with_both(void)
{
	struct rig r;

	RIG(&r, HEDGED "attempts = 2\nattempt-timeout = 500ms\n", FAKE_SILENT,
	    FAKE_STALLED);
	call_run(r.call);
	CHECK_INT(r.call->reason, REASON_HOP_SILENT);
	CHECK_INT(r.call->dial.tries[1].reason, REASON_HOP_TIMEOUT);
	CHECK_INT(hedged(&r, 0) + hedged(&r, 1), 0);
	call_leave(r.call);
	AGENT_CHECK(r.agent, 0, 1, 0, 0, 0);
	AGENT_CHECK(r.agent, 1, 1, 0, 1, 0);
	rig_end(&r);
}

/* In its own tier soon, in a lower one only after three times that. */
static void
stays_in_its_tier_at_first(void)
{
	struct rig r;
	int64_t began, took;
	uint16_t tier;

	for (tier = 1; tier <= 2; tier++) {
		RIG(&r, HEDGED, FAKE_SILENT, FAKE_ECHO);
		r.agent->table.rows[1].tier = tier;
		r.agent->table.rows[1].tier_conf = tier;
		/* So that the first one is picked first. */
		r.agent->loads[1].incarnation = 1;
		r.agent->loads[1].ewma_us = 1000000;
		r.agent->loads[1].ewma_at_us = loop_now_us(r.agent->loop);
		path_index_build(&r.agent->index, &r.agent->table);
		began = loop_now_us(r.agent->loop);
		call_run(r.call);
		took = loop_now_us(r.agent->loop) - began;
		CHECK_STR(r.call->via, "hop-1");
		CHECK(tier == 1 || took >= PATH_HEDGE_DOWN * PATH_HEDGE_MIN_US,
		    "tier 2 after %lld us", (long long)took);
		CHECK(took >= PATH_HEDGE_MIN_US, "after %lld us",
		    (long long)took);
		call_leave_proved(r.call);
		rig_end(&r);
	}
}

/* What was only learned is not waited for as what is configured, nor
 * believed when it refuses. */
static void
does_not_trust_what_was_learned(void)
{
	static const char *const hosts[2] = {"127.0.0.2", "127.0.0.1"};
	struct fake_hole hole;
	struct rig r;
	uint16_t port;
	int i, fd;

	fd = fake_refusing(&port);
	fake_hole_open(&hole, hosts[0], port);
	for (i = 0; i < 2; i++) {
		RIG(&r,
		    "[direct]\nlearn = 127.0.0.0/8\n" HEDGED "attempts = 1\n",
		    FAKE_ECHO);
		r.call->verdict.direct_first = r.call->verdict.learned = true;
		wire_host_set(&r.call->host, hosts[i], 9);
		r.call->host.port = port;
		call_run(r.call);
		CHECK_STR(r.call->via, "hop-0");
		CHECK_INT(r.call->dial.tries[0].reason,
		    i == 0 ? REASON_CANCELLED : REASON_REFUSED);
		call_leave_proved(r.call);
		AGENT_CHECK(r.agent, 0, 1, 1, 0, 0);
		rig_end(&r);
	}
	fake_hole_close(&hole);
	close(fd);
}

/* Not without budget, not with itself, not before its tier's p95. */
static void
knows_its_limits(void)
{
	struct rig r;
	int64_t began;

	RIG(&r, HEDGED "attempt-timeout = 500ms\n", FAKE_SILENT, FAKE_ECHO);
	while (budget_hedge(&r.agent->budget))
		continue;
	call_run(r.call);
	CHECK_INT(r.call->dial.tries[0].reason, REASON_HOP_SILENT);
	call_leave_proved(r.call);
	CHECK_INT(hedged(&r, 0), 0);
	rig_end(&r);

	RIG(&r, HEDGED "attempts = 2\nattempt-timeout = 500ms\n", FAKE_SILENT);
	call_start(r.call);
	RIG_UNTIL(r.agent->loop, r.call->dial.tries[0].reason != REASON_OK);
	CHECK_INT(r.fake[0]->accepted, 1);
	RIG_UNTIL(r.agent->loop, r.call->n > 0);
	call_leave(r.call);
	rig_end(&r);

	RIG(&r, HEDGED, FAKE_SILENT, FAKE_ECHO);
	r.agent->table.rows[0].recent_p95_us = 700000;
	path_index_build(&r.agent->index, &r.agent->table);
	began = loop_now_us(r.agent->loop);
	call_run(r.call);
	CHECK(loop_now_us(r.agent->loop) - began >= 700000, "its tier's p95");
	call_leave_proved(r.call);
	rig_end(&r);
}

static void
can_be_cancelled(void)
{
	struct rig r;

	RIG(&r, HEDGED, FAKE_SILENT, FAKE_SILENT);
	r.agent->table.rows[0].observed = TABLE_HALF_OPEN;
	r.agent->table.rows[0].tier = 0;
	r.agent->table.rows[0].trials = 2;
	path_index_build(&r.agent->index, &r.agent->table);
	call_start(r.call);
	CHECK_INT(r.agent->loads[0].trials, 1);
	RIG_UNTIL(r.agent->loop, r.fake[1]->requests == 1);
	dial_cancel(&r.call->dial);
	dial_cancel(&r.call->dial);
	CHECK_INT(r.call->n, 0);
	call_leave(r.call);
	AGENT_CHECK(r.agent, 0, 1, 0, 0, 0);
	AGENT_CHECK(r.agent, 1, 1, 0, 0, 0);
	rig_end(&r);
}

static void
ends_with_the_client(void)
{
	struct rig r;
	int pair[2];

	RIG(&r, HEDGED, FAKE_SILENT, FAKE_SILENT);
	rig_must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair),
	    "socketpair");
	r.call->client = pair[0];
	call_start(r.call);
	RIG_UNTIL(r.agent->loop, r.fake[1]->requests == 1);
	close(pair[1]);
	RIG_UNTIL(r.agent->loop, r.call->n > 0);
	CHECK_INT(r.call->reason, REASON_CANCELLED);
	loop_close(r.agent->loop, pair[0]);
	call_leave(r.call);
	AGENT_CHECK(r.agent, 0, 1, 0, 0, 0);
	AGENT_CHECK(r.agent, 1, 1, 0, 0, 0);
	rig_end(&r);
}

/* What a client is told of a path: the reason of the pick and of the tries
 * before it. */
static void
says_why(void)
{
	struct rig r;
	char why[512];

	RIG(&r, HEDGED, FAKE_SILENT, FAKE_CLOSED, FAKE_ECHO);
	call_run(r.call);
	CHECK_STR(dial_why(&r.call->dial, why, sizeof(why)),
	    "tier 3, the only candidate, as better tiers have no candidate; "
	    "faster than hop-0; after hop-1: hop-closed");
	dial_why(&r.call->dial, why, 20);
	CHECK_STR(why, "tier 3, the only ca");
	call_leave_proved(r.call);
	rig_end(&r);
}

static const struct unit_case cases[] = {
    {"overtakes a silent one", overtakes_a_silent_one},
    {"is overtaken itself", is_overtaken_itself},
    {"goes on beside", goes_on_beside},
    {"outlives the first", outlives_the_first},
    {"ends when enough was heard", ends_when_enough_was_heard},
    {"fails with both", fails_with_both},
    {"stays in its tier at first", stays_in_its_tier_at_first},
    {"does not trust what was learned", does_not_trust_what_was_learned},
    {"knows its limits", knows_its_limits},
    {"can be cancelled", can_be_cancelled},
    {"ends with the client", ends_with_the_client},
    {"says why", says_why},
};

UNIT_MAIN("dial_hedge", cases)
