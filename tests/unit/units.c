/* Numbers as people read and write them. */
#include "probe/units.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/unit.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static void
writes(void)
{
	char out[UNITS_LEN];

	CHECK_STR(units_span(-1, out), "-");
	CHECK_STR(units_span(0, out), "0us");
	CHECK_STR(units_span(999, out), "999us");
	CHECK_STR(units_span(1000, out), "1.0ms");
	CHECK_STR(units_span(99900, out), "99ms");
	CHECK_STR(units_span(1500000, out), "1.5s");
	CHECK_STR(units_rate(-1, out), "-");
	CHECK_STR(units_rate(0, out), "0B/s");
	CHECK_STR(units_rate(1023, out), "1023B/s");
	CHECK_STR(units_rate(1536, out), "1.5K/s");
	CHECK_STR(units_rate(100ll << 20, out), "100M/s");
	CHECK_STR(units_rate(INT64_MAX, out), "8388607T/s");
}

static void
reads(void)
{
	static const struct {
		const char *text;
		int64_t want;
	} spans[] = {{"2", 2000000}, {"0.5", 500000}, {"250ms", 250000},
	    {"1m", 60000000}, {"2s", 2000000}, {"0", -ERANGE}, {"2h", -ERANGE},
	    {"", -EINVAL}, {" 1", -EINVAL}, {"-1", -EINVAL}, {"1e3", -EINVAL},
	    {"inf", -EINVAL}, {"1 s", -EINVAL}, {"1k", -EINVAL},
	    {"1.1.1", -EINVAL}},
	  sizes[] = {{"1000", 1000}, {"64k", 65536}, {"1M", 1 << 20},
	      {"1.5m", 3 << 19}, {"1", -ERANGE}, {"1g", -ERANGE},
	      {"1s", -EINVAL}, {"k", -EINVAL}};
	size_t i;

	for (i = 0; i < N(spans); i++)
		CHECK(units_parse_span(spans[i].text, 1000, 3600000000) ==
			  spans[i].want,
		    "%s", spans[i].text);
	for (i = 0; i < N(sizes); i++)
		CHECK(units_parse_size(sizes[i].text, 2, 1 << 24) ==
			  sizes[i].want,
		    "%s", sizes[i].text);
}

static void
quotes(void)
{
	char out[8];

	CHECK_STR(units_quote("seven77", out, sizeof(out)), "seven77");
	CHECK_STR(units_quote("eight888", out, sizeof(out)), "eigh...");
	CHECK_STR(units_quote("\33\302\233x", out, sizeof(out)), "???x");
}

static const struct unit_case cases[] = {
    {"writes", writes},
    {"reads", reads},
    {"quotes", quotes},
};

UNIT_MAIN("units", cases)
