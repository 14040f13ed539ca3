/*
 * Owns which word a user's ceiling has.  Words are never set here: who takes
 * over a place takes what was taken with it.
 */
#include "shm/pace_users.h"

#include "shm/pace.h"

#define GET(p) atomic_load_explicit((p), memory_order_relaxed)

/* No word of a user who is there is further ahead. */
#define AHEAD_NS INT64_C(60000000000)

/* Never 0. */
static uint64_t
key_of(uint64_t user, uint32_t class)
{
	uint64_t key = (user ^ (class + 1)) * 0x9e3779b97f4a7c15ull;

	key ^= key >> 29;
	return key != 0 ? key : 1;
}

static struct pace_set *
set_of(struct pace_state *s, uint64_t key)
{
	return &s->sets[(key >> 32) % PACE_SETS];
}

static int
place_of(const struct pace_set *set, uint64_t key)
{
	int i;

	for (i = 0; i < PACE_WAYS; i++) {
		if (GET(&set->keys[i]) == key)
			return i;
	}
	return -1;
}

_Atomic int64_t *
pace_users_find(
    struct pace_state *s, uint64_t user, uint32_t class, uint32_t way)
{
	uint64_t key = key_of(user, class);
	struct pace_set *set = set_of(s, key);
	int i = place_of(set, key);

	return i >= 0 ? &set->words[way][i] : NULL;
}

/* When somebody there last took something, or later. */
static int64_t
last_seen(const struct pace_set *set, int i, int64_t now_ns)
{
	int64_t up = GET(&set->words[PACE_UP][i]);
	int64_t down = GET(&set->words[PACE_DOWN][i]);
	int64_t seen = up > down ? up : down;

	return seen <= now_ns + AHEAD_NS ? seen : INT64_MIN;
}

static int
quietest(const struct pace_set *set, int64_t now_ns)
{
	int64_t seen, oldest = INT64_MAX;
	int i, found = 0;

	for (i = 0; i < PACE_WAYS; i++) {
		if (GET(&set->keys[i]) == 0)
			return i;
		seen = last_seen(set, i, now_ns);
		if (seen >= oldest)
			continue;
		oldest = seen;
		found = i;
	}
	return found;
}

_Atomic int64_t *
pace_users_enter(struct pace_state *s, uint64_t user, uint32_t class,
    uint32_t way, int64_t now_ns)
{
	uint64_t old, key = key_of(user, class);
	struct pace_set *set = set_of(s, key);
	int i = place_of(set, key);

	if (i < 0) {
		i = quietest(set, now_ns);
		old = GET(&set->keys[i]);
		/* Who was faster has it, and this one goes by the same. */
		atomic_compare_exchange_strong_explicit(&set->keys[i], &old,
		    key, memory_order_relaxed, memory_order_relaxed);
	}
	return &set->words[way][i];
}
