/* What is never exceeded, in any second: of a class, a user, a tunnel. */
#include "tests/unit/pace_sim.h"

static const int64_t rates[] = {32000, MBIT, 10 * MBIT, 100 * MBIT, 1000 * MBIT,
    10000 * MBIT, 100000 * MBIT};
#define RATES (sizeof(rates) / sizeof(*rates))

/* The most that the flows of a mask moved within so long. */
static int64_t
most_within(const struct sim *s, uint32_t mask, int64_t span_ns)
{
	const struct sim_move *m = s->moves;
	int64_t sum = 0, most = 0;
	size_t i, first = 0;

	CHECK(s->moves_n < SIM_MOVES, "more moves than are noted");
	for (i = 0; i < s->moves_n; i++) {
		if ((mask >> m[i].flow & 1) == 0)
			continue;
		for (sum += m[i].n; m[i].at_ns - m[first].at_ns > span_ns;
		     first++) {
			if ((mask >> m[first].flow & 1) != 0)
				sum -= m[first].n;
		}
		most = sum > most ? sum : most;
	}
	return most;
}

/* Never by more than 2 % in a second, nor by more than 20 ms in any time; and
 * not less than there might be. */
static void
check_ceiling(
    const struct sim *s, const char *what, uint32_t mask, int64_t rate)
{
	static const int64_t spans[] = {
	    SIM_S, 100 * SIM_MS, 10 * SIM_MS, SIM_MS};
	int64_t most, may;
	size_t i;

	for (i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
		most = most_within(s, mask, spans[i]);
		may = (int64_t)((double)rate *
				(double)(spans[i] + 20 * SIM_MS) / 1e9);
		CHECK(most <= may, "%s of %lld: %lld in %lld ns", what,
		    (long long)rate, (long long)most, (long long)spans[i]);
	}
	most = most_within(s, mask, SIM_S);
	CHECK(most >= rate - rate / 50, "%s of %lld: only %lld", what,
	    (long long)rate, (long long)most);
}

static void
class_at(uint32_t workers, int64_t rate)
{
	struct sim s;
	int i;

	sim_init(&s, workers);
	sim_class(&s, 0, 1)->ceiling[PACE_DOWN] = rate;
	for (i = 0; i < 8; i++) {
		sim_flow(&s, 0, SIM_ENDLESS)->pace.way = PACE_DOWN;
		s.flows[i].unused = i % 2 * 30;
	}
	sim_run(&s, SIM_START + 2 * SIM_S);
	check_ceiling(&s, "class", 0xff, rate);
	CHECK(s.wakes <= 2 * 1000 * workers, "%u wake-ups", s.wakes);
	sim_fini(&s);
}

static void
users_at(uint32_t workers, int64_t rate)
{
	struct sim s;
	int i;

	sim_init(&s, workers);
	sim_class(&s, 0, 1)->user_ceiling[PACE_UP] = rate;
	for (i = 0; i < 8; i++)
		sim_flow(&s, 0, SIM_ENDLESS)->pace.user = 100 + i / 4;
	sim_run(&s, SIM_START + 2 * SIM_S);
	check_ceiling(&s, "user", 0x0f, rate);
	check_ceiling(&s, "user", 0xf0, rate);
	sim_fini(&s);
}

static void
tunnels_at(uint32_t workers, int64_t rate)
{
	struct sim s;
	uint32_t i;

	sim_init(&s, workers);
	sim_class(&s, 0, 1)->tunnel_ceiling[PACE_UP] = rate;
	for (i = 0; i < 4; i++)
		sim_flow(&s, 0, SIM_ENDLESS);
	sim_run(&s, SIM_START + 2 * SIM_S);
	for (i = 0; i < 4; i++)
		check_ceiling(&s, "tunnel", 1u << i, rate);
	sim_fini(&s);
}

static void
each(void (*at)(uint32_t, int64_t))
{
	size_t i;

	for (i = 0; i < RATES; i++) {
		at(1, rates[i]);
		at(4, rates[i]);
	}
}

static void
classes(void)
{
	each(class_at);
}

static void
users(void)
{
	each(users_at);
}

static void
tunnels(void)
{
	each(tunnels_at);
}

/* All at once, on a link that others want as well. */
static void
nested_at(uint32_t workers)
{
	struct pace_class_plan *c;
	struct sim s;
	int i;

	sim_init(&s, workers);
	s.plan.link[PACE_UP] = 100 * MBIT;
	c = sim_class(&s, 0, 1);
	c->tunnel_ceiling[PACE_UP] = 5 * MBIT;
	c->user_ceiling[PACE_UP] = 8 * MBIT;
	c->ceiling[PACE_UP] = 12 * MBIT;
	sim_class(&s, 1, 1);
	for (i = 0; i < 12; i++)
		sim_flow(&s, i < 4, SIM_ENDLESS)->pace.user = i / 2 % 2;
	sim_run(&s, SIM_START + 2 * SIM_S);
	/* Flows 0 to 3 are of the second class; the others of the first. */
	check_ceiling(&s, "class", 0xff0, 12 * MBIT);
	CHECK(most_within(&s, 0x330, SIM_S) <= 8 * MBIT * 102 / 100, "user");
	CHECK(most_within(&s, 0xcc0, SIM_S) <= 8 * MBIT * 102 / 100, "user");
	CHECK(most_within(&s, 0x010, SIM_S) <= 5 * MBIT * 102 / 100, "tunnel");
	CHECK(sim_moved(&s, 1) > 2 * (100 * MBIT * 95 / 100 - 13 * MBIT),
	    "what is left is lent: %lld", (long long)sim_moved(&s, 1));
	sim_fini(&s);
}

static void
nested(void)
{
	nested_at(1);
	nested_at(4);
}

/* What was moved without asking is waited for afterwards. */
static void
charged(void)
{
	struct pace_flow f = {.user = 7};
	struct sim s;
	int64_t again, at;

	sim_init(&s, 1);
	sim_class(&s, 0, 1)->ceiling[PACE_UP] = MBIT;
	at = pace_charge(&s.pacer, &f, 1000, SIM_START);
	CHECK_INT(at, SIM_START);
	/* 2 s of it */
	at = pace_charge(&s.pacer, &f, 2 * MBIT, SIM_START);
	CHECK(at > SIM_START + 1990 * SIM_MS && at < SIM_START + 2020 * SIM_MS,
	    "after %lld ns", (long long)(at - SIM_START));
	CHECK_INT(pace_ask(&s.pacer, &f, 100, SIM_START + SIM_S, &again), 0);
	CHECK(again > SIM_START + 1980 * SIM_MS && again <= at, "again");
	CHECK(pace_ask(&s.pacer, &f, 100, at, &again) == 100, "paid for");
	sim_fini(&s);
}

/* Given back, it is there again; twice over, it is no more than a burst. */
static void
refunded(void)
{
	struct pace_flow f = {.user = 7};
	int64_t again;
	size_t n, sum = 0;
	struct sim s;
	int i;

	sim_init(&s, 1);
	s.plan.link[PACE_UP] = 50 * MBIT;
	sim_class(&s, 0, 1)->ceiling[PACE_UP] = 10 * MBIT;
	s.plan.classes[0].user_ceiling[PACE_UP] = 10 * MBIT;
	s.plan.classes[0].tunnel_ceiling[PACE_UP] = 10 * MBIT;
	s.plan.classes[0].guarantee[PACE_UP] = 10 * MBIT;
	for (i = 0; i < 1000; i++) {
		n = pace_ask(&s.pacer, &f, 1 << 20, SIM_START, &again);
		CHECK(n > 0, "turn %d", i);
		pace_refund(&s.pacer, &f, n);
	}
	for (i = 0; i < 1000; i++)
		pace_refund(&s.pacer, &f, 100000);
	do {
		n = pace_ask(&s.pacer, &f, 1 << 20, SIM_START, &again);
		sum += n;
	} while (n > 0);
	CHECK(sum <= 10 * MBIT * 20 / 1000, "%zu bytes at once", sum);
	CHECK(sum >= 10 * MBIT * 4 / 1000, "%zu bytes at once", sum);
	sim_fini(&s);
}

static void
unlimited(void)
{
	struct pace_flow f = {.class = 1};
	struct sim s;
	int64_t again;

	sim_init(&s, 1);
	sim_class(&s, 0, 1);
	sim_class(&s, 0, 1);
	CHECK(pace_unlimited(&s.plan, 1, PACE_UP), "nothing is limited");
	CHECK(pace_ask(&s.pacer, &f, SIZE_MAX, SIM_START, &again) == SIZE_MAX,
	    "all that is wanted");
	CHECK_INT(pace_charge(&s.pacer, &f, SIZE_MAX, SIM_START), SIM_START);
	s.plan.classes[1].tunnel_ceiling[PACE_DOWN] = 1;
	CHECK(pace_unlimited(&s.plan, 1, PACE_UP), "that way nothing is");
	CHECK(!pace_unlimited(&s.plan, 1, PACE_DOWN), "a tunnel");
	s.plan.classes[0].user_ceiling[PACE_UP] = 1;
	CHECK(pace_unlimited(&s.plan, 1, PACE_UP), "another class");
	CHECK(!pace_unlimited(&s.plan, 0, PACE_UP), "a user");
	s.plan.classes[1].ceiling[PACE_UP] = 1;
	CHECK(!pace_unlimited(&s.plan, 1, PACE_UP), "a class");
	s.plan.classes[1].ceiling[PACE_UP] = 0;
	s.plan.link[PACE_UP] = 1;
	CHECK(!pace_unlimited(&s.plan, 1, PACE_UP), "the link");
	CHECK_INT(pace_ask(&s.pacer, &f, 0, SIM_START, &again), 0);
	sim_fini(&s);
}

static const struct unit_case cases[] = {
    {"a class's ceiling in every second", classes},
    {"a user's", users},
    {"a tunnel's", tunnels},
    {"one within the other", nested},
    {"charged afterwards", charged},
    {"given back", refunded},
    {"nothing is limited", unlimited},
};

UNIT_MAIN("pace_ceilings", cases)
