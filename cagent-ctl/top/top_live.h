#ifndef CAGENT_CTL_TOP_LIVE_H
#define CAGENT_CTL_TOP_LIVE_H

struct call;
struct top_wish;

/* Show it on the terminal until there is enough of it; verb_exit.  An agent
 * that cannot be asked at first is a failure; later it is waited for. */
int top_live(const struct call *, const struct top_wish *);

#endif
