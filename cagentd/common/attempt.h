#ifndef CAGENTD_ATTEMPT_H
#define CAGENTD_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/stream.h"
#include "cagentd/common/race.h"
#include "cagentd/common/resolve.h"
#include "wire/hop.h"

struct buf;
struct tls_client;

/*
 * One attempt at one path: resolve where TCP goes if that is a name, connect
 * to one of its addresses by race.h, and shake hands with the intermediary
 * unless the path is direct.
 */
struct attempt_target {
	bool direct;
	const char *host; /* where TCP goes; borrowed */
	uint16_t port;
	enum hop_type type; /* unless direct */
	bool associate;	    /* it is asked to relay datagrams; dest is NULL */
	bool bare;   /* an intermediary, but no handshake: TCP, and TLS */
	bool secure; /* by TLS, */
	struct tls_client *tls;	      /* borrowed; NULL: so it must fail */
	const char *user, *password;  /* borrowed; NULL: no login */
	const struct wire_host *dest; /* borrowed */
	/* Of the addresses of a name, which may be connected to?  NULL: all. */
	bool (*may)(const void *arg, const struct net_ip *);
	const void *arg;
};

struct attempt_result {
	enum wire_reason reason;
	int code;		/* the intermediary's own, or -1 */
	struct stream stream;	/* REASON_OK: the tunnel, the callee's */
	struct buf *early;	/* its first payload, or NULL; the callee's */
	struct wire_host bound; /* REASON_OK of an associate: its relay */
	int64_t connect_us;	/* TCP; 0: never stood */
	int64_t
	    handshake_us; /* from the start of TCP, if that far, to the end */
};

enum attempt_state {
	ATTEMPT_IDLE,
	ATTEMPT_RESOLVING,
	ATTEMPT_CONNECTING,
	ATTEMPT_SECURING,
	ATTEMPT_SHAKING
};

struct attempt;
typedef void attempt_fn(struct attempt *, struct attempt_result *);

/* Embedded by its owner; zeroed before first use. */
struct attempt {
	enum attempt_state state;
	struct loop *loop;
	struct resolve *resolve;
	struct attempt_target target;
	attempt_fn *done;
	struct stream stream;
	int64_t started_us, connecting_us, connected_us, deadline_us;
	struct msg_resolved addresses;
	struct resolve_query query;
	struct op send, recv, timer;
	union {
		struct race race; /* while connecting */
		struct hop hop;	  /* while shaking */
	};
	struct buf *in; /* of an answer that came in pieces, or NULL */
	enum wire_reason refused; /* the start was, for this */
};

/*
 * Ends by done() at deadline_us (mono_us()) at the latest, never before this
 * returns.  To be started in the loop's callback of a timer or where one has
 * just been cancelled, so that its own needs no memory.
 */
void attempt_start(struct attempt *, struct loop *, struct resolve *,
    const struct attempt_target *, int64_t deadline_us, attempt_fn *done);
/* The same for a connection that stands already, and is the attempt's from
 * here on: done() comes with it in the next turn. */
void attempt_stands(struct attempt *, struct loop *, struct resolve *,
    struct stream, attempt_fn *done);
/* No callback comes after this; what was open is closed.  Idempotent. */
void attempt_cancel(struct attempt *);

#endif
