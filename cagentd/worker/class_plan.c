/* Owns what of a configuration's classes and link the movers of bytes are
 * told. */
#include "cagentd/worker/class_plan.h"

#include <assert.h>
#include <string.h>

static_assert(SETTINGS_CLASSES_MAX <= PACE_CLASSES, "a row each");
static_assert(SETTINGS_CLASSES_MAX <= SLAB_CLASSES, "likewise");
static_assert(SETTINGS_NAME_MAX < SLAB_CLASS_NAME, "whole names");
static_assert(SETTINGS_PRIORITY_MAX < PACE_PRIORITIES, "as many");

static void
rates(const struct settings_rates *r, int64_t out[PACE_BOTH_WAYS])
{
	out[PACE_UP] = r->up;
	out[PACE_DOWN] = r->down;
}

void
class_plan(const struct settings *s, struct pace_plan *out)
{
	const struct settings_class *c;
	struct pace_class_plan *p;
	uint32_t i;

	memset(out, 0, sizeof(*out));
	rates(&s->link, out->link);
	out->classes_n = s->classes_n;
	for (i = 0; i < s->classes_n; i++) {
		c = &s->classes[i];
		p = &out->classes[i];
		p->priority = c->priority;
		p->weight = c->weight;
		rates(&c->guarantee, p->guarantee);
		rates(&c->ceiling, p->ceiling);
		rates(&c->user_ceiling, p->user_ceiling);
		rates(&c->tunnel_ceiling, p->tunnel_ceiling);
	}
}

void
class_names(const struct settings *s, struct slab *slab)
{
	uint32_t i;

	for (i = 0; i < s->classes_n; i++)
		slab_class_is(slab, i, s->classes[i].name);
}
