#ifndef PROBE_SERIES_H
#define PROBE_SERIES_H

#include <sys/queue.h>

#include "probe/opts.h"
#include "probe/probe.h"

/*
 * All that the command was asked for: for each intermediary and target a
 * series of probes, one after the other; of different series several at once.
 */
#define SERIES_IPS_MAX 8 /* addresses of one name that are tried */

struct series_set;

struct series {
	struct series_set *set;
	const struct url_hop *hop; /* borrowed */
	struct query query;
	uint32_t target; /* its number; the same for all without a target */
	struct net_ip ips[SERIES_IPS_MAX];
	struct probe_via via;
	const char *unknown; /* why its name gave no address, or NULL */
	struct probe_result *results;
	uint32_t n;
	struct probe probe;
	struct op timer;
	TAILQ_ENTRY(series) entry; /* while it waits for its turn */
};

TAILQ_HEAD(series_queue, series);

struct series_set {
	const struct opts *opts; /* borrowed */
	struct loop *loop;
	struct series *all;
	uint32_t all_n, active, parallel;
	uint32_t ended, failed; /* probes */
	struct series_queue queue;
	/* Called after each probe, and before each look-up; or NULL. */
	void (*news)(void *arg, const struct series_set *, const char *what);
	void *arg;
};

/* 0 or -ENOMEM.  opts, loop, news and arg are set in *set. */
int series_init(struct series_set *);
/* Look up all names: blocks.  What is not found fails all its probes. */
void series_look_up(struct series_set *);
/* Start them: loop_stop() is called after the last.  0 or -ENOMEM. */
int series_start(struct series_set *);
/* Ends what is under way; NULL pointers inside are allowed. */
void series_fini(struct series_set *);

/* How many probes there are to be. */
uint32_t series_total(const struct series_set *);

#endif
