/* Who goes first: ask by ask, on a link of a byte in 80 ns. */
#include "tests/unit/pace_sim.h"

#define LINK (100 * MBIT)

enum {
	FIRST,
	LAST
};

static void
set_up(struct sim *s)
{
	sim_init(s, 1);
	s->plan.link[PACE_UP] = LINK;
	sim_class(s, 0, 1);
	sim_class(s, 1, 1);
	sim_flow(s, FIRST, 0);
	sim_flow(s, LAST, 0);
}

static size_t
ask(struct sim *s, int flow, size_t want, int64_t now_ns)
{
	int64_t again_ns;

	return pace_ask(
	    &s->pacer, &s->flows[flow].pace, want, now_ns, &again_ns);
}

/* All that there is for it at once; *again_ns: when it is to ask again. */
static size_t
drain(struct sim *s, int flow, size_t want, int64_t *again_ns)
{
	size_t n, sum = 0;

	do {
		n = pace_ask(
		    &s->pacer, &s->flows[flow].pace, want, SIM_START, again_ns);
		sum += n;
	} while (n > 0);
	return sum;
}

/* Small asks fill it to the brim for the last, and yet not for the first. */
static void
a_step_ahead(void)
{
	struct sim s;
	int64_t again;

	set_up(&s);
	CHECK(drain(&s, LAST, 100, &again) > 0, "the last alone");
	CHECK_INT(ask(&s, LAST, 1448, SIM_START), 0);
	CHECK_INT(ask(&s, FIRST, 1448, SIM_START), 1448);
	sim_fini(&s);
}

/* Until a while after it was to ask again, and no longer. */
static void
who_waits_goes_first(void)
{
	struct sim s;
	int64_t again;

	set_up(&s);
	drain(&s, FIRST, 1 << 20, &again);
	CHECK_INT(ask(&s, LAST, 100, again + SIM_MS), 0);
	CHECK_INT(ask(&s, LAST, 100, again + 3 * SIM_MS), 100);
	sim_fini(&s);
}

static void
who_was_served_does_not_wait(void)
{
	struct sim s;
	int64_t again;

	set_up(&s);
	drain(&s, FIRST, 1 << 20, &again);
	again += SIM_MS / 2;
	CHECK_INT(ask(&s, FIRST, 100, again), 100);
	CHECK_INT(ask(&s, LAST, 100, again + SIM_MS + 1), 100);
	sim_fini(&s);
}

static void
who_is_charged_does_not_wait(void)
{
	struct sim s;
	int64_t at;

	set_up(&s);
	/* 20 ms of the link */
	at = pace_charge(&s.pacer, &s.flows[FIRST].pace, LINK / 50, SIM_START);
	CHECK(at > SIM_START + 14 * SIM_MS && at < SIM_START + 20 * SIM_MS,
	    "after %lld ns", (long long)(at - SIM_START));
	CHECK_INT(ask(&s, LAST, 1448, SIM_START + 14 * SIM_MS), 1448);
	sim_fini(&s);
}

static void
nobody_waits_for_long(void)
{
	struct sim s;

	set_up(&s);
	s.state->lanes[PACE_UP].hungry[FIRST] = SIM_START + 50 * SIM_MS;
	CHECK_INT(ask(&s, LAST, 100, SIM_START), 0);
	s.state->lanes[PACE_UP].hungry[FIRST] = SIM_START + 150 * SIM_MS;
	CHECK_INT(ask(&s, LAST, 100, SIM_START), 100);
	s.state->lanes[PACE_UP].hungry[FIRST] = INT64_MAX;
	CHECK_INT(ask(&s, LAST, 100, SIM_START), 100);
	sim_fini(&s);
}

/* What it had of the free link is on its guarantee's account as well. */
static void
a_guarantee_is_not_added(void)
{
	struct sim s;
	int64_t again;
	size_t with, without;

	set_up(&s);
	without = drain(&s, LAST, 1 << 20, &again);
	sim_fini(&s);
	set_up(&s);
	s.plan.classes[LAST].guarantee[PACE_UP] = LINK / 4;
	with = drain(&s, LAST, 1 << 20, &again);
	CHECK(with <= without + LINK / 4 / 100, "%zu, not %zu", with, without);
	sim_fini(&s);
	/* And of a link that is taken it has that. */
	set_up(&s);
	s.plan.classes[LAST].guarantee[PACE_UP] = LINK / 4;
	drain(&s, FIRST, 1 << 20, &again);
	CHECK(drain(&s, LAST, 1 << 20, &again) >= LINK / 4 / 125, "burst");
	sim_fini(&s);
}

static const struct unit_case cases[] = {
    {"a step ahead", a_step_ahead},
    {"who waits goes first", who_waits_goes_first},
    {"who was served does not wait", who_was_served_does_not_wait},
    {"who is charged does not wait", who_is_charged_does_not_wait},
    {"nobody waits for long", nobody_waits_for_long},
    {"a guarantee is not added", a_guarantee_is_not_added},
};

UNIT_MAIN("pace_turn", cases)
