/* Owns how numbers and times look to people; knows no field and no clock. */
#include "cagent-ctl/format.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_US 1000000ll

/* n tenths of unit: one digit after the point below ten. */
static const char *
scaled(int64_t tenths, const char *unit, char out[FORMAT_LEN])
{
	if (tenths < 100)
		snprintf(out, FORMAT_LEN, "%d.%d%s", (int)(tenths / 10),
		    (int)(tenths % 10), unit);
	else
		snprintf(
		    out, FORMAT_LEN, "%lld%s", (long long)tenths / 10, unit);
	return out;
}

/* step: of one unit to the next. */
static const char *
count(int64_t n, int64_t step, const char *const units[], char out[FORMAT_LEN])
{
	int64_t whole = n < 0 ? 0 : n, rest = 0;
	size_t i = 0;

	while (whole >= step) {
		rest = whole % step;
		whole /= step;
		i++;
	}
	if (i == 0)
		snprintf(out, FORMAT_LEN, "%d", (int)whole);
	else
		scaled(whole * 10 + rest * 10 / step, units[i], out);
	return out;
}

const char *
format_bytes(int64_t n, char out[FORMAT_LEN])
{
	static const char *const units[] = {"", "K", "M", "G", "T", "P", "E"};

	return count(n, 1024, units, out);
}

const char *
format_rate(int64_t n, char out[FORMAT_LEN])
{
	static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};

	return count(n, 1000, units, out);
}

/* Two neighbouring units, both shown: "3h12m". */
static const char *
pair(int64_t s, int64_t unit_s, const char *units, char out[FORMAT_LEN])
{
	static const struct {
		char unit;
		int64_t s;
	} below[] = {{'s', 1}, {'m', 60}, {'h', 3600}};
	size_t i;

	for (i = 0; below[i].unit != units[1]; i++)
		continue;
	snprintf(out, FORMAT_LEN, "%lld%c%02d%c", (long long)(s / unit_s),
	    units[0], (int)(s % unit_s / below[i].s), units[1]);
	return out;
}

const char *
format_span(int64_t us, char out[FORMAT_LEN])
{
	int64_t s = us / SECOND_US;

	if (us < 1000) {
		snprintf(out, FORMAT_LEN, "%dus", us < 0 ? 0 : (int)us);
		return out;
	}
	if (us < SECOND_US)
		return scaled(us / 100, "ms", out);
	if (s < 60)
		return scaled(us / 100000, "s", out);
	if (s < 3600)
		return pair(s, 60, "ms", out);
	if (s < 86400)
		return pair(s, 3600, "hm", out);
	return pair(s, 86400, "dh", out);
}

const char *
format_between(int64_t from_us, int64_t to_us, char out[FORMAT_LEN])
{
	int64_t us;

	/* Points of time may come from a damaged table. */
	if (__builtin_sub_overflow(to_us, from_us, &us) || us < 0)
		us = to_us > from_us ? INT64_MAX : 0;
	return format_span(us, out);
}

static const char *
when(int64_t us, const char *how, char out[FORMAT_LEN])
{
	time_t t = (time_t)(us / SECOND_US);
	struct tm tm;

	/* The layouts are the two below. */
	if (localtime_r(&t, &tm) == NULL ||
	    (*how == 'd' ? strftime(out, FORMAT_LEN, "%Y-%m-%d %H:%M:%S", &tm)
			 : strftime(out, FORMAT_LEN, "%H:%M:%S", &tm)) == 0)
		snprintf(out, FORMAT_LEN, "?");
	return out;
}

const char *
format_date(int64_t us, char out[FORMAT_LEN])
{
	if (us == 0) {
		snprintf(out, FORMAT_LEN, "never");
		return out;
	}
	return when(us, "date", out);
}

const char *
format_time(int64_t us, int64_t now_us, char out[FORMAT_LEN])
{
	char now[FORMAT_LEN];

	format_date(us, out);
	format_date(now_us, now);
	/* "2026-11-22" */
	if (us != 0 && strncmp(out, now, 10) == 0)
		return when(us, "clock", out);
	return out;
}

const char *
format_percent(int64_t part, int64_t all, char out[FORMAT_LEN])
{
	int tenths;

	if (all <= 0) {
		snprintf(out, FORMAT_LEN, "-");
	} else if (part >= all) {
		snprintf(out, FORMAT_LEN, "100%%");
	} else {
		tenths = (int)((double)part * 1000.0 / (double)all);
		snprintf(out, FORMAT_LEN, "%d.%d%%", tenths / 10, tenths % 10);
	}
	return out;
}

char *
format_clean(char *s)
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

const char *
format_quote(const char *s, char *out, size_t size)
{
	int n = snprintf(out, size, "%.*s", (int)size - 1, s);

	if (n >= 0 && strlen(s) > (size_t)n && size > 4)
		memcpy(out + size - 4, "...", 4);
	return format_clean(out);
}

int64_t
format_parse_span(const char *s, int64_t min_us, int64_t max_us)
{
	static const struct {
		const char *unit;
		double us;
	} units[] = {{"", 1e6}, {"s", 1e6}, {"ms", 1e3}, {"m", 60e6},
	    {"min", 60e6}, {"h", 3600e6}};
	double value;
	char *end;
	size_t i;

	/* strtod() would take "inf", "0x1p3" and leading blanks. */
	if (!isdigit((unsigned char)*s) ||
	    s[strspn(s, "0123456789.smhin")] != '\0')
		return -EINVAL;
	value = strtod(s, &end);
	for (i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		value *= units[i].us;
		if (value < (double)min_us || value > (double)max_us)
			return -ERANGE;
		return (int64_t)value;
	}
	return -EINVAL;
}
