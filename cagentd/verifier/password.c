/* Owns the look at one password; nobody else is told what is in the file. */
#include "cagentd/verifier/password.h"

#include <sys/mman.h>

#include <stdbool.h>
#include <stdlib.h>
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

/* The library calls it a mismatch, too, when it could not get the memory that
 * a hash takes: could it? */
static bool
had_memory(const char *hash)
{
	const char *m = strstr(hash, "$m=");
	size_t len = m != NULL ? strtoul(m + 3, NULL, 10) * 1024 : 0;
	void *p;

	if (len == 0)
		return true;
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	    -1, 0);
	if (p == MAP_FAILED)
		return false;
	munmap(p, len);
	return true;
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
	if (crypto_pwhash_str_verify(one->hash, password, strlen(password)) ==
	    0)
		return known ? MSG_VERIFY_RIGHT : MSG_VERIFY_WRONG;
	return had_memory(one->hash) ? MSG_VERIFY_WRONG : MSG_VERIFY_BUSY;
}
