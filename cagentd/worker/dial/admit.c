/* Owns the order of those who wait for full intermediaries; wakes nobody, and
 * looks at no intermediary. */
#include "cagentd/worker/dial/admit.h"

#include <errno.h>
#include <string.h>

#define GET(p) atomic_load_explicit((p), memory_order_relaxed)

void
admit_init(struct admit *a, struct slab *own, struct slab *const *slabs,
    uint32_t slabs_n)
{
	*a = (struct admit){.slab = own, .slabs = slabs, .slabs_n = slabs_n};
	TAILQ_INIT(&a->places);
}

static bool
has(const uint64_t slots[static ADMIT_SLOTS], uint32_t slot)
{
	return (slots[slot / 64] >> slot % 64 & 1) != 0;
}

/* To all who look: it waits for its slots, or no more. */
static void
tell(struct admit *a, const struct admit_place *p, bool waits)
{
	_Atomic uint32_t *gauge;
	uint64_t left;
	uint32_t i, slot;

	for (i = 0; i < ADMIT_SLOTS; i++) {
		for (left = p->slots[i]; left != 0; left &= left - 1) {
			slot = i * 64 + (uint32_t)__builtin_ctzll(left);
			gauge = &a->slab->waits[slot][p->priority];
			if (waits)
				slab_up(gauge);
			else
				slab_down(gauge);
		}
	}
}

static struct slab_class *
class_of(struct admit *a, uint8_t class)
{
	return &a->slab->classes[class % SLAB_CLASSES];
}

static void
insert(struct admit *a, struct admit_place *p)
{
	struct admit_place *before;

	TAILQ_FOREACH_REVERSE(before, &a->places, admit_list, entry)
	{
		if (before->priority <= p->priority) {
			TAILQ_INSERT_AFTER(&a->places, before, p, entry);
			return;
		}
	}
	TAILQ_INSERT_HEAD(&a->places, p, entry);
}

int
admit_enter(struct admit *a, struct admit_place *p, uint8_t class,
    const struct settings_class *c, const uint64_t slots[static ADMIT_SLOTS])
{
	if (GET(&class_of(a, class)->waiting) >= c->queue_max)
		return -ENOBUFS;
	p->waiting = true;
	p->class = class;
	p->priority = c->priority % SLAB_PRIORITIES;
	memcpy(p->slots, slots, sizeof(p->slots));
	insert(a, p);
	slab_up(&class_of(a, class)->waiting);
	tell(a, p, true);
	slab_up(&a->slab->waiting);
	return 0;
}

void
admit_move(struct admit *a, struct admit_place *p,
    const uint64_t slots[static ADMIT_SLOTS])
{
	if (memcmp(p->slots, slots, sizeof(p->slots)) == 0)
		return;
	tell(a, p, false);
	memcpy(p->slots, slots, sizeof(p->slots));
	tell(a, p, true);
}

void
admit_leave(struct admit *a, struct admit_place *p)
{
	if (!p->waiting)
		return;
	if (a->next == p)
		a->next = TAILQ_NEXT(p, entry);
	TAILQ_REMOVE(&a->places, p, entry);
	p->waiting = false;
	slab_down(&a->slab->waiting);
	tell(a, p, false);
	slab_down(&class_of(a, p->class)->waiting);
}

void
admit_ask(struct admit *a, uint32_t priority, const struct admit_place *asker)
{
	a->asking = true;
	a->asker = asker != NULL && asker->waiting ? asker : NULL;
	a->priority = a->asker != NULL ? asker->priority : priority;
}

void
admit_asked(struct admit *a)
{
	a->asking = false;
	a->asker = NULL;
}

/* By somebody who has come to this worker before who asks. */
static bool
is_taken_here(const struct admit *a, uint32_t slot)
{
	const struct admit_place *p;

	if (a->asker == NULL)
		return slab_waits(a->slab, slot, a->priority + 1);
	if (slab_waits(a->slab, slot, a->priority))
		return true;
	TAILQ_FOREACH (p, &a->places, entry) {
		if (p == a->asker)
			return false;
		if (has(p->slots, slot))
			return true;
	}
	return false;
}

bool
admit_is_taken(const struct admit *a, uint32_t slot)
{
	uint32_t i, below = a->priority + (a->asker == NULL ? 1 : 0);

	if (!a->asking || slot >= TABLE_ROWS_MAX)
		return false;
	if (is_taken_here(a, slot))
		return true;
	for (i = 0; i < a->slabs_n; i++) {
		if (a->slabs[i] != NULL && a->slabs[i] != a->slab &&
		    slab_waits(a->slabs[i], slot, below))
			return true;
	}
	return false;
}

struct admit_place *
admit_first(struct admit *a)
{
	a->next = TAILQ_FIRST(&a->places);
	return admit_next(a);
}

struct admit_place *
admit_next(struct admit *a)
{
	struct admit_place *p = a->next;

	if (p != NULL)
		a->next = TAILQ_NEXT(p, entry);
	return p;
}

int64_t
admit_soonest_us(const struct admit *a)
{
	const struct admit_place *p;
	int64_t soonest = INT64_MAX;

	TAILQ_FOREACH (p, &a->places, entry) {
		if (p->until_us < soonest)
			soonest = p->until_us;
	}
	return soonest;
}
