#ifndef POLICYD_NTH_H
#define POLICYD_NTH_H

#include <stddef.h>

/*
 * Reorder the n items so that the one at index at is what sorting would put
 * there, in linear time as a rule.  compare() as qsort(3)'s; size is at most
 * NTH_SIZE_MAX; at < n.
 */
#define NTH_SIZE_MAX 64
void nth_select(void *items, size_t n, size_t size, size_t at,
    int (*compare)(const void *, const void *));

#endif
