#ifndef CAGENTD_TRACE_H
#define CAGENTD_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "cagentd/decide/decision.h"

/*
 * A worker's record of its choices, in the file that `decisions` names and all
 * workers append to, each record by one write(2).  For those who look for a
 * fault: what it costs, blocking on a slow disk too, is paid for by clients.
 * An error ends it, and so does TRACE_FILE_MAX, with a line in the log.
 */
#define TRACE_FILE_MAX (256ll * 1024 * 1024)

struct trace_memory;

struct trace {	/* zeroed, but for fd: -1 and the worker's number */
	int fd; /* owned; -1: nothing is recorded */
	uint32_t worker;
	struct trace_memory *memory; /* owned; NULL while it never was */
	bool has_table;		     /* the file has that generation */
	uint64_t generation;
};

/* Record into this file from here on, -1: no more; the earlier one is closed.
 * fd is owned, and open for appending. */
void trace_use(struct trace *, int fd);
void trace_fini(struct trace *);

/* A choice is about to be made. */
void trace_begin(struct trace *);
/*
 * How many connections slot has, counted just now.  Others write the counters
 * meanwhile: all through one choice the answer is the first one, so that it is
 * the one recorded.
 */
uint32_t trace_answer(struct trace *, uint32_t slot, uint32_t counted);
/* It was made from the query, the seed before and came to pick, or NULL. */
void trace_decided(struct trace *, const struct path_query *, uint64_t seed,
    const struct path_pick *);

#endif
