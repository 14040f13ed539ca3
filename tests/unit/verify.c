/*
 * Whom the agent believes: attacks on roots, policies and ranks, named after
 * those of the conformance suite of TUF where it has them.
 */
#include "trust/verify.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/trust_sample.h"
#include "tests/unit/unit.h"

#define RANK "[rank]\npolicy-serial = 7\n"

/* What an agent of the group "york" has in force: root 3, policy 7, rank 4. */
static struct verified *in_force;

static struct verify
agent(void)
{
	return (struct verify){.mode = VERIFY_NEW,
	    .root = in_force,
	    .group = "york",
	    .now_s = SAMPLE_NOW,
	    .policy = {3, 7},
	    .rank = {3, 4}};
}

static void
is_refused(const struct verify *ctx, const struct sample *s,
    enum trust_fault want, const char *what)
{
	struct trust_why why;
	struct verified *v;

	v = verify_message(ctx, s->data, s->len, &why);
	CHECK(s->len > 0, "%s: cannot be made", what);
	CHECK(v == NULL && why.fault == want, "%s: want %s, got %s", what,
	    trust_fault_word(want),
	    v == NULL ? trust_fault_word(why.fault) : "accepted");
	CHECK(v != NULL || why.text[0] != '\0', "%s: no text", what);
	verified_free(v);
}

static struct verified *
accept(const struct verify *ctx, const struct sample *s, const char *what)
{
	struct trust_why why;
	struct verified *v;

	v = verify_message(ctx, s->data, s->len, &why);
	CHECK(v != NULL, "%s: %s (%s)", what, trust_fault_word(why.fault),
	    why.text);
	return v;
}

static void
is_accepted(const struct verify *ctx, const struct sample *s, const char *what)
{
	verified_free(accept(ctx, s, what));
}

/* The next root from in_force; TRUST_FINE: accepted. */
static void
next_is(const struct sample *s, enum trust_fault want, const char *what)
{
	struct trust_why why;
	struct verified *v =
	    verify_root_next(in_force, SAMPLE_NOW, s->data, s->len, &why);

	CHECK(s->len > 0, "%s: cannot be made", what);
	CHECK((v != NULL) == (want == TRUST_FINE) && why.fault == want,
	    "%s: want %s, got %s (%s)", what, trust_fault_word(want),
	    trust_fault_word(why.fault), why.text);
	verified_free(v);
}

static void
sign_policy(struct sample *s, uint32_t epoch, uint64_t serial, const char *by)
{
	sample_sign(
	    s, sample_header(ENVELOPE_POLICY, epoch, serial), "[policy]\n", by);
}

static void
sign_rank(struct sample *s, uint64_t serial, const char *body)
{
	sample_sign(s, sample_header(ENVELOPE_RANK, 3, serial), body, "6");
}

static void
sign_next(struct sample *s, const char *by)
{
	struct root root = sample_root(in_force == NULL ? 1 : 4);

	sample_sign_root(s, &root, by);
}

static void
policy_and_rank_are_accepted(void)
{
	struct verify ctx = agent();
	const struct envelope *e;
	struct trust_mark mark;
	struct verified *v;
	struct sample s;
	size_t len;

	sign_policy(&s, 3, 8, "4");
	v = accept(&ctx, &s, "policy");
	if (v == NULL)
		return;
	e = verified_envelope(v);
	CHECK_INT(e->type, ENVELOPE_POLICY);
	CHECK_INT(e->body_len, 9);
	CHECK(memcmp(e->body, "[policy]\n", 9) == 0, "body");
	CHECK(e->body != s.data + ENVELOPE_HEADER_LEN, "is a copy");
	CHECK(memcmp(verified_message(v, &len), s.data, s.len) == 0, "message");
	CHECK_INT(len, s.len);
	mark = verified_mark(v);
	CHECK(mark.epoch == 3 && mark.serial == 8, "mark");
	CHECK(verified_root(v) == NULL, "is no root");
	verified_free(v);
	sign_policy(&s, 3, UINT64_MAX, "5");
	is_accepted(&ctx, &s, "by the other key");
	sign_policy(&s, 3, 8, "45");
	is_accepted(&ctx, &s, "by both");
	sign_rank(&s, 5, RANK);
	is_accepted(&ctx, &s, "rank");
	sign_rank(&s, 5, RANK "[intermediary \"a\"]\ntier = 2\n");
	is_accepted(&ctx, &s, "a longer rank");
}

static void
test_new_root_version(void)
{
	struct root root = sample_root(4);
	struct trust_why why;
	struct verified *v;
	struct sample s;

	sample_sign_root(&s, &root, "12");
	v = verify_root_next(in_force, SAMPLE_NOW, s.data, s.len, &why);
	CHECK(v != NULL, "%s", why.text);
	if (v != NULL)
		CHECK_INT(verified_root(v)->version, 4);
	verified_free(v);
	sample_sign_root(&s, &root, "123");
	next_is(&s, TRUST_FINE, "more than needed");
	/* The header decides nothing alone. */
	sample_sign_root(&s, &root, "12");
	s.data[15] = 5;
	next_is(&s, TRUST_SKIPPED, "header");
}

static void
test_root_rollback(void)
{
	struct root root = sample_root(2);
	struct sample s;

	sample_sign_root(&s, &root, "123");
	next_is(&s, TRUST_ROLLBACK, "an older root");
	root = sample_root(3);
	root.policy_threshold = 2;
	sample_sign_root(&s, &root, "123");
	next_is(&s, TRUST_SAME, "another root 3");
}

/* Also "fast-forward" of roots: nobody can use up the versions. */
static void
test_root_version_skipped(void)
{
	struct root root = sample_root(5);
	struct sample s;

	sample_sign_root(&s, &root, "123");
	next_is(&s, TRUST_SKIPPED, "one left out");
	root = sample_root(UINT32_MAX);
	sample_sign_root(&s, &root, "123");
	next_is(&s, TRUST_SKIPPED, "all left out");
}

static void
test_root_header_and_body_differ(void)
{
	struct root root = sample_root(5);
	char text[ROOT_TEXT_MAX];
	struct envelope e = sample_header(ENVELOPE_ROOT, 4, 0);
	struct sample s;

	root_format(&root, text);
	sample_sign(&s, e, text, "12");
	next_is(&s, TRUST_BODY, "body 5");
	root.version = 4;
	memset(text, 0, sizeof(text));
	root_format(&root, text);
	e.serial = 1;
	sample_sign(&s, e, text, "12");
	next_is(&s, TRUST_MALFORMED, "serial");
	e = sample_header(ENVELOPE_ROOT, 4, 0);
	memcpy(e.audience, "york", 5);
	sample_sign(&s, e, text, "12");
	next_is(&s, TRUST_AUDIENCE, "audience");
	e = sample_header(ENVELOPE_ROOT, 4, 0);
	e.issued_s = SAMPLE_NOW + VERIFY_SKEW_S + 1;
	sample_sign(&s, e, text, "12");
	next_is(&s, TRUST_FUTURE, "future");
	sample_sign(&s, sample_header(ENVELOPE_ROOT, 4, 0), "[root]\n", "12");
	next_is(&s, TRUST_BODY, "not a root's body");
}

static void
test_basic_threshold(void)
{
	struct root root = sample_root(4);
	struct sample s;

	sign_next(&s, "1");
	next_is(&s, TRUST_THRESHOLD, "one of two");
	sign_next(&s, "14");
	next_is(&s, TRUST_THRESHOLD, "the other is a policy key");
	sign_next(&s, "18");
	next_is(&s, TRUST_THRESHOLD, "the other is a stranger's");
	sign_next(&s, "456");
	next_is(&s, TRUST_THRESHOLD, "none of them");
	sign_next(&s, "128");
	next_is(&s, TRUST_KEY, "and a stranger's");
	sign_next(&s, "124");
	next_is(&s, TRUST_ROLE, "and a policy key's");
	/* Its own threshold counts as well as the old one. */
	root.root_threshold = 3;
	sample_sign_root(&s, &root, "12");
	next_is(&s, TRUST_THRESHOLD, "own threshold");
	sample_sign_root(&s, &root, "123");
	next_is(&s, TRUST_FINE, "three");
	root.root_threshold = 1;
	sample_sign_root(&s, &root, "1");
	next_is(&s, TRUST_THRESHOLD, "it may not lower it by itself");
}

/* Two names for a key, or two signatures of it, are one. */
static void
test_duplicate_keys(void)
{
	struct root root = sample_root(4);
	struct sample_key k = sample_key(1);
	struct sample s, again;
	size_t one;

	sample_add_key(&root, 1, ROOT_ROLE_ROOT);
	root.keys[root.keys_n - 1].name[0] = 'x';
	sample_sign_root(&s, &root, "12");
	next_is(&s, TRUST_BODY, "one key under two names");
	sign_next(&s, "1");
	again = s;
	one = ENVELOPE_KEY_ID_LEN + ENVELOPE_SIGNATURE_LEN;
	memcpy(again.data + s.len, s.data + s.len - one, one);
	again.data[s.len - one - 1] = 2;
	again.len = s.len + one;
	next_is(&again, TRUST_MALFORMED, "a signature twice");
	CHECK_INT(envelope_sign(s.data, s.len, sizeof(s.data), k.public_key,
		      k.secret_key),
	    WIRE_BAD);
}

static void
test_key_rotation(void)
{
	struct root root = sample_root(4);
	struct sample s;

	/* 1 and 2 go, 8 and 9 come. */
	root.keys_n = 0;
	sample_add_key(&root, 8, ROOT_ROLE_ROOT);
	sample_add_key(&root, 9, ROOT_ROLE_ROOT);
	sample_add_key(&root, 4, ROOT_ROLE_POLICY);
	sample_sign_root(&s, &root, "1289");
	next_is(&s, TRUST_FINE, "all keys change");
	sample_sign_root(&s, &root, "89");
	next_is(&s, TRUST_THRESHOLD, "the new ones alone");
	sample_sign_root(&s, &root, "12");
	next_is(&s, TRUST_THRESHOLD, "the old ones alone");
	sample_sign_root(&s, &root, "128");
	next_is(&s, TRUST_THRESHOLD, "one of the new");
	sample_sign_root(&s, &root, "189");
	next_is(&s, TRUST_THRESHOLD, "one of the old");
}

/* A root that any key of an earlier root has signed is not enough: each step
 * asks the keys of the one before. */
static void
test_key_of_an_old_root(void)
{
	struct root four = sample_root(4), five = sample_root(5);
	struct trust_why why;
	struct verified *v, *w;
	struct sample s;

	four.keys_n = 0;
	sample_add_key(&four, 8, ROOT_ROLE_ROOT);
	sample_add_key(&four, 9, ROOT_ROLE_ROOT);
	sample_add_key(&four, 4, ROOT_ROLE_POLICY);
	sample_sign_root(&s, &four, "1289");
	v = verify_root_next(in_force, SAMPLE_NOW, s.data, s.len, &why);
	CHECK(v != NULL, "%s", why.text);
	if (v == NULL)
		return;
	sample_sign_root(&s, &five, "12");
	w = verify_root_next(v, SAMPLE_NOW, s.data, s.len, &why);
	CHECK(w == NULL && why.fault == TRUST_THRESHOLD, "%s", why.text);
	verified_free(w);
	sample_sign_root(&s, &five, "1289");
	w = verify_root_next(v, SAMPLE_NOW, s.data, s.len, &why);
	CHECK(w != NULL, "%s", why.text);
	verified_free(w);
	verified_free(v);
}

static struct verified *
root_that_expires(uint32_t version, int64_t issued_s, int64_t expires_s)
{
	struct envelope e = sample_header(ENVELOPE_ROOT, version, 0);
	struct root root = sample_root(version);
	char text[ROOT_TEXT_MAX];
	struct trust_why why;
	struct sample s;

	text[root_format(&root, text)] = '\0';
	e.issued_s = issued_s;
	e.expires_s = expires_s;
	sample_sign(&s, e, text, "12");
	return verify_root_first(s.data, s.len, &why);
}

/* An agent that was off for long steps through roots that have expired. */
static void
test_expired_root(void)
{
	struct verified *old =
	    root_that_expires(3, SAMPLE_NOW - 100, SAMPLE_NOW);
	struct verify ctx = agent();
	struct trust_why why;
	struct verified *v;
	struct sample s;

	CHECK(old != NULL, "a first root may have expired");
	if (old == NULL)
		return;
	ctx.root = old;
	sign_policy(&s, 3, 8, "4");
	is_refused(&ctx, &s, TRUST_ROOT_EXPIRED, "at that second");
	ctx.now_s--;
	is_accepted(&ctx, &s, "the second before");
	ctx.mode = VERIFY_KEPT;
	ctx.now_s += SAMPLE_DAY;
	is_accepted(&ctx, &s, "what was accepted stays so");
	sign_next(&s, "12");
	v = verify_root_next(old, SAMPLE_NOW, s.data, s.len, &why);
	CHECK(v != NULL, "%s", why.text);
	verified_free(v);
	verified_free(old);
}

static void
test_expired(void)
{
	struct verify ctx = agent();
	struct envelope e = sample_header(ENVELOPE_POLICY, 3, 8);
	struct sample s;

	e.expires_s = SAMPLE_NOW;
	sample_sign(&s, e, "", "4");
	is_refused(&ctx, &s, TRUST_EXPIRED, "at that second");
	ctx.mode = VERIFY_ALONE;
	is_refused(&ctx, &s, TRUST_EXPIRED, "alone");
	ctx.mode = VERIFY_KEPT;
	is_accepted(&ctx, &s, "kept");
	ctx = agent();
	ctx.now_s--;
	is_accepted(&ctx, &s, "the second before");
	e = sample_header(ENVELOPE_RANK, 3, 5);
	e.expires_s = SAMPLE_NOW;
	ctx.now_s++;
	sample_sign(&s, e, RANK, "6");
	is_refused(&ctx, &s, TRUST_EXPIRED, "rank");
	e.issued_s = SAMPLE_NOW + VERIFY_SKEW_S;
	e.expires_s = SAMPLE_NOW + SAMPLE_DAY;
	sample_sign(&s, e, RANK, "6");
	is_accepted(&ctx, &s, "a clock that is a little ahead");
	e.issued_s++;
	sample_sign(&s, e, RANK, "6");
	is_refused(&ctx, &s, TRUST_FUTURE, "a second more");
}

/* Freeze, with the agent's clock set back: what is signed says what time it is
 * at least. */
static void
test_clock_set_back(void)
{
	struct verified *root =
	    root_that_expires(3, SAMPLE_NOW, SAMPLE_NOW + 100 * SAMPLE_DAY);
	struct envelope e = sample_header(ENVELOPE_POLICY, 3, 8);
	struct verify ctx = agent();
	struct sample s;

	CHECK(root != NULL, "root");
	if (root == NULL)
		return;
	ctx.root = root;
	ctx.now_s = SAMPLE_NOW - 365 * SAMPLE_DAY;
	e.issued_s = ctx.now_s - 10;
	e.expires_s = ctx.now_s + 10;
	sample_sign(&s, e, "", "4");
	is_refused(&ctx, &s, TRUST_EXPIRED, "a year ago");
	verified_free(root);
}

static void
test_key_expired(void)
{
	struct root root = sample_root(3);
	struct verify ctx = agent();
	struct trust_why why;
	struct verified *v;
	struct sample s;
	uint32_t i;

	for (i = 0; i < SAMPLE_KEYS; i++)
		root.keys[i].expires_s = SAMPLE_NOW;
	root.keys[4].expires_s = SAMPLE_NOW + 1;
	sample_sign_root(&s, &root, "12");
	v = verify_root_first(s.data, s.len, &why);
	CHECK(v != NULL, "%s", why.text);
	if (v == NULL)
		return;
	ctx.root = v;
	sign_policy(&s, 3, 8, "4");
	is_refused(&ctx, &s, TRUST_KEY_EXPIRED, "policy");
	sign_policy(&s, 3, 8, "45");
	is_refused(&ctx, &s, TRUST_KEY_EXPIRED, "even with another");
	sign_policy(&s, 3, 8, "5");
	is_accepted(&ctx, &s, "not yet");
	sign_rank(&s, 5, RANK);
	is_refused(&ctx, &s, TRUST_KEY_EXPIRED, "rank");
	verified_free(v);
}

static void
test_rollback(void)
{
	struct verify ctx = agent();
	struct sample s;

	sign_policy(&s, 3, 6, "4");
	is_refused(&ctx, &s, TRUST_ROLLBACK, "policy");
	sign_policy(&s, 3, 7, "5");
	is_refused(&ctx, &s, TRUST_SAME, "another policy 7");
	sign_rank(&s, 3, RANK);
	is_refused(&ctx, &s, TRUST_ROLLBACK, "rank");
	sign_rank(&s, 4, RANK);
	is_refused(&ctx, &s, TRUST_SAME, "rank 4");
	ctx.mode = VERIFY_KEPT;
	is_accepted(&ctx, &s, "kept");
	ctx.mode = VERIFY_ALONE;
	sign_policy(&s, 3, 1, "4");
	is_accepted(&ctx, &s, "alone");
}

/* Whoever has used up the serials with a stolen key loses by a new root: the
 * epoch rises and serials start over. */
static void
test_fast_forward_recovery(void)
{
	struct verify ctx = agent();
	struct verified *four = sample_verified_root(4);
	struct sample s;

	ctx.policy.serial = ctx.rank.serial = UINT64_MAX;
	sign_policy(&s, 3, UINT64_MAX, "4");
	is_refused(&ctx, &s, TRUST_SAME, "stuck");
	ctx.root = four;
	sign_policy(&s, 4, 0, "4");
	is_accepted(&ctx, &s, "free again");
	verified_free(four);
}

static void
test_mix_and_match(void)
{
	struct verify ctx = agent();
	struct verified *four = sample_verified_root(4);
	struct sample s;

	sign_rank(&s, 5, "[rank]\npolicy-serial = 6\n");
	is_refused(&ctx, &s, TRUST_MIX, "a rank for an older policy");
	sign_rank(&s, 5, "[rank]\npolicy-serial = 8\n");
	is_refused(&ctx, &s, TRUST_MIX, "a rank for a newer policy");
	ctx.mode = VERIFY_KEPT;
	is_refused(&ctx, &s, TRUST_MIX, "kept");
	ctx.mode = VERIFY_ALONE;
	is_accepted(&ctx, &s, "alone");
	ctx = agent();
	sign_policy(&s, 2, 8, "4");
	is_refused(&ctx, &s, TRUST_EPOCH_OLD, "policy of root 2");
	sign_policy(&s, 4, 8, "4");
	is_refused(&ctx, &s, TRUST_EPOCH_NEW, "policy of root 4");
	/* The root is new, the policy in force not yet. */
	ctx.root = four;
	sample_sign(&s, sample_header(ENVELOPE_RANK, 4, 1), RANK, "6");
	is_refused(&ctx, &s, TRUST_MIX, "rank of root 4, policy of root 3");
	ctx.policy.epoch = 4;
	is_accepted(&ctx, &s, "now it is");
	ctx.policy = (struct trust_mark){0, 0};
	sample_sign(&s, sample_header(ENVELOPE_RANK, 4, 1),
	    "[rank]\npolicy-serial = 0\n", "6");
	is_refused(&ctx, &s, TRUST_MIX, "no policy yet");
	verified_free(four);
}

static void
test_rank_body(void)
{
	static const char *const bad[] = {"", "[rank]\n", "[rank]",
	    "[rank]\npolicy-serial = 7", "[rank]\npolicy-serial = \n",
	    "[rank]\npolicy-serial = 07\n", "[rank]\npolicy-serial = +7\n",
	    "[rank]\npolicy-serial = 7 \n", "[rank]\r\npolicy-serial = 7\r\n",
	    "[rank]\npolicy-serial=7\n", "[rank]\npolicy-serial = -7\n",
	    "[rank]\n\npolicy-serial = 7\n", "; c\n" RANK,
	    "[rank]\npolicy-serial = 18446744073709551616\n",
	    "[rank]\npolicy-serial = 99999999999999999999999\n",
	    "[intermediary \"a\"]\n" RANK};
	struct verify ctx = agent();
	struct sample s;
	uint64_t n;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		sign_rank(&s, 5, bad[i]);
		is_refused(&ctx, &s, TRUST_BODY, bad[i]);
	}
	CHECK(verify_rank_policy(
		  "[rank]\npolicy-serial = 18446744073709551615\n", 44, &n) &&
		  n == UINT64_MAX,
	    "the largest");
	for (i = 0; i < sizeof(RANK) - 1; i++)
		CHECK(!verify_rank_policy(RANK, i, &n), "cut at %zu", i);
}

static void
test_wrong_role(void)
{
	struct verify ctx = agent();
	struct envelope e = sample_header(ENVELOPE_RANK, 3, 5);
	struct sample s;

	sign_policy(&s, 3, 8, "6");
	is_refused(&ctx, &s, TRUST_ROLE, "the rank key signs a policy");
	sign_policy(&s, 3, 8, "46");
	is_refused(&ctx, &s, TRUST_ROLE, "beside the policy key");
	sign_policy(&s, 3, 8, "1");
	is_refused(&ctx, &s, TRUST_ROLE, "a root key signs a policy");
	sign_policy(&s, 3, 8, "8");
	is_refused(&ctx, &s, TRUST_KEY, "a stranger signs a policy");
	sample_sign(&s, e, RANK, "4");
	is_refused(&ctx, &s, TRUST_ROLE, "the policy key signs a rank");
	sample_sign(&s, e, RANK, "123");
	is_refused(&ctx, &s, TRUST_ROLE, "root keys sign a rank");
	/* The signature is of a key that may, but for another message. */
	sign_rank(&s, 5, RANK);
	s.data[5] = ENVELOPE_POLICY;
	is_refused(&ctx, &s, TRUST_ROLE, "a rank turned into a policy");
	sign_policy(&s, 3, 8, "4");
	s.data[5] = ENVELOPE_RANK;
	is_refused(&ctx, &s, TRUST_ROLE, "a policy turned into a rank");
}

static void
test_wrong_type(void)
{
	struct verify ctx = agent();
	struct sample s;

	sign_next(&s, "12");
	is_refused(&ctx, &s, TRUST_TYPE, "a root for a policy");
	s.data[5] = ENVELOPE_POLICY;
	is_refused(&ctx, &s, TRUST_EPOCH_NEW, "its type changed");
	sign_policy(&s, 4, 0, "12");
	next_is(&s, TRUST_TYPE, "a policy for a root");
	s.data[5] = ENVELOPE_ROOT;
	next_is(&s, TRUST_SIGNATURE, "its type changed");
	s.data[5] = 0;
	next_is(&s, TRUST_MALFORMED, "type 0");
	is_refused(&ctx, &s, TRUST_MALFORMED, "type 0");
}

static void
test_wrong_audience(void)
{
	struct envelope e = sample_header(ENVELOPE_POLICY, 3, 8);
	struct verify ctx = agent();
	struct sample s;

	memcpy(e.audience, "new-york", 9);
	sample_sign(&s, e, "", "4");
	is_refused(&ctx, &s, TRUST_AUDIENCE, "new-york");
	ctx.group = NULL;
	is_accepted(&ctx, &s, "for a person");
	ctx.group = "new-york";
	is_accepted(&ctx, &s, "ours");
	ctx.group = "new";
	is_refused(&ctx, &s, TRUST_AUDIENCE, "new");
	/* "*" is everybody, not a group that one may be in. */
	ctx.group = "*";
	is_refused(&ctx, &s, TRUST_AUDIENCE, "*");
}

static void
test_policy_threshold(void)
{
	struct root root = sample_root(3);
	struct verify ctx = agent();
	struct trust_why why;
	struct sample s;

	root.policy_threshold = 2;
	sample_sign_root(&s, &root, "12");
	ctx.root = verify_root_first(s.data, s.len, &why);
	CHECK(ctx.root != NULL, "%s", why.text);
	sign_policy(&s, 3, 8, "4");
	is_refused(&ctx, &s, TRUST_THRESHOLD, "one of two");
	CHECK(verify_message(&ctx, s.data, s.len, &why) == NULL, "one");
	CHECK_STR(why.text,
	    "expected 2 signatures by policy keys of root 3, found 1");
	sign_policy(&s, 3, 8, "45");
	is_accepted(&ctx, &s, "two");
	s.data[s.len - 1] ^= 1;
	is_refused(&ctx, &s, TRUST_SIGNATURE, "the second is wrong");
	verified_free((struct verified *)(uintptr_t)ctx.root);
}

static void
first_root(void)
{
	struct root root = sample_root(3);
	struct trust_why why;
	struct verified *v;
	struct sample s;
	size_t i;

	sample_sign_root(&s, &root, "1");
	CHECK(verify_root_first(s.data, s.len, &why) == NULL &&
		  why.fault == TRUST_THRESHOLD,
	    "%s", why.text);
	/* One that was rotated to has signatures of the root's before. */
	sample_sign_root(&s, &root, "1289");
	v = verify_root_first(s.data, s.len, &why);
	CHECK(v != NULL, "%s", why.text);
	verified_free(v);
	sample_sign_root(&s, &root, "12");
	for (i = 0; i < s.len; i++)
		CHECK(verify_root_first(s.data, i, &why) == NULL &&
			  why.fault == TRUST_MALFORMED,
		    "cut at %zu: %s", i, why.text);
	CHECK(verify_root_first(s.data, s.len + 1, &why) == NULL &&
		  why.fault == TRUST_MALFORMED,
	    "%s", why.text);
}

static void
no_flipped_bit_of_a_root(void)
{
	struct root root = sample_root(4);
	struct trust_why why;
	struct verified *v;
	struct sample s;
	uint32_t taken = 0;
	size_t i;

	sample_sign_root(&s, &root, "12");
	for (i = 0; i < s.len * 8; i++) {
		s.data[i / 8] ^= (uint8_t)(1 << i % 8);
		v = verify_root_next(in_force, SAMPLE_NOW, s.data, s.len, &why);
		taken += v != NULL;
		verified_free(v);
		v = verify_root_first(s.data, s.len, &why);
		taken += v != NULL;
		verified_free(v);
		s.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	CHECK_INT(taken, 0);
	next_is(&s, TRUST_FINE, "not flipped");
}

static void
no_flipped_bit_of_a_policy(void)
{
	struct verify ctx = agent();
	struct trust_why why;
	struct verified *v;
	struct sample s;
	uint32_t taken = 0;
	char body[256];
	size_t i;

	memset(body, 'x', sizeof(body));
	body[255] = '\0';
	sample_sign(&s, sample_header(ENVELOPE_POLICY, 3, 8), body, "45");
	for (i = 0; i < s.len * 8; i++) {
		s.data[i / 8] ^= (uint8_t)(1 << i % 8);
		v = verify_message(&ctx, s.data, s.len, &why);
		taken += v != NULL;
		verified_free(v);
		s.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	CHECK_INT(taken, 0);
	for (i = 0; i < s.len; i++) {
		v = verify_message(&ctx, s.data, i, &why);
		CHECK(
		    v == NULL && why.fault == TRUST_MALFORMED, "cut at %zu", i);
	}
	is_accepted(&ctx, &s, "not flipped");
}

static const struct unit_case cases[] = {
    {"policy and rank are accepted", policy_and_rank_are_accepted},
    {"test_new_root_version", test_new_root_version},
    {"test_root_rollback", test_root_rollback},
    {"test_root_version_skipped", test_root_version_skipped},
    {"test_root_header_and_body_differ", test_root_header_and_body_differ},
    {"test_basic_threshold", test_basic_threshold},
    {"test_duplicate_keys", test_duplicate_keys},
    {"test_key_rotation", test_key_rotation},
    {"test_key_of_an_old_root", test_key_of_an_old_root},
    {"test_expired_root", test_expired_root},
    {"test_expired", test_expired},
    {"test_clock_set_back", test_clock_set_back},
    {"test_key_expired", test_key_expired},
    {"test_rollback", test_rollback},
    {"test_fast_forward_recovery", test_fast_forward_recovery},
    {"test_mix_and_match", test_mix_and_match},
    {"test_rank_body", test_rank_body},
    {"test_wrong_role", test_wrong_role},
    {"test_wrong_type", test_wrong_type},
    {"test_wrong_audience", test_wrong_audience},
    {"test_policy_threshold", test_policy_threshold},
    {"first root", first_root},
    {"no flipped bit of a root", no_flipped_bit_of_a_root},
    {"no flipped bit of a policy", no_flipped_bit_of_a_policy},
};

int
main(void)
{
	int failed;

	in_force = sample_verified_root(3);
	if (in_force == NULL) {
		fputs("verify: the usual root is not accepted\n", stderr);
		return 1;
	}
	failed = unit_main("verify", cases, sizeof(cases) / sizeof(*cases));
	verified_free(in_force);
	return failed;
}
