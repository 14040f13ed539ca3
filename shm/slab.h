#ifndef SHM_SLAB_H
#define SHM_SLAB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/hist.h"
#include "shm/learned.h"
#include "shm/table.h"
#include "shm/tunnels.h"
#include "shm/usage.h"

/*
 * A worker's statistics: one writer (that worker, and its successors in the
 * same place), read by the control process, which takes it for hostile: it
 * copies once, clamps, and never indexes by what it read.  Counters only
 * grow, so a respawned worker and a late reader lose nothing.  A sealed
 * memfd: nobody can shrink it under a reader.
 */
#define SLAB_MAGIC	0x42414c5331ull
#define SLAB_LAYOUT	14
#define SLAB_REASONS	32    /* at least REASON_COUNT of wire/wire.h */
#define SLAB_CLASSES	16    /* of traffic */
#define SLAB_CLASS_NAME 64    /* with a NUL */
#define SLAB_PRIORITIES 8     /* of these */
#define SLAB_EAGER	0xffu /* what of eager is the enum's */

/* What the worker's bytes are moved by. */
enum slab_loop {
	SLAB_LOOP_UNKNOWN,
	SLAB_LOOP_EPOLL,
	SLAB_LOOP_URING
};

/* Does it bear a handshake that is said all at once? */
enum slab_eager {
	SLAB_EAGER_UNKNOWN,
	SLAB_EAGER_DUE,	   /* it serves in steps, and may be tried, */
	SLAB_EAGER_TRYING, /* or is */
	SLAB_EAGER_YES,
	SLAB_EAGER_NO,
	SLAB_EAGER_STATES
};

struct slab_row {
	_Atomic uint32_t incarnation; /* whose numbers these are */
	_Atomic uint32_t in_flight;   /* tunnels and attempts now */
	_Atomic uint32_t failures_in_row;
	_Atomic uint32_t last_failure;	 /* enum wire_reason */
	_Atomic int64_t last_failure_us; /* wall clock */
	_Atomic int64_t last_ok_us;
	_Atomic uint32_t eager;	  /* enum slab_eager, and the worker's notes */
	_Atomic uint32_t warm;	  /* connections that wait for a request */
	_Atomic int64_t eager_us; /* tried again from then on; monotonic */
	_Atomic int64_t fast_us;  /* no bytes in a SYN until then; monotonic */
	_Atomic uint64_t attempts;
	_Atomic uint64_t successes;
	_Atomic uint64_t charged; /* failures that are the intermediary's */
	_Atomic uint64_t hedged;  /* given up for one that was faster */
	_Atomic uint64_t failures[SLAB_REASONS]; /* all, by reason */
	_Atomic uint64_t bytes_up;
	_Atomic uint64_t bytes_down;
	struct hist connect;	/* TCP, microseconds */
	struct hist handshake;	/* from the TCP start to the tunnel */
	struct hist first_byte; /* from the tunnel to the first byte back */
};

/* Why a tunnel is of the class that it is of. */
enum slab_class_why {
	SLAB_CLASS_BY_DEFAULT,
	SLAB_CLASS_BY_RULE,
	SLAB_CLASS_BY_HISTORY,
	SLAB_CLASS_BY_BEHAVIOUR,
	SLAB_CLASS_WHYS
};

/* Why a request was refused at intermediaries that were full. */
enum slab_full {
	SLAB_FULL_AT_ONCE, /* as its class says */
	SLAB_FULL_QUEUE,   /* as many waited as may; none does in a drain */
	SLAB_FULL_LATE,	   /* it had waited as long as it may */
	SLAB_FULL_WHYS
};

/* Of one class's tunnels. */
struct slab_class {
	_Atomic uint32_t tunnels; /* now */
	_Atomic uint32_t waiting; /* requests now, for a full intermediary */
	_Atomic uint64_t began[SLAB_CLASS_WHYS]; /* in it, and why */
	_Atomic uint64_t came;			 /* from another */
	_Atomic uint64_t bytes_up, bytes_down;
	_Atomic uint64_t datagrams_dropped; /* as there was no room for them */
	_Atomic uint64_t admitted;	    /* after they waited */
	_Atomic uint64_t refused_full[SLAB_FULL_WHYS];
	struct hist waited;	    /* by those admitted */
	struct hist setup;	    /* tunnels', from the request to the path */
	char name[SLAB_CLASS_NAME]; /* whose numbers these are; the worker's */
};

struct slab {
	uint64_t magic;
	uint32_t layout;
	uint32_t worker;
	_Atomic uint32_t pid;
	_Atomic uint32_t sandbox;     /* bits of base/sandbox */
	_Atomic uint32_t loop;	      /* enum slab_loop */
	_Atomic uint32_t tunnels;     /* now */
	_Atomic uint32_t clients;     /* connections now, handshakes included */
	_Atomic uint64_t conf_serial; /* of the configuration it goes by */
	_Atomic uint64_t accepted;
	_Atomic uint64_t served; /* got a path */
	_Atomic uint64_t direct; /* of those, without an intermediary */
	_Atomic uint64_t refused[SLAB_REASONS]; /* got none, by reason */
	_Atomic uint64_t bad_handshakes;
	_Atomic uint64_t accept_pauses; /* out of fds or memory */
	_Atomic uint64_t associations;	/* of SOCKS5, in all */
	_Atomic uint64_t datagrams;	/* passed on, either way */
	_Atomic uint64_t datagrams_dropped;
	_Atomic uint64_t spliced; /* tunnels' bytes that went past its memory */
	struct slab_class classes[SLAB_CLASSES];
	/* Requests that wait for one that is full: all, and by slot and
	 * priority. */
	_Atomic uint32_t waiting;
	_Atomic uint32_t waits[TABLE_ROWS_MAX][SLAB_PRIORITIES];
	struct slab_row rows[TABLE_ROWS_MAX];
	struct learned learned;
	struct usage usage;
	struct tunnels live;
};

/* A sealed memfd that holds an empty slab; fd (read-write) or -errno.
 * *ro_fd: the same, opened for reading only.  key: of users, one for all slabs
 * that are read together. */
int slab_create(
    uint32_t worker, const uint8_t key[static USAGE_KEY_LEN], int *ro_fd);
/* Map it; 0, -errno, or -EPROTO when it is not a slab of ours. */
int slab_map(int fd, bool writable, struct slab **);
void slab_unmap(struct slab *);
/* A worker, or its successor, begins: what counts the present goes to 0 (also
 * failures in a row, users, live tunnels), what only grows stays, and what was learned. */
void slab_start(struct slab *, uint32_t pid);

/*
 * The worker's row for a table row: starts it afresh when the slot has a new
 * tenant.  NULL when slot is out of range.  A tunnel that began under another
 * incarnation must not touch the row: compare row->incarnation first.
 */
struct slab_row *slab_row(struct slab *, uint32_t slot, uint32_t incarnation);

/* The class of that number (below SLAB_CLASSES) goes by that name: if it was
 * another's, what only grows begins anew. */
void slab_class_is(struct slab *, uint32_t class, const char *name);

/*
 * A reader's copy of a row with every value clamped to what is possible;
 * plain numbers.  No counter of outcomes exceeds attempts, which is to be
 * counted first.
 */
struct slab_sample {
	uint32_t incarnation, in_flight, failures_in_row, last_failure, warm;
	enum slab_eager eager;
	int64_t last_failure_us, last_ok_us;
	uint64_t attempts, successes, charged, hedged, bytes_up, bytes_down;
	uint64_t failures[SLAB_REASONS];
	uint32_t connect[HIST_BUCKETS], handshake[HIST_BUCKETS],
	    first_byte[HIST_BUCKETS];
};
/* now_us: wall clock; later times are clamped to it.  All zero (incarnation 0)
 * when slot is out of range or the row is nobody's or just changing hands. */
void slab_sample(const struct slab *, uint32_t slot, int64_t now_us,
    struct slab_sample *out);

/* The one number of a row that is wanted at every pick, clamped as above. */
uint32_t slab_in_flight(const struct slab *, uint32_t slot);

/* Does any request wait for that slot whose priority is less than below?  The
 * lower, the sooner it goes. */
bool slab_waits(const struct slab *, uint32_t slot, uint32_t below);

/* Single-writer increments (relaxed: no read-modify-write on the bus). */
void slab_add(_Atomic uint64_t *, uint64_t n);
void slab_up(_Atomic uint32_t *);
void slab_down(_Atomic uint32_t *); /* never below 0 */

#endif
