/* Owns publishing into the tier table; there is one writer at a time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shm/table_layout.h"

int
table_writer_open(struct table_writer **out, int fd)
{
	struct table_writer *w;
	int r;

	*out = NULL;
	w = malloc(sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	r = table_map(&w->map, fd, true);
	if (r < 0) {
		free(w);
		return r;
	}
	*out = w;
	return 0;
}

void
table_writer_close(struct table_writer *w)
{
	if (w == NULL)
		return;
	table_unmap(w->map);
	free(w);
}

static int64_t
wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static uint64_t
span_store(struct table_slot *slot, const struct table *t,
    struct table_span span, uint64_t sum)
{
	const unsigned char *from = (const unsigned char *)t + span.first * 8;
	_Atomic uint64_t *to = slot->words + span.first;
	uint64_t word;
	size_t i;

	for (i = 0; i < span.n; i++) {
		memcpy(&word, from + i * 8, 8);
		atomic_store_explicit(&to[i], word, memory_order_relaxed);
		sum = table_sum(sum, word);
	}
	return sum;
}

void
table_publish(struct table_writer *w, struct table *t)
{
	uint64_t pub, sum = TABLE_SUM_INIT;
	struct table_span spans[3];
	struct table_slot *slot;
	unsigned int i;

	assert(t->rows_n <= TABLE_ROWS_MAX && t->tiers_n <= TABLE_TIERS_MAX);
	pub = atomic_load_explicit(&w->map->pub, memory_order_relaxed);
	t->generation = (pub >> 1) + 1;
	t->published_us = wall_us();
	slot = &w->map->slots[t->generation & 1];
	table_spans(spans, t->tiers_n, t->rows_n);
	/*
	 * Somebody may still be reading the generation before the present one
	 * in this slot.  With this fence, whoever sees one of the words below
	 * also sees that pub has moved on since.
	 */
	atomic_thread_fence(memory_order_release);
	for (i = 0; i < 3; i++)
		sum = span_store(slot, t, spans[i], sum);
	atomic_store_explicit(&slot->sum, sum, memory_order_relaxed);
	atomic_store_explicit(&w->map->pub,
	    t->generation << 1 | (t->generation & 1), memory_order_release);
}
