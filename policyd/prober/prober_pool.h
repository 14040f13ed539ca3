#ifndef POLICYD_PROBER_POOL_H
#define POLICYD_PROBER_POOL_H

#include "policyd/common/pdmsg.h"
#include "policyd/common/probelist.h"

struct loop;
struct names;
struct pdconf;
struct pdchild_login;

/*
 * All that is to be probed, and the probes under way: never more than the
 * configuration's max-probes, whatever is listed; what is due beyond that
 * waits its turn, the longest due first.
 */
struct prober_pool_owner {
	struct loop *loop; /* all borrowed */
	struct names *names;
	const struct pdconf *conf;
	const struct pdchild_login *logins;
	uint32_t logins_n;
	void (*probed)(void *arg, const struct pdmsg_probed *);
	void *arg;
};

struct prober_pool;
/* 0 or -ENOMEM. */
int prober_pool_new(struct prober_pool **, const struct prober_pool_owner *);
void prober_pool_free(struct prober_pool *); /* NULL allowed */

/* From here on these and no others; those that stay as they are keep their
 * turn.  0, or -ENOMEM: some are left out. */
int prober_pool_list(struct prober_pool *, const struct probelist *);
/* Somebody new listens: probe all now. */
void prober_pool_again(struct prober_pool *);

#endif
