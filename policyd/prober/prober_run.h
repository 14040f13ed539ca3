#ifndef POLICYD_PROBER_RUN_H
#define POLICYD_PROBER_RUN_H

#include "names/names.h"
#include "policyd/common/pdmsg.h"
#include "policyd/common/probelist.h"
#include "probe/load_fetch.h"
#include "probe/probe.h"

struct pdconf_load;
struct pdchild_login;

/*
 * One look at one intermediary: find its address, probe it, and beside that
 * ask it for its load.
 */
#define PROBER_IPS_MAX 8

struct prober_ask {
	/* All borrowed until the end. */
	const struct probelist_item *item;
	const struct pdchild_login *login; /* NULL: none */
	const struct pdconf_load *load;	   /* NULL: it tells none */
	const struct query *query;
	int64_t timeout_us; /* of all but the rate, which has as long again */
	int64_t rate_bytes; /* 0: no rate */
	/* As they were the last time, for when no name server answers. */
	struct net_ip ips[PROBER_IPS_MAX];
	uint32_t ips_n;
};

struct prober_result {
	struct probe_result probe;
	/* Its address could not be found out, or we are out of something: not
	 * its fault. */
	bool ours;
	enum pdmsg_load load;
	uint16_t load_percent;
};

struct prober_run;
typedef void prober_run_fn(struct prober_run *, const struct prober_result *);

/* Embedded by its owner; zeroed before first use. */
struct prober_run {
	struct loop *loop;
	struct names *names;
	prober_run_fn *done; /* NULL: nothing is under way */
	struct prober_ask ask;
	struct prober_result r;
	enum prober_part {
		PROBER_ENDED,
		PROBER_NAMING, /* finding the address */
		PROBER_GOING
	} probing, loading;
	int64_t end_us;
	struct op timer;
	struct probe probe;
	struct load_fetch fetch;
};

/* done() comes once, never before this returns.  It comes with the probe's
 * failure, or else when also the load is known or late.  0 or -ENOMEM. */
int prober_run_start(struct prober_run *, struct loop *, struct names *,
    const struct prober_ask *, prober_run_fn *done);
/* No callback comes after this.  Idempotent. */
void prober_run_cancel(struct prober_run *);

#endif
