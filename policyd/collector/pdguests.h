#ifndef POLICYD_PDGUESTS_H
#define POLICYD_PDGUESTS_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/net.h"

/*
 * Connections that nobody has vouched for yet: so many in all and of one
 * address (of v6: one /64), so that who opens many and says nothing keeps
 * nobody else out.  One too many sends the one that has said nothing for the
 * longest away.  Pure.
 */
#define PDGUESTS_MAX	     4096
#define PDGUESTS_ADDRESS_MAX 1024
#define PDGUESTS_SLOTS	     1024

struct pdguest {
	TAILQ_ENTRY(pdguest) entry;
	TAILQ_ENTRY(pdguest) same;
	struct net_ip from;
	bool in;
	bool has_spoken; /* and waits for us: it is not sent away */
};

TAILQ_HEAD(pdguests_list, pdguest);
struct pdguests {
	struct pdguests_list all;
	struct pdguests_list slots[PDGUESTS_SLOTS];
	uint32_t n;
};

void pdguests_init(struct pdguests *);
/* Take one in.  NULL, or who has to leave for it and is in no longer: the new
 * one itself where all others have spoken. */
struct pdguest *pdguests_add(
    struct pdguests *, struct pdguest *, const struct net_ip *from);
void pdguests_remove(struct pdguests *, struct pdguest *); /* idempotent */

#endif
