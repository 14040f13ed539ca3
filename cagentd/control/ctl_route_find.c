/* Runs the workers' choice dry, for one request that nobody makes. */
#include <stdlib.h>

#include "cagentd/control/control.h"
#include "cagentd/control/ctl_route.h"

static uint32_t
in_flight(void *arg, uint32_t slot)
{
	const struct control *c = arg;
	uint32_t i, n = 0;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		if (c->ranking.slabs[i] != NULL)
			n += slab_in_flight(c->ranking.slabs[i], slot);
	}
	return n;
}

static uint32_t
workers_n(const struct control *c)
{
	uint32_t i, n = 0;

	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		if (c->ranking.slabs[i] != NULL)
			n++;
	}
	return n != 0 ? n : 1;
}

/* A worker knows its own tunnels: an even share of all is the best guess. */
static void
load(struct ctl_route *r, uint32_t row, uint32_t workers)
{
	const struct table_row *t = &r->query.table->rows[row];

	r->in_flight[row] = r->query.in_flight(r->query.arg, t->slot);
	r->loads[t->slot] = (struct path_load){.incarnation = t->incarnation,
	    .in_flight = r->in_flight[row] / workers};
}

static bool
on_trial(const struct ctl_route *r, uint32_t row)
{
	return r->query.table->rows[row].observed == TABLE_HALF_OPEN;
}

static int
before(const void *pa, const void *pb, void *arg)
{
	const struct ctl_route *r = arg;
	uint16_t a = *(const uint16_t *)pa, b = *(const uint16_t *)pb;
	const struct table_row *ra = &r->query.table->rows[a];
	const struct table_row *rb = &r->query.table->rows[b];

	if (table_duty(ra) != table_duty(rb))
		return table_duty(ra) > table_duty(rb) ? -1 : 1;
	if (on_trial(r, a) != on_trial(r, b))
		return on_trial(r, a) ? 1 : -1;
	if (path_rank(ra) != path_rank(rb))
		return path_rank(ra) < path_rank(rb) ? -1 : 1;
	if (r->cost[a] != r->cost[b])
		return r->cost[a] < r->cost[b] ? -1 : 1;
	return a < b ? -1 : a > b;
}

/* The service comes before the caches, and both before all others. */
_Static_assert(TABLE_SERVICE > TABLE_CACHE && TABLE_CACHE > TABLE_RANKED,
    "the order of steps");

bool
ctl_route_is_step(const struct ctl_route *r, uint32_t row)
{
	return table_duty(&r->query.table->rows[row]) != TABLE_RANKED;
}

/* Each as what it is there for. */
static void
judge(struct ctl_route *r, uint32_t row, uint32_t workers)
{
	load(r, row, workers);
	r->query.duty = table_duty(&r->query.table->rows[row]);
	r->skip[row] = path_eligible(&r->query, row);
	r->cost[row] = path_cost(&r->query, row);
	if (r->skip[row] == PATH_ELIGIBLE)
		r->order[r->order_n++] = (uint16_t)row;
}

static bool
asks_intermediaries(const struct ctl_route *r)
{
	return r->verdict.via != VIA_DENY && r->verdict.via != VIA_DIRECT;
}

/* What is learned, each worker has learned by itself. */
static void
find_learned(struct ctl_route *r)
{
	struct verdict *v = &r->verdict;

	if (v->via != VIA_DEFAULT || v->direct_first ||
	    r->control->settings->direct_learn_n == 0)
		return;
	ctl_learned_of(r->control, &r->host, r->now_us, &r->learned);
	v->learned = r->learned.workers > 0;
	v->direct_first = v->learned;
}

/* Does its class take what is below a tier that is full? */
static void
keep_to_full(struct ctl_route *r)
{
	const struct settings *s = r->control->settings;
	struct path_pick pick;
	uint32_t i, first = 0;

	if (s->classes[r->verdict.class].when_full == FULL_NEXT_TIER)
		return;
	while (first < r->order_n && ctl_route_is_step(r, r->order[first]))
		first++;
	if (first < r->order_n && on_trial(r, r->order[first]))
		return;
	if (first < r->order_n)
		pick = (struct path_pick){
		    .rank = path_rank(&r->query.table->rows[r->order[first]])};
	r->query.duty = TABLE_RANKED;
	r->held =
	    path_full(&r->query, first < r->order_n ? &pick : NULL, &r->full);
	if (!r->held)
		return;
	for (i = first; i < r->order_n; i++)
		r->skip[r->order[i]] = PATH_SKIP_LOWER;
	r->order_n = first;
}

void
ctl_route_find(struct ctl_route *r, int64_t now_us)
{
	struct control *c = r->control;
	const struct table *t = c->ranking.table;
	uint32_t i, workers = workers_n(c);

	r->now_us = now_us;
	classify(c->settings, &r->host, &r->client,
	    r->asked.path != NULL ? &r->asked : NULL, &r->verdict);
	/* By TCP, which says nothing of datagrams. */
	if (!r->datagrams)
		find_learned(r);
	if (r->has_class)
		r->verdict.class = r->class;
	path_index_build(&r->index, t);
	r->query = (struct path_query){.table = t,
	    .index = &r->index,
	    .loads = r->loads,
	    .settings = c->settings,
	    .verdict = &r->verdict,
	    .host = &r->host,
	    .associate = r->datagrams,
	    .times_max = (uint32_t)c->settings->attempts_each,
	    .now_us = now_us,
	    .in_flight = in_flight,
	    .arg = c};
	r->order_n = 0;
	if (!asks_intermediaries(r))
		return;
	for (i = 0; i < t->rows_n; i++)
		judge(r, i, workers);
	qsort_r(r->order, r->order_n, sizeof(*r->order), before, r);
	keep_to_full(r);
}
