/* Tells where each intermediary stands for each group, and why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/ranker/ranker.h"
#include "policyd/ranker/ranker_ctl_answer.h"
#include "policyd/ranker/ranker_ctl_line.h"
#include "policyd/ranker/ranker_ctl_say.h"
#include "trust/when.h"

struct stand {
	const struct ranker_group *group;
	const struct settings_intermediary *is; /* as the policy has it */
	const struct ranker_place *place;
	struct fuse_probe probes;
};

static void
add_probes(const struct ranker *r, struct stand *s)
{
	uint32_t i;

	for (i = 0; i < r->known_n; i++) {
		if (strcmp(r->known[i].name, s->is->name) != 0)
			continue;
		ranker_probes_sum(&r->known[i].probes, loop_now_us(r->loop),
		    r->conf->window_ms * 1000, &s->probes);
		return;
	}
}

/* The i-th intermediary of that group's policy. */
static struct stand
stand_of(const struct ranker *r, const struct ranker_group *g, uint32_t i)
{
	struct stand s = {.group = g,
	    .is = &g->policy->settings->intermediaries[i],
	    .place = &g->places[i]};

	add_probes(r, &s);
	return s;
}

static void
set_stand(json_t *o, const struct stand *s)
{
	const struct order_state *at = &s->place->state;
	const struct fuse_estimate *seen = &s->place->estimate;
	char text[32] = "-";

	ranker_ctl_set_text(o, "group", s->group->name);
	ranker_ctl_set_text(o, "name", s->is->name);
	ranker_ctl_set_int(o, "tier", at->tier);
	ranker_ctl_set_int(o, "policy_tier", s->is->tier);
	ranker_ctl_set_int(o, "weight", at->weight);
	ranker_ctl_set_int(o, "policy_weight", s->is->weight);
	ranker_ctl_set(o, "drain", json_boolean(at->drain));
	ranker_ctl_set_text(o, "why", order_why_word(at->why));
	ranker_ctl_set_text(o, "reason", at->reason);
	if (s->place->since_s != 0)
		ranker_ctl_set_int(o, "since_s", s->place->since_s);
	ranker_ctl_set_int(o, "success_permille", seen->success_permille);
	ranker_ctl_set_int(o, "latency_us", seen->latency_us);
	ranker_ctl_set_int(o, "agents", seen->agents);
	ranker_ctl_set(o, "dead", json_boolean(seen->dead));
	if (s->probes.made > 0)
		snprintf(text, sizeof(text), "%u/%u", s->probes.passed,
		    s->probes.made);
	ranker_ctl_set_text(o, "probes", text);
}

static const char *
source_words(const struct stand *s, char *out, size_t size)
{
	const struct fuse_estimate *seen = &s->place->estimate;

	if (seen->source == FUSE_NOTHING)
		snprintf(out, size, "nobody has told anything of it lately");
	else
		snprintf(out, size,
		    "%u.%u%% of requests succeed, %u.%u ms, by %u agents and "
		    "%u of %u probes",
		    seen->success_permille / 10, seen->success_permille % 10,
		    seen->latency_us / 1000, seen->latency_us % 1000 / 100,
		    seen->agents, s->probes.passed, s->probes.made);
	return out;
}

static void
set_sentence(json_t *o, const struct stand *s)
{
	const struct order_state *at = &s->place->state;
	char text[640], seen[160], when[WHEN_STRLEN];

	snprintf(text, sizeof(text),
	    "%s: %s for %s%s%s (%s%s%s); the policy has it in tier %u; %s",
	    s->is->name, at->drain ? "gets no new requests" : "in use",
	    s->group->name, s->place->since_s != 0 ? " since " : "",
	    s->place->since_s != 0 ? when_format(s->place->since_s, when) : "",
	    order_why_word(at->why), at->reason[0] != '\0' ? ": " : "",
	    at->reason, s->is->tier, source_words(s, seen, sizeof(seen)));
	if (!at->drain)
		snprintf(text, sizeof(text),
		    "%s: in tier %u with weight %u for %s%s%s (%s%s%s); the "
		    "policy has it in tier %u with weight %u; %s",
		    s->is->name, at->tier, at->weight, s->group->name,
		    s->place->since_s != 0 ? " since " : "",
		    s->place->since_s != 0
			? when_format(s->place->since_s, when)
			: "",
		    order_why_word(at->why), at->reason[0] != '\0' ? ": " : "",
		    at->reason, s->is->tier, s->is->weight,
		    source_words(s, seen, sizeof(seen)));
	ranker_ctl_set_text(o, "sentence", text);
}

/* Of all groups, or one; of all intermediaries, or one.  How many. */
static uint32_t
tell(struct ranker_ctl_query *q, const char *group, const char *name)
{
	const struct ranker *r = q->ranker;
	const struct ranker_group *g;
	uint32_t i, told = 0;
	struct stand s;
	json_t *o;

	TAILQ_FOREACH (g, &r->groups, next) {
		if (g->policy == NULL ||
		    (group != NULL && strcmp(group, g->name) != 0))
			continue;
		for (i = 0; i < g->places_n && !q->failed; i++) {
			s = stand_of(r, g, i);
			if (name != NULL && strcmp(name, s.is->name) != 0)
				continue;
			if (told++ == 0)
				ranker_ctl_say(q, ranker_ctl_head());
			o = json_object();
			set_stand(o, &s);
			set_sentence(o, &s);
			ranker_ctl_say(q, o);
		}
	}
	return told;
}

static bool
group_ok(struct ranker_ctl_query *q, const char *group)
{
	const char *words[64] = {NULL};
	const struct ranker_group *g;
	size_t n = 0;

	if (group == NULL || ranker_group(q->ranker, group) != NULL)
		return true;
	TAILQ_FOREACH (g, &q->ranker->groups, next) {
		if (n + 1 < sizeof(words) / sizeof(*words))
			words[n++] = g->name;
	}
	ranker_ctl_refuse_name(
	    q, "no agent and no policy is of a group", group, words);
	return false;
}

void
ranker_ctl_ranks(struct ranker_ctl_query *q)
{
	const char *group = ranker_ctl_arg(q->line, 0);

	if (group_ok(q, group) && tell(q, group, NULL) == 0)
		ranker_ctl_say(q, ranker_ctl_head());
}

static void
refuse_unknown(struct ranker_ctl_query *q, const char *group, const char *name)
{
	const struct ranker *r = q->ranker;
	const char *what = group != NULL ? "the policy of that group names no "
					   "intermediary"
					 : "no policy in force names an "
					   "intermediary";
	const char **words = calloc(r->known_n + 1, sizeof(*words));
	uint32_t i;

	if (words == NULL) {
		q->failed = true;
		return;
	}
	for (i = 0; i < r->known_n; i++)
		words[i] = r->known[i].name;
	ranker_ctl_refuse_name(q, what, name, words);
	free(words);
}

void
ranker_ctl_why(struct ranker_ctl_query *q)
{
	const char *name = ranker_ctl_arg(q->line, 0);
	const char *group = ranker_ctl_arg(q->line, 1);

	if (group_ok(q, group) && tell(q, group, name) == 0)
		refuse_unknown(q, group, name);
}
