#ifndef CAGENTD_WHO_MASTER_H
#define CAGENTD_WHO_MASTER_H

#include "base/chan.h"
#include "cagentd/worker/who/who.h"

/* The questions of who.h to the master, and its answers. */

/* chan: the worker's to the master, which is there by the first question. */
void who_master(struct who *, struct chan **chan);
/* A MSG_SERVICE. */
void who_master_answer(struct who *, const struct chan_msg *);

#endif
