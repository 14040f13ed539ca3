#ifndef CAGENTD_PIPES_H
#define CAGENTD_PIPES_H

#include <sys/queue.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

/*
 * A worker's pipes for splice(2), kept for the next who needs one.  The
 * kernel counts pipes by what they could hold against a quota that all
 * processes of a user share (pipe-user-pages-soft, 64 MiB); who is past it
 * gets pipes of two pages, which are worse than none and are never handed
 * out.
 */
#define PIPES_LEN_MAX (1024u * 1024)
#define PIPES_LEN_MIN (256u * 1024)
/* At most so many, in use or not: the quota, at full length. */
#define PIPES_MAX 64
/* Nobody looks for a further pipe so soon after there was none to be had. */
#define PIPES_RETRY_US 1000000
/* So often those go that nobody has used since the last time. */
#define PIPES_SHRINK_US 2000000

struct pipe {
	SLIST_ENTRY(pipe) entry; /* while idle */
	int in, out;
	uint32_t len;  /* what it can hold */
	uint32_t held; /* what is in it: its holder says so */
};

struct pipes {
	struct loop *loop;
	_Atomic uint64_t *spliced; /* bytes that went through a pipe */
	SLIST_HEAD(, pipe) idle;   /* all empty */
	uint32_t max, open_n, idle_n;
	uint32_t unused_n; /* the fewest that were idle since the last look */
	int64_t retry_us;
	struct op timer; /* while any is idle */
};

/* spliced: NULL, or the one counter that pipes_count() adds to. */
void pipes_init(struct pipes *, struct loop *, _Atomic uint64_t *spliced);
/* All must have been given back. */
void pipes_fini(struct pipes *);
/* How many there may be, at most PIPES_MAX; 0, as at first: none. */
void pipes_limit(struct pipes *, uint64_t max);
/* Close those that are idle, and open none for a while: fds are short. */
void pipes_spare(struct pipes *);
/* Is pipes_take() worth trying? */
bool pipes_any(const struct pipes *);
/* An empty pipe of at least PIPES_LEN_MIN, or NULL. */
struct pipe *pipes_take(struct pipes *);
/* One that still holds something is closed.  NULL allowed. */
void pipes_give(struct pipes *, struct pipe *);
void pipes_count(struct pipes *, size_t n);

#endif
