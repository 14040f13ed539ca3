#ifndef CAGENTD_REVERSE_H
#define CAGENTD_REVERSE_H

#include "base/loop.h"
#include "cagentd/common/resolve.h"
#include "cagentd/decide/classify.h"
#include "wire/wire.h"

/*
 * SOCKS BIND: wait for one connection from a destination that the client may
 * reach directly.  The listener is at the address that is used to reach that,
 * at a port of the kernel's choice, and is gone with the first connection from
 * there; others are closed unheard.  Who names no address (0.0.0.0) is
 * refused, as anybody could be the one that comes.
 */
#define REVERSE_MAX 256 /* a worker's, under way */

struct reverse;

struct reverse_start { /* all borrowed until the end */
	struct loop *loop;
	struct resolve *resolve;
	const struct settings *settings;
	const struct verdict *verdict;
	const struct wire_host *host;
	bool only_v4; /* the client's protocol has no other addresses */
	uint8_t dscp; /* the mark of what is sent; 0: none */
	int client;   /* is watched */
	void *owner;
	/* The listener stands there. */
	void (*ready)(struct reverse *, const struct wire_host *at);
	/* The end: REASON_OK with the connection, the callee's, and who it is;
	 * REASON_CANCELLED: the client has gone, or ended its stream. */
	void (*done)(struct reverse *, enum wire_reason, int fd,
	    const struct wire_host *from);
};

/* Zeroed before first use. */
struct reverse {
	struct reverse_start how;
	struct verdict verdict;
	struct resolve_query query;
	struct net_ip allowed[NAMES_ADDRESSES_MAX];
	uint32_t allowed_n;
	int listener;
	struct op accept, gone, timer;
	bool running;
};

/* Neither callback comes before this returns; the whole takes bind-timeout at
 * most. */
void reverse_start(struct reverse *, const struct reverse_start *);
/* No callback comes after this.  Idempotent. */
void reverse_cancel(struct reverse *);

#endif
