#ifndef POLICYD_PAGE_QUERY_H
#define POLICYD_PAGE_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/manage.h"

/*
 * What follows the '?' of a request's target: parameters that are told by a
 * bit each.  Pure.  Names are those of agents, groups and intermediaries;
 * what is unknown, repeated, empty or not spelled as it must be is refused.
 */
#define PAGE_QUERY_WHY_MAX   160
#define PAGE_QUERY_LIMIT_MAX 1000
/* The farthest back that since may reach, in seconds: ten years. */
#define PAGE_QUERY_AGO_MAX (INT64_C(10) * 366 * 86400)

enum page_query_bit {
	PAGE_QUERY_GROUP = 1 << 0,   /* group=NAME */
	PAGE_QUERY_NAME = 1 << 1,    /* name=NAME */
	PAGE_QUERY_AFTER = 1 << 2,   /* after=NAME: of a list, what follows */
	PAGE_QUERY_SINCE = 1 << 3,   /* since=SECONDS since 1970, or
					since=-SECONDS before now */
	PAGE_QUERY_BEFORE = 1 << 4,  /* before=ID: of a list, what is older */
	PAGE_QUERY_LIMIT = 1 << 5,   /* limit=1..PAGE_QUERY_LIMIT_MAX */
	PAGE_QUERY_TROUBLE = 1 << 6, /* trouble=0 or 1 */
};

/* Zero is what was not given. */
struct page_query {
	uint32_t given; /* of page_query_bit */
	char group[MANAGE_NAME_MAX + 1];
	char name[MANAGE_NAME_MAX + 1];
	char after[MANAGE_NAME_MAX + 1];
	int64_t since_s; /* 0..now_s, absolute */
	int64_t before;	 /* > 0 */
	int64_t limit;
	bool trouble;
};

/*
 * text: what follows the '?', or "" for none.  allowed, required: bits.
 * 0, or -EINVAL with why, printable, that quotes nothing that was sent.
 */
struct page_query_rules {
	uint32_t allowed, required;
};
int page_query_parse(const char *text, const struct page_query_rules *,
    int64_t now_s, struct page_query *, char why[PAGE_QUERY_WHY_MAX]);

#endif
