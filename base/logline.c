/* Shapes and rations the lines of the log; writes nothing, reads no clock. */
#include "base/logline.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_COST  INT64_C(1000000) /* of debt; LOG_RATE of it a microsecond */
#define BUCKET_CAP (LOG_BURST * LINE_COST)
#define FACILITY   (3 << 3) /* daemon */
#define ELLIPSIS   "..."

bool
logline_bucket_take(struct logline_bucket *b, int64_t now_us)
{
	int64_t gone_us = now_us - b->at_us;

	b->at_us = now_us;
	if (gone_us >= b->debt / LOG_RATE)
		b->debt = 0;
	else if (gone_us > 0)
		b->debt -= gone_us * LOG_RATE;
	if (b->debt > BUCKET_CAP - LINE_COST)
		return false;
	b->debt += LINE_COST;
	return true;
}

/* Bytes of the well-formed UTF-8 character (RFC 3629 section 4) at s, or 0. */
static size_t
utf8_len(const uint8_t *s, size_t left)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t i, n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (left < n)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0; /* below: over-long */
	else if (s[0] == 0xed)
		high = 0x9f; /* above: surrogates */
	else if (s[0] == 0xf0)
		low = 0x90; /* below: over-long */
	else if (s[0] == 0xf4)
		high = 0x8f; /* above: beyond U+10FFFF */
	if (s[1] < low || s[1] > high)
		return 0;
	for (i = 2; i < n; i++) {
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	}
	return n;
}

static bool
is_control(const uint8_t *s, size_t n)
{
	if (n == 1)
		return s[0] < 0x20 || s[0] == 0x7f;
	return n == 2 && s[0] == 0xc2 && s[1] < 0xa0; /* U+0080..U+009F */
}

/* One character of the text as it is shown: bytes in out, *took of in. */
static size_t
escape_one(char out[8], const uint8_t *in, size_t left, size_t *took)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = utf8_len(in, left);

	if (n > 0 && !is_control(in, n) && in[0] != '\\') {
		memcpy(out, in, n);
		*took = n;
		return n;
	}
	*took = 1;
	out[0] = '\\';
	out[1] = in[0] == '\\' ? '\\' : 'x';
	out[2] = hex[in[0] >> 4];
	out[3] = hex[in[0] & 15];
	return in[0] == '\\' ? 2 : 4;
}

size_t
logline_escape(char *out, size_t size, const char *text, size_t len)
{
	const uint8_t *in = (const uint8_t *)text;
	size_t at = 0, end = 0, i, n, took;
	char one[8];

	/* end: the last place where an ellipsis still fits. */
	for (i = 0; i < len; i += took) {
		n = escape_one(one, in + i, len - i, &took);
		if (n > size - 1 - at) {
			memcpy(out + end, ELLIPSIS, sizeof(ELLIPSIS));
			return end + sizeof(ELLIPSIS) - 1;
		}
		memcpy(out + at, one, n);
		at += n;
		if (size - 1 - at >= sizeof(ELLIPSIS) - 1)
			end = at;
	}
	out[at] = '\0';
	return at;
}

/* syslog(3)'s severities. */
static int
severity(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return 3;
	case LOG_LEVEL_WARN:
		return 4;
	case LOG_LEVEL_INFO:
		return 6;
	case LOG_LEVEL_DEBUG:
		return 7;
	}
	return 3;
}

static const char *
level_word(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error: ";
	case LOG_LEVEL_WARN:
		return "warning: ";
	case LOG_LEVEL_INFO:
		return "";
	case LOG_LEVEL_DEBUG:
		return "debug: ";
	}
	return "";
}

static void
stamp(const struct logline *l, enum logline_form form, char *out, size_t size)
{
	time_t s = (time_t)(l->wall_us / 1000000);
	struct tm tm = {0};
	char date[32] = "";

	switch (form) {
	case LOGLINE_PLAIN:
		if (gmtime_r(&s, &tm) != NULL)
			strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
		snprintf(out, size, "%s.%03dZ ", date,
		    (int)(l->wall_us / 1000 % 1000));
		return;
	case LOGLINE_JOURNAL:
		snprintf(out, size, "<%d>", severity(l->level));
		return;
	case LOGLINE_SYSLOG:
		if (localtime_r(&s, &tm) != NULL)
			strftime(date, sizeof(date), "%b %e %H:%M:%S", &tm);
		snprintf(
		    out, size, "<%d>%s ", FACILITY | severity(l->level), date);
		return;
	}
	out[0] = '\0';
}

size_t
logline_format(
    const struct logline *l, enum logline_form form, char out[LOG_LINE_MAX])
{
	char when[64], dropped[64] = "";
	size_t at;
	int n;

	stamp(l, form, when, sizeof(when));
	if (l->dropped > 0) {
		snprintf(dropped, sizeof(dropped), "(lines dropped: %llu) ",
		    (unsigned long long)l->dropped);
	}
	n = snprintf(out, LOG_LINE_MAX / 2, "%s%s[%d]: %s%s%s%s", when, l->prog,
	    (int)l->pid, l->role, l->role[0] != '\0' ? ": " : "",
	    level_word(l->level), dropped);
	at = n < 0 ? 0 : (size_t)n;
	if (at >= LOG_LINE_MAX / 2)
		at = LOG_LINE_MAX / 2 - 1;
	at += logline_escape(
	    out + at, LOG_LINE_MAX - at, l->text, strlen(l->text));
	if (form != LOGLINE_SYSLOG)
		out[at++] = '\n'; /* in the place of the NUL */
	return at;
}
