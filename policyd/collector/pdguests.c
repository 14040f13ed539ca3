/* Decides who has to leave when too many wait at the door; closes nothing. */
#include "policyd/collector/pdguests.h"

#include <string.h>

void
pdguests_init(struct pdguests *g)
{
	uint32_t i;

	TAILQ_INIT(&g->all);
	for (i = 0; i < PDGUESTS_SLOTS; i++)
		TAILQ_INIT(&g->slots[i]);
	g->n = 0;
}

static struct pdguests_list *
slot_of(struct pdguests *g, const struct net_ip *ip)
{
	uint32_t h = 2166136261u;
	size_t i;

	for (i = 0; i < sizeof(ip->bytes); i++)
		h = (uint32_t)((h ^ ip->bytes[i]) * UINT64_C(16777619));
	return &g->slots[h % PDGUESTS_SLOTS];
}

void
pdguests_remove(struct pdguests *g, struct pdguest *p)
{
	if (!p->in)
		return;
	p->in = false;
	TAILQ_REMOVE(&g->all, p, entry);
	TAILQ_REMOVE(slot_of(g, &p->from), p, same);
	g->n--;
}

/* The one of that address that has been silent for the longest, when there are
 * too many of it; p when all have spoken. */
static struct pdguest *
too_many_of(struct pdguests *g, struct pdguest *p)
{
	struct pdguest *other, *silent = NULL;
	uint32_t n = 0;

	TAILQ_FOREACH (other, slot_of(g, &p->from), same) {
		if (!net_ip_equal(&other->from, &p->from))
			continue;
		n++;
		if (silent == NULL && !other->has_spoken)
			silent = other;
	}
	if (n < PDGUESTS_ADDRESS_MAX)
		return NULL;
	return silent != NULL ? silent : p;
}

static struct pdguest *
too_many(struct pdguests *g, struct pdguest *p)
{
	struct pdguest *other;

	if (g->n < PDGUESTS_MAX)
		return NULL;
	TAILQ_FOREACH (other, &g->all, entry) {
		if (!other->has_spoken)
			return other;
	}
	return p;
}

struct pdguest *
pdguests_add(struct pdguests *g, struct pdguest *p, const struct net_ip *from)
{
	struct pdguest *gone;

	p->from = *from;
	p->has_spoken = false;
	if (from->family == 6)
		memset(p->from.bytes + 8, 0, 8);
	gone = too_many_of(g, p);
	if (gone == NULL)
		gone = too_many(g, p);
	if (gone == p)
		return p;
	if (gone != NULL)
		pdguests_remove(g, gone);
	p->in = true;
	TAILQ_INSERT_TAIL(&g->all, p, entry);
	TAILQ_INSERT_TAIL(slot_of(g, &p->from), p, same);
	g->n++;
	return gone;
}
