#ifndef CAGENT_CTL_TOP_MODEL_H
#define CAGENT_CTL_TOP_MODEL_H

#include <jansson.h>
#include <stdint.h>

struct top_filter;

/*
 * One look at the agent: the answers to "tunnels", "classes" and "status", and
 * the tier table (cagent-ctl/peek.h).  NULL: there was none.  What they hold
 * may be anything.
 */
struct top_look {
	json_t *tunnels, *classes, *status, *table;
	int64_t at_us; /* monotonic */
};
/* Let go of the answers; idempotent. */
void top_look_fini(struct top_look *);

/*
 * What two looks say together: an object with a list for each view
 * (cagent-ctl/top/top_view.h), "totals", and what the later look knows of the
 * agent.  Users are sums of the tunnels that the filter's keys leave.
 *
 * Rates are of what was moved between the looks.  A tunnel that began in
 * between has moved all it has in that time, and so has a class whose count
 * fell: it was begun anew.  Of what was not there before and is older than
 * that, no rate is known (null), nor of anything without a look before.
 *
 * before: all NULL when there was none.  returns NULL when out of memory.
 */
json_t *top_model(const struct top_look *before, const struct top_look *now,
    const struct top_filter *);

/* The q-quantile of n times in rising order, by nearest rank; 0 of none. */
int64_t top_quantile(const int64_t *us, size_t n, double q);

#endif
