#ifndef CAGENTD_WEB_POOL_H
#define CAGENTD_WEB_POOL_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "cagentd/worker/dial/dial.h"

/*
 * Connections to upstream that have served and may again: straight to an
 * origin, to an HTTP intermediary, or to an origin through an intermediary.
 * One that upstream ends, or on which it says what nobody asked for, is
 * dropped, and so are the oldest when there are too many or they are too old.
 */
#define WEB_POOL_IDLE_US 15000000
#define WEB_POOL_MAX	 64

struct web_pool_entry {
	TAILQ_ENTRY(web_pool_entry) next;
	struct web_pool *pool;
	struct stream stream; /* owned */
	struct op watch;
	bool direct, bare;
	struct record_hop hop; /* unless direct */
	struct wire_host host; /* unless bare */
	int64_t since_us;
};

struct web_pool {
	struct loop *loop;
	TAILQ_HEAD(web_pool_list, web_pool_entry) idle; /* by rising age */
	uint32_t n, max;
	struct op timer;
};

/* max: how many are kept, 0: none; never more than WEB_POOL_MAX. */
void web_pool_init(struct web_pool *, struct loop *, uint64_t max);
/* Keep what has stood by that try; the stream is the pool's from here on. */
void web_pool_put(struct web_pool *, struct stream, const struct dial_try *,
    const struct wire_host *);
/* The one that was put last of those that serve that try to that host, or
 * STREAM_NONE. */
struct stream web_pool_take(
    struct web_pool *, const struct dial_try *, const struct wire_host *);
/* Drop all of them. */
void web_pool_clear(struct web_pool *);

#endif
