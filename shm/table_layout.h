#ifndef SHM_TABLE_LAYOUT_H
#define SHM_TABLE_LAYOUT_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/table.h"

/*
 * The mapped file, private to shm/table*.c and its tests.  All of it is
 * 64-bit words, so that every access to shared memory is one atomic access; a
 * slot holds the words of a struct table behind their checksum.
 */
#define TABLE_HEAD_WORDS 8
#define TABLE_WORDS	 (sizeof(struct table) / 8)

static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && sizeof(_Atomic uint64_t) == 8,
    "words without locks");
static_assert(sizeof(struct table) % 8 == 0 &&
		  sizeof(struct table_row) % 8 == 0 &&
		  sizeof(struct table_tier) % 8 == 0 &&
		  offsetof(struct table, tiers) % 8 == 0 &&
		  offsetof(struct table, rows) % 8 == 0,
    "a table is made of whole words");
static_assert(offsetof(struct table, tiers) == 48 &&
		  sizeof(struct table_tier) == 72 &&
		  sizeof(struct table_row) == 632,
    "a change here is a new TABLE_LAYOUT");

struct table_slot {
	_Atomic uint64_t sum; /* of the words that were written */
	_Atomic uint64_t words[TABLE_WORDS];
};

/* pub has a cache line of its own: it is read at every request. */
struct table_map {
	_Atomic uint64_t head[TABLE_HEAD_WORDS];
	_Atomic uint64_t pub; /* generation << 1 | slot; stored by the writer */
	_Atomic uint64_t pad[7];
	struct table_slot slots[2];
};

struct table_writer {
	struct table_map *map; /* owned */
};

struct table_reader {
	struct table_map *map; /* owned, read-only */
	uint64_t seen;	       /* pub at the last table_read() */
	uint64_t words[TABLE_WORDS];
};

/* A run of words in a slot. */
struct table_span {
	size_t first, n;
};

/* What stands in the head of a file of our layout. */
void table_head(uint64_t head[static TABLE_HEAD_WORDS]);

/* Map fd; 0, -errno, or -EPROTO when size or head are not ours. */
int table_map(struct table_map **, int fd, bool writable);
void table_unmap(struct table_map *);

/* The three runs that a publication with these counts consists of. */
void table_spans(
    struct table_span spans[static 3], uint32_t tiers_n, uint32_t rows_n);

/*
 * One step of the checksum.  It is a bijection of sum for a given word and of
 * word for a given sum, so no change of a single word escapes.
 */
static inline uint64_t
table_sum(uint64_t sum, uint64_t word)
{
	sum = (sum ^ word) * 0x100000001b3ull; /* FNV-1a's prime */
	return sum ^ sum >> 32;
}

#define TABLE_SUM_INIT 0xcbf29ce484222325ull

/*
 * Copy the newest publication into words: all of one, whatever the writer
 * does meanwhile.  Returns its pub, 0 when there is none.  *intact: checksum,
 * counts and generation are right.  On its own so that a test can judge the
 * protocol by the words alone, whatever the checksum says.
 */
uint64_t table_copy(
    const struct table_map *, uint64_t words[static TABLE_WORDS], bool *intact);

#endif
