#ifndef WIRE_ENVELOPE_H
#define WIRE_ENVELOPE_H

#include "wire/wire.h"

/*
 * Signed messages: what the keys of a fleet say to its agents.  The message
 * is secured, not the connection, so any transport may carry it.
 *
 *   offset  bytes
 *        0      4  "CAGE"
 *        4      1  version, 1
 *        5      1  type, enum envelope_type
 *        6      2  0
 *        8      4  length of the body
 *       12      4  epoch: the version of the root that names the keys
 *       16      8  serial, rising within an epoch
 *       24      8  issued, seconds since 1970
 *       32      8  expires, likewise; later than issued
 *       40     64  audience: a group's name or "*", NUL to the end
 *      104      n  body: UTF-8 text in the grammar of base/conf.h
 *   104+n      1  signatures, 1 to ENVELOPE_SIGNATURES_MAX
 *              80  each: 16 of the key's id, 64 of the signature
 *
 * Numbers are big-endian.  A signature is Ed25519ph (RFC 8032 section 5.1)
 * over ENVELOPE_DOMAIN, header and body, byte for byte as received; a key's
 * id is the first half of the BLAKE2b-256 of the public key.  Nothing may
 * follow, and nothing is optional: each valid message has one encoding.
 */
#define ENVELOPE_MAGIC		"CAGE"
#define ENVELOPE_VERSION	1
#define ENVELOPE_DOMAIN		"cagent signed 1" /* with its NUL */
#define ENVELOPE_HEADER_LEN	104
#define ENVELOPE_BODY_MAX	(1024 * 1024)
#define ENVELOPE_AUDIENCE_MAX	63
#define ENVELOPE_SIGNATURES_MAX 16
#define ENVELOPE_KEY_ID_LEN	16
#define ENVELOPE_PUBLIC_LEN	32
#define ENVELOPE_SECRET_LEN	64
#define ENVELOPE_SIGNATURE_LEN	64
#define ENVELOPE_MAX                                   \
	(ENVELOPE_HEADER_LEN + ENVELOPE_BODY_MAX + 1 + \
	    ENVELOPE_SIGNATURES_MAX *                  \
		(ENVELOPE_KEY_ID_LEN + ENVELOPE_SIGNATURE_LEN))

enum envelope_type {
	ENVELOPE_ROOT = 1, /* which keys may sign what */
	ENVELOPE_POLICY,   /* intermediaries, rules, limits */
	ENVELOPE_RANK	   /* order and state of what a policy names */
};

struct envelope_signature {
	uint8_t key_id[ENVELOPE_KEY_ID_LEN];
	uint8_t bytes[ENVELOPE_SIGNATURE_LEN];
};

struct envelope {
	enum envelope_type type;
	uint32_t epoch;
	uint64_t serial;
	int64_t issued_s, expires_s;
	char audience[ENVELOPE_AUDIENCE_MAX + 1];
	const uint8_t *body; /* borrowed from the message */
	size_t body_len;
	const uint8_t *covered; /* header and body: what is signed */
	size_t covered_len;
	uint32_t signatures_n;
	struct envelope_signature signatures[ENVELOPE_SIGNATURES_MAX];
};

/* What is wrong with a message, for its nack. */
enum envelope_fault {
	ENVELOPE_FINE,
	ENVELOPE_NOT_OURS, /* magic or version */
	ENVELOPE_TYPE,
	ENVELOPE_SIZE,	    /* the body is longer than is allowed */
	ENVELOPE_TIMES,	    /* it expires before it was issued */
	ENVELOPE_AUDIENCE,  /* not a name */
	ENVELOPE_PADDING,   /* what must be 0 is not */
	ENVELOPE_SIGNATURES /* none, too many, or two by one key */
};
const char *envelope_fault_text(enum envelope_fault);

/*
 * The bytes of the message, WIRE_MORE, or WIRE_BAD with *fault.  A body that
 * is too long is refused by its header alone.  That it is well formed says
 * nothing of who made it.
 */
int envelope_decode(const uint8_t *in, size_t len, struct envelope *out,
    enum envelope_fault *fault);

/* Header and body, yet without a signature, which is not a valid message.
 * WIRE_BAD when it does not fit or would be one that is refused. */
int envelope_encode(const struct envelope *, uint8_t *out, size_t cap);

/*
 * Add a signature to a message of len bytes, signed or not.  The new length,
 * or WIRE_BAD: it is not a message, has the key's signature already, has no
 * room for another, or cap is too small.
 */
int envelope_sign(uint8_t *message, size_t len, size_t cap,
    const uint8_t public_key[ENVELOPE_PUBLIC_LEN],
    const uint8_t secret_key[ENVELOPE_SECRET_LEN]);

/* Is this the key's signature over what is covered? */
bool envelope_verify(const struct envelope *, const struct envelope_signature *,
    const uint8_t public_key[ENVELOPE_PUBLIC_LEN]);

void envelope_key_id(const uint8_t public_key[ENVELOPE_PUBLIC_LEN],
    uint8_t id[ENVELOPE_KEY_ID_LEN]);

/* A group's name: 1 to 63 of a-z, 0-9, '-', '_', '.'; or "*". */
bool envelope_audience_ok(const char *);

#endif
