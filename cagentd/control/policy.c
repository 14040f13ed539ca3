/*
 * Owns what it takes to accept a signed message, and what is held.  Opens no
 * file and no connection, and puts nothing in force itself.
 */
#include "cagentd/control/policy.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cagentd/common/procs.h"
#include "cagentd/control/policy_held.h"
#include "cagentd/control/policy_past.h"
#include "conf/policy_rank.h"
#include "trust/when.h"

_Static_assert(
    PROCS_POLICY_MAX >= ENVELOPE_BODY_MAX, "the master takes the longest body");

/* Errors of a policy's text that are worth a line each in an answer. */
#define ERRORS_SHOWN 3

static enum policy_outcome __attribute__((format(printf, 4, 5)))
refuse(struct policy *p, struct policy_answer *a, const char *code,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->text, sizeof(a->text), fmt, ap);
	va_end(ap);
	snprintf(a->code, sizeof(a->code), "%s", code);
	events_add(p->events, EVENT_POLICY, "", "refused: %s", a->text);
	return POLICY_REFUSED;
}

static enum policy_outcome
refuse_why(
    struct policy *p, struct policy_answer *a, const struct trust_why *why)
{
	return refuse(p, a, trust_fault_word(why->fault), "%s", why->text);
}

static enum policy_outcome __attribute__((format(printf, 3, 4)))
taken(struct policy *p, struct policy_answer *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->text, sizeof(a->text), fmt, ap);
	va_end(ap);
	events_add(p->events, EVENT_POLICY, "", "%s", a->text);
	return POLICY_TAKEN;
}

static bool
is_message(const struct verified *v, const uint8_t *message, size_t len)
{
	const uint8_t *held;
	size_t held_len;

	if (v == NULL)
		return false;
	held = verified_message(v, &held_len);
	return held_len == len && memcmp(held, message, len) == 0;
}

/* To the disk, and then held. */
static int
hold(struct policy *p, const struct policy_held *next, struct policy_answer *a)
{
	int error = policy_held_change(p, next);

	if (error == 0)
		return 0;
	refuse(p, a, "not-kept",
	    "it cannot be kept, and so not be taken: policy.state: %s",
	    strerror(-error));
	return error;
}

static void
drop_ranks(struct policy *p)
{
	free(p->ranks);
	p->ranks = NULL;
}

/*
 * What hangs on a rank key that may be no longer one goes with the old root.
 * The policy stays, though its keys may be gone: roots come before the policies
 * that are made under them, and at every change of a key all agents would be
 * without.  Only where the root says that what these keys have signed is not to
 * be believed any more is no policy better than that one.
 */
static enum policy_outcome
take_root(struct policy *p, const uint8_t *message, size_t len, int64_t now_s,
    struct policy_answer *a)
{
	struct policy_held next = p->held;
	bool had;
	struct trust_why why;

	next.root = verify_root_next(p->held.root, now_s, message, len, &why);
	if (next.root == NULL)
		return refuse_why(p, a, &why);
	had = p->held.policy != NULL;
	policy_held_succeed(&next, p->held.root);
	if (hold(p, &next, a) != 0) {
		verified_free(next.root);
		return POLICY_REFUSED;
	}
	drop_ranks(p);
	if (!had || p->held.policy != NULL)
		return taken(p, a, "root %u is trusted from now on",
		    verified_mark(p->held.root).epoch);
	p->stale = p->fits = false;
	taken(p, a,
	    "root %u is trusted from now on; by it the policy is revoked, and "
	    "there is none",
	    verified_mark(p->held.root).epoch);
	return policy_is_left_over(p) ? POLICY_TO_APPLY : POLICY_TAKEN;
}

/* The first few of them, in one line. */
static void
shorten(const struct conf_errors *e, char *out, size_t size)
{
	const char *from = e->text;
	size_t n, used = 0;
	int i;

	out[0] = '\0';
	for (i = 0; i < ERRORS_SHOWN && *from != '\0'; i++) {
		n = strcspn(from, "\n");
		used += (size_t)snprintf(out + used, size - used, "%s%.*s",
		    i > 0 ? "; " : "", (int)n, from);
		if (used >= size)
			return;
		from += n + (from[n] != '\0');
	}
	if (e->n > i)
		snprintf(out + used, size - used, "; and %d more", e->n - i);
}

static bool
fits(struct policy *p, const struct verified *v, struct policy_answer *a)
{
	const struct envelope *e = verified_envelope(v);
	char text[POLICY_WHY_MAX];
	struct conf_errors errors = {0};
	struct settings *s = NULL;

	if (settings_parse_policy(p->bundle, (const char *)e->body, e->body_len,
		&s, &errors) == 0) {
		settings_unref(s);
		return true;
	}
	shorten(&errors, text, sizeof(text));
	refuse(p, a, "bad-policy", "%s", text);
	return false;
}

static enum policy_outcome
hold_policy(struct policy *p, struct verified *v, struct policy_answer *a)
{
	struct policy_held next = p->held;
	const struct envelope *e = verified_envelope(v);
	char when[WHEN_STRLEN];

	next.policy = v;
	next.policy_root = NULL;
	next.rank = NULL;
	next.stale = false;
	if (!fits(p, v, a) || hold(p, &next, a) != 0) {
		verified_free(v);
		return POLICY_REFUSED;
	}
	drop_ranks(p);
	p->stale = false;
	p->fits = true;
	taken(p, a, "policy %" PRIu64 " (root %u) was accepted, until %s",
	    e->serial, e->epoch, when_format(e->expires_s, when));
	return POLICY_TO_APPLY;
}

static struct trust_mark
later(struct trust_mark a, struct trust_mark b)
{
	return trust_compare(a, b) > 0 ? a : b;
}

static int64_t
not_before(int64_t now_s, const struct verified *v)
{
	int64_t issued_s = v != NULL ? verified_envelope(v)->issued_s : now_s;

	return now_s > issued_s ? now_s : issued_s;
}

/* The signed times that were believed are a lower bound of what time it is:
 * none was taken that was issued in the future. */
static int64_t
bounded(const struct policy *p, int64_t now_s)
{
	now_s = not_before(now_s, p->held.root);
	now_s = not_before(now_s, p->held.policy);
	return not_before(now_s, p->held.rank);
}

/* Why not, and what that means for those to come. */
static enum policy_outcome
refuse_policy(struct policy *p, const struct envelope *e,
    const struct trust_why *why, struct policy_answer *a)
{
	struct trust_mark mark = {e->epoch, e->serial};

	if ((why->fault == TRUST_ROLLBACK || why->fault == TRUST_SAME) &&
	    (p->held.policy == NULL ||
		trust_compare(mark, verified_mark(p->held.policy)) > 0))
		return refuse(p, a, "expired",
		    "policy %" PRIu64 " was refused as expired before: sign it "
		    "anew with a higher serial",
		    p->late.serial);
	if (why->fault == TRUST_EXPIRED)
		p->late = later(p->late, mark);
	if (why->fault != TRUST_ROLLBACK && why->fault != TRUST_SAME)
		return refuse_why(p, a, why);
	return refuse(p, a, trust_fault_word(why->fault),
	    "%s; to go back, sign the older text anew with a higher serial",
	    why->text);
}

static enum policy_outcome
take_policy(struct policy *p, const uint8_t *message, size_t len, int64_t now_s,
    struct policy_answer *a)
{
	struct verify ctx = {.mode = VERIFY_NEW,
	    .root = p->held.root,
	    .group = p->config->group,
	    .now_s = now_s,
	    .floor_s = bounded(p, now_s),
	    .policy = p->late};
	struct envelope e = {.epoch = 0};
	enum envelope_fault fault;
	struct trust_why why;
	struct verified *v;

	if (p->held.policy != NULL)
		ctx.policy = later(p->late, verified_mark(p->held.policy));
	v = verify_message(&ctx, message, len, &why);
	if (v != NULL)
		return hold_policy(p, v, a);
	(void)envelope_decode(message, len, &e, &fault); /* why says it */
	return refuse_policy(p, &e, &why, a);
}

static struct policy_rank *
read_rank(struct policy *p, const struct verified *v, struct policy_answer *a)
{
	const struct envelope *e = verified_envelope(v);
	char text[POLICY_WHY_MAX];
	struct conf_errors errors;
	struct policy_rank *r = policy_rank_parse(
	    "rank", (const char *)e->body, e->body_len, p->config, &errors);

	if (r != NULL)
		return r;
	shorten(&errors, text, sizeof(text));
	refuse(p, a, "bad-rank", "%s", text);
	return NULL;
}

/* A heartbeat: what is in force is said again. */
static bool
says_the_same(const struct verified *was, const struct verified *is)
{
	const struct envelope *a, *b;

	if (was == NULL)
		return false;
	a = verified_envelope(was);
	b = verified_envelope(is);
	return a->body_len == b->body_len &&
	       memcmp(a->body, b->body, a->body_len) == 0;
}

static enum policy_outcome
hold_rank(struct policy *p, struct verified *v, struct policy_answer *a)
{
	struct policy_rank *ranks = read_rank(p, v, a);
	struct policy_held next = p->held;
	bool same = says_the_same(p->held.rank, v);

	next.rank = v;
	next.rank_mark = verified_mark(v);
	if (ranks == NULL || hold(p, &next, a) != 0) {
		verified_free(v);
		free(ranks);
		return POLICY_REFUSED;
	}
	free(p->ranks);
	p->ranks = ranks;
	snprintf(a->text, sizeof(a->text),
	    "rank %" PRIu64 " (root %u) is in force", p->held.rank_mark.serial,
	    p->held.rank_mark.epoch);
	/* Once a minute is no event. */
	if (!same)
		events_add(p->events, EVENT_POLICY, "", "%s", a->text);
	return POLICY_TAKEN;
}

static enum policy_outcome
take_rank(struct policy *p, const uint8_t *message, size_t len, int64_t now_s,
    struct policy_answer *a)
{
	struct verify ctx = {.mode = VERIFY_NEW,
	    .root = p->held.root,
	    .group = p->config->group,
	    .now_s = now_s,
	    .floor_s = bounded(p, now_s),
	    .rank = p->held.rank_mark};
	struct trust_why why;
	struct verified *v;

	if (p->held.policy != NULL)
		ctx.policy = verified_mark(p->held.policy);
	v = verify_message(&ctx, message, len, &why);
	if (v == NULL)
		return refuse_why(p, a, &why);
	if (policy_in_force(p))
		return hold_rank(p, v, a);
	verified_free(v);
	return refuse(p, a, "another-policy",
	    "the policy that it is for is not in force");
}

static enum policy_outcome
take(struct policy *p, const uint8_t *message, size_t len, int64_t now_s,
    struct policy_answer *a)
{
	enum envelope_fault fault;
	struct envelope e;
	int n;

	if (p->fault[0] != '\0')
		return refuse(p, a, "no-policy", "%s", p->fault);
	if (is_message(p->held.policy, message, len) ||
	    is_message(p->held.rank, message, len) ||
	    is_message(p->held.root, message, len)) {
		snprintf(a->text, sizeof(a->text),
		    "it was accepted before, and holds");
		return POLICY_ALREADY;
	}
	n = envelope_decode(message, len, &e, &fault);
	if (n > 0 && e.type == ENVELOPE_ROOT)
		return take_root(p, message, len, now_s, a);
	if (n > 0 && e.type == ENVELOPE_RANK)
		return take_rank(p, message, len, now_s, a);
	return take_policy(p, message, len, now_s, a);
}

enum policy_outcome
policy_take(struct policy *p, const uint8_t *message, size_t len, int64_t now_s,
    struct policy_answer *a)
{
	struct envelope e = {.epoch = 0};
	enum policy_outcome outcome;
	enum envelope_fault fault;

	a->code[0] = a->text[0] = '\0';
	outcome = take(p, message, len, now_s, a);
	(void)envelope_decode(message, len, &e, &fault); /* else all zero */
	policy_past_note(p, outcome, &e, now_s, a);
	return outcome;
}

bool
policy_body(const struct policy *p, struct settings_body *out)
{
	const struct envelope *e;

	if (p->held.policy == NULL || !p->fits)
		return false;
	e = verified_envelope(p->held.policy);
	*out = (struct settings_body){
	    (const char *)e->body, e->body_len, e->epoch, e->serial};
	return true;
}

const struct policy_rank *
policy_ranks(const struct policy *p)
{
	return p->ranks;
}

bool
policy_in_force(const struct policy *p)
{
	struct trust_mark held;

	if (p->held.policy == NULL || !p->config->policy_in_force)
		return false;
	held = verified_mark(p->held.policy);
	return held.epoch == p->config->policy_epoch &&
	       held.serial == p->config->policy_serial;
}

bool
policy_is_left_over(const struct policy *p)
{
	return p->store.fd != -1 && !p->lost && p->held.policy == NULL &&
	       p->config->policy_in_force;
}

bool
policy_is_settled(const struct policy *p)
{
	return p->held.policy != NULL ? policy_in_force(p)
				      : !policy_is_left_over(p);
}

/* So that the next start knows. */
static void
keep_stale(struct policy *p)
{
	struct policy_held next = p->held;
	int error;

	next.stale = true;
	error = policy_held_change(p, &next);
	if (error != 0)
		log_errx("policy.state: %s", strerror(-error));
}

bool
policy_clock(struct policy *p, int64_t now_s)
{
	const struct envelope *e;
	char when[WHEN_STRLEN];

	if (p->held.policy == NULL || p->stale)
		return false;
	e = verified_envelope(p->held.policy);
	if (e->expires_s > bounded(p, now_s))
		return false;
	p->stale = true;
	keep_stale(p);
	events_add(p->events, EVENT_POLICY, "",
	    "policy %" PRIu64 " is stale: it has expired at %s, and stays in "
	    "force",
	    e->serial, when_format(e->expires_s, when));
	return true;
}
