/* Owns what two looks at an agent say together; asks nobody, knows no clock. */
#include "cagent-ctl/top/top_model.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cagent-ctl/field.h"
#include "cagent-ctl/top/top_pick.h"
#include "cagent-ctl/top/top_sums.h"
#include "cagent-ctl/top/top_view.h"
#include "wire/ctl.h"

/* How long a user's tunnel took to stand. */
struct setup {
	size_t user; /* of the sums */
	int64_t us;
};

struct model {
	const struct top_look *before, *now;
	const struct top_filter *filter;
	int64_t interval_us; /* 0: there was no look before */
	json_t *were;	     /* the tunnels of before, by their ids */
	struct top_sums users, vias;
	struct setup *setups;
	size_t setups_n;
};

void
top_look_fini(struct top_look *l)
{
	json_decref(l->tunnels);
	json_decref(l->classes);
	json_decref(l->status);
	json_decref(l->table);
	memset(l, 0, sizeof(*l));
}

/* A text is shared with the look that it comes from. */
static void
copy_text(json_t *o, const json_t *from, const char *key)
{
	json_t *v = json_object_get(from, key);

	if (json_is_string(v))
		json_object_set(o, key, v);
	else
		json_object_set_new(o, key, json_string(""));
}

static void
copy_number(json_t *o, const json_t *from, const char *key)
{
	top_set(o, key, top_number(from, key));
}

static void
copy_quantiles(json_t *o, const json_t *from, const char *key)
{
	json_t *q = json_object();
	const json_t *v = json_object_get(from, key);

	copy_number(q, v, "p50_us");
	copy_number(q, v, "p95_us");
	json_object_set_new(o, key, q);
}

/* bit/s; what fell was begun anew. */
static int64_t
rate(int64_t was, int64_t is, int64_t interval_us)
{
	int64_t moved = is >= was ? is - was : is;
	double bits = (double)moved * 8e6 / (double)interval_us;

	return bits < (double)TOP_NUMBER_MAX ? (int64_t)bits : TOP_NUMBER_MAX;
}

/* What one row moved.  was: the same row before, or NULL; fresh: it began
 * since. */
static void
set_rates(struct model *m, json_t *o, const json_t *was, bool fresh)
{
	static const struct {
		const char *rate, *bytes;
	} ways[] = {{"rate_up", "bytes_up"}, {"rate_down", "bytes_down"}};
	bool known = m->interval_us > 0 && (was != NULL || fresh);
	size_t i;

	for (i = 0; i < 2; i++) {
		if (known)
			top_set(o, ways[i].rate,
			    rate(top_number(was, ways[i].bytes),
				top_number(o, ways[i].bytes), m->interval_us));
		else
			json_object_set_new(o, ways[i].rate, json_null());
	}
}

/* An empty list for what is none. */
static const json_t *
list_of(const json_t *answer, const char *name)
{
	const json_t *list = json_object_get(answer, name);

	return json_is_array(list) ? list : NULL;
}

static void
remember(struct model *m)
{
	const json_t *rows = list_of(m->before->tunnels, "tunnels");
	const char *id;
	json_t *row;
	size_t i;

	for (i = 0; i < json_array_size(rows); i++) {
		row = json_array_get(rows, i);
		id = field_string(row, "id");
		if (*id != '\0')
			json_object_set(m->were, id, row);
	}
}

static void
count(struct model *m, const json_t *o)
{
	size_t user;

	top_sum_add(
	    &m->vias.all[top_sums_at(&m->vias, field_string(o, "via"))], o);
	if (!top_filter_counts(m->filter, o))
		return;
	user = top_sums_at(&m->users, field_string(o, "user"));
	top_sum_add(&m->users.all[user], o);
	if (top_number(o, "setup_us") > 0)
		m->setups[m->setups_n++] =
		    (struct setup){user, top_number(o, "setup_us")};
}

static json_t *
tunnel(struct model *m, const json_t *from, int64_t now_us)
{
	const json_t *was = json_object_get(m->were, field_string(from, "id"));
	int64_t age_us = now_us - top_number(from, "began_us");
	json_t *o = json_object();

	if (age_us < 0)
		age_us = 0;
	copy_text(o, from, "id");
	copy_text(o, from, "destination");
	copy_text(o, from, "user");
	copy_text(o, from, "class");
	copy_text(o, from, "via");
	copy_number(o, from, "bytes_up");
	copy_number(o, from, "bytes_down");
	copy_number(o, from, "setup_us");
	top_set(o, "age_us", age_us);
	set_rates(m, o, was,
	    m->before->tunnels != NULL &&
		top_number(from, "began_us") >=
		    top_number(m->before->tunnels, "now_us"));
	count(m, o);
	return o;
}

static json_t *
tunnels(struct model *m)
{
	const json_t *rows = list_of(m->now->tunnels, "tunnels");
	int64_t now_us = top_number(m->now->tunnels, "now_us");
	json_t *list = json_array(), *row;
	size_t i;

	for (i = 0; i < json_array_size(rows); i++) {
		row = json_array_get(rows, i);
		if (json_is_object(row))
			json_array_append_new(list, tunnel(m, row, now_us));
	}
	return list;
}

static int
by_user(const void *pa, const void *pb)
{
	const struct setup *a = pa, *b = pb;

	if (a->user != b->user)
		return a->user < b->user ? -1 : 1;
	return (a->us > b->us) - (a->us < b->us);
}

int64_t
top_quantile(const int64_t *us, size_t n, double q)
{
	size_t rank;

	if (n == 0)
		return 0;
	rank = (size_t)(q * (double)n);
	if ((double)rank < q * (double)n)
		rank++;
	if (rank > 0)
		rank--;
	return us[rank < n ? rank : n - 1];
}

/* Of the user's set-ups from first on; returns where the next one's are. */
static size_t
user_setups(
    const struct model *m, size_t user, size_t first, json_t *o, int64_t *us)
{
	json_t *q = json_object();
	size_t i, n = 0;

	for (i = first; i < m->setups_n && m->setups[i].user == user; i++)
		us[n++] = m->setups[i].us;
	top_set(q, "p50_us", top_quantile(us, n, 0.5));
	top_set(q, "p95_us", top_quantile(us, n, 0.95));
	json_object_set_new(o, "setup", q);
	return i;
}

static json_t *
users(struct model *m)
{
	int64_t *us = calloc(m->setups_n + 1, sizeof(*us));
	json_t *list = json_array(), *o;
	const struct top_sum *s;
	size_t i, at = 0;

	if (us == NULL || list == NULL) {
		free(us);
		json_decref(list);
		return NULL;
	}
	qsort(m->setups, m->setups_n, sizeof(*m->setups), by_user);
	for (i = 0; i < m->users.n; i++) {
		s = &m->users.all[i];
		o = json_object();
		json_object_set_new(o, "user", json_string(s->name));
		top_set(o, "tunnels", s->tunnels);
		top_sum_rates(o, s);
		top_set(o, "bytes_up", s->up);
		top_set(o, "bytes_down", s->down);
		at = user_setups(m, i, at, o, us);
		json_array_append_new(list, o);
	}
	free(us);
	return list;
}

/* The row of that list with that name, or NULL. */
static const json_t *
named(const json_t *list, const char *name)
{
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		if (strcmp(field_string(json_array_get(list, i), "name"),
			name) == 0)
			return json_array_get(list, i);
	}
	return NULL;
}

static json_t *class(struct model *m, const json_t *from)
{
	const json_t *before = list_of(m->before->classes, "classes");
	json_t *o = json_object();

	copy_text(o, from, "name");
	copy_number(o, from, "priority");
	copy_number(o, from, "weight");
	copy_number(o, from, "tunnels");
	copy_number(o, from, "waiting");
	copy_number(o, from, "bytes_up");
	copy_number(o, from, "bytes_down");
	copy_quantiles(o, from, "setup");
	set_rates(m, o, named(before, field_string(from, "name")), false);
	return o;
}

static json_t *
classes(struct model *m)
{
	const json_t *rows = list_of(m->now->classes, "classes");
	json_t *list = json_array(), *row;
	size_t i;

	for (i = 0; i < json_array_size(rows); i++) {
		row = json_array_get(rows, i);
		if (json_is_object(row))
			json_array_append_new(list, class(m, row));
	}
	return list;
}

/* from: the table's row, or NULL for what is no intermediary. */
static json_t *
intermediary(const struct model *m, const json_t *from, const char *name)
{
	static const struct top_sum none;
	const struct top_sum *s = top_sums_find(&m->vias, name);
	struct top_sum all = s != NULL ? *s : none;
	json_t *o = json_object();

	/* Of one without tunnels it is known: nothing. */
	if (s == NULL)
		all.rated = m->interval_us > 0;
	json_object_set_new(o, "name", json_string(name));
	copy_number(o, from, "tier");
	copy_text(o, from, "observed");
	top_set(o, "tunnels", all.tunnels);
	copy_number(o, from, "in_flight");
	top_sum_rates(o, &all);
	/* The table has those that have ended. */
	top_set(o, "bytes_up", top_plus(all.up, top_number(from, "bytes_up")));
	top_set(o, "bytes_down",
	    top_plus(all.down, top_number(from, "bytes_down")));
	copy_quantiles(o, from, "handshake");
	return o;
}

static json_t *
intermediaries(const struct model *m)
{
	const json_t *rows = list_of(m->now->table, "rows"), *row;
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < json_array_size(rows); i++) {
		row = json_array_get(rows, i);
		if (json_is_object(row))
			json_array_append_new(list,
			    intermediary(m, row, field_string(row, "name")));
	}
	if (top_sums_find(&m->vias, "direct") != NULL)
		json_array_append_new(list, intermediary(m, NULL, "direct"));
	return list;
}

/* By the classes: they also know of what has ended meanwhile. */
static json_t *
totals(const struct model *m, const json_t *class_rows)
{
	struct top_sum all = {0};
	json_t *o = json_object();
	size_t i;

	for (i = 0; i < json_array_size(class_rows); i++)
		top_sum_add(&all, json_array_get(class_rows, i));
	top_set(o, "clients", top_number(m->now->status, "clients"));
	top_set(o, "tunnels", top_number(m->now->status, "tunnels"));
	top_set(o, "waiting", top_number(m->now->status, "waiting"));
	top_set(o, "link_up", top_number(m->now->classes, "link.up"));
	top_set(o, "link_down", top_number(m->now->classes, "link.down"));
	top_sum_rates(o, &all);
	return o;
}

static int
model_init(struct model *m)
{
	size_t n = json_array_size(list_of(m->now->tunnels, "tunnels"));

	m->were = json_object();
	m->setups = calloc(n + 1, sizeof(*m->setups));
	if (m->were == NULL || m->setups == NULL ||
	    top_sums_init(&m->users, n) != 0)
		return -1;
	return top_sums_init(&m->vias, n);
}

static void
model_fini(struct model *m)
{
	json_decref(m->were);
	free(m->setups);
	top_sums_fini(&m->users);
	top_sums_fini(&m->vias);
}

json_t *
top_model(const struct top_look *before, const struct top_look *now,
    const struct top_filter *filter)
{
	struct model m = {.before = before, .now = now, .filter = filter};
	json_t *doc = NULL, *of_class;

	if (before->at_us > 0 && now->at_us > before->at_us)
		m.interval_us = now->at_us - before->at_us;
	if (model_init(&m) == 0)
		doc = json_object();
	if (doc != NULL) {
		remember(&m);
		top_set(doc, "schema", CTL_SCHEMA);
		json_object_set_new(doc, "ok", json_true());
		top_set(doc, "now_us", top_number(now->tunnels, "now_us"));
		top_set(doc, "interval_us", m.interval_us);
		copy_text(doc, now->status, "version");
		copy_number(doc, now->status, "started_us");
		copy_number(doc, now->tunnels, "left_out");
		/* In this order: the sums are made of the tunnels. */
		json_object_set_new(doc, "tunnels", tunnels(&m));
		json_object_set_new(doc, "users", users(&m));
		of_class = classes(&m);
		json_object_set_new(doc, "totals", totals(&m, of_class));
		json_object_set_new(doc, "classes", of_class);
		json_object_set_new(doc, "intermediaries", intermediaries(&m));
	}
	model_fini(&m);
	return doc;
}
