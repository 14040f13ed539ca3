/* Owns the look at one password; nobody else is told what is in the file. */
#include "cagentd/verifier/password.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <sodium.h>

_Static_assert(PASSWORD_KEY_LEN == crypto_shorthash_KEYBYTES, "a short hash");
_Static_assert(sizeof(((struct users_one *)0)->hash) == crypto_pwhash_STRBYTES,
    "libsodium reads as much");

static const struct users_one *
decoy(const struct users *users, const uint8_t *key, const char *user)
{
	uint64_t lot;

	crypto_shorthash(
	    (uint8_t *)&lot, (const uint8_t *)user, strlen(user), key);
	return &users->one[lot % users->n];
}

enum msg_verdict
password_verify(const struct users *users, const uint8_t key[PASSWORD_KEY_LEN],
    const char *user, const char *password)
{
	const struct users_one *one;
	bool known;

	if (users->n == 0)
		return MSG_VERIFY_WRONG;
	one = users_find(users, user);
	known = one != NULL;
	if (!known)
		one = decoy(users, key, user);
	errno = 0;
	if (crypto_pwhash_str_verify(one->hash, password, strlen(password)) ==
	    0)
		return known ? MSG_VERIFY_RIGHT : MSG_VERIFY_WRONG;
	/* EINVAL is its word for another password. */
	return errno == EINVAL ? MSG_VERIFY_WRONG : MSG_VERIFY_BUSY;
}
