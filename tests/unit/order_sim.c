/* Hours of a fleet: probes and reports through fuse() into order_step(), with
 * intermediaries that flap, and agents that lie. */
#include <stdlib.h>

#include "policyd/decide/order.h"
#include "tests/unit/order_rig.h"

#define HOUR	 3600
#define WINDOW	 60
#define PROBE_S	 10 /* between probes, and 2 after a failure */
#define AGENTS_N 30

static const struct fuse_rules fusing = {.agents_min = 3,
    .samples_min = 5,
    .probe_fall = 3,
    .probe_rise = 2};

static uint64_t seed;

static uint32_t
draw(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

/* --- probes --- */

struct probed {
	int64_t next_s, times_s[WINDOW];
	bool passed[WINDOW];
	uint32_t n; /* kept of the newest */
	struct fuse_probe sum;
};

static struct probed probed[RIG_MAX];

static void
take_probe(struct probed *p, int64_t at_s, bool ok)
{
	struct fuse_probe *f = &p->sum;

	memmove(p->times_s + 1, p->times_s, sizeof(p->times_s) - sizeof(at_s));
	memmove(p->passed + 1, p->passed, sizeof(p->passed) - sizeof(ok));
	p->times_s[0] = at_s;
	p->passed[0] = ok;
	if (p->n < WINDOW)
		p->n++;
	if (ok) {
		f->passed_row++;
		f->failed_row = 0;
		f->failing_us = 0;
		f->passed_us = at_s * S;
	} else {
		if (f->failed_row++ == 0)
			f->failing_us = at_s * S;
		f->passed_row = 0;
	}
	p->next_s = at_s + PROBE_S;
	if (f->was_dead ? ok : !ok && f->failed_row < fusing.probe_fall)
		p->next_s = at_s + PROBE_S / 5;
}

static void
count_probes(struct probed *p, int64_t now_s)
{
	uint32_t i;

	p->sum.made = p->sum.passed = 0;
	for (i = 0; i < p->n && now_s - p->times_s[i] < WINDOW; i++) {
		p->sum.made++;
		p->sum.passed += p->passed[i];
	}
	p->sum.handshake_p50_us = 20 * MS;
	p->sum.load_percent = 100;
}

/* Does it work at that second? */
typedef bool works_fn(uint32_t i, int64_t at_s);

static void
look_at_probes(uint32_t i, int64_t now_s, works_fn *works)
{
	struct probed *p = &probed[i];
	struct fuse_estimate *e = &rig.members[i].estimate;

	if (now_s >= p->next_s)
		take_probe(p, now_s, works(i, now_s));
	count_probes(p, now_s);
	fuse(&fusing, NULL, 0, &p->sum, e);
	p->sum.was_dead = e->dead;
}

/* How often that one is moved in some hours. */
static uint32_t
changes_of(uint32_t who, uint32_t n, int hours, works_fn *works)
{
	struct order_state *s = &rig.states[who];
	int64_t now_s, changed_us = 0;
	uint32_t i, changes = 0;

	rig_begin(n);
	memset(probed, 0, sizeof(probed));
	for (i = 0; i < n; i++)
		probed[i].next_s = 1000 + draw(PROBE_S);
	for (now_s = 1000; now_s < 1000 + hours * HOUR; now_s++) {
		for (i = 0; i < n; i++)
			look_at_probes(i, now_s, works);
		rig_look();
		rig.now_us += S;
		if (s->changed_us == changed_us)
			continue;
		CHECK(changed_us == 0 ||
			  s->changed_us - changed_us >= ORDER_GAP_US,
		    "twice within 10 s");
		changed_us = s->changed_us;
		changes++;
	}
	return changes;
}

static uint32_t share_percent, period_s;

static bool
by_lot(uint32_t i, int64_t at_s)
{
	(void)at_s; /* memoryless */
	return i != 0 || draw(100) < share_percent;
}

static bool
by_turns(uint32_t i, int64_t at_s)
{
	return i != 0 ||
	       at_s % period_s < (int64_t)(period_s * share_percent / 100);
}

static void
flapping_is_damped(void)
{
	static const uint32_t shares[] = {5, 10, 30, 50, 70, 90};
	static const uint32_t periods[] = {20, 60, 120, 300, 600, 1200};
	uint32_t changes;
	size_t i, j;

	seed = 42;
	for (i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
		share_percent = shares[i];
		changes = changes_of(0, 4, 4, by_lot);
		CHECK(changes <= 4 * 7, "%u %% by lot: %u changes in 4 hours",
		    share_percent, changes);
		for (j = 0; j < sizeof(periods) / sizeof(*periods); j++) {
			period_s = periods[j];
			changes = changes_of(0, 4, 4, by_turns);
			CHECK(changes <= 4 * 7,
			    "%u %% of %u s: %u changes in 4 hours",
			    share_percent, period_s, changes);
		}
	}
}

/* One that works a tenth of the time is out nearly all of it. */
static void
a_tenth_is_dead(void)
{
	uint32_t changes;

	seed = 43;
	share_percent = 10;
	changes = changes_of(0, 4, 12, by_lot);
	CHECK(changes >= 1 && changes <= 24, "%u changes in 12 hours", changes);
	CHECK(rig.states[0].drain, "in use");
	for (uint32_t i = 1; i < 4; i++)
		CHECK_INT(rig.states[i].changed_us, 0);
}

static int64_t dies_s, lives_s;

static bool
dies_and_lives(uint32_t i, int64_t at_s)
{
	return i != 0 || at_s < dies_s || at_s >= lives_s;
}

static void
an_outage_is_two_changes(void)
{
	seed = 44;
	dies_s = 2000;
	lives_s = 2040;
	CHECK_INT(changes_of(0, 4, 1, dies_and_lives), 2);
	CHECK(!rig.states[0].drain && !rig.states[0].lowered, "not back");
	lives_s = 4000;
	CHECK_INT(changes_of(0, 2, 1, dies_and_lives), 2);
	dies_s = 1500;
	lives_s = INT64_MAX;
	CHECK_INT(changes_of(0, 3, 1, dies_and_lives), 1);
	CHECK(rig.states[0].drain, "in use");
}

static bool
uplink(uint32_t i, int64_t at_s)
{
	(void)i; /* all alike */
	return at_s < dies_s || at_s >= lives_s;
}

/* The server's own uplink takes all with it, one after the other: nobody is
 * moved, neither while it is down nor after. */
static void
our_uplink_moves_nobody(void)
{
	uint32_t i, round;

	seed = 45;
	for (round = 0; round < 20; round++) {
		dies_s = 1500 + draw(1000);
		lives_s = dies_s + 5 + draw(1000);
		changes_of(0, 6, 1, uplink);
		for (i = 0; i < 6; i++)
			CHECK(rig.states[i].changed_us == 0, "round %u: %s: %s",
			    round, rig.states[i].name, rig.states[i].reason);
	}
}

/* --- reports --- */

struct truth {
	uint32_t permille, handshake_us;
};

static struct truth truths[RIG_MAX];

static void
tell_truth(struct fuse_agent *a, const struct truth *t)
{
	uint32_t ok = t->permille - 20 + draw(41);

	if (ok > 1000)
		ok = 1000;
	*a = (struct fuse_agent){.attempts = 1000,
	    .successes = ok,
	    .charged = 1000 - ok,
	    .handshake_p50_us =
		t->handshake_us * 9 / 10 + draw(t->handshake_us / 5)};
	a->first_byte_p50_us = 2 * a->handshake_p50_us;
}

enum lie {
	LIE_FAILS,
	LIE_PERFECT,
	LIE_ABSURD,
	LIE_ANY,
	LIE_COUNT
};

static void
tell_lie(struct fuse_agent *a, enum lie lie)
{
	uint64_t much = draw(2) == 0 ? 1ull << 60 : 10;

	switch (lie) {
	case LIE_FAILS:
		*a = (struct fuse_agent){much, 0, much, 0, 0};
		return;
	case LIE_PERFECT:
		*a = (struct fuse_agent){much, much, 0, 1, 1};
		return;
	case LIE_ABSURD:
		*a = (struct fuse_agent){
		    much, much, much, UINT32_MAX, UINT32_MAX};
		return;
	case LIE_ANY:
	case LIE_COUNT:
		break;
	}
	tell_lie(a, (enum lie)draw(LIE_ANY));
}

struct seen {
	struct order_state states[RIG_MAX];
	uint64_t steps; /* a sum over all that agents were ever told */
	bool changed;
};

/* Ten minutes, in the middle of which what is true of one changes. */
static void
run_fleet(uint32_t n, uint32_t liars, enum lie lie, struct seen *out)
{
	struct fuse_probe none = {.load_percent = 100};
	struct fuse_agent agents[AGENTS_N];
	uint32_t i, k, second;

	rig_begin(n);
	for (i = 0; i < n; i++)
		truths[i] = (struct truth){980, 40 * MS};
	out->changed = false;
	for (second = 0; second < 600; second++) {
		truths[0].permille = second < 300 ? 980 : 500;
		truths[1].handshake_us = (second < 200 ? 40 : 400) * MS;
		for (i = 0; i < n; i++) {
			for (k = 0; k < AGENTS_N; k++)
				tell_truth(&agents[k], &truths[i]);
			for (k = 0; k < liars; k++)
				tell_lie(&agents[k * 7 % AGENTS_N], lie);
			fuse(&fusing, agents, AGENTS_N, &none,
			    &rig.members[i].estimate);
		}
		if (rig_look())
			out->changed = true;
		rig.now_us += S;
		for (i = 0; i < n; i++)
			out->steps = out->steps * 31 + rig.states[i].tier * 3 +
				     rig.states[i].weight + rig.states[i].drain;
	}
	memcpy(out->states, rig.states, sizeof(out->states));
}

static void
liars_change_no_rank(void)
{
	struct seen honest = {0}, lied = {0};
	uint32_t round, i;

	for (round = 0; round < 20; round++) {
		seed = 1000 + round;
		honest.steps = lied.steps = 0;
		run_fleet(5, 0, LIE_ANY, &honest);
		CHECK(honest.changed, "seed %u: nothing happens", 1000 + round);
		CHECK_INT(honest.states[0].tier, 2);
		CHECK_INT(honest.states[1].tier, 2);
		seed = 2000 + round;
		run_fleet(5, 3, (enum lie)(round % LIE_COUNT), &lied);
		CHECK(honest.steps == lied.steps,
		    "seed %u, lie %u: told something else", 2000 + round,
		    round % LIE_COUNT);
		for (i = 0; i < 5; i++)
			CHECK(
			    lied.states[i].tier == honest.states[i].tier &&
				lied.states[i].drain == honest.states[i].drain,
			    "seed %u, lie %u: %s: %s", 2000 + round,
			    round % LIE_COUNT, lied.states[i].name,
			    lied.states[i].reason);
	}
}

/* The control: with most of them lying it does not hold. */
static void
a_majority_would(void)
{
	struct seen lied = {0};

	seed = 7;
	run_fleet(5, AGENTS_N / 2 + 1, LIE_PERFECT, &lied);
	CHECK(!lied.changed, "what is slow and failing was seen");
	CHECK_INT(lied.states[0].tier, 1);
	CHECK_INT(lied.states[1].tier, 1);
}

static void
tell_three(uint32_t member, const uint32_t handshake_ms[3])
{
	struct fuse_probe none = {.load_percent = 100};
	struct fuse_agent agents[3] = {0};
	uint32_t k;

	for (k = 0; k < 3; k++)
		agents[k] = (struct fuse_agent){.attempts = 10,
		    .successes = 10,
		    .handshake_p50_us = handshake_ms[k] * MS};
	fuse(&fusing, agents, 3, &none, &rig.members[member].estimate);
}

/* Two of three decide, for their group; one does not. */
static void
slow_for_two_of_three(void)
{
	static const uint32_t fast[] = {20, 20, 20};
	static const uint32_t one[] = {20, 900, 20};
	static const uint32_t two[] = {900, 20, 900};

	rig_begin(3);
	tell_three(0, fast);
	tell_three(1, one);
	tell_three(2, fast);
	CHECK_INT(rig_change_within(300), -1);
	tell_three(1, two);
	CHECK_INT(rig_change_within(300), 30);
	CHECK_INT(rig.states[1].tier, 2);
	tell_three(1, fast);
	CHECK_INT(rig_change_within(300), 60);
	CHECK_INT(rig.states[1].tier, 1);
}

static const struct unit_case cases[] = {
    {"flapping is damped", flapping_is_damped},
    {"what works a tenth of the time is dead", a_tenth_is_dead},
    {"an outage is two changes", an_outage_is_two_changes},
    {"our uplink moves nobody", our_uplink_moves_nobody},
    {"liars change no rank", liars_change_no_rank},
    {"a majority would", a_majority_would},
    {"slow for two of three", slow_for_two_of_three},
};

UNIT_MAIN("order_sim", cases)
