#ifndef CAGENTD_CTL_LINE_H
#define CAGENTD_CTL_LINE_H

#include <stddef.h>

#include "wire/ctl.h"

/* A request's line, taken apart: a verb and its arguments. */
#define CTL_WORDS_MAX 16

struct ctl_line {
	char text[CTL_LINE_MAX + 1]; /* the words point into it */
	int words_n;
	const char *words[CTL_WORDS_MAX];
};

/*
 * line/len  the bytes before the newline, at most CTL_LINE_MAX.
 * returns   NULL, or what is wrong with it, for people; borrowed for ever.
 */
const char *ctl_line_parse(struct ctl_line *, const char *line, size_t len);

#endif
