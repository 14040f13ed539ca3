/* Says whether one intermediary is a candidate for a request, and if not, why;
 * chooses none. */
#include <string.h>

#include "cagentd/decide/path_impl.h"

uint32_t
path_times_tried(const struct path_query *q, uint32_t row)
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
	const struct path_load *l = path_load_of(q, row);

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

/*
 * The bits are those of the configuration that the table was made from.  During
 * a reload a request's own may be another, with other classes at these bits but
 * for those that are built in; then it goes by what that says of the tier, and
 * stays out where it is not listed there either.
 */
static bool
is_reserved(const struct path_query *q, uint16_t rank, uint32_t reserved_for)
{
	uint8_t class = q->verdict->class;
	const struct settings_tier *tier;

	if (reserved_for == 0)
		return false;
	if (class >= CLASS_BUILT_IN &&
	    q->settings->serial != q->table->conf_serial) {
		tier = settings_tier(q->settings, rank);
		reserved_for = tier != NULL ? tier->reserved_for : 0;
	}
	return (reserved_for & 1u << class) == 0;
}

/* The tiers of a class are those of ranked intermediaries. */
static bool
class_uses(const struct path_query *q, uint16_t rank)
{
	return q->duty != TABLE_RANKED ||
	       settings_class_may(q->settings, q->verdict->class, rank);
}

bool
path_class_may(const struct path_query *q, uint16_t rank, uint32_t reserved_for)
{
	return !is_reserved(q, rank, reserved_for) && class_uses(q, rank);
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
	if (tier != NULL && is_reserved(q, tier->rank, tier->reserved_for))
		return PATH_SKIP_RESERVED;
	if (!class_uses(q, path_rank(row)))
		return PATH_SKIP_CLASS;
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
	if (path_times_tried(q, row) >= q->times_max)
		return PATH_SKIP_TRIED;
	if (r->observed == TABLE_HALF_OPEN && !trial_due(q, r))
		return PATH_SKIP_TRIAL;
	return PATH_ELIGIBLE;
}

/* It would be a candidate, and one that comes before the pick. */
static bool
is_only_full(
    const struct path_query *q, const struct path_pick *pick, uint32_t row)
{
	const struct table_row *r = &q->table->rows[row];
	uint32_t times = path_times_tried(q, row);

	if (path_eligible(q, row) != PATH_SKIP_FULL || times >= q->times_max ||
	    r->observed == TABLE_HALF_OPEN)
		return false;
	return pick == NULL ||
	       (times == 0 && path_rank(r) < pick->rank &&
		   q->now_us >= path_load_of(q, r)->avoid_until_us);
}

bool
path_full(const struct path_query *q, const struct path_pick *pick,
    struct path_full *out)
{
	const struct table_row *r;
	uint32_t i;

	*out = (struct path_full){0};
	if (pick != NULL && (pick->spilled || pick->trial))
		return false;
	for (i = 0; i < q->table->rows_n; i++) {
		r = &q->table->rows[i];
		if (r->connections_max == 0 ||
		    (out->rank != 0 && path_rank(r) > out->rank) ||
		    !is_only_full(q, pick, i))
			continue;
		if (path_rank(r) != out->rank)
			*out = (struct path_full){.rank = path_rank(r)};
		out->slots[r->slot / 64] |= 1ull << r->slot % 64;
	}
	return out->rank != 0;
}
