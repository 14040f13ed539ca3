#ifndef CAGENTD_WEB_H
#define CAGENTD_WEB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/stream.h"
#include "cagentd/decide/classify.h"
#include "cagentd/worker/dial/dial.h"
#include "cagentd/worker/dial/learn.h"
#include "cagentd/worker/who/login.h"
#include "cagentd/worker/web/web_pool.h"

struct buf;
struct seen;

/*
 * Plain HTTP requests on one client connection, one after the other, each by
 * a path of its own.
 */

/* What the connections of a worker share; borrowed. */
struct web_env {
	struct settings *const *settings; /* of new requests */
	const struct dial_env *dial;
	struct slab *slab;
	struct learn *learn;   /* NULL: nothing is learned */
	struct seen *seen;     /* likewise, of contents */
	struct web_pool *pool; /* NULL: no connection to upstream is kept */
	struct logins *logins; /* NULL: nobody logs in */
	struct turns *turns;   /* NULL: without limits */
};

enum web_end {
	WEB_END_CLOSED,	 /* the client is gone, or is to be left */
	WEB_END_LEAVING, /* likewise, so that what was said arrives */
	WEB_END_CUT,	 /* what was said must not look complete */
	WEB_END_CONNECT, /* a request for a tunnel has come */
	WEB_END_UPGRADED /* another protocol follows, both ways */
};

struct web_result {
	enum web_end end;
	struct client client;
	/* LEAVING: to be said first, perhaps empty.  CONNECT: what has come,
	 * from that request's head on.  UPGRADED: what the client has sent
	 * behind its request, or NULL.  The callee's. */
	struct buf *bytes;
	/* UPGRADED; all the callee's: */
	struct stream upstream;
	struct buf *to_client; /* the head, and what came behind it ... */
	size_t early;	       /* ... of so many bytes */
	bool via_hop;	       /* hop is in flight */
	struct record_hop hop;
	struct verdict verdict; /* of the request, which was for ... */
	struct wire_host host;
};

struct web;
/* Once; the fd is open, and nothing is under way on it.  web_free() may be
 * called in it. */
typedef void web_fn(struct web *, void *arg, struct web_result *);

struct web_start {
	int fd; /* borrowed */
	const struct client *client;
	struct buf *in; /* the first request's head, and more; taken */
	/* May this client, which may have another login than before, have one
	 * more request?  Not asked for the first. */
	bool (*may_ask)(void *arg, const struct client *);
	web_fn *done;
	void *arg; /* of both */
};

/* NULL when out of memory; never calls back before it returns. */
struct web *web_new(const struct web_env *, const struct web_start *);
/* The process is to end: no request after the one that is under way. */
void web_drain(struct web *);
/* Also while a request is under way: no callback comes.  NULL allowed. */
void web_free(struct web *);

#endif
