#ifndef TRUST_ROOT_H
#define TRUST_ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trust/keyfile.h"
#include "wire/envelope.h"

struct conf_errors;

/*
 * The body of a root: which keys may sign what.  In the grammar of
 * base/conf.h:
 *
 *   [root]
 *   version = 3              one more than the root's before
 *   root-threshold = 2       how many root keys must sign the next root
 *   policy-threshold = 1     how many policy keys a policy; a rank needs one
 *   revoked = 0123...        optional; may be repeated: the id, 32 hexadecimal
 *                            digits, of a key that must be believed no more,
 *                            nor what it has signed before
 *
 *   [key "alice"]
 *   public = BASE64
 *   role = root              root, policy, rank or seal; may be repeated
 *   role = policy
 *   expires = 2027-01-01T00:00:00Z   optional; from then on it may sign
 *                                    nothing but roots
 *
 * A key stands once, whatever it is called.  The rank key, which is on a
 * machine that is online, has no other role; nor has a sealing key, which is
 * of another kind.
 */
#define ROOT_KEYS_MAX	   64
#define ROOT_NAME_MAX	   63
#define ROOT_THRESHOLD_MAX (ENVELOPE_SIGNATURES_MAX / 2) /* old and new sign */
#define ROOT_REVOKED_MAX   64
#define ROOT_TEXT_MAX	   (ROOT_KEYS_MAX * 320 + ROOT_REVOKED_MAX * 64)
#define ROOT_NEVER	   INT64_MAX

enum root_role {
	ROOT_ROLE_ROOT = 1,
	ROOT_ROLE_POLICY = 2,
	ROOT_ROLE_RANK = 4,
	ROOT_ROLE_SEAL = 8
};
/* "root", "policy", "rank", "seal" */
const char *root_role_word(enum root_role);

struct root_key {
	char name[ROOT_NAME_MAX + 1];
	uint8_t key[KEYFILE_KEY_LEN];
	uint8_t id[ENVELOPE_KEY_ID_LEN];
	unsigned int roles; /* enum root_role */
	int64_t expires_s;  /* ROOT_NEVER */
};

struct root {
	uint32_t version;
	uint32_t root_threshold, policy_threshold;
	uint32_t keys_n;
	struct root_key keys[ROOT_KEYS_MAX];
	uint32_t revoked_n;
	uint8_t revoked[ROOT_REVOKED_MAX][ENVELOPE_KEY_ID_LEN];
};

/* name is for the errors.  0, or -EINVAL with errors. */
int root_parse(const char *name, const char *text, size_t len, struct root *out,
    struct conf_errors *errors);

/* The same text for the same root; its length, or 0 when there is no room.
 * That root_parse() takes it is for the caller to see. */
size_t root_format(const struct root *, char out[ROOT_TEXT_MAX]);

/* By id, or NULL; of those with one of the roles. */
const struct root_key *root_find(const struct root *,
    const uint8_t id[ENVELOPE_KEY_ID_LEN], unsigned int roles);
bool root_revokes(const struct root *, const uint8_t id[ENVELOPE_KEY_ID_LEN]);
/* How many have the role. */
uint32_t root_count(const struct root *, enum root_role);
/* How many signatures what the role signs must have. */
uint32_t root_threshold(const struct root *, enum root_role);

#endif
