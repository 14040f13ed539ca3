#ifndef CAGENTD_WORKER_MEMORY_H
#define CAGENTD_WORKER_MEMORY_H

#include <stdint.h>

#include "cagentd/common/child.h"
#include "shm/slab.h"
#include "shm/traffic.h"

/* The memory that a worker has together with others. */
struct memory {
	uint32_t index; /* this worker's */
	/* Its own can be written, the others' are hostile input; NULL where
	 * there is none. */
	struct slab *slabs[SETTINGS_WORKERS_MAX];
	struct traffic *traffic; /* NULL: it cannot be had */
};

/* At the start: what the master gave.  Exits with ROLES_EXIT_SLAB if its own
 * slab is none. */
void memory_map(struct memory *, uint32_t index, const struct child_start *);
/* Later: slabs of others, that a MSG_SLAB brings. */
void memory_take_slabs(struct memory *, const struct chan_msg *);
void memory_unmap(struct memory *);

#endif
