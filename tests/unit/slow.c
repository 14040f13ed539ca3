/* What the last half minute's handshakes took, and which limit follows. */
#include "cagentd/decide/slow.h"

#include <string.h>

#include "tests/unit/unit.h"

#define MONO_US 7000000000ll
#define S	1000000ll

static struct slow_window w;
static uint32_t counts[HIST_BUCKETS];

/* Some that took so long, and a look. */
static void
see(int64_t at_us, uint32_t n, int64_t took_us)
{
	counts[hist_bucket(took_us)] += n;
	slow_see(&w, 1, counts, MONO_US + at_us);
}

/* As if counts had been there for long. */
static void
begin(uint32_t before)
{
	unsigned int i;

	memset(&w, 0, sizeof(w));
	for (i = 0; i < HIST_BUCKETS; i++)
		counts[i] = before;
	see(0, 0, 0);
	CHECK_INT(slow_p95_us(&w, 1), 0);
}

static void
near(int64_t us, uint32_t want_us)
{
	CHECK(us > want_us * 7ll / 8 && us < want_us * 9ll / 8,
	    "%lld us, not about %u", (long long)us, want_us);
}

static void
measures(void)
{
	begin(0);
	see(S, 19, 20000);
	CHECK_INT(slow_p95_us(&w, SLOW_MIN_SAMPLES), 0);
	near(slow_p95_us(&w, 19), 20000);
	see(2 * S, 1, 20000);
	near(slow_p95_us(&w, SLOW_MIN_SAMPLES), 20000);
	see(3 * S, 2, 400000);
	near(slow_p95_us(&w, SLOW_MIN_SAMPLES), 400000);
	/* 2 of 40 are the 5 % that do not count. */
	see(4 * S, 18, 20000);
	near(slow_p95_us(&w, SLOW_MIN_SAMPLES), 20000);
}

/* However the looks fall, what is 30 s old counts no more, and what is 25 s
 * old does. */
static void
forgets(void)
{
	int64_t at;

	begin(0);
	see(S, 100, 400000);
	for (at = 2; at <= 25; at++)
		see(at * S, 1, 1000);
	near(slow_p95_us(&w, SLOW_MIN_SAMPLES), 400000);
	for (; at <= 31; at++)
		see(at * S, 1, 1000);
	near(slow_p95_us(&w, SLOW_MIN_SAMPLES), 1000);
	see(61 * S, 0, 0);
	CHECK_INT(slow_p95_us(&w, 1), 0);
	see(62 * S, 5, 7000);
	see(1000000 * S, 0, 0);
	CHECK_INT(slow_p95_us(&w, 1), 0);
}

static void
wraps(void)
{
	begin(UINT32_MAX - 5);
	see(S, 30, 20000);
	CHECK(slow_p95_us(&w, 31) == 0, "more than came");
	near(slow_p95_us(&w, 30), 20000);
	/* Counts that went back are those of another slab. */
	counts[hist_bucket(400000)] -= 100;
	see(2 * S, 0, 0);
	near(slow_p95_us(&w, SLOW_MIN_SAMPLES), 20000);
	see(3 * S, 300, 400000);
	near(slow_p95_us(&w, SLOW_MIN_SAMPLES), 400000);
}

static void
another_tenant(void)
{
	begin(0);
	see(S, 30, 20000);
	slow_see(&w, 2, counts, MONO_US + 2 * S);
	CHECK_INT(slow_p95_us(&w, 1), 0);
	counts[hist_bucket(5000)] += 20;
	slow_see(&w, 2, counts, MONO_US + 3 * S);
	near(slow_p95_us(&w, SLOW_MIN_SAMPLES), 5000);
}

static const struct {
	const char *name;
	uint32_t n;
	uint32_t p95_us[5];
	uint32_t own_us;
	uint32_t want_us;
} limits[] = {
    {"nobody", 0, {0}, 0, 0},
    {"alone", 1, {90000}, 90000, 0},
    {"one peer", 2, {1000, 90000}, 90000, 0},
    {"one peer, itself not measured", 1, {1000}, 0, 0},
    {"two peers", 3, {40000, 60000, 900000}, 900000, 120000},
    {"two peers, the margin", 3, {1000, 2000, 900000}, 900000, 51000},
    {"the margin is the more", 3, {20000, 20000, 70000}, 70000, 70000},
    {"three times is the more", 3, {30000, 30000, 95000}, 95000, 90000},
    {"a bad peer excuses nobody", 3, {40000, 900000, 900000}, 900000, 120000},
    {"all alike", 4, {30000, 30000, 30000, 30000}, 30000, 90000},
    {"the fastest", 4, {30000, 40000, 50000, 60000}, 30000, 150000},
    {"the slowest", 4, {30000, 40000, 50000, 60000}, 60000, 120000},
    {"itself not measured", 3, {30000, 40000, 50000}, 0, 120000},
    {"the slowest there is", 3, {1u << 26, 1u << 26, 1u << 26}, 1u << 26,
	3u << 26},
};

static void
compares(void)
{
	uint32_t got;
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		got = slow_limit_us(
		    limits[i].p95_us, limits[i].n, limits[i].own_us);
		CHECK(
		    got == limits[i].want_us, "%s: %u us", limits[i].name, got);
	}
}

static const struct unit_case cases[] = {
    {"measures the p95", measures},
    {"forgets what is old", forgets},
    {"counts wrap", wraps},
    {"another tenant", another_tenant},
    {"compares with peers", compares},
};

UNIT_MAIN("slow", cases)
