/* Who waits for a full intermediary, in order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cagentd/worker/dial/admit.h"
#include "tests/unit/unit.h"

#define PLACES 8

/* Two workers' queues. */
struct rig {
	struct slab *slabs[3];
	struct admit admit[2];
	struct admit_place places[PLACES];
	uint32_t n;
};

static struct rig *
rig_new(void)
{
	struct rig *r = calloc(1, sizeof(*r));
	int i;

	r->slabs[0] = calloc(1, sizeof(struct slab));
	r->slabs[2] = calloc(1, sizeof(struct slab)); /* 1: not there */
	for (i = 0; i < 2; i++)
		admit_init(&r->admit[i], r->slabs[i * 2], r->slabs, 3);
	return r;
}

/* Nobody is left in the gauges when all have gone. */
static void
rig_end(struct rig *r)
{
	static const struct slab none;
	uint32_t i;

	for (i = 0; i < r->n; i++) {
		admit_leave(&r->admit[0], &r->places[i]);
		admit_leave(&r->admit[0], &r->places[i]);
	}
	CHECK(TAILQ_EMPTY(&r->admit[0].places), "empty");
	CHECK(memcmp(r->slabs[0], &none, sizeof(none)) == 0, "gauges");
	free(r->slabs[0]);
	free(r->slabs[2]);
	free(r);
}

static int
enter_for(struct rig *r, uint8_t priority, uint32_t slot)
{
	const struct settings_class c = {.priority = priority, .queue_max = 3};
	uint64_t slots[ADMIT_SLOTS] = {0};

	slots[slot / 64] = 1ull << slot % 64;
	return admit_enter(
	    &r->admit[0], &r->places[r->n++], priority, &c, slots);
}

static void
goes_by_priority_then_by_time(void)
{
	static const uint8_t came[] = {3, 1, 3, 0, 1};
	static const uint32_t want[] = {3, 1, 4, 0, 2};
	struct rig *r = rig_new();
	struct admit_place *p;
	uint32_t i;

	for (i = 0; i < 5; i++)
		CHECK_INT(enter_for(r, came[i], 7), 0);
	for (i = 0, p = admit_first(&r->admit[0]); p != NULL;
	     p = admit_next(&r->admit[0]), i++)
		CHECK_INT(p - r->places, want[i]);
	CHECK_INT(i, 5);
	rig_end(r);
}

static void
is_bounded_by_class(void)
{
	struct rig *r = rig_new();
	uint32_t i;

	for (i = 0; i < 3; i++)
		CHECK_INT(enter_for(r, 2, 7), 0);
	CHECK_INT(enter_for(r, 2, 7), -ENOBUFS);
	CHECK(!r->places[3].waiting, "it does not wait");
	CHECK_INT(enter_for(r, 1, 7), 0);
	admit_leave(&r->admit[0], &r->places[0]);
	CHECK_INT(enter_for(r, 2, 7), 0);
	rig_end(r);
}

static bool
taken(struct rig *r, int worker, uint32_t priority, struct admit_place *p,
    uint32_t slot)
{
	struct admit *a = &r->admit[worker];
	bool yes;

	admit_ask(a, priority, p);
	yes = admit_is_taken(a, slot);
	admit_asked(a);
	CHECK(!admit_is_taken(a, slot), "asked by nobody");
	return yes;
}

static void
nobody_overtakes_here(void)
{
	struct rig *r = rig_new();

	enter_for(r, 2, 7);
	enter_for(r, 2, 7);
	enter_for(r, 3, 7);
	CHECK(!taken(r, 0, 2, &r->places[0], 7), "the first");
	CHECK(taken(r, 0, 2, &r->places[1], 7), "the second");
	CHECK(taken(r, 0, 3, &r->places[2], 7), "one of a lower class");
	CHECK(taken(r, 0, 3, NULL, 7), "a newcomer of a lower class");
	CHECK(taken(r, 0, 2, NULL, 7), "a newcomer of its class");
	CHECK(!taken(r, 0, 1, NULL, 7), "a newcomer of a better class");
	CHECK(!taken(r, 0, 3, NULL, 8), "another intermediary");
	CHECK(!taken(r, 0, 3, NULL, TABLE_ROWS_MAX), "none");
	admit_leave(&r->admit[0], &r->places[0]);
	CHECK(!taken(r, 0, 2, &r->places[1], 7), "it is the first now");
	rig_end(r);
}

static void
nobody_overtakes_from_elsewhere(void)
{
	struct admit_place theirs = {
	    .waiting = true, .priority = 2, .slots = {1u << 7}};
	struct rig *r = rig_new();

	enter_for(r, 2, 7);
	CHECK(!taken(r, 1, 0, &theirs, 7), "a waiter of the same");
	CHECK(taken(r, 1, 2, NULL, 7), "a newcomer of the same");
	CHECK(!taken(r, 1, 1, NULL, 7), "a better newcomer");
	theirs.priority = 3;
	CHECK(taken(r, 1, 0, &theirs, 7), "a waiter of a lower class");
	CHECK(!taken(r, 1, 0, &theirs, 6), "another intermediary");
	rig_end(r);
}

/* What others write may be anything. */
static void
bears_any_gauge(void)
{
	struct rig *r = rig_new();

	memset(&r->slabs[2]->waiting, 0xff, sizeof(r->slabs[2]->waiting));
	memset(r->slabs[2]->waits, 0xff, sizeof(r->slabs[2]->waits));
	CHECK(!taken(r, 0, 0, &(struct admit_place){.waiting = true}, 7),
	    "nobody is better than the first class");
	CHECK(taken(r, 0, UINT32_MAX - 1, NULL, 7), "a lower one");
	rig_end(r);
}

static void
moves_to_others(void)
{
	uint64_t slots[ADMIT_SLOTS] = {0};
	struct rig *r = rig_new();

	enter_for(r, 2, 7);
	slots[1] = 1;
	admit_move(&r->admit[0], &r->places[0], slots);
	CHECK(!taken(r, 0, 3, NULL, 7), "no more");
	CHECK(taken(r, 0, 3, NULL, 64), "this one now");
	rig_end(r);
}

/* Places may go while they are walked. */
static void
walks_what_goes(void)
{
	struct rig *r = rig_new();
	struct admit_place *p;

	enter_for(r, 1, 7);
	enter_for(r, 1, 7);
	enter_for(r, 1, 7);
	p = admit_first(&r->admit[0]);
	CHECK(p == &r->places[0], "the first");
	admit_leave(&r->admit[0], &r->places[1]);
	admit_leave(&r->admit[0], p);
	CHECK(admit_next(&r->admit[0]) == &r->places[2], "the third");
	CHECK(admit_next(&r->admit[0]) == NULL, "the end");
	rig_end(r);
}

static void
knows_the_soonest(void)
{
	struct rig *r = rig_new();

	CHECK(admit_soonest_us(&r->admit[0]) == INT64_MAX, "nobody");
	enter_for(r, 1, 7);
	enter_for(r, 2, 7);
	r->places[0].until_us = 20;
	r->places[1].until_us = 10;
	CHECK_INT(admit_soonest_us(&r->admit[0]), 10);
	rig_end(r);
}

static const struct unit_case cases[] = {
    {"goes by priority, then by time", goes_by_priority_then_by_time},
    {"is bounded by class", is_bounded_by_class},
    {"nobody overtakes here", nobody_overtakes_here},
    {"nobody overtakes from elsewhere", nobody_overtakes_from_elsewhere},
    {"bears any gauge", bears_any_gauge},
    {"moves to others", moves_to_others},
    {"walks what goes", walks_what_goes},
    {"knows the soonest", knows_the_soonest},
};

UNIT_MAIN("admit", cases)
