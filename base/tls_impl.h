#ifndef BASE_TLS_IMPL_H
#define BASE_TLS_IMPL_H

#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/tls.h"
#include "base/tls_client.h"

/* Private to base/tls*.c. */

/* Of what is received: not ended yet. */
#define TLS_OPEN 1

/*
 * OpenSSL is given the bytes that were received and gives those to be sent by
 * a BIO whose functions are bio_read() and bio_write(): there is no copy but
 * of what cannot be dealt with at once.
 *
 * A record that the kernel takes only in part is not said to be sent: `owed`
 * are its bytes, which come a second time, as those that send_now() did not
 * take must be the next ones.  So what is said to be sent is with the kernel,
 * and survives a close.
 */
struct tls {
	struct tls_client *client; /* a reference */
	struct loop *loop;
	SSL *ssl;
	int fd;
	int end;   /* of what is received: TLS_OPEN, or how it ended */
	int error; /* nothing can be sent any more: -errno; 0 */
	enum tls_fault fault;
	unsigned long code; /* OpenSSL's, of the fault */
	struct op net_in, net_out, soon;
	struct op *rx, *tx; /* their owners'; NULL: none */
	bool shaking;	    /* rx is for the end of the handshake */
	bool ended;	    /* we have said that we have */
	bool end_after;	    /* to be said behind what is on its way */
	bool orphan;	    /* closed, but for what is on its way */
	bool dead;	    /* freed by the last tls_leave() */
	unsigned int depth;
	struct buf *out; /* tx's, what is left of it */
	int sent;	 /* tx's result */
	size_t owed;
	struct buf *queue;
	/* Received and not yet looked at: lent, or kept. */
	const uint8_t *in;
	size_t in_len;
	struct buf *kept;
};

/* Give t->ssl its BIO: 0 or -ENOMEM. */
int tls_bio(struct tls *);

/* Around all that may call an owner back, who may close the stream then. */
void tls_enter(struct tls *);
void tls_leave(struct tls *);
/* Read what there is for who receives. */
void tls_run(struct tls *);

/* What the loop's sends and timers come to. */
void tls_on_out(struct loop *, struct op *, const struct op_result *);
void tls_on_soon(struct loop *, struct op *, const struct op_result *);
/* Nothing can be sent any more. */
void tls_failed(struct tls *, int error);
/* An orphan's end; cut: it does not look complete. */
void tls_bury(struct tls *, bool cut);
/* Is tx to be told?  Tell it: its last act. */
bool tls_tx_done(const struct tls *);
void tls_tell_sent(struct tls *);
/* The peer is told that no more will come. */
void tls_say_end(struct tls *);

#endif
