/* Whose signatures a message has, and whether they are enough; knows nothing
 * of what it says. */
#include "trust/signers.h"

#include "trust/when.h"

const struct root_key *
signers_find(const struct signers *by, const struct envelope_signature *s,
    struct trust_why *why)
{
	const struct root_key *k =
	    root_find(by->root, s->key_id, (unsigned int)by->role);
	char when[WHEN_STRLEN];

	if (k != NULL && k->expires_s > by->now_s)
		return k;
	if (k != NULL) {
		trust_refuse(why, TRUST_KEY_EXPIRED,
		    "the key '%s' has expired at %s", k->name,
		    when_format(k->expires_s, when));
		return NULL;
	}
	k = root_find(by->root, s->key_id, ~0u);
	if (k != NULL)
		trust_refuse(why, TRUST_ROLE,
		    "signed by the key '%s', which root %u does not let sign a "
		    "%s",
		    k->name, by->root->version, root_role_word(by->role));
	else
		trust_refuse(why, TRUST_KEY,
		    "signed by a key that root %u does not name",
		    by->root->version);
	return NULL;
}

static bool
signature_ok(const struct envelope *e, const struct envelope_signature *s,
    const struct root_key *k, struct trust_why *why)
{
	if (envelope_verify(e, s, k->key))
		return true;
	return trust_refuse(why, TRUST_SIGNATURE,
	    "the signature of the key '%s' is wrong", k->name);
}

bool
signers_enough(const struct signers *by, uint32_t n, struct trust_why *why)
{
	uint32_t need = root_threshold(by->root, by->role);

	if (n >= need)
		return true;
	return trust_refuse(why, TRUST_THRESHOLD,
	    "expected %u signature%s by %s keys of root %u, found %u", need,
	    need == 1 ? "" : "s", root_role_word(by->role), by->root->version,
	    n);
}

bool
signers_check(
    const struct envelope *e, const struct signers *by, struct trust_why *why)
{
	uint32_t i;

	for (i = 0; i < e->signatures_n; i++) {
		if (signers_find(by, &e->signatures[i], why) == NULL)
			return false;
	}
	if (!signers_enough(by, e->signatures_n, why))
		return false;
	for (i = 0; i < e->signatures_n; i++) {
		if (!signature_ok(e, &e->signatures[i],
			signers_find(by, &e->signatures[i], why), why))
			return false;
	}
	return true;
}

bool
signers_count(const struct envelope *e, const struct root *root, uint32_t *n,
    struct trust_why *why)
{
	const struct root_key *k;
	uint32_t i;

	*n = 0;
	for (i = 0; i < e->signatures_n; i++) {
		k = root_find(root, e->signatures[i].key_id, ROOT_ROLE_ROOT);
		if (k == NULL)
			continue;
		if (!signature_ok(e, &e->signatures[i], k, why))
			return false;
		(*n)++;
	}
	return true;
}

bool
signers_stand(const struct envelope *e, const struct signers *by,
    const struct root *later)
{
	uint32_t i, n = 0;

	for (i = 0; i < e->signatures_n; i++)
		n += !root_revokes(later, e->signatures[i].key_id);
	return n >= root_threshold(by->root, by->role);
}
