#ifndef CAGENTD_SESSION_H
#define CAGENTD_SESSION_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "cagentd/worker/accept.h"
#include "cagentd/worker/dial/dial.h"
#include "cagentd/worker/dial/learn.h"
#include "cagentd/worker/who/login.h"
#include "cagentd/worker/quota.h"
#include "cagentd/worker/slack.h"
#include "cagentd/worker/who/who.h"

/*
 * One client connection, from accept to its end: the only place that knows
 * the order of the stages.
 *
 *   reading ──request──> dialing ──path──> relaying ──> end
 *      │                    │  ^               │
 *      │ bad, too slow      │  └─unanswered────┘
 *      ├──> leaving <──no path                      ──> end
 *      └──> serving, and from there to any of these but dialing
 */
enum session_state {
	SESSION_READING,
	SESSION_DIALING,
	SESSION_RELAYING,
	SESSION_SERVING, /* by a stage that has the connection to itself */
	SESSION_LEAVING,
	SESSION_ENDED
};

struct pipes;
struct traffic;
struct turns;
struct web_pool;

/* What the sessions of a worker share; borrowed, and changed by the worker
 * between turns only. */
struct session_env {
	struct settings *settings; /* of new sessions */
	struct dial_env dial;
	struct slab *slab;
	struct learn *learn;	 /* NULL: nothing is learned */
	struct seen *seen;	 /* likewise, of contents */
	struct quota *quota;	 /* NULL: users have no limits */
	struct who *who;	 /* NULL: TCP clients are unknown */
	struct web_pool *pool;	 /* NULL: no connection to upstream is kept */
	struct pipes *pipes;	 /* NULL: tunnels do without */
	struct turns *turns;	 /* NULL: tunnels are served as they come */
	struct traffic *traffic; /* NULL: nothing is remembered of tunnels */
	bool draining;		 /* nobody is served any longer than needed */
	struct logins *logins;	 /* NULL: nobody logs in */
	uint32_t associations, reverses; /* now */
	struct slack slack;
	void (*ended)(void *arg); /* a session has freed itself */
	void *arg;
};

struct seen;
struct session;
LIST_HEAD(session_list, session);

/*
 * Serve the client on fd, which is the session's from here on; joins list and
 * leaves it when it ends.  peer: its address, or NULL where that is none or
 * not known.  returns 0, or -errno with fd closed.
 */
int session_start(struct session_env *, struct session_list *list, int fd,
    const struct accept_listener *from, const union net_addr *peer);
/* The process is to end (draining is set): who waits for nothing leaves. */
void session_drain(struct session_list *);
/* The env's settings are others: what runs in a class whose index is another
 * name's by now is normal. */
void session_reclass(struct session_list *);
/* End it at once, without a word. */
void session_kill(struct session *);

#endif
