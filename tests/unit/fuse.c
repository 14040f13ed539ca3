/* What agents say and probes find, made one: who counts, how much, and what
 * liars can do. */
#include "policyd/decide/fuse.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define MS 1000
#define N  40

static const struct fuse_rules rules = {.agents_min = 3,
    .samples_min = 5,
    .probe_fall = 3,
    .probe_rise = 2};

static struct fuse_agent agents[N];
static struct fuse_probe probe;
static struct fuse_estimate e;
static uint32_t agents_n;

static void
begin(void)
{
	memset(agents, 0, sizeof(agents));
	memset(&probe, 0, sizeof(probe));
	probe.load_percent = 100;
	agents_n = 0;
}

static void
say(uint64_t attempts, uint64_t successes, uint64_t charged)
{
	agents[agents_n++] = (struct fuse_agent){
	    .attempts = attempts, .successes = successes, .charged = charged};
}

static void
say_times(uint32_t handshake_ms, uint32_t first_byte_ms)
{
	say(10, 10, 0);
	agents[agents_n - 1].handshake_p50_us = handshake_ms * MS;
	agents[agents_n - 1].first_byte_p50_us = first_byte_ms * MS;
}

static void
found(uint32_t made, uint32_t passed)
{
	probe.made = made;
	probe.passed = passed;
}

static void
make(void)
{
	fuse(&rules, agents_n > 0 ? agents : NULL, agents_n, &probe, &e);
}

static void
nobody_knows(void)
{
	begin();
	make();
	CHECK_INT(e.source, FUSE_NOTHING);
	CHECK_INT(e.agents, 0);
	CHECK(!e.dead && !e.drain, "condemned by nobody");
	CHECK_INT(e.success_permille, 1000);
	CHECK_INT(e.latency_us, 0);
	CHECK_INT(e.load_percent, 100);
}

static void
too_few_say_nothing(void)
{
	begin();
	say(10, 0, 10);
	say(10, 0, 10);
	make();
	CHECK_INT(e.source, FUSE_NOTHING);
	CHECK_INT(e.success_permille, 1000);
	say(4, 0, 4); /* too few samples */
	make();
	CHECK_INT(e.source, FUSE_NOTHING);
	agents_n = 2;
	say(5, 0, 5);
	make();
	CHECK_INT(e.source, FUSE_REPORTS);
	CHECK_INT(e.agents, 3);
	CHECK_INT(e.success_permille, 0);
}

/* What failed for the destination's sake is no sample. */
static void
only_own_failures_count(void)
{
	begin();
	say(1000, 6, 2);
	say(1000, 6, 2);
	say(1000, 6, 2);
	make();
	CHECK_INT(e.success_permille, 750);
	begin();
	say(1000, 2, 2);
	say(1000, 2, 2);
	say(1000, 2, 2);
	make();
	CHECK_INT(e.source, FUSE_NOTHING);
}

static void
each_counts_once(void)
{
	begin();
	say(1ull << 60, 0, 1ull << 60);
	say(5, 5, 0);
	say(6, 6, 0);
	make();
	CHECK_INT(e.agents, 3);
	CHECK_INT(e.success_permille, 1000);
}

static void
clamps(void)
{
	begin();
	say(UINT64_MAX, UINT64_MAX, UINT64_MAX);
	say(UINT64_MAX, UINT64_MAX - 1, UINT64_MAX);
	say(UINT64_MAX, 0, UINT64_MAX);
	make();
	CHECK(e.success_permille >= 999 && e.success_permille <= 1000, "got %u",
	    e.success_permille);
	begin();
	say(10, UINT64_MAX, UINT64_MAX);
	say(10, 50, 3);
	say(10, 11, 10);
	make();
	CHECK_INT(e.success_permille, 1000);
	begin();
	say(10, 2, UINT64_MAX);
	say(10, 2, 9);
	say(10, 2, 8);
	make();
	CHECK_INT(e.success_permille, 200);
}

/* Two of three decide; half of four do not. */
static void
takes_the_median(void)
{
	begin();
	say(10, 5, 5);
	say(10, 10, 0);
	say(10, 4, 6);
	make();
	CHECK_INT(e.success_permille, 500);
	say(10, 9, 1);
	make();
	CHECK_INT(e.success_permille, 900);
}

static void
times_have_their_own(void)
{
	begin();
	say_times(400, 0);
	say_times(20, 100);
	say_times(410, 0);
	make();
	CHECK_INT(e.reports.handshake_us, 400 * MS);
	CHECK_INT(e.reports.first_byte_us, 0); /* one alone */
	CHECK_INT(e.latency_us, 400 * MS);
	say_times(30, 120);
	say_times(0, 110);
	make();
	CHECK_INT(e.reports.handshake_us, 30 * MS); /* of 20 30 400 410 */
	CHECK_INT(e.reports.first_byte_us, 110 * MS);
	CHECK_INT(e.latency_us, 140 * MS);
	begin();
	say_times(UINT32_MAX / MS, UINT32_MAX / MS);
	say_times(UINT32_MAX / MS, UINT32_MAX / MS);
	say_times(UINT32_MAX / MS, UINT32_MAX / MS);
	make();
	CHECK_INT(e.latency_us, UINT32_MAX);
}

static void
probes_speak(void)
{
	begin();
	probe.handshake_p50_us = 7 * MS;
	probe.first_byte_p50_us = 8 * MS;
	found(4, 1);
	make();
	CHECK_INT(e.source, FUSE_NOTHING);
	CHECK_INT(e.latency_us, 0);
	found(5, 3);
	make();
	CHECK_INT(e.source, FUSE_PROBES);
	CHECK_INT(e.success_permille, 600);
	CHECK_INT(e.latency_us, 15 * MS);
	found(5, 9); /* nonsense */
	make();
	CHECK_INT(e.success_permille, 1000);
	found(5, 0);
	make();
	CHECK_INT(e.latency_us, 0);
}

/* Each is told apart, so that none is held against the other. */
static void
both_speak(void)
{
	begin();
	found(6, 6);
	probe.handshake_p50_us = 2 * MS;
	say_times(100, 0);
	say_times(100, 0);
	say_times(100, 0);
	make();
	CHECK_INT(e.source, FUSE_BOTH);
	CHECK_INT(e.latency_us, 100 * MS);
	CHECK_INT(e.reports.handshake_us, 100 * MS);
	CHECK_INT(e.probes.handshake_us, 2 * MS);
	found(10, 7);
	make();
	CHECK_INT(e.success_permille, 700);
	CHECK_INT(e.reports.success_permille, 1000);
	CHECK_INT(e.probes.success_permille, 700);
}

static void
death_and_life(void)
{
	static const struct {
		bool was;
		uint32_t failed, passed;
		bool dead;
	} table[] = {
	    {false, 0, 0, false},
	    {false, 2, 0, false},
	    {false, 3, 0, true},
	    {false, 9, 0, true},
	    {true, 1, 0, true},
	    {true, 0, 0, true}, /* nothing new */
	    {true, 0, 1, true},
	    {true, 0, 2, false},
	    {false, 1, 0, false},
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(*table); i++) {
		begin();
		say(10, 10, 0);
		say(10, 10, 0);
		say(10, 10, 0);
		probe.was_dead = table[i].was;
		probe.failed_row = table[i].failed;
		probe.passed_row = table[i].passed;
		make();
		CHECK(e.dead == table[i].dead, "case %zu: dead %d", i, e.dead);
		CHECK_INT(e.success_permille, table[i].dead ? 0 : 1000);
	}
}

static void
load_is_told(void)
{
	begin();
	probe.load_percent = 40;
	make();
	CHECK_INT(e.load_percent, 40);
	CHECK(!e.drain, "drained");
	probe.load_percent = 256;
	make();
	CHECK_INT(e.load_percent, 100);
	probe.load_percent = 0;
	make();
	CHECK(e.drain, "not drained");
	probe.load_percent = 100;
	probe.drain = true;
	make();
	CHECK(e.drain, "not drained");
}

/* --- liars --- */

static uint64_t seed;

static uint32_t
draw(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

static void
lie(struct fuse_agent *a)
{
	static const uint64_t much[] = {
	    5, 1000, 1ull << 32, 1ull << 60, UINT64_MAX};
	static const uint32_t times[] = {0, 1, 64, UINT32_MAX};

	a->attempts = much[draw(5)];
	a->successes = draw(2) == 0 ? 0 : a->attempts;
	a->charged = draw(2) == 0 ? a->attempts : much[draw(5)];
	a->handshake_p50_us = times[draw(4)];
	a->first_byte_p50_us = times[draw(4)];
}

struct bounds {
	uint32_t success_min, success_max, time_min, time_max;
};

/* 27 that say what they saw: about well of 1000, and about that time. */
static struct bounds
tell_truth(uint32_t well, uint32_t time_us)
{
	struct bounds b = {1000, 0, UINT32_MAX, 0};
	uint32_t i, ok, us;

	for (i = 0; i < 27; i++) {
		ok = well - 30 + draw(61);
		us = time_us - time_us / 5 + draw(time_us * 2 / 5);
		say(1000, ok, 1000 - ok);
		agents[i].handshake_p50_us = us;
		agents[i].first_byte_p50_us = us;
		b.success_min = ok < b.success_min ? ok : b.success_min;
		b.success_max = ok > b.success_max ? ok : b.success_max;
		b.time_min = us < b.time_min ? us : b.time_min;
		b.time_max = us > b.time_max ? us : b.time_max;
	}
	return b;
}

/* Whatever three of thirty say, the estimate stays among those of the honest:
 * and moves from their own median by no more than two of them lie apart. */
static void
three_of_thirty_lie(void)
{
	struct fuse_agent honest[27];
	struct bounds b;
	uint32_t round, i;

	seed = 4711;
	for (round = 0; round < 20000; round++) {
		uint64_t at = seed;

		begin();
		b = tell_truth(100 + draw(860), 1000 + draw(300000));
		memcpy(honest, agents, sizeof(honest));
		for (i = 0; i < 3; i++)
			lie(&agents[agents_n++]);
		make();
		CHECK(e.agents >= 27 && e.agents <= 30 &&
			  e.success_permille >= b.success_min &&
			  e.success_permille <= b.success_max &&
			  e.reports.handshake_us >= b.time_min &&
			  e.reports.handshake_us <= b.time_max &&
			  e.reports.first_byte_us >= b.time_min &&
			  e.reports.first_byte_us <= b.time_max,
		    "seed %llu: %u of 1000, %u us", (unsigned long long)at,
		    e.success_permille, e.reports.handshake_us);
	}
}

/* A flood of samples is no more than one voice, whoever comes first. */
static void
order_does_not_matter(void)
{
	struct fuse_estimate first;
	struct fuse_agent a;
	uint32_t round, i, j;

	seed = 815;
	for (round = 0; round < 2000; round++) {
		begin();
		tell_truth(500 + draw(400), 1000 + draw(100000));
		for (i = 0; i < 3; i++)
			lie(&agents[agents_n++]);
		make();
		first = e;
		for (i = agents_n - 1; i > 0; i--) {
			j = draw(i + 1);
			a = agents[i];
			agents[i] = agents[j];
			agents[j] = a;
		}
		make();
		CHECK(
		    memcmp(&first.reports, &e.reports, sizeof(e.reports)) == 0,
		    "round %u differs", round);
	}
}

static const struct unit_case cases[] = {
    {"nobody knows", nobody_knows},
    {"too few say nothing", too_few_say_nothing},
    {"only own failures count", only_own_failures_count},
    {"each agent counts once", each_counts_once},
    {"counts are clamped", clamps},
    {"the median is taken", takes_the_median},
    {"times have their own medians", times_have_their_own},
    {"probes speak", probes_speak},
    {"both speak", both_speak},
    {"death and life", death_and_life},
    {"load is told", load_is_told},
    {"three of thirty lie", three_of_thirty_lie},
    {"the order of agents does not matter", order_does_not_matter},
};

UNIT_MAIN("fuse", cases)
