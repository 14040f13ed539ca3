#ifndef PROBE_QUERY_H
#define PROBE_QUERY_H

#include "wire/wire.h"

/*
 * What a probe wants of a target, without I/O: what is said to it through the
 * tunnel, and what counts as its first byte.
 */
enum query_kind {
	QUERY_ALIVE, /* the intermediary answers for the host, whatever */
	QUERY_TCP,   /* it speaks first */
	QUERY_ANY,   /* GET; any bytes, but of HTTP a status below 500 */
	QUERY_HTTP,  /* GET; a status below 500 */
	QUERY_TLS    /* a ClientHello; a handshake record or an alert */
};

#define QUERY_PATH_MAX	 1024
#define QUERY_OUT_MAX	 1536 /* a GET of the longest path and host */
#define QUERY_ANSWER_MAX 16384

struct query {
	enum query_kind kind;
	struct wire_host host;	       /* with its port; names stay names */
	char path[QUERY_PATH_MAX + 1]; /* of a GET: from its slash */
};

/*
 * What is to be said once the tunnel stands: the bytes written, 0 when it is
 * not ours to speak, WIRE_BAD when they do not fit.  The GET asks for the
 * connection to be closed.  The ClientHello (RFC 8446 section 4.1.2) offers
 * TLS 1.3 and 1.2; it is always the same but for the name, and has no key
 * share, so that a server of 1.3 answers without computing anything.
 */
int query_encode(const struct query *, uint8_t *out, size_t cap);

/*
 * What came back, up to QUERY_ANSWER_MAX bytes: consumed when it is the
 * beginning of an answer of that kind, WIRE_MORE or WIRE_BAD.
 * *scanned  0 at first, then left alone.
 * *status   of HTTP, else 0.
 */
int query_decode(enum query_kind, const uint8_t *in, size_t len,
    size_t *scanned, int *status);

#endif
