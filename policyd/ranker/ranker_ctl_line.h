#ifndef POLICYD_RANKER_CTL_LINE_H
#define POLICYD_RANKER_CTL_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/common/pdctl.h"

/* A request's line, taken apart: a verb and its arguments.  An argument
 * "why=" is the last one, and may hold blanks. */
struct ranker_ctl_line {
	char text[PDCTL_LINE_MAX + 1]; /* the words point into it */
	int words_n;
	const char *words[PDCTL_WORDS_MAX];
};

/*
 * line/len  the bytes before the newline, at most PDCTL_LINE_MAX.
 * returns   NULL, or what is wrong with it, for people; borrowed for ever.
 */
const char *ranker_ctl_line_parse(
    struct ranker_ctl_line *, const char *line, size_t len);

/* The argument after the verb by its number from 0, or NULL. */
const char *ranker_ctl_arg(const struct ranker_ctl_line *, int n);
/* The value of an argument "key=value", if this is it, else NULL. */
const char *ranker_ctl_value(const char *word, const char *key);
/* Decimal digits and nothing else, from min to max. */
bool ranker_ctl_number(
    const char *word, int64_t min, int64_t max, int64_t *out);

#endif
