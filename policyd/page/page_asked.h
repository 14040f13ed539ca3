#ifndef POLICYD_PAGE_ASKED_H
#define POLICYD_PAGE_ASKED_H

#include <stdbool.h>

#include <jansson.h>

#include "policyd/page/page_api.h"
#include "policyd/page/page_query.h"
#include "policyd/store/store_read.h"

/*
 * What page_api.c and the answers of the API share.  An answer adds its fields
 * to doc, and returns 0, a negative errno of store_read.h, -ENOMEM, or
 * PAGE_ASKED_NONE: what was asked for is not there.
 */
#define PAGE_ASKED_NONE 1

struct page_asked {
	struct store_reader *reader; /* within its begin and end */
	const struct page_query *query;
	int64_t now_s, silent_s;
};

int page_asked_groups(const struct page_asked *, json_t *doc);
int page_asked_series(const struct page_asked *, json_t *doc);
int page_asked_agents(const struct page_asked *, json_t *doc);
int page_asked_events(const struct page_asked *, json_t *doc);
int page_asked_overrides(const struct page_asked *, json_t *doc);
int page_asked_policies(const struct page_asked *, json_t *doc);

/* --- what several of them need --- */

/* Takes value, NULL for no memory; arrays and objects alike.  False: no
 * memory. */
bool page_asked_set(json_t *object, const char *key, json_t *value);
bool page_asked_add(json_t *array, json_t *value);
/* A string as it is, or with what is not UTF-8 replaced. */
json_t *page_asked_text(const char *);
json_t *page_asked_mark(const struct store_mark *);

/* What was published and is kept. */
struct page_marks {
	struct store_mark *all; /* owned */
	size_t n;
	bool failed; /* no memory */
};
int page_marks_read(struct store_reader *, struct page_marks *);
void page_marks_free(struct page_marks *);
/* The highest for that group, be it for all or for the group alone; NULL. */
const struct store_mark *page_marks_find(
    const struct page_marks *, enum envelope_type, const char *group);
/* That very one of those for the group, or NULL. */
const struct store_mark *page_marks_exact(const struct page_marks *,
    enum envelope_type, const char *group, const struct manage_mark *);

/* What is wrong with an agent, as bits. */
enum page_trouble {
	PAGE_TROUBLE_SILENT = 1,
	PAGE_TROUBLE_BEHIND = 2, /* has another policy than is in force */
	PAGE_TROUBLE_REFUSED = 4 /* its last answer to a message was no */
};
uint32_t page_trouble(const struct page_asked *, const struct page_marks *,
    const struct store_agent *);

#endif
