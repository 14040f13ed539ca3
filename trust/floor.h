#ifndef TRUST_FLOOR_H
#define TRUST_FLOOR_H

#include <stddef.h>
#include <stdint.h>

#include "trust/trust.h"
#include "wire/envelope.h"

struct verified;

/*
 * What was accepted last, on disk: of each type the message itself and the
 * root that it was accepted under, in one file "TYPE.kept" of the state
 * directory.  Its epoch and serial are the floor below which nothing is
 * accepted again.  A file is replaced in one step: written beside, fsynced,
 * renamed, the directory fsynced; so at any moment and after any crash there
 * is the one before or the new one, whole.
 *
 *   offset  bytes
 *        0      4  "CAGF"
 *        4      1  version, 1
 *        5      1  type, as in the message
 *        6      2  0
 *        8      4  n, length of the message
 *       12      4  m, length of the root, 0 of a root
 *       16     32  BLAKE2b-256 of bytes 0 to 15 and all that follows
 *       48      n  the message
 *     48+n      m  the root
 */
#define FLOOR_MAGIC	 "CAGF"
#define FLOOR_VERSION	 1
#define FLOOR_HEADER_LEN 48
#define FLOOR_MAX	 (FLOOR_HEADER_LEN + 2 * ENVELOPE_MAX)
#define FLOOR_WHY_MAX	 320

struct floor;

/* What there was: each NULL when there is none.  Owned by whoever has the
 * struct; floor_kept_free(). */
struct floor_kept {
	struct verified *root, *policy, *rank;
};

/*
 * Open the directory, which must be there and nobody's but its owner's to write
 * to, and read what was accepted.  group: a policy or rank for another one (the
 * configuration has changed) is passed over, and is no floor.  A rank that is
 * not for the policy is passed over, but is one.
 * returns 0; or -errno with why: -EBADMSG when a file is damaged, which is for
 * a person to decide about, as nobody knows what was in it.
 */
int floor_open(const char *dir, const char *group, struct floor **out,
    struct floor_kept *kept, char why[FLOOR_WHY_MAX]);
void floor_close(struct floor *);
void floor_kept_free(struct floor_kept *);

/* The highest seen; zero for none. */
struct trust_mark floor_mark(const struct floor *, enum envelope_type);

/*
 * Keep a message, before anything is done by it.  root: what it was accepted
 * under; NULL for a root.  When it returns 0 it is on the disk.  -ESTALE when
 * the floor is higher; else -errno with the one before still there, or, when
 * the very last step failed, one of the two.
 */
int floor_keep(struct floor *, const struct verified *message,
    const struct verified *root);

/* Forget policies and ranks, and put that root in their place: when the one
 * that is trusted from the start was replaced by hand. */
int floor_restart(struct floor *, const struct verified *root);

#endif
