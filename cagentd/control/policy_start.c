/* Takes up what was accepted before, and the root that was handed out; accepts
 * nothing from outside. */
#include <sys/types.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cagentd/control/policy_held.h"
#include "conf/bundle.h"
#include "conf/policy_rank.h"

static void __attribute__((format(printf, 2, 3)))
fail(struct policy *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->fault, sizeof(p->fault), fmt, ap);
	va_end(ap);
	log_errx("policy: %s", p->fault);
}

void
policy_init(struct policy *p, struct events *events)
{
	memset(p, 0, sizeof(*p));
	p->events = events;
	p->store.fd = -1;
	snprintf(p->fault, sizeof(p->fault),
	    "the configuration has no [policy]: none is taken here");
}

void
policy_free(struct policy *p)
{
	policy_held_free(&p->held);
	free(p->ranks);
	bundle_free(p->bundle);
	settings_unref(p->config);
	if (p->store.fd != -1)
		close(p->store.fd);
	policy_history_close(p->history);
	p->history = NULL;
	p->bundle = NULL;
	p->config = NULL;
}

/* The root that was handed out. */
struct handed {
	const uint8_t *message;
	size_t len;
	int64_t now_s;
};

static bool
is_held(const struct policy *p, const struct handed *h)
{
	const uint8_t *held;
	size_t len;

	if (p->held.root == NULL)
		return false;
	held = verified_message(p->held.root, &len);
	return len == h->len && memcmp(held, h->message, len) == 0;
}

/* The policy that is held stays, under the root that it came under, unless that
 * root revokes it. */
static bool
follows(const struct policy *p, struct policy_held *next,
    const struct handed *h, struct trust_why *why)
{
	if (p->held.root == NULL)
		return false;
	next->root =
	    verify_root_next(p->held.root, h->now_s, h->message, h->len, why);
	if (next->root == NULL)
		return false;
	policy_held_succeed(next, p->held.root);
	return true;
}

static bool
begins(struct policy_held *next, const struct handed *h, struct trust_why *why)
{
	next->root = verify_root_first(h->message, h->len, why);
	next->policy = next->policy_root = next->rank = NULL;
	next->stale = false;
	next->rank_mark = (struct trust_mark){0, 0};
	return next->root != NULL;
}

/* Is it another one than last time: the one that we came to ourselves, the
 * next one, or another beginning? */
static void
take_root(struct policy *p, const struct handed *h)
{
	bool had_policy = p->held.policy != NULL;
	struct policy_held next = p->held;
	struct trust_why why = {TRUST_FINE, ""};
	int error;

	policy_store_hash(h->message, h->len, next.anchor);
	if (p->held.root != NULL &&
	    memcmp(next.anchor, p->held.anchor, sizeof(next.anchor)) == 0)
		return;
	if (!is_held(p, h) && !follows(p, &next, h, &why) &&
	    !begins(&next, h, &why)) {
		fail(p, "%s: %s", p->config->policy_root, why.text);
		return;
	}
	error = policy_held_change(p, &next);
	if (error != 0) {
		fail(p, "its state cannot be written: %s", strerror(-error));
		if (next.root != p->held.root)
			verified_free(next.root);
		return;
	}
	events_add(p->events, EVENT_POLICY, "",
	    "root %u is trusted, as it was handed out%s",
	    verified_mark(p->held.root).epoch,
	    had_policy && p->held.policy == NULL
		? ": by it there is no policy any more"
		: "");
}

static void
look_at_root(struct policy *p, int64_t now_s)
{
	char key[sizeof(p->config->policy_root) + 8];
	struct handed h = {.now_s = now_s};
	const char *text;
	int error;

	snprintf(key, sizeof(key), "file:%s", p->config->policy_root);
	text = bundle_get(p->bundle, key, &h.len, &error);
	if (text == NULL) {
		fail(p, "%s: %s", p->config->policy_root, strerror(-error));
		return;
	}
	h.message = (const uint8_t *)text;
	take_root(p, &h);
}

/* What was accepted in an earlier life. */
static void
take_up(struct policy *p, int fd)
{
	struct trust_why why = {TRUST_FINE, ""};
	struct policy_kept kept;
	int error = policy_store_open(&p->store, fd, &kept);

	if (error == 0 && kept.parts[POLICY_PART_ROOT].len > 0 &&
	    !policy_held_read(&p->held, &kept, &why))
		error = why.fault == TRUST_MEMORY ? -ENOMEM : -EBADMSG;
	policy_kept_free(&kept);
	p->lost = error != 0;
	if (error == -EBADMSG)
		fail(p,
		    "%s/policy.state is damaged%s%s: what was accepted last is "
		    "not known, so nothing is; remove it and restart to begin "
		    "anew",
		    p->config->state_dir, why.text[0] != '\0' ? ": " : "",
		    why.text);
	else if (error != 0)
		fail(p, "%s/policy.state: %s", p->config->state_dir,
		    strerror(-error));
}

static bool
for_us(const struct policy *p)
{
	const char *audience = verified_envelope(p->held.policy)->audience;

	return strcmp(audience, "*") == 0 ||
	       strcmp(audience, p->config->group) == 0;
}

/* The settings with the policy that is held, or NULL: it does not fit. */
static struct settings *
merge(struct policy *p)
{
	const struct envelope *e = verified_envelope(p->held.policy);
	struct conf_errors errors = {0};
	struct settings *s = NULL;

	if (!for_us(p)) {
		log_errx("policy %llu is for the group '%s', and this is '%s': "
			 "not in force",
		    (unsigned long long)e->serial, e->audience,
		    p->config->group);
		return NULL;
	}
	if (settings_parse_policy(p->bundle, (const char *)e->body, e->body_len,
		&s, &errors) != 0) {
		log_errx("policy %llu is not in force: %.*s",
		    (unsigned long long)e->serial,
		    (int)strcspn(errors.text, "\n"), errors.text);
		return NULL;
	}
	s->serial = p->config->serial;
	s->policy_epoch = e->epoch;
	s->policy_serial = e->serial;
	return s;
}

static void
set_config(struct policy *p, struct bundle *bundle, struct settings *s)
{
	bundle_free(p->bundle);
	settings_unref(p->config);
	p->bundle = bundle;
	p->config = settings_ref(s);
}

/* Again, by those settings, which have the policy in them. */
static void
read_ranks(struct policy *p, const struct settings *s)
{
	struct conf_errors errors;
	const struct envelope *e;

	free(p->ranks);
	p->ranks = NULL;
	if (p->held.rank == NULL)
		return;
	e = verified_envelope(p->held.rank);
	p->ranks = policy_rank_parse(
	    "rank", (const char *)e->body, e->body_len, s, &errors);
	if (p->ranks == NULL)
		log_errx("rank %llu is not in force: %.*s",
		    (unsigned long long)e->serial,
		    (int)strcspn(errors.text, "\n"), errors.text);
}

struct settings *
policy_start(struct policy *p, int fd, struct bundle *bundle,
    struct settings *s, int64_t now_s)
{
	struct settings *merged = NULL;

	set_config(p, bundle, s);
	if (fd == -1)
		return settings_ref(s);
	p->store.fd = fd;
	p->fault[0] = '\0';
	take_up(p, fd);
	if (p->fault[0] == '\0')
		look_at_root(p, now_s);
	if (p->held.policy != NULL)
		merged = merge(p);
	p->fits = merged != NULL;
	if (merged != NULL)
		read_ranks(p, merged);
	p->stale = p->held.stale;
	policy_clock(p, now_s);
	return merged != NULL ? merged : settings_ref(s);
}

void
policy_configure(
    struct policy *p, struct bundle *bundle, struct settings *s, int64_t now_s)
{
	struct settings *merged = NULL;

	set_config(p, bundle, s);
	if (p->store.fd == -1 || p->lost)
		return;
	p->fault[0] = '\0';
	look_at_root(p, now_s);
	p->fits = p->held.policy != NULL;
	if (p->fits && !policy_in_force(p)) {
		/* The master has put another one in force, or none. */
		merged = merge(p);
		p->fits = merged != NULL;
	}
	if (p->fits)
		read_ranks(p, merged != NULL ? merged : p->config);
	settings_unref(merged);
}
