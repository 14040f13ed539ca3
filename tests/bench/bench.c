/* The list of benchmarks and the table that they make. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/board.h"
#include "tests/bench/profile.h"
#include "tests/integ/rig.h"

#define DEADLINE_S 600
#define LINE_MAX_  120
#define LINES_MAX  64

struct table {
	unsigned int n;
	char lines[LINES_MAX][LINE_MAX_];
};
_Static_assert(sizeof(struct table) <= RIG_SHARED_LEN, "all is shared");

static bool
form_is(const char *word)
{
	const char *form = getenv("BENCH_FORM");

	return form != NULL && strcmp(form, word) == 0;
}

bool
bench_is_short(void)
{
	return form_is("short");
}

unsigned int
bench_count(unsigned int brief, unsigned int quick, unsigned int full)
{
	if (bench_is_short())
		return brief;
	return form_is("quick") ? quick : full;
}

void
bench_row(const char *what, double value, const char *unit, double ratio,
    const char *of)
{
	struct table *b = rig_shared();
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
	const struct table *b = rig_shared();
	const char *out = getenv("BENCH_OUT");
	unsigned int i;
	int rc;

	for (i = 0; i < b->n; i++)
		printf("  | %s\n", b->lines[i]);
	/* What a few tunnels came to says nothing of any target, nor what they
	 * came to while somebody looked. */
	if (bench_is_short() || profile_wanted())
		return;
	board_print();
	if (out != NULL) {
		rc = board_write(out);
		printf("  | %s/path.json, path.svg: %s\n", out,
		    rc == 0 ? "written" : strerror(-rc));
	}
}

bool
bench_slurp(const char *path, char *out, size_t cap)
{
	FILE *f = fopen(path, "re");
	size_t n;

	if (f == NULL)
		return false;
	n = fread(out, 1, cap - 1, f);
	out[n] = '\0';
	fclose(f);
	return n > 0;
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
    {"idle", bench_idle, DEADLINE_S, RIG_NEEDS_ROOT},
    {"calls", bench_calls, DEADLINE_S, RIG_NEEDS_ROOT},
    {"far", bench_far, DEADLINE_S, RIG_NEEDS_NETNS},
    {"link", bench_link, DEADLINE_S, RIG_NEEDS_NETNS},
    {"short", bench_short, DEADLINE_S, 0},
    {"flight", bench_flight, DEADLINE_S, 0},
    {"bulk", bench_bulk, DEADLINE_S, 0},
    {"upload", bench_upload, DEADLINE_S, 0},
};

RIG_MAIN("bench", cases, bench_report)
