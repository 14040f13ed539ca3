#ifndef CAGENTD_SESSION_IMPL_H
#define CAGENTD_SESSION_IMPL_H

#include "cagentd/worker/socks/associate.h"
#include "cagentd/worker/relay/farewell.h"
#include "cagentd/worker/relay/relay.h"
#include "cagentd/worker/request.h"
#include "cagentd/worker/socks/reverse.h"
#include "cagentd/worker/session.h"
#include "cagentd/worker/tunnel_class.h"
#include "cagentd/worker/web/web.h"

/* For session*.c alone: session.c has the connection's life and says what is
 * asked for, session_tunnel.c the tunnel from the first dial to its end,
 * session_web.c how the connection comes to plain HTTP requests and back,
 * session_socks.c associations and BIND. */

/* What a client may take to say what it wants whose user has too much. */
#define SESSION_LIMITED_MS 3000

/* What only the way to a tunnel needs; kept while a first flight may still
 * have to be sent again. */
struct setup {
	struct session *session;
	struct request request;
	struct who_wait who;
	struct dial dial;
	struct client client;
	int64_t asked_us;    /* for a tunnel; 0: it was not */
	struct login *login; /* under way */
};

struct session {
	LIST_ENTRY(session) entry;
	struct session_env *env;
	struct settings *settings; /* a reference */
	enum session_state state;
	int fd;			/* the client's, while no stage owns it */
	struct quota_seat seat; /* of the user that it counts for */
	struct setup *setup;	/* NULL once upstream has answered */
	union {
		struct relay relay;
		struct farewell farewell;
		struct web *web; /* owned */
	};
	struct associate *associate; /* SESSION_SERVING: one of these */
	struct reverse *reverse;
	bool via_hop; /* hop is in flight */
	struct record_hop hop;
	struct tunnel_class class;
	struct tunnels_row *row; /* for people to see; or NULL */
	bool told;		 /* the client: that a path stands */
	struct buf *flight; /* to be sent again; NULL: it had said nothing */
	char *label;	    /* "socks5 example.com:443 via hq-1", for the log */
};

/* session.c */
void session_change(struct session *, enum session_state to);
void session_end(struct session *);
/* It had been told that the path stands: what fails now must not look like an
 * empty answer. */
void session_break_off(struct session *);
/* It was counted by what the kernel said; a login may say more: may that user
 * have this connection? */
bool session_may_enter(struct session *, const struct client *);
/* May its user have one more request?  Otherwise REASON_LIMITED is the
 * answer.  A tunnel is one; each that follows on a persistent connection
 * asks for itself. */
bool session_may_ask(struct session *);
/* Read a handshake for what setup holds: 0 or -errno. */
int session_read(struct session *);
/* Say this, and go; NULL: without a word, at once. */
void session_leave(struct session *, struct buf *word);
/* Tell the client why not, and go. */
void session_refuse(struct session *, enum wire_reason);
/* What it takes to come to a tunnel: 0 or -ENOMEM. */
int session_new_setup(struct session *);
/* No way back to dialing. */
void session_free_setup(struct session *);
void session_leave_hop(struct session *);

/* session_tunnel.c */
/* Of which class is what that client asks for? */
void session_classify(struct session *, const struct verdict *,
    const struct client *, const struct wire_host *);
/* Let people see it as a tunnel of that client to that host. */
void session_show(
    struct session *, const struct client *, const struct wire_host *);
/* Find a path for what setup holds, and relay. */
void session_tunnel(struct session *);
void session_tunnel_kill(struct session *);
/* The session ends: so does its tunnel, if it had one. */
void session_tunnel_end(struct session *);
/* Relay what stands and has proved itself, is classified and shown: to_client
 * goes there first, early bytes of which are upstream's; flight goes the other
 * way. */
void session_relay(struct session *, struct stream upstream,
    struct buf *to_client, size_t early);

/* session_web.c */
/* Serve the requests of which setup holds the first. */
void session_web(struct session *);
void session_web_kill(struct session *);

/* session_socks.c: what SOCKS has besides tunnels. */
void session_associate(struct session *);
void session_bind(struct session *);
void session_socks_end(struct session *);

#endif
