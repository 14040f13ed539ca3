/* One of four intermediaries turns bad, in one way each, under load: no client
 * may notice. */
#include <string.h>

#include "tests/chaos/chaos.h"
#include "tests/chaos/scene.h"
#include "tests/integ/rig_ns.h"

#define BAD	     3 /* the one that turns */
#define WINDOW_US    10000000
#define TENTH_MS     12000
#define SLOW_SHARE   2 /* percent of the traffic */
#define LOWERED_MS   45000
#define SLOW_MOST_MS 2500 /* it is alive */

static void
more(struct scene *s)
{
	scene_more(s, scene_count(900, 6000));
}

/* From the start, or in the middle of the load. */
static void
one(const char *name, enum gate_way way, bool start)
{
	static struct scene s;

	scene_prepare(&s, name, NULL);
	if (start)
		gate_turn(&s.gates[BAD], way);
	scene_start(&s);
	if (!start) {
		scene_more(&s, SCENE_WARM);
		gate_turn(&s.gates[BAD], way);
		scene_mark(&s);
	}
	more(&s);
	scene_settle(&s);
	scene_finish(&s);
}

#define ONE(fn, name, way)                           \
	void chaos_##fn(void)                        \
	{                                            \
		one(name, way, false);               \
	}                                            \
	void chaos_##fn##_start(void)                \
	{                                            \
		one(name ", from start", way, true); \
	}

ONE(refuses, "01 reset on connect", GATE_REFUSES)
ONE(resets, "01 accepts and resets", GATE_RESETS)
ONE(silent, "03 accepts, never speaks", GATE_SILENT)
ONE(stalls, "04 stalls before success", GATE_STALLS)
ONE(mute, "05 success, then silence", GATE_MUTE)
ONE(hangs_up, "06 success, then close", GATE_HANGS_UP)
ONE(drops_flight, "06 success, flight, close", GATE_DROPS_FLIGHT)
ONE(garbage, "07 garbage", GATE_GARBAGE)
ONE(dribbles, "08 one byte a second", GATE_DRIBBLES)

static void
syn(const char *name, bool start)
{
	static struct scene s;

	scene_prepare(&s, name, NULL);
	if (start)
		rig_ns_drop_syn(0, s.gates[BAD].port);
	scene_start(&s);
	if (!start) {
		scene_more(&s, SCENE_WARM);
		rig_ns_drop_syn(0, s.gates[BAD].port);
		scene_mark(&s);
	}
	more(&s);
	scene_settle(&s);
	scene_finish(&s);
}

void
chaos_syn(void)
{
	syn("02 SYN dropped", false);
}

void
chaos_syn_start(void)
{
	syn("02 SYN dropped, from start", true);
}

/* It works now and then, which is no reason to take it in and throw it out
 * all the time. */
void
chaos_tenth(void)
{
	static struct scene s;
	unsigned int most;

	scene_prepare(&s, "09 10 % working", NULL);
	scene_start(&s);
	scene_more(&s, SCENE_WARM);
	gate_turn(&s.gates[BAD], GATE_TENTH);
	scene_mark(&s);
	rig_load_reach(&s.load, UINT32_MAX, TENTH_MS * (scene_long() ? 5 : 1));
	scene_await_demotion(&s, BAD);
	scene_settle(&s);
	most = watch_most_within(&s.watch, s.names[BAD], WINDOW_US);
	scene_check(&s, most <= 1, "%u tier changes of it in 10 s", most);
	scene_check_demoted(&s, BAD);
	scene_finish(&s);
}

/* What the slow one takes: ten times as long as the others, however long they
 * take on a loaded machine, and at least that. */
static unsigned int
ten_times(const struct scene *s, int64_t from_us, unsigned int least_ms)
{
	struct scene_sum sum;
	unsigned int ms;

	scene_sum(s, from_us, &sum);
	ms = (unsigned int)(sum.setup_p50_us / 100);
	if (ms > SLOW_MOST_MS)
		ms = SLOW_MOST_MS;
	return ms > least_ms ? ms : least_ms;
}

/* All take some time, it takes ten times as long. */
static void
slow(const char *name, unsigned int good_ms, unsigned int slow_ms)
{
	static struct scene s;
	unsigned int i, before, n = scene_count(600, 3000);
	int64_t deadline, from_us;
	double share;

	scene_prepare(&s, name, NULL);
	for (i = 0; i < SCENE_GATES; i++)
		atomic_store(&s.gates[i].delay_ms, good_ms);
	scene_start(&s);
	scene_more(&s, SCENE_WARM);
	scene_mark(&s);
	from_us = s.begun_us;
	deadline = rig_now_ms() + LOWERED_MS;
	do {
		atomic_store(
		    &s.gates[BAD].delay_ms, ten_times(&s, from_us, slow_ms));
		from_us = rig_now_us();
		before = atomic_load(&s.gates[BAD].accepted);
		scene_more(&s, n);
		share = atomic_load(&s.gates[BAD].accepted) - before;
		share *= 100.0 / n;
	} while (share >= SLOW_SHARE && rig_now_ms() < deadline);
	scene_settle(&s);
	scene_check(
	    &s, share < SLOW_SHARE, "it ended with %.1f %% of traffic", share);
	scene_note("%s: it ended with %.2f %% of the traffic", s.name, share);
	for (i = 0; i < BAD; i++)
		scene_check_kept(&s, i);
	scene_finish(&s);
}

void
chaos_slow(void)
{
	slow("10 slow but alive", 30, 400);
}

/* It may take until it is lowered for that, after half a minute. */
void
chaos_slow_unhedged(void)
{
	slow("10 slow, yet no hedge is due", 4, 90);
}
