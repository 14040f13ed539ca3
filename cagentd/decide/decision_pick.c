/* Owns what a record keeps of a choice: bytes to struct and back.  Reads and
 * writes no file, and makes no choice. */
#include <string.h>

#include "cagentd/decide/decision_impl.h"

/* Later than any clock, and far from where adding would overflow. */
#define TIME_MAX (INT64_MAX / 4)

enum flag {
	FLAG_SAME_SETTINGS = 1,
	FLAG_ASKED = 2,
	FLAGS_ALL = 3
};

/* Of an outcome. */
enum mark {
	MARK_TRIAL = 1,
	MARK_AVOIDED = 2,
	MARK_SPILLED = 4,
	MARK_PASSED = 8,
	MARKS_ALL = 15
};

/* --- what the request was --- */

static enum decision_host
host_of(const struct path_query *q)
{
	const struct wire_host *host = q->host;

	if (q->associate)
		return DECISION_HOST_DATAGRAMS;
	if (hop_carries(HOP_SOCKS4A, host))
		return DECISION_HOST_ANY;
	return hop_carries(HOP_SOCKS5, host) ? DECISION_HOST_NOT_SOCKS4A
					     : DECISION_HOST_NONE;
}

static void
put_request(struct cursor_out *c, const struct decision_made *m)
{
	const struct path_query *q = m->query;
	const struct verdict *v = q->verdict;
	uint32_t i, flags = 0;

	if (q->settings->serial == q->table->conf_serial)
		flags |= FLAG_SAME_SETTINGS;
	if (q->in_flight != NULL)
		flags |= FLAG_ASKED;
	cursor_put_u64(c, q->table->generation);
	cursor_put_u64(c, m->seed);
	cursor_put_u64(c, (uint64_t)q->now_us);
	cursor_put_u32(c, q->times_max);
	cursor_put_u8(c, (uint8_t)v->via);
	cursor_put_u16(c, v->tier);
	cursor_put_u8(c, v->class);
	decision_put_name(
	    c, v->via == VIA_INTERMEDIARY
		   ? q->settings->intermediaries[v->intermediary].name
		   : "");
	cursor_put_u8(c, (uint8_t)host_of(q));
	cursor_put_u8(c, (uint8_t)flags);
	cursor_expect(c, q->tried_n <= DECISION_TRIED_MAX &&
			     q->times_max <= DECISION_TIMES_MAX);
	cursor_put_u8(c, (uint8_t)q->tried_n);
	for (i = 0; i < q->tried_n; i++) {
		cursor_put_u32(c, q->tried[i].slot);
		cursor_put_u32(c, q->tried[i].incarnation);
		cursor_put_u32(c, q->tried[i].times);
	}
}

static int64_t
get_time(struct cursor_in *c)
{
	uint64_t v = cursor_get_u64(c);

	cursor_require(c, v <= TIME_MAX);
	return v <= TIME_MAX ? (int64_t)v : 0;
}

/* At most max, or the message is bad. */
static uint8_t
get_word(struct cursor_in *c, uint8_t max)
{
	uint8_t v = cursor_get_u8(c);

	cursor_require(c, v <= max);
	return v <= max ? v : 0;
}

static void
get_request(struct cursor_in *c, struct decision *d)
{
	uint32_t i, flags;

	d->generation = cursor_get_u64(c);
	d->seed = cursor_get_u64(c);
	d->now_us = get_time(c);
	d->times_max = cursor_get_u32(c);
	cursor_require(c, d->times_max <= DECISION_TIMES_MAX);
	d->verdict = (struct verdict){.rule = -1};
	d->verdict.via = (enum settings_via)get_word(c, VIA_DENY);
	d->verdict.tier = cursor_get_u16(c);
	d->verdict.class = get_word(c, SETTINGS_CLASSES_MAX - 1);
	decision_get_name(c, d->via);
	d->host = (enum decision_host)get_word(c, DECISION_HOST_DATAGRAMS);
	flags = get_word(c, FLAGS_ALL);
	d->same_settings = (flags & FLAG_SAME_SETTINGS) != 0;
	d->asked = (flags & FLAG_ASKED) != 0;
	d->tried_n = get_word(c, DECISION_TRIED_MAX);
	for (i = 0; i < d->tried_n; i++) {
		d->tried[i].slot = cursor_get_u32(c);
		d->tried[i].incarnation = cursor_get_u32(c);
		d->tried[i].times = cursor_get_u32(c);
	}
}

/* --- what is known of the rows beyond the table --- */

/* A bit for each row of which that is true. */
static void
put_rows(struct cursor_out *c, const struct path_query *q,
    bool (*is)(const struct path_query *, const struct table_row *))
{
	const struct table *t = q->table;
	uint8_t bits[TABLE_ROWS_MAX / 8] = {0};
	uint32_t i;

	for (i = 0; i < t->rows_n; i++) {
		if (is(q, &t->rows[i]))
			bits[i / 8] |= (uint8_t)(1u << i % 8);
	}
	cursor_put_u16(c, (uint16_t)t->rows_n);
	cursor_put(c, bits, (t->rows_n + 7) / 8);
}

static void
get_rows(struct cursor_in *c, uint8_t out[static TABLE_ROWS_MAX / 8])
{
	cursor_get(c, out, (decision_get_count(c, TABLE_ROWS_MAX) + 7) / 8);
}

static bool
is_wanted(const struct path_query *q, const struct table_row *row)
{
	return table_duty(row) == q->duty && path_wanted(q, row);
}

static void
put_wanted(struct cursor_out *c, const struct path_query *q)
{
	cursor_put_u8(c, (uint8_t)q->duty);
	if (q->duty != TABLE_RANKED)
		put_rows(c, q, is_wanted);
}

static void
get_wanted(struct cursor_in *c, struct decision *d)
{
	uint32_t i, n = 0;

	memset(d->wanted, 0, sizeof(d->wanted));
	d->duty = (enum table_duty)get_word(c, TABLE_SERVICE);
	if (d->duty == TABLE_RANKED)
		return;
	get_rows(c, d->wanted);
	for (i = 0; i < sizeof(d->wanted); i++)
		n += (uint32_t)__builtin_popcount(d->wanted[i]);
	cursor_require(
	    c, n <= (d->duty == TABLE_CACHE ? SETTINGS_CACHES_MAX : 1));
}

static void
put_configured(struct cursor_out *c, const struct path_query *q)
{
	if (q->settings->serial != q->table->conf_serial)
		put_rows(c, q, path_configured);
}

static void
get_configured(struct cursor_in *c, struct decision *d)
{
	memset(d->configured, 0, sizeof(d->configured));
	if (!d->same_settings)
		get_rows(c, d->configured);
}

/* --- what the request's settings say of its class --- */

static void
put_ranks(struct cursor_out *c, const struct path_query *q)
{
	const struct settings *s = q->settings;
	uint32_t rank, n = 0, class = q->verdict->class;

	if (class < s->classes_n)
		n = s->classes[class].ranks_n;
	cursor_expect(c, n <= SETTINGS_TIERS_MAX);
	cursor_put_u16(c, (uint16_t)n);
	for (rank = 1; n > 0 && rank <= SETTINGS_RANK_MAX; rank++) {
		if (settings_class_may(s, class, (uint16_t)rank))
			cursor_put_u16(c, (uint16_t)rank);
	}
}

static void
put_class(struct cursor_out *c, const struct path_query *q)
{
	const struct settings *s = q->settings;
	uint32_t i;

	put_ranks(c, q);
	if (s->serial == q->table->conf_serial)
		return;
	cursor_put_u16(c, (uint16_t)s->tiers_n);
	for (i = 0; i < s->tiers_n; i++) {
		cursor_put_u16(c, s->tiers[i].rank);
		cursor_put_u8(
		    c, s->tiers[i].reserved_for >> q->verdict->class & 1);
	}
}

static uint16_t
get_rank(struct cursor_in *c)
{
	uint16_t rank = cursor_get_u16(c);

	cursor_require(c, rank >= 1 && rank <= SETTINGS_RANK_MAX);
	return rank <= SETTINGS_RANK_MAX ? rank : 0;
}

static void
get_class(struct cursor_in *c, struct decision *d)
{
	uint32_t i;

	d->ranks_n = decision_get_count(c, SETTINGS_TIERS_MAX);
	for (i = 0; i < d->ranks_n; i++)
		d->ranks[i] = get_rank(c);
	d->tiers_n = 0;
	if (d->same_settings)
		return;
	d->tiers_n = decision_get_count(c, SETTINGS_TIERS_MAX);
	for (i = 0; i < d->tiers_n; i++) {
		d->tiers[i].rank = get_rank(c);
		d->tiers[i].listed = get_word(c, 1) != 0;
	}
}

/* --- what is known of how busy they are --- */

static void
put_in_flight(struct cursor_out *c, const struct path_query *q)
{
	const struct table *t = q->table;
	uint32_t i, n = 0;

	if (q->in_flight == NULL)
		return;
	for (i = 0; i < t->rows_n; i++)
		n += t->rows[i].connections_max != 0;
	cursor_put_u16(c, (uint16_t)n);
	for (i = 0; i < t->rows_n; i++) {
		if (t->rows[i].connections_max == 0)
			continue;
		cursor_put_u16(c, (uint16_t)t->rows[i].slot);
		cursor_put_u32(c, q->in_flight(q->arg, t->rows[i].slot));
	}
}

static void
get_in_flight(struct cursor_in *c, struct decision *d)
{
	uint32_t i;

	d->in_flight_n = d->asked ? decision_get_count(c, TABLE_ROWS_MAX) : 0;
	for (i = 0; i < d->in_flight_n; i++) {
		d->in_flight[i].slot = cursor_get_u16(c);
		d->in_flight[i].n = cursor_get_u32(c);
		cursor_require(c, d->in_flight[i].slot < TABLE_ROWS_MAX);
	}
}

/* A load that says something of this row. */
static const struct path_load *
load_of(const struct path_query *q, const struct table_row *row)
{
	const struct path_load *l = &q->loads[row->slot];

	if (l->incarnation != row->incarnation ||
	    (l->in_flight == 0 && l->ewma_us == 0 && l->trials == 0 &&
		l->avoid_until_us == 0 && l->trial_us == 0))
		return NULL;
	return l;
}

static void
put_loads(struct cursor_out *c, const struct path_query *q)
{
	const struct table *t = q->table;
	const struct path_load *l;
	uint32_t i, n = 0;

	for (i = 0; i < t->rows_n; i++)
		n += load_of(q, &t->rows[i]) != NULL;
	cursor_put_u16(c, (uint16_t)n);
	for (i = 0; i < t->rows_n; i++) {
		l = load_of(q, &t->rows[i]);
		if (l == NULL)
			continue;
		cursor_put_u16(c, (uint16_t)t->rows[i].slot);
		cursor_put_u32(c, l->incarnation);
		cursor_put_u32(c, l->in_flight);
		cursor_put_u32(c, l->ewma_us);
		cursor_put_u64(c, (uint64_t)l->ewma_at_us);
		cursor_put_u32(c, l->trials);
		cursor_put_u64(c, (uint64_t)l->avoid_until_us);
		cursor_put_u64(c, (uint64_t)l->trial_us);
	}
}

static void
get_loads(struct cursor_in *c, struct decision *d)
{
	struct path_load *l;
	uint32_t i;

	d->loads_n = decision_get_count(c, TABLE_ROWS_MAX);
	for (i = 0; i < d->loads_n; i++) {
		d->loads[i].slot = cursor_get_u16(c);
		l = &d->loads[i].load;
		*l = (struct path_load){.incarnation = cursor_get_u32(c)};
		l->in_flight = cursor_get_u32(c);
		l->ewma_us = cursor_get_u32(c);
		l->ewma_at_us = get_time(c);
		l->trials = cursor_get_u32(c);
		l->avoid_until_us = get_time(c);
		l->trial_us = get_time(c);
		/* Nothing was measured in the future. */
		cursor_require(c, d->loads[i].slot < TABLE_ROWS_MAX &&
				      l->ewma_at_us <= d->now_us);
	}
}

/* --- what it came to --- */

static uint8_t
marks_of(const struct path_pick *p)
{
	return (uint8_t)((p->trial ? MARK_TRIAL : 0) |
			 (p->avoided ? MARK_AVOIDED : 0) |
			 (p->spilled ? MARK_SPILLED : 0) |
			 (p->passed ? MARK_PASSED : 0));
}

static void
put_outcome(struct cursor_out *c, const struct decision_made *m)
{
	const struct table_row *row;

	cursor_put_u8(c, m->pick != NULL);
	if (m->pick == NULL)
		return;
	row = &m->query->table->rows[m->pick->row];
	cursor_put_u32(c, row->slot);
	cursor_put_u32(c, row->incarnation);
	cursor_put_u16(c, m->pick->rank);
	cursor_put_u8(c, (uint8_t)m->pick->why);
	cursor_put_u8(c, marks_of(m->pick));
	cursor_put_u64(c, m->pick->cost);
}

static void
get_outcome(struct cursor_in *c, struct decision *d)
{
	struct decision_outcome *o = &d->outcome;
	uint8_t marks;

	*o = (struct decision_outcome){.picked = get_word(c, 1) != 0};
	if (!o->picked)
		return;
	o->slot = cursor_get_u32(c);
	o->incarnation = cursor_get_u32(c);
	o->rank = cursor_get_u16(c);
	o->why = (enum path_why)get_word(c, PATH_WHY_TRIAL);
	marks = get_word(c, MARKS_ALL);
	o->trial = (marks & MARK_TRIAL) != 0;
	o->avoided = (marks & MARK_AVOIDED) != 0;
	o->spilled = (marks & MARK_SPILLED) != 0;
	o->passed = (marks & MARK_PASSED) != 0;
	o->cost = cursor_get_u64(c);
}

size_t
decision_encode(const struct decision_made *m, uint8_t *buf)
{
	struct cursor_out c;

	decision_begin(&c, buf, DECISION_PICK, m->worker);
	put_request(&c, m);
	put_wanted(&c, m->query);
	put_configured(&c, m->query);
	put_class(&c, m->query);
	put_in_flight(&c, m->query);
	put_loads(&c, m->query);
	put_outcome(&c, m);
	return decision_end(&c, buf);
}

int
decision_decode(const struct decision_record *r, struct decision *out)
{
	struct cursor_in c;

	cursor_in_init(&c, r->content, r->len);
	cursor_require(&c, r->kind == DECISION_PICK);
	get_request(&c, out);
	get_wanted(&c, out);
	get_configured(&c, out);
	get_class(&c, out);
	get_in_flight(&c, out);
	get_loads(&c, out);
	get_outcome(&c, out);
	return decision_whole(&c);
}
