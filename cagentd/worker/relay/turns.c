/* Owns in which order those are served that have much to move, or a limit;
 * knows no socket. */
#include "cagentd/worker/relay/turns.h"

#include <assert.h>
#include <string.h>

/* What a turn counts for in which nothing was moved. */
#define TURNS_NOTHING 4096

static void run(struct turns *);

static int64_t
now_ns(const struct turns *t)
{
	return loop_now_us(t->loop) * 1000;
}

/* The first microsecond that is not before it. */
static int64_t
to_us(int64_t ns)
{
	return ns / 1000 + (ns % 1000 > 0);
}

static uint8_t
line_of(const struct pace_flow *f)
{
	return (uint8_t)(f->class % PACE_CLASSES * PACE_BOTH_WAYS +
			 f->way % PACE_BOTH_WAYS);
}

static const struct pace_class_plan *
plan_of(const struct turns *t, size_t line)
{
	return &t->plan.classes[line / PACE_BOTH_WAYS];
}

/* Has each tunnel of that line a limit of its own? */
static bool
each_waits(const struct turns *t, size_t line)
{
	const struct pace_class_plan *c = plan_of(t, line);

	return c->tunnel_ceiling[line % PACE_BOTH_WAYS] != 0 ||
	       c->user_ceiling[line % PACE_BOTH_WAYS] != 0;
}

static void
on_time(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct turns *t = container_of(op, struct turns, timer);

	(void)loop;
	(void)res;
	t->set = false;
	run(t);
}

/* By this turn's end, or when the first line is let go on. */
static void
wake_at(struct turns *t, int64_t us)
{
	if (t->set && t->timer.at_us <= us)
		return;
	/* One that is under way moves without memory, and the first one finds
	 * room: out of it, who is in line waits for the next to join. */
	t->set = loop_timer(t->loop, &t->timer, us, on_time) == 0 || t->set;
}

void
turns_init(struct turns *t, struct loop *loop, struct pace_state *state)
{
	size_t i;

	memset(t, 0, sizeof(*t));
	t->loop = loop;
	t->state = state;
	for (i = 0; i < TURNS_LINES; i++)
		TAILQ_INIT(&t->lines[i]);
}

void
turns_use(struct turns *t, const struct pace_plan *plan, uint32_t workers)
{
	t->plan = *plan;
	t->workers = workers;
	memset(t->held_ns, 0, sizeof(t->held_ns));
	wake_at(t, loop_now_us(t->loop));
}

void
turns_fini(struct turns *t)
{
	loop_cancel(t->loop, &t->timer);
}

bool
turns_limited(const struct turns *t, uint8_t class, enum pace_way way)
{
	return t->state != NULL && class < t->plan.classes_n &&
	       !pace_unlimited(&t->plan, class, way);
}

bool
turns_lined(const struct turns *t, uint8_t class, enum pace_way way)
{
	const struct pace_class_plan *c =
	    &t->plan.classes[class % PACE_CLASSES];

	if (!turns_limited(t, class, way))
		return false;
	return c->priority > TURNS_PASSES || c->ceiling[way] != 0 ||
	       c->user_ceiling[way] != 0 || c->tunnel_ceiling[way] != 0;
}

void
turns_active(struct turns *t, enum pace_way way, bool more)
{
	if (more)
		t->active[way]++;
	else if (t->active[way] > 0)
		t->active[way]--;
}

uint32_t
turns_sharing(const struct turns *t)
{
	return t->active[PACE_UP] + t->active[PACE_DOWN];
}

/* Its part of the link among all that move: as many as here in each worker;
 * INT64_MAX: no link is known. */
static int64_t
link_share(const struct turns *t, enum pace_way way)
{
	int64_t others = (int64_t)t->active[way] * t->workers;

	if (t->plan.link[way] <= 0)
		return INT64_MAX;
	return others > 0 ? t->plan.link[way] / others : t->plan.link[way];
}

int64_t
turns_expect(
    const struct turns *t, uint8_t class, enum pace_way way, int64_t had)
{
	const struct pace_class_plan *c =
	    &t->plan.classes[class % PACE_CLASSES];
	const int64_t ceilings[] = {t->plan.link[way], c->ceiling[way],
	    c->user_ceiling[way], c->tunnel_ceiling[way]};
	int64_t rate = had + had / 2, share = link_share(t, way);
	size_t i;

	if (!turns_limited(t, class, way))
		return 0;
	if (rate < share)
		rate = share;
	if (rate < 1)
		rate = 1;
	for (i = 0; i < sizeof(ceilings) / sizeof(*ceilings); i++) {
		if (ceilings[i] != 0 && rate > ceilings[i])
			rate = ceilings[i];
	}
	return rate;
}

int64_t
turns_charge(struct turns *t, struct pace_flow *f, size_t n)
{
	const struct pacer pacer = {t->state, &t->plan};

	if (!turns_limited(t, f->class, (enum pace_way)f->way))
		return loop_now_us(t->loop);
	return to_us(pace_charge(&pacer, f, n, now_ns(t)));
}

void
turns_correct(struct turns *t, enum pace_way way, int64_t bytes)
{
	const struct pacer pacer = {t->state, &t->plan};

	if (t->state != NULL)
		pace_correct(&pacer, way, bytes, now_ns(t));
}

/* From when on the line may: now, or later. */
static int64_t
may_go_us(const struct turns *t, size_t line)
{
	int64_t held_us = to_us(t->held_ns[line]),
		now_us = loop_now_us(t->loop);

	return held_us > now_us ? held_us : now_us;
}

void
turns_join(struct turns *t, struct turn *u)
{
	if (u->turns != NULL)
		return;
	u->turns = t;
	u->line = line_of(&u->flow);
	TAILQ_INSERT_TAIL(&t->lines[u->line], u, entry);
	wake_at(t, may_go_us(t, u->line));
}

void
turns_leave(struct turn *u)
{
	struct turns *t = u->turns;

	if (t == NULL)
		return;
	if (loop_op_active(&u->wait))
		loop_cancel(t->loop, &u->wait);
	else
		TAILQ_REMOVE(&t->lines[u->line], u, entry);
	u->turns = NULL;
}

void
turns_move(struct turn *u, uint8_t class)
{
	struct turns *t = u->turns;

	turns_leave(u);
	u->flow.class = class;
	if (t != NULL)
		turns_join(t, u);
}

static void
on_wait_over(struct loop *loop, struct op *op, const struct op_result *res)
{
	struct turn *u = container_of(op, struct turn, wait);
	struct turns *t = u->turns;

	(void)loop;
	(void)res;
	u->turns = NULL;
	turns_join(t, u);
}

/* It may not move now: it waits alone, or its class with it. */
static void
hold(struct turns *t, struct turn *u, int64_t until_ns)
{
	if (!each_waits(t, u->line)) {
		t->held_ns[u->line] = until_ns;
		return;
	}
	if (loop_timer(t->loop, &u->wait, to_us(until_ns), on_wait_over) != 0)
		return; /* out of memory: it stays in line */
	TAILQ_REMOVE(&t->lines[u->line], u, entry);
}

/* To the class that it was of when it asked; u: NULL: it is no more. */
static void
refund(struct turns *t, struct turn *u, struct pace_flow *asked, size_t n)
{
	const struct pacer pacer = {t->state, &t->plan};
	uint8_t class;

	if (u == NULL) {
		pace_refund(&pacer, asked, n);
		return;
	}
	class = u->flow.class;
	u->flow.class = asked->class;
	pace_refund(&pacer, &u->flow, n);
	u->flow.class = class;
}

/* Serve it; false: it has to wait. */
static bool
serve(struct turns *t, struct turn *u, size_t most, size_t *moved)
{
	const struct pacer pacer = {t->state, &t->plan};
	struct pace_flow flow;
	bool limited =
	    turns_limited(t, u->flow.class, (enum pace_way)u->flow.way);
	size_t allowed = most;
	int64_t again_ns = 0;
	int after;

	*moved = 0;
	if (u->want != 0 && u->want < most)
		allowed = most = u->want;
	if (limited)
		allowed =
		    pace_ask(&pacer, &u->flow, most, now_ns(t), &again_ns);
	if (allowed == 0) {
		hold(t, u, again_ns);
		return false;
	}
	/* It is out of line while it is served, and may end in that. */
	TAILQ_REMOVE(&t->lines[u->line], u, entry);
	u->turns = NULL;
	flow = u->flow;
	after = u->serve(u, allowed, moved);
	assert(*moved <= allowed);
	if (limited && *moved < allowed)
		refund(
		    t, after != TURN_GONE ? u : NULL, &flow, allowed - *moved);
	if (after == TURN_MORE)
		turns_join(t, u);
	return true;
}

/* Those in one line, one after the other; how many bytes that were. */
static size_t
serve_line(struct turns *t, size_t line, size_t most)
{
	size_t sum = 0, moved, quantum;
	struct turn *u;

	if (t->held_ns[line] > now_ns(t))
		return 0;
	t->held_ns[line] = 0;
	while (sum < most && t->held_ns[line] == 0 &&
	       (u = TAILQ_FIRST(&t->lines[line])) != NULL) {
		quantum =
		    most - sum < TURNS_QUANTUM ? most - sum : TURNS_QUANTUM;
		/* Nothing moved is still a turn. */
		serve(t, u, quantum, &moved);
		sum += moved > 0 ? moved : TURNS_NOTHING;
	}
	return sum;
}

/* Of a class that no plan names, too. */
static uint32_t
weight_of(const struct turns *t, size_t line)
{
	uint16_t weight = plan_of(t, line)->weight;

	return weight > 0 ? weight : 1;
}

static uint32_t
weights(const struct turns *t, uint8_t priority)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < TURNS_LINES; i++) {
		if (plan_of(t, i)->priority == priority &&
		    !TAILQ_EMPTY(&t->lines[i]))
			sum += weight_of(t, i);
	}
	return sum;
}

/* All lines of one priority; how much of what there was is left. */
static size_t
serve_priority(struct turns *t, uint8_t priority, size_t left)
{
	size_t most = left > TURNS_LEAST ? left : TURNS_LEAST, moved = 0, i;
	uint32_t sum = weights(t, priority);

	for (i = 0; sum > 0 && i < TURNS_LINES; i++) {
		if (plan_of(t, i)->priority == priority &&
		    !TAILQ_EMPTY(&t->lines[i]))
			moved += serve_line(t, i, most * weight_of(t, i) / sum);
	}
	return moved < left ? left - moved : 0;
}

/* When it goes on: INT64_MAX: nobody is in line. */
static int64_t
next_us(const struct turns *t)
{
	int64_t us, first = INT64_MAX;
	size_t i;

	for (i = 0; i < TURNS_LINES; i++) {
		if (TAILQ_EMPTY(&t->lines[i]))
			continue;
		us = may_go_us(t, i);
		if (us < first)
			first = us;
	}
	return first;
}

static void
run(struct turns *t)
{
	size_t left = TURNS_BYTES;
	uint8_t priority;
	int64_t us;

	for (priority = 0; priority < PACE_PRIORITIES; priority++)
		left = serve_priority(t, priority, left);
	us = next_us(t);
	if (us != INT64_MAX)
		wake_at(t, us);
}
