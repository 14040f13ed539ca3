#ifndef WIRE_HOP_H
#define WIRE_HOP_H

#include "wire/wire.h"

/*
 * The client side of a handshake with an intermediary, without I/O.  The
 * owner keeps what was received in a buffer of at least HOP_IN_MAX bytes.
 */
#define HOP_IN_MAX  16384
#define HOP_OUT_MAX 1536 /* a CONNECT with the longest host and login */

enum hop_type {
	HOP_SOCKS5,
	HOP_SOCKS4A,
	HOP_HTTP
};

enum hop_step {
	HOP_MORE,
	HOP_SEND, /* send out, then feed what is left at once */
	HOP_DONE, /* the tunnel stands; what follows is payload */
	HOP_FAIL, /* reason says why */
};

enum hop_state {
	HOP_START,
	HOP_CHOICE,
	HOP_LOGIN,
	HOP_ANSWER,
	HOP_END
};

struct hop {
	enum hop_type type;
	bool associate; /* datagrams are asked for, no tunnel */
	bool eager;	/* all was said at once */
	bool logged_in; /* the peer has asked for the login */
	bool refused;	/* eager: of the methods the one that was offered */
	enum hop_state state;
	enum wire_reason reason;
	int code; /* SOCKS REP or HTTP status as received; -1: none */
	const struct wire_host *host; /* borrowed until the end */
	struct wire_host bound;	      /* HOP_DONE of an ASSOCIATE: its relay */
	const char *user;	      /* borrowed; NULL: no login */
	const char *password;	      /* borrowed */
	size_t scanned;
	size_t out_len;
	uint8_t out[HOP_OUT_MAX];
};

/* Can this type carry this host at all?  (SOCKS4a: no v6, no 0.0.0.x.) */
bool hop_carries(enum hop_type, const struct wire_host *);

/* Can this type relay datagrams? */
bool hop_associates(enum hop_type);

/* Start: HOP_SEND with the first message, or HOP_FAIL: HOP_UNSUPPORTED when
 * it cannot carry the host, HOP_AUTH when it cannot carry the login (over 255
 * bytes, a colon in a user's name for HTTP).  A NULL password is empty. */
enum hop_step hop_start(struct hop *, enum hop_type, const struct wire_host *,
    const char *user, const char *password);

/*
 * Start with SOCKS5, and say all at once: greeting, login (unless user is
 * NULL) and request, to save a round trip or two.  Not every server bears
 * that.  One method is offered, so that a login goes to nobody who was not
 * seen to ask for it.
 */
enum hop_step hop_start_eager(struct hop *, const struct wire_host *,
    const char *user, const char *password);

/*
 * The two halves of SOCKS5, for a connection that is made before there is a
 * request for it: the greeting, and the login, after which HOP_DONE; and then
 * the request on the same connection.
 */
enum hop_step hop_start_greeting(
    struct hop *, const char *user, const char *password);
enum hop_step hop_start_request(struct hop *, const struct wire_host *);

/*
 * Start a SOCKS5 UDP ASSOCIATE: as above, without a host, as it is not known
 * from which address the datagrams will come.  After HOP_DONE the stream only
 * stays open; bound is where they go: NONE or all zero means the address of
 * the intermediary itself.  A relay without a port is HOP_BAD.
 */
enum hop_step hop_start_associate(
    struct hop *, enum hop_type, const char *user, const char *password);

/*
 * Feed what the owner's buffer holds; *used bytes of it are done with.  Out
 * is wiped, for the login in it, once it cannot be needed any more, so it has
 * to be sent whole before the next feed.  Bytes behind the answer to a
 * greeting or login are HOP_BAD, unless all was said at once: nobody has asked
 * for them.
 *
 * SOCKS REP: 01 HOP_FAILED, 02 HOP_DENIED, 03 NET_UNREACHABLE, 04
 * HOST_UNREACHABLE, 05 REFUSED, 06 TIMEOUT, 07 08 HOP_UNSUPPORTED, others
 * HOP_BAD.  SOCKS4: 5b HOP_FAILED, 5c 5d HOP_AUTH.  HTTP: 403 HOP_DENIED, 407
 * HOP_AUTH, 504 TIMEOUT, 5xx HOP_FAILED, others (3xx, 4xx) HOP_BAD.
 */
enum hop_step hop_feed(
    struct hop *, const uint8_t *in, size_t len, size_t *used);

/* What the end of the stream, or silence, means in this state:
 * HOP_CLOSED or HOP_HUNG_UP; HOP_TIMEOUT or HOP_SILENT. */
enum wire_reason hop_closed(const struct hop *);
enum wire_reason hop_timeout(const struct hop *);

#endif
