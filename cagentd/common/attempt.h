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
/* How SOCKS5 is spoken; see hop_start_eager(). */
enum attempt_manner {
	ATTEMPT_STEPWISE,
	/* All at once, to see whether that is borne: when it is not, or brings
	 * no answer in good time, stepwise on another connection. */
	ATTEMPT_TRYING,
	ATTEMPT_EAGER /* it is known to be borne */
};
/* The least and most of a good time; else ATTEMPT_ROUNDS times what the
 * connecting took. */
#define ATTEMPT_PATIENCE_MIN_US 50000
#define ATTEMPT_PATIENCE_MAX_US 300000
#define ATTEMPT_ROUNDS		4

/* What an attempt has shown of that. */
enum attempt_news {
	ATTEMPT_NO_NEWS,
	ATTEMPT_NEWS_STEPWISE, /* that went well */
	ATTEMPT_NEWS_BORNE,
	ATTEMPT_NEWS_SWALLOWED, /* no answer, and stepwise there is one */
	ATTEMPT_NEWS_UNSURE,	/* of what was tried something came between */
	ATTEMPT_NEWS_DOUBT	/* what was known brought no answer */
};

struct attempt_target {
	bool direct;
	const char *host; /* where TCP goes; borrowed */
	uint16_t port;
	enum hop_type type; /* unless direct */
	bool associate;	    /* it is asked to relay datagrams; dest is NULL */
	bool bare;  /* an intermediary, but no handshake: TCP, and TLS */
	bool greet; /* SOCKS5: up to where a request may follow */
	enum attempt_manner manner;
	bool no_login; /* eager: as the intermediary asks for none */
	/* What is said first may ride in the SYN (base/net_fast.h).  That is
	 * done with our own handshakes in the clear alone: a greeting or a
	 * request to connect that arrives twice makes a connection that nobody
	 * uses, but what a client says may be meant once. */
	bool fast;
	uint8_t dscp;		      /* the mark of what is sent; 0: none */
	uint32_t window;	      /* as in struct race_field */
	bool secure;		      /* by TLS, */
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
	/* From the start of TCP, if that far, to the end; with what was spent
	 * on a connection beforehand, but not what was spent in vain. */
	int64_t handshake_us;
	bool warm; /* it stands on the connection that was there */
	enum attempt_news news;
	bool logged_in;	  /* of the news: it has asked for the login */
	bool fast_failed; /* it took a connection without that */
};

/* A connection that was made beforehand: TCP, TLS, the greeting. */
struct attempt_warm {
	struct stream stream;
	int64_t connect_us, handshake_us; /* what that took */
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
	int64_t shook_us;    /* the handshake began */
	int64_t patience_us; /* with all at once */
	int64_t warm_us;     /* what the connection had taken */
	bool warm;	     /* it was given, and nothing has come by it yet */
	bool lukewarm;	     /* it was given */
	bool unproven; /* it may not stand yet, and nothing has come by it */
	bool plain;    /* it is to be proven before anything is said */
	bool lost;     /* what was in the SYN did not come through */
	bool fell, swallowed; /* from all at once to steps; in silence */
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
/* The same, with the handshake, or the rest of it, on a connection that is the
 * attempt's from here on.  When that ends before its first byte it is as if
 * there had been none. */
void attempt_start_warm(struct attempt *, struct loop *, struct resolve *,
    const struct attempt_target *, const struct attempt_warm *,
    int64_t deadline_us, attempt_fn *done);
/* The same for a connection that stands already, and is the attempt's from
 * here on: done() comes with it in the next turn. */
void attempt_stands(struct attempt *, struct loop *, struct resolve *,
    struct stream, attempt_fn *done);
/* No callback comes after this; what was open is closed.  Idempotent. */
void attempt_cancel(struct attempt *);

#endif
