/* Who has how much of a link that classes share, over one worker and four. */
#include "tests/unit/pace_sim.h"

#define LINK (100 * MBIT)

/* What payload there is of a link in so long. */
static int64_t
payload(int64_t rate, int64_t ns)
{
	return (int64_t)((double)rate * (double)ns / 1e9 * 1448 / 1514);
}

static void
check_near(const char *what, int64_t got, int64_t want, double part)
{
	double off = (double)want * part;

	CHECK((double)got >= (double)want - off &&
		  (double)got <= (double)want + off,
	    "%s: %lld, not %lld", what, (long long)got, (long long)want);
}

static void
shares_at(uint32_t workers, int64_t rate, uint32_t flows, bool own_worker)
{
	int64_t all, s2 = 2 * SIM_S;
	struct sim s;
	uint32_t i;

	sim_init(&s, workers);
	s.plan.link[PACE_UP] = rate;
	sim_class(&s, 3, 6);
	sim_class(&s, 3, 3);
	sim_class(&s, 3, 1);
	for (i = 0; i < 3 * flows; i++) {
		sim_flow(&s, (uint8_t)(i % 3), SIM_ENDLESS);
		if (own_worker)
			s.flows[i].worker = i % 3 % workers;
	}
	sim_run(&s, SIM_START + SIM_S);
	sim_forget(&s);
	sim_run(&s, SIM_START + SIM_S + s2);
	all = sim_moved(&s, -1);
	check_near("link", all, payload(rate, s2), 0.01);
	check_near("6", sim_moved(&s, 0), all * 6 / 10, 0.05);
	check_near("3", sim_moved(&s, 1), all * 3 / 10, 0.05);
	check_near("1", sim_moved(&s, 2), all / 10, 0.05);
	CHECK(s.wakes <= 2000 * workers, "%u wake-ups", s.wakes);
	sim_fini(&s);
}

static void
weights(void)
{
	static const int64_t rates[] = {
	    MBIT / 4, MBIT, LINK, 10000 * MBIT, 100000 * MBIT};
	size_t i;

	for (i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		shares_at(1, rates[i], 4, false);
		shares_at(4, rates[i], 4, false);
		shares_at(1, rates[i], 1, true);
		shares_at(4, rates[i], 1, true);
	}
}

static const struct unit_case cases[] = {
    {"weights 6:3:1", weights},
};

UNIT_MAIN("pace_shares", cases)
