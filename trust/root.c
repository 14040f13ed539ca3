/* The body of a root as text and back; that anybody has signed it is not
 * known here. */
#include "trust/root.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/conf.h"
#include "trust/when.h"

/* What is being read. */
struct draft {
	struct root *root;
	bool begun;
	int64_t version, root_threshold, policy_threshold;
};

static const struct conf_word role_words[] = {
    {"root", ROOT_ROLE_ROOT},
    {"policy", ROOT_ROLE_POLICY},
    {"rank", ROOT_ROLE_RANK},
    {"seal", ROOT_ROLE_SEAL},
    {NULL, 0},
};

const char *
root_role_word(enum root_role role)
{
	const struct conf_word *w = role_words;

	while (w->word != NULL && w->value != (int)role)
		w++;
	return w->word != NULL ? w->word : "?";
}

static void *
root_begin(struct conf_ctx *ctx, void *config, const char *name)
{
	struct draft *d = config;

	(void)ctx;
	(void)name;
	d->begun = true;
	return d;
}

static bool
enough(struct conf_ctx *ctx, const struct draft *d, enum root_role role,
    int64_t threshold)
{
	uint32_t n = root_count(d->root, role);

	if (threshold <= n)
		return true;
	conf_error(ctx,
	    "expected at least %" PRId64
	    " keys with 'role = %s', as %s-threshold "
	    "says, found %u",
	    threshold, root_role_word(role), root_role_word(role), n);
	return false;
}

static bool
none_revoked(struct conf_ctx *ctx, const struct root *root)
{
	uint32_t i;

	for (i = 0; i < root->keys_n; i++) {
		if (!root_revokes(root, root->keys[i].id))
			continue;
		conf_error(
		    ctx, "[key \"%s\"] is 'revoked'", root->keys[i].name);
		return false;
	}
	return true;
}

/* All keys are known here: sections end when the text does. */
static int
root_end(struct conf_ctx *ctx, void *config, void *record)
{
	struct draft *d = record;

	(void)config;
	if (conf_errors_n(ctx) > 0)
		return -1;
	if (!enough(ctx, d, ROOT_ROLE_ROOT, d->root_threshold) ||
	    !enough(ctx, d, ROOT_ROLE_POLICY, d->policy_threshold) ||
	    !none_revoked(ctx, d->root))
		return -1;
	d->root->version = (uint32_t)d->version;
	d->root->root_threshold = (uint32_t)d->root_threshold;
	d->root->policy_threshold = (uint32_t)d->policy_threshold;
	return 0;
}

static void *
key_begin(struct conf_ctx *ctx, void *config, const char *name)
{
	struct draft *d = config;
	struct root_key *k;

	if (d->root->keys_n == ROOT_KEYS_MAX) {
		conf_error(
		    ctx, "expected at most %d keys, found more", ROOT_KEYS_MAX);
		return NULL;
	}
	if (!envelope_audience_ok(name) || strcmp(name, "*") == 0) {
		conf_error(ctx,
		    "expected a name of a-z, 0-9, '-', '_' and '.', found '%s'",
		    name);
		return NULL;
	}
	k = &d->root->keys[d->root->keys_n++];
	*k = (struct root_key){.expires_s = ROOT_NEVER};
	memcpy(k->name, name, strlen(name) + 1);
	return k;
}

static int
parse_public(struct conf_ctx *ctx, void *record, const char *value)
{
	struct root_key *k = record;

	(void)ctx;
	if (!keyfile_unbase64(value, strlen(value), k->key))
		return -1;
	envelope_key_id(k->key, k->id);
	return 0;
}

static int
parse_role(struct conf_ctx *ctx, void *record, const char *value)
{
	const struct conf_word *w = role_words;
	struct root_key *k = record;

	(void)ctx;
	while (w->word != NULL && strcmp(w->word, value) != 0)
		w++;
	if (w->word == NULL)
		return -1;
	if ((k->roles & (unsigned int)w->value) != 0) {
		conf_error(ctx, "'role = %s' stands twice", value);
		return -1;
	}
	k->roles |= (unsigned int)w->value;
	return 0;
}

static int
parse_expires(struct conf_ctx *ctx, void *record, const char *value)
{
	struct root_key *k = record;

	(void)ctx;
	return when_parse(value, &k->expires_s) ? 0 : -1;
}

static const struct root_key *
same_key(const struct root *root, const struct root_key *k)
{
	const struct root_key *other;

	for (other = root->keys; other < k; other++) {
		if (memcmp(other->key, k->key, sizeof(k->key)) == 0)
			return other;
	}
	return NULL;
}

static int
key_end(struct conf_ctx *ctx, void *config, void *record)
{
	const struct draft *d = config;
	const struct root_key *k = record, *other = same_key(d->root, k);

	/* Else one key could fill a threshold alone. */
	if (other != NULL) {
		conf_error(ctx, "[key \"%s\"] is the same key as [key \"%s\"]",
		    k->name, other->name);
		return -1;
	}
	if ((k->roles & ROOT_ROLE_RANK) != 0 && k->roles != ROOT_ROLE_RANK) {
		conf_error(ctx,
		    "[key \"%s\"]: expected no role beside 'rank', whose key is "
		    "online",
		    k->name);
		return -1;
	}
	if ((k->roles & ROOT_ROLE_SEAL) != 0 && k->roles != ROOT_ROLE_SEAL) {
		conf_error(ctx,
		    "[key \"%s\"]: expected no role beside 'seal', whose key "
		    "cannot sign",
		    k->name);
		return -1;
	}
	/* Not one point with two spellings, nor one anybody can sign for. */
	if (k->roles != ROOT_ROLE_SEAL &&
	    crypto_core_ed25519_is_valid_point(k->key) != 1) {
		conf_error(
		    ctx, "[key \"%s\"]: not an Ed25519 public key", k->name);
		return -1;
	}
	return 0;
}

static int
parse_revoked(struct conf_ctx *ctx, void *record, const char *value)
{
	struct root *root = ((struct draft *)record)->root;
	uint8_t id[ENVELOPE_KEY_ID_LEN];
	char again[ENVELOPE_KEY_ID_LEN * 2 + 1];
	size_t len;

	/* One spelling a key. */
	if (sodium_hex2bin(
		id, sizeof(id), value, strlen(value), NULL, &len, NULL) != 0 ||
	    len != sizeof(id) ||
	    strcmp(sodium_bin2hex(again, sizeof(again), id, sizeof(id)),
		value) != 0)
		return -1;
	if (root->revoked_n == ROOT_REVOKED_MAX || root_revokes(root, id)) {
		conf_error(ctx,
		    "expected at most %d keys that are 'revoked', once each",
		    ROOT_REVOKED_MAX);
		return -1;
	}
	memcpy(root->revoked[root->revoked_n++], id, sizeof(id));
	return 0;
}

static const struct conf_option root_options[] = {
    {.key = "version",
	.type = CONF_INT,
	.offset = offsetof(struct draft, version),
	.min = 1,
	.max = UINT32_MAX,
	.required = true},
    {.key = "root-threshold",
	.type = CONF_INT,
	.offset = offsetof(struct draft, root_threshold),
	.min = 1,
	.max = ROOT_THRESHOLD_MAX,
	.required = true},
    {.key = "policy-threshold",
	.type = CONF_INT,
	.offset = offsetof(struct draft, policy_threshold),
	.min = 1,
	.max = ROOT_THRESHOLD_MAX,
	.required = true},
    {.key = "revoked",
	.type = CONF_CUSTOM,
	.parse = parse_revoked,
	.repeats = true,
	.expects = "a key's id, 32 hexadecimal digits"},
    {.key = NULL},
};

static const struct conf_option key_options[] = {
    {.key = "public",
	.type = CONF_CUSTOM,
	.parse = parse_public,
	.required = true,
	.expects = "base64 of 32 bytes"},
    {.key = "role",
	.type = CONF_CUSTOM,
	.parse = parse_role,
	.repeats = true,
	.required = true,
	.expects = "root, policy, rank or seal"},
    {.key = "expires",
	.type = CONF_CUSTOM,
	.parse = parse_expires,
	.expects = "a time like 2027-01-01T00:00:00Z"},
    {.key = NULL},
};

static const struct conf_section sections[] = {
    {.kind = "root",
	.options = root_options,
	.begin = root_begin,
	.end = root_end},
    {.kind = "key",
	.named = true,
	.repeats = true,
	.options = key_options,
	.begin = key_begin,
	.end = key_end},
    {.kind = NULL},
};

int
root_parse(const char *name, const char *text, size_t len, struct root *out,
    struct conf_errors *errors)
{
	struct draft d = {.root = out};

	*out = (struct root){0};
	if (conf_parse(name, text, len, sections, &d, NULL, errors) != 0)
		return -EINVAL;
	if (d.begun)
		return 0;
	errors->n = 1;
	snprintf(errors->text, sizeof(errors->text),
	    "%s:1: expected a section [root], found none\n", name);
	return -EINVAL;
}

static bool __attribute__((format(printf, 3, 4)))
add(char out[ROOT_TEXT_MAX], size_t *at, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(out + *at, ROOT_TEXT_MAX - *at, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= ROOT_TEXT_MAX - *at)
		return false;
	*at += (size_t)n;
	return true;
}

static bool
add_key(char out[ROOT_TEXT_MAX], size_t *at, const struct root_key *k)
{
	char base64[KEYFILE_B64_LEN], when[WHEN_STRLEN];
	const struct conf_word *w;

	if (!add(out, at, "\n[key \"%s\"]\npublic = %s\n", k->name,
		keyfile_base64(k->key, base64)))
		return false;
	for (w = role_words; w->word != NULL; w++) {
		if ((k->roles & (unsigned int)w->value) != 0 &&
		    !add(out, at, "role = %s\n", w->word))
			return false;
	}
	return k->expires_s == ROOT_NEVER ||
	       add(out, at, "expires = %s\n", when_format(k->expires_s, when));
}

size_t
root_format(const struct root *root, char out[ROOT_TEXT_MAX])
{
	char id[ENVELOPE_KEY_ID_LEN * 2 + 1];
	size_t at = 0;
	uint32_t i;

	if (!add(out, &at,
		"[root]\nversion = %u\nroot-threshold = %u\n"
		"policy-threshold = %u\n",
		root->version, root->root_threshold, root->policy_threshold))
		return 0;
	for (i = 0; i < root->revoked_n; i++) {
		if (!add(out, &at, "revoked = %s\n",
			sodium_bin2hex(id, sizeof(id), root->revoked[i],
			    sizeof(root->revoked[i]))))
			return 0;
	}
	for (i = 0; i < root->keys_n; i++) {
		if (!add_key(out, &at, &root->keys[i]))
			return 0;
	}
	return at;
}

const struct root_key *
root_find(const struct root *root, const uint8_t id[ENVELOPE_KEY_ID_LEN],
    unsigned int roles)
{
	const struct root_key *k;

	for (k = root->keys; k < root->keys + root->keys_n; k++) {
		if ((k->roles & roles) != 0 &&
		    memcmp(k->id, id, ENVELOPE_KEY_ID_LEN) == 0)
			return k;
	}
	return NULL;
}

bool
root_revokes(const struct root *root, const uint8_t id[ENVELOPE_KEY_ID_LEN])
{
	uint32_t i;

	for (i = 0; i < root->revoked_n; i++) {
		if (memcmp(root->revoked[i], id, ENVELOPE_KEY_ID_LEN) == 0)
			return true;
	}
	return false;
}

uint32_t
root_count(const struct root *root, enum root_role role)
{
	uint32_t i, n = 0;

	for (i = 0; i < root->keys_n; i++) {
		if ((root->keys[i].roles & (unsigned int)role) != 0)
			n++;
	}
	return n;
}

uint32_t
root_threshold(const struct root *root, enum root_role role)
{
	switch (role) {
	case ROOT_ROLE_ROOT:
		return root->root_threshold;
	case ROOT_ROLE_POLICY:
		return root->policy_threshold;
	case ROOT_ROLE_RANK:
	case ROOT_ROLE_SEAL:
		return 1;
	}
	return 1;
}
