#ifndef TRUST_VERIFY_H
#define TRUST_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trust/trust.h"
#include "wire/envelope.h"

struct root;

/*
 * The only maker of struct verified, which is what everybody takes who acts on
 * a message: that it exists says that the keys in force have signed it.  No
 * clock of its own, no I/O.  The rules are those of the TUF specification,
 * section 5.3 and on.
 */
struct verified;

#define VERIFY_SKEW_S 300 /* an issuer's clock may be ahead of ours */

enum verify_mode {
	/* From outside: every rule. */
	VERIFY_NEW,
	/* From our own disk, where it was accepted before: its age is not
	 * asked, nor whether it has expired. */
	VERIFY_KEPT,
	/* One message alone, for a person: there is nothing it may be older
	 * than, and no policy that a rank has to fit. */
	VERIFY_ALONE
};

struct verify {
	enum verify_mode mode;
	const struct verified *root; /* borrowed; the one in force */
	const char *group;	     /* ours; NULL: for whomever it is */
	int64_t now_s;		     /* since 1970, by our clock */
	/* It is at least so late, by what was signed and believed: what has
	 * expired by then is not taken.  Whether something comes from the
	 * future is asked of our clock alone, or each message could move this
	 * on a little. */
	int64_t floor_s;
	/* The newest that was seen; the policy is also the one in force. */
	struct trust_mark policy, rank;
};

/*
 * All of these return what the caller frees, or NULL with why.  The message is
 * copied.
 */

/*
 * A root that is trusted for where it came from (installed with the agent, or
 * from its own disk); only that it is whole and its own keys have signed it is
 * checked.  It may have expired: then only a later root can follow it.
 */
struct verified *verify_root_first(
    const uint8_t *message, size_t len, struct trust_why *why);

/* The root after that one: its version is the next, and a threshold of the
 * root keys of both have signed it.  Both may have expired. */
struct verified *verify_root_next(const struct verified *before, int64_t now_s,
    const uint8_t *message, size_t len, struct trust_why *why);

/* A policy or a rank. */
struct verified *verify_message(const struct verify *, const uint8_t *message,
    size_t len, struct trust_why *why);

void verified_free(struct verified *);

/* What the header says, and the body, which is not NUL-terminated. */
const struct envelope *verified_envelope(const struct verified *);
struct trust_mark verified_mark(const struct verified *);
/* As it came, byte for byte. */
const uint8_t *verified_message(const struct verified *, size_t *len);
/* What a root says; NULL of other types. */
const struct root *verified_root(const struct verified *);

/*
 * The serial of the policy that a rank is for.  A rank's body begins with the
 * lines "[rank]" and "policy-serial = N", to be read before its grammar is.
 */
bool verify_rank_policy(const char *body, size_t len, uint64_t *serial);

#endif
