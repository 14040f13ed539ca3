/* Answers which tunnels are open now, out of the workers' slabs. */
#include "cagentd/control/ctl_tunnels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mono.h"
#include "cagentd/control/control.h"
#include "cagentd/control/ctl_answer.h"
#include "cagentd/control/ctl_classes.h"
#include "cagentd/decide/behave.h"
#include "conf/settings.h"

/* What is asked for; NULL: any. */
struct wanted {
	const char *class, *user, *via, *host;
};

struct sum {
	uint64_t user;
	char name[TUNNELS_USER_MAX + 1];
	int64_t tunnels, up, down;
};

struct found {
	const struct ctl_query *q;
	struct wanted wanted;
	int64_t now_us; /* monotonic */
	const struct table_row *slots[TABLE_ROWS_MAX];
	json_t *list;
	struct sum *sums; /* one a tunnel, until those of a user are one */
	uint32_t n, left_out;
};

/* "user=alice" into *out when it is that key's. */
static bool
value_of(const char *arg, const char *key, const char **out)
{
	size_t len = strlen(key);

	if (strncmp(arg, key, len) != 0 || arg[len] != '=')
		return false;
	*out = arg + len + 1;
	return true;
}

static bool
read_wanted(const struct ctl_query *q, struct wanted *w)
{
	const char *arg;
	int i;

	for (i = 0; i < q->args_n; i++) {
		arg = q->args[i];
		if (!value_of(arg, "class", &w->class) &&
		    !value_of(arg, "user", &w->user) &&
		    !value_of(arg, "via", &w->via) &&
		    !value_of(arg, "host", &w->host))
			return false;
	}
	return true;
}

static void
read_slots(struct found *f)
{
	const struct table *t = f->q->control->ranking.table;
	uint32_t i;

	for (i = 0; i < t->rows_n; i++) {
		if (t->rows[i].slot < TABLE_ROWS_MAX)
			f->slots[t->rows[i].slot] = &t->rows[i];
	}
}

/* By whom it goes; "" for one that is configured no more. */
static const char *
via_of(const struct found *f, const struct tunnels_about *a)
{
	const struct table_row *row;

	if (a->slot == TUNNELS_DIRECT)
		return "direct";
	row = a->slot < TABLE_ROWS_MAX ? f->slots[a->slot] : NULL;
	return row != NULL && row->incarnation == a->incarnation ? row->name
								 : "";
}

/* "login alice" is asked for so, or as "alice". */
static bool
is_user(const char *name, const char *wanted)
{
	const char *space = strchr(name, ' ');

	return strcmp(name, wanted) == 0 ||
	       (space != NULL && strcmp(space + 1, wanted) == 0);
}

static bool
is_wanted(const struct found *f, const struct tunnels_about *a)
{
	const struct settings *s = f->q->control->settings;
	const struct wanted *w = &f->wanted;
	char name[CTL_CLASS_LEN];

	if (w->class != NULL &&
	    strcmp(ctl_class_name(s, a->class, name), w->class) != 0)
		return false;
	if (w->user != NULL && !is_user(a->name, w->user))
		return false;
	if (w->via != NULL && strcmp(via_of(f, a), w->via) != 0)
		return false;
	return w->host == NULL || strcasestr(a->dest, w->host) != NULL;
}

static json_t *
tunnel_json(const struct found *f, uint32_t worker, uint32_t row,
    const struct tunnels_about *a)
{
	bool by_behaviour = a->why == SLAB_CLASS_BY_BEHAVIOUR;
	json_t *o = json_object();
	char id[48], name[CTL_CLASS_LEN];

	/* The same at each look, and no other tunnel's. */
	snprintf(
	    id, sizeof(id), "%u.%u.%lld", worker, row, (long long)a->began_us);
	ctl_set_text(o, "id", id);
	ctl_set_int(o, "began_us", f->q->now_us - (f->now_us - a->began_us));
	ctl_set_text(o, "destination", a->dest);
	ctl_set_text(o, "user", a->name);
	ctl_set_text(o, "class",
	    ctl_class_name(f->q->control->settings, a->class, name));
	ctl_set_text(o, "why", ctl_class_why(a->why));
	ctl_set_text(o, "behaviour",
	    by_behaviour && a->behave_why < BEHAVE_WHYS
		? behave_why_text((enum behave_why)a->behave_why)
		: "");
	ctl_set_text(o, "via", via_of(f, a));
	ctl_set_int(o, "setup_us", a->setup_us);
	ctl_set_int(o, "bytes_up", (int64_t)a->up);
	ctl_set_int(o, "bytes_down", (int64_t)a->down);
	return o;
}

static void
take(struct found *f, uint32_t worker, uint32_t row,
    const struct tunnels_about *a)
{
	struct sum *s;

	if (f->n == CTL_TUNNELS_MAX) {
		f->left_out++;
		return;
	}
	s = &f->sums[f->n++];
	s->user = a->user;
	memcpy(s->name, a->name, sizeof(s->name));
	s->tunnels = 1;
	s->up = (int64_t)a->up;
	s->down = (int64_t)a->down;
	json_array_append_new(f->list, tunnel_json(f, worker, row, a));
}

static void
collect(struct found *f, uint32_t worker, const struct tunnels *t)
{
	struct tunnels_about a;
	uint32_t i;

	for (i = tunnels_next(t, 0); i < TUNNELS_ROWS;
	     i = tunnels_next(t, i + 1)) {
		if (tunnels_at(t, i, f->now_us, &a) && is_wanted(f, &a))
			take(f, worker, i, &a);
	}
}

static int
by_user(const void *pa, const void *pb)
{
	const struct sum *a = pa, *b = pb;
	int order = strcmp(a->name, b->name);

	if (order != 0)
		return order;
	return (a->user > b->user) - (a->user < b->user);
}

static json_t *
sum_json(const struct sum *first, uint32_t n)
{
	struct sum all = *first;
	json_t *o = json_object();
	uint32_t i;

	for (i = 1; i < n; i++) {
		all.tunnels += first[i].tunnels;
		all.up += first[i].up;
		all.down += first[i].down;
	}
	ctl_set_text(o, "user", all.name);
	ctl_set_int(o, "tunnels", all.tunnels);
	ctl_set_int(o, "bytes_up", all.up);
	ctl_set_int(o, "bytes_down", all.down);
	return o;
}

static json_t *
users(struct found *f)
{
	json_t *list = json_array();
	uint32_t i, end;

	qsort(f->sums, f->n, sizeof(*f->sums), by_user);
	for (i = 0; i < f->n; i = end) {
		for (end = i + 1; end < f->n; end++) {
			if (by_user(&f->sums[end], &f->sums[i]) != 0)
				break;
		}
		json_array_append_new(list, sum_json(&f->sums[i], end - i));
	}
	return list;
}

static void
answer(struct ctl_query *q, struct found *f)
{
	struct slab *const *slabs = q->control->ranking.slabs;
	json_t *doc = ctl_head();
	uint32_t i;

	f->list = json_array();
	read_slots(f);
	for (i = 0; i < SETTINGS_WORKERS_MAX; i++) {
		if (slabs[i] != NULL)
			collect(f, i, &slabs[i]->live);
	}
	ctl_set_int(doc, "now_us", q->now_us);
	ctl_set_int(doc, "left_out", f->left_out);
	ctl_set(doc, "tunnels", f->list);
	ctl_set(doc, "users", users(f));
	ctl_say(q, doc);
}

void
ctl_tunnels(struct ctl_query *q)
{
	struct found *f = calloc(1, sizeof(*f));
	struct sum *sums = calloc(CTL_TUNNELS_MAX, sizeof(*sums));

	if (f == NULL || sums == NULL) {
		ctl_refuse(q, CTL_INTERNAL, "out of memory for the answer");
	} else {
		f->q = q;
		f->sums = sums;
		f->now_us = mono_us();
		if (read_wanted(q, &f->wanted))
			answer(q, f);
		else
			ctl_refuse(q, CTL_USAGE,
			    "expected class=, user=, via= or host=");
	}
	free(sums);
	free(f);
}
