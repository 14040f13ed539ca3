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

/* Three priorities, all with more than there is; the last has a guarantee. */
static void
priorities_at(uint32_t workers, int64_t rate, int64_t guarantee)
{
	struct sim s;
	int64_t all;
	int i;

	sim_init(&s, workers);
	s.plan.link[PACE_UP] = rate;
	sim_class(&s, 0, 1);
	sim_class(&s, 1, 1000);
	sim_class(&s, 7, 1)->guarantee[PACE_UP] = guarantee;
	for (i = 0; i < 12; i++)
		sim_flow(&s, (uint8_t)(i % 3), SIM_ENDLESS);
	sim_run(&s, SIM_START + SIM_S);
	sim_forget(&s);
	sim_run(&s, SIM_START + 2 * SIM_S);
	all = sim_moved(&s, -1);
	check_near("link", all, payload(rate, SIM_S), 0.01);
	check_near("guarantee", sim_moved(&s, 2), guarantee, 0.02);
	/* With something over for wake-ups that come late. */
	CHECK(sim_moved(&s, 2) >= guarantee + guarantee / 256,
	    "%lld of %lld are guaranteed", (long long)sim_moved(&s, 2),
	    (long long)guarantee);
	CHECK_INT(sim_moved(&s, 1), 0);
	CHECK_INT(sim_moved(&s, 0), all - sim_moved(&s, 2));
	/* Who comes next has it as soon as the first has stopped. */
	for (i = 0; i < 12; i += 3)
		s.flows[i].left = 0;
	sim_run(&s, SIM_START + 2 * SIM_S + 20 * SIM_MS);
	sim_forget(&s);
	sim_run(&s, SIM_START + 3 * SIM_S);
	all = sim_moved(&s, -1);
	check_near("link", all, payload(rate, 980 * SIM_MS), 0.02);
	CHECK_INT(sim_moved(&s, 1), all - sim_moved(&s, 2));
	sim_fini(&s);
}

static void
priorities(void)
{
	static const int64_t rates[] = {MBIT, LINK, 10000 * MBIT};
	size_t i;

	for (i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		priorities_at(1, rates[i], 0);
		priorities_at(4, rates[i], 0);
		priorities_at(1, rates[i], rates[i] / 10);
		priorities_at(4, rates[i], rates[i] / 10);
	}
}

/* A guarantee is no more than that: the rest is shared by weight. */
static void
guarantee_counts_all(void)
{
	uint32_t workers;
	struct sim s;
	int i;

	for (workers = 1; workers <= 4; workers += 3) {
		sim_init(&s, workers);
		s.plan.link[PACE_UP] = LINK;
		sim_class(&s, 0, 1)->guarantee[PACE_UP] = LINK / 10;
		sim_class(&s, 0, 1);
		for (i = 0; i < 8; i++)
			sim_flow(&s, (uint8_t)(i % 2), SIM_ENDLESS);
		sim_run(&s, SIM_START + SIM_S);
		sim_forget(&s);
		sim_run(&s, SIM_START + 2 * SIM_S);
		check_near(
		    "half", sim_moved(&s, 0), payload(LINK, SIM_S) / 2, 0.05);
		sim_fini(&s);
	}
}

/* What is small and goes first hardly waits, though the last take all. */
static void
small_ones_do_not_wait(void)
{
	int64_t at, worst = 0;
	uint32_t workers;
	struct sim s;
	int i;

	for (workers = 1; workers <= 4; workers += 3) {
		sim_init(&s, workers);
		s.plan.link[PACE_UP] = LINK;
		sim_class(&s, 1, 1);
		sim_class(&s, 3, 1);
		sim_flow(&s, 0, 0)->worker = workers - 1;
		for (i = 0; i < 8; i++)
			sim_flow(&s, 1, SIM_ENDLESS);
		for (i = 0; i < 200; i++) {
			at = SIM_START + i * 10 * SIM_MS;
			sim_run(&s, at);
			s.flows[0].left = 64;
			s.flows[0].at_ns = at;
			sim_run(&s, at + 2 * SIM_MS);
			CHECK_INT(s.flows[0].left, 0);
		}
		worst = s.flows[0].waited_ns;
		CHECK(worst <= SIM_MS, "waited %lld ns", (long long)worst);
		check_near(
		    "link", sim_moved(&s, 1), payload(LINK, 2 * SIM_S), 0.01);
		sim_fini(&s);
	}
}

/* One that was silent neither has a claim to what it let pass, nor owes. */
static void
silence_is_not_saved(void)
{
	uint32_t workers, k;
	int64_t all;
	struct sim s;
	int i;

	for (workers = 1; workers <= 4; workers += 3) {
		sim_init(&s, workers);
		s.plan.link[PACE_UP] = LINK;
		sim_class(&s, 0, 1);
		sim_class(&s, 0, 1);
		for (i = 0; i < 8; i++)
			sim_flow(&s, (uint8_t)(i % 2), i % 2 ? 0 : SIM_ENDLESS);
		sim_run(&s, SIM_START + 5 * SIM_S);
		check_near(
		    "lent", sim_moved(&s, -1), payload(LINK, 5 * SIM_S), 0.01);
		for (i = 1; i < 8; i += 2) {
			s.flows[i].left = SIM_ENDLESS;
			s.flows[i].at_ns = SIM_START + 5 * SIM_S;
		}
		for (k = 1; k <= 5; k++) {
			sim_forget(&s);
			sim_run(&s, SIM_START + 5 * SIM_S + k * 100 * SIM_MS);
			all = sim_moved(&s, -1);
			check_near("half", sim_moved(&s, 1), all / 2, 0.2);
		}
		sim_fini(&s);
	}
}

/* The link is full, and yet everybody's bursts end in between. */
static void
bursts_lose_nothing(void)
{
	uint32_t workers, k;
	struct sim s;
	int i;

	for (workers = 1; workers <= 4; workers += 3) {
		sim_init(&s, workers);
		s.plan.link[PACE_UP] = LINK;
		sim_class(&s, 1, 1);
		sim_class(&s, 3, 1);
		for (i = 0; i < 8; i++)
			sim_flow(&s, (uint8_t)(i % 2), i % 2 ? SIM_ENDLESS : 0);
		for (k = 0; k < 100; k++) {
			for (i = 0; i < 8; i += 2) {
				s.flows[i].left = 30000;
				s.flows[i].at_ns = SIM_START + k * 20 * SIM_MS;
			}
			sim_run(&s, SIM_START + (k + 1) * 20 * SIM_MS);
		}
		CHECK_INT(sim_moved(&s, 0), 100 * 4 * 30000);
		check_near(
		    "link", sim_moved(&s, -1), payload(LINK, 2 * SIM_S), 0.01);
		sim_fini(&s);
	}
}

/* What is acknowledged the other way is on that way's account. */
static void
acknowledgments_count(void)
{
	int64_t up = 0, down = 0;
	struct sim s;
	int i;

	sim_init(&s, 4);
	s.plan.link[PACE_UP] = 10 * MBIT;
	s.plan.link[PACE_DOWN] = LINK;
	sim_class(&s, 0, 1);
	for (i = 0; i < 8; i++)
		sim_flow(&s, 0, SIM_ENDLESS)->pace.way =
		    i % 2 ? PACE_DOWN : PACE_UP;
	sim_run(&s, SIM_START + 2 * SIM_S);
	for (i = 0; i < 8; i++)
		*(i % 2 ? &down : &up) += s.flows[i].moved;
	check_near("up", up * 1514 / 1448 + down * 66 / 2896, 20 * MBIT, 0.01);
	check_near("down", down * 1514 / 1448 + up * 66 / 2896, 2 * LINK, 0.01);
	sim_fini(&s);
}

/* What was taken and given back is there for others, and counts for none. */
static void
refunds_are_shared(void)
{
	uint32_t workers;
	struct sim s;
	int64_t all;
	int i;

	for (workers = 1; workers <= 4; workers += 3) {
		sim_init(&s, workers);
		s.plan.link[PACE_UP] = LINK;
		sim_class(&s, 0, 6);
		sim_class(&s, 0, 3);
		sim_class(&s, 0, 1);
		for (i = 0; i < 12; i++)
			sim_flow(&s, (uint8_t)(i % 3), SIM_ENDLESS)->unused =
			    i % 3 * 40;
		sim_run(&s, SIM_START + 2 * SIM_S);
		all = sim_moved(&s, -1);
		check_near("link", all, payload(LINK, 2 * SIM_S), 0.01);
		check_near("6", sim_moved(&s, 0), all * 6 / 10, 0.05);
		check_near("3", sim_moved(&s, 1), all * 3 / 10, 0.05);
		check_near("1", sim_moved(&s, 2), all / 10, 0.05);
		sim_fini(&s);
	}
}

static const struct unit_case cases[] = {
    {"weights 6:3:1", weights},
    {"priorities, and a guarantee under them", priorities},
    {"a guarantee counts all that a class has", guarantee_counts_all},
    {"small asks before large ones", small_ones_do_not_wait},
    {"back from silence", silence_is_not_saved},
    {"bursts on a full link", bursts_lose_nothing},
    {"acknowledgments", acknowledgments_count},
    {"refunds and weights", refunds_are_shared},
};

UNIT_MAIN("pace_shares", cases)
