/* Owns what is remembered of tunnels that have ended: a word each, which no
 * writer can tear and no reader need believe. */
#include "shm/history.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

static_assert(HISTORY_KEY_LEN == crypto_shorthash_KEYBYTES, "SipHash-2-4");

/*
 * A word, from the top: 33 bits of the hash, 16 of the time when it was last
 * touched, in units of UNIT_S, and a count of 5 bits a kind.  0 is free.
 */
#define COUNT_BITS 5
#define COUNTS	   (HISTORY_KINDS * COUNT_BITS)
#define TIME_BITS  16
#define TAG_SHIFT  (COUNTS + TIME_BITS)
#define UNIT_S	   (HISTORY_HALF_S / 64)

static_assert(COUNTS + TIME_BITS < 64 - 32, "the tag has the rest");
static_assert(HISTORY_COUNT_MAX == (1 << COUNT_BITS) - 1, "counts fit");

#define GET(p) atomic_load_explicit((p), memory_order_relaxed)

struct memory {
	uint32_t counts[HISTORY_KINDS];
	uint16_t time; /* wraps after 1024 halvings */
};

static uint64_t
tag_of(uint64_t hash)
{
	uint64_t tag = hash >> TAG_SHIFT;

	return (tag != 0 ? tag : 1) << TAG_SHIFT;
}

static uint16_t
time_of(int64_t now_s)
{
	return (uint16_t)(now_s / UNIT_S);
}

static void
halve(struct memory *m, unsigned int times)
{
	size_t i;

	for (i = 0; i < HISTORY_KINDS; i++)
		m->counts[i] = times < COUNT_BITS ? m->counts[i] >> times : 0;
}

/* As it is by now. */
static struct memory
unpack(uint64_t word, uint16_t now)
{
	struct memory m = {.time = (uint16_t)(word >> COUNTS)};
	size_t i;

	for (i = 0; i < HISTORY_KINDS; i++)
		m.counts[i] = word >> (i * COUNT_BITS) & HISTORY_COUNT_MAX;
	halve(&m, (uint16_t)(now - m.time) / (HISTORY_HALF_S / UNIT_S));
	return m;
}

static uint64_t
pack(uint64_t tag, const struct memory *m)
{
	uint64_t word = tag | (uint64_t)m->time << COUNTS;
	size_t i;

	for (i = 0; i < HISTORY_KINDS; i++)
		word |= (uint64_t)m->counts[i] << (i * COUNT_BITS);
	return word;
}

static uint32_t
first_of_set(uint64_t hash)
{
	return (uint32_t)(hash % HISTORY_SETS) * HISTORY_WAYS;
}

static bool
is_tags(uint64_t word, uint64_t tag)
{
	return word >> TAG_SHIFT == tag >> TAG_SHIFT;
}

/* Its place, or the one that it may take. */
static uint32_t
place_for(const struct history *h, uint64_t hash, uint16_t now)
{
	uint32_t i, first = first_of_set(hash), oldest = first;
	uint64_t word, tag = tag_of(hash);
	uint32_t age, most = 0;

	for (i = first; i < first + HISTORY_WAYS; i++) {
		word = GET(&h->words[i]);
		if (is_tags(word, tag))
			return i;
		age = word == 0 ? UINT32_MAX
				: (uint16_t)(now - (uint16_t)(word >> COUNTS));
		if (age > most) {
			most = age;
			oldest = i;
		}
	}
	return oldest;
}

uint64_t
history_hash(
    const struct history *h, uint64_t user, const char *host, uint16_t port)
{
	uint8_t key[HISTORY_KEY_LEN];
	uint64_t hash;
	size_t i;

	/* Who and which port go into the key, so that nothing is copied. */
	memcpy(key, h->key, sizeof(key));
	for (i = 0; i < sizeof(user); i++)
		key[i] ^= (uint8_t)(user >> (8 * i));
	key[8] ^= (uint8_t)port;
	key[9] ^= (uint8_t)(port >> 8);
	crypto_shorthash(
	    (uint8_t *)&hash, (const uint8_t *)host, strlen(host), key);
	return hash;
}

void
history_add(struct history *h, uint64_t hash, uint32_t kind, int64_t now_s)
{
	uint64_t tag = tag_of(hash), word, next;
	uint16_t now = time_of(now_s);
	_Atomic uint64_t *place = &h->words[place_for(h, hash, now)];
	struct memory m;

	if (kind >= HISTORY_KINDS)
		return;
	word = GET(place);
	do {
		m = is_tags(word, tag) ? unpack(word, now) : (struct memory){0};
		if (m.counts[kind] == HISTORY_COUNT_MAX)
			halve(&m, 1);
		m.counts[kind]++;
		m.time = now;
		next = pack(tag, &m);
	} while (!atomic_compare_exchange_weak_explicit(
	    place, &word, next, memory_order_relaxed, memory_order_relaxed));
}

int
history_expect(const struct history *h, uint64_t hash, int64_t now_s)
{
	uint32_t i, best = 0, all = 0;
	uint16_t now = time_of(now_s);
	struct memory m;
	uint64_t word = GET(&h->words[place_for(h, hash, now)]);

	if (!is_tags(word, tag_of(hash)))
		return -1;
	m = unpack(word, now);
	for (i = 0; i < HISTORY_KINDS; i++) {
		all += m.counts[i];
		if (m.counts[i] > m.counts[best])
			best = i;
	}
	if (m.counts[best] < HISTORY_ENOUGH || m.counts[best] * 4 < all * 3)
		return -1;
	return (int)best;
}
