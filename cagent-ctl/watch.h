#ifndef CAGENT_CTL_WATCH_H
#define CAGENT_CTL_WATCH_H

struct call;

/* Run the call's command again and again: on a terminal in place, else one
 * answer after the other.  Ends when nobody reads any more; an interrupt ends
 * the process with 0.  Returns enum verb_exit. */
int watch_run(const struct call *);
/* From now on SIGINT and SIGTERM end the process with 0. */
void watch_end_on_interrupt(void);

#endif
