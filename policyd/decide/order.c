/* Puts each intermediary of a group where policy, health and overrides want
 * it; what they want is made elsewhere. */
#include "policyd/decide/order.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "policyd/decide/order_impl.h"

const char *
order_why_word(enum order_why why)
{
	static const char *const words[ORDER_WHY_COUNT] = {
	    [ORDER_POLICY] = "policy",
	    [ORDER_USE] = "use",
	    [ORDER_AVOID] = "avoid",
	    [ORDER_DEAD] = "dead",
	    [ORDER_DRAIN] = "drain",
	    [ORDER_FAILING] = "failing",
	    [ORDER_SLOW] = "slow",
	    [ORDER_LAST] = "last"};

	return why < ORDER_WHY_COUNT ? words[why] : "?";
}

int64_t
order_news_us(const struct order_run *run)
{
	return run->rules->news_us != 0 ? run->rules->news_us : ORDER_NEWS_US;
}

void
order_wake(struct order_run *run, int64_t at_us)
{
	if (at_us > run->now_us && at_us < run->next_us)
		run->next_us = at_us;
}

bool
order_may_move(struct order_run *run, const struct order_state *s)
{
	if (s->changed_us == 0 || run->now_us - s->changed_us >= ORDER_GAP_US)
		return true;
	order_wake(run, s->changed_us + ORDER_GAP_US);
	return false;
}

/* Mostly they come in the order of the last time. */
static const struct order_state *
find(const struct order_group *g, const char *name, uint32_t guess)
{
	uint32_t i;

	if (guess < g->states_n && strcmp(g->states[guess].name, name) == 0)
		return &g->states[guess];
	for (i = 0; i < g->states_n; i++) {
		if (strcmp(g->states[i].name, name) == 0)
			return &g->states[i];
	}
	return NULL;
}

static void
recall(struct order_run *run)
{
	const struct order_member *m;
	const struct order_state *was;
	struct order_state *s;
	uint32_t i;

	for (i = 0; i < run->group->members_n; i++) {
		m = &run->group->members[i];
		s = &run->out[i];
		was = find(run->group, m->name, i);
		if (was != NULL) {
			*s = *was;
			continue;
		}
		memset(s, 0, sizeof(*s));
		memcpy(s->name, m->name, sizeof(s->name));
		s->tier = m->tier;
		s->weight = m->weight;
	}
}

/* What it says of its load, in steps that are worth a message to all. */
static void
follow_load(struct order_run *run, uint32_t i)
{
	uint32_t now = run->group->members[i].estimate.load_percent;
	struct order_state *s = &run->out[i];
	uint32_t step = now > s->load_percent ? now - s->load_percent
					      : s->load_percent - now;

	if (s->load_percent == 0)
		s->load_percent = now != 0 ? now : 100;
	if (now == 0 || step == 0 || (step < ORDER_LOAD_STEP && now != 100))
		return;
	if (s->changed_us != 0 &&
	    run->now_us - s->changed_us < ORDER_WEIGHT_GAP_US) {
		order_wake(run, s->changed_us + ORDER_WEIGHT_GAP_US);
		return;
	}
	s->load_percent = now;
}

static uint32_t
share(uint32_t weight, uint32_t percent)
{
	uint64_t w = (uint64_t)weight * percent / 100;

	return w > 0 ? (uint32_t)w : 1;
}

static void
place_lowered(const struct order_run *run, const struct order_member *m,
    struct order_place *p)
{
	uint32_t i;

	for (i = 0; i < run->group->tiers_n && !m->reserved; i++) {
		if (run->group->tiers[i] > m->tier) {
			p->tier = run->group->tiers[i];
			return;
		}
	}
	p->weight = share(p->weight, ORDER_LOWERED_PERCENT);
}

static void
place_by_health(const struct order_run *run, uint32_t i, struct order_place *p)
{
	const struct order_member *m = &run->group->members[i];
	const struct order_state *s = &run->out[i];

	p->weight = share(m->weight, s->load_percent);
	if (s->lowered) {
		place_lowered(run, m, p);
		p->why = s->lowered_for;
	}
	if (s->gone)
		p->why = s->gone_for;
	p->drain = s->gone;
}

static bool
differs(const struct order_place *p, const struct order_state *s)
{
	return p->tier != s->tier || p->weight != s->weight ||
	       p->drain != s->drain;
}

static void
place(struct order_run *run, uint32_t i)
{
	const struct order_member *m = &run->group->members[i];
	struct order_state *s = &run->out[i];
	struct order_place *p = &run->places[i];
	bool overridden = m->use || m->avoid, at_once;

	*p = (struct order_place){
	    .tier = m->tier, .weight = m->weight, .why = ORDER_POLICY};
	follow_load(run, i);
	if (m->avoid) {
		p->drain = true;
		p->why = ORDER_AVOID;
	} else if (m->use) {
		if (!m->reserved && run->group->tiers_n > 0)
			p->tier = run->group->tiers[0];
		p->why = ORDER_USE;
	} else {
		place_by_health(run, i, p);
	}
	at_once = overridden || s->overridden || s->home != m->tier ||
		  s->home_weight != m->weight;
	s->overridden = overridden;
	s->home = m->tier;
	s->home_weight = m->weight;
	if (!at_once && differs(p, s) && !order_may_move(run, s)) {
		p->tier = s->tier;
		p->weight = s->weight;
		p->drain = s->drain;
		p->why = s->why;
		p->as_before = true;
	}
}

/* For how good a reason it is drained: 0 for the least. */
static int
drained_for(const struct order_run *run, uint32_t i)
{
	const struct order_member *m = &run->group->members[i];

	if (m->avoid)
		return 2;
	return m->estimate.dead ? 1 : 0;
}

/* Are there any that all may use?  Else the reserved ones are all there is. */
static bool
any_open(const struct order_group *g)
{
	uint32_t i;

	for (i = 0; i < g->members_n; i++) {
		if (!g->members[i].reserved)
			return true;
	}
	return false;
}

/* Somebody must be left. */
static void
keep_last(struct order_run *run)
{
	const struct order_group *g = run->group;
	bool open = any_open(g);
	struct order_place *p;
	int least = 2;
	uint32_t i;

	for (i = 0; i < g->members_n; i++) {
		if (open && g->members[i].reserved)
			continue;
		if (!run->places[i].drain)
			return;
		if (drained_for(run, i) < least)
			least = drained_for(run, i);
	}
	for (i = 0; i < g->members_n; i++) {
		p = &run->places[i];
		if ((open && g->members[i].reserved) ||
		    drained_for(run, i) != least)
			continue;
		p->drain = false;
		p->as_before = false;
		p->but_for = p->why;
		p->why = ORDER_LAST;
	}
}

static const char *
text_of(enum order_why why, const struct order_state *s)
{
	switch (why) {
	case ORDER_USE:
		return "to be used, an administrator says";
	case ORDER_AVOID:
		return "to be avoided, an administrator says";
	case ORDER_DEAD:
		return "answers no probe";
	case ORDER_DRAIN:
		return "asks for no new requests";
	case ORDER_POLICY:
	case ORDER_FAILING:
	case ORDER_SLOW:
	case ORDER_LAST:
	case ORDER_WHY_COUNT:
		break;
	}
	return s->note[0] != '\0' ? s->note : "as the policy says";
}

/* s->note is as long as s->reason, so that what follows it may be cut. */
static void
explain(struct order_run *run, uint32_t i)
{
	const struct order_view *v = &run->views[i];
	const struct order_place *p = &run->places[i];
	struct order_state *s = &run->out[i];
	const char *text = text_of(p->why, s);

	if (p->why == ORDER_LAST)
		snprintf(s->reason, sizeof(s->reason),
		    "%.50s; kept, as no other is left", text_of(p->but_for, s));
	else if (run->held && s->down_since_us != 0)
		snprintf(s->reason, sizeof(s->reason),
		    "held: %u of %u went bad at once, perhaps by our own way",
		    run->down_n, run->of_n);
	else if (v->unproved && !s->gone)
		snprintf(s->reason, sizeof(s->reason),
		    "answers no probe, but neither has another one since");
	else if (v->kept)
		snprintf(s->reason, sizeof(s->reason),
		    "bad, but nothing better is left");
	else if (p->why == ORDER_POLICY && s->load_percent < 100)
		snprintf(s->reason, sizeof(s->reason),
		    "has %u %% of its weight, as its load wants",
		    s->load_percent);
	else
		snprintf(s->reason, sizeof(s->reason), "%s", text);
}

static bool
settle(struct order_run *run, uint32_t i)
{
	const struct order_place *p = &run->places[i];
	struct order_state *s = &run->out[i];
	bool changed = differs(p, s);

	if (changed)
		s->changed_us = run->now_us;
	s->tier = p->tier;
	s->weight = p->weight;
	s->drain = p->drain;
	s->why = p->why;
	if (!p->as_before)
		explain(run, i);
	return changed;
}

bool
order_step(const struct order_rules *rules, const struct order_group *group,
    int64_t now_us, struct order_state *out, int64_t *next_us)
{
	struct order_run run = {.rules = rules,
	    .group = group,
	    .now_us = now_us,
	    .next_us = INT64_MAX,
	    .out = out};
	bool changed = false;
	uint32_t i;

	assert(group->members_n <= MANAGE_ROWS_MAX && now_us != 0);
	recall(&run);
	order_look(&run);
	order_health(&run);
	for (i = 0; i < group->members_n; i++)
		place(&run, i);
	keep_last(&run);
	for (i = 0; i < group->members_n; i++) {
		if (settle(&run, i))
			changed = true;
	}
	*next_us = run.next_us;
	return changed;
}
