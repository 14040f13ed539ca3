#ifndef CAGENTD_WORKER_LOOP_H
#define CAGENTD_WORKER_LOOP_H

#include "conf/settings.h"
#include "shm/slab.h"

struct loop;

/* By the key event-loop; io_uring is to be had before the sandbox or never.
 * 0 or -errno. */
int worker_loop_new(struct loop **, const struct settings *);
/* What it has become, to be told. */
enum slab_loop worker_loop_kind(const struct loop *);

#endif
