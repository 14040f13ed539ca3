#ifndef CAGENTD_REQUEST_H
#define CAGENTD_REQUEST_H

#include <stdint.h>

#include "base/loop.h"
#include "wire/intake.h"

struct buf;

/*
 * Read a client's handshake to the end of its request, or to the client's or
 * the deadline's.  Replies of the handshake are sent; the answer to the
 * request is not this stage's.
 */
enum request_end {
	REQUEST_READY,	  /* intake.host; early holds payload that came along */
	REQUEST_REJECTED, /* intake.out is to be sent, then close */
	REQUEST_GONE,	  /* the client left, or its stream broke */
	REQUEST_TIMEOUT,
	REQUEST_NO_MEMORY,
	/* Not the end: intake.user and .password are to be looked at, and
	 * request_login() to be told. */
	REQUEST_LOGIN
};

struct request;
typedef void request_fn(struct request *, enum request_end);

struct request {
	struct loop *loop;
	int fd; /* borrowed */
	request_fn *done;
	struct intake intake;
	struct buf *in; /* what intake has not used, or NULL */
	uint8_t *lent;	/* by the loop, with a login in it; else NULL */
	size_t lent_len;
	struct op recv, send, timer;
	struct op first; /* to look at what came before the start */
};

/* Zeroed or fresh memory; never calls back before it returns.  0, or -errno
 * with nothing under way. */
int request_start(struct request *, struct loop *, int fd, enum intake_wants,
    int64_t deadline_us, request_fn *done);
/* What came before it was started; taken.  Looked at in a turn of its own. */
void request_feed(struct request *, struct buf *first);
/* After REQUEST_LOGIN, also from its callback; may call back itself, so it is
 * its caller's last act. */
void request_login(struct request *, enum intake_verdict);
/* Idempotent; no callback comes after this; the fd stays open. */
void request_cancel(struct request *);
/* The payload that followed the request, or NULL; the caller's. */
struct buf *request_take_early(struct request *);

#endif
