/* Answers which destinations the workers have learned as direct. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mono.h"
#include "cagentd/control/control.h"
#include "cagentd/control/ctl_answer.h"
#include "cagentd/control/ctl_learned.h"

/* A worker's counters are its word: clamped, so that no sum over the workers
 * passes what a JSON integer holds. */
#define COUNT_MAX (1ull << 48)

/* What was found; the workers' facts, until those of a destination are one. */
struct found {
	struct learned_fact *facts;
	uint32_t n, cap, left_out;
	int64_t tried, stood, used, forgotten;
};

static int64_t
count(const _Atomic uint64_t *p)
{
	uint64_t v = atomic_load_explicit(p, memory_order_relaxed);

	return (int64_t)(v < COUNT_MAX ? v : COUNT_MAX);
}

static bool
believed(const struct settings *s, const struct learned_fact *f, int64_t now_us)
{
	return learned_believed(
	    f, s->direct_learn_scope, s->learn_age_ms * 1000, now_us);
}

/* Is it of any consequence now? */
static bool
counts(const struct settings *s, const struct learned_fact *f, int64_t now_us)
{
	if (f->state == LEARNED_DIRECT)
		return believed(s, f, now_us);
	return f->state == LEARNED_FAILED &&
	       f->scope == s->direct_learn_scope &&
	       now_us < learned_again_us(f);
}

/* Room for one more? */
static bool
grow(struct found *found)
{
	uint32_t cap = found->cap > 0 ? found->cap * 2 : 64;
	struct learned_fact *facts;

	if (found->n < found->cap)
		return true;
	if (cap > CTL_LEARNED_MAX)
		return false;
	facts = reallocarray(found->facts, cap, sizeof(*facts));
	if (facts == NULL)
		return false;
	found->facts = facts;
	found->cap = cap;
	return true;
}

static void
collect(struct found *found, const struct settings *s, const struct learned *l,
    int64_t now_us)
{
	struct learned_fact f;
	uint32_t i;

	found->tried += count(&l->tried);
	found->stood += count(&l->found);
	found->used += count(&l->used);
	found->forgotten += count(&l->forgotten);
	for (i = 0; i < LEARNED_ENTRIES; i++) {
		if (!learned_at(l, i, now_us, &f) || !counts(s, &f, now_us))
			continue;
		if (grow(found))
			found->facts[found->n++] = f;
		else
			found->left_out++;
	}
}

/* What is direct for anybody comes first among equals. */
static int
by_key(const void *pa, const void *pb)
{
	const struct learned_fact *a = pa, *b = pb;
	int order = strcmp(a->key, b->key);

	return order != 0 ? order : (int)b->state - (int)a->state;
}

/* Monotonic into wall clock. */
static int64_t
wall(const struct ctl_query *q, int64_t us, int64_t now_us)
{
	return q->now_us - (now_us - us);
}

/* All that is known of the destination of f[0]; n of them, the workers'. */
static json_t *
destination(const struct ctl_query *q, const struct learned_fact *f, uint32_t n,
    int64_t now_us)
{
	const struct settings *s = q->control->settings;
	struct learned_fact sum = f[0];
	json_t *o = json_object();
	uint32_t i;

	for (i = 1; i < n && f[i].state == sum.state; i++) {
		if (f[i].since_us < sum.since_us)
			sum.since_us = f[i].since_us;
		if (f[i].used_us > sum.used_us)
			sum.used_us = f[i].used_us;
		if (f[i].failures > sum.failures)
			sum.failures = f[i].failures;
	}
	ctl_set_text(o, "destination", sum.key);
	ctl_set_text(
	    o, "state", sum.state == LEARNED_DIRECT ? "direct" : "failed");
	ctl_set_int(o, "since_us", wall(q, sum.since_us, now_us));
	ctl_set_int(o, "used_us",
	    sum.state == LEARNED_DIRECT ? wall(q, sum.used_us, now_us) : 0);
	ctl_set_int(o, "until_us",
	    wall(q,
		sum.state == LEARNED_DIRECT
		    ? sum.used_us + s->learn_age_ms * 1000
		    : learned_again_us(&sum),
		now_us));
	ctl_set_int(o, "failures", sum.failures);
	ctl_set_int(o, "workers", i);
	return o;
}

static json_t *
destinations(const struct ctl_query *q, struct found *found, int64_t now_us)
{
	json_t *list = json_array();
	uint32_t i, end;

	if (found->n > 0)
		qsort(found->facts, found->n, sizeof(*found->facts), by_key);
	for (i = 0; i < found->n; i = end) {
		for (end = i + 1; end < found->n; end++) {
			if (strcmp(found->facts[end].key,
				found->facts[i].key) != 0)
				break;
		}
		json_array_append_new(
		    list, destination(q, &found->facts[i], end - i, now_us));
	}
	return list;
}

static json_t *
networks(const struct settings *s)
{
	json_t *list = json_array();
	char ip[NET_IP_STRLEN], text[NET_IP_STRLEN + 4];
	size_t i;

	for (i = 0; i < s->direct_learn_n; i++) {
		snprintf(text, sizeof(text), "%s/%u",
		    net_ip_format(&s->direct_learn[i].ip, ip),
		    s->direct_learn[i].len);
		json_array_append_new(list, ctl_text(text));
	}
	return list;
}

void
ctl_learned(struct ctl_query *q)
{
	const struct control *c = q->control;
	json_t *answer = ctl_head();
	int64_t now_us = mono_us();
	struct found found = {0};
	uint32_t i, workers = 0;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		if (c->ranking.slabs[i] == NULL)
			continue;
		workers++;
		collect(
		    &found, c->settings, &c->ranking.slabs[i]->learned, now_us);
	}
	ctl_set_int(answer, "now_us", q->now_us);
	ctl_set(answer, "learn", networks(c->settings));
	ctl_set_int(answer, "age_us", c->settings->learn_age_ms * 1000);
	ctl_set_int(answer, "workers", workers);
	ctl_set_int(answer, "tried", found.tried);
	ctl_set_int(answer, "found", found.stood);
	ctl_set_int(answer, "used", found.used);
	ctl_set_int(answer, "forgotten", found.forgotten);
	ctl_set_int(answer, "left_out", found.left_out);
	ctl_set(answer, "destinations", destinations(q, &found, now_us));
	free(found.facts);
	ctl_say(q, answer);
}

void
ctl_learned_of(const struct control *c, const struct wire_host *host,
    int64_t now_us, struct ctl_learned_sum *out)
{
	char key[WIRE_HOST_STRLEN];
	struct learned_fact f;
	uint32_t i;

	*out = (struct ctl_learned_sum){0};
	wire_host_format(host, key);
	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		if (c->ranking.slabs[i] == NULL)
			continue;
		out->of++;
		if (!learned_find(
			&c->ranking.slabs[i]->learned, key, now_us, &f) ||
		    !believed(c->settings, &f, now_us))
			continue;
		if (out->workers == 0 || f.since_us < out->since_us)
			out->since_us = f.since_us;
		out->workers++;
	}
}
