/* What is learned of who does not get bytes that ride in a SYN. */
#include "cagentd/worker/dial/fast.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

#define NOW 1000000000ll

struct rig {
	struct slab *slab;
	struct path_load *loads;
	struct record record;
	struct record_hop hop;
};

static void
rig_init(struct rig *r)
{
	r->slab = calloc(1, sizeof(*r->slab));
	r->loads = calloc(TABLE_ROWS_MAX, sizeof(*r->loads));
	r->record =
	    (struct record){.slab = r->slab, .loads = r->loads, .wake_fd = -1};
	r->hop = (struct record_hop){3, 7};
	record_enter(&r->record, r->hop);
}

static void
rig_fini(struct rig *r)
{
	free(r->slab);
	free(r->loads);
}

static bool
may(struct rig *r, int64_t now_us)
{
	struct attempt_target t = {.fast = true}, never = {.fast = false};

	fast_ask(&r->record, r->hop, now_us, &never);
	CHECK(!never.fast, "nobody has asked for it");
	fast_ask(&r->record, r->hop, now_us, &t);
	return t.fast;
}

static void
hear(struct rig *r, bool failed)
{
	const struct attempt_result a = {.fast_failed = failed};

	fast_learn(&r->record, r->hop, &a, NOW);
}

static void
leaves_it_alone_for_long(void)
{
	struct rig r;

	rig_init(&r);
	CHECK(may(&r, NOW), "at first");
	hear(&r, false);
	CHECK(may(&r, NOW), "as nothing was wrong");
	hear(&r, true);
	CHECK(!may(&r, NOW), "after a failure");
	hear(&r, false);
	CHECK(!may(&r, NOW + FAST_AGAIN_US - 1), "whatever came since");
	CHECK(may(&r, NOW + FAST_AGAIN_US), "and then once more");
	rig_fini(&r);
}

/* A successor finds it; the slot's next tenant does not. */
static void
knows_whom_it_is_about(void)
{
	struct rig r;

	rig_init(&r);
	hear(&r, true);
	slab_start(r.slab, 99);
	CHECK(!may(&r, NOW), "to the successor");
	r.hop.incarnation++;
	hear(&r, true); /* of who is not there yet */
	record_enter(&r.record, r.hop);
	CHECK(may(&r, NOW), "to the next tenant");
	rig_fini(&r);
}

static const struct unit_case cases[] = {
    {"leaves it alone for long", leaves_it_alone_for_long},
    {"knows whom it is about", knows_whom_it_is_about},
};

UNIT_MAIN("fast", cases)
