/* policyd/ranker: differences of reports, and the windows. */
#include "policyd/ranker/ranker_window.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define SECOND INT64_C(1000000)
#define WINDOW (60 * SECOND)
#define START  (1000 * SECOND)

/* --- differences --- */

static void
test_diff(void)
{
	struct manage_row a = {.attempts = 10,
	    .successes = 8,
	    .charged = 1,
	    .bytes_up = 100,
	    .bytes_down = 1000};
	struct manage_row b = {.attempts = 15,
	    .successes = 12,
	    .charged = 2,
	    .bytes_up = 150,
	    .bytes_down = 1500};
	struct ranker_diff d;

	ranker_diff(&a, &b, &d);
	CHECK_INT(d.attempts, 5);
	CHECK_INT(d.successes, 4);
	CHECK_INT(d.charged, 1);
	CHECK_INT(d.bytes_up, 50);
	CHECK_INT(d.bytes_down, 500);
	CHECK_INT(d.handshake_p50_us, 0);
	ranker_diff(&b, &b, &d);
	CHECK_INT(d.attempts, 0);
}

static void
test_diff_wraps(void)
{
	struct manage_row a = {.attempts = UINT64_MAX - 1,
	    .successes = UINT64_MAX,
	    .bytes_up = UINT64_MAX};
	struct manage_row b = {.attempts = 8, .successes = 3, .bytes_up = 9};
	struct ranker_diff d;

	ranker_diff(&a, &b, &d);
	CHECK_INT(d.attempts, 10);
	CHECK_INT(d.successes, 4);
	CHECK_INT(d.bytes_up, 10);
}

static void
test_diff_clamps(void)
{
	struct manage_row zero = {0};
	struct manage_row lie = {
	    .attempts = 5, .successes = 9, .charged = 1u << 20};
	struct manage_row huge = {
	    .attempts = UINT64_C(1) << 62, .successes = UINT64_C(1) << 61};
	struct ranker_diff d;

	ranker_diff(&zero, &lie, &d);
	CHECK_INT(d.attempts, 5);
	CHECK_INT(d.successes, 5);
	CHECK_INT(d.charged, 5);
	ranker_diff(&zero, &huge, &d);
	CHECK_INT(d.attempts, RANKER_DIFF_MAX);
	CHECK_INT(d.successes, RANKER_DIFF_MAX);
	/* One that has gone back. */
	ranker_diff(&lie, &zero, &d);
	CHECK_INT(d.attempts, 0);
	CHECK_INT(d.successes, 0);
	CHECK_INT(d.charged, 0);
}

static void
test_p50(void)
{
	struct manage_hist before = {{0}}, now = {{0}};

	CHECK_INT(ranker_p50_us(&before, &now), 0);
	now.count[0] = 1;
	CHECK_INT(ranker_p50_us(&before, &now), 32);
	before = now;	    /* what was there before does not count */
	now.count[1] += 10; /* 64 to 79 us */
	CHECK_INT(ranker_p50_us(&before, &now), 72);
	now.count[5] += 30; /* 128 to 159 */
	CHECK_INT(ranker_p50_us(&before, &now), 144);
	now.count[MANAGE_BUCKETS - 1] += 1000;
	CHECK_INT(ranker_p50_us(&before, &now), 1 << 26);
	/* Counts wrap; one that has gone back says nothing. */
	before.count[1] = UINT32_MAX;
	now = (struct manage_hist){{0}};
	now.count[1] = 4;
	before.count[5] = 7;
	CHECK_INT(ranker_p50_us(&before, &now), 72);
}

/* --- of an agent --- */

static const struct ranker_diff five = {.attempts = 5,
    .successes = 4,
    .charged = 1,
    .handshake_p50_us = 100,
    .first_byte_p50_us = 200};

static void
test_window(void)
{
	struct ranker_window w = {0};
	struct fuse_agent a;

	CHECK(!ranker_window_sum(&w, START, WINDOW, &a), "something");
	ranker_window_add(&w, START, WINDOW, &five);
	ranker_window_add(&w, START + 20 * SECOND, WINDOW, &five);
	CHECK(
	    ranker_window_sum(&w, START + 20 * SECOND, WINDOW, &a), "nothing");
	CHECK_INT(a.attempts, 10);
	CHECK_INT(a.successes, 8);
	CHECK_INT(a.charged, 2);
	CHECK_INT(a.handshake_p50_us, 100);
	CHECK_INT(a.first_byte_p50_us, 200);
	/* To the end of the window all counts ... */
	CHECK(ranker_window_sum(&w, START + WINDOW, WINDOW, &a), "too early");
	CHECK_INT(a.attempts, 10);
	/* ... and a quarter later nothing of the first. */
	CHECK(ranker_window_sum(&w, START + WINDOW * 5 / 4, WINDOW, &a),
	    "all gone");
	CHECK_INT(a.attempts, 5);
	CHECK(!ranker_window_sum(&w, START + 3 * WINDOW, WINDOW, &a),
	    "never gone");
	CHECK_INT(a.handshake_p50_us, 0);
}

/* However many reports come, it takes no more room. */
static void
test_window_many(void)
{
	struct ranker_window w = {0};
	struct fuse_agent a;
	int i;

	for (i = 0; i < 600; i++)
		ranker_window_add(&w, START + i * SECOND, WINDOW, &five);
	CHECK(
	    ranker_window_sum(&w, START + 599 * SECOND, WINDOW, &a), "nothing");
	CHECK(a.attempts >= 60 * 5 && a.attempts <= 75 * 5,
	    "%llu attempts of a minute", (unsigned long long)a.attempts);
}

/* --- of the probes --- */

static void
add_probe(struct ranker_probes *p, int64_t at_us, bool ok, uint32_t us)
{
	ranker_probes_add(p, &(struct ranker_probe){.at_us = at_us,
				 .begun_us = at_us - 1,
				 .ok = ok,
				 .handshake_us = us,
				 .first_byte_us = 2 * us});
}

static void
test_probes(void)
{
	static struct ranker_probes p;
	struct fuse_probe s;
	int i;

	ranker_probes_sum(&p, START, WINDOW, &s);
	CHECK_INT(s.made, 0);
	CHECK_INT(s.load_percent, 100);
	for (i = 0; i < 3; i++)
		add_probe(&p, START + i, true, 100 + i);
	add_probe(&p, START + 3, false, 0);
	add_probe(&p, START + 4, false, 0);
	p.dead = true;
	ranker_probes_sum(&p, START + 9, WINDOW, &s);
	CHECK_INT(s.made, 5);
	CHECK_INT(s.passed, 3);
	CHECK_INT(s.failed_row, 2);
	CHECK_INT(s.passed_row, 0);
	CHECK_INT(s.handshake_p50_us, 101);
	CHECK_INT(s.first_byte_p50_us, 202);
	CHECK_INT(s.passed_us, START + 1);
	CHECK_INT(s.failing_us, START + 2);
	CHECK(s.was_dead, "it was dead");
	/* The row goes on, whatever the window. */
	ranker_probes_sum(&p, START + 2 * WINDOW, WINDOW, &s);
	CHECK_INT(s.made, 0);
	CHECK_INT(s.failed_row, 2);
	add_probe(&p, START + 5, true, 7);
	ranker_probes_sum(&p, START + 9, WINDOW, &s);
	CHECK_INT(s.failed_row, 0);
	CHECK_INT(s.passed_row, 1);
	CHECK_INT(s.failing_us, 0);
}

static void
test_probes_many(void)
{
	static struct ranker_probes p;
	struct fuse_probe s;
	int i;

	for (i = 0; i < 1000; i++)
		add_probe(&p, START + i, true, 50);
	ranker_probes_sum(&p, START + 1000, WINDOW, &s);
	CHECK_INT(s.made, RANKER_PROBES_MAX);
	CHECK_INT(s.passed_row, 1000);
}

static void
test_load(void)
{
	static struct ranker_probes p = {
	    .load_at_us = START, .load_percent = 40, .drain = true};
	struct fuse_probe s;

	ranker_probes_sum(&p, START + WINDOW, WINDOW, &s);
	CHECK_INT(s.load_percent, 40);
	CHECK(s.drain, "no drain");
	ranker_probes_sum(&p, START + WINDOW + 1, WINDOW, &s);
	CHECK_INT(s.load_percent, 100);
	CHECK(!s.drain, "drained for ever");
}

static const struct unit_case cases[] = {
    {"what is new in a report", test_diff},
    {"counters wrap", test_diff_wraps},
    {"what cannot be is clamped", test_diff_clamps},
    {"the median of what is new", test_p50},
    {"what is old goes", test_window},
    {"many reports in a window", test_window_many},
    {"probes: counts, rows, medians", test_probes},
    {"many probes", test_probes_many},
    {"what it said of its load gets old", test_load},
};

UNIT_MAIN("ranker_window", cases)
