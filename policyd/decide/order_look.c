/* Holds the members of a group against each other; moves nobody. */
#include <stdlib.h>

#include "policyd/decide/nth.h"
#include "policyd/decide/order_impl.h"

enum column {
	REPORTS_HANDSHAKE,
	REPORTS_FIRST_BYTE,
	PROBES_HANDSHAKE,
	PROBES_FIRST_BYTE
};

static uint32_t
value(const struct order_member *m, enum column column)
{
	switch (column) {
	case REPORTS_HANDSHAKE:
		return m->estimate.reports.handshake_us;
	case REPORTS_FIRST_BYTE:
		return m->estimate.reports.first_byte_us;
	case PROBES_HANDSHAKE:
		return m->estimate.probes.handshake_us;
	case PROBES_FIRST_BYTE:
		return m->estimate.probes.first_byte_us;
	}
	return 0;
}

static int
by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool
can_be_used(const struct order_member *m)
{
	return !m->estimate.dead && !m->estimate.drain && !m->avoid;
}

/* Of its own tier, or of those worse. */
static bool
is_rival(
    const struct order_member *m, const struct order_member *other, bool worse)
{
	if (m == other || !can_be_used(other))
		return false;
	if (!worse)
		return other->tier == m->tier;
	return !m->reserved && !other->reserved && other->tier > m->tier;
}

/* The lower median, so that one bad one excuses nobody; 0: nothing to compare
 * with. */
static uint32_t
others_us(const struct order_group *g, const struct order_member *m,
    enum column column)
{
	uint32_t values[MANAGE_ROWS_MAX];
	uint32_t i, n = 0;
	int worse;

	for (worse = 0; worse < 2 && n == 0; worse++) {
		for (i = 0; i < g->members_n; i++) {
			if (is_rival(m, &g->members[i], worse) &&
			    value(&g->members[i], column) != 0)
				values[n++] = value(&g->members[i], column);
		}
	}
	if (n == 0)
		return 0;
	nth_select(values, n, sizeof(*values), (n - 1) / 2, by_value);
	return values[(n - 1) / 2];
}

/* Coming back takes half of what was too much. */
static bool
is_over(const struct order_rules *rules, uint32_t own_us, uint32_t median_us,
    bool lowered)
{
	uint64_t limit = (uint64_t)median_us * rules->slow_factor_percent / 100;

	if (limit < (uint64_t)median_us + rules->slow_over_us)
		limit = (uint64_t)median_us + rules->slow_over_us;
	if (lowered)
		limit = median_us + (limit - median_us) / 2;
	return own_us > limit;
}

static void
compare(
    struct order_run *run, uint32_t i, enum column reports, enum column probes)
{
	const struct order_member *m = &run->group->members[i];
	struct order_view *v = &run->views[i];
	uint32_t own = value(m, reports), others = 0;
	bool by_reports;

	if (own != 0)
		others = others_us(run->group, m, reports);
	by_reports = others != 0;
	if (others == 0) {
		own = value(m, probes);
		others = own != 0 ? others_us(run->group, m, probes) : 0;
	}
	if (v->slow || others == 0 ||
	    !is_over(run->rules, own, others, run->out[i].lowered))
		return;
	v->slow = true;
	v->by_reports |= by_reports;
	v->what = reports == REPORTS_HANDSHAKE ? "handshake" : "first byte";
	v->own_us = own;
	v->others_us = others;
}

static void
look_for_failures(struct order_run *run, uint32_t i)
{
	const struct fuse_estimate *e = &run->group->members[i].estimate;
	const struct order_state *s = &run->out[i];
	struct order_view *v = &run->views[i];
	uint32_t bar = run->rules->success_min_permille;

	if (s->back_us != 0 && run->now_us - s->back_us < order_news_us(run))
		return;
	if (s->lowered)
		bar += (1000 - bar) / 2;
	v->by_reports = e->reports.success_permille < bar;
	v->failing = v->by_reports || e->probes.success_permille < bar;
}

/* Has anything else answered since it began to fail? */
static bool
is_proved(const struct order_group *g, const struct order_member *m)
{
	uint32_t i;

	if (m->estimate.failing_us == 0)
		return true;
	for (i = 0; i < g->members_n; i++) {
		if (&g->members[i] != m &&
		    g->members[i].estimate.passed_us > m->estimate.failing_us)
			return true;
	}
	return false;
}

/* Its badness is over when those who told of it say so, and not when they are
 * silent for a moment. */
static void
listen(struct order_run *run, uint32_t i)
{
	const struct fuse_estimate *e = &run->group->members[i].estimate;
	struct order_state *s = &run->out[i];
	struct order_view *v = &run->views[i];

	if (v->failing || v->slow)
		s->bad_by_reports = v->by_reports;
	v->heard =
	    e->reports.speaks || (e->probes.speaks && !s->bad_by_reports);
	if (v->heard)
		s->news_us = run->now_us;
	else if (run->now_us - s->news_us > order_news_us(run))
		v->heard = true; /* silence says it, too */
}

static void
look_at(struct order_run *run, uint32_t i)
{
	const struct order_member *m = &run->group->members[i];
	struct order_state *s = &run->out[i];
	struct order_view *v = &run->views[i];

	*v = (struct order_view){0};
	v->unproved = m->estimate.dead && !is_proved(run->group, m);
	look_for_failures(run, i);
	compare(run, i, REPORTS_HANDSHAKE, PROBES_HANDSHAKE);
	compare(run, i, REPORTS_FIRST_BYTE, PROBES_FIRST_BYTE);
	listen(run, i);
	if (m->estimate.dead || v->failing) {
		if (s->down_since_us == 0)
			s->down_since_us = run->now_us;
	} else if (v->heard) {
		s->down_since_us = 0;
	}
}

static bool
is_well(const struct order_run *run, uint32_t i)
{
	const struct fuse_estimate *e = &run->group->members[i].estimate;

	if (run->out[i].down_since_us != 0)
		return false;
	return e->source != FUSE_NOTHING ||
	       (e->passed_us != 0 && e->failing_us == 0);
}

static int
by_time(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The most that went bad within ORDER_AT_ONCE_US, of times that rise; *last:
 * the last of them. */
static uint32_t
most_at_once(const int64_t *times, uint32_t n, int64_t *last)
{
	uint32_t i, first = 0, most = 0;

	for (i = 0; i < n; i++) {
		while (times[i] - times[first] > ORDER_AT_ONCE_US)
			first++;
		if (i - first + 1 < most)
			continue;
		most = i - first + 1;
		*last = times[i];
	}
	return most;
}

/* Is it them, or is it the way there, which is ours? */
static void
look_at_all(struct order_run *run)
{
	int64_t times[MANAGE_ROWS_MAX], last_us = 0;
	uint32_t i, n = 0, well_n = 0, most;

	for (i = 0; i < run->group->members_n; i++) {
		if (run->group->members[i].avoid ||
		    run->group->members[i].estimate.drain)
			continue;
		if (run->out[i].down_since_us != 0)
			times[n++] = run->out[i].down_since_us;
		else if (is_well(run, i))
			well_n++;
	}
	if (n < 2)
		return;
	qsort(times, n, sizeof(*times), by_time);
	most = most_at_once(times, n, &last_us);
	if (most < 2 || most <= well_n ||
	    (well_n > 0 && run->now_us - last_us >= ORDER_HOLD_US))
		return;
	run->held = true;
	run->down_n = most;
	run->of_n = n + well_n;
	if (well_n > 0)
		order_wake(run, last_us + ORDER_HOLD_US);
}

/* When it was the way, what failed on it is held against nobody. */
static void
let_go(struct order_run *run, uint32_t i)
{
	struct order_state *s = &run->out[i];

	if (s->held && !run->held && s->down_since_us != 0 &&
	    run->now_us - s->down_since_us < ORDER_HOLD_US) {
		s->back_us = run->now_us;
		run->views[i].failing = false;
	}
	s->held = run->held;
}

void
order_look(struct order_run *run)
{
	uint32_t i;

	for (i = 0; i < run->group->members_n; i++)
		look_at(run, i);
	look_at_all(run);
	for (i = 0; i < run->group->members_n; i++)
		let_go(run, i);
}
