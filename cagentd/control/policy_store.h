#ifndef CAGENTD_POLICY_STORE_H
#define CAGENTD_POLICY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trust/trust.h"

/*
 * What was accepted, in a file that the master has opened: the control process
 * can open none.  Two slots are written in turn, so that at any moment, and
 * after any crash, one of them is whole; the higher generation counts.
 *
 *   offset  bytes
 *        0      4  "CAGS"
 *        4      1  version, 1
 *        5      1  1: the policy was seen to be stale; else 0
 *        6      2  0
 *        8      8  generation
 *       16      4  epoch of the highest rank that was accepted
 *       20      8  its serial
 *       28     16  lengths of the four messages below, 4 bytes each
 *       44     32  hash of the root that was handed out
 *       76     32  BLAKE2b-256 of bytes 0 to 75 and all that follows
 *      108      n  root, policy, the root that the policy was accepted under
 *                  (length 0: the first), rank; length 0: there is none
 *
 * Numbers are big-endian.  A new file gets both slots before anything but a
 * root is accepted: only then an empty slot beside a damaged one is harmless.
 */
#define POLICY_STORE_HASH_LEN	32
#define POLICY_STORE_HEADER_LEN 108
#define POLICY_STORE_SLOT	(5u << 20) /* where the second one begins */

enum policy_part {
	POLICY_PART_ROOT,
	POLICY_PART_POLICY,
	POLICY_PART_POLICY_ROOT,
	POLICY_PART_RANK,
	POLICY_PARTS
};

struct policy_kept {
	uint8_t anchor[POLICY_STORE_HASH_LEN];
	struct trust_mark rank;
	bool stale;
	struct {
		const uint8_t *data;
		size_t len;
	} parts[POLICY_PARTS];
	uint8_t *memory; /* that parts point into; NULL: not ours */
};

struct policy_store {
	int fd;
	uint64_t generation; /* 0: nothing is kept yet */
	uint32_t slot;	     /* of it */
};

/*
 * Read what is kept; fd stays the caller's.  *kept is to be given to
 * policy_kept_free(), parts[POLICY_PART_ROOT].len 0: nothing is kept yet.
 * 0; -EBADMSG when nobody knows what was accepted last; -errno.
 */
int policy_store_open(struct policy_store *, int fd, struct policy_kept *kept);
void policy_kept_free(struct policy_kept *);

/* On the disk when it returns 0; else -errno, and what was kept before is,
 * or, when only the last step failed, one of the two. */
int policy_store_write(struct policy_store *, const struct policy_kept *);

void policy_store_hash(
    const void *data, size_t len, uint8_t out[POLICY_STORE_HASH_LEN]);

#endif
