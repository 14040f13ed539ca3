/* Chooses one intermediary for one request; does no I/O and keeps nothing. */
#include "cagentd/decide/path.h"

#include <errno.h>
#include <string.h>

#include "cagentd/decide/draw.h"

/* Draws before a tier is scanned from end to end. */
#define PATH_DRAWS 6
/* Who is on trial is looked for among so many, unless nothing else is left. */
#define PATH_TRIALS 16

static const struct path_load *
load_of(const struct path_query *q, const struct table_row *row)
{
	static const struct path_load none;
	const struct path_load *l = &q->loads[row->slot];

	return l->incarnation == row->incarnation ? l : &none;
}

static uint32_t
times_tried(const struct path_query *q, uint32_t row)
{
	const struct table_row *r = &q->table->rows[row];
	uint32_t i;

	for (i = 0; i < q->tried_n; i++) {
		if (q->tried[i].slot == r->slot &&
		    q->tried[i].incarnation == r->incarnation)
			return q->tried[i].times;
	}
	return 0;
}

static bool
is_full(const struct path_query *q, const struct table_row *row)
{
	uint32_t now;

	if (row->connections_max == 0)
		return false;
	now = q->in_flight != NULL ? q->in_flight(q->arg, row->slot)
				   : row->in_flight;
	return now >= row->connections_max;
}

/* Rows follow the order of the configuration, unless a reload has come
 * between. */
static const struct settings_intermediary *
configuration_of(const struct path_query *q, const struct table_row *row)
{
	const struct settings *s = q->settings;
	int i = (int)(row - q->table->rows);

	if ((uint32_t)i >= s->intermediaries_n ||
	    strcmp(s->intermediaries[i].name, row->name) != 0)
		i = settings_intermediary(s, row->name);
	return i >= 0 ? &s->intermediaries[i] : NULL;
}

bool
path_wanted(const struct path_query *q, const struct table_row *row)
{
	const struct settings_intermediary *si;
	const struct verdict *v = q->verdict;

	if (q->duty != TABLE_RANKED) {
		si = configuration_of(q, row);
		if (si == NULL || q->duty == TABLE_CACHE)
			return si != NULL && (si->cache_bit & v->caches) != 0;
		return si - q->settings->intermediaries == v->service;
	}
	if (v->via == VIA_TIER)
		return table_home(row) == v->tier;
	if (v->via == VIA_INTERMEDIARY) {
		return strcmp(row->name,
			   q->settings->intermediaries[v->intermediary].name) ==
		       0;
	}
	return true;
}

static bool
trial_due(const struct path_query *q, const struct table_row *row)
{
	const struct path_load *l = load_of(q, row);

	/* Tunnels from before the ejection may live on for days: only what
	 * was begun as a trial counts as one. */
	return l->trials < row->trials && q->now_us >= l->trial_us;
}

enum hop_type
path_hop_type(const struct table_row *row)
{
	switch ((enum table_type)row->type) {
	case TABLE_SOCKS5:
		return HOP_SOCKS5;
	case TABLE_SOCKS4A:
		return HOP_SOCKS4A;
	case TABLE_HTTP:
	case TABLE_HTTPS:
		return HOP_HTTP;
	}
	return HOP_SOCKS5;
}

/*
 * During a reload a request's settings and the table may be of different
 * makes.  What the settings do not name has no login there, and one that has
 * moved must not get another's.
 */
bool
path_configured(const struct path_query *q, const struct table_row *row)
{
	const struct settings_intermediary *si;

	if (q->settings->serial == q->table->conf_serial)
		return true;
	si = configuration_of(q, row);
	return si != NULL && si->port == row->port &&
	       strcmp(si->host, row->host) == 0 &&
	       (si->tls != NULL) == (row->type == TABLE_HTTPS);
}

static bool
carries(const struct path_query *q, const struct table_row *row)
{
	if (q->associate)
		return hop_associates(path_hop_type(row));
	return hop_carries(path_hop_type(row), q->host);
}

/* All but the trials and how often it has been tried. */
static enum path_skip
fit(const struct path_query *q, const struct table_row *row)
{
	const struct table_tier *tier;

	if (table_duty(row) != q->duty)
		return PATH_SKIP_DUTY;
	if (table_drained(row))
		return PATH_SKIP_DRAIN;
	if (path_rank(row) == 0 || row->observed == TABLE_EJECTED)
		return PATH_SKIP_EJECTED;
	if (!path_wanted(q, row))
		return q->duty == TABLE_RANKED ? PATH_SKIP_TIER
					       : PATH_SKIP_UNWANTED;
	tier = path_table_tier(q->table, path_rank(row));
	if (tier != NULL && tier->reserved_for != 0 &&
	    (tier->reserved_for & 1u << q->verdict->class) == 0)
		return PATH_SKIP_RESERVED;
	if (!carries(q, row))
		return PATH_SKIP_TYPE;
	if (!path_configured(q, row))
		return PATH_SKIP_CONF;
	return is_full(q, row) ? PATH_SKIP_FULL : PATH_ELIGIBLE;
}

enum path_skip
path_eligible(const struct path_query *q, uint32_t row)
{
	const struct table_row *r = &q->table->rows[row];
	enum path_skip skip = fit(q, r);

	if (skip != PATH_ELIGIBLE)
		return skip;
	if (times_tried(q, row) >= q->times_max)
		return PATH_SKIP_TRIED;
	if (r->observed == TABLE_HALF_OPEN && !trial_due(q, r))
		return PATH_SKIP_TRIAL;
	return PATH_ELIGIBLE;
}

/* What the handshake is expected to take: measured here, halved for each
 * while since; else as all workers saw it; else a guess. */
static uint64_t
expected_us(const struct path_query *q, const struct table_row *row,
    const struct path_load *l)
{
	int64_t halvings;
	uint64_t us;

	if (l->ewma_us == 0) {
		us = row->handshake_p50_us;
		if (us == 0)
			return l->in_flight > 0 ? PATH_EWMA_UNKNOWN_US : 0;
	} else {
		halvings = (q->now_us - l->ewma_at_us) / PATH_EWMA_HALVE_US;
		us = halvings < 32 ? l->ewma_us >> halvings : 0;
	}
	return us > PATH_EWMA_FLOOR_US ? us : PATH_EWMA_FLOOR_US;
}

uint64_t
path_cost(const struct path_query *q, uint32_t row)
{
	const struct table_row *r = &q->table->rows[row];
	const struct path_load *l = load_of(q, r);
	uint64_t cost;

	/* Scaled so that a weight of 1000 still leaves a resolution. */
	cost = expected_us(q, r, l) * 1024 * (l->in_flight + 1ull) /
	       (r->weight != 0 ? r->weight : 1);
	if (r->observed == TABLE_SLOW_START)
		cost *= 4;
	if (r->observed == TABLE_SUSPECT)
		cost *= 16;
	return cost;
}

static bool
is_avoided(const struct path_query *q, uint32_t row)
{
	return q->now_us < load_of(q, &q->table->rows[row])->avoid_until_us;
}

static void
look(const struct path_query *q)
{
	if (q->looks != NULL)
		++*q->looks;
}

/* What the verdict names, by its own name. */
static const char *
name_wanted(const struct path_query *q)
{
	const struct verdict *v = q->verdict;

	if (q->duty == TABLE_SERVICE && v->service >= 0)
		return q->settings->intermediaries[v->service].name;
	if (q->duty == TABLE_RANKED && v->via == VIA_INTERMEDIARY)
		return q->settings->intermediaries[v->intermediary].name;
	return NULL;
}

/* Is there one that alone is wanted?  Its row, or -1 when the table has
 * none.  Rows follow the order of the configuration, unless a reload has come
 * between. */
static bool
only_row(const struct path_query *q, int32_t *row)
{
	const char *name = name_wanted(q);
	const struct table_row *found;
	uint32_t i;

	if (name == NULL)
		return false;
	i = q->duty == TABLE_SERVICE ? (uint32_t)q->verdict->service
				     : q->verdict->intermediary;
	look(q);
	if (i < q->table->rows_n && strcmp(q->table->rows[i].name, name) == 0) {
		*row = (int32_t)i;
		return true;
	}
	found = table_find(q->table, name);
	*row = found != NULL ? (int32_t)(found - q->table->rows) : -1;
	return true;
}

/* May any of its members be wanted by this request? */
static bool
is_open(const struct path_query *q, const struct path_tier *tier)
{
	const struct verdict *v = q->verdict;

	if (tier->reserved_for != 0 &&
	    (tier->reserved_for & 1u << v->class) == 0)
		return false;
	return q->duty != TABLE_RANKED || v->via != VIA_TIER ||
	       (v->tier >= tier->home_first && v->tier <= tier->home_last);
}

/* How far down in the order of preference. */
struct level {
	uint32_t times; /* tried exactly so often for this request */
	bool avoided;
	uint32_t first; /* the tier to begin with */
};

/* Two different eligible members of a tier. */
struct pair {
	uint32_t n;
	uint32_t row[2];
};

static bool
offer(const struct path_query *q, uint32_t row, struct level level,
    struct pair *pair)
{
	look(q);
	if (pair->n == 1 && pair->row[0] == row)
		return false;
	if (times_tried(q, row) != level.times ||
	    is_avoided(q, row) != level.avoided ||
	    path_eligible(q, row) != PATH_ELIGIBLE)
		return false;
	pair->row[pair->n++] = row;
	return pair->n == 2;
}

/* A few draws find two where most are well; a scan from a random place finds
 * what there is where they are not. */
static void
find_pair(const struct path_query *q, const struct path_tier *tier,
    struct level level, uint64_t *seed, struct pair *pair)
{
	const uint16_t *order = q->index->order + tier->first;
	uint32_t i, start;
	int32_t only;

	pair->n = 0;
	if (tier->n == 0 || !is_open(q, tier))
		return;
	if (only_row(q, &only)) {
		if (only >= 0 && q->table->rows[only].tier == tier->rank)
			offer(q, (uint32_t)only, level, pair);
		return;
	}
	for (i = 0; i < PATH_DRAWS; i++) {
		if (offer(q, order[draw_below(seed, tier->n)], level, pair))
			return;
	}
	start = draw_below(seed, tier->n);
	for (i = 0; i < tier->n; i++) {
		if (offer(q, order[(start + i) % tier->n], level, pair))
			return;
	}
}

/* The cheaper one, or either when they are near. */
static bool
second_wins(
    uint64_t cost_a, uint64_t cost_b, uint64_t *seed, enum path_why *why)
{
	uint64_t low = cost_a < cost_b ? cost_a : cost_b;
	uint64_t high = cost_a < cost_b ? cost_b : cost_a;
	bool near = high <= low + low * PATH_NEAR_PERCENT / 100;

	*why = near ? PATH_WHY_DRAWN : PATH_WHY_CHEAPER;
	return near ? draw_below(seed, 2) == 1 : cost_b < cost_a;
}

static void
choose(const struct path_query *q, const struct pair *pair, uint64_t *seed,
    struct path_pick *out)
{
	uint32_t i = 0;

	*out = (struct path_pick){.why = PATH_WHY_ONLY};
	out->cost = out->rival_cost = path_cost(q, pair->row[0]);
	if (pair->n == 2) {
		out->rival_cost = path_cost(q, pair->row[1]);
		i = second_wins(out->cost, out->rival_cost, seed, &out->why)
			? 1
			: 0;
	}
	if (i == 1) {
		uint64_t swap = out->cost;

		out->cost = out->rival_cost;
		out->rival_cost = swap;
	}
	out->row = pair->row[i];
	out->rival = pair->n == 2 ? pair->row[1 - i] : out->row;
	out->rank = path_rank(&q->table->rows[out->row]);
	out->trial = q->table->rows[out->row].observed == TABLE_HALF_OPEN;
	if (out->trial)
		out->why = PATH_WHY_TRIAL;
}

static bool
is_trial(const struct path_query *q, uint32_t row, bool last)
{
	enum path_skip skip;

	look(q);
	if (q->table->rows[row].observed != TABLE_HALF_OPEN)
		return false;
	skip = path_eligible(q, row);
	return skip == PATH_ELIGIBLE || (last && skip == PATH_SKIP_TRIAL);
}

/*
 * A half-open intermediary that is due is tried by a fresh request, which can
 * still be retried elsewhere; when nothing else is left (last), by any.
 */
static bool
pick_half_open(const struct path_query *q, bool last, uint64_t *seed,
    struct path_pick *out)
{
	uint32_t i, n = q->index->half_open_n, start = 0;
	struct pair one = {1, {0, 0}};
	int32_t only;

	if (n == 0)
		return false;
	if (only_row(q, &only)) {
		if (only < 0 || !is_trial(q, (uint32_t)only, last))
			return false;
		one.row[0] = (uint32_t)only;
		choose(q, &one, seed, out);
		return true;
	}
	if (n > PATH_TRIALS)
		start = draw_below(seed, n);
	for (i = 0; i < n && (last || i < PATH_TRIALS); i++) {
		one.row[0] = q->index->half_open[(start + i) % n];
		if (!is_trial(q, one.row[0], last))
			continue;
		choose(q, &one, seed, out);
		return true;
	}
	return false;
}

/* Which tier of the ranked a request begins with; when all spill, the first
 * takes the rest. */
static uint32_t
first_tier(const struct path_query *q, uint64_t *seed)
{
	const struct path_tier *t = q->index->tiers;
	uint32_t i, class = 1u << q->verdict->class;

	for (i = 0; i < q->index->ranked_n; i++) {
		if (t[i].reserved_for != 0 && (t[i].reserved_for & class) == 0)
			continue;
		if (t[i].keeps >= 100 || draw_below(seed, 100) < t[i].keeps)
			return i;
	}
	return 0;
}

static bool
pick_at(const struct path_query *q, struct level level, uint64_t *seed,
    struct path_pick *out)
{
	uint32_t i, tiers_n = q->index->ranked_n;
	struct pair pair;

	for (i = 0; i < tiers_n; i++) {
		find_pair(q, &q->index->tiers[(level.first + i) % tiers_n],
		    level, seed, &pair);
		if (pair.n == 0)
			continue;
		choose(q, &pair, seed, out);
		out->avoided = level.avoided;
		out->spilled = i == 0 && level.first > 0;
		out->passed = !out->spilled && out->rank > q->index->best_home;
		return true;
	}
	return false;
}

/* Of a duty, which have one rank of their own. */
static int
pick_for_duty(const struct path_query *q, uint64_t *seed, struct path_pick *out)
{
	const struct level level = {0, false, 0};
	uint16_t rank = table_duty_rank(q->duty);
	struct pair pair;
	uint32_t i;

	if (pick_half_open(q, false, seed, out))
		return 0;
	for (i = q->index->ranked_n; i < q->index->tiers_n; i++) {
		if (q->index->tiers[i].rank != rank)
			continue;
		find_pair(q, &q->index->tiers[i], level, seed, &pair);
		if (pair.n == 0)
			break;
		choose(q, &pair, seed, out);
		return 0;
	}
	return -ENOENT;
}

int
path_pick(const struct path_query *q, uint64_t *seed, struct path_pick *out)
{
	uint32_t times, first;

	if (q->duty != TABLE_RANKED)
		return pick_for_duty(q, seed, out);
	if (q->tried_n == 0 && pick_half_open(q, false, seed, out))
		return 0;
	first = first_tier(q, seed);
	for (times = 0; times < q->times_max; times++) {
		if (pick_at(
			q, (struct level){times, false, first}, seed, out) ||
		    pick_at(q, (struct level){times, true, first}, seed, out))
			return 0;
	}
	return pick_half_open(q, true, seed, out) ? 0 : -ENOENT;
}
