#ifndef CAGENTD_RELAY_H
#define CAGENTD_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/stream.h"

struct buf;
struct pipe;
struct lane;
struct pipes;
struct turns;

/*
 * Move bytes between two streams until both have ended, one breaks, or
 * nothing has moved for the idle time.  Each direction ends on its own
 * (half-close); one that cannot be sent on stops being read (back-pressure),
 * so that a tunnel holds at most one receive's bytes a direction, and none
 * when idle.  One that turns out to be bulk goes through a pipe, past our
 * memory (splice(2)), and then holds at most a pipe's content.  What ends in another way than that is told by a reset, once
 * what came before it is with the peer: it must not look complete.
 */
enum relay_side {
	RELAY_CLIENT,
	RELAY_UPSTREAM
};

enum relay_end {
	RELAY_CLOSED, /* both directions ended */
	RELAY_BROKE,  /* a reset or an error; side says where */
	RELAY_IDLE,
	RELAY_UNANSWERED, /* upstream ended or broke before its first byte,
			     and the flight is still whole, or stillborn:
			     before the client said a word */
	RELAY_STALLED,	  /* likewise, but it is just silent */
	RELAY_NO_MEMORY
};

/* The direction that starts at a side. */
enum relay_flow {
	FLOW_READING,
	FLOW_SENDING,  /* what could not be sent at once; not reading */
	FLOW_FILLING,  /* bulk: waiting for bytes, without a pipe */
	FLOW_RESTING,  /* it has moved more than it may by now; not reading */
	FLOW_EMPTYING, /* bulk: waiting for room, to go on with what is in the
			  pipe, if anything; not reading */
	FLOW_ENDED
};

struct relay_end_point {
	struct stream stream; /* owned; none once closed */
	struct op recv, send; /* send: what came from the other side */
	uint64_t bytes;	      /* received from here */
	struct pipe *pipe;    /* with what came from here; NULL: none */
	struct lane *lane;    /* its place among others; NULL: none yet */
	uint8_t flow;	      /* enum relay_flow */
	uint8_t which;	      /* enum relay_side: this one */
	bool deaf : 1;	      /* it takes no more: a send to it failed */
	bool bulk : 1;	      /* what comes from here goes by pipe */
	bool never : 1;	      /* splice(2) does not like it */
	bool moves : 1;	      /* something, since the last look */
	/* How fast: in whole KiB, since ... */
	uint16_t burst_kib;
	uint16_t burst_ms; /* low bits; bulk: when something moved last */
};

struct relay;
typedef void relay_fn(struct relay *, enum relay_end, enum relay_side where);
/* So many bytes have come from there, and are on their way. */
typedef void relay_moved_fn(struct relay *, enum relay_side from, size_t len);

struct relay {
	struct loop *loop;
	relay_fn *done;
	struct pipes *pipes; /* NULL: never by splice */
	struct turns *turns; /* NULL: served as it comes */
	struct relay_end_point side[2];
	struct op timer;
	int64_t idle_us;
	int64_t bulk_us;  /* when to look at what is bulk; 0: nothing is */
	int64_t moved_us; /* when a byte last moved */
	int64_t started_us;
	bool keep_flight;
	bool replay_any;
	int64_t patience_us;
	void (*answered)(struct relay *);
	bool (*stalled)(struct relay *);
	relay_moved_fn *moved;
	int64_t first_byte_us; /* from the start to upstream's first; 0: none */
	struct buf *flight;    /* the client's first bytes, while unanswered */
	enum relay_side broken; /* while the other side is flushed */
	uint32_t unsent;
	bool running;
	uint8_t class; /* of traffic */
	uint64_t user; /* whose limits are its, too */
};

/* The most of a first flight that is kept. */
#define RELAY_FLIGHT_MAX (16 * 1024)
/* A silent tunnel that ends so soon had no path; one that ends later met a
 * destination that would not wait. */
#define RELAY_STILLBORN_US 1000000
/* Before a reset: how often it is looked whether the peer has got what was
 * sent, and for how long without any progress. */
#define RELAY_FLUSH_LOOK_US 10000
#define RELAY_FLUSH_US	    5000000

/* A direction is bulk that has brought so much in receives of a KiB or more,
 * within such a time: 13 MB/s ... */
#define RELAY_BULK_KIB 256
#define RELAY_BULK_MS  20
/* ... until it has moved less than this between two looks. */
#define RELAY_QUIET_KIB 256
#define RELAY_LOOK_US	100000
#define RELAY_LOOKS	1000 /* at one time */
/* One turn of the loop moves about so much in one direction, and goes to
 * others then. */
#define RELAY_TURN_BYTES (2u * 1024 * 1024)
/* What is stuck in a pipe for so long moves to a buffer if it is no more than
 * this: pipes are few. */
#define RELAY_STUCK_MS	1000
#define RELAY_STUCK_LEN (256u * 1024)

/* Of what is limited, by the rate that it may come to: the window by which it
 * is received, for a round trip and this; how much of it may wait in the kernel
 * to be sent, for so long; and how often that rate it may be sent at. */
#define RELAY_WINDOW_US	   10000
#define RELAY_WINDOW_LEAST (8 * 1024)
/* Of segments, which are of 64 KiB on the loopback: fewer would wait for
 * timers. */
#define RELAY_WINDOW_SEGMENTS 4
#define RELAY_WINDOW_MOST     (4 * 1024 * 1024)
#define RELAY_NOTSENT_US      20000
#define RELAY_NOTSENT_LEAST   (8 * 1024)
#define RELAY_NOTSENT	      (128 * 1024)
#define RELAY_PACING	      2
/* Much for what passes by all that is in line, in the time of a look. */
#define RELAY_GREED (16 * 1024)
/* What waits on the way there is worked off in such a time, but for so much,
 * which may be anything. */
#define RELAY_DRAIN_US 500000
#define RELAY_QUEUE_US 10000
/* It may wait behind the link, too, where nothing here helps: no more than this
 * is held against who sends. */
#define RELAY_QUEUE_MOST_US 250000
/* The path's round trip is asked for at every so many looks. */
#define RELAY_RTT_LOOKS 16

struct relay_start {
	/* Owned by the relay from here on; the client's is an fd. */
	int client;
	struct stream upstream;
	struct buf *to_client;	 /* to be sent first, or NULL; taken */
	struct buf *to_upstream; /* likewise: payload the client sent early */
	size_t early;		 /* payload bytes in to_client */
	struct pipes *pipes;	 /* borrowed; NULL: never by splice */
	struct turns *turns;	 /* borrowed; NULL: without limits */
	uint64_t user;		 /* for turns: see struct pace_flow */
	uint8_t class;
	int64_t idle_us;
	bool keep_flight; /* for RELAY_UNANSWERED and RELAY_STALLED */
	bool replay_any;  /* whatever it is: the owner knows the protocol */
	/* How long upstream may be silent after the client's last word before
	 * stalled() is asked, every so often, whether to end the relay with
	 * RELAY_STALLED; 0: never. */
	int64_t patience_us;
	bool (*stalled)(struct relay *);
	/* Upstream's first byte has come, so that RELAY_UNANSWERED can not;
	 * never called with early > 0.  NULL: nobody asks. */
	void (*answered)(struct relay *);
	relay_moved_fn *moved; /* NULL: nobody asks */
};

/*
 * Zeroed before first use.  Calls done() once, with both fds closed, but for
 * RELAY_UNANSWERED and RELAY_STALLED: then the client's fd is open and is taken by
 * relay_take_client(), the flight (NULL: it is empty) by relay_take_flight().
 */
void relay_start(
    struct relay *, struct loop *, const struct relay_start *, relay_fn *done);
/* It is of another class of traffic from here on. */
void relay_set_class(struct relay *, uint8_t class);
/* Reset both ends; no callback comes after this.  Idempotent. */
void relay_cancel(struct relay *);
const char *relay_end_text(enum relay_end, enum relay_side where);
int relay_take_client(struct relay *);
struct buf *relay_take_flight(struct relay *);

/* Pure: may these first bytes be sent a second time?  A TLS ClientHello
 * without early data, or the head of one HTTP request with a safe method (RFC
 * 9110 section 9.2.1) and nothing behind it. */
bool relay_replayable(const uint8_t *data, size_t len);

#endif
