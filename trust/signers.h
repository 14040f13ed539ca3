#ifndef TRUST_SIGNERS_H
#define TRUST_SIGNERS_H

#include "trust/root.h"
#include "trust/trust.h"
#include "wire/envelope.h"

/* Signatures: whose they may be, and how many are needed of them. */
struct signers {
	const struct root *root;
	enum root_role role;
	int64_t now_s; /* INT64_MIN: a key's expiry is not asked */
};

/* The key of that role that has made a signature and may; NULL with why. */
const struct root_key *signers_find(const struct signers *,
    const struct envelope_signature *, struct trust_why *);

/*
 * Every signature is by a key that may, they are enough, all are right; what
 * costs least first.  No key is there twice: the envelope sees to that.
 */
bool signers_check(
    const struct envelope *, const struct signers *, struct trust_why *);

/* Count the signatures by that root's root keys, and pass over others; false
 * when one of them is wrong. */
bool signers_count(const struct envelope *, const struct root *, uint32_t *n,
    struct trust_why *);

/*
 * Would what was accepted by the keys of one root still have enough signatures
 * without those of keys that a later root revokes?  That keys are gone, or have
 * expired, takes nothing away from what they signed before.
 */
bool signers_stand(
    const struct envelope *, const struct signers *, const struct root *later);

/* Are n signatures enough? */
bool signers_enough(const struct signers *, uint32_t n, struct trust_why *);

#endif
