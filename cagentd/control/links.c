/* Owns the links to all managers and the times at which they are told; neither
 * their connections nor what they are told. */
#include "cagentd/control/links.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "base/mono.h"
#include "cagentd/control/control.h"
#include "cagentd/control/manager.h"
#include "cagentd/control/report.h"
#include "trust/root.h"
#include "trust/verify.h"

struct links_one {
	struct link link;
	struct op due;
	struct links *all;
	bool used;
	int64_t said_ms;  /* the subscriber's own interval; 0: none */
	int64_t armed_ms; /* the interval that the timer is of */
};

struct links {
	struct control *control;
	struct link_owner own;
	struct manager manager;
	struct report *report;
	struct msg_identity *identity; /* owned; NULL: none */
	uint64_t seed;
	uint64_t turns; /* of the ranking, that were told */
	struct op urgent, last;
	int64_t urgent_us; /* the last that was sent so */
	void (*done)(void *arg);
	void *done_arg;
	struct links_one one[LINKS_MAX];
};

/* Their report is all the same: one look at the slabs does for a while. */
static void
send_report(struct links_one *o, enum manage_why why)
{
	size_t len = 0;
	uint8_t *body = report_body(o->all->report, why, &len);

	/* Lost ones cost nothing. */
	if (body != NULL)
		(void)link_report(&o->link, body, len);
	free(body);
}

static void
look(struct links *ls)
{
	if (report_look(ls->report, mono_wall_us()) != 0)
		log_warnx("out of memory for a report");
}

/* The configuration or the policy, else who is told; but no more often than
 * this host allows. */
static int64_t
interval_ms(const struct links_one *o)
{
	const struct settings *s = o->all->control->settings;
	int64_t ms = o->said_ms;

	if (ms == 0)
		ms = s->reports_interval_ms;
	if (ms == 0 && o->link.peer.name[0] == '\0')
		ms = o->link.interval_ms;
	if (ms == 0)
		ms = LINKS_INTERVAL_MS;
	return ms > s->report_least_ms ? ms : s->report_least_ms;
}

static void on_due(struct loop *, struct op *, const struct op_result *);

static void
arm(struct links_one *o, int64_t in_us)
{
	struct loop *loop = o->all->control->loop;

	if (loop_timer(loop, &o->due, loop_now_us(loop) + in_us, on_due) != 0)
		log_errx("out of memory for a report's timer");
}

/* Give or take a tenth: a fleet does not report as one. */
static void
arm_next(struct links_one *o)
{
	int64_t us;

	o->armed_ms = interval_ms(o);
	us = o->armed_ms * 1000;
	arm(o, us - us / 10 +
		   (int64_t)link_lot(&o->all->seed, (uint64_t)(us / 5)));
}

static void
on_due(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct links_one *o = container_of(op, struct links_one, due);

	(void)loop, (void)r; /* time is the only news */
	arm_next(o);
	look(o->all);
	send_report(o, MANAGE_INTERVAL);
}

/* It may have missed one. */
static void
on_up(void *arg, struct link *l)
{
	struct links_one *o = container_of(l, struct links_one, link);
	int64_t most;

	(void)arg; /* in o */
	o->armed_ms = interval_ms(o);
	most = o->armed_ms * 1000 / 10;
	if (most > LINKS_FIRST_US)
		most = LINKS_FIRST_US;
	arm(o, (int64_t)link_lot(&o->all->seed, (uint64_t)most));
}

static void
finish(struct links *ls)
{
	void (*fn)(void *arg) = ls->done;

	loop_cancel(ls->control->loop, &ls->last);
	ls->done = NULL;
	if (fn != NULL)
		fn(ls->done_arg);
}

/* Has everybody answered to the last one? */
static void
look_at_last(struct links *ls)
{
	uint32_t i;

	for (i = 0; i < LINKS_MAX && ls->done != NULL; i++) {
		if (ls->one[i].link.state == LINK_UP &&
		    ls->one[i].link.asked_n > 0)
			return;
	}
	if (ls->done != NULL)
		finish(ls);
}

static void
on_down(void *arg, struct link *l)
{
	struct links_one *o = container_of(l, struct links_one, link);
	struct links *ls = arg;

	loop_cancel(ls->control->loop, &o->due);
	manager_forget(&ls->manager, l);
}

static void
on_answered(void *arg, struct link *l)
{
	(void)l; /* all of them are looked at */
	look_at_last(arg);
}

static bool
on_message(void *arg, struct link *l, const uint8_t *message, size_t len)
{
	struct links *ls = arg;

	return manager_take(&ls->manager, l, message, len);
}

static struct manage_mark
mark_of(const struct verified *v)
{
	struct trust_mark m = verified_mark(v);

	return (struct manage_mark){m.epoch, m.serial};
}

static void
introduce(void *arg, struct manage_register *out)
{
	const struct links *ls = arg;
	const struct control *c = ls->control;
	const struct policy_held *held = &c->policy.held;

	strlcpy(out->group, c->settings->group, sizeof(out->group));
	strlcpy(
	    out->software, "cagentd " CAGENT_VERSION, sizeof(out->software));
	if (held->root != NULL)
		out->root_epoch = mark_of(held->root).epoch;
	if (held->policy != NULL)
		out->policy = mark_of(held->policy);
	out->rank =
	    (struct manage_mark){held->rank_mark.epoch, held->rank_mark.serial};
}

int
links_new(struct links **out, struct control *c, struct resolve *resolve)
{
	struct links *ls = calloc(1, sizeof(*ls));
	uint32_t i;

	*out = ls;
	if (ls == NULL || report_new(&ls->report, &c->ranking) != 0) {
		free(ls);
		return -ENOMEM;
	}
	ls->control = c;
	ls->manager.control = c;
	do
		arc4random_buf(&ls->seed, sizeof(ls->seed));
	while (ls->seed == 0);
	ls->own = (struct link_owner){.loop = c->loop,
	    .resolve = resolve,
	    .events = &c->events,
	    .seed = &ls->seed,
	    .introduce = introduce,
	    .up = on_up,
	    .down = on_down,
	    .answered = on_answered,
	    .message = on_message,
	    .arg = ls};
	for (i = 0; i < LINKS_MAX; i++) {
		ls->one[i].all = ls;
		link_init(&ls->one[i].link, &ls->own);
	}
	look(ls); /* what was before our time is not ours to tell */
	return 0;
}

void
links_free(struct links *ls)
{
	uint32_t i;

	if (ls == NULL)
		return;
	for (i = 0; i < LINKS_MAX; i++)
		link_stop(&ls->one[i].link, "");
	manager_stop(&ls->manager);
	loop_cancel(ls->control->loop, &ls->urgent);
	loop_cancel(ls->control->loop, &ls->last);
	report_free(ls->report);
	sodium_free(ls->identity);
	free(ls);
}

void
links_identity(struct links *ls, struct msg_identity *id)
{
	bool same =
	    ls->identity != NULL && sodium_memcmp(&ls->identity->keys,
					&id->keys, sizeof(id->keys)) == 0;
	uint32_t i;

	/* It comes with each reload, too: who has put something right does not
	 * want to wait for a back-off. */
	for (i = 0; i < LINKS_MAX; i++) {
		if (!same || ls->one[i].link.state == LINK_WAITING)
			link_stop(&ls->one[i].link, "");
	}
	sodium_free(ls->identity);
	ls->identity = id;
	ls->own.identity = id;
	links_refresh(ls);
}

const struct msg_identity *
links_whoami(const struct links *ls)
{
	return ls->identity;
}

/* Whoever has one of these keys is the policy server. */
static void
add_keys(struct link_peer *p, const struct verified *root)
{
	const struct root *r = root != NULL ? verified_root(root) : NULL;
	int64_t now_s = mono_wall_us() / 1000000;
	uint32_t i;

	for (i = 0; r != NULL && i < r->keys_n; i++) {
		if (p->keys_n == LINK_KEYS_MAX ||
		    (r->keys[i].roles & ROOT_ROLE_SEAL) == 0 ||
		    r->keys[i].expires_s <= now_s)
			continue;
		memcpy(p->keys[p->keys_n++], r->keys[i].key, SEALED_KEY_LEN);
	}
}

/* Byte by byte: what does not count is zero in both. */
static bool
is_same(const struct link_peer *a, const struct link_peer *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void
use(struct links_one *o, const struct link_peer *p, const char *missing)
{
	if (missing != NULL) {
		o->link.peer = *p;
		if (o->link.state != LINK_OFF ||
		    strcmp(o->link.why, missing) != 0) {
			link_stop(&o->link, missing);
			events_add(&o->all->control->events, EVENT_LINK, "",
			    "%s%.64s: not connected: %s",
			    p->name[0] == '\0' ? "policy server"
					       : "subscriber ",
			    p->name, missing);
		}
	} else if (!o->used || o->link.state == LINK_OFF ||
		   !is_same(&o->link.peer, p)) {
		link_start(&o->link, p);
	} else if (loop_op_active(&o->due) && o->armed_ms != interval_ms(o)) {
		arm_next(o);
	}
	o->used = true;
}

static void
unuse(struct links_one *o)
{
	if (o->used)
		link_stop(&o->link, "");
	o->used = false;
}

static const char no_key[] = "this agent has no key: its log says why";

static void
refresh_server(struct links *ls)
{
	const struct settings *s = ls->control->settings;
	struct link_peer p;

	if (s->policy_servers_n == 0) {
		unuse(&ls->one[0]);
		return;
	}
	memset(&p, 0, sizeof(p));
	memcpy(p.as, s->report_name, sizeof(p.as));
	memcpy(p.at, s->policy_servers, sizeof(p.at));
	p.at_n = s->policy_servers_n;
	add_keys(&p, ls->control->policy.held.root);
	use(&ls->one[0], &p,
	    ls->identity == NULL ? no_key
	    : p.keys_n == 0 ? "the root in force names no key with role = seal"
			    : NULL);
}

static void
refresh_subscriber(
    struct links *ls, struct links_one *o, const struct settings_subscriber *u)
{
	struct link_peer p;

	memset(&p, 0, sizeof(p));
	memcpy(p.name, u->name, sizeof(p.name));
	memcpy(p.as, ls->control->settings->report_name, sizeof(p.as));
	p.at[0] = u->at;
	p.at_n = 1;
	memcpy(p.keys[0], u->key, SEALED_KEY_LEN);
	p.keys_n = 1;
	o->said_ms = u->interval_ms;
	use(o, &p, ls->identity == NULL ? no_key : NULL);
}

static const struct settings_subscriber *
subscriber(const struct settings *s, const char *name)
{
	uint32_t i;

	for (i = 0; i < s->subscribers_n; i++) {
		if (strcmp(s->subscribers[i].name, name) == 0)
			return &s->subscribers[i];
	}
	return NULL;
}

static struct links_one *
place(struct links *ls, const char *name)
{
	struct links_one *o, *free_one = NULL;

	for (o = &ls->one[1]; o < &ls->one[LINKS_MAX]; o++) {
		if (o->used && strcmp(o->link.peer.name, name) == 0)
			return o;
		if (!o->used && free_one == NULL)
			free_one = o;
	}
	return free_one;
}

void
links_refresh(struct links *ls)
{
	const struct settings *s = ls->control->settings;
	struct links_one *o;
	uint32_t i;

	refresh_server(ls);
	for (o = &ls->one[1]; o < &ls->one[LINKS_MAX]; o++) {
		if (o->used && subscriber(s, o->link.peer.name) == NULL)
			unuse(o);
	}
	for (i = 0; i < s->subscribers_n; i++)
		refresh_subscriber(
		    ls, place(ls, s->subscribers[i].name), &s->subscribers[i]);
}

static void
on_urgent(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct links *ls = container_of(op, struct links, urgent);
	uint32_t i;

	(void)r; /* time is the only news */
	ls->urgent_us = loop_now_us(loop);
	look(ls);
	for (i = 0; i < LINKS_MAX; i++) {
		if (ls->one[i].link.state == LINK_UP)
			send_report(&ls->one[i], MANAGE_EJECTED);
	}
}

void
links_look(struct links *ls)
{
	struct loop *loop = ls->control->loop;
	int64_t at = loop_now_us(loop);

	if (ls->control->ranking.turns == ls->turns)
		return;
	ls->turns = ls->control->ranking.turns;
	at += (int64_t)link_lot(&ls->seed, LINKS_URGENT_US);
	if (ls->urgent_us != 0 && at < ls->urgent_us + LINKS_URGENT_GAP_US)
		at = ls->urgent_us + LINKS_URGENT_GAP_US;
	if (!loop_op_active(&ls->urgent) &&
	    loop_timer(loop, &ls->urgent, at, on_urgent) != 0)
		log_errx("out of memory for a report's timer");
}

void
links_settled(struct links *ls)
{
	manager_settled(&ls->manager);
}

static void
on_last(struct loop *loop, struct op *op, const struct op_result *r)
{
	(void)loop, (void)r; /* time is the only news */
	finish(container_of(op, struct links, last));
}

void
links_last(struct links *ls, void (*done)(void *arg), void *arg)
{
	struct loop *loop = ls->control->loop;
	uint32_t i;

	ls->done = done;
	ls->done_arg = arg;
	look(ls);
	for (i = 0; i < LINKS_MAX; i++) {
		if (ls->one[i].link.state == LINK_UP)
			send_report(&ls->one[i], MANAGE_LAST);
	}
	if (loop_timer(loop, &ls->last, loop_now_us(loop) + LINKS_LAST_US,
		on_last) != 0)
		finish(ls);
	else
		look_at_last(ls);
}

const struct link *
links_get(
    const struct links *ls, uint32_t i, int64_t *interval, int64_t *due_us)
{
	const struct links_one *o;

	for (o = ls->one; o < &ls->one[LINKS_MAX]; o++) {
		if (!o->used || i-- > 0)
			continue;
		*interval = interval_ms(o);
		*due_us = loop_op_active(&o->due) ? o->due.at_us : 0;
		return &o->link;
	}
	return NULL;
}
