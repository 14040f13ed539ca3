#ifndef WIRE_INTAKE_H
#define WIRE_INTAKE_H

#include "wire/wire.h"

/*
 * The server side of a client's handshake, without I/O: SOCKS4, 4a, 5 and
 * HTTP on one port, told apart by the first byte (4, 5, a letter; anything
 * else is rejected at once).  The owner keeps the bytes received in one
 * buffer of at least INTAKE_IN_MAX bytes, feeds what is there, removes what
 * was used, and does what the step says.
 */
#define INTAKE_IN_MAX  8192
#define INTAKE_OUT_MAX 4096

enum wire_protocol {
	PROTOCOL_NONE,
	PROTOCOL_SOCKS4,
	PROTOCOL_SOCKS4A,
	PROTOCOL_SOCKS5,
	PROTOCOL_HTTP,
	PROTOCOL_REDIRECT, /* none at all: the connection was diverted to us */
	PROTOCOL_TPROXY	   /* likewise */
};

const char *wire_protocol_word(enum wire_protocol);

/* What is asked for. */
enum intake_command {
	INTAKE_CONNECT,	  /* a tunnel to host */
	INTAKE_BIND,	  /* to wait for one that comes from host */
	INTAKE_ASSOCIATE, /* SOCKS5: to send datagrams; host: from where */
	INTAKE_WEB,	  /* a plain HTTP request (absolute-form), and those
			   * that follow on this connection; its head is not
			   * used up and is read anew by who serves it */
	INTAKE_PAGE	  /* HTTP of ourselves (origin-form), likewise */
};

enum intake_step {
	INTAKE_MORE,	/* wait for more bytes */
	INTAKE_SEND,	/* send out, then feed what is left at once */
	INTAKE_LOGIN,	/* check user and password, call intake_login() */
	INTAKE_REQUEST, /* request is complete; what follows is payload */
	INTAKE_REJECT,	/* send out (perhaps empty) and close */
};

/* Does a client have to show a password?  MAY: it need not, but what it
 * shows is looked at. */
enum intake_wants {
	INTAKE_NO_LOGIN,
	INTAKE_MUST_LOGIN,
	INTAKE_MAY_LOGIN
};

/* What came of looking.  BUSY: nobody could. */
enum intake_verdict {
	INTAKE_WRONG,
	INTAKE_RIGHT,
	INTAKE_BUSY
};

enum intake_state {
	INTAKE_DETECT,
	INTAKE_SOCKS4,
	INTAKE_GREETING,
	INTAKE_WAIT_LOGIN,
	INTAKE_CHECK_LOGIN,
	INTAKE_SOCKS5,
	INTAKE_HTTP,
	INTAKE_DONE
};

struct intake {
	enum intake_state state;
	enum intake_wants wants;
	enum wire_protocol protocol;
	enum intake_command command;
	struct wire_host host;
	/* Set by the owner before intake_reply(): where the client is served,
	 * or who has come, for the answer to a BIND or an ASSOCIATE. */
	struct wire_host bound;
	char user[256];	    /* claimed: SOCKS4 USERID, login, Basic */
	char password[256]; /* secret; cleared by intake_login() */
	size_t scanned;
	size_t out_len;
	uint8_t out[INTAKE_OUT_MAX];
};

/* A login is a SOCKS5 user and password or HTTP Basic; SOCKS4 has none that
 * proves anything, so where there must be one its clients are rejected. */
void intake_init(struct intake *, enum intake_wants);

/* In the place of a handshake, for a connection that was on its way to that
 * host: the request is complete, and its answer empty. */
void intake_divert(
    struct intake *, enum wire_protocol, const struct wire_host *);

/*
 * Feed what the owner's buffer holds; *used bytes of it are done with.  A
 * buffer that is full and still yields MORE is rejected by intake itself.
 * Between INTAKE_LOGIN and intake_login() it yields MORE and uses nothing.
 */
enum intake_step intake_feed(
    struct intake *, const uint8_t *in, size_t len, size_t *used);

/* The verdict on INTAKE_LOGIN: SEND or REQUEST, or REJECT when not right. */
enum intake_step intake_login(struct intake *, enum intake_verdict);

/*
 * After INTAKE_REQUEST (before it, out stays empty): encode into out the
 * answer to the request, in the client's protocol:
 * SOCKS4 0x5a/0x5b, SOCKS5 REP, HTTP status with Proxy-Status.
 * reason  why there is no path, or REASON_OK.
 * tried   for an HTTP page: lines of text that say what was tried; NULL or
 *         "" for none.  Truncated at a line's end when it does not fit.
 */
void intake_reply(struct intake *, enum wire_reason, const char *tried);

/* The codes used by intake_reply(), for logs and tests. */
uint8_t intake_socks5_code(enum wire_reason);
int intake_http_status(enum wire_reason);
/* The value of Proxy-Status (RFC 9209) that goes with it. */
void intake_proxy_status(enum wire_reason, char *out, size_t size);

#endif
