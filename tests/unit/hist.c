/* The histogram: every bucket's bounds, quantiles against a sorted list. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shm/hist.h"
#include "tests/unit/unit.h"

static void
plain(const struct hist *h, uint32_t out[HIST_BUCKETS])
{
	unsigned int i;

	for (i = 0; i < HIST_BUCKETS; i++)
		out[i] = h->count[i];
}

static void
bounds(void)
{
	/* Worked out by hand: 64, 80, 96, 112, then each octave twice that. */
	static const struct {
		int64_t us;
		unsigned int bucket;
	} rows[] = {{INT64_MIN, 0}, {-1, 0}, {0, 0}, {63, 0}, {64, 1}, {79, 1},
	    {80, 2}, {95, 2}, {96, 3}, {111, 3}, {112, 4}, {127, 4}, {128, 5},
	    {159, 5}, {160, 6}, {1023, 16}, {1024, 17}, {1279, 17}, {1280, 18},
	    {58720255, 79}, {58720256, 80}, {67108863, 80}, {67108864, 81},
	    {INT64_MAX, 81}};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK(hist_bucket(rows[i].us) == rows[i].bucket,
		    "%lld us: bucket %u, not %u", (long long)rows[i].us,
		    hist_bucket(rows[i].us), rows[i].bucket);
	}
}

static void
uppers(void)
{
	unsigned int b;
	int64_t upper;

	CHECK_INT(hist_upper_us(0), 64);
	CHECK_INT(hist_upper_us(1), 80);
	CHECK_INT(hist_upper_us(80), 67108864);
	CHECK(hist_upper_us(81) == INT64_MAX, "the last bucket has a bound");
	CHECK(hist_upper_us(4000) == INT64_MAX, "out of range");
	for (b = 0; b < HIST_BUCKETS - 1; b++) {
		upper = hist_upper_us(b);
		CHECK_INT(hist_bucket(upper - 1), b);
		CHECK_INT(hist_bucket(upper), b + 1);
	}
}

static void
none(void)
{
	uint32_t count[HIST_BUCKETS] = {0};

	CHECK_INT(hist_quantile_us(count, 0.5), 0);
}

static void
extremes(void)
{
	uint32_t count[HIST_BUCKETS];
	struct hist h;

	memset(&h, 0, sizeof(h));
	hist_add(&h, 1000);
	hist_add(&h, 1ll << 40);
	plain(&h, count);
	CHECK_INT(hist_quantile_us(count, 0), 960);
	CHECK_INT(hist_quantile_us(count, -7), 960);
	CHECK_INT(hist_quantile_us(count, (double)NAN), 960);
	CHECK_INT(hist_quantile_us(count, 0.5), 960);
	CHECK_INT(hist_quantile_us(count, 0.51), 67108864);
	CHECK_INT(hist_quantile_us(count, 1), 67108864);
	CHECK_INT(hist_quantile_us(count, 7), 67108864);
	/* What a hostile slab may say must not overflow. */
	memset(count, 0xff, sizeof(count));
	CHECK_INT(hist_quantile_us(count, 0), 32);
	CHECK_INT(hist_quantile_us(count, 1), 67108864);
}

static void
wraps(void)
{
	struct hist h;

	memset(&h, 0, sizeof(h));
	h.count[1] = UINT32_MAX;
	hist_add(&h, 64);
	CHECK_INT(h.count[1], 0);
}

static int
by_value(const void *a, const void *b)
{
	int64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

#define SAMPLES 5000

/* Log-uniform over the whole range: every octave counts. */
static void
quantiles(void)
{
	static const size_t permille[] = {1, 10, 100, 500, 900, 950, 990, 1000};
	static int64_t us[SAMPLES];
	uint32_t count[HIST_BUCKETS];
	struct hist h;
	size_t i;

	memset(&h, 0, sizeof(h));
	srandom(1);
	for (i = 0; i < SAMPLES; i++) {
		int64_t octave = 64ll << random() % 20;

		us[i] = octave + random() % octave;
		hist_add(&h, us[i]);
	}
	qsort(us, SAMPLES, sizeof(*us), by_value);
	plain(&h, count);
	for (i = 0; i < sizeof(permille) / sizeof(*permille); i++) {
		size_t rank = (permille[i] * SAMPLES + 999) / 1000;
		int64_t want = us[rank - 1];
		int64_t got =
		    hist_quantile_us(count, (double)permille[i] / 1000);

		CHECK(llabs(got - want) * 8 <= want,
		    "quantile %zu/1000: %lld for %lld", permille[i],
		    (long long)got, (long long)want);
	}
}

/* No value alone in a histogram is farther off, either. */
static void
worst(void)
{
	uint32_t count[HIST_BUCKETS] = {0};
	unsigned int b;

	for (b = 1; b < HIST_BUCKETS - 1; b++) {
		int64_t got, low = hist_upper_us(b - 1);
		int64_t high = hist_upper_us(b) - 1;

		count[b] = 1;
		got = hist_quantile_us(count, 0.5);
		count[b] = 0;
		CHECK((double)(got - low) <= 0.125 * (double)low,
		    "bucket %u: %lld", b, (long long)got);
		CHECK((double)(high - got) <= 0.125 * (double)high,
		    "bucket %u: %lld", b, (long long)got);
	}
}

static const struct unit_case cases[] = {
    {"bounds of buckets, by hand", bounds},
    {"every upper bound is where the next begins", uppers},
    {"no counts", none},
    {"quantiles at and past the ends", extremes},
    {"counts wrap", wraps},
    {"quantiles against a sorted list", quantiles},
    {"the worst value of each bucket", worst},
};

UNIT_MAIN("hist", cases)
