#ifndef POLICYD_PAGE_API_H
#define POLICYD_PAGE_API_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/page/page_http.h"

/*
 * The JSON API over the store; cagent-policyd-api(7) describes every field.
 * Each answer is from one moment of the store, or from the one half a second
 * before.
 */
#define PAGE_API_READ_US INT64_C(1000000) /* an answer's reading, at most */

struct page_api;

/* silent_s: an agent that has said nothing for that long is silent. */
int page_api_new(const char *store_path, int64_t silent_s, struct page_api **);
void page_api_free(struct page_api *); /* NULL allowed */

/* What the ranker says of itself: it runs, and can it write? */
struct page_state {
	bool running, read_only;
	char why[256]; /* it cannot */
};
void page_api_state(struct page_api *, const struct page_state *);

/* The answer to a target under PAGE_HTTP_API. */
void page_api_answer(
    struct page_api *, const char *target, struct page_answer *);

#endif
