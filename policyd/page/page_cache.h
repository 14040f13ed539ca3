#ifndef POLICYD_PAGE_CACHE_H
#define POLICYD_PAGE_CACHE_H

#include <stdint.h>

/*
 * The newest answers, for a moment each: many that watch the same read the
 * store no more often than one.  Zeroed before first use.
 */
#define PAGE_CACHE_MAX 16
#define PAGE_CACHE_US  INT64_C(500000)

struct page_cache {
	struct page_cached {
		char *target; /* owned; NULL: free */
		char *body;   /* owned */
		unsigned int status;
		int64_t at_us;
	} all[PAGE_CACHE_MAX];
	uint32_t next;
};

/* NULL: there is none that is new enough. */
const struct page_cached *page_cache_find(
    const struct page_cache *, const char *target, int64_t now_us);
/* Both are copied; without memory nothing is kept. */
void page_cache_put(
    struct page_cache *, const char *target, const struct page_cached *);
void page_cache_free(struct page_cache *);

#endif
