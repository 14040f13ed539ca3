#ifndef CAGENTD_RECORD_H
#define CAGENTD_RECORD_H

#include <stdint.h>

#include "cagentd/decide/path.h"
#include "shm/slab.h"
#include "wire/wire.h"

/*
 * Where a worker writes down what happened: its slab, for the control process
 * and the operator, and its own loads, for its next pick.  A charged failure
 * wakes the control process.
 */
struct record {
	struct slab *slab;
	struct path_load *loads; /* TABLE_ROWS_MAX, by slot */
	int wake_fd;		 /* eventfd; -1: none */
	struct path_memo *memo;	 /* of the picks by these loads; NULL: none */
	/* NULL, or told when a connection has ended. */
	void (*left)(void *arg);
	void *arg;
};

/* An intermediary, in a form that outlives the table's next change. */
struct record_hop {
	uint32_t slot;
	uint32_t incarnation;
};

/* The worker's row of it; NULL when the slot has a new tenant by now. */
struct slab_row *record_row(struct record *, struct record_hop);

/* An attempt begins: it is in flight from here until record_leave(). */
void record_enter(struct record *, struct record_hop);
void record_leave(struct record *, struct record_hop);

/* The attempt is one of a half-open intermediary's few trials. */
void record_trial(struct record *, struct record_hop, int64_t now_us);
void record_trial_over(struct record *, struct record_hop);

/* It serves: connect and handshake time, and when the handshake was done. */
void record_ok(struct record *, struct record_hop, int64_t connect_us,
    int64_t handshake_us, int64_t stood_us);
/* It serves on a connection that had served before, which says neither how
 * fast nor whether another can be had. */
void record_ok_again(struct record *, struct record_hop);
/* It failed; charged when the intermediary is to blame. */
void record_failed(struct record *, struct record_hop, enum wire_reason,
    bool charged, int64_t now_us);
/* It was given up after that time, because another was faster: nobody's
 * fault, but the next pick knows. */
void record_outrun(
    struct record *, struct record_hop, int64_t waited_us, int64_t now_us);
void record_first_byte(struct record *, struct record_hop, int64_t us);
void record_bytes(
    struct record *, struct record_hop, uint64_t up, uint64_t down);

#endif
