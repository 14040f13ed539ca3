#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What all codecs share.  A decoder gets the bytes received so far, which may
 * hold more than one message, and returns the bytes it consumed (> 0),
 * WIRE_MORE when the message is not complete, or WIRE_BAD when no further
 * byte can make it valid.  An encoder returns the bytes written, or
 * WIRE_BAD when they do not fit or the input cannot be expressed.
 */
enum {
	WIRE_MORE = 0,
	WIRE_BAD = -1
};

/* Where a request wants to go. */
enum wire_host_kind {
	WIRE_HOST_NONE,
	WIRE_HOST_NAME,
	WIRE_HOST_V4,
	WIRE_HOST_V6
};

#define WIRE_NAME_MAX	 253 /* RFC 1035 section 2.3.4, without the root dot */
#define WIRE_HOST_STRLEN (WIRE_NAME_MAX + 9)

struct wire_host {
	enum wire_host_kind kind;
	uint16_t port;		      /* host order; 1..65535 once validated */
	uint8_t ip[16];		      /* network order; 4 or 16 bytes */
	char name[WIRE_NAME_MAX + 1]; /* lower case, no trailing dot */
};

/*
 * Set a host from the text of a name or an address literal (v6 with or
 * without brackets): a literal becomes V4 or V6 (v4-mapped becomes V4); a
 * name is lowered, loses one trailing dot and must consist of labels of 1..63
 * letters, digits, '-' and '_'; what looks like a number in the last label
 * ("127.1", "0x7f.1", "2130706433") is refused.  The port is kept.
 * 0, or WIRE_BAD and the host is as before.
 */
int wire_host_set(struct wire_host *, const char *text, size_t len);
/* From 16 bytes; v4-mapped becomes V4.  The port is kept. */
void wire_host_set_v6(struct wire_host *, const uint8_t ip[16]);

/* "name:443", "192.0.2.1:443", "[2001:db8::1]:443"; "-" for none */
const char *wire_host_format(
    const struct wire_host *, char out[WIRE_HOST_STRLEN]);

/* How a path to a destination ended; the client's reply is made from it. */
enum wire_reason {
	REASON_OK,
	/* The destination. */
	REASON_REFUSED,
	REASON_HOST_UNREACHABLE,
	REASON_NET_UNREACHABLE,
	REASON_TIMEOUT,
	REASON_NAME_UNKNOWN, /* the name does not exist */
	REASON_NAME_FAILED,  /* it could not be found out */
	/* The intermediary. */
	REASON_HOP_REFUSED, /* TCP to it */
	REASON_HOP_UNREACHABLE,
	REASON_HOP_TIMEOUT, /* TCP, or a step that does not depend on the
				destination (SOCKS5 greeting, login) */
	REASON_HOP_CLOSED,  /* closed or reset before such a step's answer */
	REASON_HOP_BAD,	    /* answered rubbish */
	REASON_HOP_AUTH,    /* does not take our login, or wants one */
	REASON_HOP_TLS,	    /* does not speak TLS as we do */
	REASON_HOP_CERT,    /* its certificate: not trusted, not its own */
	REASON_HOP_UNSUPPORTED, /* cannot carry this kind of request */
	/* Either: the intermediary was asked for this destination and ... */
	REASON_HOP_DENIED,  /* ... its rules forbid it: SOCKS 02, HTTP 403 */
	REASON_HOP_FAILED,  /* ... said a general failure: SOCKS 01, HTTP 5xx */
	REASON_HOP_SILENT,  /* ... did not answer in time */
	REASON_HOP_HUNG_UP, /* ... closed without an answer */
	REASON_HOP_MUTE,    /* ... said yes, and then brought no byte */
	/* Ourselves. */
	REASON_DENIED,	    /* by rule or access list */
	REASON_NO_PATH,	    /* no usable intermediary */
	REASON_OVERLOAD,    /* out of fds, memory, connections allowed */
	REASON_UNSUPPORTED, /* command or address type we do not serve */
	REASON_BAD_REQUEST,
	REASON_CANCELLED, /* the client left, or another attempt won */
	REASON_LIMITED,	  /* this user has, or asks for, too much */
	REASON_FULL,	  /* who may serve it is at its connection limit */
	REASON_COUNT
};

/* What connect(2) or the stream says by -errno of a path straight to the
 * destination, or of the way to an intermediary.  REASON_OVERLOAD: of
 * ourselves. */
enum wire_reason wire_connect_reason(bool direct, int error);

/* A stable word, e.g. "refused", "hop-timeout"; the same in logs, JSON and
 * the shared-memory counters' descriptions. */
const char *wire_reason_word(enum wire_reason);
/* For people: "the destination refused the connection". */
const char *wire_reason_text(enum wire_reason);

#endif
