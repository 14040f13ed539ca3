#ifndef CAGENTD_WEB_UP_H
#define CAGENTD_WEB_UP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/stream.h"
#include "cagentd/worker/web/web_pump.h"
#include "wire/http_message.h"

/*
 * One exchange with an upstream: a request's head and content go there, the
 * answer comes back and is passed on to the client as the owner says.
 */
enum web_up_event {
	WEB_UP_HEAD,  /* of an answer, in head[0..head_len): the owner calls
		      * web_up_interim(), web_up_pass() or gives it up */
	WEB_UP_ROOM,  /* the request's content may go on, or has all gone */
	WEB_UP_DONE,  /* the answer is with the client, whole */
	WEB_UP_BROKE, /* upstream ended or broke before the answer's end */
	WEB_UP_BAD,   /* what it says is no answer */
	WEB_UP_CLIENT_BROKE, /* the client takes no more */
	WEB_UP_NO_MEMORY
};

struct web_up;
/* The exchange may be given up or freed in it: its caller's last act. */
typedef void web_up_fn(struct web_up *, enum web_up_event);
/* So many bytes are on their way; nothing ends in it. */
typedef void web_up_moved_fn(struct web_up *, bool up, size_t len);

struct web_up {
	struct loop *loop;    /* NULL: none is under way */
	struct stream stream; /* owned */
	web_up_fn *tell;
	web_up_moved_fn *moved;
	const struct http_ask *ask; /* borrowed */
	struct op recv;
	struct web_pump request; /* to upstream */
	struct web_pump answer;	 /* to the client */
	struct buf *in;		 /* of a head that came in pieces, or NULL */
	size_t scanned;
	struct http_answer got; /* the head that was decoded last */
	const uint8_t *head;	/* borrowed while the owner is told of it */
	size_t head_len;
	const uint8_t *rest; /* what came behind it */
	size_t rest_len;
	bool passing; /* the final head is known, and wanted */
	bool unasked; /* there was more than the answer */
	uint64_t sent, received;
	int64_t asked_us, moved_us;
	int64_t first_us; /* when upstream first spoke; 0: not yet */
};

struct web_up_start {
	struct stream upstream; /* the exchange's from here on */
	int client;		/* borrowed */
	const struct http_ask *ask;
	struct turns *turns; /* by which it is limited; NULL: not */
	uint64_t user;	     /* as in struct pace_flow */
	uint8_t class;
	const uint8_t *head; /* to be sent for it */
	size_t head_len;
	web_up_moved_fn *moved; /* NULL: nobody asks */
};

/* Zeroed before first use.  0, or -ENOMEM with upstream closed.  The head is
 * sent with what is fed first, or by web_up_flush(): in one segment with the
 * content, where that is there (RFC 9293 section 3.7.4 else delays it). */
int web_up_start(struct web_up *, struct loop *, const struct web_up_start *,
    web_up_fn *tell);
enum web_flow web_up_flush(struct web_up *);
/* It is of another class from here on. */
void web_up_class(struct web_up *, uint8_t class);
/* Some of the request's content.  BROKE is no end: what upstream has said
 * before that is still to come. */
enum web_flow web_up_feed(
    struct web_up *, const uint8_t *data, size_t len, size_t *used);

/* The head was an interim one; out (len 0: nothing) goes to the client. */
void web_up_interim(struct web_up *, const uint8_t *out, size_t len);
/* The head was the final one, in the place of which out goes to the client,
 * and the content behind it framed like that. */
void web_up_pass(
    struct web_up *, const uint8_t *out, size_t len, enum http_framing framing);

/* After WEB_UP_DONE: may another request follow on the same connection? */
bool web_up_may_stay(const struct web_up *);
/* End the exchange, with the connection handed to the caller. */
struct stream web_up_release(struct web_up *);
/* End it and close.  Idempotent. */
void web_up_close(struct web_up *);

#endif
