#ifndef TESTS_UNIT_TRUST_SAMPLE_H
#define TESTS_UNIT_TRUST_SAMPLE_H

#include <sodium.h>
#include <string.h>

#include "trust/root.h"
#include "trust/verify.h"
#include "wire/envelope.h"

/*
 * Roots and messages for tests.  Keys are numbered; of the usual root 1, 2 and
 * 3 are root keys, of which two must sign, 4 and 5 policy keys, 6 the rank
 * key, 7 the sealing key.  8 and 9 are nobody's.
 */
#define SAMPLE_NOW	 INT64_C(1800000000) /* 2027-01-15T08:00:00Z */
#define SAMPLE_DAY	 86400
#define SAMPLE_ROOT_KEYS 3
#define SAMPLE_KEYS	 7

struct sample_key {
	uint8_t public_key[ENVELOPE_PUBLIC_LEN];
	uint8_t secret_key[ENVELOPE_SECRET_LEN];
};

struct sample {
	uint8_t data[ROOT_TEXT_MAX + 4096];
	size_t len;
};

static inline struct sample_key
sample_key(uint8_t n)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	struct sample_key k;

	memset(seed, n, sizeof(seed));
	crypto_sign_seed_keypair(k.public_key, k.secret_key, seed);
	return k;
}

static inline void
sample_add_key(struct root *root, uint8_t n, unsigned int roles)
{
	struct root_key *k = &root->keys[root->keys_n++];
	struct sample_key pair = sample_key(n);

	*k = (struct root_key){.roles = roles, .expires_s = ROOT_NEVER};
	k->name[0] = 'k';
	k->name[1] = (char)('0' + n);
	memcpy(k->key, pair.public_key, sizeof(k->key));
	envelope_key_id(k->key, k->id);
}

static inline struct root
sample_root(uint32_t version)
{
	static const unsigned int roles[SAMPLE_KEYS] = {ROOT_ROLE_ROOT,
	    ROOT_ROLE_ROOT, ROOT_ROLE_ROOT, ROOT_ROLE_POLICY, ROOT_ROLE_POLICY,
	    ROOT_ROLE_RANK, ROOT_ROLE_SEAL};
	struct root root = {
	    .version = version, .root_threshold = 2, .policy_threshold = 1};
	uint8_t i;

	for (i = 0; i < SAMPLE_KEYS; i++)
		sample_add_key(&root, (uint8_t)(i + 1), roles[i]);
	return root;
}

/* Signed by the keys whose digits are in by; e's body is text. */
static inline void
sample_sign(
    struct sample *s, struct envelope e, const char *body, const char *by)
{
	struct sample_key k;
	int len;

	e.body = (const uint8_t *)body;
	e.body_len = strlen(body);
	len = envelope_encode(&e, s->data, sizeof(s->data));
	for (; len > 0 && *by != '\0'; by++) {
		k = sample_key((uint8_t)(*by - '0'));
		len = envelope_sign(s->data, (size_t)len, sizeof(s->data),
		    k.public_key, k.secret_key);
	}
	s->len = len > 0 ? (size_t)len : 0;
}

/* Of the usual header, from which a test changes what it is about. */
static inline struct envelope
sample_header(enum envelope_type type, uint32_t epoch, uint64_t serial)
{
	return (struct envelope){.type = type,
	    .epoch = epoch,
	    .serial = serial,
	    .issued_s = SAMPLE_NOW - 1000,
	    .expires_s = SAMPLE_NOW + SAMPLE_DAY,
	    .audience = "*"};
}

static inline void
sample_sign_root(struct sample *s, const struct root *root, const char *by)
{
	char text[ROOT_TEXT_MAX];
	size_t n = root_format(root, text);

	s->len = 0;
	if (n > 0)
		sample_sign(s, sample_header(ENVELOPE_ROOT, root->version, 0),
		    text, by);
}

/* The usual root as it is in force; NULL when something is broken. */
static inline struct verified *
sample_verified_root(uint32_t version)
{
	struct root root = sample_root(version);
	struct trust_why why;
	struct sample s;

	sample_sign_root(&s, &root, "12");
	return verify_root_first(s.data, s.len, &why);
}

#endif
