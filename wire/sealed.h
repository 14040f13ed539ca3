#ifndef WIRE_SEALED_H
#define WIRE_SEALED_H

#include "wire/wire.h"

/*
 * Sealed messages: between an agent and whoever manages it, in both
 * directions, readable by these two alone, and each knows the other wrote it.
 *
 *   offset  bytes
 *        0      4  "CAGS"
 *        4      1  version, 1
 *        5      1  type, enum sealed_type
 *        6      2  0
 *        8      4  length of the body
 *       12      4  0
 *       16      8  sequence: rises with each message of a sender to a receiver
 *       24      8  issued, seconds since 1970
 *       32     32  the sender's public key (X25519)
 *       64     32  the receiver's
 *       96     24  nonce, random
 *      120    n+16  the body, XChaCha20-Poly1305
 *
 * Numbers are big-endian.  The key is the BLAKE2b-256, keyed by the X25519 of
 * both static keys, of SEALED_DOMAIN, the sender's and the receiver's public
 * key, so that no message can be turned round.  The header is authenticated
 * with the body.  There is no secrecy for the past: who takes a static key
 * reads what was sent under it.
 */
#define SEALED_MAGIC	  "CAGS"
#define SEALED_VERSION	  1
#define SEALED_DOMAIN	  "cagent sealed 1" /* with its NUL */
#define SEALED_HEADER_LEN 120
#define SEALED_TAG_LEN	  16
#define SEALED_BODY_MAX	  (1024 * 1024)
#define SEALED_KEY_LEN	  32
#define SEALED_NONCE_LEN  24
#define SEALED_MAX	  (SEALED_HEADER_LEN + SEALED_BODY_MAX + SEALED_TAG_LEN)

enum sealed_type {
	SEALED_REGISTER = 16, /* an agent wants to be known */
	SEALED_REPORT,
	SEALED_ACK, /* of a report, or of a policy that is in force */
	SEALED_NACK
};

struct sealed {
	enum sealed_type type;
	uint32_t body_len;
	uint64_t sequence;
	int64_t issued_s;
	uint8_t sender[SEALED_KEY_LEN], receiver[SEALED_KEY_LEN];
	uint8_t nonce[SEALED_NONCE_LEN];
};

/* An X25519 key pair. */
struct sealed_keys {
	uint8_t public_key[SEALED_KEY_LEN];
	uint8_t secret_key[SEALED_KEY_LEN];
};

/*
 * Look at the header: the bytes of the whole message (which may not all be
 * there), WIRE_MORE (the header is not there yet), or WIRE_BAD.  Nothing of it
 * is to be believed yet, but a wrong receiver or too long a body can be
 * refused now.
 */
int sealed_peek(const uint8_t *in, size_t len, struct sealed *out);

/*
 * Open a whole message (of as many bytes as sealed_peek() said) that is for
 * keys.  body has room for out->body_len bytes.  false, and body is zeroed:
 * not for us, or not by the sender that it names.  Who that is, and whether
 * the sequence has risen, is for the caller to ask.
 */
bool sealed_open(const uint8_t *in, size_t len, const struct sealed_keys *,
    struct sealed *out, uint8_t *body);

/* All but body_len and sender, which is keys', is taken from what; the nonce
 * must be fresh from a random generator.  The bytes of the message, or WIRE_BAD: no room, or a body or a
 * receiver that cannot be. */
int sealed_encode(const struct sealed *what, const uint8_t *body,
    size_t body_len, const struct sealed_keys *, uint8_t *out, size_t cap);

/* What two have agreed on, worked out once, for who says much to one peer:
 * the X25519 is nearly all that a short message costs.  The last two are
 * secrets: the owner wipes them. */
struct sealed_pair {
	uint8_t own[SEALED_KEY_LEN], peer[SEALED_KEY_LEN]; /* public keys */
	uint8_t out[SEALED_KEY_LEN], in[SEALED_KEY_LEN];
};
/* false: the peer's key is of small order, and nothing has been made. */
bool sealed_pair_init(struct sealed_pair *, const struct sealed_keys *own,
    const uint8_t peer[SEALED_KEY_LEN]);

/* As sealed_open() and sealed_encode(), between these two alone. */
bool sealed_pair_open(const struct sealed_pair *, const uint8_t *in, size_t len,
    struct sealed *out, uint8_t *body);
int sealed_pair_encode(const struct sealed_pair *, const struct sealed *what,
    const uint8_t *body, size_t body_len, uint8_t *out, size_t cap);

#endif
