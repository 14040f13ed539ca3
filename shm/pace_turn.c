/*
 * Owns the order in which classes have a shared link: by priority, and within
 * one by weight.  Knows nothing of rates.
 */
#include "shm/pace_turn.h"

#include "shm/pace_word.h"

/* Who waits comes late by less, and who has more asks for it within less. */
#define LATE_NS	 (2 * PACE_MS)
#define AGAIN_NS PACE_MS

/* No longer does anybody count as waiting. */
#define HUNGRY_NS (100 * PACE_MS)

/* Virtual time of a byte at a weight of 1. */
#define VIRTUAL 65536

/* So many slices ahead of the others, and no more is held against a class. */
#define LEAD 4

/* A word that so many others have changed at once is left alone. */
#define TRIES 64

#define GET(p)	  atomic_load_explicit((p), memory_order_relaxed)
#define SET(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

static uint32_t
classes_of(const struct pace_plan *plan)
{
	if (plan->classes_n < 1)
		return 1;
	return plan->classes_n < PACE_CLASSES ? plan->classes_n : PACE_CLASSES;
}

uint32_t
pace_turn_class(const struct pace_plan *plan, uint32_t class)
{
	return class < classes_of(plan) ? class : classes_of(plan) - 1;
}

static uint32_t
priority_of(const struct pace_turn *t, uint32_t class)
{
	uint32_t priority = t->plan->classes[class].priority;

	return priority < PACE_PRIORITIES ? priority : PACE_PRIORITIES - 1;
}

uint32_t
pace_turn_after(const struct pace_turn *t)
{
	uint32_t i, n = classes_of(t->plan), last = 0;

	for (i = 0; i < n; i++) {
		if (priority_of(t, i) > last)
			last = priority_of(t, i);
	}
	return last - priority_of(t, t->class);
}

static uint64_t
virtual_of(const struct pace_turn *t, uint32_t class, size_t n)
{
	uint64_t weight = t->plan->classes[class].weight;

	if (weight < 1)
		weight = 1;
	if (weight > PACE_WEIGHT_MAX)
		weight = PACE_WEIGHT_MAX;
	return (uint64_t)n * VIRTUAL / weight;
}

/*
 * How far a class is ahead of what all that wait of its priority have had.
 * Who is behind was away, and gains nothing by it.
 */
static uint64_t
lead_of(const struct pace_turn *t, uint32_t class, uint64_t had, uint64_t least)
{
	uint64_t most = LEAD * virtual_of(t, class, t->slice);
	int64_t ahead = (int64_t)(had - least);

	if (ahead < 0)
		return 0;
	return (uint64_t)ahead < most ? (uint64_t)ahead : most;
}

static uint64_t
lead_now(const struct pace_turn *t, uint32_t class)
{
	return lead_of(t, class, GET(&t->lane->had[class]),
	    GET(&t->lane->least[priority_of(t, class)]));
}

/* Is the other further behind than a slice? */
static bool
behind(const struct pace_turn *t, uint32_t other)
{
	return lead_now(t, t->class) >
	       virtual_of(t, t->class, t->slice) + lead_now(t, other);
}

int64_t
pace_turn_from(const struct pace_turn *t, int64_t now_ns)
{
	uint32_t i, n = classes_of(t->plan), own = priority_of(t, t->class);
	int64_t hungry, from = now_ns;

	for (i = 0; i < n; i++) {
		hungry = GET(&t->lane->hungry[i]);
		if (i == t->class || hungry <= from ||
		    hungry > now_ns + HUNGRY_NS || priority_of(t, i) > own)
			continue;
		if (priority_of(t, i) < own)
			from = hungry;
		else if (from < now_ns + AGAIN_NS && behind(t, i))
			from = now_ns + AGAIN_NS;
	}
	return from;
}

/* Who is further ahead than can be would otherwise wait until the others have
 * come as far. */
static void
settle(const struct pace_turn *t)
{
	_Atomic uint64_t *word = &t->lane->had[t->class];
	uint64_t least = GET(&t->lane->least[priority_of(t, t->class)]);
	uint64_t had = GET(word), lead = lead_of(t, t->class, had, least);

	if ((int64_t)(had - least) > (int64_t)lead)
		atomic_compare_exchange_strong_explicit(word, &had,
		    least + lead, memory_order_relaxed, memory_order_relaxed);
}

void
pace_turn_wait(const struct pace_turn *t, int64_t until_ns, int64_t now_ns)
{
	settle(t);
	until_ns += LATE_NS;
	if (until_ns > now_ns + HUNGRY_NS)
		until_ns = now_ns + HUNGRY_NS;
	SET(&t->lane->hungry[t->class], until_ns);
}

void
pace_turn_served(const struct pace_turn *t, int64_t now_ns)
{
	_Atomic int64_t *hungry = &t->lane->hungry[t->class];

	if (GET(hungry) > now_ns + AGAIN_NS)
		SET(hungry, now_ns + AGAIN_NS);
}

/* Where the class stood before. */
static uint64_t
add(const struct pace_turn *t, uint64_t least, uint64_t n)
{
	_Atomic uint64_t *word = &t->lane->had[t->class];
	uint64_t start = least, had = GET(word);
	int i;

	for (i = 0; i < TRIES; i++) {
		start = least + lead_of(t, t->class, had, least);
		if (atomic_compare_exchange_weak_explicit(word, &had, start + n,
			memory_order_relaxed, memory_order_relaxed))
			break;
	}
	return start;
}

static void
lift(_Atomic uint64_t *word, uint64_t to)
{
	uint64_t is = GET(word);
	int i;

	for (i = 0; i < TRIES && (int64_t)(to - is) > 0; i++) {
		if (atomic_compare_exchange_weak_explicit(word, &is, to,
			memory_order_relaxed, memory_order_relaxed))
			break;
	}
}

void
pace_turn_count(const struct pace_turn *t, size_t n, bool in_turn)
{
	_Atomic uint64_t *least = &t->lane->least[priority_of(t, t->class)];
	uint64_t start = add(t, GET(least), virtual_of(t, t->class, n));

	/* Who was served in its turn was at most a slice ahead of others. */
	if (in_turn)
		lift(least, start - virtual_of(t, t->class, t->slice));
}

void
pace_turn_uncount(const struct pace_turn *t, size_t n)
{
	atomic_fetch_sub_explicit(&t->lane->had[t->class],
	    virtual_of(t, t->class, n), memory_order_relaxed);
}
