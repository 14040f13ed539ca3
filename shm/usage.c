/*
 * Owns the layout of what users are counted by: writing it so that a kill at
 * any instruction leaves nobody with another's numbers, and reading it as
 * hostile input.
 */
#include "shm/usage.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

/* No process holds more fds (fs.nr_open). */
#define CONNECTIONS_MAX (1u << 20)

#define COUNT_BITS 24
#define COUNT_MAX  ((1u << COUNT_BITS) - 1)
#define SPAN_MASK  ((1ull << (64 - COUNT_BITS)) - 1)
#define NAME_WORDS ((USAGE_NAME_MAX + 1) / 8)

static_assert((USAGE_NAME_MAX + 1) % 8 == 0, "whole words");
static_assert(sizeof(struct usage_entry) == 32 + NAME_WORDS * 8, "no padding");
static_assert(USAGE_KEY_LEN == crypto_shorthash_KEYBYTES, "SipHash-2-4");

#define GET(p)	  atomic_load_explicit((p), memory_order_relaxed)
#define SET(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

uint64_t
usage_hash(const struct usage *u, const char *name)
{
	size_t len = strnlen(name, USAGE_NAME_MAX);
	uint64_t h;

	crypto_shorthash((uint8_t *)&h, (const uint8_t *)name, len, u->key);
	return h != 0 ? h : 1;
}

static uint32_t
first_of_set(uint64_t hash)
{
	return (uint32_t)(hash % USAGE_SETS) * USAGE_WAYS;
}

/* The place of a user, or -1. */
static int
place_of(const struct usage *u, uint64_t hash)
{
	uint32_t i, first = first_of_set(hash);

	for (i = first; i < first + USAGE_WAYS; i++) {
		if (atomic_load_explicit(&u->hashes[i], memory_order_acquire) ==
		    hash)
			return (int)i;
	}
	return -1;
}

/* Is the place still that user's, after something of it was read? */
static bool
still(const struct usage *u, int i, uint64_t hash)
{
	atomic_thread_fence(memory_order_acquire);
	return GET(&u->hashes[i]) == hash;
}

uint32_t
usage_connections(const struct usage *u, uint64_t hash)
{
	int i = place_of(u, hash);
	uint32_t n;

	if (i < 0)
		return 0;
	n = GET(&u->entries[i].connections);
	if (!still(u, i, hash))
		return 0;
	return n < CONNECTIONS_MAX ? n : CONNECTIONS_MAX;
}

static uint64_t
window(uint64_t span, uint64_t count)
{
	return (span & SPAN_MASK) << COUNT_BITS | count;
}

static uint32_t
requests(const struct usage_entry *e, uint64_t span)
{
	uint64_t w = GET(&e->windows[span % 2]);

	return w >> COUNT_BITS == (span & SPAN_MASK) ? (uint32_t)(w & COUNT_MAX)
						     : 0;
}

uint32_t
usage_requests(const struct usage *u, uint64_t hash, uint64_t span)
{
	int i = place_of(u, hash);
	uint32_t n;

	if (i < 0)
		return 0;
	n = requests(&u->entries[i], span);
	return still(u, i, hash) ? n : 0;
}

static bool
name_ok(const char name[USAGE_NAME_MAX + 1])
{
	size_t i;

	for (i = 0; i <= USAGE_NAME_MAX && name[i] != '\0'; i++) {
		if (name[i] < ' ' || name[i] > '~')
			return false;
	}
	return i > 0 && i <= USAGE_NAME_MAX;
}

bool
usage_at(const struct usage *u, uint32_t i, struct usage_sample *out)
{
	const struct usage_entry *e = &u->entries[i % USAGE_ENTRIES];
	uint64_t words[NAME_WORDS], hash;
	uint32_t n;
	size_t w;

	if (i >= USAGE_ENTRIES)
		return false;
	hash = atomic_load_explicit(&u->hashes[i], memory_order_acquire);
	if (hash == 0)
		return false;
	for (w = 0; w < NAME_WORDS; w++)
		words[w] = GET(&e->name[w]);
	n = GET(&e->connections);
	out->refused = GET(&e->refused);
	out->used_us = GET(&e->used_us);
	if (!still(u, (int)i, hash))
		return false;
	out->hash = hash;
	out->connections = n < CONNECTIONS_MAX ? n : CONNECTIONS_MAX;
	memcpy(out->name, words, sizeof(words));
	return name_ok(out->name);
}

void
usage_start(struct usage *u)
{
	uint32_t i;

	for (i = 0; i < USAGE_ENTRIES; i++) {
		/* Looked at first: what was never used stays unbacked. */
		if (GET(&u->hashes[i]) != 0)
			SET(&u->entries[i].connections, 0);
	}
}

/*
 * The place is nobody's while it changes hands, and the fence keeps the change
 * from showing before that.  Killed in the middle, it stays nobody's.
 */
static void
move_in(struct usage *u, uint32_t i, uint64_t hash, const char *name)
{
	struct usage_entry *e = &u->entries[i];
	uint64_t words[NAME_WORDS] = {0};
	size_t w;

	SET(&u->hashes[i], 0);
	atomic_thread_fence(memory_order_release);
	memcpy(words, name, strnlen(name, USAGE_NAME_MAX));
	SET(&e->connections, 0);
	SET(&e->refused, 0);
	SET(&e->windows[0], 0);
	SET(&e->windows[1], 0);
	for (w = 0; w < NAME_WORDS; w++)
		SET(&e->name[w], words[w]);
	atomic_store_explicit(&u->hashes[i], hash, memory_order_release);
}

/* Where a new user goes, or -1: all are busy there. */
static int
room(const struct usage *u, uint64_t hash)
{
	uint32_t i, first = first_of_set(hash);
	int64_t oldest_us = INT64_MAX;
	int found = -1;

	for (i = first; i < first + USAGE_WAYS; i++) {
		if (GET(&u->hashes[i]) == 0)
			return (int)i;
		if (GET(&u->entries[i].connections) > 0 ||
		    GET(&u->entries[i].used_us) >= oldest_us)
			continue;
		oldest_us = GET(&u->entries[i].used_us);
		found = (int)i;
	}
	return found;
}

struct usage_entry *
usage_enter(struct usage *u, uint64_t hash, const char *name, int64_t now_us)
{
	int i = place_of(u, hash);

	if (i < 0) {
		i = room(u, hash);
		if (i < 0) {
			SET(&u->homeless, GET(&u->homeless) + 1);
			return NULL;
		}
		move_in(u, (uint32_t)i, hash, name);
	}
	SET(&u->entries[i].used_us, now_us);
	return &u->entries[i];
}

/* Seen before the others' numbers are read: of two workers that let the last
 * one in, one sees the other. */
void
usage_up(struct usage_entry *e)
{
	SET(&e->connections, GET(&e->connections) + 1);
	atomic_thread_fence(memory_order_seq_cst);
}

void
usage_down(struct usage_entry *e)
{
	uint32_t n = GET(&e->connections);

	if (n > 0)
		SET(&e->connections, n - 1);
}

void
usage_count(struct usage_entry *e, uint64_t span, int64_t now_us)
{
	uint32_t n = requests(e, span);

	SET(&e->windows[span % 2],
	    window(span, n < COUNT_MAX ? n + 1 : COUNT_MAX));
	SET(&e->used_us, now_us);
	atomic_thread_fence(memory_order_seq_cst);
}

void
usage_refuse(struct usage_entry *e)
{
	SET(&e->refused, GET(&e->refused) + 1);
}
