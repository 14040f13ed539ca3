/* Dials that find their tier full: by what their class says of it. */
#include <string.h>

#include "cagentd/worker/dial/dial_wait.h"
#include "tests/unit/dial_call.h"
#include "tests/unit/unit.h"

#define CALLS 8

/* hop-0 serves one at a time, hop-1 is of the next tier. */
struct rig {
	struct agent *agent;
	struct fake *fake[2];
	struct slab *slabs[2]; /* the other one is another worker's */
	struct dial_queue queue;
	struct call *holder;
	struct call *calls[CALLS];
	uint32_t n;
};

static struct rig *rig; /* of the case that runs */

static uint32_t
in_flight(void *arg, uint32_t slot)
{
	if (admit_is_taken(&rig->queue.admit, slot))
		return UINT32_MAX;
	(void)arg; /* there is one rig */
	return slab_in_flight(&rig->agent->slab, slot);
}

static struct settings_class *class(uint32_t i)
{
	return &rig->agent->settings->classes[i];
}

static void
rig_new(enum settings_full when_full)
{
	struct agent *a = agent_new();
	uint32_t i;

	rig = calloc(1, sizeof(*rig));
	rig->agent = a;
	rig->fake[0] = agent_fake(a, FAKE_ECHO);
	rig->fake[1] = agent_fake(a, FAKE_ECHO);
	a->table.rows[0].connections_max = 1;
	agent_settings(a, "");
	rig->slabs[0] = &a->slab;
	rig->slabs[1] = calloc(1, sizeof(struct slab));
	dial_queue_init(&rig->queue, a->loop, &a->slab, rig->slabs, 2);
	a->record.left = dial_queue_left;
	a->record.arg = &rig->queue;
	a->env.queue = &rig->queue;
	a->env.in_flight = in_flight;
	for (i = 0; i < CLASS_BUILT_IN; i++)
		class(i)->when_full = when_full;
	rig->holder = call_new(a);
	call_run(rig->holder);
	CHECK_STR(rig->holder->via, "hop-0");
}

static struct call *
begin(uint8_t of)
{
	struct call *c = call_new(rig->agent);

	c->verdict.class = of;
	rig->calls[rig->n++] = c;
	call_start(c);
	return c;
}

static void
let_go(struct call **c)
{
	call_leave_proved(*c);
	*c = NULL;
}

static void
rig_end(void)
{
	struct agent *a = rig->agent;
	uint32_t i;

	if (rig->holder != NULL)
		let_go(&rig->holder);
	for (i = 0; i < rig->n; i++) {
		if (rig->calls[i] != NULL)
			call_leave(rig->calls[i]);
	}
	CHECK_INT(AGENT_GET(&a->slab.waiting), 0);
	CHECK_INT(AGENT_GET(&a->slab.rows[0].in_flight), 0);
	dial_queue_fini(&rig->queue);
	fake_free(rig->fake[0]);
	fake_free(rig->fake[1]);
	agent_free(a);
	free(rig->slabs[1]);
	free(rig);
}

#define COUNT(of, what) AGENT_GET(&rig->agent->slab.classes[of].what)

static void
takes_the_next_tier(void)
{
	struct call *c;

	rig_new(FULL_NEXT_TIER);
	c = begin(CLASS_NORMAL);
	RIG_UNTIL(rig->agent->loop, c->n > 0);
	CHECK_STR(c->via, "hop-1");
	rig_end();
}

static void
refuses(void)
{
	struct call *c;

	rig_new(FULL_REFUSE);
	c = begin(CLASS_NORMAL);
	RIG_UNTIL(rig->agent->loop, c->n > 0);
	CHECK_INT(c->reason, REASON_FULL);
	CHECK_INT(COUNT(CLASS_NORMAL, refused_full[SLAB_FULL_AT_ONCE]), 1);
	rig_end();
}

/* A tier that is down is no full one. */
static void
goes_down_when_none_is_there(void)
{
	struct call *c;

	rig_new(FULL_REFUSE);
	rig->agent->table.rows[0].observed = TABLE_EJECTED;
	c = begin(CLASS_NORMAL);
	RIG_UNTIL(rig->agent->loop, c->n > 0);
	CHECK_STR(c->via, "hop-1");
	rig_end();
}

static void
waits_for_its_turn(void)
{
	struct call *c;

	rig_new(FULL_WAIT);
	c = begin(CLASS_NORMAL);
	CHECK_INT(COUNT(CLASS_NORMAL, waiting), 1);
	rig_idle(rig->agent->loop);
	CHECK_INT(c->n, 0);
	let_go(&rig->holder);
	RIG_UNTIL(rig->agent->loop, c->n > 0);
	CHECK_STR(c->via, "hop-0");
	CHECK_INT(COUNT(CLASS_NORMAL, waiting), 0);
	CHECK_INT(COUNT(CLASS_NORMAL, admitted), 1);
	rig_end();
}

static void
keeps_the_order_of_classes(void)
{
	static const uint8_t came[] = {CLASS_BULK, CLASS_NORMAL, CLASS_CRITICAL,
	    CLASS_BULK, CLASS_INTERACTIVE, CLASS_CRITICAL};
	static const uint32_t want[] = {2, 5, 4, 1, 0, 3};
	struct call **standing;
	uint32_t i, k, others;

	rig_new(FULL_WAIT);
	for (i = 0; i < 6; i++)
		begin(came[i]);
	standing = &rig->holder;
	for (i = 0; i < 6; i++) {
		let_go(standing);
		standing = &rig->calls[want[i]];
		RIG_UNTIL(rig->agent->loop, (*standing)->n > 0);
		CHECK_INT((*standing)->reason, REASON_OK);
		for (k = 0, others = 0; k < 6; k++)
			others += rig->calls[k] != NULL && rig->calls[k]->n > 0;
		CHECK_INT(others, 1);
	}
	CHECK_INT(rig->fake[1]->accepted, 0);
	rig_end();
}

static void
as_many_as_may(void)
{
	struct call *c;

	rig_new(FULL_WAIT);
	class(CLASS_BULK)->queue_max = 1;
	begin(CLASS_BULK);
	c = begin(CLASS_BULK);
	RIG_UNTIL(rig->agent->loop, c->n > 0);
	CHECK_INT(c->reason, REASON_FULL);
	CHECK_INT(rig->calls[0]->n, 0);
	CHECK_INT(COUNT(CLASS_BULK, refused_full[SLAB_FULL_QUEUE]), 1);
	rig_end();
}

static void
as_long_as_it_may(void)
{
	struct call *c;

	rig_new(FULL_WAIT);
	class(CLASS_BULK)->queue_wait_ms = 1;
	c = begin(CLASS_BULK);
	RIG_UNTIL(rig->agent->loop, c->n > 0);
	CHECK_INT(c->reason, REASON_FULL);
	CHECK_INT(COUNT(CLASS_BULK, refused_full[SLAB_FULL_LATE]), 1);
	rig_end();
}

/* The wait is part of the dial. */
static void
no_longer_than_a_dial(void)
{
	struct call *c;

	rig_new(FULL_WAIT);
	rig->agent->settings->dial_timeout_ms = 1;
	c = begin(CLASS_BULK);
	RIG_UNTIL(rig->agent->loop, c->n > 0);
	CHECK_INT(c->reason, REASON_FULL);
	rig_end();
}

static void
who_leaves_waits_no_more(void)
{
	struct call *c;
	int pair[2];

	rig_new(FULL_WAIT);
	rig_must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "pair");
	c = call_new(rig->agent);
	c->client = pair[0];
	rig->calls[rig->n++] = c;
	call_start(c);
	CHECK_INT(COUNT(CLASS_NORMAL, waiting), 1);
	close(pair[1]);
	RIG_UNTIL(rig->agent->loop, c->n > 0);
	CHECK_INT(c->reason, REASON_CANCELLED);
	CHECK_INT(COUNT(CLASS_NORMAL, waiting), 0);
	close(pair[0]);
	rig_end();
}

/* The place that becomes free is not for who comes just then. */
static void
a_newcomer_is_behind(void)
{
	struct call *first, *second, *third;

	rig_new(FULL_WAIT);
	class(CLASS_BULK)->when_full = FULL_NEXT_TIER;
	first = begin(CLASS_NORMAL);
	let_go(&rig->holder);
	second = begin(CLASS_NORMAL);
	third = begin(CLASS_BULK);
	RIG_UNTIL(rig->agent->loop, first->n > 0 && third->n > 0);
	CHECK_STR(first->via, "hop-0");
	CHECK_STR(third->via, "hop-1");
	CHECK_INT(second->n, 0);
	rig_end();
}

/* Another worker's who goes before it; when that has its place, it is told by
 * nobody. */
static void
is_behind_another_worker(void)
{
	struct slab *other;
	struct call *c;

	rig_new(FULL_WAIT);
	other = rig->slabs[1];
	slab_up(&other->waiting);
	slab_up(&other->waits[0][0]);
	c = begin(CLASS_NORMAL);
	let_go(&rig->holder);
	rig_idle(rig->agent->loop);
	CHECK_INT(c->n, 0);
	slab_down(&other->waits[0][0]);
	RIG_UNTIL(rig->agent->loop, c->n > 0);
	CHECK_STR(c->via, "hop-0");
	rig_end();
}

static void
draining_refuses(void)
{
	struct call *c, *later;

	rig_new(FULL_WAIT);
	c = begin(CLASS_NORMAL);
	dial_queue_drain(&rig->queue);
	RIG_UNTIL(rig->agent->loop, c->n > 0);
	CHECK_INT(c->reason, REASON_FULL);
	later = begin(CLASS_NORMAL);
	RIG_UNTIL(rig->agent->loop, later->n > 0);
	CHECK_INT(later->reason, REASON_FULL);
	rig_end();
}

/* Of caches there is always a next step, after the wait. */
static void
a_cache_is_waited_for(void)
{
	struct dial_request request = {.client = -1, .web = true};
	struct call *c;

	rig_new(FULL_WAIT);
	rig->agent->table.rows[0].tier = TABLE_RANK_CACHE;
	rig->agent->table.rows[0].tier_conf = TABLE_RANK_CACHE;
	path_index_build(&rig->agent->index, &rig->agent->table);
	rig->agent->settings->intermediaries[0].cache_bit = 1;
	class(CLASS_BULK)->queue_wait_ms = 1;
	rig->calls[rig->n++] = c = call_new(rig->agent);
	c->verdict.class = CLASS_BULK;
	c->verdict.service = -1;
	c->verdict.caches = 1;
	request.settings = rig->agent->settings;
	request.host = &c->host;
	request.verdict = &c->verdict;
	dial_start(&c->dial, &rig->agent->env, &request, call_done);
	CHECK_INT(COUNT(CLASS_BULK, waiting), 1);
	RIG_UNTIL(rig->agent->loop, c->n > 0);
	CHECK_STR(c->via, "hop-1");
	CHECK_INT(COUNT(CLASS_BULK, refused_full[SLAB_FULL_LATE]), 0);
	rig_end();
}

static const struct unit_case cases[] = {
    {"takes the next tier", takes_the_next_tier},
    {"refuses", refuses},
    {"goes down when none is there", goes_down_when_none_is_there},
    {"waits for its turn", waits_for_its_turn},
    {"keeps the order of classes", keeps_the_order_of_classes},
    {"as many as may", as_many_as_may},
    {"as long as it may", as_long_as_it_may},
    {"no longer than a dial", no_longer_than_a_dial},
    {"who leaves waits no more", who_leaves_waits_no_more},
    {"a newcomer is behind", a_newcomer_is_behind},
    {"is behind another worker", is_behind_another_worker},
    {"draining refuses", draining_refuses},
    {"a cache is waited for", a_cache_is_waited_for},
};

UNIT_MAIN("dial_admit", cases)
