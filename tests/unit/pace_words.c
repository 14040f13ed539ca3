/* Shared words in which anything may stand, and rates that are any number. */
#include "shm/pace_users.h"
#include "tests/unit/pace_sim.h"

#define LINK (100 * MBIT)

/* Three classes with all there is, on a link. */
static void
set_up(struct sim *s, uint32_t workers)
{
	uint32_t i;

	sim_init(s, workers);
	s->plan.link[PACE_UP] = LINK;
	sim_class(s, 0, 6)->guarantee[PACE_UP] = 5 * MBIT;
	sim_class(s, 0, 3)->ceiling[PACE_UP] = 60 * MBIT;
	sim_class(s, 0, 1)->user_ceiling[PACE_UP] = 60 * MBIT;
	for (i = 0; i < 12; i++)
		sim_flow(s, (uint8_t)(i % 3), SIM_ENDLESS);
}

static int64_t
payload_ms(int64_t rate, int64_t ms)
{
	return rate * ms / 1000 * 1448 / 1514;
}

/* All shares of a link that has been left alone since. */
static void
check_well(struct sim *s, const char *why)
{
	int64_t all, at = s->now_ns[0];

	sim_forget(s);
	sim_run(s, at + SIM_S);
	all = sim_moved(s, -1);
	CHECK(all >= payload_ms(LINK, 985) && all <= payload_ms(LINK, 1015),
	    "%s: %lld of the link", why, (long long)all);
	CHECK(sim_moved(s, 0) >= all * 57 / 100 &&
		  sim_moved(s, 0) <= all * 63 / 100,
	    "%s: %lld to the first", why, (long long)sim_moved(s, 0));
	CHECK(sim_moved(s, 2) >= all * 95 / 1000 &&
		  sim_moved(s, 2) <= all * 105 / 1000,
	    "%s: %lld to the last", why, (long long)sim_moved(s, 2));
}

static void
fill(struct sim *s, uint64_t value, bool random)
{
	uint64_t *words = (uint64_t *)s->state;
	size_t i;

	for (i = 0; i < sizeof(*s->state) / 8; i++) {
		if (random)
			value = (uint64_t)sim_random(s, 1u << 31) << 33 ^
				sim_random(s, 1u << 31) << 2;
		words[i] = value;
	}
}

/* At any time, while all run; soon after, all is as if it had not been.  A
 * ceiling's word that says a second from now may be true. */
static void
rubbish_at(uint32_t workers, uint64_t value, bool random)
{
	struct sim s;
	char why[64];
	int i;

	set_up(&s, workers);
	for (i = 0; i < 20; i++) {
		fill(&s, value, random);
		sim_run(&s, s.now_ns[0] + 5 * SIM_MS);
	}
	sim_run(&s, s.now_ns[0] + SIM_S);
	snprintf(why, sizeof(why), "%llx", (unsigned long long)value);
	check_well(&s, why);
	sim_fini(&s);
}

static void
rubbish(void)
{
	static const uint64_t values[] = {0, 1, UINT64_MAX, INT64_MAX,
	    1ull << 63, SIM_START, SIM_START + SIM_S, SIM_START + 300 * SIM_MS,
	    SIM_START + 199 * SIM_MS, SIM_START + 100 * SIM_MS};
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(*values); i++) {
		rubbish_at(1, values[i], false);
		rubbish_at(4, values[i], false);
	}
	rubbish_at(1, 0, true);
	rubbish_at(4, 0, true);
}

/* Changed under way: at once more or less, and no burst of the old. */
static void
change(uint32_t workers, int64_t from, int64_t to)
{
	struct sim s;
	int64_t moved;

	set_up(&s, workers);
	s.plan.link[PACE_UP] = from;
	s.plan.classes[1].ceiling[PACE_UP] = from;
	s.plan.classes[2].user_ceiling[PACE_UP] = from;
	sim_run(&s, SIM_START + SIM_S);
	s.plan.link[PACE_UP] = to;
	s.plan.classes[1].ceiling[PACE_UP] = to;
	s.plan.classes[2].user_ceiling[PACE_UP] = to;
	sim_forget(&s);
	sim_run(&s, SIM_START + SIM_S + 200 * SIM_MS);
	moved = sim_moved(&s, -1);
	CHECK(moved >= payload_ms(to, 160) && moved <= payload_ms(to, 230),
	    "%lld to %lld: %lld", (long long)from, (long long)to,
	    (long long)moved);
	sim_fini(&s);
}

static void
rates_change(void)
{
	static const int64_t rates[] = {
	    8 * MBIT, LINK, 1000 * MBIT, 10000 * MBIT};
	size_t i, j;

	for (i = 0; i < 4; i++) {
		for (j = 0; j < 4; j++) {
			change(1, rates[i], rates[j]);
			change(4, rates[i], rates[j]);
		}
	}
}

/* A byte a second, of each; and what nothing can move. */
static void
any_rate(void)
{
	static const int64_t rates[] = {1, 2, 63, 1000, 12500000000,
	    INT64_C(1) << 40, INT64_MAX, -1, INT64_MIN};
	struct pace_class_plan *c;
	struct sim s;
	size_t i;

	for (i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		sim_init(&s, 4);
		c = sim_class(&s, 255, 65535);
		c->ceiling[PACE_UP] = c->user_ceiling[PACE_UP] = rates[i];
		c->tunnel_ceiling[PACE_UP] = c->guarantee[PACE_UP] = rates[i];
		*sim_class(&s, 0, 0) = *c;
		s.plan.link[PACE_UP] = s.plan.link[PACE_DOWN] = rates[i];
		sim_flow(&s, 0, SIM_ENDLESS);
		sim_flow(&s, 1, SIM_ENDLESS)->pace.user = 2;
		sim_flow(&s, 255, SIM_ENDLESS)->pace.user = 3;
		s.flows[2].pace.way = 255;
		if (rates[i] < 12500000000 && rates[i] > 0) {
			sim_run(&s, SIM_START + 10 * SIM_S);
			CHECK(sim_moved(&s, 0) + sim_moved(&s, 1) <=
				  rates[i] * 22 + 8,
			    "%lld", (long long)rates[i]);
		}
		sim_run(&s, s.now_ns[0] + 10 * SIM_MS);
		CHECK(sim_moved(&s, -1) > 0, "%lld: none", (long long)rates[i]);
		sim_fini(&s);
	}
}

/* A plan with no classes, or more than there are. */
static void
any_plan(void)
{
	struct pace_flow f = {.class = 9, .way = 2};
	struct sim s;
	int64_t again;

	sim_init(&s, 1);
	s.plan.link[PACE_UP] = s.plan.link[PACE_DOWN] = LINK;
	CHECK(pace_ask(&s.pacer, &f, 10, SIM_START, &again) == 10, "none");
	f.class = 255;
	s.plan.classes_n = UINT32_MAX;
	CHECK(pace_ask(&s.pacer, &f, 10, SIM_START, &again) == 10, "many");
	pace_refund(&s.pacer, &f, SIZE_MAX);
	CHECK(pace_charge(&s.pacer, &f, SIZE_MAX, SIM_START) > SIM_START,
	    "charged");
	sim_fini(&s);
}

/* Users that fall into one set. */
static size_t
neighbours(struct pace_state *s, uint64_t *users, size_t n)
{
	_Atomic int64_t *word, *first = &s->sets[0].words[PACE_UP][0];
	uint64_t user;
	size_t found = 0;

	for (user = 1; found < n && user < 200000; user++) {
		word = pace_users_enter(s, user, 0, PACE_UP, 0);
		if (word >= first && word < first + PACE_WAYS)
			users[found++] = user;
	}
	memset(s->sets, 0, sizeof(s->sets));
	return found;
}

static void
a_full_set(void)
{
	uint64_t users[PACE_WAYS + 2];
	_Atomic int64_t *words[PACE_WAYS + 2];
	struct sim s;
	int i;

	sim_init(&s, 1);
	CHECK_INT(neighbours(s.state, users, PACE_WAYS + 2), PACE_WAYS + 2);
	for (i = 0; i < PACE_WAYS; i++) {
		words[i] =
		    pace_users_enter(s.state, users[i], 0, PACE_UP, SIM_START);
		*words[i] = SIM_START + 100 - i;
	}
	for (i = 0; i < PACE_WAYS; i++)
		CHECK(
		    pace_users_find(s.state, users[i], 0, PACE_UP) == words[i],
		    "user %d has his own", i);
	CHECK(pace_users_find(s.state, users[0], 1, PACE_UP) == NULL,
	    "in another class he has another");
	/* The quietest, and what he has taken. */
	words[8] = pace_users_enter(s.state, users[8], 0, PACE_UP, SIM_START);
	CHECK(words[8] == words[7], "the last one's place");
	CHECK_INT(*words[8], SIM_START + 93);
	CHECK(pace_users_find(s.state, users[7], 0, PACE_UP) == NULL, "gone");
	/* A word that cannot be, goes first. */
	*words[3] = INT64_MAX;
	words[9] = pace_users_enter(s.state, users[9], 0, PACE_UP, SIM_START);
	CHECK(words[9] == words[3], "the impossible one's place");
	sim_fini(&s);
}

/* What was on the wire beside what was reckoned is paid for, or paid back; not
 * for ever. */
static void
correct(void)
{
	struct sim s;
	struct pacer p;
	_Atomic int64_t *link;

	sim_init(&s, 1);
	s.plan.link[PACE_UP] = MBIT;
	p = (struct pacer){s.state, &s.plan};
	link = &s.state->lanes[PACE_UP].link;
	pace_correct(&p, PACE_UP, 1000, SIM_START);
	CHECK_INT(*link, SIM_START + 8 * SIM_MS);
	pace_correct(&p, PACE_UP, -600, SIM_START + SIM_MS);
	CHECK_INT(*link, SIM_START + 8 * SIM_MS - 4800000);
	pace_correct(&p, PACE_UP, INT64_MAX, SIM_START);
	CHECK(*link < SIM_START + SIM_S, "a debt of %lld ns",
	    (long long)(*link - SIM_START));
	/* A link of no known rate has no account. */
	pace_correct(&p, PACE_DOWN, 1000, SIM_START);
	CHECK_INT(s.state->lanes[PACE_DOWN].link, 0);
	sim_fini(&s);
}

static const struct unit_case cases[] = {
    {"rubbish in every word", rubbish},
    {"rates that change", rates_change},
    {"any rate", any_rate},
    {"any plan", any_plan},
    {"a full set of users", a_full_set},
    {"what the wire says", correct},
};

UNIT_MAIN("pace_words", cases)
