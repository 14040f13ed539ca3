/* Finds the n-th of some items without sorting all of them. */
#include "policyd/decide/nth.h"

#include <sys/types.h>

#include <assert.h>
#include <stdint.h>
#include <string.h>

struct nth {
	uint8_t *items;
	size_t size;
	int (*compare)(const void *, const void *);
};

static uint8_t *
item(const struct nth *s, ssize_t i)
{
	return s->items + (size_t)i * s->size;
}

static void
swap(const struct nth *s, ssize_t i, ssize_t j)
{
	uint8_t kept[NTH_SIZE_MAX];

	if (i == j)
		return;
	memcpy(kept, item(s, i), s->size);
	memcpy(item(s, i), item(s, j), s->size);
	memcpy(item(s, j), kept, s->size);
}

/* Hoare's: none from *i on is less than the pivot, none up to *j is more, and
 * what may be left between them equals it. */
static void
partition(const struct nth *s, ssize_t *i, ssize_t *j)
{
	uint8_t pivot[NTH_SIZE_MAX];

	memcpy(pivot, item(s, *i + (*j - *i) / 2), s->size);
	while (*i <= *j) {
		while (s->compare(item(s, *i), pivot) < 0)
			(*i)++;
		while (s->compare(item(s, *j), pivot) > 0)
			(*j)--;
		if (*i <= *j)
			swap(s, (*i)++, (*j)--);
	}
}

void
nth_select(void *items, size_t n, size_t size, size_t at,
    int (*compare)(const void *, const void *))
{
	const struct nth s = {items, size, compare};
	ssize_t low = 0, high = (ssize_t)n - 1, want = (ssize_t)at;
	ssize_t i, j;

	assert(at < n && size <= NTH_SIZE_MAX);
	while (low < high) {
		i = low;
		j = high;
		partition(&s, &i, &j);
		if (want <= j)
			high = j;
		else if (want >= i)
			low = i;
		else
			return;
	}
}
