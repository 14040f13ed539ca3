#ifndef POLICYD_PAGE_LINE_H
#define POLICYD_PAGE_LINE_H

#include <stdint.h>

/*
 * A line over time, thinned out to at most PAGE_LINE_MAX points while it is
 * read.  Pure.  A value holds until the next point, so that what says the same
 * as the point before is left out.
 */
#define PAGE_LINE_MAX  500
#define PAGE_LINE_NONE INT64_MIN /* a value: nothing, a gap */

enum page_line_kind {
	/* Of each step the highest and the last: whatever happened is seen,
	 * however short it was.  PAGE_LINE_NONE is higher than all. */
	PAGE_LINE_WORST,
	/* Of each step the mean of what is not PAGE_LINE_NONE. */
	PAGE_LINE_MEAN
};

struct page_point {
	int64_t at_s, value;
};

struct page_line {
	struct page_point points[PAGE_LINE_MAX];
	uint32_t n;
	/* Its own. */
	enum page_line_kind kind;
	int64_t since_s, until_s, step_s;
	int64_t step; /* that is being filled; -1: none */
	struct page_point first, worst, last;
	int64_t sum;
	uint32_t sum_n;
};

void page_line_init(
    struct page_line *, enum page_line_kind, int64_t since_s, int64_t until_s);
/* In the order of time; what is before or after the line's time is put to its
 * end.  value: 0..INT32_MAX or PAGE_LINE_NONE. */
void page_line_add(struct page_line *, int64_t at_s, int64_t value);
void page_line_end(struct page_line *);

#endif
