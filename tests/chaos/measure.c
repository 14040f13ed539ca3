/* What a bad intermediary costs clients in time, and how soon nobody picks it
 * any more; the bounds are asserted in the long form alone, as other work may
 * load the machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chaos/chaos.h"
#include "tests/chaos/scene.h"
#include "tests/integ/rig_ns.h"

#define BAD	      3
#define HEDGE_US      100000 /* the least delay before a hedge */
#define MARGIN_US     60000  /* of a loaded machine */
#define EXTRA_PERCENT 5
#define QUIET_MS      300 /* no pick for so long: nobody picks it */
#define TRIAL_MS      10000
#define TRIALS_MAX    120
#define STOPPED_US    20000

/* The same run with four good ones, with one that drops SYNs, and with one
 * that never speaks. */
enum black {
	BLACK_NONE,
	BLACK_SYN,
	BLACK_SILENT
};

struct added {
	struct scene_sum sum;
	int64_t hedge_us;
	double extra;
};

static int64_t
hedge_delay(const struct watch *w)
{
	int64_t us = HEDGE_US;
	uint32_t i;

	for (i = 0; i < w->now->rows_n; i++) {
		if (i != BAD && w->now->rows[i].handshake_p95_us > us)
			us = w->now->rows[i].handshake_p95_us;
	}
	return us;
}

static void
run(const char *name, enum black black, struct added *out)
{
	static struct scene s;

	scene_prepare(&s, name, NULL);
	s.unrecorded = true;
	scene_start(&s);
	scene_more(&s, SCENE_WARM);
	if (black == BLACK_SYN)
		rig_ns_drop_syn(0, s.gates[BAD].port);
	if (black == BLACK_SILENT)
		gate_turn(&s.gates[BAD], GATE_SILENT);
	scene_mark(&s);
	scene_more(&s, scene_count(900, 10000));
	scene_settle(&s);
	out->sum = s.sum;
	out->extra = s.extra;
	out->hedge_us = hedge_delay(&s.watch);
	scene_finish(&s);
}

static void
say(const char *what, const struct added *a, const struct added *good)
{
	int64_t more = a->sum.setup_p99_us - good->sum.setup_p99_us;
	int64_t most = good->hedge_us + good->sum.setup_p99_us;

	scene_note("A  set-up, %-20s p50 %.1f ms, p99 %.1f ms: added %.1f ms, "
		   "of at most %.1f; attempts %+.1f %%",
	    what, a->sum.setup_p50_us / 1e3, a->sum.setup_p99_us / 1e3,
	    (double)more / 1e3, (double)most / 1e3, a->extra);
	if (!scene_long())
		return;
	CHECK(more <= most + MARGIN_US, "%s: %lld us added, not at most %lld",
	    what, (long long)more, (long long)most);
	CHECK(a->extra <= EXTRA_PERCENT, "%s: %.1f %% extra attempts", what,
	    a->extra);
}

void
chaos_added(void)
{
	struct added good, syn, silent;

	run("A four good", BLACK_NONE, &good);
	run("A one drops SYNs", BLACK_SYN, &syn);
	run("A one never speaks", BLACK_SILENT, &silent);
	say("four good:", &good, &good);
	say("one drops SYNs:", &syn, &good);
	say("one never speaks:", &silent, &good);
}

/* One has a new name: nothing is known of it, so that no ejection is longer
 * than the first. */
static void
rename_one(struct scene *s, unsigned int gate, unsigned int trial)
{
	unsigned int i;

	snprintf(s->names[gate], sizeof(s->names[gate]), "t%u", trial);
	s->agent.sections_len = 0;
	for (i = 0; i < SCENE_GATES; i++)
		rig_agent_intermediary(&s->agent, s->names[i], "socks5",
		    "127.0.0.1", s->gates[i].port);
	rig_agent_write(&s->agent);
	REQUIRE(rig_agent_reload(&s->agent, TRIAL_MS, NULL) == 0,
	    "the new name is refused");
}

/* From the first connection that was reset to the last that came. */
static int64_t
one_trial(struct scene *s, unsigned int trial)
{
	unsigned int gate = trial % SCENE_GATES;
	struct gate *g = &s->gates[gate];
	int64_t deadline = rig_now_ms() + TRIAL_MS, last = 0, us;

	scene_more(s, 100);
	gate_turn(g, GATE_RESETS);
	do {
		REQUIRE(rig_pause(deadline), "it is picked all the time");
		last = atomic_load(&g->last_us);
	} while (last == 0 || rig_now_us() - last < QUIET_MS * 1000);
	us = last - atomic_load(&g->first_us);
	gate_turn(g, GATE_GOOD);
	rename_one(s, gate, trial);
	return us;
}

static int
by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void
chaos_quiet(void)
{
	static struct scene s;
	int64_t us[TRIALS_MAX], p99;
	unsigned int i, n = scene_count(20, 100);

	scene_prepare(&s, "B one resets, again and again", NULL);
	s.unrecorded = true;
	s.uncounted = true; /* renamed ones count anew */
	scene_start(&s);
	scene_more(&s, SCENE_WARM);
	scene_mark(&s);
	for (i = 0; i < n; i++)
		us[i] = one_trial(&s, i);
	scene_settle(&s);
	qsort(us, n, sizeof(*us), by_value);
	p99 = us[(n * 99 + 99) / 100 - 1];
	scene_note("B  from the first failure to the last pick, %u trials: "
		   "p50 %.1f ms, p99 %.1f ms, most %.1f ms",
	    n, (double)us[n / 2] / 1e3, (double)p99 / 1e3,
	    (double)us[n - 1] / 1e3);
	CHECK(!scene_long() || p99 <= STOPPED_US, "p99 is %lld us",
	    (long long)p99);
	scene_finish(&s);
}
