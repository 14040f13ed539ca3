#ifndef CAGENTD_LEARN_H
#define CAGENTD_LEARN_H

#include <stdbool.h>
#include <stdint.h>

#include "cagentd/common/attempt.h"
#include "conf/settings.h"
#include "cagentd/decide/classify.h"
#include "shm/learned.h"

/*
 * Which destinations answer without an intermediary, found out without a
 * client's waiting for it: once one has answered through an intermediary, a
 * connection straight to it is tried in the background and closed again.  If
 * it stood, the next requests go directly first, until that fails or
 * [direct] learn-age has passed without use.
 *
 * Only inside [direct] learn, and only for requests that no rule and no list
 * has sent anywhere.
 */
#define LEARN_PARALLEL 4  /* connections tried at once */
#define LEARN_RATE     20 /* a second; what is over waits for the next tunnel */

struct learn;

struct learn_try {
	struct learn_try *self; /* for a callback that gets this as const */
	struct learn *learn;
	struct settings *settings; /* a reference; NULL: a free place */
	struct wire_host host;
	char name[NET_HOST_MAX + 1]; /* where TCP goes */
	bool outside;		     /* an address that may not be learned */
	struct attempt attempt;
};

struct learn {
	struct loop *loop;
	struct resolve *resolve;
	struct learned *store; /* ours to write */
	int64_t second_us;     /* LEARN_RATE counts from here */
	uint32_t second_n;
	struct learn_try tries[LEARN_PARALLEL];
};

/* Zeroed before; all is borrowed. */
void learn_init(
    struct learn *, struct loop *, struct resolve *, struct learned *store);
void learn_fini(struct learn *);

/* NULL instead of a struct learn: nothing is ever learned. */

/* After classify(): may make the verdict direct_first and learned. */
void learn_consult(struct learn *, const struct settings *,
    const struct wire_host *, struct verdict *);
/* A path has answered, directly or through an intermediary. */
void learn_proved(struct learn *, struct settings *, const struct wire_host *,
    const struct verdict *, bool direct);
/*
 * The direct try of a learned destination has failed, lost against an
 * intermediary (REASON_CANCELLED), or broke before its first byte: it is
 * forgotten.  reached: by other means; else it is not known to be the fault of
 * the direct way, which may then be tried again at the next occasion.
 */
void learn_failed(struct learn *, const struct settings *,
    const struct wire_host *, enum wire_reason, bool reached);

#endif
