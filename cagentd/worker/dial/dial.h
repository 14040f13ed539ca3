#ifndef CAGENTD_DIAL_H
#define CAGENTD_DIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "cagentd/common/attempt.h"
#include "cagentd/decide/budget.h"
#include "cagentd/decide/path.h"
#include "cagentd/worker/dial/admit.h"
#include "cagentd/worker/record.h"

/*
 * From a verdict to a standing path: of a plain HTTP request by its service,
 * then by its caches, then direct where the verdict says so, then ranked
 * intermediaries, inside one deadline.  Only the last step is repeated (patent
 * [0034]).
 *
 * Hedging: an attempt at an intermediary that takes longer than is usual in
 * its tier gets another one beside it, as far as the budget goes.  The first
 * of the two that stands is the path; the other is given up, which is held
 * against nobody but remembered as slow by this worker.
 *
 * Blame: an intermediary that could not be reached, broke its protocol or
 * refused our login is charged at once.  One that answered for the
 * destination, was silent or hung up after it was asked is charged only when
 * another path then proves that the destination can be reached, by its first
 * byte: there are intermediaries that report a success whatever comes.
 */
#define DIAL_ATTEMPTS_MAX 8 /* beside a service's and a cache's */
#define DIAL_TRIES_MAX	  (DIAL_ATTEMPTS_MAX + 2)

/* How long, and how often, one looks for the table that belongs to a
 * configuration that has just come. */
#define DIAL_TABLE_US	   1000000
#define DIAL_TABLE_LOOK_US 5000

struct dial_queue;
struct dial_try;
struct warm;

/* What a dial needs of its worker; all borrowed for the dial's life. */
struct dial_env {
	struct loop *loop;
	struct resolve *resolve;
	struct record *record;
	struct budget *budget;
	const struct table *table;
	const struct path_index *index;
	/* Called before each pick: may bring table and index up to date. */
	void (*refresh)(void *arg);
	uint32_t (*in_flight)(void *arg, uint32_t slot);
	/* NULL, or asked before an attempt of a dial that may reuse: an idle
	 * connection for that try (direct, bare, or a tunnel to host by its
	 * intermediary), or STREAM_NONE.  The dial's from then on. */
	struct stream (*idle)(
	    void *arg, const struct dial_try *, const struct wire_host *host);
	struct warm *warm; /* connections made beforehand; NULL: none */
	/* Who waits for full intermediaries; NULL: nobody does, and the next
	 * tier is taken, whatever the class says. */
	struct dial_queue *queue;
	/* NULL, or told of each pick: what it was made from, the seed as it was
	 * before, and what it came to (NULL: none). */
	void (*decided)(void *arg, const struct path_query *,
	    uint64_t seed_before, const struct path_pick *);
	void *arg;
	uint64_t *seed;
};

struct dial_try {
	bool direct;
	bool bare;   /* to an HTTP intermediary itself: no tunnel through it */
	bool reused; /* on a connection that has served before */
	struct record_hop hop;
	char name[TABLE_NAME_MAX + 1]; /* "direct", or the intermediary */
	uint16_t rank;
	bool trial;
	bool hurried; /* the deadline left it too little time to be judged */
	bool stood;   /* but broke before its first byte */
	bool unasked; /* and before the client had said a word */
	bool settled; /* the blame for it is */
	enum wire_reason reason;
	int code;
	int64_t connect_us, handshake_us;
	int64_t stood_us; /* when the handshake was done */
};

struct dialed {
	enum wire_reason reason; /* REASON_OK, or the truest of what was met */
	struct stream stream;
	struct buf *early;
	struct wire_host bound; /* of an association: its relay */
	/* Of the try that stands; an intermediary is in flight until the
	 * owner says record_leave(). */
	const struct dial_try *try; /* NULL unless REASON_OK */
};

struct dial;
typedef void dial_fn(struct dial *, struct dialed *);

struct dial_request { /* all borrowed until the end */
	const struct settings *settings;
	const struct wire_host *host; /* NULL for an association */
	const struct verdict *verdict;
	/* An intermediary is to relay datagrams: never direct, and what it says
	 * once it was asked is charged to nobody, as it may serve tunnels well
	 * all the same. */
	bool associate;
	int client; /* is watched while the loop has no op on it; -1: none */
	/* It is a plain HTTP request: HTTP intermediaries get it themselves
	 * (bare) instead of a CONNECT, and where reuse is set, too, idle
	 * connections may be taken. */
	bool web, reuse;
};

/* One attempt under way, and what it was picked for. */
struct dial_leg {
	struct dial *dial;
	struct attempt attempt;
	char host[NET_HOST_MAX + 1];
	uint32_t at; /* its try */
	struct path_pick pick;
	char rival[TABLE_NAME_MAX + 1]; /* whom it was picked before */
};

struct dial {
	const struct dial_env *env;
	const struct settings *settings;
	const struct wire_host *host;
	bool associate;
	struct verdict verdict;
	int client;
	struct op gone;
	int64_t deadline_us;
	dial_fn *done;
	struct dial_leg leg;
	struct dial_leg *hedge; /* the one beside it; NULL: none is needed */
	struct op hedge_timer;
	struct path_tried tried[DIAL_TRIES_MAX];
	uint32_t tried_n;
	struct dial_try tries[DIAL_TRIES_MAX];
	uint32_t tries_n;
	uint32_t standing;   /* the try whose path stands */
	uint32_t steps_done; /* bits of enum table_duty */
	/* What the last choice was for, and who was only full there. */
	enum table_duty chose;
	struct path_full full;
	struct admit_place place; /* among those who wait */
	void (*waited)(struct dial *, int, const struct path_pick *);
	bool web, reuse;
	bool running;
	bool starting; /* inside dial_start(): no callback yet */
	enum wire_reason ended;
};

/*
 * Zeroed before first use.  done() comes once, never before this returns;
 * with REASON_CANCELLED when the client has gone: that is looked for from the
 * second try on, as most first ones are over in no time.  The end of its
 * stream alone is none, it may still read.
 */
void dial_start(struct dial *, const struct dial_env *,
    const struct dial_request *, dial_fn *);
/*
 * What became of the path that stands, by an intermediary: REASON_OK when its
 * first byte has come, or why none came before the end, which is nobody's
 * fault.  Without this call nothing is recorded of it.
 * asked: the client had said something before that byte.
 */
void dial_judge(struct dial *, enum wire_reason, bool asked);
/*
 * Instead: go on with a request whose path broke before its first byte, or
 * brought none in time.  What was tried stays tried, and the path's own try
 * failed as broke says.  A silence that the client has not broken either is
 * held against an intermediary only if the destination then speaks first by
 * another path.  The owner has said record_leave() for it.
 */
void dial_again(struct dial *, enum wire_reason broke, bool asked, dial_fn *);
/*
 * Instead: the path that stands was on a connection that had served before
 * (reused), and that was at its end already: as if it had never been tried,
 * another one is sought, and none that was used.  As with dial_again(), the
 * owner has said record_leave() for it.
 */
void dial_fresh(struct dial *, dial_fn *);
/* How long the path that stands is to be waited for, from when the client has
 * said something; 0: for ever, since one was already given up for silence. */
int64_t dial_patience_us(const struct dial *);
/* May its silence be answered by dial_again(), and is there anything that this
 * would try?  Counted if so; with nothing left of the budget still, when its
 * intermediary has failed others.  asked: the client has said something. */
bool dial_may_replace(struct dial *, bool asked);
void dial_cancel(struct dial *);

/* Why the path that stands was chosen, in words.  returns out. */
const char *dial_why(const struct dial *, char *out, size_t size);
/* "hq-1 (tier 1): the intermediary did not answer, 3000 ms\n" a line; len
 * without the NUL. */
size_t dial_report(const struct dial *, char *out, size_t size);

#endif
