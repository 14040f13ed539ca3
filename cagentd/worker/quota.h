#ifndef CAGENTD_QUOTA_H
#define CAGENTD_QUOTA_H

#include <stdint.h>

#include "base/logpace.h"
#include "cagentd/decide/classify.h"
#include "shm/slab.h"

/*
 * How much of this agent one user may have at a time: connections, and
 * requests in a while.  A user is the login; without one the uid, by the
 * kernel's word; without either the source address, of IPv6 its /64.  Counted
 * over all workers: each counts in its own slab and reads the others'.
 *
 * Connections never exceed the limit: of two workers that let in the last one
 * in the same instant, both may refuse it.  A reload holds for connections
 * that come after it; what was open before limits were set is not counted.
 *
 * Of requests at most `burst` are let through in any span of burst/rate
 * seconds, as a sliding window has it, and one more for each other worker that
 * decides in the same instant.
 */
struct quota {
	struct slab *own;
	/* Of all workers, NULL where there is none; borrowed, and may change
	 * between calls. */
	struct slab *const *slabs;
	struct logpace pace;
};

enum quota_answer {
	QUOTA_OK,
	QUOTA_CONNECTIONS, /* has as many as it may */
	QUOTA_RATE	   /* asks too often */
};

/* A connection's place in the count, in its owner's memory; zeroed: none. */
struct quota_seat {
	struct usage_entry *entry; /* in our slab; NULL: not counted */
	uint64_t hash;
	bool said;			  /* that it has none */
	int64_t connections, rate, burst; /* its limits; 0: none */
};

void quota_init(struct quota *, struct slab *own, struct slab *const *slabs);

/*
 * Count a connection, once it is known whose it is; again when more is known
 * (a login): one that is another user's now moves there.  Any answer but OK
 * leaves it without a seat, and nothing to leave.
 */
enum quota_answer quota_enter(struct quota *, const struct settings *,
    const struct client *, struct quota_seat *, int64_t now_us);
/*
 * Count a request of that connection: each tunnel, each HTTP request of a
 * persistent connection.  QUOTA_RATE: it was not counted, and would pass
 * *retry_us from now if nobody else asked.
 */
enum quota_answer quota_request(struct quota *, const struct quota_seat *,
    int64_t now_us, int64_t *retry_us);
/* The connection ends; idempotent. */
void quota_leave(struct quota_seat *);

/* By what name a user is counted and shown: "login alice", "uid 1000",
 * "192.0.2.1", "2001:db8::/64". */
const char *quota_name(
    const struct client *, char out[static USAGE_NAME_MAX + 1]);

#endif
