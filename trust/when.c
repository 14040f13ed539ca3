/* Points in time as text; never asks what time it is. */
#include "trust/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define FORMAT "%Y-%m-%dT%H:%M:%SZ"

const char *
when_format(int64_t s, char out[WHEN_STRLEN])
{
	time_t t = (time_t)s;
	struct tm tm;

	if (s < 0 || s > WHEN_MAX || gmtime_r(&t, &tm) == NULL ||
	    strftime(out, WHEN_STRLEN, FORMAT, &tm) == 0)
		snprintf(out, WHEN_STRLEN, "?");
	return out;
}

bool
when_parse(const char *text, int64_t *out)
{
	struct tm tm = {0};
	char again[WHEN_STRLEN];
	const char *end;
	int64_t s;

	end = strptime(text, FORMAT, &tm);
	if (end == NULL || *end != '\0')
		return false;
	s = (int64_t)timegm(&tm);
	/* strptime() is lenient, and 30 February becomes a day of March. */
	if (strcmp(when_format(s, again), text) != 0)
		return false;
	*out = s;
	return true;
}

/* Digits and nothing else. */
static bool
number(const char *s, size_t len, int64_t max, int64_t *out)
{
	int64_t v = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9' || v > (max - (s[i] - '0')) / 10)
			return false;
		v = v * 10 + (s[i] - '0');
	}
	*out = v;
	return len > 0;
}

bool
when_span(const char *s, int64_t *out)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
	size_t len = strlen(s), i;
	int64_t n;

	/* A thousand years are enough for anybody. */
	for (i = 0; len > 0 && i < sizeof(units) / sizeof(*units); i++) {
		if (s[len - 1] != units[i].unit)
			continue;
		if (!number(
			s, len - 1, 365000 * 86400LL / units[i].seconds, &n) ||
		    n == 0)
			return false;
		*out = n * units[i].seconds;
		return true;
	}
	return false;
}

bool
when_later(const char *s, int64_t now_s, int64_t *out)
{
	int64_t span_s;

	if (when_parse(s, out))
		return *out > now_s;
	if (!when_span(s, &span_s))
		return false;
	*out = now_s + span_s;
	return true;
}
