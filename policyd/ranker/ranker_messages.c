/* Owns the signed messages: those of the store are verified again, new ones
 * are accepted or not.  What is in here every agent may believe. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "policyd/ranker/ranker.h"
#include "trust/signers.h"
#include "trust/when.h"

static bool
refuse(struct ranker_why *why, const char *code, const char *text)
{
	snprintf(why->code, sizeof(why->code), "%s", code);
	snprintf(why->text, sizeof(why->text), "%s", text);
	return false;
}

static bool
distrust(struct ranker_why *why, const struct trust_why *t)
{
	return refuse(why, trust_fault_word(t->fault), t->text);
}

const struct verified *
ranker_root(const struct ranker *r)
{
	return r->roots_n > 0 ? r->roots[r->roots_n - 1] : NULL;
}

static const struct verified *
root_of(const struct ranker *r, uint32_t epoch)
{
	uint32_t i;

	for (i = 0; i < r->roots_n; i++) {
		if (verified_envelope(r->roots[i])->epoch == epoch)
			return r->roots[i];
	}
	return NULL;
}

/* Takes v, which may be NULL. */
static bool
add_root(struct ranker *r, struct verified *v, struct ranker_why *why)
{
	struct verified **more;

	if (v == NULL)
		return false;
	more = reallocarray(r->roots, r->roots_n + 1, sizeof(*more));
	if (more == NULL) {
		verified_free(v);
		return refuse(why, "internal", "out of memory");
	}
	r->roots = more;
	r->roots[r->roots_n++] = v;
	return true;
}

int
ranker_known(struct ranker *r, const char *name)
{
	uint32_t i;

	for (i = 0; i < r->known_n; i++) {
		if (strcmp(r->known[i].name, name) == 0)
			return (int)i;
	}
	if (r->known_n == RANKER_KNOWN_MAX)
		return -1;
	snprintf(r->known[i].name, sizeof(r->known[i].name), "%s", name);
	return (int)r->known_n++;
}

/* --- policies --- */

static struct ranker_policy *
find_policy(const struct ranker *r, const char *audience)
{
	struct ranker_policy *p;

	LIST_FOREACH (p, &r->policies, next) {
		if (strcmp(verified_envelope(p->v)->audience, audience) == 0)
			return p;
	}
	return NULL;
}

/* As the collector has it: a group's own comes before that for all. */
const struct ranker_policy *
ranker_policy(const struct ranker *r, const char *group)
{
	const struct ranker_policy *p = find_policy(r, group);

	if (p == NULL || p->revoked)
		p = find_policy(r, "*");
	return p == NULL || p->revoked ? NULL : p;
}

/* Do its signatures still count, whatever roots came after its own? */
static bool
stands(const struct ranker *r, const struct verified *v)
{
	const struct envelope *e = verified_envelope(v);
	struct signers by = {.role = ROOT_ROLE_POLICY};
	uint32_t i;

	by.root = verified_root(root_of(r, e->epoch));
	for (i = 0; i < r->roots_n; i++) {
		if (verified_envelope(r->roots[i])->epoch > e->epoch &&
		    !signers_stand(e, &by, verified_root(r->roots[i])))
			return false;
	}
	return true;
}

static void
free_policy(struct ranker_policy *p)
{
	LIST_REMOVE(p, next);
	verified_free(p->v);
	settings_unref(p->settings);
	free(p);
}

/* In the place of the one of its audience; v is taken when it returns true. */
static bool
add_policy(struct ranker *r, struct verified *v, struct settings *s,
    struct ranker_why *why)
{
	struct ranker_policy *p = calloc(1, sizeof(*p)), *old;
	uint32_t i;

	if (p == NULL)
		return refuse(why, "internal", "out of memory");
	old = find_policy(r, verified_envelope(v)->audience);
	p->v = v;
	p->settings = s;
	p->revoked = !stands(r, v);
	LIST_INSERT_HEAD(&r->policies, p, next);
	for (i = 0; i < s->intermediaries_n; i++) {
		if (ranker_known(r, s->intermediaries[i].name) == -1)
			log_warnx("%s: too many names were ever used: it is "
				  "not ranked",
			    s->intermediaries[i].name);
	}
	ranker_groups_refresh(r);
	if (old != NULL)
		free_policy(old); /* of which no group has anything now */
	return true;
}

/* --- out of the store --- */

struct load {
	struct ranker *ranker;
	struct ranker_why *why;
	bool ok;
};

static bool
load_root(struct load *l, const uint8_t *message, size_t len)
{
	const struct verified *last = ranker_root(l->ranker);
	struct trust_why t;
	struct verified *v;

	/* That it was not issued in the future was asked when it came. */
	v = last == NULL ? verify_root_first(message, len, &t)
			 : verify_root_next(last, WHEN_MAX, message, len, &t);
	if (v == NULL)
		return distrust(l->why, &t);
	return add_root(l->ranker, v, l->why);
}

static bool
load_policy(struct load *l, struct verified *v)
{
	struct settings *s = ranker_policy_read(v, l->why);

	if (s != NULL && add_policy(l->ranker, v, s, l->why))
		return true;
	settings_unref(s);
	return false;
}

/* One that is for another policy than that in force is of no use any more. */
static bool
load_rank(struct load *l, struct verified *v)
{
	struct ranker_group *g =
	    ranker_group_get(l->ranker, verified_envelope(v)->audience);

	if (g == NULL)
		return refuse(l->why, "internal", "out of memory");
	verified_free(g->rank);
	g->rank = v;
	return true;
}

/* A policy or a rank, under the root that it was accepted under. */
static bool
load_message(struct load *l, const struct envelope *e, const uint8_t *message,
    size_t len)
{
	const struct ranker_policy *p = ranker_policy(l->ranker, e->audience);
	struct verify ctx = {
	    .mode = VERIFY_KEPT, .root = root_of(l->ranker, e->epoch)};
	struct trust_why t;
	struct verified *v;
	bool ok;

	if (ctx.root == NULL)
		return refuse(l->why, "epoch", "its root is not there");
	if (p != NULL)
		ctx.policy = verified_mark(p->v);
	v = verify_message(&ctx, message, len, &t);
	if (v == NULL)
		return distrust(l->why, &t);
	ok = e->type == ENVELOPE_POLICY ? load_policy(l, v) : load_rank(l, v);
	if (!ok)
		verified_free(v);
	return ok;
}

/* A root that is wrong ends it; whatever else is wrong is left out. */
static bool
load_one(void *arg, const uint8_t *message, size_t len)
{
	struct load *l = arg;
	enum envelope_fault fault;
	struct envelope e;

	if (envelope_decode(message, len, &e, &fault) <= 0) {
		log_errx("the store has a message that is none: it is left "
			 "out");
		return true;
	}
	if (e.type == ENVELOPE_ROOT) {
		l->ok = load_root(l, message, len);
		return l->ok;
	}
	if (!load_message(l, &e, message, len))
		log_warnx("the store's %s for %s, serial %" PRIu64
			  ", is left out: %s",
		    e.type == ENVELOPE_POLICY ? "policy" : "rank", e.audience,
		    e.serial, l->why->text);
	return true;
}

static int
keep(struct ranker *r, const struct verified *v, const char *by)
{
	const struct envelope *e = verified_envelope(v);
	struct store_message m = {
	    .envelope = e, .by = by, .at_s = ranker_now_s()};
	int error = ranker_begin(r);

	if (error != 0)
		return error;
	m.message = verified_message(v, &m.len);
	error = store_message_put(r->store, &m);
	if (error == 0 && e->type == ENVELOPE_ROOT)
		error = ranker_event(r, "root", "", "",
		    "root %" PRIu32 " was published by %.63s", e->epoch, by);
	else if (error == 0)
		error = ranker_event(r, "policy", e->audience, "",
		    "policy %" PRIu32 ".%" PRIu64 " was published by %.63s",
		    e->epoch, e->serial, by);
	return ranker_end(r, error);
}

/* That of the configuration is one of ours, or the first, or the next. */
static bool
take_root(struct ranker *r, const uint8_t *message, size_t len,
    struct ranker_why *why)
{
	const struct verified *last = ranker_root(r), *same;
	struct trust_why t;
	struct verified *v = verify_root_first(message, len, &t);
	const uint8_t *bytes;
	size_t n;

	if (v == NULL)
		return distrust(why, &t);
	same = root_of(r, verified_envelope(v)->epoch);
	if (same != NULL) {
		verified_free(v);
		bytes = verified_message(same, &n);
		if (n == len && memcmp(bytes, message, len) == 0)
			return true;
		return refuse(why, "root",
		    "the configuration's root is another one than the store's "
		    "of the same version");
	}
	if (last != NULL &&
	    verified_mark(v).epoch < verified_mark(r->roots[0]).epoch) {
		verified_free(v);
		return true; /* from before this store */
	}
	verified_free(v);
	v = last == NULL
		? verify_root_first(message, len, &t)
		: verify_root_next(last, ranker_now_s(), message, len, &t);
	if (v == NULL)
		return distrust(why, &t);
	if (keep(r, v, "configuration") != 0) {
		verified_free(v);
		return refuse(why, "read-only", store_why(r->store));
	}
	return add_root(r, v, why);
}

bool
ranker_messages_load(struct ranker *r, const uint8_t *root, size_t root_len,
    struct ranker_why *why)
{
	struct load l = {r, why, true};

	r->known = calloc(RANKER_KNOWN_MAX, sizeof(*r->known));
	if (r->known == NULL)
		return refuse(why, "internal", "out of memory");
	if (store_messages(r->store, load_one, &l) != 0)
		return refuse(why, "store", store_why(r->store));
	return l.ok && (root == NULL || take_root(r, root, root_len, why));
}

void
ranker_messages_free(struct ranker *r)
{
	struct ranker_policy *p;
	uint32_t i;

	while ((p = LIST_FIRST(&r->policies)) != NULL)
		free_policy(p);
	for (i = 0; i < r->roots_n; i++)
		verified_free(r->roots[i]);
	free(r->roots);
	free(r->known);
}

/* --- from an administrator --- */

/* The newest that anybody may have who gets that one. */
static struct trust_mark
newest(const struct ranker *r, const char *audience)
{
	struct trust_mark mark = {0}, one;
	const struct ranker_policy *p;
	const char *to;

	LIST_FOREACH (p, &r->policies, next) {
		to = verified_envelope(p->v)->audience;
		one = verified_mark(p->v);
		if ((strcmp(audience, "*") == 0 || strcmp(to, "*") == 0 ||
			strcmp(to, audience) == 0) &&
		    trust_compare(one, mark) > 0)
			mark = one;
	}
	return mark;
}

static int
publish_root(struct ranker *r, const uint8_t *message, size_t len,
    const char *by, struct ranker_why *why)
{
	struct ranker_policy *p;
	struct trust_why t;
	struct verified *v;
	int error;

	v = verify_root_next(ranker_root(r), ranker_now_s(), message, len, &t);
	if (v == NULL) {
		distrust(why, &t);
		return -EINVAL;
	}
	error = keep(r, v, by);
	if (error != 0) {
		verified_free(v);
		return ranker_disk_why(r, error, why);
	}
	if (!add_root(r, v, why))
		return -ENOMEM;
	LIST_FOREACH (p, &r->policies, next) {
		p->revoked = !stands(r, p->v);
	}
	ranker_groups_refresh(r);
	ranker_publish(r, ranker_root(r));
	return 0;
}

/* v is taken. */
static int
put_in_force(struct ranker *r, struct verified *v, const char *by,
    struct ranker_why *why)
{
	struct settings *s = ranker_policy_read(v, why);
	int error = s == NULL ? -EINVAL : 0;

	if (error == 0) {
		error = keep(r, v, by);
		if (error != 0)
			ranker_disk_why(r, error, why);
	}
	if (error == 0 && !add_policy(r, v, s, why))
		error = -ENOMEM;
	if (error != 0) {
		settings_unref(s);
		verified_free(v);
		return error;
	}
	ranker_publish(r, v);
	ranker_publish_probes(r);
	ranker_at_once(r);
	return 0;
}

static int
publish_policy(struct ranker *r, const uint8_t *message, size_t len,
    const char *by, struct ranker_why *why)
{
	struct verify ctx = {.mode = VERIFY_NEW,
	    .root = ranker_root(r),
	    .now_s = ranker_now_s()};
	enum envelope_fault fault;
	struct trust_why t;
	struct envelope e;
	struct verified *v;

	if (envelope_decode(message, len, &e, &fault) > 0)
		ctx.policy = newest(r, e.audience);
	v = verify_message(&ctx, message, len, &t);
	if (v == NULL) {
		distrust(why, &t);
		return -EINVAL;
	}
	return put_in_force(r, v, by, why);
}

int
ranker_publish_message(struct ranker *r, const uint8_t *message, size_t len,
    const char *by, struct ranker_why *why)
{
	enum envelope_fault fault;
	struct envelope e;
	int n = envelope_decode(message, len, &e, &fault);

	if (n <= 0) {
		refuse(why, trust_fault_word(TRUST_MALFORMED),
		    n == WIRE_BAD ? envelope_fault_text(fault)
				  : "it ends too early, or is not signed");
		return -EINVAL;
	}
	if (ranker_root(r) == NULL) {
		refuse(why, "no-root", "there is no root yet to trust by");
		return -EINVAL;
	}
	switch (e.type) {
	case ENVELOPE_ROOT:
		return publish_root(r, message, len, by, why);
	case ENVELOPE_POLICY:
		return publish_policy(r, message, len, by, why);
	case ENVELOPE_RANK:
		break;
	}
	refuse(why, trust_fault_word(TRUST_TYPE),
	    "expected a root or a policy: ranks are made here");
	return -EINVAL;
}
