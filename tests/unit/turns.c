/* Who is served next, and with how many bytes: by class, by weight, one after
 * the other; who ends in its turn; who waits for a rate. */
#include "cagentd/worker/relay/turns.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define KIB 1024u
#define MIB (1024u * 1024)

/* One that has so many bytes to move, and notes in which order it did. */
struct one {
	struct turn turn;
	char name;
	size_t left;
	size_t moved;
	int served;
	bool dies;
	struct rig *rig;
};

struct rig {
	struct loop *loop;
	struct turns turns;
	struct pace_plan plan;
	struct pace_state *state;
	char order[256];
	size_t n;
};

static int
serve(struct turn *u, size_t allowed, size_t *moved)
{
	struct one *o = container_of(u, struct one, turn);

	CHECK(u->turns == NULL, "served while in line");
	*moved = o->left < allowed ? o->left : allowed;
	o->left -= *moved;
	o->moved += *moved;
	o->served++;
	if (o->rig->n < sizeof(o->rig->order) - 1)
		o->rig->order[o->rig->n++] = o->name;
	if (o->dies) {
		memset(u, 0x5a, sizeof(*u));
		return TURN_GONE;
	}
	return o->left > 0 ? TURN_MORE : TURN_DONE;
}

/* Four classes of falling priority, and three of the last one's. */
static void
setup(struct rig *r)
{
	static const uint16_t weights[] = {1, 1, 1, 1, 6, 3, 1};
	uint32_t i;

	memset(r, 0, sizeof(*r));
	if (loop_new(&r->loop) != 0)
		exit(1);
	r->state = aligned_alloc(64, sizeof(*r->state));
	memset(r->state, 0, sizeof(*r->state));
	turns_init(&r->turns, r->loop, r->state);
	r->plan.classes_n = 7;
	for (i = 0; i < 7; i++) {
		r->plan.classes[i].priority = (uint8_t)(i < 4 ? i : 4);
		r->plan.classes[i].weight = weights[i];
	}
	turns_use(&r->turns, &r->plan, 1);
}

static void
teardown(struct rig *r)
{
	turns_fini(&r->turns);
	loop_free(r->loop);
	free(r->state);
}

static void
join(struct rig *r, struct one *o, char name, uint8_t class, size_t bytes)
{
	memset(o, 0, sizeof(*o));
	o->rig = r;
	o->name = name;
	o->left = bytes;
	o->turn.serve = serve;
	o->turn.flow.class = class;
	o->turn.flow.way = PACE_DOWN;
	turns_join(&r->turns, &o->turn);
	turns_join(&r->turns, &o->turn);
}

static void
by_class(void)
{
	struct one o[4];
	struct rig r;
	int i;

	setup(&r);
	for (i = 3; i >= 0; i--)
		join(&r, &o[i], (char)('a' + i), (uint8_t)i, 10 * KIB);
	loop_turn(r.loop, 0);
	CHECK_STR(r.order, "abcd");
	loop_turn(r.loop, 0);
	CHECK_STR(r.order, "abcd");
	teardown(&r);
}

/* A quantum each, and whoever has little is through. */
static void
one_after_the_other(void)
{
	struct one o[3];
	struct rig r;

	setup(&r);
	join(&r, &o[0], 'a', 3, TURNS_QUANTUM + 1000);
	join(&r, &o[1], 'b', 3, 1000);
	join(&r, &o[2], 'c', 3, TURNS_QUANTUM + 1000);
	while (o[0].left + o[2].left > 0)
		loop_turn(r.loop, 0);
	CHECK_STR(r.order, "abcac");
	CHECK_INT(o[0].left + o[1].left + o[2].left, 0);
	/* It may come again. */
	o[1].left = 1;
	turns_join(&r.turns, &o[1].turn);
	loop_turn(r.loop, 0);
	CHECK_STR(r.order, "abcacb");
	teardown(&r);
}

/* What one turn of the loop moves is bounded, also where nothing limits. */
static void
goes_to_events_in_between(void)
{
	struct one o;
	struct rig r;

	setup(&r);
	join(&r, &o, 'a', 3, 100 * MIB);
	loop_turn(r.loop, 0);
	CHECK(o.moved >= TURNS_BYTES && o.moved <= TURNS_BYTES + TURNS_QUANTUM,
	    "%zu bytes", o.moved);
	loop_turn(r.loop, 0);
	CHECK(o.moved >= 2 * TURNS_BYTES, "%zu bytes", o.moved);
	turns_leave(&o.turn);
	turns_leave(&o.turn);
	loop_turn(r.loop, 0);
	CHECK(o.moved <= 2 * (TURNS_BYTES + TURNS_QUANTUM), "after it left");
	teardown(&r);
}

static void
by_weight(void)
{
	struct one o[3];
	struct rig r;
	int i;

	setup(&r);
	for (i = 0; i < 3; i++)
		join(&r, &o[i], (char)('a' + i), (uint8_t)(4 + i), 100 * MIB);
	for (i = 0; i < 10; i++)
		loop_turn(r.loop, 0);
	CHECK(o[0].moved > o[1].moved * 19 / 10 &&
		  o[0].moved < o[1].moved * 21 / 10,
	    "6:3 is %zu:%zu", o[0].moved, o[1].moved);
	CHECK(o[1].moved > o[2].moved * 28 / 10 &&
		  o[1].moved < o[2].moved * 32 / 10,
	    "3:1 is %zu:%zu", o[1].moved, o[2].moved);
	for (i = 0; i < 3; i++)
		turns_leave(&o[i].turn);
	teardown(&r);
}

static void
nobody_starves(void)
{
	struct one o[2];
	struct rig r;

	setup(&r);
	join(&r, &o[0], 'a', 0, 1000 * MIB);
	join(&r, &o[1], 'b', 3, 1000 * MIB);
	loop_turn(r.loop, 0);
	CHECK(o[1].moved >= TURNS_LEAST && o[1].moved < TURNS_BYTES / 10,
	    "%zu bytes", o[1].moved);
	turns_leave(&o[0].turn);
	turns_leave(&o[1].turn);
	teardown(&r);
}

static void
may_end_in_its_turn(void)
{
	struct one o[3];
	struct rig r;

	setup(&r);
	r.plan.link[PACE_DOWN] = 1000 * 1000 * 1000;
	turns_use(&r.turns, &r.plan, 1);
	join(&r, &o[0], 'a', 3, MIB);
	join(&r, &o[1], 'b', 3, 1000);
	join(&r, &o[2], 'c', 3, 1000);
	o[1].dies = true;
	loop_turn(r.loop, 0);
	CHECK(strchr(r.order, 'b') != NULL && strchr(r.order, 'c') != NULL,
	    "order %s", r.order);
	CHECK_INT(o[1].served, 1);
	turns_leave(&o[0].turn);
	teardown(&r);
}

static void
moves_to_another_class(void)
{
	struct one o[2];
	struct rig r;

	setup(&r);
	join(&r, &o[0], 'a', 3, 1000);
	join(&r, &o[1], 'b', 2, 1000);
	turns_move(&o[0].turn, 1);
	loop_turn(r.loop, 0);
	CHECK_STR(r.order, "ab");
	/* Not in line it just changes. */
	turns_move(&o[0].turn, 2);
	loop_turn(r.loop, 0);
	CHECK_STR(r.order, "ab");
	CHECK_INT(o[0].turn.flow.class, 2);
	teardown(&r);
}

/* At a rate: a class waits as a whole, and then goes on. */
static void
waits_for_the_link(void)
{
	struct one o[2];
	struct rig r;
	size_t first;

	setup(&r);
	r.plan.link[PACE_DOWN] = 10 * 1000 * 1000;
	turns_use(&r.turns, &r.plan, 1);
	CHECK(turns_limited(&r.turns, 3, PACE_DOWN), "the link is");
	CHECK(!turns_limited(&r.turns, 3, PACE_UP), "the other way is not");
	CHECK(turns_lined(&r.turns, 3, PACE_DOWN), "so it is in line");
	CHECK(!turns_lined(&r.turns, 1, PACE_DOWN), "but for what passes");
	join(&r, &o[0], 'a', 3, MIB);
	join(&r, &o[1], 'b', 3, MIB);
	loop_turn(r.loop, 0);
	first = o[0].moved + o[1].moved;
	CHECK(first > 0 && first < MIB, "%zu bytes at once", first);
	while (o[0].left + o[1].left > 0)
		loop_turn(r.loop, -1);
	CHECK(o[0].served + o[1].served > 10, "in %d turns",
	    o[0].served + o[1].served);
	teardown(&r);
}

/* With a ceiling each, one that waits keeps no other from moving. */
static void
waits_alone(void)
{
	struct one o[2];
	struct rig r;

	setup(&r);
	r.plan.classes[3].tunnel_ceiling[PACE_DOWN] = 1000 * 1000;
	turns_use(&r.turns, &r.plan, 1);
	CHECK(turns_lined(&r.turns, 3, PACE_DOWN), "a ceiling");
	join(&r, &o[0], 'a', 3, 100 * KIB);
	loop_turn(r.loop, 0);
	loop_turn(r.loop, 0);
	CHECK(o[0].left > 0, "above its ceiling");
	join(&r, &o[1], 'b', 3, 1000);
	loop_turn(r.loop, 0);
	CHECK_INT(o[1].left, 0);
	while (o[0].left > 0)
		loop_turn(r.loop, -1);
	/* One that waits may leave, or change its class. */
	o[0].left = 100 * KIB;
	turns_join(&r.turns, &o[0].turn);
	loop_turn(r.loop, 0);
	loop_turn(r.loop, 0);
	turns_move(&o[0].turn, 2);
	loop_turn(r.loop, 0);
	loop_turn(r.loop, 0);
	CHECK_INT(o[0].left, 0);
	o[0].left = 100 * KIB;
	turns_move(&o[0].turn, 3);
	turns_join(&r.turns, &o[0].turn);
	loop_turn(r.loop, 0);
	loop_turn(r.loop, 0);
	turns_leave(&o[0].turn);
	loop_turn(r.loop, 0);
	CHECK(o[0].left > 0, "it left");
	teardown(&r);
}

/* Who was the only one in a line that waits leaves, others come and go: the
 * next one's turn comes all the same. */
static void
comes_into_a_line_that_waits(void)
{
	struct one o[3];
	struct rig r;

	setup(&r);
	r.plan.classes[3].ceiling[PACE_DOWN] = 1000 * 1000;
	turns_use(&r.turns, &r.plan, 1);
	join(&r, &o[0], 'a', 3, 100 * KIB);
	while (r.turns.held_ns[3 * PACE_BOTH_WAYS + PACE_DOWN] == 0)
		loop_turn(r.loop, 0);
	turns_leave(&o[0].turn);
	join(&r, &o[1], 'b', 2, 1000);
	loop_turn(r.loop, 0);
	CHECK_INT(o[1].left, 0);
	join(&r, &o[2], 'c', 3, 1);
	CHECK(loop_op_active(&r.turns.timer), "nobody wakes it up");
	while (loop_op_active(&r.turns.timer))
		loop_turn(r.loop, -1);
	CHECK_INT(o[2].left, 0);
	turns_leave(&o[2].turn);
	teardown(&r);
}

static void
shares_the_link(void)
{
	struct rig r;
	int i;

	setup(&r);
	CHECK_INT(turns_expect(&r.turns, 3, PACE_DOWN, 0), 0);
	r.plan.link[PACE_DOWN] = 10000000;
	r.plan.classes[2].ceiling[PACE_DOWN] = 1000000;
	turns_use(&r.turns, &r.plan, 2);
	CHECK_INT(turns_expect(&r.turns, 3, PACE_DOWN, 0), 10000000);
	for (i = 0; i < 4; i++)
		turns_active(&r.turns, PACE_DOWN, true);
	turns_active(&r.turns, PACE_UP, true);
	CHECK_INT(turns_expect(&r.turns, 3, PACE_DOWN, 0), 10000000 / 4 / 2);
	CHECK_INT(turns_expect(&r.turns, 2, PACE_DOWN, 0), 1000000);
	/* Who has more than that may come to more, as far as there is. */
	CHECK_INT(turns_expect(&r.turns, 3, PACE_DOWN, 3000000), 4500000);
	CHECK_INT(turns_expect(&r.turns, 3, PACE_DOWN, 9000000), 10000000);
	CHECK_INT(turns_expect(&r.turns, 2, PACE_DOWN, 9000000), 1000000);
	/* Among more than there are bytes, next to nothing. */
	r.plan.link[PACE_DOWN] = 3;
	turns_use(&r.turns, &r.plan, 2);
	CHECK_INT(turns_expect(&r.turns, 3, PACE_DOWN, 0), 1);
	r.plan.link[PACE_DOWN] = 10000000;
	turns_use(&r.turns, &r.plan, 2);
	for (i = 0; i < 9; i++)
		turns_active(&r.turns, PACE_DOWN, false);
	CHECK_INT(turns_expect(&r.turns, 3, PACE_DOWN, 0), 10000000);
	teardown(&r);
}

static const struct unit_case cases[] = {
    {"by class", by_class},
    {"one after the other", one_after_the_other},
    {"goes to events in between", goes_to_events_in_between},
    {"by weight", by_weight},
    {"nobody starves", nobody_starves},
    {"may end in its turn", may_end_in_its_turn},
    {"moves to another class", moves_to_another_class},
    {"waits for the link", waits_for_the_link},
    {"waits alone", waits_alone},
    {"comes into a line that waits", comes_into_a_line_that_waits},
    {"shares the link", shares_the_link},
};

UNIT_MAIN("turns", cases)
