/* Makes roots out of public keys and of the root before; signs nothing. */
#include "policyd/roots.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "policyd/args.h"
#include "policyd/message.h"
#include "policyd/say.h"
#include "policyd/verb.h"
#include "trust/signers.h"
#include "trust/verify.h"
#include "trust/when.h"

#define SUFFIX ".pub"

/* What root_parse() has to say, for a person who has given options. */
static bool
take(const char *name, const char *text, size_t len, struct root *out)
{
	struct conf_errors errors;
	char *line, *rest = errors.text;

	if (root_parse(name, text, len, out, &errors) == 0)
		return true;
	while ((line = strsep(&rest, "\n")) != NULL && line[0] != '\0')
		say("%s", line);
	return false;
}

bool
roots_body(const struct message *m, const char *path, struct root *out)
{
	if (m->e.type != ENVELOPE_ROOT) {
		say("%s: expected a root, found a %s", path,
		    m->e.type == ENVELOPE_POLICY ? "policy" : "rank");
		return false;
	}
	return take(path, (const char *)m->e.body, m->e.body_len, out);
}

bool
roots_message(const struct call *c, const struct root *root, int64_t expires_s,
    struct message *out)
{
	char text[ROOT_TEXT_MAX];
	struct root again;
	size_t len = root_format(root, text);
	const struct envelope e = {.type = ENVELOPE_ROOT,
	    .epoch = root->version,
	    .issued_s = c->now_s,
	    .expires_s = expires_s,
	    .audience = "*",
	    .body = (const uint8_t *)text,
	    .body_len = len};

	if (len == 0) {
		say("too many keys");
		return false;
	}
	return take("the new root", text, len, &again) && message_make(out, &e);
}

/* The key of that name, or that is the same: NULL when there is neither. */
static struct root_key *
known(struct root *root, const char *name, const struct keyfile_public *p)
{
	struct root_key *k;

	for (k = root->keys; k < root->keys + root->keys_n; k++) {
		if (strcmp(k->name, name) == 0 ||
		    memcmp(k->key, p->key, sizeof(k->key)) == 0)
			return k;
	}
	return NULL;
}

bool
roots_add(struct root *root, const char *name, const struct keyfile_public *p,
    enum root_role role)
{
	struct root_key *k = known(root, name, p);

	if ((p->kind == KEYFILE_SEAL) != (role == ROOT_ROLE_SEAL)) {
		say("%s: a %s key cannot have the role '%s'", name,
		    p->kind == KEYFILE_SEAL ? "sealing" : "signing",
		    root_role_word(role));
		return false;
	}
	if (k != NULL && memcmp(k->key, p->key, sizeof(k->key)) != 0) {
		say("%s: another key has that name already", name);
		return false;
	}
	if (k == NULL && root->keys_n == ROOT_KEYS_MAX) {
		say("expected at most %d keys, found more", ROOT_KEYS_MAX);
		return false;
	}
	if (k == NULL) {
		k = &root->keys[root->keys_n++];
		*k = (struct root_key){.expires_s = ROOT_NEVER};
		snprintf(k->name, sizeof(k->name), "%s", name);
		memcpy(k->key, p->key, sizeof(k->key));
		envelope_key_id(k->key, k->id);
	}
	k->roles |= (unsigned int)role;
	return true;
}

/* A key is called as its file is. */
static bool
name_of(const char *path, char out[ROOT_NAME_MAX + 1])
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	size_t len = strlen(base), suffix = strlen(SUFFIX);

	if (len > suffix && strcmp(base + len - suffix, SUFFIX) == 0)
		len -= suffix;
	if (len <= ROOT_NAME_MAX) {
		memcpy(out, base, len);
		out[len] = '\0';
		if (envelope_audience_ok(out) && strcmp(out, "*") != 0)
			return true;
	}
	say("%s: a key is called as its file: expected a name of a-z, 0-9, "
	    "'-', '_' and '.', at most %d bytes",
	    path, ROOT_NAME_MAX);
	return false;
}

static bool
add_files(struct root *root, const struct verb_list *files, enum root_role role)
{
	char name[ROOT_NAME_MAX + 1], why[KEYFILE_WHY_MAX];
	struct keyfile_public p;
	uint32_t i;

	for (i = 0; i < files->n; i++) {
		if (keyfile_read_public(files->at[i], &p, why) != 0) {
			say("%s", why);
			return false;
		}
		if (!name_of(files->at[i], name) ||
		    !roots_add(root, name, &p, role))
			return false;
	}
	return true;
}

static struct root_key *
named(struct root *root, const char *option, const char *name)
{
	struct root_key *k;

	for (k = root->keys; k < root->keys + root->keys_n; k++) {
		if (strcmp(k->name, name) == 0)
			return k;
	}
	say("%s %s: no key of root %u has that name", option, name,
	    root->version);
	return NULL;
}

static bool
remove_named(struct root *root, const struct verb_list *names)
{
	struct root_key *k;
	uint32_t i;

	for (i = 0; i < names->n; i++) {
		k = named(root, "--remove", names->at[i]);
		if (k == NULL)
			return false;
		root->keys_n--;
		memmove(k, k + 1,
		    (size_t)(root->keys + root->keys_n - k) * sizeof(*k));
	}
	return true;
}

/* Removed, and what they have signed counts no more. */
static bool
revoke_named(struct root *root, const struct verb_list *names)
{
	const struct root_key *k;
	uint32_t i;

	for (i = 0; i < names->n; i++) {
		k = named(root, "--revoke", names->at[i]);
		if (k == NULL)
			return false;
		if (root->revoked_n == ROOT_REVOKED_MAX) {
			say("--revoke: expected at most %d keys, those of "
			    "earlier roots among them",
			    ROOT_REVOKED_MAX);
			return false;
		}
		memcpy(root->revoked[root->revoked_n++], k->id, sizeof(k->id));
	}
	return remove_named(root, names);
}

/* NAME=TIME */
static bool
set_expiry(struct root *root, const struct call *c, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t len = equals != NULL ? (size_t)(equals - word) : 0;
	char name[ROOT_NAME_MAX + 1];
	struct root_key *k;

	if (len == 0 || len >= sizeof(name)) {
		say("--key-expires: expected NAME=TIME, found '%s'", word);
		return false;
	}
	memcpy(name, word, len);
	name[len] = '\0';
	k = named(root, "--key-expires", name);
	if (k == NULL)
		return false;
	if (strcmp(equals + 1, "never") == 0) {
		k->expires_s = ROOT_NEVER;
		return true;
	}
	if (when_later(equals + 1, c->now_s, &k->expires_s))
		return true;
	say("--key-expires %s: expected a time to come, like 365d or "
	    "2027-01-01T00:00:00Z, or never",
	    word);
	return false;
}

static bool
set_expiries(struct root *root, const struct call *c)
{
	uint32_t i;

	for (i = 0; i < c->key_expiries.n; i++) {
		if (!set_expiry(root, c, c->key_expiries.at[i]))
			return false;
	}
	return true;
}

static bool
add_all(struct root *root, const struct call *c)
{
	if (c->threshold != 0)
		root->root_threshold = c->threshold;
	if (c->policy_threshold != 0)
		root->policy_threshold = c->policy_threshold;
	return add_files(root, &c->keys, ROOT_ROLE_ROOT) &&
	       add_files(root, &c->policy_keys, ROOT_ROLE_POLICY) &&
	       add_files(root, &c->rank_keys, ROOT_ROLE_RANK) &&
	       add_files(root, &c->seal_keys, ROOT_ROLE_SEAL) &&
	       set_expiries(root, c);
}

static bool
expires(const struct call *c, int64_t *out)
{
	if (when_later(c->expires, c->now_s, out))
		return true;
	say_usage("--expires: expected a time to come, like 365d or "
		  "2027-01-01T00:00:00Z, found '%s'",
	    c->expires);
	return false;
}

/* The unsigned root into the file. */
static int
finish(const struct call *c, const struct root *root, const struct root *before)
{
	struct message m;
	int64_t expires_s;
	int rc = VERB_FAILED;

	if (!expires(c, &expires_s))
		return VERB_USAGE;
	if (!roots_message(c, root, expires_s, &m))
		return VERB_FAILED;
	if (message_write(&m, c->output)) {
		printf("%s: root %u, to be signed\n", c->output, root->version);
		rc = roots_progress(&m, root, before) ? VERB_OK : VERB_FAILED;
	}
	message_free(&m);
	return rc;
}

int
root_new_run(const struct call *c)
{
	struct root root = {
	    .version = 1, .root_threshold = 1, .policy_threshold = 1};

	if (message_exists(c->output) || !add_all(&root, c))
		return VERB_FAILED;
	return finish(c, &root, NULL);
}

int
root_rotate_run(const struct call *c)
{
	struct verified *old;
	struct root root;
	int rc = VERB_FAILED;

	if (message_exists(c->output))
		return VERB_FAILED;
	old = message_root(c->args[0]);
	if (old == NULL)
		return VERB_FAILED;
	root = *verified_root(old);
	if (root.version == UINT32_MAX)
		say("%s: no version can follow", c->args[0]);
	else if (remove_named(&root, &c->removed) &&
		 revoke_named(&root, &c->revoked) && add_all(&root, c)) {
		root.version++;
		rc = finish(c, &root, verified_root(old));
	}
	verified_free(old);
	return rc;
}

/* The names of its root keys that have signed, or have not, after before. */
static void
print_names(const struct envelope *e, const struct root *root, bool signed_it,
    const char *before)
{
	const struct root_key *k;
	uint32_t i;

	for (k = root->keys; k < root->keys + root->keys_n; k++) {
		if ((k->roles & ROOT_ROLE_ROOT) == 0)
			continue;
		for (i = 0; i < e->signatures_n; i++) {
			if (memcmp(e->signatures[i].key_id, k->id,
				sizeof(k->id)) == 0)
				break;
		}
		if ((i < e->signatures_n) == signed_it) {
			printf("%s%s", before, k->name);
			before = ", ";
		}
	}
}

/* One line for one of the two roots whose keys must sign. */
static bool
progress_of(const struct message *m, const struct root *root)
{
	struct trust_why why;
	uint32_t n = 0;

	if (!signers_count(&m->e, root, &n, &why)) {
		say("%s", why.text);
		return false;
	}
	printf("  %u of %u signatures by the keys of root %u", n,
	    root->root_threshold, root->version);
	print_names(&m->e, root, true, ": ");
	print_names(&m->e, root, false, "; not yet ");
	putchar('\n');
	return true;
}

bool
roots_progress(
    const struct message *m, const struct root *own, const struct root *before)
{
	return progress_of(m, own) &&
	       (before == NULL || progress_of(m, before));
}
