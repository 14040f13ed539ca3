/* Puts signatures under messages, by keys that the root lets do so. */
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "policyd/args.h"
#include "policyd/body.h"
#include "policyd/message.h"
#include "policyd/roots.h"
#include "policyd/say.h"
#include "policyd/verb.h"
#include "trust/verify.h"
#include "trust/when.h"

/* Whose signature a message may bear: that of a key with the role, in a root
 * and for a root also in the one before. */
struct may {
	const struct root *root, *before; /* before: NULL for none */
	enum root_role role;
	int64_t now_s;
	const char *hint;
};

static bool
allowed(
    const void *arg, const char *path, const uint8_t id[ENVELOPE_KEY_ID_LEN])
{
	const struct may *may = arg;
	const struct root_key *k =
	    root_find(may->root, id, (unsigned int)may->role);

	if (k != NULL && may->role != ROOT_ROLE_ROOT &&
	    k->expires_s <= may->now_s) {
		say("%s: root %u lets this key sign no longer: it has expired",
		    path, may->root->version);
		return false;
	}
	if (k == NULL && may->before != NULL)
		k = root_find(may->before, id, (unsigned int)may->role);
	if (k == NULL)
		say("%s: not a %s key of root %u%s", path,
		    root_role_word(may->role), may->root->version, may->hint);
	return k != NULL;
}

static int
sign_root(
    const struct call *c, struct message *m, const struct verified *before)
{
	struct root root;
	struct may may = {.root = &root,
	    .before = before != NULL ? verified_root(before) : NULL,
	    .role = ROOT_ROLE_ROOT,
	    .hint = before == NULL ? "; with a key of the root before, say "
				     "which root that was: --root OLD"
				   : ", nor of the one before"};
	const struct message_signer who = {allowed, &may};

	if (!roots_body(m, c->args[0], &root))
		return VERB_FAILED;
	if (root.version != m->e.epoch)
		return say("%s: its header says version %u, its body %u",
		    c->args[0], m->e.epoch, root.version);
	if (before != NULL && may.before->version + 1 != root.version)
		return say("--root %s: expected root %u, found root %u",
		    c->root, root.version - 1, may.before->version);
	if (!message_sign(m, c->keys.at[0], &who))
		return VERB_FAILED;
	printf("%s: root %u\n", c->args[0], root.version);
	if (!roots_progress(m, &root, may.before))
		return VERB_FAILED;
	return message_write(m, c->args[0]) ? VERB_OK : VERB_FAILED;
}

/* Would an agent take it, or (TRUST_THRESHOLD) does it lack nothing but
 * signatures? */
static bool
check(const struct call *c, const struct message *m,
    const struct verified *root, struct trust_why *why)
{
	const struct verify ctx = {
	    .mode = VERIFY_ALONE, .root = root, .now_s = c->now_s};

	verified_free(verify_message(&ctx, m->data, m->len, why));
	if (why->fault == TRUST_FINE || why->fault == TRUST_THRESHOLD)
		return true;
	say("no agent would take it (%s): %s", trust_fault_word(why->fault),
	    why->text);
	return false;
}

static int
sign_other(const struct call *c, struct message *m, const struct verified *root,
    const char *path)
{
	struct may may = {.root = verified_root(root),
	    .role =
		m->e.type == ENVELOPE_RANK ? ROOT_ROLE_RANK : ROOT_ROLE_POLICY,
	    .now_s = c->now_s,
	    .hint = ""};
	const struct message_signer who = {allowed, &may};
	char title[MESSAGE_TITLE_MAX];
	struct trust_why why;
	uint32_t i;

	for (i = 0; i < c->keys.n; i++) {
		if (!message_sign(m, c->keys.at[i], &who))
			return VERB_FAILED;
	}
	if (!check(c, m, root, &why) || !message_write(m, path))
		return VERB_FAILED;
	printf("%s: %s\n", path, message_title(&m->e, title));
	if (why.fault == TRUST_THRESHOLD)
		printf("  not complete: %s; see add-signature\n", why.text);
	return VERB_OK;
}

int
add_signature_run(const struct call *c)
{
	struct verified *root = NULL;
	struct message m;
	int rc;

	if (c->keys.n > 1)
		return say_usage("--key: expected one, found %u", c->keys.n);
	if (!message_read(&m, c->args[0]))
		return VERB_FAILED;
	if (c->root != NULL && (root = message_root(c->root)) == NULL)
		rc = VERB_FAILED;
	else if (m.e.type == ENVELOPE_ROOT)
		rc = sign_root(c, &m, root);
	else if (root == NULL)
		rc = say_usage(
		    "%s: a policy: expected also --root ROOT", c->args[0]);
	else
		rc = sign_other(c, &m, root, c->args[0]);
	verified_free(root);
	message_free(&m);
	return rc;
}

/*
 * The serial that "auto" means: the time, so that it rises without anything
 * kept; and above that of the message that is replaced, should two come
 * within a second or the clock have been set back.
 */
static bool
serial_of(const struct call *c, struct envelope *e)
{
	struct message old;
	struct stat st;

	if (c->serial != NULL && strcmp(c->serial, "auto") != 0) {
		if (args_number(c->serial, UINT64_MAX, &e->serial))
			return true;
		say("--serial: expected auto or a number, found '%s'",
		    c->serial);
		return false;
	}
	e->serial = (uint64_t)c->now_s;
	if (stat(c->output, &st) == -1 && errno == ENOENT)
		return true;
	if (!message_read(&old, c->output))
		return false;
	if (old.e.type == e->type && old.e.epoch == e->epoch &&
	    old.e.serial >= e->serial)
		e->serial = old.e.serial + 1;
	message_free(&old);
	return true;
}

static int
header_of(const struct call *c, const struct verified *root, struct envelope *e)
{
	*e = (struct envelope){
	    .epoch = verified_root(root)->version, .issued_s = c->now_s};
	if (strcmp(c->args[0], "policy") == 0)
		e->type = ENVELOPE_POLICY;
	else if (strcmp(c->args[0], "rank") == 0)
		e->type = ENVELOPE_RANK;
	else
		return say_usage(
		    "expected policy or rank, found '%s'", c->args[0]);
	if (!envelope_audience_ok(c->audience))
		return say_usage("--audience: expected a group's name of a-z, "
				 "0-9, '-', '_' and '.', or '*' for all, found "
				 "'%s'",
		    c->audience);
	snprintf(e->audience, sizeof(e->audience), "%s", c->audience);
	if (!when_later(c->expires, c->now_s, &e->expires_s))
		return say_usage("--expires: expected a time to come, like "
				 "30d or 2027-01-01T00:00:00Z, found '%s'",
		    c->expires);
	return serial_of(c, e) ? VERB_OK : VERB_FAILED;
}

static int
sign_body(const struct call *c, const struct verified *root)
{
	struct message m;
	struct envelope e;
	char *body;
	int rc = header_of(c, root, &e);

	if (rc != VERB_OK)
		return rc;
	rc = conf_read_file(
	    c->args[1], ENVELOPE_BODY_MAX, false, &body, &e.body_len);
	if (rc != 0)
		return say("%s: %s", c->args[1],
		    rc == -EINVAL  ? "not a regular file"
		    : rc == -EFBIG ? "expected at most 1 MiB, found more"
				   : strerror(-rc));
	e.body = (const uint8_t *)body;
	rc = VERB_FAILED;
	if (body_check(c->args[1], &e) && message_make(&m, &e)) {
		rc = sign_other(c, &m, root, c->output);
		message_free(&m);
	}
	free(body);
	return rc;
}

int
sign_run(const struct call *c)
{
	struct verified *root = message_root(c->root);
	int rc;

	if (root == NULL)
		return VERB_FAILED;
	rc = sign_body(c, root);
	verified_free(root);
	return rc;
}
