/*
 * Owns who may move how much of a shared link now: ceilings, priorities,
 * weights, guarantees.  Reads no clock, and keeps nothing outside the memory
 * that it is given.
 */
#include "shm/pace.h"

#include <assert.h>

#include "shm/pace_turn.h"
#include "shm/pace_users.h"
#include "shm/pace_word.h"

/*
 * What payload costs on the wire.  A full segment of TCP with time stamps is
 * 1448 bytes in a frame of 1514 (14 of Ethernet, 20 of IPv4, 32 of TCP), and
 * every second one is answered by an acknowledgment of 66 the other way.
 */
#define SEGMENT	    PACE_SEGMENT
#define FRAME	    1514
#define ACK	    66
#define ACK_PAYLOAD (2 * SEGMENT)

/* What is worth waking up for takes so long on a link that is not slow. */
#define USEFUL_NS (4 * PACE_MS * FRAME / SEGMENT)

/* The link is taken so far ahead by the last in order, so that it has work
 * until who waits has woken up; and a step further by each before him. */
#define AHEAD_NS (4 * PACE_MS)
#define STEP_NS	 PACE_MS

/* What goes on the link's account without asking it, does so up to here. */
#define DEBT_NS (250 * PACE_MS)

/* Others were faster. */
#define AGAIN_NS PACE_MS

/* Waits end together. */
#define GRID_NS PACE_MS

#define CEILINGS 3

static_assert(sizeof(_Atomic int64_t) == 8 && sizeof(_Atomic uint64_t) == 8,
    "lock-free words in shared memory");

#define GET(p)	  atomic_load_explicit((p), memory_order_relaxed)
#define SET(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

/* A call, and what it goes by. */
struct ask {
	const struct pacer *pacer;
	struct pace_flow *flow;
	const struct pace_class_plan *own;
	struct pace_turn turn;
	uint32_t way;
	struct pace_bucket ceilings[CEILINGS];
	uint32_t ceilings_n;
	struct pace_bucket link, guarantee; /* rate 0: none */
	int64_t now_ns;
	bool asks; /* and waits, if it must */
	bool big;  /* worth waiting until it pays */
	size_t n;  /* how much may be given */
};

static size_t
on_wire(size_t n)
{
	return (n * FRAME + SEGMENT - 1) / SEGMENT;
}

/* As it is seen by one before whom there are so many that come after. */
static struct pace_bucket
link_bucket(struct pace_lane *lane, int64_t rate, uint32_t after)
{
	struct pace_bucket b = {.word = &lane->link, .rate = pace_rate(rate)};
	int64_t useful_ns = USEFUL_NS;

	if (b.rate < PACE_FAST)
		useful_ns = pace_cost(on_wire(pace_useful(b.rate)), b.rate);
	b.tolerance_ns = useful_ns + AHEAD_NS + after * STEP_NS;
	b.horizon_ns = useful_ns + DEBT_NS;
	return b;
}

static void
add_ceiling(struct ask *a, _Atomic int64_t *word, int64_t rate)
{
	size_t quantum;

	if (word == NULL || rate <= 0)
		return;
	a->ceilings[a->ceilings_n] = pace_bucket(word, rate);
	quantum = pace_quantum(a->ceilings[a->ceilings_n++].rate);
	if (a->n > quantum)
		a->n = quantum;
}

/* A little more than was promised, as a wake-up that came late is lost. */
static int64_t
guaranteed(int64_t rate)
{
	rate = pace_rate(rate);
	return rate + rate / 128;
}

static void
ask_init(
    struct ask *a, const struct pacer *p, struct pace_flow *flow, size_t want)
{
	struct pace_turn *t = &a->turn;
	int64_t rate;

	a->pacer = p;
	a->flow = flow;
	a->way = flow->way == PACE_UP ? PACE_UP : PACE_DOWN;
	rate = p->plan->link[a->way];
	*t = (struct pace_turn){.lane = &p->state->lanes[a->way],
	    .plan = p->plan,
	    .class = pace_turn_class(p->plan, flow->class)};
	a->own = &p->plan->classes[t->class];
	a->big = want > SEGMENT;
	a->n = want;
	add_ceiling(a, &flow->word, a->own->tunnel_ceiling[a->way]);
	add_ceiling(a, &t->lane->ceiling[t->class], a->own->ceiling[a->way]);
	if (rate <= 0)
		return;
	a->link = link_bucket(t->lane, rate, pace_turn_after(t));
	t->slice = pace_useful(a->link.rate);
	if (a->n > pace_quantum(a->link.rate))
		a->n = pace_quantum(a->link.rate);
	if (a->own->guarantee[a->way] > 0)
		a->guarantee = pace_bucket(&t->lane->guarantee[t->class],
		    guaranteed(a->own->guarantee[a->way]));
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* What is asked for may be taken now; or when it is worth coming back. */
static int64_t
when(const struct ask *a, const struct pace_bucket *b)
{
	int64_t useful_ns, at = pace_when(b, b->cost_ns, a->now_ns);

	if (at <= a->now_ns || !a->big)
		return at;
	useful_ns = pace_cost(pace_useful(b->rate), b->rate);
	return pace_when(b, later(b->cost_ns, useful_ns), a->now_ns);
}

/* From when on the link is there for the class, if not by its guarantee. */
static int64_t
link_when(const struct ask *a)
{
	return later(when(a, &a->link), pace_turn_from(&a->turn, a->now_ns));
}

/* What n bytes cost of each. */
static void
price(struct ask *a, size_t n)
{
	uint32_t i;

	a->n = n;
	for (i = 0; i < a->ceilings_n; i++)
		a->ceilings[i].cost_ns = pace_cost(n, a->ceilings[i].rate);
	if (a->link.rate != 0)
		a->link.cost_ns = pace_cost(on_wire(n), a->link.rate);
	if (a->guarantee.rate != 0)
		a->guarantee.cost_ns = pace_cost(n, a->guarantee.rate);
}

/* From when on the guarantee is there; for less, perhaps. */
static int64_t
guarantee_when(struct ask *a)
{
	size_t n = pace_quantum(a->guarantee.rate);

	if (n < a->n)
		price(a, n);
	return when(a, &a->guarantee);
}

static int64_t
on_grid(int64_t at_ns)
{
	return (at_ns + GRID_NS - 1) / GRID_NS * GRID_NS;
}

/* From when on a->n may be moved, on whose account, and perhaps less. */
static int64_t
may_from(struct ask *a, bool *guaranteed)
{
	int64_t at = a->now_ns;
	uint32_t i;

	*guaranteed = false;
	for (i = 0; i < a->ceilings_n; i++)
		at = later(at, when(a, &a->ceilings[i]));
	if (at > a->now_ns || a->link.rate == 0)
		return at;
	at = link_when(a);
	if (at <= a->now_ns)
		return at;
	if (a->guarantee.rate != 0) {
		at = earlier(at, guarantee_when(a));
		*guaranteed = at <= a->now_ns;
	}
	if (at > a->now_ns && a->asks)
		pace_turn_wait(&a->turn, on_grid(at), a->now_ns);
	return at;
}

static void
give_ceilings(const struct ask *a, uint32_t n, size_t bytes)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		pace_give(
		    &a->ceilings[i], pace_worth(bytes, a->ceilings[i].rate));
}

/* Not there after all, if another was faster. */
static bool
take_ceilings(const struct ask *a)
{
	const struct pace_bucket *c = a->ceilings;
	uint32_t i;

	for (i = 0; i < a->ceilings_n; i++) {
		if (!pace_take(&c[i], c[i].cost_ns, a->now_ns)) {
			give_ceilings(a, i, a->n);
			return false;
		}
	}
	return true;
}

static bool
take_link(const struct ask *a, bool guaranteed)
{
	const struct pace_bucket *g = &a->guarantee;
	int64_t link_ns = a->link.cost_ns;

	if (guaranteed) {
		if (!pace_take(g, g->cost_ns, a->now_ns))
			return false;
		pace_force(&a->link, link_ns, a->now_ns, a->link.horizon_ns);
		a->flow->guaranteed_ns = g->cost_ns;
		return true;
	}
	if (!pace_take(&a->link, link_ns, a->now_ns))
		return false;
	/* Its guarantee is what it has in all. */
	a->flow->guaranteed_ns =
	    g->cost_ns == 0
		? 0
		: pace_force(g, g->cost_ns, a->now_ns, g->tolerance_ns);
	return true;
}

/* What is acknowledged the other way asks nobody. */
static size_t
acks_of(size_t n)
{
	return n / ACK_PAYLOAD * ACK + n % ACK_PAYLOAD * ACK / ACK_PAYLOAD;
}

static bool
back_bucket(const struct ask *a, struct pace_bucket *b)
{
	uint32_t back = a->way == PACE_UP ? PACE_DOWN : PACE_UP;
	int64_t rate = a->pacer->plan->link[back];

	if (rate <= 0)
		return false;
	*b = link_bucket(&a->pacer->state->lanes[back], rate, 0);
	return true;
}

static void
count(const struct ask *a, size_t n, bool guaranteed)
{
	struct pace_bucket back;

	if (back_bucket(a, &back))
		pace_force(&back, pace_cost(acks_of(n), back.rate), a->now_ns,
		    back.horizon_ns);
	if (a->link.rate != 0)
		pace_turn_count(&a->turn, n, !guaranteed);
}

bool
pace_unlimited(const struct pace_plan *plan, uint32_t class, enum pace_way way)
{
	const struct pace_class_plan *c =
	    &plan->classes[pace_turn_class(plan, class)];

	return plan->link[way] <= 0 && c->ceiling[way] <= 0 &&
	       c->user_ceiling[way] <= 0 && c->tunnel_ceiling[way] <= 0;
}

/* The user's bucket, after the others. */
static void
enter_user(struct ask *a)
{
	if (a->own->user_ceiling[a->way] <= 0)
		return;
	add_ceiling(a,
	    pace_users_enter(a->pacer->state, a->flow->user, a->turn.class,
		a->way, a->now_ns),
	    a->own->user_ceiling[a->way]);
}

size_t
pace_ask(const struct pacer *p, struct pace_flow *flow, size_t want,
    int64_t now_ns, int64_t *again_ns)
{
	struct ask a = {.now_ns = now_ns, .asks = true};
	bool guaranteed;
	int64_t at;

	*again_ns = now_ns;
	flow->guaranteed_ns = 0;
	if (want == 0)
		return 0;
	ask_init(&a, p, flow, want);
	enter_user(&a);
	price(&a, a.n);
	at = may_from(&a, &guaranteed);
	if (at > now_ns) {
		*again_ns = on_grid(at);
		return 0;
	}
	if (!take_ceilings(&a)) {
		*again_ns = on_grid(now_ns + AGAIN_NS);
		return 0;
	}
	if (a.link.rate != 0 && !take_link(&a, guaranteed)) {
		give_ceilings(&a, a.ceilings_n, a.n);
		*again_ns = on_grid(now_ns + AGAIN_NS);
		return 0;
	}
	count(&a, a.n, guaranteed);
	if (a.link.rate != 0 && a.n == want)
		pace_turn_served(&a.turn, now_ns);
	return a.n;
}

void
pace_refund(const struct pacer *p, struct pace_flow *flow, size_t unused)
{
	struct ask a = {.now_ns = 0};
	struct pace_bucket back;

	if (unused == 0)
		return;
	ask_init(&a, p, flow, unused);
	add_ceiling(&a,
	    pace_users_find(p->state, flow->user, a.turn.class, a.way),
	    a.own->user_ceiling[a.way]);
	give_ceilings(&a, a.ceilings_n, unused);
	if (back_bucket(&a, &back))
		pace_give(&back, pace_worth(acks_of(unused), back.rate));
	if (a.link.rate == 0)
		return;
	pace_give(&a.link, pace_worth(on_wire(unused), a.link.rate));
	pace_turn_uncount(&a.turn, unused);
	if (a.guarantee.rate != 0)
		pace_give(
		    &a.guarantee, earlier(flow->guaranteed_ns,
				      pace_worth(unused, a.guarantee.rate)));
}

static void
force(const struct ask *a, size_t n)
{
	const struct pace_bucket *b;
	uint32_t i;

	for (i = 0; i < a->ceilings_n; i++) {
		b = &a->ceilings[i];
		pace_force(b, pace_cost(n, b->rate), a->now_ns, b->horizon_ns);
	}
	if (a->link.rate != 0)
		pace_force(&a->link, pace_cost(on_wire(n), a->link.rate),
		    a->now_ns, a->link.horizon_ns);
	if (a->guarantee.rate != 0)
		pace_force(&a->guarantee, pace_cost(n, a->guarantee.rate),
		    a->now_ns, a->guarantee.tolerance_ns);
}

int64_t
pace_charge(
    const struct pacer *p, struct pace_flow *flow, size_t n, int64_t now_ns)
{
	struct ask a = {.now_ns = now_ns};
	bool guaranteed;
	int64_t at;

	flow->guaranteed_ns = 0;
	/* As one that wants all that there is. */
	ask_init(&a, p, flow, SIZE_MAX);
	enter_user(&a);
	force(&a, n);
	count(&a, n, false);
	if (a.link.rate == 0 && a.ceilings_n == 0)
		return now_ns;
	price(&a, a.n);
	at = may_from(&a, &guaranteed);
	return at > now_ns ? on_grid(at) : now_ns;
}

int64_t
pace_wire(uint64_t segments, uint64_t bytes)
{
	return (int64_t)(bytes + segments * (FRAME - SEGMENT));
}

int64_t
pace_reckoned(uint64_t moved, uint64_t moved_back)
{
	return (int64_t)(on_wire(moved) + acks_of(moved_back));
}

void
pace_correct(
    const struct pacer *p, enum pace_way way, int64_t bytes, int64_t now_ns)
{
	struct pace_lane *lane = &p->state->lanes[way];
	struct pace_bucket link;

	if (p->plan->link[way] <= 0)
		return;
	link = link_bucket(lane, p->plan->link[way], 0);
	if (bytes < 0)
		pace_give(&link, pace_worth((uint64_t)-bytes, link.rate));
	else
		pace_force(&link, pace_cost((uint64_t)bytes, link.rate), now_ns,
		    link.horizon_ns);
}
