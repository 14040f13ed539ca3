/* Owns how a line over time is thinned out. */
#include "policyd/page/page_line.h"

void
page_line_init(struct page_line *l, enum page_line_kind kind, int64_t since_s,
    int64_t until_s)
{
	/* One step may become two points. */
	int64_t steps =
	    kind == PAGE_LINE_WORST ? PAGE_LINE_MAX / 2 : PAGE_LINE_MAX;

	*l = (struct page_line){.kind = kind,
	    .since_s = since_s,
	    .until_s = until_s > since_s ? until_s : since_s,
	    .step = -1};
	l->step_s = (l->until_s - l->since_s) / steps + 1;
}

static void
put(struct page_line *l, int64_t at_s, int64_t value)
{
	int64_t before = l->n > 0 ? l->points[l->n - 1].value : PAGE_LINE_NONE;

	if (value == before || l->n == PAGE_LINE_MAX)
		return;
	l->points[l->n++] = (struct page_point){at_s, value};
}

static void
flush(struct page_line *l)
{
	if (l->step == -1)
		return;
	if (l->kind == PAGE_LINE_WORST) {
		put(l, l->worst.at_s, l->worst.value);
		put(l, l->last.at_s, l->last.value);
	} else {
		put(l, l->first.at_s,
		    l->sum_n > 0 ? l->sum / l->sum_n : PAGE_LINE_NONE);
	}
	l->step = -1;
}

static int
worse(int64_t a, int64_t b)
{
	if (a == PAGE_LINE_NONE || b == PAGE_LINE_NONE)
		return a == PAGE_LINE_NONE && b != PAGE_LINE_NONE;
	return a > b;
}

void
page_line_add(struct page_line *l, int64_t at_s, int64_t value)
{
	struct page_point p = {at_s, value};
	int64_t step;

	if (p.at_s < l->since_s)
		p.at_s = l->since_s;
	if (p.at_s > l->until_s)
		p.at_s = l->until_s;
	step = (p.at_s - l->since_s) / l->step_s;
	if (step != l->step) {
		flush(l);
		l->step = step;
		l->first = l->worst = p;
		l->sum = l->sum_n = 0;
	}
	if (worse(value, l->worst.value))
		l->worst = p;
	l->last = p;
	if (value != PAGE_LINE_NONE) {
		l->sum += value;
		l->sum_n++;
	}
}

void
page_line_end(struct page_line *l)
{
	flush(l);
}
