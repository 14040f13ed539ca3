/* Owns what is probed and the probes under way; decides neither when one is
 * due nor who is to blame. */
#include "policyd/prober/prober_pool.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "policyd/common/pdchild.h"
#include "policyd/prober/prober_blame.h"
#include "policyd/prober/prober_due.h"
#include "policyd/prober/prober_run.h"
#include "probe/verdict.h"

struct item {
	struct probelist_item what;
	uint64_t who; /* its number, never another one's */
	struct prober_due due;
	uint32_t turn; /* the next target */
	const struct pdchild_login *login;
	const struct pdconf_load *load;
	struct net_ip ips[PROBER_IPS_MAX];
	uint32_t ips_n;
	struct slot *slot; /* NULL: no probe of it is under way */
};

struct slot {
	struct prober_pool *pool;
	struct item *item; /* NULL: free */
	uint32_t target;
	struct prober_run run;
};

struct prober_pool {
	struct prober_pool_owner own;
	uint64_t list, last_who, seed;
	struct item **items;
	uint32_t items_n;
	struct slot *slots;
	uint32_t slots_n;
	struct op timer;
	struct prober_due_rules rules;
	struct prober_blame blame;
	struct query queries[PDCONF_TARGETS_MAX];
};

static void on_timer(struct loop *, struct op *, const struct op_result *);

static void
set_targets(struct prober_pool *p)
{
	const struct pdconf *c = p->own.conf;
	struct query *q;
	uint32_t i;

	for (i = 0; i < c->targets_n; i++) {
		q = &p->queries[i];
		q->kind =
		    c->targets[i].path[0] != '\0' ? QUERY_HTTP : QUERY_ANY;
		q->host = c->targets[i].host;
		snprintf(q->path, sizeof(q->path), "%s",
		    q->kind == QUERY_HTTP ? c->targets[i].path : "/");
	}
	p->blame.targets_n = c->targets_n;
	p->blame.window_us = (c->targets_n + 1) * p->rules.interval_us +
			     c->probe_timeout_ms * 1000;
}

int
prober_pool_new(struct prober_pool **out, const struct prober_pool_owner *own)
{
	struct prober_pool *p = calloc(1, sizeof(*p));
	uint32_t i;

	if (p == NULL)
		return -ENOMEM;
	p->own = *own;
	p->slots_n = (uint32_t)own->conf->probes_max;
	p->slots = calloc(p->slots_n, sizeof(*p->slots));
	p->items = calloc(MANAGE_ROWS_MAX, sizeof(struct item *));
	if (p->slots == NULL || p->items == NULL) {
		prober_pool_free(p);
		return -ENOMEM;
	}
	for (i = 0; i < p->slots_n; i++)
		p->slots[i].pool = p;
	p->rules = (struct prober_due_rules){
	    .interval_us = own->conf->probe_interval_ms * 1000,
	    .fall = own->conf->fuse.probe_fall,
	    .rise = own->conf->fuse.probe_rise};
	arc4random_buf(&p->seed, sizeof(p->seed));
	set_targets(p);
	*out = p;
	return 0;
}

static void
drop(struct item *it)
{
	if (it == NULL)
		return;
	if (it->slot != NULL) {
		prober_run_cancel(&it->slot->run);
		it->slot->item = NULL;
	}
	free(it);
}

void
prober_pool_free(struct prober_pool *p)
{
	uint32_t i;

	if (p == NULL)
		return;
	for (i = 0; p->items != NULL && i < p->items_n; i++)
		drop(p->items[i]);
	loop_cancel(p->own.loop, &p->timer);
	free(p->items);
	free(p->slots);
	free(p);
}

/* --- which are due --- */

static struct slot *
free_slot(struct prober_pool *p)
{
	uint32_t i;

	for (i = 0; i < p->slots_n; i++) {
		if (p->slots[i].item == NULL)
			return &p->slots[i];
	}
	return NULL;
}

static struct item *
first_due(struct prober_pool *p)
{
	struct item *first = NULL;
	uint32_t i;

	for (i = 0; i < p->items_n; i++) {
		if (first == NULL || p->items[i]->due.at_us < first->due.at_us)
			first = p->items[i];
	}
	return first;
}

/* Whichever ends makes room, and comes here again. */
static void
arm(struct prober_pool *p)
{
	const struct item *it = first_due(p);

	loop_cancel(p->own.loop, &p->timer);
	if (it == NULL || it->due.at_us == INT64_MAX || free_slot(p) == NULL)
		return;
	if (loop_timer(p->own.loop, &p->timer, it->due.at_us, on_timer) != 0)
		log_errx("out of memory for a timer");
}

/* --- one probe --- */

static uint32_t
us_of(int64_t us)
{
	if (us < 0)
		return 0;
	if (us == 0)
		return 1; /* it came so far */
	return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static uint64_t
rate_of(const struct probe_result *r)
{
	if (r->rate_bytes < VERDICT_RATE_MIN || r->rate_us <= 0)
		return 0;
	return (uint64_t)r->rate_bytes * 1000000 / (uint64_t)r->rate_us;
}

/* It was not even asked. */
static bool
is_ours(const struct prober_result *r)
{
	return r->ours || (r->probe.reason == REASON_HOP_UNSUPPORTED &&
			      r->probe.code == -1);
}

static enum prober_says
judge(struct prober_pool *p, const struct item *it, uint32_t target,
    const struct prober_result *r)
{
	int64_t now_us = loop_now_us(p->own.loop);
	const struct prober_failure f = {.target = target,
	    .who = it->who,
	    .of_n = p->items_n,
	    .reason = r->probe.reason,
	    .phase = r->probe.phase};

	if (r->probe.reason == REASON_OK) {
		prober_blame_passed(&p->blame, target, it->who, now_us);
		return PROBER_PASSED;
	}
	if (is_ours(r) || prober_blame_target(&p->blame, &f, now_us))
		return PROBER_UNSURE;
	return PROBER_FAILED;
}

static void
tell(struct prober_pool *p, const struct item *it,
    const struct prober_result *r, enum prober_says says)
{
	struct pdmsg_probed m = {.list = p->list,
	    .ok = says == PROBER_PASSED,
	    .reason = (uint8_t)r->probe.reason,
	    .blames_target = says == PROBER_UNSURE,
	    .connect_us = us_of(r->probe.connect_us),
	    .handshake_us = us_of(r->probe.handshake_us),
	    .first_byte_us = us_of(r->probe.first_us),
	    .bytes_s = rate_of(&r->probe),
	    .load = r->load,
	    .load_percent = r->load_percent};

	memcpy(m.name, it->what.name, sizeof(m.name));
	log_debug("probe of %s: %s in %s%s", m.name,
	    wire_reason_word(r->probe.reason), probe_phase_word(r->probe.phase),
	    m.blames_target ? ", perhaps not its fault" : "");
	p->own.probed(p->own.arg, &m);
}

static void
on_done(struct prober_run *run, const struct prober_result *r)
{
	struct slot *s = container_of(run, struct slot, run);
	struct prober_pool *p = s->pool;
	struct item *it = s->item;
	enum prober_says says = judge(p, it, s->target, r);

	memcpy(it->ips, run->ask.ips, sizeof(it->ips));
	it->ips_n = run->ask.ips_n;
	it->slot = NULL;
	s->item = NULL;
	prober_due_end(
	    &it->due, &p->rules, says, loop_now_us(p->own.loop), &p->seed);
	tell(p, it, r, says);
	arm(p);
}

/* The next one in turn that it can carry: SOCKS4a knows no v6.  Where there is
 * none it fails at once, which is held against nobody. */
static uint32_t
next_target(const struct prober_pool *p, struct item *it)
{
	uint32_t i, target;

	for (i = 0; i < p->blame.targets_n; i++) {
		target = it->turn++ % p->blame.targets_n;
		if (hop_carries(it->what.type, &p->queries[target].host))
			return target;
	}
	return 0;
}

static void
start(struct prober_pool *p, struct slot *s, struct item *it)
{
	int64_t now_us = loop_now_us(p->own.loop);
	struct prober_ask ask = {.item = &it->what,
	    .login = it->login,
	    .load = it->load,
	    .timeout_us = p->own.conf->probe_timeout_ms * 1000,
	    .rate_bytes = p->own.conf->probe_throughput,
	    .ips_n = it->ips_n};

	memcpy(ask.ips, it->ips, sizeof(ask.ips));
	s->target = next_target(p, it);
	ask.query = &p->queries[s->target];
	prober_due_begin(&it->due, now_us);
	if (prober_run_start(
		&s->run, p->own.loop, p->own.names, &ask, on_done) != 0) {
		prober_due_end(
		    &it->due, &p->rules, PROBER_UNSURE, now_us, &p->seed);
		return;
	}
	s->item = it;
	it->slot = s;
}

static void
on_timer(struct loop *loop, struct op *op, const struct op_result *r)
{
	struct prober_pool *p = container_of(op, struct prober_pool, timer);
	struct item *it = first_due(p);
	struct slot *s = free_slot(p);

	(void)r; /* time is the only news */
	while (s != NULL && it != NULL && it->due.at_us <= loop_now_us(loop)) {
		start(p, s, it);
		it = first_due(p);
		s = free_slot(p);
	}
	arm(p);
}

/* --- the list --- */

static bool
is_same(const struct probelist_item *a, const struct probelist_item *b)
{
	return strcmp(a->name, b->name) == 0 && a->type == b->type &&
	       strcasecmp(a->host, b->host) == 0 && a->port == b->port;
}

/* Taken out of the old ones, so that what is left there is gone. */
static struct item *
take_old(struct item **old, uint32_t n, const struct probelist_item *what)
{
	struct item *it;
	uint32_t i;

	for (i = 0; i < n; i++) {
		it = old[i];
		if (it == NULL || !is_same(&it->what, what))
			continue;
		old[i] = NULL;
		return it;
	}
	return NULL;
}

static void
find_own(const struct prober_pool *p, struct item *it)
{
	const struct pdconf *c = p->own.conf;
	uint32_t i;

	for (i = 0; i < p->own.logins_n; i++) {
		if (strcmp(p->own.logins[i].name, it->what.name) == 0)
			it->login = &p->own.logins[i];
	}
	for (i = 0; i < c->loads_n; i++) {
		if (strcmp(c->loads[i].name, it->what.name) == 0)
			it->load = &c->loads[i];
	}
}

static struct item *
make(struct prober_pool *p, const struct probelist_item *what)
{
	struct item *it = calloc(1, sizeof(*it));
	char *c;

	if (it == NULL)
		return NULL;
	it->what = *what;
	for (c = it->what.host; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	it->who = ++p->last_who;
	/* Not all at the same target. */
	it->turn = (uint32_t)it->who;
	find_own(p, it);
	prober_due_new(&it->due, loop_now_us(p->own.loop));
	return it;
}

int
prober_pool_list(struct prober_pool *p, const struct probelist *list)
{
	struct item **items = calloc(MANAGE_ROWS_MAX, sizeof(*items));
	struct item *it;
	uint32_t i, n = 0, lacks = 0;

	if (items == NULL)
		return -ENOMEM;
	for (i = 0; i < list->items_n && p->blame.targets_n > 0; i++) {
		it = take_old(p->items, p->items_n, &list->items[i]);
		if (it == NULL)
			it = make(p, &list->items[i]);
		if (it != NULL)
			items[n++] = it;
		else
			lacks++;
	}
	for (i = 0; i < p->items_n; i++)
		drop(p->items[i]);
	free(p->items);
	p->items = items;
	p->items_n = n;
	p->list = list->serial;
	arm(p);
	return lacks == 0 ? 0 : -ENOMEM;
}

void
prober_pool_again(struct prober_pool *p)
{
	uint32_t i;

	for (i = 0; i < p->items_n; i++) {
		if (p->items[i]->slot == NULL)
			prober_due_new(
			    &p->items[i]->due, loop_now_us(p->own.loop));
	}
	arm(p);
}
