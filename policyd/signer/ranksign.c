/* Decides what the rank key signs; where the key and the message come from is
 * not known here. */
#include "policyd/signer/ranksign.h"

#include <string.h>

#include <sodium.h>

static const char rank_body[] = "[rank]\n";

/* An unsigned message: decoded as if one signature of zeros were there. */
static bool
look(uint8_t *message, size_t len, struct envelope *e)
{
	enum envelope_fault fault;
	int n;

	memset(message + len, 0, RANKSIGN_ROOM);
	message[len] = 1;
	n = envelope_decode(message, len + RANKSIGN_ROOM, e, &fault);
	return n > 0 && (size_t)n == len + RANKSIGN_ROOM &&
	       e->covered_len == len;
}

static bool
was_signed(const struct ranksign *s, const uint8_t hash[RANKSIGN_HASH_LEN])
{
	uint32_t i, n = s->kept_n < RANKSIGN_KEPT ? s->kept_n : RANKSIGN_KEPT;

	for (i = 0; i < n; i++) {
		if (memcmp(s->kept[i], hash, RANKSIGN_HASH_LEN) == 0)
			return true;
	}
	return false;
}

static bool
is_above(const struct ranksign *s, const struct envelope *e)
{
	return e->epoch > s->epoch ||
	       (e->epoch == s->epoch && e->serial > s->serial);
}

static const char *
refuse(const struct ranksign *s, const struct envelope *e,
    const uint8_t hash[RANKSIGN_HASH_LEN])
{
	if (e->type != ENVELOPE_RANK)
		return "it is not a rank";
	if (e->body_len < sizeof(rank_body) - 1 ||
	    memcmp(e->body, rank_body, sizeof(rank_body) - 1) != 0)
		return "its body is not a rank's";
	if (!is_above(s, e) && !was_signed(s, hash))
		return "its serial is not above all that were signed";
	return NULL;
}

static void
keep(struct ranksign *s, const struct envelope *e,
    const uint8_t hash[RANKSIGN_HASH_LEN])
{
	if (!is_above(s, e))
		return; /* it is kept already */
	s->epoch = e->epoch;
	s->serial = e->serial;
	memcpy(s->kept[s->kept_n++ % RANKSIGN_KEPT], hash, RANKSIGN_HASH_LEN);
}

size_t
ranksign(struct ranksign *s, const uint8_t key[ENVELOPE_SECRET_LEN],
    uint8_t *message, size_t len, size_t cap, const char **why)
{
	uint8_t hash[RANKSIGN_HASH_LEN];
	struct envelope e;
	int n;

	*why = "it is not one unsigned message";
	if (len > cap || cap - len < RANKSIGN_ROOM || !look(message, len, &e))
		return 0;
	crypto_generichash(hash, sizeof(hash), message, len, NULL, 0);
	*why = refuse(s, &e, hash);
	if (*why != NULL)
		return 0;
	n = envelope_sign(message, len, cap,
	    key + ENVELOPE_SECRET_LEN - ENVELOPE_PUBLIC_LEN, key);
	if (n == WIRE_BAD) {
		*why = "it cannot be signed";
		return 0;
	}
	keep(s, &e, hash);
	return (size_t)n;
}
