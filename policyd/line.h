#ifndef POLICYD_LINE_H
#define POLICYD_LINE_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/* One question on a stream socket: a line, perhaps bytes after it, and all
 * that comes back up to the end. */
struct line_question {
	const char *path;
	const char *line; /* without its newline */
	const void *data; /* what follows it; NULL: nothing */
	size_t data_len;
	int64_t timeout_us; /* for all of it */
	size_t max;	    /* bytes of the answer */
};

struct line_answer {
	char *text; /* malloc; the caller's */
	size_t len;
	pid_t listener; /* the process that has made the socket; 0: unknown */
};
/* 0, or -errno with no text; -ETIMEDOUT, -EMSGSIZE. */
int line_ask(const struct line_question *, struct line_answer *);

#endif
