/* Numbers, times and texts as people see them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cagent-ctl/format.h"
#include "tests/unit/unit.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

#define SEC 1000000ll
#define MIN (60 * SEC)
#define HR  (60 * MIN)
#define DAY (24 * HR)

static void
bytes(void)
{
	static const struct {
		int64_t n;
		const char *want;
	} cases[] = {
	    {0, "0"},
	    {1, "1"},
	    {1023, "1023"},
	    {1024, "1.0K"},
	    {1536, "1.5K"},
	    {10239, "9.9K"},
	    {10240, "10K"},
	    {1048575, "1023K"},
	    {1048576, "1.0M"},
	    {5368709120, "5.0G"},
	    {INT64_MAX, "7.9E"},
	    {-1, "0"},
	};
	char out[FORMAT_LEN];
	size_t i;

	for (i = 0; i < N(cases); i++)
		CHECK_STR(format_bytes(cases[i].n, out), cases[i].want);
	CHECK_STR(format_rate(999, out), "999");
	CHECK_STR(format_rate(1000, out), "1.0k");
	CHECK_STR(format_rate(12345678, out), "12M");
	CHECK_STR(format_rate(-1, out), "0");
}

static void
spans(void)
{
	static const struct {
		int64_t us;
		const char *want;
	} cases[] = {
	    {-5, "0us"},
	    {0, "0us"},
	    {999, "999us"},
	    {1000, "1.0ms"},
	    {9999, "9.9ms"},
	    {10000, "10ms"},
	    {999999, "999ms"},
	    {SEC, "1.0s"},
	    {59 * SEC + 999999, "59s"},
	    {MIN, "1m00s"},
	    {2 * MIN + 5 * SEC, "2m05s"},
	    {HR - 1, "59m59s"},
	    {HR, "1h00m"},
	    {3 * HR + 12 * MIN, "3h12m"},
	    {DAY, "1d00h"},
	    {5 * DAY + 4 * HR, "5d04h"},
	    {400 * DAY, "400d00h"},
	};
	char out[FORMAT_LEN];
	size_t i;

	for (i = 0; i < N(cases); i++)
		CHECK_STR(format_span(cases[i].us, out), cases[i].want);
}

static void
between(void)
{
	static const struct {
		int64_t from, to;
		const char *want;
	} cases[] = {
	    {0, 0, "0us"},
	    {SEC, 3 * SEC, "2.0s"},
	    {3 * SEC, SEC, "0us"},
	    {INT64_MAX, INT64_MIN, "0us"},
	    {INT64_MIN, INT64_MAX, "106751991d04h"},
	};
	char out[FORMAT_LEN];
	size_t i;

	for (i = 0; i < N(cases); i++)
		CHECK_STR(format_between(cases[i].from, cases[i].to, out),
		    cases[i].want);
}

static void
times(void)
{
	/* 2026-11-22 09:41:07 UTC */
	const int64_t at = 1795340467 * SEC;
	char out[FORMAT_LEN];

	setenv("TZ", "UTC0", 1);
	tzset();
	CHECK_STR(format_time(at, at + SEC, out), "09:41:07");
	CHECK_STR(format_time(at, at + DAY, out), "2026-11-22 09:41:07");
	CHECK_STR(format_time(at + DAY, at, out), "2026-11-23 09:41:07");
	CHECK_STR(format_time(0, at, out), "never");
	CHECK_STR(format_date(at, out), "2026-11-22 09:41:07");
	CHECK_STR(format_date(0, out), "never");
	/* The day is the reader's: three hours further east it is the same
	 * one, and at midnight there another. */
	setenv("TZ", "XYZ-15", 1);
	tzset();
	CHECK_STR(format_date(at, out), "2026-11-23 00:41:07");
	CHECK_STR(format_time(at, at - HR, out), "2026-11-23 00:41:07");
	/* A year of more digits than the text has room for. */
	CHECK_STR(format_date(INT64_MAX, out) != NULL ? "text" : "", "text");
	unsetenv("TZ");
	tzset();
}

static void
percents(void)
{
	char out[FORMAT_LEN];

	CHECK_STR(format_percent(0, 0, out), "-");
	CHECK_STR(format_percent(0, 5, out), "0.0%");
	CHECK_STR(format_percent(5, 5, out), "100%");
	CHECK_STR(format_percent(6, 5, out), "100%");
	CHECK_STR(format_percent(999999, 1000000, out), "99.9%");
	CHECK_STR(format_percent(1, 3, out), "33.3%");
}

static void
cleans(void)
{
	char text[] = "a\033[31m\n\x7f\xc2\x9b\xc3\xa4z";
	char out[8];

	CHECK_STR(format_clean(text), "a?[31m????\xc3\xa4z");
	CHECK_STR(format_quote("short", out, sizeof(out)), "short");
	CHECK_STR(format_quote("1234567", out, sizeof(out)), "1234567");
	CHECK_STR(format_quote("12345678", out, sizeof(out)), "1234...");
	CHECK_STR(format_quote("\t", out, sizeof(out)), "?");
}

static void
parses_spans(void)
{
	static const struct {
		const char *s;
		int64_t want;
	} cases[] = {
	    {"2", 2 * SEC},
	    {"0.5", SEC / 2},
	    {"2s", 2 * SEC},
	    {"250ms", SEC / 4},
	    {"1m", MIN},
	    {"1min", MIN},
	    {"1h", HR},
	    {"0.1", SEC / 10},
	    {"0.01", -ERANGE},
	    {"0", -ERANGE},
	    {"2h", -ERANGE},
	    {"99999999999999999999", -ERANGE},
	    {"", -EINVAL},
	    {"s", -EINVAL},
	    {"-1", -EINVAL},
	    {" 1", -EINVAL},
	    {"+1", -EINVAL},
	    {"1 ", -EINVAL},
	    {"1x", -EINVAL},
	    {"0x1", -EINVAL},
	    {"inf", -EINVAL},
	    {"1e3", -EINVAL},
	    {"1sm", -EINVAL},
	    {"1.2.3", -EINVAL},
	};
	size_t i;

	for (i = 0; i < N(cases); i++)
		CHECK(format_parse_span(cases[i].s, SEC / 10, HR) ==
			  cases[i].want,
		    "\"%s\" gives %lld", cases[i].s,
		    (long long)format_parse_span(cases[i].s, SEC / 10, HR));
}

static const struct unit_case cases[] = {
    {"bytes", bytes},
    {"spans", spans},
    {"between", between},
    {"times", times},
    {"percents", percents},
    {"cleans what could steer a terminal", cleans},
    {"parses spans", parses_spans},
};

UNIT_MAIN("ctlcmd_format", cases)
