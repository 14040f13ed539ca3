#ifndef TESTS_INTEG_RIG_TLS_FAKE_H
#define TESTS_INTEG_RIG_TLS_FAKE_H

#include <stdatomic.h>
#include <stdint.h>

struct tls_sample;

/* What an intermediary over TLS is like; those that get so far say yes to a
 * CONNECT and give back what comes. */
enum rig_tls_kind {
	RIG_TLS_GOOD,
	RIG_TLS_WRONG_NAME,
	RIG_TLS_UNTRUSTED, /* by an authority of its own */
	RIG_TLS_EXPIRED,
	RIG_TLS_WANTS_CERT, /* one of rig_tls_authority()'s */
	RIG_TLS_11,	    /* speaks no later version */
	RIG_TLS_GARBAGE,    /* answers, but not by TLS */
	RIG_TLS_STALLS,	    /* says nothing */
	RIG_TLS_DRIPS,	    /* a byte of its handshake every 20 ms */
	RIG_TLS_ENDLESS,    /* a chain of certificates without end */
	RIG_TLS_CUTS,	    /* ends after the answer, and does not say so */
	RIG_TLS_KINDS
};
const char *rig_tls_word(enum rig_tls_kind);

struct rig_tls_fake {
	enum rig_tls_kind kind;
	uint16_t port; /* on 127.0.0.1 */
	int fd;
	void *ctx; /* SSL_CTX */
	_Atomic unsigned int accepted, shaken, resumed;
};

/* Serve from here on, by threads of the case's process. */
void rig_tls_fake_start(struct rig_tls_fake *, enum rig_tls_kind);

#endif
