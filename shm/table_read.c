/* Owns reading the tier table: private copies; never writes shared memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/table_layout.h"

int
table_reader_open(struct table_reader **out, int fd)
{
	struct table_reader *r;
	int rc;

	*out = NULL;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return -ENOMEM;
	rc = table_map(&r->map, fd, false);
	if (rc < 0) {
		free(r);
		return rc;
	}
	*out = r;
	return 0;
}

void
table_reader_close(struct table_reader *r)
{
	if (r == NULL)
		return;
	table_unmap(r->map);
	free(r);
}

bool
table_changed(const struct table_reader *r)
{
	return atomic_load_explicit(&r->map->pub, memory_order_relaxed) !=
	       r->seen;
}

static uint64_t
span_load(const struct table_slot *slot, uint64_t *words,
    struct table_span span, uint64_t sum)
{
	size_t i;

	for (i = span.first; i < span.first + span.n; i++) {
		words[i] =
		    atomic_load_explicit(&slot->words[i], memory_order_relaxed);
		sum = table_sum(sum, words[i]);
	}
	return sum;
}

/* One try at the slot of pub; is what was copied a table, if it is whole? */
static bool
slot_copy(const struct table_map *m, uint64_t pub, uint64_t *words)
{
	const struct table_slot *slot = &m->slots[pub & 1];
	uint32_t tiers_n, rows_n;
	struct table_span spans[3];
	uint64_t sum;
	const unsigned char *head = (const unsigned char *)words;

	table_spans(spans, 0, 0);
	sum = span_load(slot, words, spans[0], TABLE_SUM_INIT);
	memcpy(&tiers_n, head + offsetof(struct table, tiers_n), 4);
	memcpy(&rows_n, head + offsetof(struct table, rows_n), 4);
	if (tiers_n > TABLE_TIERS_MAX || rows_n > TABLE_ROWS_MAX)
		return false;
	table_spans(spans, tiers_n, rows_n);
	sum = span_load(slot, words, spans[1], sum);
	sum = span_load(slot, words, spans[2], sum);
	return sum == atomic_load_explicit(&slot->sum, memory_order_relaxed) &&
	       words[offsetof(struct table, generation) / 8] == pub >> 1 &&
	       (pub >> 1 & 1) == (pub & 1);
}

/*
 * Starting over takes a publication that completed meanwhile, so a dead
 * writer cannot hold a reader here.
 */
uint64_t
table_copy(
    const struct table_map *m, uint64_t words[static TABLE_WORDS], bool *intact)
{
	uint64_t pub;

	do {
		pub = atomic_load_explicit(&m->pub, memory_order_acquire);
		*intact = pub == 0 || slot_copy(m, pub, words);
		atomic_thread_fence(memory_order_acquire);
	} while (atomic_load_explicit(&m->pub, memory_order_relaxed) != pub);
	return pub;
}

static void
names_terminate(struct table *t)
{
	uint32_t i;

	for (i = 0; i < t->tiers_n; i++)
		t->tiers[i].name[TABLE_NAME_MAX] = '\0';
	for (i = 0; i < t->rows_n; i++) {
		t->rows[i].name[TABLE_NAME_MAX] = '\0';
		t->rows[i].host[TABLE_HOST_MAX] = '\0';
		t->rows[i].reason[TABLE_REASON_MAX] = '\0';
	}
}

int
table_read(struct table_reader *r, struct table *out)
{
	struct table_span spans[3];
	bool intact;

	r->seen = table_copy(r->map, r->words, &intact);
	if (r->seen == 0)
		return 0;
	if (!intact)
		return -EPROTO;
	memcpy(out, r->words, offsetof(struct table, tiers));
	table_spans(spans, out->tiers_n, out->rows_n);
	memcpy(out->tiers, r->words + spans[1].first, spans[1].n * 8);
	memcpy(out->rows, r->words + spans[2].first, spans[2].n * 8);
	names_terminate(out);
	return 1;
}
