#ifndef TESTS_TABLE_PATTERN_H
#define TESTS_TABLE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "shm/table.h"

/*
 * Tables in which every byte but published_us follows from the generation, so
 * that a reader can tell by the content alone that it holds one publication
 * and not parts of two.
 */
struct pattern {
	uint64_t generation; /* that want was made for; 0: none yet */
	struct table want;
};

static inline uint64_t
pattern_word(uint64_t generation, uint64_t i)
{
	uint64_t w = generation * 0x9e3779b97f4a7c15ull + i;

	w = (w ^ w >> 32) * 0xd6e8feb86659fd93ull;
	return w ^ w >> 32;
}

/* The counts vary, too, and now and then the table is a long one. */
static inline void
pattern_fill(struct table *t, uint64_t generation)
{
	unsigned char *bytes = (unsigned char *)t;
	uint64_t i, word;
	size_t end;

	t->tiers_n = (uint32_t)(generation % 3);
	t->rows_n = generation % 64 == 0 ? 40 : (uint32_t)(generation % 4);
	t->conf_serial = pattern_word(generation, 0);
	t->control_pid = (uint32_t)pattern_word(generation, 1);
	t->control_sandbox = (uint32_t)pattern_word(generation, 2);
	end = offsetof(struct table, tiers) + t->tiers_n * sizeof(*t->tiers);
	for (i = offsetof(struct table, tiers); i < end; i += 8) {
		word = pattern_word(generation, i);
		memcpy(bytes + i, &word, 8);
	}
	end = offsetof(struct table, rows) + t->rows_n * sizeof(*t->rows);
	for (i = offsetof(struct table, rows); i < end; i += 8) {
		word = pattern_word(generation, i);
		memcpy(bytes + i, &word, 8);
	}
	/* As table_read() leaves them. */
	for (i = 0; i < t->tiers_n; i++)
		t->tiers[i].name[TABLE_NAME_MAX] = '\0';
	for (i = 0; i < t->rows_n; i++) {
		t->rows[i].name[TABLE_NAME_MAX] = '\0';
		t->rows[i].host[TABLE_HOST_MAX] = '\0';
		t->rows[i].reason[TABLE_REASON_MAX] = '\0';
	}
}

/* got: a struct table, or its words.  Is it the pattern of its generation? */
static inline bool
pattern_same(struct pattern *p, const void *got)
{
	const unsigned char *bytes = got;
	struct table *want = &p->want;
	uint64_t generation;

	memcpy(&generation, bytes + offsetof(struct table, generation), 8);
	if (generation != p->generation) {
		pattern_fill(want, generation);
		want->generation = generation;
		p->generation = generation;
	}
	memcpy(&want->published_us,
	    bytes + offsetof(struct table, published_us), 8);
	return memcmp(bytes, want, offsetof(struct table, tiers)) == 0 &&
	       memcmp(bytes + offsetof(struct table, tiers), want->tiers,
		   want->tiers_n * sizeof(*want->tiers)) == 0 &&
	       memcmp(bytes + offsetof(struct table, rows), want->rows,
		   want->rows_n * sizeof(*want->rows)) == 0;
}

#endif
