#ifndef POLICYD_PAGE_ASSETS_H
#define POLICYD_PAGE_ASSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The page's files, which are part of the program. */
struct page_asset {
	const char *type; /* its media type */
	const uint8_t *data;
	size_t len;
};

/* By the path of a request, len bytes: false if there is none. */
bool page_assets_find(const char *path, size_t len, struct page_asset *);

/* Its entity tag, with the quotes. */
#define PAGE_ASSETS_TAG_LEN 19
void page_assets_tag(const struct page_asset *, char out[PAGE_ASSETS_TAG_LEN]);

#endif
