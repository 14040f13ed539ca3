#ifndef CAGENTD_WEB_PUMP_H
#define CAGENTD_WEB_PUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/stream.h"
#include "cagentd/worker/relay/turns.h"
#include "wire/http_message.h"

struct buf;

/*
 * One message of HTTP on its way to a stream: heads as they are put, then a
 * content whose framing is read on one side and written on the other.  The
 * owner reads, feeds what it has read, and reads no more while what was fed
 * cannot be sent (back-pressure), so that no more than one receive is held.
 */
enum web_flow {
	WEB_FLOW_ON,	/* more is to come, and may be fed */
	WEB_FLOW_FULL,	/* wait for moved() */
	WEB_FLOW_ENDED, /* all of the message is sent */
	WEB_FLOW_BAD,	/* what was fed is no such content, or cut short */
	WEB_FLOW_BROKE, /* the stream takes no more */
	WEB_FLOW_NO_MEMORY
};

struct web_pump;
/* What was FULL is so no more: ON, ENDED or BROKE, or NO_MEMORY. */
typedef void web_pump_fn(struct web_pump *, enum web_flow);

struct web_pump {
	struct loop *loop; /* NULL: not begun */
	struct stream to;  /* borrowed */
	web_pump_fn *moved;
	struct op send;
	struct turns *turns; /* by which it is limited; NULL: not */
	struct turn turn;    /* in line to pay for what was sent: */
	size_t owed;	     /* until then nothing more is taken */
	struct http_body body;
	enum http_framing out;
	bool ended;	   /* the content, if not the sending of it */
	bool last_said;	   /* the chunk that ends a chunked content */
	bool broke;	   /* the stream takes no more */
	struct buf *queue; /* to be sent before what comes next */
	struct buf *line;  /* of a trailer, not whole; or NULL */
};

/* Zeroed before first use; out: how the content is framed there.  Nothing is
 * sent yet. */
void web_pump_start(struct web_pump *, struct loop *, struct stream to,
    enum http_framing out, web_pump_fn *moved);
/* What it sends counts against the limits of a class and user, that way. */
void web_pump_limit(
    struct web_pump *, struct turns *, const struct pace_flow *);
/* They are another class's from here on. */
void web_pump_class(struct web_pump *, uint8_t class);
/* The content to come; without this call there is none. */
void web_pump_expect(struct web_pump *, enum http_framing, uint64_t length);
/* To go before the content that is fed next: 0 or -ENOMEM. */
int web_pump_put(struct web_pump *, const void *data, size_t len);
/* Send what was put; ENDED when no content is to come. */
enum web_flow web_pump_flush(struct web_pump *);
/* Some of the content, while it is ON.  *used is less than len only where the
 * content has ended. */
enum web_flow web_pump_feed(
    struct web_pump *, const uint8_t *data, size_t len, size_t *used);
/* Its source has ended. */
enum web_flow web_pump_end(struct web_pump *);
/* No callback comes after this.  Idempotent. */
void web_pump_cancel(struct web_pump *);

/* May the content be fed further, now or later? */
static inline bool
web_pump_expects(const struct web_pump *p)
{
	return p->loop != NULL && !p->ended;
}

static inline bool
web_pump_is_full(const struct web_pump *p)
{
	return loop_op_active(&p->send) || p->owed > 0;
}

#endif
