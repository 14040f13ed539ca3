/* What is kept of a one-time token, the same for who makes and who takes it. */
#include "policyd/common/pdctl.h"

#include <string.h>

#include <sodium.h>

void
pdctl_token_hash(const char *token, uint8_t hash[PDCTL_HASH_LEN])
{
	/* A token is as good as a random key: one hash is enough. */
	crypto_generichash(hash, PDCTL_HASH_LEN, (const uint8_t *)token,
	    strlen(token), NULL, 0);
}
