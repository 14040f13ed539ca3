#ifndef CAGENTD_WEB_IMPL_H
#define CAGENTD_WEB_IMPL_H

#include "cagentd/worker/web/web.h"
#include "cagentd/worker/web/web_up.h"
#include "wire/http_message.h"

/*
 * For web*.c alone: web.c has the connection and the order of its requests,
 * web_head.c what is asked for, web_login.c by whom, web_path.c the path of one of them, web_answer.c what
 * comes back by it, web_say.c what is said by ourselves.  Between waiting and
 * dialing there may be admitting, which can end in saying as well.
 *
 *   waiting ──head──> dialing ──path──> asking ──head──> answering ─┐
 *    │ ^ │              │  ^              │ │                       │
 *    │ │ │              │  └──elsewhere───┘ │                       │
 *    │ │ └──────────> saying <──────────────┘                       │
 *    │ └────────────────┴───────────────────────────────────────────┤
 *    └──> ended <───────────────────────────────────────────────────┘
 */
enum web_state {
	WEB_WAITING,   /* for a request's head */
	WEB_ADMITTING, /* a login is being looked at */
	WEB_DIALING,   /* for a path */
	WEB_ASKING,    /* the request is being sent; no final head yet */
	WEB_ANSWERING, /* the answer's head is with the client */
	WEB_SAYING,    /* an answer of our own */
	WEB_ENDED
};

/* The least that a request's content is kept of, to be sent again. */
#define WEB_KEPT_MAX (16 * 1024)
/* One that has moved so much is bulk, unless its rule says another class. */
#define WEB_BULK_LEN (1024 * 1024)
/* More often than that an agent of ours has not passed on a request. */
#define WEB_VIAS_MAX 8
/* Interim answers to one request. */
#define WEB_INTERIMS_MAX 32

struct web_request {
	struct web *web;
	struct settings *settings; /* a reference */
	struct http_ask ask;
	struct verdict verdict;
	struct buf *head; /* as it came; holds secrets */
	struct buf *kept; /* its content so far, as it came; NULL: none has */
	bool kept_lost;	  /* there was too much of it */
	struct login *login; /* under way */
	struct dial dial;
	struct web_up up;
	uint8_t class;	 /* as it is now */
	bool watched;	 /* it may become bulk */
	bool open;	 /* the path that stands is to prove itself, */
	bool second;	 /* and another was tried for its word of a failure */
	bool served;	 /* a path has stood */
	bool via_hop;	 /* hop is in flight */
	bool keep_alive; /* the client's connection stays after it */
	struct record_hop hop;
	uint32_t interims;
	int64_t started_us;
};

struct web {
	const struct web_env *env; /* our own copy */
	struct web_env copy;
	struct loop *loop;
	web_fn *done;
	bool (*may_ask)(void *arg, const struct client *);
	void *arg;
	bool asked; /* the first request has come */
	int fd;	    /* borrowed */
	enum web_state state;
	struct client client;
	struct buf *in; /* what came and is not used; NULL: nothing */
	size_t scanned;
	bool skipped;  /* an empty line, before the head */
	bool unread;   /* there is something in `in` to be looked at */
	bool in_ended; /* the client says no more */
	bool draining;
	int64_t deadline_us; /* of waiting */
	struct op recv, gone, timer;
	struct web_pump word;	     /* saying */
	bool word_stays;	     /* the connection, after it */
	struct web_request *request; /* from dialing to answering */
};

/* web.c */
void web_change(struct web *, enum web_state to);
void web_end(struct web *, struct web_result *);
void web_end_as(struct web *, enum web_end);
/* The request is over: on to the next one. */
void web_next(struct web *, bool stays);
/* Read from the client, or do not, as things stand. */
void web_listen(struct web *);
/* Feed what has come to the request's content.  false: the connection has
 * ended. */
bool web_feed(struct web *);
/* When there is something to look at. */
void web_look_at(struct web *, int64_t at_us);
void web_free_request(struct web *);

/* Of what has come, so much is done with. */
void web_consume(struct web *, size_t n);

/* web_head.c */
/* Look at what has come while it is waiting. */
void web_read_head(struct web *);

/* web_login.c */
/* By whom it says to be sent, if that is so. */
void web_login(struct web_request *);

/* web_path.c */
/* Find a path for the request, and send it. */
void web_path(struct web_request *);
/* The path that stands has not brought an answer, and will not. */
void web_path_failed(struct web_request *, enum wire_reason);
/* May the request be sent by another path? */
bool web_path_may_repeat(const struct web_request *);
/* It has, or not: its try is settled. */
void web_path_judge(struct web_request *, enum wire_reason);
/* The exchange is over; the connection is kept if it may be. */
void web_path_leave(struct web_request *);
/* The request is given up, wherever it is. */
void web_path_drop(struct web_request *);
/* Of its target, "/" where it has none.  returns out. */
const char *web_path_text(
    const struct web_request *, char out[static HTTP_TARGET_MAX + 1]);
/* Upstream is silent, and the time has come to look at that. */
void web_path_silent(struct web_request *);
/* Another path for it. */
void web_path_again(struct web_request *, enum wire_reason broke);

/* web_answer.c */
web_up_fn web_answer;
/* A line in the log. */
void web_log(const struct web_request *, const char *how);

/* web_say.c */
/* There is no path, or the one there was broke. */
void web_say_reason(struct web_request *, enum wire_reason);
/* Its login is missing or wrong (407), or nobody could look at it (503). */
void web_say_login(struct web_request *, int status);
/* The request is refused, whatever its path. */
void web_say_status(struct web *, int status);
/* It stood, and broke without an answer. */
void web_say_broken(struct web_request *, enum wire_reason);
/* Upstream has answered what is no HTTP. */
void web_say_rubbish(struct web_request *);
/* TRACE or OPTIONS that are to go no further. */
void web_say_options(struct web_request *);

#endif
