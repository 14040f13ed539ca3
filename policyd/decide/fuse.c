/* Makes one estimate of what agents and probes say; remembers nothing. */
#include "policyd/decide/fuse.h"

#include "policyd/decide/nth.h"

/* Its word is the share of those attempts that say something of the
 * intermediary: others failed for their destination's sake. */
static uint64_t
telling(const struct fuse_agent *a)
{
	return a->successes + a->charged;
}

static void
clamp(struct fuse_agent *a)
{
	if (a->successes > a->attempts)
		a->successes = a->attempts;
	if (a->charged > a->attempts - a->successes)
		a->charged = a->attempts - a->successes;
}

static uint32_t
permille(uint64_t part, uint64_t all)
{
	if (all == 0)
		return 1000;
	/* Where that would overflow, a thousandth is exact enough. */
	if (all > UINT64_MAX / 1000)
		return (uint32_t)(part / (all / 1000));
	return (uint32_t)(part * 1000 / all);
}

static int
by_success(const void *x, const void *y)
{
	const struct fuse_agent *a = x, *b = y;
	uint32_t pa = permille(a->successes, telling(a));
	uint32_t pb = permille(b->successes, telling(b));

	return (pa > pb) - (pa < pb);
}

static int
by_handshake(const void *x, const void *y)
{
	const struct fuse_agent *a = x, *b = y;

	return (a->handshake_p50_us > b->handshake_p50_us) -
	       (a->handshake_p50_us < b->handshake_p50_us);
}

static int
by_first_byte(const void *x, const void *y)
{
	const struct fuse_agent *a = x, *b = y;

	return (a->first_byte_p50_us > b->first_byte_p50_us) -
	       (a->first_byte_p50_us < b->first_byte_p50_us);
}

/* Those with a say to the front: how many they are. */
static uint32_t
keep_telling(struct fuse_agent *agents, uint32_t n, uint32_t samples_min)
{
	struct fuse_agent a;
	uint32_t i, kept = 0;

	for (i = 0; i < n; i++) {
		clamp(&agents[i]);
		if (telling(&agents[i]) == 0 ||
		    telling(&agents[i]) < samples_min)
			continue;
		a = agents[kept];
		agents[kept++] = agents[i];
		agents[i] = a;
	}
	return kept;
}

/* The lower median of those that have that time; 0 when they are too few. */
static uint32_t
median_us(struct fuse_agent *agents, uint32_t n, uint32_t agents_min,
    int (*by)(const void *, const void *))
{
	const struct fuse_agent none = {0};
	struct fuse_agent a;
	uint32_t i, kept = 0;

	for (i = 0; i < n; i++) {
		if (by(&agents[i], &none) == 0)
			continue;
		a = agents[kept];
		agents[kept++] = agents[i];
		agents[i] = a;
	}
	if (kept == 0 || kept < agents_min)
		return 0;
	nth_select(agents, kept, sizeof(*agents), (kept - 1) / 2, by);
	a = agents[(kept - 1) / 2];
	return by == by_handshake ? a.handshake_p50_us : a.first_byte_p50_us;
}

static void
hear_agents(const struct fuse_rules *rules, struct fuse_agent *agents,
    uint32_t n, struct fuse_estimate *out)
{
	struct fuse_side *side = &out->reports;

	n = keep_telling(agents, n, rules->samples_min);
	if (n == 0 || n < rules->agents_min)
		return;
	out->agents = n;
	side->speaks = true;
	nth_select(agents, n, sizeof(*agents), n / 2, by_success);
	side->success_permille =
	    permille(agents[n / 2].successes, telling(&agents[n / 2]));
	side->handshake_us =
	    median_us(agents, n, rules->agents_min, by_handshake);
	side->first_byte_us =
	    median_us(agents, n, rules->agents_min, by_first_byte);
}

/* Death and life take a row each, so that one that sometimes answers is not
 * both by turns. */
static bool
is_dead(const struct fuse_rules *rules, const struct fuse_probe *probe)
{
	if (probe->was_dead)
		return probe->passed_row < rules->probe_rise;
	return probe->failed_row != 0 && probe->failed_row >= rules->probe_fall;
}

static void
hear_probes(const struct fuse_rules *rules, const struct fuse_probe *probe,
    struct fuse_estimate *out)
{
	struct fuse_side *side = &out->probes;
	uint32_t passed =
	    probe->passed < probe->made ? probe->passed : probe->made;

	out->dead = is_dead(rules, probe);
	out->load_percent =
	    probe->load_percent < 100 ? probe->load_percent : 100;
	out->drain = probe->drain || out->load_percent == 0;
	out->passed_us = probe->passed_us;
	out->failing_us = probe->failed_row > 0 ? probe->failing_us : 0;
	if (probe->made == 0 || probe->made < rules->samples_min)
		return;
	side->speaks = true;
	side->success_permille = permille(passed, probe->made);
	if (passed == 0)
		return;
	side->handshake_us = probe->handshake_p50_us;
	side->first_byte_us = probe->first_byte_p50_us;
}

static uint32_t
latency_us(const struct fuse_side *side)
{
	uint64_t us = (uint64_t)side->handshake_us + side->first_byte_us;

	return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static enum fuse_source
source_of(const struct fuse_estimate *e, bool probed)
{
	if (e->reports.speaks)
		return probed ? FUSE_BOTH : FUSE_REPORTS;
	return probed ? FUSE_PROBES : FUSE_NOTHING;
}

void
fuse(const struct fuse_rules *rules, struct fuse_agent *agents,
    uint32_t agents_n, const struct fuse_probe *probe,
    struct fuse_estimate *out)
{
	*out = (struct fuse_estimate){
	    .reports.success_permille = 1000, .probes.success_permille = 1000};
	hear_agents(rules, agents, agents_n, out);
	hear_probes(rules, probe, out);
	out->source = source_of(out, out->probes.speaks || out->dead);
	out->success_permille =
	    out->reports.success_permille < out->probes.success_permille
		? out->reports.success_permille
		: out->probes.success_permille;
	if (out->dead)
		out->success_permille = 0;
	out->latency_us = latency_us(&out->reports);
	if (out->latency_us == 0)
		out->latency_us = latency_us(&out->probes);
}
