#ifndef CAGENTD_WARM_H
#define CAGENTD_WARM_H

#include <sys/queue.h>

#include "cagentd/common/attempt.h"
#include "cagentd/worker/record.h"

/*
 * Connections to intermediaries that are made before there is a request for
 * them: TCP, TLS, and of SOCKS5 the greeting and the login, so that a tunnel
 * takes one round trip more.
 *
 * As many are kept of an intermediary as requests have come to it in the time
 * that it takes to make one, at the most of late: the figure fades within
 * seconds, and with no requests there are none.  An intermediary gets them
 * where that saves something (settings: warm-from), that is well and in no
 * worse tier than it was, and that has no limit of connections, which are for
 * those in use.  One that it ends is dropped, which is held against nobody;
 * how long it had borne it is how long they are kept from then on.
 */
#define WARM_FADE_US	10000000ll /* without a request */
#define WARM_LOOK_US	1000000ll
#define WARM_WINDOW_US	20000ll	   /* the least that requests are counted in */
#define WARM_AGE_US	10000000ll /* and up to a quarter less, by lot */
#define WARM_AGE_MIN_US 500000ll   /* who bears no more gets none for */
#define WARM_HOLD_US	60000000ll /* so long */
#define WARM_AGAIN_US	1000000ll  /* after one that failed; doubling */
#define WARM_DOUBLINGS	5
#define WARM_PAUSE_US	10000000ll /* when the worker is short of fds */
#define WARM_MEASURE_US 10000000ll /* how often the round trip is asked for */
#define WARM_ALL_MAX	256	   /* of all intermediaries */

struct warm;
struct warm_spot;
struct warm_making;

struct warm_conn {
	TAILQ_ENTRY(warm_conn) next;
	struct warm_spot *spot;
	struct attempt_warm made;
	struct op watch;
	int64_t since_us, until_us;
};

/* Of one intermediary, by slot. */
struct warm_spot {
	struct warm *warm;
	LIST_ENTRY(warm_spot) next; /* of those with a demand */
	bool listed;
	struct record_hop hop;
	uint32_t row; /* in the table, when last seen */
	uint16_t rank;
	TAILQ_HEAD(warm_conns, warm_conn) conns; /* by rising time */
	LIST_HEAD(, warm_making) makings;
	uint32_t n, makings_n;
	int64_t rtt_us, rtt_at_us; /* 0: never */
	int64_t setup_us;	   /* what making one takes */
	int64_t window_us;	   /* when the counting began */
	uint32_t count;		   /* of requests since */
	uint32_t demand;	   /* in 1/WARM_ONE */
	int64_t demand_us;	   /* when it was that */
	int64_t age_us;		   /* how long one may wait; 0: as all do */
	int64_t hold_us;	   /* none are made before */
	uint32_t fails;
};

struct warm {
	struct loop *loop;
	struct resolve *resolve;
	struct record *record;
	const struct table *table;
	const struct settings *settings; /* borrowed; NULL: none yet */
	struct warm_spot *spots;	 /* TABLE_ROWS_MAX, by slot */
	LIST_HEAD(, warm_spot) listed;
	uint32_t n, max; /* with those that are being made */
	int64_t hold_us;
	bool stopped;
	struct op timer;
	int64_t due_us; /* of the timer */
};

/* 0 or -ENOMEM; with no more than none, until the next call. */
int warm_init(struct warm *, struct loop *, struct resolve *, struct record *,
    const struct table *);
void warm_fini(struct warm *);
/* Of all intermediaries; WARM_ALL_MAX at most. */
void warm_max(struct warm *, uint64_t max);
/* New settings: what was made by the old ones is dropped.  To be called while
 * those are still there; they are borrowed until the next call. */
void warm_use(struct warm *, const struct settings *);
/* The table has changed. */
void warm_look(struct warm *);
/* The worker is short of descriptors: those that wait are given up. */
void warm_pause(struct warm *);
/* For good. */
void warm_stop(struct warm *);

/* A request goes to that row.  true: by this connection, the caller's. */
bool warm_take(struct warm *, uint32_t row, struct attempt_warm *);
/* One was connected to anew, and stands. */
void warm_seen(struct warm *, struct record_hop, int fd, int64_t handshake_us);

#endif
