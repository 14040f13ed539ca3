/* Makes a recorded choice again; makes none of its own, and keeps nothing
 * between two of them. */
#include "cagentd/decide/decision.h"

#include <string.h>

/* A destination that these can carry. */
static struct wire_host
stand_in(enum decision_host kind)
{
	struct wire_host host = {.port = 1};

	switch (kind) {
	case DECISION_HOST_NONE:
	case DECISION_HOST_DATAGRAMS:
		host.kind = WIRE_HOST_NONE;
		break;
	case DECISION_HOST_NOT_SOCKS4A:
		host.kind = WIRE_HOST_V6;
		break;
	case DECISION_HOST_ANY:
		host.kind = WIRE_HOST_NAME;
		memcpy(host.name, "x", 2);
		break;
	}
	return host;
}

static void
add_intermediary(struct settings *s, const char *name, const char *host)
{
	struct settings_intermediary *si =
	    &s->intermediaries[s->intermediaries_n++];

	memcpy(si->name, name, TABLE_NAME_MAX + 1);
	memcpy(si->host, host, strlen(host) + 1);
	si->port = 0;
	si->cache_bit = 0;
}

static bool
has_bit(const uint8_t *bits, uint32_t i)
{
	return (bits[i / 8] & 1u << i % 8) != 0;
}

/* The caches, or the service, that were wanted: in the settings, and in the
 * verdict. */
static void
want(struct decision_replay *r, const struct table *t, const struct decision *d,
    struct verdict *v)
{
	struct settings *s = &r->settings;
	uint32_t row, caches = 0;
	int i;

	for (row = 0; row < t->rows_n; row++) {
		if (!has_bit(d->wanted, row))
			continue;
		i = settings_intermediary(s, t->rows[row].name);
		if (i < 0) {
			i = (int)s->intermediaries_n;
			add_intermediary(s, t->rows[row].name,
			    d->same_settings ? "" : "of none");
		}
		s->intermediaries[i].cache_bit = 1u << caches++;
		v->service = i;
	}
	v->caches = caches != 0 ? UINT32_MAX : 0;
}

/*
 * Settings that know the rows that the request's settings knew: a decoded row
 * has neither host nor port, so a row is known by an empty host.  Returns the
 * index of the intermediary that a rule asks for.
 */
static uint32_t
make_settings(
    struct decision_replay *r, const struct table *t, const struct decision *d)
{
	struct settings *s = &r->settings;
	int via;
	uint32_t i;

	s->intermediaries = r->intermediaries;
	s->intermediaries_n = 0;
	s->serial = d->same_settings ? t->conf_serial : t->conf_serial + 1;
	for (i = 0; !d->same_settings && i < t->rows_n; i++) {
		if (has_bit(d->configured, i))
			add_intermediary(s, t->rows[i].name, "");
	}
	via = settings_intermediary(s, d->via);
	if (via >= 0)
		return (uint32_t)via;
	add_intermediary(s, d->via, "of none");
	return s->intermediaries_n - 1;
}

/* And what they said of the request's class. */
static void
make_class(struct settings *s, const struct decision *d)
{
	struct settings_class *c = &s->classes[d->verdict.class];
	uint32_t i;

	s->classes_n = SETTINGS_CLASSES_MAX;
	*c = (struct settings_class){.ranks_n = d->ranks_n};
	for (i = 0; i < d->ranks_n; i++)
		c->ranks[d->ranks[i] / 64] |= UINT64_C(1) << d->ranks[i] % 64;
	s->tiers_n = d->tiers_n;
	for (i = 0; i < d->tiers_n; i++)
		s->tiers[i] = (struct settings_tier){.rank = d->tiers[i].rank,
		    .reserved_for = (d->tiers[i].listed ? 1u : 0)
				    << d->verdict.class};
}

static uint32_t
answer(void *arg, uint32_t slot)
{
	const struct decision_replay *r = arg;

	return r->in_flight[slot];
}

static void
take_loads(struct decision_replay *r, const struct decision *d)
{
	uint32_t i;

	for (i = 0; i < d->loads_n; i++)
		r->loads[d->loads[i].slot] = d->loads[i].load;
	for (i = 0; i < d->in_flight_n; i++)
		r->in_flight[d->in_flight[i].slot] = d->in_flight[i].n;
}

static void
drop_loads(struct decision_replay *r, const struct decision *d)
{
	uint32_t i;

	for (i = 0; i < d->loads_n; i++)
		r->loads[d->loads[i].slot] = (struct path_load){0};
	for (i = 0; i < d->in_flight_n; i++)
		r->in_flight[d->in_flight[i].slot] = 0;
}

static bool
is_same(const struct decision_outcome *a, const struct decision_outcome *b)
{
	return a->picked == b->picked && a->slot == b->slot &&
	       a->incarnation == b->incarnation && a->rank == b->rank &&
	       a->trial == b->trial && a->cost == b->cost && a->why == b->why &&
	       a->avoided == b->avoided && a->spilled == b->spilled &&
	       a->passed == b->passed;
}

bool
decision_replay(struct decision_replay *r, const struct table *t,
    const struct path_index *ix, const struct decision *d,
    struct decision_outcome *out)
{
	const struct wire_host host = stand_in(d->host);
	struct verdict verdict = d->verdict;
	const struct path_query q = {.duty = d->duty,
	    .table = t,
	    .index = ix,
	    .loads = r->loads,
	    .settings = &r->settings,
	    .verdict = &verdict,
	    .host = &host,
	    .associate = d->host == DECISION_HOST_DATAGRAMS,
	    .tried = d->tried,
	    .tried_n = d->tried_n,
	    .times_max = d->times_max,
	    .now_us = d->now_us,
	    .in_flight = d->asked ? answer : NULL,
	    .arg = r};
	uint64_t seed = d->seed;
	struct path_pick pick;

	verdict.intermediary = make_settings(r, t, d);
	make_class(&r->settings, d);
	verdict.service = -1;
	want(r, t, d, &verdict);
	take_loads(r, d);
	*out = (struct decision_outcome){0};
	if (path_pick(&q, &seed, &pick) == 0)
		*out = (struct decision_outcome){.picked = true,
		    .slot = t->rows[pick.row].slot,
		    .incarnation = t->rows[pick.row].incarnation,
		    .rank = pick.rank,
		    .trial = pick.trial,
		    .cost = pick.cost,
		    .why = pick.why,
		    .avoided = pick.avoided,
		    .spilled = pick.spilled,
		    .passed = pick.passed};
	drop_loads(r, d);
	return is_same(out, &d->outcome);
}
