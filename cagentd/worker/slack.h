#ifndef CAGENTD_SLACK_H
#define CAGENTD_SLACK_H

#include <stddef.h>

/*
 * How much memory a worker keeps for what comes next.  The C library gives
 * back what is free above 128 KiB and asks for it anew: at 64 tunnels in
 * flight that is a brk(2) every 15 tunnels and a page fault every third, 3 %
 * of their time.  So it is told to keep SLACK_KEPT; but what a burst leaves
 * behind lies below and between sessions that go on, where it does not look
 * by itself, and is given back once a burst is over.
 */
#define SLACK_KEPT ((size_t)2 << 20)

/* What sessions hold, in bytes: only the order of magnitude matters. */
struct slack {
	size_t now;
	size_t peak; /* since something was given back */
};

/* Of a process, once. */
void slack_init(void);
void slack_up(struct slack *, size_t bytes);
/* They are free already.  May take a millisecond, but not again before as
 * much has come and gone as makes that nothing. */
void slack_down(struct slack *, size_t bytes);

#endif
