/* Owns answers that were given a moment ago. */
#include "policyd/page/page_cache.h"

#include <stdlib.h>
#include <string.h>

const struct page_cached *
page_cache_find(const struct page_cache *c, const char *target, int64_t now_us)
{
	uint32_t i;

	for (i = 0; i < PAGE_CACHE_MAX; i++) {
		const struct page_cached *e = &c->all[i];

		if (e->target != NULL && now_us - e->at_us < PAGE_CACHE_US &&
		    strcmp(e->target, target) == 0)
			return e;
	}
	return NULL;
}

static void
drop(struct page_cached *e)
{
	free(e->target);
	free(e->body);
	*e = (struct page_cached){0};
}

void
page_cache_put(
    struct page_cache *c, const char *target, const struct page_cached *new)
{
	struct page_cached *e = &c->all[c->next];

	drop(e);
	*e = *new;
	e->target = strdup(target);
	e->body = strdup(new->body);
	if (e->target == NULL || e->body == NULL) {
		drop(e);
		return;
	}
	c->next = (c->next + 1) % PAGE_CACHE_MAX;
}

void
page_cache_free(struct page_cache *c)
{
	uint32_t i;

	for (i = 0; i < PAGE_CACHE_MAX; i++)
		drop(&c->all[i]);
}
