/* Whether to believe a message: the only place where a struct verified is
 * made.  Reads no file and no clock. */
#include "trust/verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "trust/root.h"
#include "trust/signers.h"
#include "trust/when.h"

struct verified {
	struct envelope e; /* borrows from message */
	struct root *root; /* owned; NULL unless of a root */
	size_t len;
	uint8_t message[];
};

static const char *
type_word(enum envelope_type type)
{
	switch (type) {
	case ENVELOPE_ROOT:
		return "root";
	case ENVELOPE_POLICY:
		return "policy";
	case ENVELOPE_RANK:
		return "rank";
	}
	return "?";
}

/* One whole message, of which nothing is believed yet. */
static bool
decode(const uint8_t *message, size_t len, struct envelope *e,
    struct trust_why *why)
{
	enum envelope_fault fault;
	int n = envelope_decode(message, len, e, &fault);

	why->fault = TRUST_FINE;
	why->text[0] = '\0';
	if (n == WIRE_BAD)
		return trust_refuse(
		    why, TRUST_MALFORMED, "%s", envelope_fault_text(fault));
	if (n == WIRE_MORE)
		return trust_refuse(why, TRUST_MALFORMED,
		    "it ends too early, or is not signed");
	if ((size_t)n != len)
		return trust_refuse(
		    why, TRUST_MALFORMED, "something follows its end");
	return true;
}

/* To be called when all that is asked of it was found; takes root. */
static struct verified *
make(const uint8_t *message, size_t len, struct root *root,
    struct trust_why *why)
{
	struct verified *v = malloc(sizeof(*v) + len);
	enum envelope_fault fault;

	if (v == NULL) {
		trust_refuse(why, TRUST_MEMORY, "out of memory");
		free(root);
		return NULL;
	}
	v->root = root;
	v->len = len;
	memcpy(v->message, message, len);
	envelope_decode(v->message, len, &v->e, &fault);
	return v;
}

static bool
parse_root(const struct envelope *e, struct root *root,
    struct conf_errors *errors, struct trust_why *why)
{
	if (root_parse(
		"root", (const char *)e->body, e->body_len, root, errors) != 0)
		return trust_refuse(why, TRUST_BODY, "%.*s",
		    (int)strcspn(errors->text, "\n"), errors->text);
	if (root->version != e->epoch)
		return trust_refuse(why, TRUST_BODY,
		    "its header says version %u, its body %u", e->epoch,
		    root->version);
	return true;
}

/* The body of a root: the caller frees it, or NULL. */
static struct root *
read_root(const struct envelope *e, struct trust_why *why)
{
	struct conf_errors *errors = malloc(sizeof(*errors));
	struct root *root = malloc(sizeof(*root));
	bool ok = false;

	if (root == NULL || errors == NULL)
		trust_refuse(why, TRUST_MEMORY, "out of memory");
	else
		ok = parse_root(e, root, errors, why);
	free(errors);
	if (ok)
		return root;
	free(root);
	return NULL;
}

/* What a root's header may say. */
static bool
root_header(const struct envelope *e, struct trust_why *why)
{
	if (e->type != ENVELOPE_ROOT)
		return trust_refuse(why, TRUST_TYPE,
		    "expected a root, found a %s", type_word(e->type));
	if (strcmp(e->audience, "*") != 0)
		return trust_refuse(why, TRUST_AUDIENCE,
		    "a root is for everybody, this one for '%s'", e->audience);
	if (e->serial != 0)
		return trust_refuse(why, TRUST_MALFORMED,
		    "a root's serial is 0, this one's %" PRIu64, e->serial);
	return true;
}

/* Signed by a threshold of its own keys. */
static bool
own_signatures(
    const struct envelope *e, const struct root *root, struct trust_why *why)
{
	const struct signers own = {root, ROOT_ROLE_ROOT, INT64_MIN};
	uint32_t n;

	return signers_count(e, root, &n, why) && signers_enough(&own, n, why);
}

/* Signatures of keys that it does not name may be of the root's before. */
struct verified *
verify_root_first(const uint8_t *message, size_t len, struct trust_why *why)
{
	struct root *root = NULL;
	struct envelope e;

	if (decode(message, len, &e, why) && root_header(&e, why) &&
	    (root = read_root(&e, why)) != NULL &&
	    own_signatures(&e, root, why))
		return make(message, len, root, why);
	free(root);
	return NULL;
}

static bool
next_version(
    const struct envelope *e, const struct root *before, struct trust_why *why)
{
	if (e->epoch < before->version)
		return trust_refuse(why, TRUST_ROLLBACK,
		    "root %u is in force already, found %u", before->version,
		    e->epoch);
	if (e->epoch == before->version)
		return trust_refuse(why, TRUST_SAME,
		    "root %u is in force already", before->version);
	if (e->epoch - before->version > 1)
		return trust_refuse(why, TRUST_SKIPPED,
		    "expected root %u, found %u: no version may be left out",
		    before->version + 1, e->epoch);
	return true;
}

static bool
not_future(const struct envelope *e, int64_t now_s, struct trust_why *why)
{
	char when[WHEN_STRLEN], now[WHEN_STRLEN];

	if (e->issued_s <= now_s + VERIFY_SKEW_S)
		return true;
	return trust_refuse(why, TRUST_FUTURE,
	    "issued at %s, and our clock says %s",
	    when_format(e->issued_s, when), when_format(now_s, now));
}

/* The keys in force come first: until they vouch for it, its body, which
 * names the new ones, is not looked at. */
static bool
vouched_for(const struct envelope *e, const struct root *before, int64_t now_s,
    struct trust_why *why)
{
	const struct signers old = {before, ROOT_ROLE_ROOT, INT64_MIN};
	uint32_t n;

	return root_header(e, why) && next_version(e, before, why) &&
	       signers_count(e, before, &n, why) &&
	       signers_enough(&old, n, why) && not_future(e, now_s, why);
}

/* Every signature is by a root key of one of the two. */
static bool
no_strangers(const struct envelope *e, const struct root *before,
    const struct root *root, struct trust_why *why)
{
	const struct signers own = {root, ROOT_ROLE_ROOT, INT64_MIN};
	const struct envelope_signature *s;

	for (s = e->signatures; s < e->signatures + e->signatures_n; s++) {
		if (root_find(before, s->key_id, ROOT_ROLE_ROOT) == NULL &&
		    signers_find(&own, s, why) == NULL)
			return false;
	}
	return true;
}

struct verified *
verify_root_next(const struct verified *before, int64_t now_s,
    const uint8_t *message, size_t len, struct trust_why *why)
{
	struct root *root = NULL;
	struct envelope e;

	if (decode(message, len, &e, why) &&
	    vouched_for(&e, before->root, now_s, why) &&
	    (root = read_root(&e, why)) != NULL &&
	    no_strangers(&e, before->root, root, why) &&
	    own_signatures(&e, root, why))
		return make(message, len, root, why);
	free(root);
	return NULL;
}

/* What costs nothing to see, before any signature is looked at. */
static bool
header_ok(
    const struct verify *ctx, const struct envelope *e, struct trust_why *why)
{
	uint32_t version = ctx->root->root->version;

	if (e->type == ENVELOPE_ROOT)
		return trust_refuse(why, TRUST_TYPE,
		    "expected a policy or a rank, found a root");
	if (ctx->group != NULL && strcmp(e->audience, "*") != 0 &&
	    strcmp(e->audience, ctx->group) != 0)
		return trust_refuse(why, TRUST_AUDIENCE,
		    "for the group '%s', and ours is '%s'", e->audience,
		    ctx->group);
	if (e->epoch != version)
		return trust_refuse(why,
		    e->epoch < version ? TRUST_EPOCH_OLD : TRUST_EPOCH_NEW,
		    "made under root %u, and root %u is in force", e->epoch,
		    version);
	return true;
}

/* A signed time is a lower bound of what time it is, whatever became of our
 * clock. */
static int64_t
now_of(const struct verify *ctx)
{
	int64_t issued_s = ctx->root->e.issued_s, now_s = ctx->now_s;

	if (now_s < ctx->floor_s)
		now_s = ctx->floor_s;
	return now_s > issued_s ? now_s : issued_s;
}

static bool
times_ok(
    const struct verify *ctx, const struct envelope *e, struct trust_why *why)
{
	const struct envelope *root = &ctx->root->e;
	char when[WHEN_STRLEN];

	if (root->expires_s <= now_of(ctx))
		return trust_refuse(why, TRUST_ROOT_EXPIRED,
		    "root %u has expired at %s: a new one is needed",
		    root->epoch, when_format(root->expires_s, when));
	if (!not_future(e, ctx->now_s, why))
		return false;
	if (e->expires_s <= now_of(ctx))
		return trust_refuse(why, TRUST_EXPIRED, "expired at %s",
		    when_format(e->expires_s, when));
	return true;
}

static bool
newer(const struct verify *ctx, const struct envelope *e, struct trust_why *why)
{
	struct trust_mark seen =
	    e->type == ENVELOPE_RANK ? ctx->rank : ctx->policy;
	int order =
	    trust_compare((struct trust_mark){e->epoch, e->serial}, seen);

	if (order > 0)
		return true;
	return trust_refuse(why, order < 0 ? TRUST_ROLLBACK : TRUST_SAME,
	    "expected a serial above %" PRIu64 " (root %u), found %" PRIu64
	    " (root %u)",
	    seen.serial, seen.epoch, e->serial, e->epoch);
}

/* "key = N\n" at the start: the bytes it takes, or 0. */
static size_t
decimal_line(const char *s, size_t len, const char *key, uint64_t *out)
{
	size_t at = strlen(key), from = at;
	uint64_t v = 0, digit;

	if (len < at || memcmp(s, key, at) != 0)
		return 0;
	for (; at < len && s[at] >= '0' && s[at] <= '9'; at++) {
		digit = (uint64_t)(s[at] - '0');
		if (v > (UINT64_MAX - digit) / 10)
			return 0;
		v = v * 10 + digit;
	}
	/* One spelling a number. */
	if (at == from || at == len || s[at] != '\n' ||
	    (s[from] == '0' && at - from > 1))
		return 0;
	*out = v;
	return at + 1;
}

bool
verify_rank_policy(const char *body, size_t len, uint64_t *serial)
{
	static const char first[] = "[rank]\n";
	size_t n = sizeof(first) - 1;

	return len > n && memcmp(body, first, n) == 0 &&
	       decimal_line(body + n, len - n, "policy-serial = ", serial) > 0;
}

static bool
fits_policy(
    const struct verify *ctx, const struct envelope *e, struct trust_why *why)
{
	struct trust_mark want = {.epoch = e->epoch};

	if (e->type != ENVELOPE_RANK)
		return true;
	if (!verify_rank_policy(
		(const char *)e->body, e->body_len, &want.serial))
		return trust_refuse(why, TRUST_BODY,
		    "expected the lines '[rank]' and 'policy-serial = N' "
		    "first");
	if (ctx->mode == VERIFY_ALONE ||
	    (ctx->policy.epoch != 0 && trust_compare(want, ctx->policy) == 0))
		return true;
	return trust_refuse(why, TRUST_MIX,
	    "made for policy %" PRIu64 " (root %u), and %" PRIu64
	    " (root %u) is in force",
	    want.serial, want.epoch, ctx->policy.serial, ctx->policy.epoch);
}

static bool
believed(
    const struct verify *ctx, const struct envelope *e, struct trust_why *why)
{
	bool kept = ctx->mode == VERIFY_KEPT;
	const struct signers by = {ctx->root->root,
	    e->type == ENVELOPE_RANK ? ROOT_ROLE_RANK : ROOT_ROLE_POLICY,
	    kept ? INT64_MIN : now_of(ctx)};

	return header_ok(ctx, e, why) && signers_check(e, &by, why) &&
	       (ctx->mode != VERIFY_NEW || newer(ctx, e, why)) &&
	       (kept || times_ok(ctx, e, why)) && fits_policy(ctx, e, why);
}

struct verified *
verify_message(const struct verify *ctx, const uint8_t *message, size_t len,
    struct trust_why *why)
{
	struct envelope e;

	if (decode(message, len, &e, why) && believed(ctx, &e, why))
		return make(message, len, NULL, why);
	return NULL;
}

void
verified_free(struct verified *v)
{
	if (v == NULL)
		return;
	free(v->root);
	free(v);
}

const struct envelope *
verified_envelope(const struct verified *v)
{
	return &v->e;
}

struct trust_mark
verified_mark(const struct verified *v)
{
	return (struct trust_mark){v->e.epoch, v->e.serial};
}

const uint8_t *
verified_message(const struct verified *v, size_t *len)
{
	*len = v->len;
	return v->message;
}

const struct root *
verified_root(const struct verified *v)
{
	return v->root;
}
