/*
 * Owns the layout of live tunnels' rows: writing them so that a kill at any
 * instruction leaves none that looks whole and is not, and reading them as
 * hostile input.
 */
#include "shm/tunnels.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "shm/hist.h"

/* So that the sum over any number of tunnels fits 63 bits. */
#define BYTES_MAX  (1ull << 44)
#define NAME_WORDS ((TUNNELS_USER_MAX + 1) / 8)
#define DEST_WORDS ((TUNNELS_DEST_MAX + 1) / 8)
#define TRIES	   4

static_assert((TUNNELS_USER_MAX + 1) % 8 == 0, "whole words");
static_assert((TUNNELS_DEST_MAX + 1) % 8 == 0, "whole words");
static_assert(sizeof(struct tunnels_row) == 128, "two lines of cache");
static_assert(TUNNELS_WORDS % 64 == 0, "whole words");

#define GET(p)	  atomic_load_explicit((p), memory_order_relaxed)
#define SET(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

void
tunnels_name(struct tunnels_about *a, const char *name)
{
	size_t len = strlen(name);

	snprintf(a->name, sizeof(a->name), "%.*s", TUNNELS_USER_MAX, name);
	if (len > TUNNELS_USER_MAX)
		memcpy(a->name + TUNNELS_USER_MAX - 3, "...", 3);
}

/* Of a long one the end says more: the domain, and the port. */
void
tunnels_dest(struct tunnels_about *a, const char *dest)
{
	size_t len = strlen(dest);

	if (len <= TUNNELS_DEST_MAX) {
		memcpy(a->dest, dest, len + 1);
		return;
	}
	memcpy(a->dest, dest + len - TUNNELS_DEST_MAX, TUNNELS_DEST_MAX + 1);
	memcpy(a->dest, "...", 3);
}

/* A tunnel's class takes three bytes of its word, and its set-up the highest:
 * the bucket of shm/hist.h, 0 for none. */
#define SETUP_SHIFT 24
static_assert(HIST_BUCKETS < 255, "one byte");

static uint32_t
setup_bits(int64_t us)
{
	return us > 0 ? (hist_bucket(us) + 1) << SETUP_SHIFT : 0;
}

static int64_t
setup_us(uint32_t word)
{
	uint32_t bits = word >> SETUP_SHIFT;

	return bits > 0 && bits <= HIST_BUCKETS ? hist_middle_us(bits - 1) : 0;
}

static uint32_t
class_word(uint8_t class, uint8_t why, uint8_t behave_why)
{
	return class | (uint32_t)why << 8 | (uint32_t)behave_why << 16;
}

static void
put_text(_Atomic uint64_t *to, size_t words_n, const char *text)
{
	uint64_t word;
	size_t i;

	for (i = 0; i < words_n; i++) {
		memcpy(&word, text + i * sizeof(word), sizeof(word));
		SET(&to[i], word);
	}
}

static void
get_text(const _Atomic uint64_t *from, size_t words_n, char *text)
{
	size_t i, end = words_n * sizeof(uint64_t) - 1;
	uint64_t word;

	for (i = 0; i < words_n; i++) {
		word = GET(&from[i]);
		memcpy(text + i * sizeof(word), &word, sizeof(word));
	}
	text[end] = '\0';
	for (i = 0; text[i] != '\0'; i++) {
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	}
}

static uint64_t
get_bytes(const _Atomic uint64_t *p)
{
	uint64_t v = GET(p);

	return v < BYTES_MAX ? v : BYTES_MAX;
}

/* Read once; false when it changed hands meanwhile. */
static bool
copy(const struct tunnels_row *r, struct tunnels_about *out)
{
	uint32_t word, sequence;

	sequence = atomic_load_explicit(&r->sequence, memory_order_acquire);
	if (sequence % 2 != 0)
		return false;
	word = GET(&r->class);
	out->class = (uint8_t)word;
	out->why = (uint8_t)(word >> 8);
	out->behave_why = (uint8_t)(word >> 16);
	out->setup_us = setup_us(word);
	out->slot = GET(&r->slot);
	out->incarnation = GET(&r->incarnation);
	out->began_us = GET(&r->began_us);
	out->user = GET(&r->user);
	out->up = get_bytes(&r->up);
	out->down = get_bytes(&r->down);
	get_text(r->name, NAME_WORDS, out->name);
	get_text(r->dest, DEST_WORDS, out->dest);
	atomic_thread_fence(memory_order_acquire);
	return GET(&r->sequence) == sequence;
}

bool
tunnels_at(const struct tunnels *t, uint32_t i, int64_t now_us,
    struct tunnels_about *out)
{
	int tries;

	if (i >= TUNNELS_ROWS)
		return false;
	for (tries = 0; tries < TRIES; tries++) {
		if (copy(&t->rows[i], out))
			break;
	}
	if (tries == TRIES || out->began_us <= 0)
		return false;
	if (out->began_us > now_us)
		out->began_us = now_us;
	return true;
}

uint32_t
tunnels_next(const struct tunnels *t, uint32_t i)
{
	uint32_t w = i / 64;
	uint64_t bits;

	if (i >= TUNNELS_ROWS)
		return TUNNELS_ROWS;
	bits = GET(&t->taken[w]) & UINT64_MAX << i % 64;
	while (bits == 0) {
		if (++w == TUNNELS_WORDS)
			return TUNNELS_ROWS;
		bits = GET(&t->taken[w]);
	}
	return w * 64 + (uint32_t)__builtin_ctzll(bits);
}

/* Nobody's: what looks at it from here on sees that, or that it changes. */
static void
clear(struct tunnels_row *r)
{
	uint32_t sequence = GET(&r->sequence) | 1;

	SET(&r->sequence, sequence);
	atomic_thread_fence(memory_order_release);
	SET(&r->began_us, 0);
	atomic_store_explicit(&r->sequence, sequence + 1, memory_order_release);
}

void
tunnels_start(struct tunnels *t)
{
	uint32_t i;

	/* A row is taken before it is written, and written before it is given
	 * back: all that is not clear is among these. */
	for (i = tunnels_next(t, 0); i < TUNNELS_ROWS;
	     i = tunnels_next(t, i + 1))
		clear(&t->rows[i]);
	for (i = 0; i < TUNNELS_WORDS; i++)
		SET(&t->taken[i], 0);
	for (i = 0; i < TUNNELS_WORDS / 64; i++)
		SET(&t->full[i], 0);
}

/* The lowest free row, taken; TUNNELS_ROWS: there is none. */
static uint32_t
take(struct tunnels *t)
{
	uint64_t bits, one;
	uint32_t f, w;

	for (f = 0; f < TUNNELS_WORDS / 64; f++) {
		if (GET(&t->full[f]) != UINT64_MAX)
			break;
	}
	if (f == TUNNELS_WORDS / 64)
		return TUNNELS_ROWS;
	w = f * 64 + (uint32_t)__builtin_ctzll(~GET(&t->full[f]));
	bits = GET(&t->taken[w]);
	one = ~bits & (bits + 1);
	SET(&t->taken[w], bits | one);
	if ((bits | one) == UINT64_MAX)
		SET(&t->full[f], GET(&t->full[f]) | 1ull << w % 64);
	atomic_signal_fence(memory_order_seq_cst);
	return w * 64 + (uint32_t)__builtin_ctzll(one);
}

struct tunnels_row *
tunnels_take(struct tunnels *t, const struct tunnels_about *a)
{
	uint32_t sequence, i = take(t);
	struct tunnels_row *r;

	if (i == TUNNELS_ROWS)
		return NULL;
	r = &t->rows[i];
	sequence = GET(&r->sequence) | 1;
	SET(&r->sequence, sequence);
	atomic_thread_fence(memory_order_release);
	SET(&r->class, class_word(a->class, a->why, a->behave_why) |
			   setup_bits(a->setup_us));
	SET(&r->slot, a->slot);
	SET(&r->incarnation, a->incarnation);
	SET(&r->began_us, a->began_us > 0 ? a->began_us : 1);
	SET(&r->user, a->user);
	SET(&r->up, a->up);
	SET(&r->down, a->down);
	put_text(r->name, NAME_WORDS, a->name);
	put_text(r->dest, DEST_WORDS, a->dest);
	atomic_store_explicit(&r->sequence, sequence + 1, memory_order_release);
	return r;
}

void
tunnels_drop(struct tunnels *t, struct tunnels_row *r)
{
	uint32_t i, w;

	if (r == NULL)
		return;
	i = (uint32_t)(r - t->rows);
	w = i / 64;
	clear(r);
	atomic_signal_fence(memory_order_seq_cst);
	SET(&t->taken[w], GET(&t->taken[w]) & ~(1ull << i % 64));
	SET(&t->full[w / 64], GET(&t->full[w / 64]) & ~(1ull << w % 64));
}

void
tunnels_moved(struct tunnels_row *r, bool up, uint64_t len)
{
	_Atomic uint64_t *p;

	if (r == NULL)
		return;
	p = up ? &r->up : &r->down;
	SET(p, GET(p) + len);
}

void
tunnels_class(
    struct tunnels_row *r, uint8_t class, uint8_t why, uint8_t behave_why)
{
	uint32_t setup;

	if (r == NULL)
		return;
	setup = GET(&r->class) & 0xffu << SETUP_SHIFT;
	SET(&r->class, class_word(class, why, behave_why) | setup);
}

/* One of them alone says nothing wrong: slots have another incarnation each. */
void
tunnels_via(struct tunnels_row *r, uint32_t slot, uint32_t incarnation)
{
	if (r == NULL)
		return;
	SET(&r->incarnation, incarnation);
	SET(&r->slot, slot);
}
