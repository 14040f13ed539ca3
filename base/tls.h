#ifndef BASE_TLS_H
#define BASE_TLS_H

#include <sys/types.h>

#include "base/loop.h"

/*
 * TLS towards servers, below base/stream.h: nothing here blocks, opens a file
 * or reads OpenSSL's configuration.
 */
#define TLS_WHY_MAX 192

/* Whom to believe; counted, as many clients may share one. */
struct tls_authorities;
/* From the certificates in a PEM text: 0, -ENOMEM, or -EINVAL with what is
 * wrong with it. */
int tls_authorities_new(
    struct tls_authorities **, const char *pem, char why[static TLS_WHY_MAX]);
struct tls_authorities *tls_authorities_ref(struct tls_authorities *);
void tls_authorities_unref(struct tls_authorities *); /* NULL allowed */

/*
 * What the connections to one server share: whom it must be, who we are, and
 * the sessions it has given us to resume (RFC 8446 section 2.2).  Counted.
 */
#define TLS_SESSIONS_MAX 8
struct tls_client;
struct tls_client_spec {
	/* That its certificate must have as a subjectAltName: a host's name,
	 * which the server is told (SNI), or an address literal. */
	const char *name;
	struct tls_authorities *authorities; /* borrowed */
	const char *cert; /* ours in PEM, its chain behind it; NULL: none */
	const char *key;  /* its key in PEM */
};
/* 0, -ENOMEM, or -EINVAL with what is wrong with the certificate or key. */
int tls_client_new(struct tls_client **, const struct tls_client_spec *,
    char why[static TLS_WHY_MAX]);
struct tls_client *tls_client_ref(struct tls_client *);
void tls_client_unref(struct tls_client *); /* NULL allowed */

/* The first certificate of a PEM text: when it runs out, in seconds since
 * 1970, or -EINVAL. */
int64_t tls_cert_expires(const char *pem);

/*
 * One connection.  The functions are those of base/stream.h, who is the only
 * one to call them; the rest may be asked of any stream's.
 */
struct tls;

/*
 * Begin the handshake on a connected socket, which stays the caller's to close
 * after tls_close() unless that says otherwise.  The callback has res 0, -EPROTO (tls_why() says more) or
 * the socket's error; it is the one of op, to be cancelled like others.
 * 0 or -ENOMEM.
 */
int tls_start(struct tls **, struct loop *, int fd, struct tls_client *,
    struct op *, op_fn *);
int tls_recv(struct tls *, struct op *, op_fn *);
int tls_send(struct tls *, struct op *, struct buf *, op_fn *);
ssize_t tls_send_now(struct tls *, const void *data, size_t len);
void tls_cancel(struct tls *, struct op *);
bool tls_op_active(const struct tls *, const struct op *);
int tls_peek(const struct tls *);
void tls_end(struct tls *);
/*
 * cut: without a word to the peer.  True: that word could not be sent at once,
 * and the socket is closed behind it, by nobody else.
 */
bool tls_close(struct tls *, bool cut);

/* What the peer or its certificate did wrong. */
enum tls_fault {
	TLS_FAULT_NONE,
	TLS_FAULT_PEER,	      /* it does not speak TLS as we do */
	TLS_FAULT_CERTIFICATE /* its own: not to be trusted, or another's */
};
/* out: the fault in words, "" for none. */
enum tls_fault tls_why(const struct tls *, char out[static TLS_WHY_MAX]);
/* Did the handshake resume an earlier session? */
bool tls_resumed(const struct tls *);

#endif
