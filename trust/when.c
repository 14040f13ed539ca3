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
