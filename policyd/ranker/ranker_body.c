/* Owns the text of a rank: what differs from the policy.  Pure. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policyd/ranker/ranker.h"

struct text {
	char *at;
	size_t left;
	bool full;
};

static void __attribute__((format(printf, 2, 3)))
say(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at, t->left, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->left) {
		t->full = true;
		return;
	}
	t->at += n;
	t->left -= (size_t)n;
}

static bool
is_open(const struct settings *s, uint16_t rank)
{
	const struct settings_tier *tier = settings_tier(s, rank);

	return tier != NULL && tier->reserved_for == 0;
}

/* What an agent would refuse is not said, whatever was decided. */
static void
say_row(struct text *t, const struct settings *s,
    const struct settings_intermediary *i, const struct order_state *place)
{
	bool tier = place->tier != i->tier && is_open(s, place->tier) &&
		    is_open(s, i->tier);
	bool weight = place->weight != i->weight && place->weight >= 1 &&
		      place->weight <= 1000;

	if (place->name[0] == '\0' || (!tier && !weight && !place->drain))
		return;
	say(t, "\n[intermediary \"%s\"]\n", i->name);
	if (tier)
		say(t, "tier = %u\n", place->tier);
	if (weight)
		say(t, "weight = %" PRIu32 "\n", place->weight);
	if (place->drain)
		say(t, "state = drain\n");
}

size_t
ranker_body(const struct ranker_policy *p, const struct ranker_place *places,
    char *out, size_t cap)
{
	const struct settings *s = p->settings;
	struct text t = {out, cap, false};
	uint32_t i;

	say(&t, "[rank]\npolicy-serial = %" PRIu64 "\n",
	    verified_mark(p->v).serial);
	for (i = 0; i < s->intermediaries_n; i++)
		say_row(&t, s, &s->intermediaries[i], &places[i].state);
	return t.full ? 0 : (size_t)(t.at - out);
}
