/* The list of benchmarks and the table that they make. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/integ/rig.h"

#define DEADLINE_S 600
#define LINE_MAX_  120
#define LINES_MAX  64

struct board {
	unsigned int n;
	char lines[LINES_MAX][LINE_MAX_];
};
_Static_assert(sizeof(struct board) <= RIG_SHARED_LEN, "all is shared");

bool
bench_is_short(void)
{
	const char *form = getenv("BENCH_FORM");

	return form != NULL && strcmp(form, "short") == 0;
}

void
bench_row(const char *what, double value, const char *unit, double ratio,
    const char *of)
{
	struct board *b = rig_shared();
	char times[64] = "";

	REQUIRE(b->n < LINES_MAX, "more rows than the table has");
	if (ratio > 0)
		snprintf(times, sizeof(times), "%6.2f x %s", ratio, of);
	snprintf(b->lines[b->n++], LINE_MAX_, "%-44s %12.1f %-10s %s", what,
	    value, unit, times);
}

void
bench_report(void)
{
	const struct board *b = rig_shared();
	unsigned int i;

	for (i = 0; i < b->n; i++)
		printf("  | %s\n", b->lines[i]);
}

double
bench_cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static const struct rig_case cases[] = {
    {"growth", bench_growth, DEADLINE_S, 0},
    {"verify", bench_verify, DEADLINE_S, 0},
    {"insert", bench_insert, DEADLINE_S, 0},
    {"reports", bench_reports, DEADLINE_S, 0},
    {"push", bench_push, DEADLINE_S, 0},
};

RIG_MAIN("bench", cases, bench_report)
