#ifndef WIRE_HTTP_MESSAGE_H
#define WIRE_HTTP_MESSAGE_H

#include "wire/http.h"

/*
 * HTTP/1 messages that are passed on, without I/O (RFC 9110, RFC 9112): what a
 * head says, the head that is sent on in its place, and where a content ends.
 *
 * Whatever two readers could take for two different messages is refused:
 * Content-Length with Transfer-Encoding, more than one of either, a length
 * that is not digits alone or over 2^63 - 1, a coding other than "chunked"
 * alone, Transfer-Encoding in HTTP/1.0, bare CR or LF, NUL and other controls,
 * obs-fold, blanks before a colon, empty names, a Connection that names itself
 * or a field that is none of the hop's (Host, Content-*, Transfer-Encoding,
 * Authorization, Proxy-Authorization, Cookie, Set-Cookie, Cache-Control, Range,
 * Expect, Via, Max-Forwards), or over 32 fields.
 */
#define HTTP_TYPE_MAX	 127 /* of a media type that is kept */
#define HTTP_UPGRADE_MAX 63

enum http_framing {
	HTTP_BODY_NONE,	  /* the message ends with its head */
	HTTP_BODY_LENGTH, /* length bytes, > 0 */
	HTTP_BODY_CHUNKED,
	HTTP_BODY_CLOSE /* to the end of the connection; answers only */
};

/* A request in absolute-form, or any other by which a connection that has
 * begun with one may go on (CONNECT, origin-form: see form). */
struct http_ask {
	struct http_request request;
	enum http_framing framing;
	uint64_t length;       /* HTTP_BODY_LENGTH */
	bool safe;	       /* RFC 9110 section 9.2.1 */
	bool idempotent;       /* section 9.2.2 */
	bool keep_alive;       /* the client wants to go on after it */
	bool expects_continue; /* section 10.1.1; never without a content */
	bool trailers;	       /* TE: trailers; it goes on with the request */
	bool binds;	       /* its login is one of the connection (NTLM) */
	/* Upgrade, as sent, e.g. "websocket"; "": none is asked for.  To HTTP
	 * or TLS, with a content, or not named by Connection it is none. */
	char upgrade[HTTP_UPGRADE_MAX + 1];
	int64_t max_forwards; /* of TRACE and OPTIONS; -1: without limit */
	uint32_t vias_n;      /* how often a cagent is in Via */
	/* Values of fields that say what is meant to come; cut when longer. */
	char accept[HTTP_TYPE_MAX + 1];
	char fetch_dest[32]; /* Sec-Fetch-Dest */
	/* Of request.target: where the path begins and its length without the
	 * query (0: it has none, "/" is meant). */
	uint16_t path_at, path_len;
};

/*
 * As http_request_decode(), with what is said above refused with 400 (below
 * "chunked" another coding: 501; more than 32 options: 431), TRACE with a
 * content with 400, Expect of anything but 100-continue with 417.  One CR LF
 * before a request that follows another on its connection may be skipped by the
 * caller (RFC 9112 section 2.2).
 */
int http_ask_decode(const uint8_t *in, size_t len, size_t *scanned,
    struct http_ask *out, int *status);

/* How a request is to be sent on. */
struct http_onward {
	bool proxy;		     /* to an HTTP proxy: absolute-form */
	const char *user, *password; /* for that proxy; NULL: no login */
	bool keep_alive;	     /* ask for the connection to stay */
};
/* Room that a head needs beyond its own length. */
#define HTTP_ONWARD_EXTRA 1536

/*
 * The head to be sent in the place of head[0..len), which ask was decoded
 * from: HTTP/1.1, origin-form unless to a proxy ("OPTIONS *" where there is no
 * path), one Host (from the target), no field of the hop before (Connection
 * and what it names, Keep-Alive, Proxy-*, TE, Upgrade; Trailer stays), Via
 * added, Max-Forwards lowered, the framing as it was, Connection with TE:
 * trailers and with Upgrade where these were asked for.  All other fields as
 * they stood and in their order.  WIRE_BAD: also what we have to answer
 * ourselves, as it is not in absolute-form (400), its max_forwards is 0, or it
 * is a TRACE that would carry a login (405).
 */
int http_ask_encode(const struct http_ask *, const uint8_t *head, size_t len,
    const struct http_onward *, uint8_t *out, size_t cap);

/* One response head, also an interim one. */
struct http_answer {
	int status;
	uint8_t minor;
	bool interim; /* 1xx but 101: another head follows */
	bool upgrade; /* 101: a tunnel follows */
	enum http_framing framing;
	uint64_t length;
	bool keep_alive; /* the connection may be used again after it */
	bool binds;	 /* as http_ask has it */
	/* It is the word of an intermediary on its own behalf, as far as such
	 * say so: 407, 502 and 504, or 503 with X-Squid-Error or a
	 * Proxy-Status that has an error (RFC 9209). */
	bool of_hop;
	char content_type[HTTP_TYPE_MAX + 1]; /* lower case, no parameters */
};

/*
 * The first head in in[0..len).  ask: what it is the answer to (HEAD has no
 * content; 101 is refused unless it turns to what was asked for).  WIRE_BAD:
 * rubbish, refused as above, an interim one with a content, or over
 * HTTP_RESPONSE_MAX.
 */
int http_answer_decode(const uint8_t *in, size_t len, size_t *scanned,
    const struct http_ask *, struct http_answer *out);

/* How a response is to be sent back. */
struct http_back {
	uint8_t minor;	 /* the client's */
	bool keep_alive; /* the client's connection stays */
	/* As http_back_framing() says. */
	enum http_framing framing;
};
/* How the content goes to this client: chunked becomes "to the end" for
 * HTTP/1.0, "to the end" becomes chunked for HTTP/1.1. */
enum http_framing http_back_framing(
    const struct http_ask *, const struct http_answer *);
/* As http_ask_encode(): HTTP/1.1, hop's fields away (but for Upgrade of 101 and
 * 426), Via added, Connection as it is now; an interim one likewise, and 0 where
 * that is not for an HTTP/1.0 client to see. */
int http_answer_encode(const struct http_answer *, const uint8_t *head,
    size_t len, const struct http_back *, uint8_t *out, size_t cap);

/* An answer of our own on a connection that may go on after it. */
struct http_own {
	int status;
	const char *proxy_status; /* or NULL */
	const char *page;	  /* text/plain; NULL: an empty content */
};
/*
 * Unlike http_reply_encode() it is without content for HEAD, keeps the
 * connection when that is wanted here and by the client, and has a 200, which
 * says with Allow what we serve: for OPTIONS whose max_forwards is 0 (TRACE gets
 * 405).  ask NULL: the request could not be read, so the connection closes.
 */
int http_own_encode(const struct http_own *, const struct http_ask *,
    bool keep_alive, uint8_t *out, size_t cap);

/* --- contents --- */

/*
 * Takes the framing of a content away, or finds its end.  The bytes of the
 * content are borrowed from the input: nothing is copied.
 */
struct http_body {
	enum http_framing framing;
	uint8_t state;
	uint64_t left;	   /* of the length, or of the chunk */
	uint32_t line_len; /* of the chunk's or trailer's line so far */
	uint32_t trailer_len;
};
#define HTTP_CHUNK_LINE_MAX 256	 /* with its extensions, which are dropped */
#define HTTP_TRAILER_MAX    8192 /* all of a message's trailer */

void http_body_init(struct http_body *, enum http_framing, uint64_t length);
bool http_body_done(const struct http_body *);
/* What the end of the stream means: is the message whole? */
bool http_body_ends(const struct http_body *);

enum http_piece {
	HTTP_PIECE_MORE,    /* all used: more bytes are needed */
	HTTP_PIECE_DATA,    /* data, data_len: content */
	HTTP_PIECE_TRAILER, /* data, data_len: a line of the trailer, which is
			     * whole in the input, with its CR LF */
	HTTP_PIECE_DONE,    /* the message has ended after *used bytes */
	HTTP_PIECE_BAD
};
/*
 * The next piece of in[0..len); *used bytes are done with, so call again with
 * the rest until MORE, DONE or BAD.  A trailer's line that is not whole is
 * left in the input with MORE, so the input must have room for
 * HTTP_TRAILER_MAX.  With length 0 or no content: DONE at once.
 */
enum http_piece http_body_next(struct http_body *, const uint8_t *in,
    size_t len, size_t *used, const uint8_t **data, size_t *data_len);

/* May this line of a trailer be passed on?  (RFC 9110 section 6.5.1: nothing
 * of framing, routing, login or content.) */
bool http_trailer_passes(const uint8_t *line, size_t len);

/* "1f4\r\n" before a piece of n > 0 bytes, which "\r\n" follows; "0\r\n", the
 * trailer's lines and "\r\n" end a chunked content.  returns the length. */
#define HTTP_CHUNK_HEAD_MAX 18
size_t http_chunk_head(size_t n, uint8_t out[HTTP_CHUNK_HEAD_MAX]);

#endif
