/* Connections that wait for a request: how many, to whom, and what becomes of
 * them. */
#include "cagentd/worker/dial/warm.h"

#include "tests/unit/dial_call.h"

struct rig {
	struct agent *a;
	struct warm warm;
	struct fake *f;
};

static struct warm_spot *
spot(struct rig *r)
{
	return &r->warm.spots[0];
}

static void
rig_init(struct rig *r, const char *conf)
{
	struct agent *a = agent_new();

	r->a = a;
	r->f = agent_fake(a, FAKE_ECHO);
	a->table.rows[0].observed = TABLE_UP;
	agent_settings(a, conf);
	rig_must(
	    warm_init(&r->warm, a->loop, a->resolve, &a->record, &a->table),
	    "warm_init");
	warm_max(&r->warm, 1000);
	warm_use(&r->warm, a->settings);
	a->env.warm = &r->warm;
}

static void
rig_fini(struct rig *r)
{
	warm_fini(&r->warm);
	fake_free(r->f);
	agent_free(r->a);
}

/* Requests that are made at once, and all served. */
static void
ask(struct rig *r, int n)
{
	struct call *c[64];
	int i;

	for (i = 0; i < n; i++) {
		c[i] = call_new(r->a);
		call_start(c[i]);
	}
	for (i = 0; i < n; i++) {
		RIG_UNTIL(r->a->loop, c[i]->n > 0);
		CHECK_STR(wire_reason_word(c[i]->reason),
		    wire_reason_word(REASON_OK));
		call_leave_proved(c[i]);
	}
}

static bool
is_quiet(struct rig *r, uint32_t n)
{
	return spot(r)->n == n && spot(r)->makings_n == 0;
}

#define UNTIL_WARM(r, want)                                             \
	do {                                                            \
		rig_settle((r)->a->loop);                               \
		RIG_UNTIL((r)->a->loop, is_quiet((r), (want)));         \
		rig_settle((r)->a->loop);                               \
		CHECK_INT(spot(r)->n, want);                            \
		CHECK_INT((r)->warm.n, want);                           \
		CHECK_INT(AGENT_GET(&(r)->a->slab.rows[0].warm), want); \
	} while (0)

/* As if so much time had passed. */
static void
pass(struct rig *r, int64_t us)
{
	spot(r)->demand_us -= us;
	spot(r)->window_us -= us;
	loop_timer(r->a->loop, &r->warm.timer, mono_us(), r->warm.timer.fn);
	rig_settle(r->a->loop);
}

#define NEAR "[agent]\nwarm-from = 0s\n"

/* One that is asked for again and again stands before it is. */
static void
stands_before_it_is_asked_for(void)
{
	struct rig r;

	rig_init(&r, NEAR);
	ask(&r, 1); /* nothing is known yet */
	rig_settle(r.a->loop);
	CHECK_INT(r.f->accepted, 1);
	spot(&r)->setup_us = RIG_DEADLINE_US;
	ask(&r, 1);
	UNTIL_WARM(&r, 1);
	CHECK_INT(r.f->accepted, 3);
	CHECK_INT(r.f->requests, 2);
	ask(&r, 1);
	CHECK_INT(r.f->requests, 3);
	UNTIL_WARM(&r, 3);	     /* two in no time, and one more */
	CHECK_INT(r.f->accepted, 6); /* so it was by the one there was */
	AGENT_CHECK(r.a, 0, 3, 3, 0, 0);
	rig_fini(&r);
}

/* There is nothing to be gained. */
static void
makes_none_to_those_near(void)
{
	struct rig r;

	rig_init(&r, "[agent]\nwarm-from = 10s\n");
	ask(&r, 4);
	ask(&r, 4);
	rig_settle(r.a->loop);
	CHECK_INT(r.f->accepted, 8);
	CHECK_INT(r.warm.n, 0);
	CHECK(!loop_op_active(&r.warm.timer), "nothing is to be looked at");
	rig_fini(&r);

	rig_init(&r, "[agent]\nwarm-from = 0s\nwarm-connections = 0\n");
	ask(&r, 4);
	ask(&r, 4);
	rig_settle(r.a->loop);
	CHECK_INT(r.f->accepted, 8);
	rig_fini(&r);
}

static void
makes_as_many_as_are_wanted(void)
{
	struct rig r;

	rig_init(&r, NEAR);
	ask(&r, 1);
	ask(&r, 8);
	UNTIL_WARM(&r, 10); /* a quarter more */
	pass(&r, WARM_FADE_US / 2);
	UNTIL_WARM(&r, 5);
	pass(&r, WARM_FADE_US);
	UNTIL_WARM(&r, 0);
	CHECK(!spot(&r)->listed, "nobody wants any");
	rig_fini(&r);
}

static void
makes_no_more_than_it_may(void)
{
	struct rig r;

	rig_init(&r, NEAR "warm-connections = 3\n");
	ask(&r, 1);
	ask(&r, 16);
	UNTIL_WARM(&r, 3);
	rig_fini(&r);

	rig_init(&r, NEAR);
	warm_max(&r.warm, 2);
	ask(&r, 1);
	ask(&r, 16);
	UNTIL_WARM(&r, 2);
	rig_fini(&r);
}

/* --- whom they are not for --- */

static void
eject(struct table_row *row)
{
	row->observed = TABLE_EJECTED;
}

static void
try_out(struct table_row *row)
{
	row->observed = TABLE_HALF_OPEN;
}

static void
drain(struct table_row *row)
{
	row->admin = TABLE_DRAIN;
}

static void
lower(struct table_row *row)
{
	row->tier++;
}

static void
limit(struct table_row *row)
{
	row->connections_max = 1000;
}

static void
replace(struct table_row *row)
{
	row->incarnation++;
}

static void
remove_row(struct table_row *row)
{
	row->slot++;
}

static void
drops_those_of_who_is_demoted(void)
{
	static void (*const how[])(struct table_row *) = {
	    eject, try_out, drain, lower, limit, replace, remove_row};
	struct rig r;
	size_t i;

	for (i = 0; i < sizeof(how) / sizeof(*how); i++) {
		rig_init(&r, NEAR);
		ask(&r, 1);
		ask(&r, 4);
		UNTIL_WARM(&r, 5);
		how[i](&r.a->table.rows[0]);
		warm_look(&r.warm);
		CHECK(spot(&r)->n == 0 && r.warm.n == 0, "case %zu", i);
		/* Nor are they made anew. */
		rig_settle(r.a->loop);
		CHECK(r.warm.n == 0, "case %zu: again", i);
		rig_fini(&r);
	}
}

static void
gives_up_all_when_told_to(void)
{
	struct rig r;

	rig_init(&r, NEAR);
	ask(&r, 1);
	ask(&r, 4);
	UNTIL_WARM(&r, 5);
	warm_use(&r.warm, r.a->settings);
	CHECK_INT(r.warm.n, 0);
	ask(&r, 4);
	UNTIL_WARM(&r, 5);
	warm_pause(&r.warm);
	CHECK_INT(r.warm.n, 0);
	ask(&r, 4);
	rig_settle(r.a->loop);
	CHECK_INT(r.warm.n, 0);
	r.warm.hold_us = 0;
	ask(&r, 4);
	RIG_UNTIL(r.a->loop, spot(&r)->n > 0);
	warm_stop(&r.warm);
	CHECK_INT(r.warm.n, 0);
	ask(&r, 4);
	rig_settle(r.a->loop);
	CHECK_INT(r.warm.n, 0);
	rig_fini(&r);
}

/* --- servers --- */

/* How many of the fake's connections have ended. */
static int
end_all(struct rig *r, bool reset)
{
	struct fake_conn *c;
	int n = 0;

	while ((c = LIST_FIRST(&r->f->conns)) != NULL) {
		fake_drop(c, reset);
		n++;
	}
	return n;
}

/* It does not bear them: none are made for a while, and nobody is to blame. */
static void
bears_with_who_ends_them(void)
{
	struct rig r;

	rig_init(&r, NEAR);
	ask(&r, 1);
	ask(&r, 4);
	UNTIL_WARM(&r, 5);
	rig_settle(r.a->loop);
	CHECK_INT(end_all(&r, false), 5);
	UNTIL_WARM(&r, 0);
	ask(&r, 4);
	rig_settle(r.a->loop);
	CHECK_INT(spot(&r)->n + spot(&r)->makings_n, 0);
	AGENT_CHECK(r.a, 0, 9, 9, 0, 0);
	CHECK(spot(&r)->hold_us > mono_us() + WARM_HOLD_US / 2, "for long");
	rig_fini(&r);
}

/* It bears them for a while, which is what they are kept for. */
static void
learns_how_long_they_last(void)
{
	struct warm_spot *s;
	struct rig r;

	rig_init(&r, NEAR);
	ask(&r, 1);
	ask(&r, 1);
	UNTIL_WARM(&r, 1);
	s = spot(&r);
	TAILQ_FIRST(&s->conns)->since_us -= 4000000;
	end_all(&r, false);
	rig_settle(r.a->loop);
	CHECK(s->age_us >= 3000000 && s->age_us < 4000000, "%lld us",
	    (long long)s->age_us);
	CHECK_INT(s->hold_us, 0);
	rig_fini(&r);
}

/* All are dead before that is known, and no request fails. */
static void
serves_when_they_are_dead(void)
{
	struct rig r;
	int reset;

	for (reset = 0; reset < 2; reset++) {
		rig_init(&r, NEAR);
		ask(&r, 1);
		ask(&r, 4);
		UNTIL_WARM(&r, 5);
		end_all(&r, reset == 1);
		ask(&r, 5);
		AGENT_CHECK(r.a, 0, 10, 10, 0, 0);
		rig_fini(&r);
	}
}

static void
waits_after_one_that_failed(void)
{
	struct rig r;
	int accepted;

	rig_init(&r, NEAR);
	ask(&r, 1);
	ask(&r, 1);
	UNTIL_WARM(&r, 1);
	r.f->script = FAKE_CLOSED;
	ask(&r, 1);
	RIG_UNTIL(r.a->loop, spot(&r)->fails > 0);
	rig_settle(r.a->loop);
	accepted = r.f->accepted;
	pass(&r, 0);
	CHECK_INT(r.f->accepted, accepted);
	CHECK(spot(&r)->hold_us > mono_us(), "none for now");
	AGENT_CHECK(r.a, 0, 3, 3, 0, 0);
	r.f->script = FAKE_ECHO;
	spot(&r)->hold_us = 0;
	pass(&r, 0);
	RIG_UNTIL(r.a->loop, spot(&r)->n > 0);
	CHECK_INT(spot(&r)->fails, 0);
	rig_fini(&r);
}

/* The greeting and the login are done before, and not again. */
static void
logs_in_beforehand(void)
{
	struct rig r;
	struct attempt_warm w;

	rig_init(&r, NEAR);
	ask(&r, 1);
	ask(&r, 1);
	UNTIL_WARM(&r, 1);
	CHECK_INT(LIST_FIRST(&r.f->conns)->stage, 1);
	CHECK(warm_take(&r.warm, 0, &w), "it is to be had");
	CHECK(w.connect_us > 0 && w.handshake_us >= w.connect_us, "its time");
	loop_close(r.a->loop, w.stream.fd);
	CHECK(!warm_take(&r.warm, 0, &w), "once");
	rig_fini(&r);
}

static const struct unit_case cases[] = {
    {"stands before it is asked for", stands_before_it_is_asked_for},
    {"makes none to those near", makes_none_to_those_near},
    {"makes as many as are wanted", makes_as_many_as_are_wanted},
    {"makes no more than it may", makes_no_more_than_it_may},
    {"drops those of who is demoted", drops_those_of_who_is_demoted},
    {"gives up all when told to", gives_up_all_when_told_to},
    {"bears with who ends them", bears_with_who_ends_them},
    {"learns how long they last", learns_how_long_they_last},
    {"serves when they are dead", serves_when_they_are_dead},
    {"waits after one that failed", waits_after_one_that_failed},
    {"logs in beforehand", logs_in_beforehand},
};

UNIT_MAIN("warm", cases)
