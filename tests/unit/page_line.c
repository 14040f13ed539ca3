/* How a line is thinned out: what it may leave out, and what never. */
#include <stdbool.h>
#include <stdlib.h>

#include "policyd/page/page_line.h"
#include "tests/unit/unit.h"

#define NONE PAGE_LINE_NONE
#define N(a) (sizeof(a) / sizeof(*(a)))

static struct page_line line; /* of some KB */

static void
draw(enum page_line_kind kind, int64_t until_s, const struct page_point *in,
    size_t n)
{
	size_t i;

	page_line_init(&line, kind, 1000, until_s);
	for (i = 0; i < n; i++)
		page_line_add(&line, in[i].at_s, in[i].value);
	page_line_end(&line);
}

static void
expect(const struct page_point *want, size_t n)
{
	size_t i;

	CHECK_INT(line.n, n);
	for (i = 0; i < n && i < line.n; i++) {
		CHECK(line.points[i].at_s == want[i].at_s &&
			  line.points[i].value == want[i].value,
		    "point %zu: %lld at %lld", i,
		    (long long)line.points[i].value,
		    (long long)line.points[i].at_s);
	}
}

#define DRAW(kind, until, ...)                                      \
	draw(kind, until, (const struct page_point[]){__VA_ARGS__}, \
	    sizeof((const struct page_point[]){__VA_ARGS__}) /      \
		sizeof(struct page_point))
#define EXPECT(...)                                            \
	expect((const struct page_point[]){__VA_ARGS__},       \
	    sizeof((const struct page_point[]){__VA_ARGS__}) / \
		sizeof(struct page_point))

static void
keeps_changes(void)
{
	DRAW(PAGE_LINE_WORST, 1100, {900, 1}, {1010, 1}, {1020, 2}, {1030, 2},
	    {1040, NONE}, {1050, 1});
	EXPECT({1000, 1}, {1020, 2}, {1040, NONE}, {1050, 1});
	DRAW(PAGE_LINE_MEAN, 1100, {1000, 5}, {1010, 7}, {1020, NONE},
	    {1030, NONE}, {1040, 3});
	EXPECT({1000, 5}, {1010, 7}, {1020, NONE}, {1040, 3});
}

static void
begins_with_none(void)
{
	DRAW(PAGE_LINE_WORST, 1100, {1000, NONE}, {1010, 2});
	EXPECT({1010, 2});
	page_line_init(&line, PAGE_LINE_MEAN, 1000, 1100);
	page_line_end(&line);
	CHECK_INT(line.n, 0);
}

/* All of it is one step: what is worst is seen, and where it ended. */
static void
worst_is_seen(void)
{
	int64_t until_s = 1000 + 249999;

	page_line_init(&line, PAGE_LINE_WORST, 1000, until_s);
	CHECK_INT(line.step_s, 1000);
	DRAW(PAGE_LINE_WORST, until_s, {1000, 1}, {1100, 3}, {1200, 1},
	    {1300, 2}, {5000, 1}, {5100, NONE}, {5101, 7}, {5102, 1});
	EXPECT({1100, 3}, {1300, 2}, {5100, NONE}, {5102, 1});
	/* A dip of one second among a month of rows. */
	page_line_init(&line, PAGE_LINE_WORST, 0, 30 * 86400);
	for (int64_t s = 0; s < 30 * 86400; s += 60)
		page_line_add(&line, s, s == 86400 * 17 ? 2 : 1);
	page_line_end(&line);
	EXPECT({0, 1}, {86400 * 17, 2}, {1472340, 1});
}

static void
mean_is_taken(void)
{
	DRAW(PAGE_LINE_MEAN, 1000 + 499999, {1000, 10}, {1100, 20},
	    {1200, NONE}, {1999, 60}, {2000, NONE}, {2500, NONE});
	EXPECT({1000, 30}, {2000, NONE});
}

/* Whatever comes, in whatever order, it stays within its bounds. */
static void
is_bounded(void)
{
	enum page_line_kind kind;
	int64_t s;
	uint32_t i;

	for (kind = PAGE_LINE_WORST; kind <= PAGE_LINE_MEAN; kind++) {
		page_line_init(&line, kind, 1000, 1000 + 86400);
		for (s = 0; s < 200000; s++)
			page_line_add(&line, s, s % 3 == 0 ? NONE : s % 7);
		for (s = 90000; s > 0; s--)
			page_line_add(&line, s, s % 5);
		page_line_end(&line);
		CHECK(line.n > 100 && line.n <= PAGE_LINE_MAX, "%u", line.n);
		for (i = 0; i < line.n; i++)
			CHECK(line.points[i].at_s >= 1000 &&
				  line.points[i].at_s <= 87400,
			    "point %u at %lld", i,
			    (long long)line.points[i].at_s);
	}
}

/* Alternating all the time: the most points there can be. */
static void
most_points(void)
{
	int64_t s;

	page_line_init(&line, PAGE_LINE_WORST, 0, 86400);
	for (s = 0; s <= 86400; s++)
		page_line_add(&line, s, s % 2 == 0 ? 2 : 1);
	page_line_end(&line);
	CHECK(line.n <= PAGE_LINE_MAX, "%u points", line.n);
	CHECK(line.n > PAGE_LINE_MAX / 3, "%u points", line.n);
	CHECK(line.points[line.n - 1].at_s > 86000, "it ends at %lld",
	    (long long)line.points[line.n - 1].at_s);
}

static void
no_time_at_all(void)
{
	DRAW(PAGE_LINE_WORST, 1000, {900, 1}, {1000, 2}, {1100, 1});
	EXPECT({1000, 2}, {1000, 1});
	DRAW(PAGE_LINE_MEAN, 10, {900, 4}, {1000, 2});
	EXPECT({1000, 3});
}

static const struct unit_case cases[] = {
    {"keeps every change where there is room", keeps_changes},
    {"begins when something is known", begins_with_none},
    {"the worst of a step is seen", worst_is_seen},
    {"the mean of a step", mean_is_taken},
    {"any rows in any order", is_bounded},
    {"as many points as there can be", most_points},
    {"a line of no length", no_time_at_all},
};
UNIT_MAIN("page_line", cases)
