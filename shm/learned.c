/*
 * Owns the layout of what a worker has learned: writing it so that a kill at
 * any instruction leaves no half of it, and reading it as hostile input.
 */
#include "shm/learned.h"

#include <assert.h>
#include <string.h>

/* A reader meets a writer for less than a microsecond; one that is dead, for
 * ever. */
#define TRIES 16

#define KEY_WORDS    ((LEARNED_KEY_MAX + 1) / 8)
#define FAILURES_MAX 1000

static_assert((LEARNED_KEY_MAX + 1) % 8 == 0, "whole words");
static_assert(sizeof(struct learned_entry) == 48 + KEY_WORDS * 8, "no padding");

#define GET(p)	  atomic_load_explicit((p), memory_order_relaxed)
#define SET(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

/* FNV-1a.  Known to all: who makes destinations collide gains that his own
 * push each other out. */
static uint64_t
hash_of(const char *key)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (; *key != '\0'; key++)
		h = (h ^ (unsigned char)*key) * 0x100000001b3ull;
	return h;
}

static uint32_t
first_of_set(uint64_t hash)
{
	return (uint32_t)((hash ^ hash >> 32) % LEARNED_SETS) * LEARNED_WAYS;
}

static bool
key_ok(const char key[LEARNED_KEY_MAX + 1])
{
	size_t i;

	for (i = 0; i <= LEARNED_KEY_MAX && key[i] != '\0'; i++) {
		if (key[i] <= ' ' || key[i] > '~')
			return false;
	}
	return i > 0 && i <= LEARNED_KEY_MAX;
}

static int64_t
clamp_time(int64_t v, int64_t now_us)
{
	if (v > now_us)
		v = now_us;
	return v > 0 ? v : 0;
}

/* One try: was it whole? */
static bool
copy_once(const struct learned_entry *e, struct learned_fact *out)
{
	uint32_t before, state;
	uint64_t failures, words[KEY_WORDS];
	unsigned int i;

	before = atomic_load_explicit(&e->sequence, memory_order_acquire);
	state = GET(&e->state);
	out->scope = GET(&e->scope);
	out->since_us = GET(&e->since_us);
	out->used_us = GET(&e->used_us);
	failures = GET(&e->failures);
	for (i = 0; i < KEY_WORDS; i++)
		words[i] = GET(&e->key[i]);
	atomic_thread_fence(memory_order_acquire);
	if (before % 2 != 0 || GET(&e->sequence) != before)
		return false;
	out->state = state < LEARNED_STATES ? (enum learned_state)state
					    : LEARNED_NOTHING;
	out->failures =
	    failures < FAILURES_MAX ? (uint32_t)failures : FAILURES_MAX;
	memcpy(out->key, words, sizeof(words));
	return true;
}

static bool
copy(const struct learned_entry *e, int64_t now_us, struct learned_fact *out)
{
	unsigned int i;

	if (GET(&e->state) == LEARNED_NOTHING)
		return false;
	for (i = 0; !copy_once(e, out); i++) {
		if (i == TRIES)
			return false;
	}
	if (out->state == LEARNED_NOTHING || !key_ok(out->key))
		return false;
	out->since_us = clamp_time(out->since_us, now_us);
	out->used_us = clamp_time(out->used_us, now_us);
	return true;
}

/* The place of a key, or -1. */
static int
place_of(const struct learned *l, const char *key, int64_t now_us,
    struct learned_fact *out)
{
	uint64_t hash = hash_of(key);
	uint32_t i, first = first_of_set(hash);

	for (i = first; i < first + LEARNED_WAYS; i++) {
		if (GET(&l->entries[i].hash) == hash &&
		    copy(&l->entries[i], now_us, out) &&
		    strcmp(out->key, key) == 0)
			return (int)i;
	}
	return -1;
}

bool
learned_find(const struct learned *l, const char *key, int64_t now_us,
    struct learned_fact *out)
{
	return place_of(l, key, now_us, out) >= 0;
}

bool
learned_at(const struct learned *l, uint32_t i, int64_t now_us,
    struct learned_fact *out)
{
	return i < LEARNED_ENTRIES && copy(&l->entries[i], now_us, out);
}

bool
learned_believed(const struct learned_fact *f, uint64_t scope, int64_t age_us,
    int64_t now_us)
{
	return f->state == LEARNED_DIRECT && f->scope == scope &&
	       now_us - f->used_us <= age_us;
}

int64_t
learned_again_us(const struct learned_fact *f)
{
	uint32_t doublings = f->failures > 0 ? f->failures - 1 : 0;

	if (f->state == LEARNED_DIRECT)
		return INT64_MAX;
	if (doublings > LEARNED_DOUBLINGS)
		doublings = LEARNED_DOUBLINGS;
	return f->since_us + (LEARNED_AGAIN_US << doublings);
}

/* No store of a change may show before the odd number, nor after the even
 * one. */
static void
begin(struct learned_entry *e)
{
	SET(&e->sequence, GET(&e->sequence) | 1);
	atomic_thread_fence(memory_order_release);
}

static void
end(struct learned_entry *e)
{
	atomic_store_explicit(
	    &e->sequence, GET(&e->sequence) + 1, memory_order_release);
}

static void
clear(struct learned_entry *e)
{
	begin(e);
	SET(&e->state, LEARNED_NOTHING);
	SET(&e->hash, 0);
	end(e);
}

void
learned_start(struct learned *l)
{
	uint32_t i;

	for (i = 0; i < LEARNED_ENTRIES; i++) {
		if (GET(&l->entries[i].sequence) % 2 != 0)
			clear(&l->entries[i]);
	}
}

/* How much would be lost with it. */
static enum learned_state
worth(const struct learned_fact *f, int64_t stale_us)
{
	return f->used_us < stale_us ? LEARNED_NOTHING : f->state;
}

/* Where a new key goes, or NULL: all that is in its set is worth more. */
static struct learned_entry *
victim(struct learned *l, const struct learned_fact *f, uint64_t hash,
    int64_t stale_us)
{
	uint32_t i, first = first_of_set(hash);
	enum learned_state least = f->state, w;
	struct learned_entry *e = NULL;
	int64_t oldest_us = INT64_MAX;
	struct learned_fact other;

	for (i = first; i < first + LEARNED_WAYS; i++) {
		if (!copy(&l->entries[i], INT64_MAX, &other))
			return &l->entries[i];
		w = worth(&other, stale_us);
		if (w > least || (w == least && other.used_us >= oldest_us))
			continue;
		least = w;
		oldest_us = other.used_us;
		e = &l->entries[i];
	}
	return e;
}

bool
learned_put(struct learned *l, const struct learned_fact *f, int64_t stale_us)
{
	uint64_t words[KEY_WORDS], hash;
	struct learned_entry *e;
	struct learned_fact old;
	unsigned int i;
	int place;

	if (!key_ok(f->key))
		return false;
	hash = hash_of(f->key);
	place = place_of(l, f->key, INT64_MAX, &old);
	e = place >= 0 ? &l->entries[place] : victim(l, f, hash, stale_us);
	if (e == NULL)
		return false;
	memset(words, 0, sizeof(words));
	memcpy(words, f->key, strlen(f->key));
	begin(e);
	SET(&e->state, f->state);
	SET(&e->hash, hash);
	SET(&e->scope, f->scope);
	SET(&e->since_us, f->since_us);
	SET(&e->used_us, f->used_us);
	SET(&e->failures, f->failures);
	for (i = 0; i < KEY_WORDS; i++)
		SET(&e->key[i], words[i]);
	end(e);
	return true;
}

void
learned_use(struct learned *l, const char *key, int64_t now_us)
{
	struct learned_fact f;
	int i = place_of(l, key, now_us, &f);

	if (i < 0 || f.state != LEARNED_DIRECT)
		return;
	/* Each a whole word that is true by itself: nothing can tear. */
	SET(&l->entries[i].used_us, now_us);
	SET(&l->entries[i].failures, 0);
}

void
learned_drop(struct learned *l, const char *key)
{
	struct learned_fact f;
	int i = place_of(l, key, INT64_MAX, &f);

	if (i >= 0)
		clear(&l->entries[i]);
}
