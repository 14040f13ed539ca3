/* Owns when the groups are ranked, and what their places are decided from.
 * The decisions are decide/'s, the message is ranker_sign.c's. */
#include "policyd/ranker/ranker_rank.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mono.h"

/* Without news the ranks are looked at this often. */
#define STEP_US INT64_C(1000000)
/* However much comes in, no more often than this, and no more than a part of
 * all time is spent on it. */
#define GAP_US	  INT64_C(5000)
#define GAP_TIMES 4 /* as long as the last one took */

static void on_step(struct loop *, struct op *, const struct op_result *);

static void
arm(struct ranker *r, int64_t at_us)
{
	if (loop_timer(r->loop, &r->step, at_us, on_step) != 0)
		fatalx("out of memory");
}

static int64_t
gap_us(const struct ranker *r)
{
	int64_t us = GAP_TIMES * r->step_took_us;

	if (us > STEP_US)
		return STEP_US;
	return us > GAP_US ? us : GAP_US;
}

void
ranker_soon(struct ranker *r)
{
	int64_t at_us = loop_now_us(r->loop) + gap_us(r);

	if (!loop_op_active(&r->step) || r->step.at_us > at_us)
		arm(r, at_us);
}

/* For what a person waits for. */
void
ranker_at_once(struct ranker *r)
{
	arm(r, loop_now_us(r->loop));
}

static bool
is_reserved(const struct settings *s, uint16_t rank)
{
	const struct settings_tier *tier = settings_tier(s, rank);

	return tier != NULL && tier->reserved_for != 0;
}

static uint32_t
free_tiers(const struct settings *s, uint16_t out[SETTINGS_TIERS_MAX])
{
	uint32_t i, n = 0;

	for (i = 0; i < s->tiers_n; i++) {
		if (s->tiers[i].reserved_for == 0)
			out[n++] = s->tiers[i].rank;
	}
	return n;
}

static uint32_t
agents_of(const struct ranker_group *g)
{
	const struct ranker_agent *a;
	uint32_t n = 0;

	LIST_FOREACH (a, &g->agents, in_group) {
		n++;
	}
	return n;
}

/* One member: what the policy says, what is known, what was ordered. */
static void
fill_member(struct ranker *r, const struct ranker_group *g, uint32_t i,
    struct fuse_agent *agents, struct order_member *m)
{
	const struct settings *s = g->policy->settings;
	const struct settings_intermediary *si = &s->intermediaries[i];
	int known = ranker_known(r, si->name);
	struct fuse_probe probe = {.load_percent = 100};
	uint32_t n = 0;

	memset(m, 0, sizeof(*m));
	snprintf(m->name, sizeof(m->name), "%s", si->name);
	m->tier = si->tier;
	m->weight = si->weight;
	m->reserved = is_reserved(s, si->tier);
	if (known >= 0) {
		n = ranker_group_saw(r, g, (uint32_t)known, agents);
		ranker_probes_sum(&r->known[known].probes, loop_now_us(r->loop),
		    ranker_probes_window_us(r), &probe);
	}
	/* Where nothing is probed, nobody would ever be alive again. */
	if (r->conf->targets_n == 0)
		probe.was_dead = false;
	fuse(&r->conf->fuse, agents, n, &probe, &m->estimate);
	if (known >= 0)
		r->known[known].probes.dead = m->estimate.dead;
	ranker_overrides_apply(r, g->name, m);
}

static uint32_t
states_of(const struct ranker_group *g, struct order_state *out)
{
	uint32_t i, n = 0;

	for (i = 0; i < g->places_n; i++) {
		if (g->places[i].state.name[0] != '\0')
			out[n++] = g->places[i].state;
	}
	return n;
}

static bool
has_moved(const struct order_state *a, const struct order_state *b)
{
	return a->tier != b->tier || a->weight != b->weight ||
	       a->drain != b->drain;
}

/* How long the estimates hold what was seen: a window, of which one part is
 * filling, and before it the time until it was reported. */
static int64_t
news_us(const struct ranker *r)
{
	int64_t longest_us = ranker_longest_us(r);
	/* Who reports most seldom does so twice in its window. */
	int64_t reports_us =
	    longest_us * RANKER_WINDOW_SLOTS / (RANKER_WINDOW_SLOTS - 1) +
	    longest_us / 2;
	int64_t probes_us = ranker_probes_window_us(r);

	return reports_us > probes_us ? reports_us : probes_us;
}

struct work {
	struct order_member *members;
	struct order_state *before, *after;
	struct fuse_agent *agents;
};

static void
take_places(struct ranker_group *g, const struct work *w)
{
	struct ranker_place *p;
	uint32_t i;

	for (i = 0; i < g->places_n; i++) {
		p = &g->places[i];
		/* What begins as the policy has it has not moved. */
		if ((p->state.name[0] != '\0' ||
			w->after[i].why != ORDER_POLICY) &&
		    has_moved(&p->state, &w->after[i])) {
			p->unsaved = true;
			p->since_s = ranker_now_s();
		}
		p->state = w->after[i];
		p->estimate = w->members[i].estimate;
	}
}

static void
decide(
    struct ranker *r, struct ranker_group *g, struct work *w, int64_t *next_us)
{
	uint16_t tiers[SETTINGS_TIERS_MAX];
	struct order_group group = {.members = w->members,
	    .members_n = g->places_n,
	    .tiers = tiers,
	    .tiers_n = free_tiers(g->policy->settings, tiers),
	    .states = w->before,
	    .states_n = states_of(g, w->before)};
	struct order_rules rules = r->conf->order;
	int64_t at_us = *next_us;
	uint32_t i;

	rules.news_us = news_us(r);
	for (i = 0; i < g->places_n; i++)
		fill_member(r, g, i, w->agents, &w->members[i]);
	if (order_step(&rules, &group, loop_now_us(r->loop), w->after, &at_us))
		g->moved = true;
	if (at_us > 0 && at_us < *next_us)
		*next_us = at_us;
	take_places(g, w);
}

static void
rank_group(struct ranker *r, struct ranker_group *g, int64_t *next_us)
{
	struct work w = {.members = calloc(g->places_n + 1, sizeof(*w.members)),
	    .before = calloc(g->places_n + 1, sizeof(*w.before)),
	    .after = calloc(g->places_n + 1, sizeof(*w.after)),
	    .agents = calloc(agents_of(g) + 1, sizeof(*w.agents))};

	if (w.members == NULL || w.before == NULL || w.after == NULL ||
	    w.agents == NULL)
		fatalx("out of memory");
	decide(r, g, &w, next_us);
	free(w.members);
	free(w.before);
	free(w.after);
	free(w.agents);
}

static void
on_step(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct ranker *r = container_of(op, struct ranker, step);
	int64_t now_us = mono_us(), next_us = now_us + STEP_US;
	struct ranker_group *g;

	(void)loop, (void)res; /* time is the only news */
	ranker_hang_up(r);
	ranker_overrides_expire(r);
	TAILQ_FOREACH (g, &r->groups, next) {
		if (g->policy != NULL)
			rank_group(r, g, &next_us);
	}
	r->step_took_us = mono_us() - now_us;
	ranker_sign(r);
	ranker_agents_sweep(r);
	now_us += r->step_took_us;
	if (next_us < now_us + gap_us(r))
		next_us = now_us + gap_us(r);
	if (!loop_op_active(op) || op->at_us > next_us)
		arm(r, next_us);
}

void
ranker_rank_start(struct ranker *r)
{
	arm(r, loop_now_us(r->loop) + GAP_US);
}
