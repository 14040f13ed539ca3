#ifndef CAGENTD_DIAL_WAIT_H
#define CAGENTD_DIAL_WAIT_H

#include "cagentd/worker/dial/dial.h"

/*
 * Dials that wait for intermediaries at their connection limits.  They are
 * looked at in the order of admit.h when a connection of this worker ends, and,
 * as it may be another worker's that does, every DIAL_WAIT_LOOK_US while
 * anybody waits.
 */
#define DIAL_WAIT_LOOK_US 50000

struct dial_queue {
	struct admit admit;
	struct loop *loop;
	struct op timer;
	bool hurried; /* the timer is ahead of the next look at all */
	bool draining;
	int64_t look_us; /* at all of them */
};

void dial_queue_init(struct dial_queue *, struct loop *, struct slab *own,
    struct slab *const *slabs, uint32_t slabs_n);
/* A connection to some intermediary has ended: who waits is looked at. */
void dial_queue_left(void *queue);
/* Who waits is refused, and so are those who would. */
void dial_queue_drain(struct dial_queue *);
void dial_queue_fini(struct dial_queue *);

/* For dial*.c alone. */

/* 0 with the pick that is its turn; -ENOENT: none is full any more, nor is
 * there one; -ETIMEDOUT: it has waited long enough. */
typedef void dial_waited_fn(struct dial *, int error, const struct path_pick *);

/* What the settings of the request say of its class. */
const struct settings_class *dial_wait_class(const struct dial *);
/* Wait for those of dial.full; false, and counted, when it may not. */
bool dial_wait(struct dial *, dial_waited_fn *);
void dial_wait_leave(struct dial *); /* idempotent */
/* Around a choice: who goes before it has what it waits for. */
void dial_wait_ask(struct dial *);
void dial_wait_asked(struct dial *);

#endif
