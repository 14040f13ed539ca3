#ifndef BASE_LOGLINE_H
#define BASE_LOGLINE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

/* What a line of the log looks like and how many may go out: the half of
 * log.c that can be tested with a clock passed in. */

/* A token bucket of LOG_BURST lines refilled with LOG_RATE a second; zeroed,
 * it is full. */
struct logline_bucket {
	int64_t at_us; /* when debt was last right */
	int64_t debt;  /* millionths of a line already spent */
};

/* May a line go out now (then it is paid for)? */
bool logline_bucket_take(struct logline_bucket *, int64_t now_us);

/*
 * Copy text with control characters, C1 controls and bytes that are not UTF-8
 * as \xNN and a backslash doubled.  What does not fit ends in "...", never in
 * the middle of an escape or a character.
 * size     of out, at least 4; out is NUL-terminated.
 * returns  bytes in out without the NUL.
 */
size_t logline_escape(char *out, size_t size, const char *text, size_t len);

enum logline_form {
	LOGLINE_PLAIN,	 /* "2026-11-22T09:38:56.123Z prog[pid]: text\n" */
	LOGLINE_JOURNAL, /* "<4>prog[pid]: text\n", sd-daemon(3) */
	LOGLINE_SYSLOG,	 /* "<28>Nov 22 09:38:56 prog[pid]: text", RFC 3164
			    section 4.1, local time as it says */
};

struct logline {
	int64_t wall_us;
	const char *prog;
	const char *role; /* "" for none */
	const char *text; /* unescaped */
	uint64_t dropped; /* lines lost before this one */
	pid_t pid;
	enum log_level level;
};

/* returns the bytes to write, at most LOG_LINE_MAX; out is not a string. */
size_t logline_format(
    const struct logline *, enum logline_form, char out[LOG_LINE_MAX]);

#endif
