#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/stream.h"
#include "base/net.h"
#include "probe/query.h"
#include "wire/hop.h"

struct buf;
struct tls_client;

/*
 * One probe: connect to an intermediary, ask it for the target's host (by
 * name, so that it resolves), say what the target's kind wants said, and take
 * the time to each step up to the first byte back; and then, if wanted, the
 * rate at which more comes.  Looks up no names.
 */
struct probe_via {
	bool direct; /* no intermediary: the addresses are the target's */
	enum hop_type type;
	const struct net_ip *ips;    /* tried in this order; borrowed */
	uint32_t ips_n;		     /* at least one */
	uint16_t port;		     /* of the addresses */
	const char *user, *password; /* borrowed; NULL: no login */
	struct tls_client *tls;	     /* over TLS; borrowed; NULL: without */
};

/* How long each phase may take, at most; all positive. */
struct probe_limits {
	int64_t connect_us;   /* all addresses together, in equal shares */
	int64_t handshake_us; /* from then until the tunnel stands */
	int64_t answer_us;    /* from then until the answer is recognised */
	int64_t all_us;	      /* all of the above */
	int64_t rate_us;      /* measuring the rate, on top of that */
	int64_t rate_bytes;   /* after so many it is known; 0: no rate */
};

enum probe_phase {
	PROBE_IDLE,
	PROBE_CONNECTING,
	PROBE_SHAKING,
	PROBE_WAITING,	/* for the first byte */
	PROBE_READING,	/* of an answer, until it is recognised */
	PROBE_MEASURING /* the rate */
};

/* Times are -1 for what was not reached. */
struct probe_result {
	/*
	 * REASON_OK, or why not.  Up to PROBE_SHAKING as for any request;
	 * the target's own failures are, in PROBE_WAITING: HOP_MUTE (of a
	 * direct path TIMEOUT, or REFUSED when it was closed); HOP_BAD when
	 * bytes came before they were asked for; in PROBE_READING: HOP_BAD
	 * when the answer is not of its kind, HOP_FAILED for an HTTP status
	 * from 500; in PROBE_MEASURING: HOP_HUNG_UP, by a reset.
	 */
	enum wire_reason reason;
	enum probe_phase phase; /* in which it ended */
	bool closed;		/* by the peer, rather than by our patience */
	int code;		/* the intermediary's own, or -1 */
	int status;		/* of HTTP; 0: none */
	uint32_t ip;		/* the address in use, of the via */
	int64_t connect_us;
	int64_t handshake_us; /* 0: direct */
	int64_t first_us;     /* from the end of the handshake */
	int64_t total_us;     /* from the start of TCP up to the first byte;
				 QUERY_ALIVE: to the end of the handshake */
	int64_t rate_bytes;   /* what came after the first bytes, and ... */
	int64_t rate_us;      /* ... the time until the last of it */
};

struct probe;
typedef void probe_fn(struct probe *, const struct probe_result *);

/* Embedded by its owner; zeroed before first use. */
struct probe {
	enum probe_phase phase;
	struct loop *loop;
	struct probe_via via;
	const struct query *query; /* borrowed */
	struct probe_limits limits;
	probe_fn *done;
	struct probe_result r;
	struct stream stream;
	bool securing;		  /* TLS is to stand first */
	enum wire_reason refused; /* the start was, for this */
	int64_t connecting_us, connected_us, asked_us, first_at_us;
	int64_t connect_end_us, end_us;
	struct op send, recv, timer;
	struct hop hop;
	struct buf *in; /* of an answer that came in pieces, or NULL */
	size_t scanned;
};

/*
 * done() comes once, never before this returns.  A QUERY_ALIVE is content
 * with any answer of the intermediary's protocol to the request for the host,
 * also a no, but for the login and HTTP's 501; a direct one with the
 * connection.
 * 0, or -ENOMEM when nothing is under way.
 */
int probe_start(struct probe *, struct loop *, const struct probe_via *,
    const struct query *, const struct probe_limits *, probe_fn *done);
/* No callback comes after this; what was open is closed.  Idempotent. */
void probe_cancel(struct probe *);

/* A word for the phase: "connect", "handshake", "first-byte", "answer",
 * "rate"; "start". */
const char *probe_phase_word(enum probe_phase);

#endif
