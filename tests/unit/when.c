/* Points in time as text: one spelling each. */
#include "trust/when.h"

#include <stdlib.h>
#include <time.h>

#include "tests/unit/unit.h"

static void
reads_and_writes(void)
{
	static const struct {
		const char *text;
		int64_t s;
	} cases[] = {
	    {"1970-01-01T00:00:00Z", 0},
	    {"2000-02-29T23:59:59Z", 951868799},
	    {"2027-01-01T00:00:00Z", 1798761600},
	    {"2038-01-19T03:14:08Z", INT64_C(2147483648)},
	    {"9999-12-31T23:59:59Z", WHEN_MAX},
	};
	char text[WHEN_STRLEN];
	int64_t s;
	size_t i;

	/* Where we are is not asked. */
	setenv("TZ", "America/New_York", 1);
	tzset();
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		s = -1;
		CHECK(when_parse(cases[i].text, &s), "%s", cases[i].text);
		CHECK_INT(s, cases[i].s);
		CHECK_STR(when_format(cases[i].s, text), cases[i].text);
	}
}

static void
refuses(void)
{
	static const char *const bad[] = {"", "2027-01-01", "2027-01-01T00:00Z",
	    "2027-01-01T00:00:00", "2027-01-01 00:00:00Z",
	    "2027-01-01T00:00:00+00:00", "2027-01-01T00:00:00Z ",
	    " 2027-01-01T00:00:00Z", "2027-1-1T0:0:0Z", "2027-02-30T00:00:00Z",
	    "2027-13-01T00:00:00Z", "2027-01-01T24:00:00Z",
	    "2027-01-01T00:00:60Z", "1969-12-31T23:59:59Z",
	    "10000-01-01T00:00:00Z", "+2027-01-01T00:00:00Z",
	    "2027-01-01T00:00:00z"};
	char text[WHEN_STRLEN];
	int64_t s = 7;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(!when_parse(bad[i], &s), "'%s'", bad[i]);
	CHECK_INT(s, 7);
	CHECK_STR(when_format(-1, text), "?");
	CHECK_STR(when_format(WHEN_MAX + 1, text), "?");
	CHECK_STR(when_format(INT64_MAX, text), "?");
}

static void
spans(void)
{
	static const char *const bad[] = {"", "d", "1", "0d", "-1d", "1y",
	    "1 d", "1.5h", "365001d", "99999999999999999999s", "+1d"};
	int64_t s = 7;
	size_t i;

	CHECK(when_span("365d", &s) && s == 365 * 86400, "%lld", (long long)s);
	CHECK(when_span("12h", &s) && s == 43200, "%lld", (long long)s);
	CHECK(when_span("30m", &s) && s == 1800, "%lld", (long long)s);
	CHECK(when_span("20s", &s) && s == 20, "%lld", (long long)s);
	CHECK(when_span("365000d", &s), "a thousand years");
	s = 7;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(!when_span(bad[i], &s), "'%s'", bad[i]);
	CHECK_INT(s, 7);
	CHECK(when_later("20s", 100, &s) && s == 120, "%lld", (long long)s);
	CHECK(when_later("1970-01-01T00:02:00Z", 119, &s) && s == 120, "%lld",
	    (long long)s);
	CHECK(!when_later("1970-01-01T00:02:00Z", 120, &s), "now");
	CHECK(!when_later("tomorrow", 120, &s), "tomorrow");
}

static const struct unit_case cases[] = {
    {"reads and writes", reads_and_writes},
    {"refuses", refuses},
    {"spans", spans},
};
UNIT_MAIN("when", cases)
