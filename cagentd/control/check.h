#ifndef CAGENTD_CHECK_H
#define CAGENTD_CHECK_H

#include <stdint.h>

#include "base/loop.h"
#include "cagentd/control/ranking.h"

struct resolve;

/*
 * Active checks of intermediaries: the handshake that workers make, by the
 * control process alone, so that their number does not grow with the number
 * of workers.  Which and when is decide/due.h's, what comes of them goes into
 * the ranking.  What is due and exceeds these limits waits.
 */
#define CHECK_PARALLEL 8  /* at once */
#define CHECK_RATE     10 /* a second, over time */
#define CHECK_BURST    10 /* after a time of rest */

struct check;

struct check_owner {
	struct loop *loop; /* all borrowed */
	struct resolve *resolve;
	struct ranking *ranking;
	/* Called when a check has ended, and before one is begun: a
	 * ranking_step() is worth while. */
	void (*look)(void *arg);
	void *arg;
};

/* 0 or -ENOMEM. */
int check_new(struct check **, const struct check_owner *);
void check_free(struct check *); /* NULL allowed; ends what is under way */

/* The settings in force, from here on; borrowed until the next. */
void check_settings(struct check *, struct settings *);
/* After each ranking_step(): see to it that what is due is checked. */
void check_step(struct check *);

#endif
