/* How many reports a second the server stores, how fast all agents have what
 * is pushed, and what each of them costs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"
#include "tests/bench/serve.h"

#define PUSH_MS	   60000
#define RANK_MS	   60000
#define POLICY_LEN 4096

void
bench_reports(void)
{
	static struct serve s;
	uint32_t n = bench_is_short() ? 20 : 400;
	int ms = bench_is_short() ? 1000 : 10000;
	double collector, ranker, took_s;
	uint64_t acks;
	int64_t began_us, until_ms;

	serve_start(&s, n, 2);
	collector = serve_cpu_s(&s, "collector");
	ranker = serve_cpu_s(&s, "ranker");
	began_us = rig_now_us();
	atomic_store(&s.sim.shared->reports, true);
	until_ms = rig_now_ms() + ms;
	while (rig_pause(until_ms))
		continue;
	atomic_store(&s.sim.shared->reports, false);
	acks = atomic_load(&s.sim.shared->acks);
	took_s = (double)(rig_now_us() - began_us) / 1e6;
	collector = serve_cpu_s(&s, "collector") - collector;
	ranker = serve_cpu_s(&s, "ranker") - ranker;
	CHECK(acks > n, "only %llu reports were stored",
	    (unsigned long long)acks);
	CHECK_INT(atomic_load(&s.sim.shared->nacks), 0);
	CHECK_INT(atomic_load(&s.sim.shared->lost), 0);
	bench_row("reports stored (10 rows each), a second",
	    (double)acks / took_s, "/s", 0, NULL);
	bench_row("  and core of collector and ranker together",
	    (double)acks / (collector + ranker + 1e-9), "/s", 0, NULL);
	bench_row("  CPU of the collector for one",
	    collector * 1e6 / (double)acks, "us", 0, NULL);
	bench_row("  CPU of the ranker for one", ranker * 1e6 / (double)acks,
	    "us", 0, NULL);
	rig_policyd_stop(&s.server);
}

static int
compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* From when the administrator's command began. */
static void
rows_of(const struct serve *s, enum envelope_type type, const char *what,
    int64_t began_us)
{
	int64_t *us = calloc(s->sim.n, sizeof(*us));
	char text[64];
	uint32_t i;

	for (i = 0; i < s->sim.n; i++)
		us[i] = atomic_load(&s->sim.shared->got_us[type][i]) - began_us;
	qsort(us, s->sim.n, sizeof(*us), compare);
	snprintf(text, sizeof(text), "%s, %u agents: first", what, s->sim.n);
	bench_row(text, (double)us[0] / 1e3, "ms", 0, NULL);
	bench_row("  p50", (double)us[s->sim.n / 2] / 1e3, "ms", 0, NULL);
	bench_row("  p99", (double)us[s->sim.n - 1 - s->sim.n / 100] / 1e3,
	    "ms", 0, NULL);
	bench_row("  last", (double)us[s->sim.n - 1] / 1e3, "ms", 0, NULL);
	free(us);
}

static void
push_policy(struct serve *s, size_t len)
{
	char what[48];
	int64_t began_us;
	double cpu_s;

	serve_policy(s, "next", len);
	serve_settle(s);
	sim_reset(&s->sim);
	cpu_s = serve_cpu_s(s, "collector");
	began_us = rig_now_us();
	serve_publish(s, "next");
	REQUIRE(sim_await_got(&s->sim, ENVELOPE_POLICY, PUSH_MS),
	    "only %u of %u agents got a policy of %zu bytes",
	    atomic_load(&s->sim.shared->got[ENVELOPE_POLICY]), s->sim.n, len);
	cpu_s = serve_cpu_s(s, "collector") - cpu_s;
	snprintf(what, sizeof(what), "policy of %zu KiB", len >> 10);
	rows_of(s, ENVELOPE_POLICY, what, began_us);
	bench_row("  CPU of the collector for one agent",
	    cpu_s * 1e6 / s->sim.n, "us", 0, NULL);
}

/* "use S1 and not S2": a fresh rank for all. */
static void
push_rank(struct serve *s)
{
	int64_t began_us;
	struct rig_output o;

	/* Those that follow from the policy have come, and are stored. */
	serve_settle(s);
	sim_reset(&s->sim);
	began_us = rig_now_us();
	rig_policyd_ask(&s->server, &o,
	    (const char *const[]){"use", "hop-01", "--not", "hop-02", "--group",
		"bench", "--for", "1h", NULL});
	/* 1: not all have answered after two seconds, which is seen here. */
	CHECK(o.code == 0 || o.code == 1, "use: exit %d: %s%s", o.code, o.out,
	    o.err);
	rig_output_free(&o);
	REQUIRE(sim_await_got(&s->sim, ENVELOPE_RANK, RANK_MS),
	    "only %u of %u agents got a rank",
	    atomic_load(&s->sim.shared->got[ENVELOPE_RANK]), s->sim.n);
	rows_of(s, ENVELOPE_RANK, "an order by `use`", began_us);
}

void
bench_push(void)
{
	static struct serve s;
	uint32_t n = bench_is_short() ? 200 : SIM_AGENTS_MAX;
	double collector, ranker;

	serve_start(&s, n, bench_is_short() ? 2 : 4);
	collector = serve_bytes(&s, "collector") - s.collector_bytes;
	ranker = serve_bytes(&s, "ranker") - s.ranker_bytes;
	bench_row(
	    "registering, agents a second", n / s.register_s, "/s", 0, NULL);
	if (!bench_is_short()) {
		bench_row("memory an agent, collector", collector / n, "bytes",
		    0, NULL);
		bench_row(
		    "memory an agent, ranker", ranker / n, "bytes", 0, NULL);
	}
	push_policy(&s, POLICY_LEN);
	push_rank(&s);
	if (!bench_is_short())
		push_policy(&s, 64 << 10);
	CHECK_INT(atomic_load(&s.sim.shared->lost), 0);
	rig_policyd_stop(&s.server);
}
