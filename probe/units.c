/* Owns how numbers look to people; knows no probe and no clock. */
#include "probe/units.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_US 1000000ll

/* n tenths of unit: one digit after the point below ten. */
static void
scaled(int64_t tenths, const char *unit, char out[UNITS_LEN])
{
	if (tenths < 100)
		snprintf(out, UNITS_LEN, "%d.%d%s", (int)(tenths / 10),
		    (int)(tenths % 10), unit);
	else
		snprintf(
		    out, UNITS_LEN, "%lld%s", (long long)tenths / 10, unit);
}

const char *
units_span(int64_t us, char out[UNITS_LEN])
{
	if (us < 0)
		snprintf(out, UNITS_LEN, "-");
	else if (us < 1000)
		snprintf(out, UNITS_LEN, "%dus", (int)us);
	else if (us < SECOND_US)
		scaled(us / 100, "ms", out);
	else
		scaled(us / 100000, "s", out);
	return out;
}

const char *
units_rate(int64_t bytes_s, char out[UNITS_LEN])
{
	static const char *const units[] = {"K/s", "M/s", "G/s", "T/s"};
	int64_t whole = bytes_s, rest = 0;
	size_t i = 0;

	if (bytes_s < 0 || bytes_s < 1024) {
		snprintf(
		    out, UNITS_LEN, bytes_s < 0 ? "-" : "%dB/s", (int)bytes_s);
		return out;
	}
	do {
		rest = whole % 1024;
		whole /= 1024;
		i++;
	} while (whole >= 1024 && i < sizeof(units) / sizeof(*units));
	scaled(whole * 10 + rest * 10 / 1024, units[i - 1], out);
	return out;
}

struct unit {
	const char *name;
	double factor;
};

static const struct unit spans[] = {{"", 1e6}, {"s", 1e6}, {"ms", 1e3},
    {"m", 60e6}, {"min", 60e6}, {"h", 3600e6}, {NULL, 0}};
static const struct unit sizes[] = {{"", 1}, {"k", 1024}, {"K", 1024},
    {"m", 1048576}, {"M", 1048576}, {"g", 1073741824}, {"G", 1073741824},
    {NULL, 0}};

static int64_t
parse(const char *s, const struct unit *u, int64_t min, int64_t max)
{
	double value;
	char *end;

	/* strtod() would take "inf", "0x1p3", "1e3" and leading blanks. */
	if (!isdigit((unsigned char)*s) ||
	    s[strspn(s, "0123456789.smhinkKMgG")] != '\0')
		return -EINVAL;
	value = strtod(s, &end);
	for (; u->name != NULL; u++) {
		if (strcmp(end, u->name) != 0)
			continue;
		value *= u->factor;
		if (value < (double)min || value > (double)max)
			return -ERANGE;
		return (int64_t)value;
	}
	return -EINVAL;
}

int64_t
units_parse_span(const char *s, int64_t min_us, int64_t max_us)
{
	return parse(s, spans, min_us, max_us);
}

int64_t
units_parse_size(const char *s, int64_t min, int64_t max)
{
	return parse(s, sizes, min, max);
}

char *
units_clean(char *s)
{
	unsigned char *p;

	for (p = (unsigned char *)s; *p != '\0'; p++) {
		/* C1 controls: 0xc2 0x80..0x9f in UTF-8. */
		if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			*p++ = '?';
		else if (*p >= 0x20 && *p != 0x7f)
			continue;
		*p = '?';
	}
	return s;
}

const char *
units_quote(const char *s, char *out, size_t size)
{
	size_t len = strnlen(s, size);

	snprintf(out, size, "%.*s", (int)size - 1, s);
	if (len == size && size > 4)
		memcpy(out + size - 4, "...", 4);
	return units_clean(out);
}
