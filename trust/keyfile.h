#ifndef TRUST_KEYFILE_H
#define TRUST_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Keys in files.  Two lines of text, and nothing else:
 *
 *   cagent public key 1 sign        or "secret", or "seal"
 *   BASE64 of 32 bytes              with its padding
 *
 * A signing key is Ed25519 (RFC 8032), its secret the seed; a sealing key is
 * X25519 (RFC 7748).
 */
#define KEYFILE_KEY_LEN	 32
#define KEYFILE_SIGN_LEN 64 /* a seed with its public key, as libsodium's */
#define KEYFILE_TEXT_MAX 80 /* a whole file, with a NUL */
#define KEYFILE_B64_LEN	 45 /* a key, with a NUL */
#define KEYFILE_WHY_MAX	 512

enum keyfile_kind {
	KEYFILE_SIGN,
	KEYFILE_SEAL
};
/* "sign", "seal" */
const char *keyfile_kind_word(enum keyfile_kind);

struct keyfile_public {
	enum keyfile_kind kind;
	uint8_t key[KEYFILE_KEY_LEN];
};

/* Lives in locked memory that is not in a core dump, and is wiped when freed
 * (sodium_malloc). */
struct keyfile_secret {
	struct keyfile_public public;
	uint8_t sign[KEYFILE_SIGN_LEN]; /* of KEYFILE_SIGN */
	uint8_t seal[KEYFILE_KEY_LEN];	/* of KEYFILE_SEAL */
	/* Work space, so that no copy is left on a stack. */
	uint8_t seed[KEYFILE_KEY_LEN];
	char text[KEYFILE_TEXT_MAX];
};

/* All that can fail says so in why, with the path; 0 or -errno. */

/* A fresh one; the caller frees. */
int keyfile_generate(
    enum keyfile_kind, struct keyfile_secret **out, char why[KEYFILE_WHY_MAX]);
void keyfile_free(struct keyfile_secret *);

/* Into a file that is not there yet: -EEXIST.  The secret one is of mode 0600
 * from its first moment. */
int keyfile_write_secret(
    const char *path, struct keyfile_secret *, char why[KEYFILE_WHY_MAX]);
int keyfile_write_public(
    const char *path, const struct keyfile_public *, char why[KEYFILE_WHY_MAX]);

/* -EPERM unless the file is its owner's alone, and that is us or root; the
 * caller frees. */
int keyfile_read_secret(
    const char *path, struct keyfile_secret **out, char why[KEYFILE_WHY_MAX]);
int keyfile_read_public(
    const char *path, struct keyfile_public *out, char why[KEYFILE_WHY_MAX]);

/* The text of a public key; false when it is not one. */
bool keyfile_parse(const char *text, size_t len, struct keyfile_public *out);
/* The text of a secret one, which is in the secret itself. */
bool keyfile_parse_secret(struct keyfile_secret *, size_t len);

/* BASE64 of a key and back; false when it is not one. */
const char *keyfile_base64(
    const uint8_t key[KEYFILE_KEY_LEN], char out[KEYFILE_B64_LEN]);
bool keyfile_unbase64(
    const char *text, size_t len, uint8_t key[KEYFILE_KEY_LEN]);

#endif
