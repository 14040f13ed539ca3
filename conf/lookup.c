/* Owns a table of keys and the numbers of each; knows not what they mean. */
#include "conf/lookup.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 16

struct key {
	uint64_t hash;
	uint32_t at; /* in bytes[] */
	uint16_t len;
	uint8_t kind;
	uint32_t first, n; /* in ids[], once sealed */
	uint32_t last;	   /* the number given last */
};

struct entry {
	uint32_t key, id;
};

struct lookup {
	struct key *keys;
	size_t keys_n, keys_cap;
	char *bytes;
	size_t bytes_n, bytes_cap;
	struct entry *entries; /* until it is sealed */
	size_t entries_n, entries_cap;
	uint32_t *buckets; /* 1 + index in keys; a power of two, half empty */
	size_t buckets_n;
	uint32_t *ids;
	bool failed;
};

struct lookup *
lookup_new(void)
{
	struct lookup *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->buckets = calloc(BUCKETS_MIN, sizeof(*l->buckets));
	if (l->buckets == NULL) {
		free(l);
		return NULL;
	}
	l->buckets_n = BUCKETS_MIN;
	return l;
}

void
lookup_free(struct lookup *l)
{
	if (l == NULL)
		return;
	free(l->keys);
	free(l->bytes);
	free(l->entries);
	free(l->buckets);
	free(l->ids);
	free(l);
}

static uint64_t
mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

/* Eight bytes at a time. */
static uint64_t
hash_of(uint8_t kind, const void *key, size_t len)
{
	const char *p = key;
	uint64_t h = mix(kind, len), word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = mix(h, word);
	}
	word = 0;
	memcpy(&word, p, len);
	return mix(h, word);
}

/* The bucket that it is in, or the empty one that it would be in. */
static uint32_t *
bucket(const struct lookup *l, uint64_t hash, uint8_t kind, const void *key,
    size_t len)
{
	size_t i = hash & (l->buckets_n - 1);
	const struct key *k;

	for (; l->buckets[i] != 0; i = (i + 1) & (l->buckets_n - 1)) {
		k = &l->keys[l->buckets[i] - 1];
		if (k->hash == hash && k->kind == kind && k->len == len &&
		    memcmp(l->bytes + k->at, key, len) == 0)
			break;
	}
	return &l->buckets[i];
}

static bool
grow(void *array, size_t *cap, size_t need, size_t size)
{
	size_t n = *cap == 0 ? 64 : *cap;
	void *old, *p;

	memcpy(&old, array, sizeof(old));
	while (n < need)
		n *= 2;
	if (n == *cap)
		return true;
	p = reallocarray(old, n, size);
	if (p == NULL)
		return false;
	memcpy(array, &p, sizeof(p));
	*cap = n;
	return true;
}

static bool
grow_buckets(struct lookup *l)
{
	size_t n = l->buckets_n * 2, i, at;
	uint32_t *p;

	if ((l->keys_n + 1) * 2 <= l->buckets_n)
		return true;
	p = calloc(n, sizeof(*p));
	if (p == NULL)
		return false;
	for (i = 0; i < l->keys_n; i++) {
		at = l->keys[i].hash & (n - 1);
		while (p[at] != 0)
			at = (at + 1) & (n - 1);
		p[at] = (uint32_t)i + 1;
	}
	free(l->buckets);
	l->buckets = p;
	l->buckets_n = n;
	return true;
}

/* Its index, or -1 when there is no memory for it. */
static int64_t
key_of(struct lookup *l, uint8_t kind, const void *key, size_t len)
{
	uint64_t hash = hash_of(kind, key, len);
	uint32_t *b = bucket(l, hash, kind, key, len);

	if (*b != 0)
		return *b - 1;
	if (len > LOOKUP_KEY_MAX || l->bytes_n + len > UINT32_MAX ||
	    !grow_buckets(l) ||
	    !grow(&l->keys, &l->keys_cap, l->keys_n + 1, sizeof(*l->keys)) ||
	    !grow(&l->bytes, &l->bytes_cap, l->bytes_n + len, 1))
		return -1;
	l->keys[l->keys_n] = (struct key){.hash = hash,
	    .at = (uint32_t)l->bytes_n,
	    .len = (uint16_t)len,
	    .kind = kind};
	memcpy(l->bytes + l->bytes_n, key, len);
	l->bytes_n += len;
	*bucket(l, hash, kind, key, len) = (uint32_t)++l->keys_n;
	return (int64_t)l->keys_n - 1;
}

void
lookup_add(
    struct lookup *l, uint8_t kind, const void *key, size_t len, uint32_t id)
{
	int64_t i = l->failed ? -1 : key_of(l, kind, key, len);
	struct key *k;

	if (i < 0 || !grow(&l->entries, &l->entries_cap, l->entries_n + 1,
			 sizeof(*l->entries))) {
		l->failed = true;
		return;
	}
	k = &l->keys[i];
	if (k->n > 0 && k->last == id)
		return;
	k->last = id;
	k->n++;
	l->entries[l->entries_n++] = (struct entry){(uint32_t)i, id};
}

uint32_t
lookup_count(const struct lookup *l, uint8_t kind, const void *key, size_t len)
{
	uint32_t b = *bucket(l, hash_of(kind, key, len), kind, key, len);

	return b != 0 ? l->keys[b - 1].n : 0;
}

int
lookup_seal(struct lookup *l)
{
	uint32_t at = 0;
	struct key *k;
	size_t i;

	if (!l->failed)
		l->ids = calloc(l->entries_n + 1, sizeof(*l->ids));
	if (l->ids == NULL)
		return -ENOMEM;
	for (i = 0; i < l->keys_n; i++) {
		l->keys[i].first = at;
		at += l->keys[i].n;
		l->keys[i].n = 0;
	}
	for (i = 0; i < l->entries_n; i++) {
		k = &l->keys[l->entries[i].key];
		l->ids[k->first + k->n++] = l->entries[i].id;
	}
	free(l->entries);
	l->entries = NULL;
	l->entries_n = l->entries_cap = 0;
	return 0;
}

struct lookup_ids
lookup_find(const struct lookup *l, uint8_t kind, const void *key, size_t len)
{
	uint32_t b = *bucket(l, hash_of(kind, key, len), kind, key, len);
	const struct key *k;

	if (b == 0)
		return (struct lookup_ids){NULL, 0};
	k = &l->keys[b - 1];
	return (struct lookup_ids){l->ids + k->first, k->n};
}
