/* Chooses one intermediary for one request; does no I/O and keeps nothing. */
#include "cagentd/decide/path.h"

#include <errno.h>
#include <string.h>

#include "cagentd/decide/draw.h"
#include "cagentd/decide/path_impl.h"

/* Draws before a tier is scanned from end to end. */
#define PATH_DRAWS 6
/* Who is on trial is looked for among so many, unless nothing else is left. */
#define PATH_TRIALS 16

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
	const struct path_load *l = path_load_of(q, r);
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
	return q->now_us <
	       path_load_of(q, &q->table->rows[row])->avoid_until_us;
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

	if (!path_class_may(q, tier->rank, tier->reserved_for))
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
	if (path_times_tried(q, row) != level.times ||
	    is_avoided(q, row) != level.avoided ||
	    path_eligible(q, row) != PATH_ELIGIBLE)
		return false;
	pair->row[pair->n++] = row;
	return pair->n == 2;
}

/* From one place in the order to another, without those that are known to be
 * avoided. */
static bool
scan(const struct path_query *q, uint32_t from, uint32_t end,
    struct level level, struct pair *pair)
{
	const struct path_load *l;
	uint32_t i, row;

	for (i = from; i < end; i++) {
		if (!level.avoided && q->memo != NULL)
			i = path_memo_next(q->memo, i, end);
		if (i == end)
			break;
		row = q->index->order[i];
		if (offer(q, row, level, pair))
			return true;
		l = path_load_of(q, &q->table->rows[row]);
		if (q->memo != NULL && q->now_us < l->avoid_until_us)
			path_memo_add(q->memo, i, l->avoid_until_us);
	}
	return false;
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
	start = tier->first + draw_below(seed, tier->n);
	if (!scan(q, start, tier->first + tier->n, level, pair))
		scan(q, tier->first, start, level, pair);
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
	uint32_t i;

	for (i = 0; i < q->index->ranked_n; i++) {
		if (!path_class_may(q, t[i].rank, t[i].reserved_for))
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

	if (q->memo != NULL && q->now_us >= q->memo->until_us)
		path_memo_clear(q->memo);
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
