/* The known word that a misspelt one is nearest to; keeps nothing. */
#include "base/conf.h"

#include <string.h>
#include <strings.h>

#define WORD_MAX 64

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool
same(char a, char b)
{
	return strncasecmp(&a, &b, 1) == 0;
}

/*
 * Optimal string alignment: insertions, deletions, substitutions and swaps
 * of neighbours.  Both words are at most WORD_MAX bytes.
 */
static size_t
distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *older = rows[0], *old = rows[1], *now = rows[2], *spare;
	size_t i, j;

	for (j = 0; j <= b_len; j++)
		old[j] = j;
	for (i = 1; i <= a_len; i++) {
		now[0] = i;
		for (j = 1; j <= b_len; j++) {
			now[j] = old[j - 1] + !same(a[i - 1], b[j - 1]);
			now[j] = least(now[j], least(old[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
			    same(a[i - 2], b[j - 1]))
				now[j] = least(now[j], older[j - 2] + 1);
		}
		spare = older;
		older = old;
		old = now;
		now = spare;
	}
	return old[b_len];
}

const char *
conf_nearest(const char *s, const char *const *words)
{
	size_t len = strlen(s), best = len / 3 + 1, d;
	const char *nearest = NULL;

	for (; len <= WORD_MAX && *words != NULL; words++) {
		if (strlen(*words) > WORD_MAX)
			continue;
		d = distance(s, len, *words, strlen(*words));
		if (d < best) {
			best = d;
			nearest = *words;
		}
	}
	return nearest;
}
