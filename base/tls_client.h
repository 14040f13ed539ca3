#ifndef BASE_TLS_CLIENT_H
#define BASE_TLS_CLIENT_H

#include <openssl/ssl.h>

#include <stdint.h>

#include "base/tls.h"

/* Private to base/tls*.c. */
struct tls_client {
	uint32_t refs;
	SSL_CTX *ctx;
	BIO_METHOD *bio; /* tls.c's */
	char *sni;	 /* NULL: none, as the name is an address */
	/* To be resumed, the newest last. */
	SSL_SESSION *sessions[TLS_SESSIONS_MAX];
	size_t sessions_n;
	uint8_t *lent; /* LOOP_RECV_USUAL bytes, once something was received */
};

/* The session to try next, the caller's; NULL: none. */
SSL_SESSION *tls_client_session(struct tls_client *);
/* They have led to a failure: begin anew. */
void tls_client_forget(struct tls_client *);

#endif
