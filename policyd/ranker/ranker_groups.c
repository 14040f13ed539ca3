/* Owns the groups: which there are, which policy is in force for each, and
 * where its intermediaries stood last. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "policyd/ranker/ranker.h"

struct ranker_group *
ranker_group(struct ranker *r, const char *name)
{
	struct ranker_group *g;

	TAILQ_FOREACH (g, &r->groups, next) {
		if (strcmp(g->name, name) == 0)
			return g;
	}
	return NULL;
}

static enum order_why
why_of(const char *word)
{
	int why;

	for (why = 0; why < ORDER_WHY_COUNT; why++) {
		if (strcmp(order_why_word((enum order_why)why), word) == 0)
			return (enum order_why)why;
	}
	return ORDER_POLICY;
}

/* From where it stood by the store: a ranker that begins anew does not undo
 * what the one before had good reason for. */
static void
resume(struct ranker *r, const struct ranker_group *g,
    const struct settings_intermediary *i, struct ranker_place *place)
{
	struct order_state *s = &place->state;
	struct store_place last;
	int known;

	place->estimate.success_permille = 1000;
	if (store_place_last(r->store, g->name, i->name, &last) != 0)
		return;
	if (store_place_since(r->store, &last, &place->since_s) != 0)
		place->since_s = last.at_s;
	snprintf(s->name, sizeof(s->name), "%s", i->name);
	s->tier = last.tier;
	s->weight = last.weight;
	s->drain = last.drain;
	s->why = why_of(last.why);
	snprintf(s->reason, sizeof(s->reason), "%.*s",
	    (int)sizeof(s->reason) - 1, last.reason);
	s->home = i->tier;
	s->home_weight = i->weight;
	/* What moved it is not yet heard of again. */
	s->changed_us = loop_now_us(r->loop);
	s->overridden = s->why == ORDER_USE || s->why == ORDER_AVOID;
	if (s->why == ORDER_POLICY && s->weight < i->weight)
		s->load_percent = s->weight * 100 / i->weight;
	s->gone = s->why == ORDER_DEAD || s->why == ORDER_DRAIN;
	s->gone_for = s->gone ? s->why : ORDER_POLICY;
	s->lowered = s->why == ORDER_FAILING || s->why == ORDER_SLOW;
	if (s->lowered) {
		s->lowered_for = s->why;
		s->falls = 1;
		memcpy(s->note, s->reason, sizeof(s->note));
	}
	known = ranker_known(r, i->name);
	if (s->why == ORDER_DEAD && known != -1 &&
	    r->known[known].probes.n == 0)
		r->known[known].probes.dead = true;
}

static const struct ranker_place *
find(const struct ranker_group *g, const char *name)
{
	uint32_t i;

	for (i = 0; i < g->places_n; i++) {
		if (strcmp(g->places[i].state.name, name) == 0)
			return &g->places[i];
	}
	return NULL;
}

/* What is known of those that the policy goes on to name stays. */
static void
change_policy(
    struct ranker *r, struct ranker_group *g, const struct ranker_policy *p)
{
	uint32_t n = p != NULL ? p->settings->intermediaries_n : 0, i;
	struct ranker_place *places = calloc(n + 1, sizeof(*places));
	const struct settings_intermediary *member;
	const struct ranker_place *old;

	if (places == NULL)
		fatalx("out of memory");
	for (i = 0; i < n; i++) {
		member = &p->settings->intermediaries[i];
		old = find(g, member->name);
		if (old != NULL)
			places[i] = *old;
		else
			resume(r, g, member, &places[i]);
	}
	free(g->places);
	g->places = places;
	g->places_n = n;
	g->policy = p;
	verified_free(g->fresh);
	g->fresh = NULL;
	g->signing = 0;
	g->moved = true;
}

/* That of another policy is of no use to anybody. */
static void
drop_rank(struct ranker_group *g)
{
	const struct envelope *e;
	uint64_t serial;

	if (g->rank == NULL)
		return;
	e = verified_envelope(g->rank);
	if (g->policy != NULL &&
	    e->epoch == verified_mark(g->policy->v).epoch &&
	    verify_rank_policy((const char *)e->body, e->body_len, &serial) &&
	    serial == verified_mark(g->policy->v).serial)
		return;
	verified_free(g->rank);
	g->rank = NULL;
}

static void
refresh(struct ranker *r, struct ranker_group *g)
{
	const struct ranker_policy *p = ranker_policy(r, g->name);

	if (p == g->policy)
		return;
	change_policy(r, g, p);
	drop_rank(g);
}

/* In the order of names. */
static void
insert(struct ranker *r, struct ranker_group *g)
{
	struct ranker_group *at;

	TAILQ_FOREACH (at, &r->groups, next) {
		if (strcmp(g->name, at->name) < 0)
			break;
	}
	if (at != NULL)
		TAILQ_INSERT_BEFORE(at, g, next);
	else
		TAILQ_INSERT_TAIL(&r->groups, g, next);
}

struct ranker_group *
ranker_group_get(struct ranker *r, const char *name)
{
	struct ranker_group *g = ranker_group(r, name);

	if (g != NULL)
		return g;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return NULL;
	snprintf(g->name, sizeof(g->name), "%s", name);
	LIST_INIT(&g->agents);
	insert(r, g);
	refresh(r, g);
	ranker_soon(r);
	return g;
}

void
ranker_groups_refresh(struct ranker *r)
{
	const struct ranker_policy *p;
	struct ranker_group *g;
	const char *audience;

	LIST_FOREACH (p, &r->policies, next) {
		audience = verified_envelope(p->v)->audience;
		if (strcmp(audience, "*") != 0 &&
		    ranker_group_get(r, audience) == NULL)
			log_errx("group %s: out of memory", audience);
	}
	TAILQ_FOREACH (g, &r->groups, next) {
		refresh(r, g);
	}
}

void
ranker_groups_free(struct ranker *r)
{
	struct ranker_group *g;

	while ((g = TAILQ_FIRST(&r->groups)) != NULL) {
		TAILQ_REMOVE(&r->groups, g, next);
		verified_free(g->rank);
		verified_free(g->fresh);
		free(g->places);
		free(g);
	}
}
