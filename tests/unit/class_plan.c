/* What the movers of bytes are told of classes and link. */
#include "cagentd/worker/class_plan.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

static void
says_what_is_configured(void)
{
	struct settings *s = calloc(1, sizeof(*s));
	struct pace_plan plan;

	s->link = (struct settings_rates){10, 20};
	s->classes_n = 2;
	s->classes[0] = (struct settings_class){.priority = 0, .weight = 7};
	s->classes[1] = (struct settings_class){.priority = 3,
	    .weight = 1,
	    .guarantee = {1, 2},
	    .ceiling = {3, 4},
	    .user_ceiling = {5, 6},
	    .tunnel_ceiling = {7, 8}};
	class_plan(s, &plan);
	CHECK_INT(plan.link[PACE_UP], 10);
	CHECK_INT(plan.link[PACE_DOWN], 20);
	CHECK_INT(plan.classes_n, 2);
	CHECK_INT(plan.classes[0].weight, 7);
	CHECK_INT(plan.classes[0].ceiling[PACE_UP], 0);
	CHECK_INT(plan.classes[1].priority, 3);
	CHECK_INT(plan.classes[1].guarantee[PACE_UP], 1);
	CHECK_INT(plan.classes[1].guarantee[PACE_DOWN], 2);
	CHECK_INT(plan.classes[1].ceiling[PACE_UP], 3);
	CHECK_INT(plan.classes[1].ceiling[PACE_DOWN], 4);
	CHECK_INT(plan.classes[1].user_ceiling[PACE_UP], 5);
	CHECK_INT(plan.classes[1].user_ceiling[PACE_DOWN], 6);
	CHECK_INT(plan.classes[1].tunnel_ceiling[PACE_UP], 7);
	CHECK_INT(plan.classes[1].tunnel_ceiling[PACE_DOWN], 8);
	free(s);
}

static const struct unit_case cases[] = {
    {"says what is configured", says_what_is_configured},
};

UNIT_MAIN("class_plan", cases)
