#ifndef POLICYD_RANKSIGN_H
#define POLICYD_RANKSIGN_H

#include <stddef.h>
#include <stdint.h>

#include "wire/envelope.h"

/*
 * What the rank key signs: ranks, each of a mark above all before it.  Whoever
 * has taken the ranker cannot have it sign a root or a policy, nor two ranks
 * of one serial.  Pure.
 */
#define RANKSIGN_KEPT	  64
#define RANKSIGN_HASH_LEN 32
/* What a signature takes behind an unsigned message. */
#define RANKSIGN_ROOM (1 + ENVELOPE_KEY_ID_LEN + ENVELOPE_SIGNATURE_LEN)

/* Zeroed at first. */
struct ranksign {
	uint32_t epoch; /* the highest mark that was signed */
	uint64_t serial;
	/* The last ones, which may be signed again as they are. */
	uint8_t kept[RANKSIGN_KEPT][RANKSIGN_HASH_LEN];
	uint32_t kept_n; /* ever */
};

/*
 * Sign the message of len bytes in place; cap is at least RANKSIGN_ROOM more.
 * key: the secret of a signing key with its public key, as in
 * struct keyfile_secret.
 * returns the new length, or 0 with *why (for ever) it is refused.
 */
size_t ranksign(struct ranksign *, const uint8_t key[ENVELOPE_SECRET_LEN],
    uint8_t *message, size_t len, size_t cap, const char **why);

#endif
