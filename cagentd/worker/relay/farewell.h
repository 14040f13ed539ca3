#ifndef CAGENTD_FAREWELL_H
#define CAGENTD_FAREWELL_H

#include <stdint.h>

#include "base/loop.h"

struct buf;

/*
 * Say a last word and close so that it arrives: send, half-close, read and
 * throw away what still comes until the client closes too, for a bounded time
 * and amount.  (Closing with unread bytes makes the kernel send a reset,
 * which may overtake the reply: RFC 1122 section 4.2.2.13.)
 */
#define FAREWELL_US	   2000000
#define FAREWELL_BYTES_MAX (256 * 1024)

struct farewell;
typedef void farewell_fn(struct farewell *);

struct farewell {
	struct loop *loop;
	int fd; /* owned */
	farewell_fn *done;
	struct op recv, send, timer;
	uint64_t discarded;
};

/* Fresh or zeroed memory; fd and word are taken (NULL: nothing to say, close
 * at once; empty: all is said, close so that it arrives).
 * done() once, with the fd closed, never before this returns. */
void farewell_start(struct farewell *, struct loop *, int fd, struct buf *word,
    farewell_fn *done);
void farewell_cancel(struct farewell *);

#endif
