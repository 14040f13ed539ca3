#ifndef PROBE_LOAD_FETCH_H
#define PROBE_LOAD_FETCH_H

#include "base/loop.h"
#include "base/net.h"
#include "probe/load.h"
#include "wire/wire.h"

struct buf;

/* Ask an intermediary for its load, once. */
#define LOAD_PAGE_MAX (8u << 20) /* bytes of a page that are looked at */

enum load_kind {
	LOAD_AGENT, /* a line that it says to whoever connects */
	LOAD_METRIC /* of a page, by HTTP */
};

/* Pointers are borrowed until the end. */
struct load_ask {
	enum load_kind kind;
	struct net_ip ip;
	uint16_t port;
	/* LOAD_METRIC: */
	const struct wire_host *host; /* for the Host field, with its port */
	const char *path;
	const char *selector; /* passes load_selector_check() */
};

struct load_answer {
	/*
	 * 0, or of connect(2) and the stream; -ETIMEDOUT; -EPROTO: no HTTP, or
	 * a status other than 200; -EBADMSG: no such line, or no number;
	 * -ENOENT: the page has no such sample; -E2BIG: it is too long.
	 */
	int error;
	int status; /* of HTTP; 0: none */
	struct load_agent agent;
	double value;
};

struct load_fetch;
typedef void load_fn(struct load_fetch *, const struct load_answer *);

/* Embedded by its owner; zeroed before first use. */
struct load_fetch {
	struct loop *loop;
	struct load_ask ask;
	load_fn *done; /* NULL: nothing is under way */
	struct load_answer answer;
	int fd;
	struct op send, recv, timer;
	struct buf *in; /* what is not read yet, or NULL */
	size_t scanned, total;
};

/* done() comes once, by deadline_us (mono_us()) at the latest, never before
 * this returns.  0, or -errno when nothing is under way. */
int load_fetch_start(struct load_fetch *, struct loop *,
    const struct load_ask *, int64_t deadline_us, load_fn *done);
/* No callback comes after this.  Idempotent. */
void load_fetch_cancel(struct load_fetch *);

#endif
