/* Owns the logins that were right lately; keeps no password. */
#include "cagentd/worker/who/login_known.h"

#include <string.h>

#include <sodium.h>

_Static_assert(LOGIN_MARK_LEN == crypto_generichash_BYTES, "a hash");
_Static_assert(
    sizeof(((struct login_known *)0)->key) == crypto_generichash_KEYBYTES,
    "its key");

void
login_known_init(struct login_known *k)
{
	memset(k, 0, sizeof(*k));
	randombytes_buf(k->key, sizeof(k->key));
}

static void
hash_text(crypto_generichash_state *h, const char *text)
{
	/* With its NUL, so that no two pairs of texts run together alike. */
	crypto_generichash_update(h, (const uint8_t *)text, strlen(text) + 1);
}

void
login_known_mark(const struct login_known *k, uint64_t users_mark,
    const char *user, const char *password, uint8_t mark[LOGIN_MARK_LEN])
{
	crypto_generichash_state h;

	crypto_generichash_init(&h, k->key, sizeof(k->key), LOGIN_MARK_LEN);
	crypto_generichash_update(
	    &h, (const uint8_t *)&users_mark, sizeof(users_mark));
	hash_text(&h, user);
	hash_text(&h, password);
	crypto_generichash_final(&h, mark, LOGIN_MARK_LEN);
	sodium_memzero(&h, sizeof(h));
}

bool
login_known_has(const struct login_known *k, const uint8_t mark[LOGIN_MARK_LEN],
    int64_t now_us)
{
	const struct login_known_one *set = k->ones[mark[0] % LOGIN_SETS];
	int i;

	for (i = 0; i < LOGIN_WAYS; i++) {
		if (now_us < set[i].until_us &&
		    sodium_memcmp(set[i].mark, mark, LOGIN_MARK_LEN) == 0)
			return true;
	}
	return false;
}

void
login_known_put(
    struct login_known *k, const uint8_t mark[LOGIN_MARK_LEN], int64_t until_us)
{
	struct login_known_one *set = k->ones[mark[0] % LOGIN_SETS];
	struct login_known_one *to = &set[0];
	int i;

	for (i = 0; i < LOGIN_WAYS; i++) {
		if (sodium_memcmp(set[i].mark, mark, LOGIN_MARK_LEN) == 0) {
			to = &set[i];
			break;
		}
		if (set[i].until_us < to->until_us)
			to = &set[i];
	}
	memcpy(to->mark, mark, LOGIN_MARK_LEN);
	to->until_us = until_us;
}

void
login_known_forget(struct login_known *k)
{
	sodium_memzero(k->ones, sizeof(k->ones));
}
