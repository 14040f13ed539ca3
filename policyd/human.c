/* Owns how numbers and times look to people; knows no field and no clock. */
#include "policyd/human.h"

#include <stdio.h>
#include <time.h>

#define SECOND_US 1000000

/* n tenths of unit: one digit after the point below ten. */
static const char *
scaled(int64_t tenths, const char *unit, char out[HUMAN_LEN])
{
	if (tenths < 100)
		snprintf(out, HUMAN_LEN, "%d.%d%s", (int)(tenths / 10),
		    (int)(tenths % 10), unit);
	else
		snprintf(
		    out, HUMAN_LEN, "%lld%s", (long long)tenths / 10, unit);
	return out;
}

const char *
human_span(int64_t us, char out[HUMAN_LEN])
{
	int64_t s = us / SECOND_US;

	if (us < 1000)
		snprintf(out, HUMAN_LEN, "%dus", us < 0 ? 0 : (int)us);
	else if (us < SECOND_US)
		scaled(us / 100, "ms", out);
	else if (s < 60)
		scaled(us / 100000, "s", out);
	else if (s < 3600)
		snprintf(
		    out, HUMAN_LEN, "%dm%02ds", (int)(s / 60), (int)(s % 60));
	else if (s < 86400)
		snprintf(out, HUMAN_LEN, "%dh%02dm", (int)(s / 3600),
		    (int)(s % 3600 / 60));
	else
		snprintf(out, HUMAN_LEN, "%lldd%02dh", (long long)s / 86400,
		    (int)(s % 86400 / 3600));
	return out;
}

const char *
human_time(int64_t s, char out[HUMAN_LEN])
{
	time_t t = (time_t)s;
	struct tm tm;

	if (s == 0)
		snprintf(out, HUMAN_LEN, "never");
	else if (localtime_r(&t, &tm) == NULL ||
		 strftime(out, HUMAN_LEN, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(out, HUMAN_LEN, "?");
	return out;
}

const char *
human_bytes(int64_t n, char out[HUMAN_LEN])
{
	static const char *const units[] = {"", "K", "M", "G", "T", "P", "E"};
	int64_t whole = n < 0 ? 0 : n, rest = 0;
	size_t i = 0;

	while (whole >= 1024) {
		rest = whole % 1024;
		whole /= 1024;
		i++;
	}
	if (i == 0)
		snprintf(out, HUMAN_LEN, "%d", (int)whole);
	else
		scaled(whole * 10 + rest * 10 / 1024, units[i], out);
	return out;
}

char *
human_clean(char *s)
{
	unsigned char *p;

	for (p = (unsigned char *)s; *p != '\0'; p++) {
		/* C1 controls: 0xc2 0x80..0x9f in UTF-8.  The second byte is
		 * one of its own on a terminal that knows no UTF-8. */
		if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[1] = '?';
		else if (*p >= 0x20 && *p != 0x7f)
			continue;
		*p = '?';
	}
	return s;
}
