/* Tells a person what a message says and whether to believe it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "policyd/message.h"
#include "policyd/roots.h"
#include "policyd/say.h"
#include "policyd/verb.h"
#include "trust/verify.h"
#include "trust/when.h"

#define ID_SHOWN (ENVELOPE_KEY_ID_LEN * 2 + 1)

static void
print_times(const struct envelope *e, int64_t now_s)
{
	char issued[WHEN_STRLEN], expires[WHEN_STRLEN];

	printf("  issued %s, expires %s%s\n", when_format(e->issued_s, issued),
	    when_format(e->expires_s, expires),
	    e->expires_s <= now_s ? ": has expired" : "");
}

static bool
has_signed(const struct envelope *e, const struct root_key *k)
{
	uint32_t i;

	for (i = 0; i < e->signatures_n; i++) {
		if (envelope_verify(e, &e->signatures[i], k->key))
			return true;
	}
	return false;
}

static void
print_key(const struct envelope *e, const struct root_key *k)
{
	static const enum root_role roles[] = {
	    ROOT_ROLE_ROOT, ROOT_ROLE_POLICY, ROOT_ROLE_RANK, ROOT_ROLE_SEAL};
	char id[ID_SHOWN], when[WHEN_STRLEN];
	const char *comma = "";
	size_t i;

	sodium_bin2hex(id, sizeof(id), k->id, sizeof(k->id));
	printf("  key %s  %s  ", id, k->name);
	for (i = 0; i < sizeof(roles) / sizeof(*roles); i++) {
		if ((k->roles & (unsigned int)roles[i]) != 0) {
			printf("%s%s", comma, root_role_word(roles[i]));
			comma = ", ";
		}
	}
	if (k->expires_s != ROOT_NEVER)
		printf("; until %s", when_format(k->expires_s, when));
	if (has_signed(e, k))
		fputs("; has signed this", stdout);
	putchar('\n');
}

static void
print_revoked(const uint8_t key_id[ENVELOPE_KEY_ID_LEN])
{
	char id[ID_SHOWN];

	printf("  key %s  revoked\n",
	    sodium_bin2hex(id, sizeof(id), key_id, ENVELOPE_KEY_ID_LEN));
}

int
root_show_run(const struct call *c)
{
	struct message m;
	struct root root;
	int rc = VERB_FAILED;
	uint32_t i;

	if (!message_read(&m, c->args[0]))
		return VERB_FAILED;
	if (roots_body(&m, c->args[0], &root)) {
		printf("root %u\n", root.version);
		print_times(&m.e, c->now_s);
		printf("  a root needs %u of %u root keys, a policy %u of %u "
		       "policy keys\n",
		    root.root_threshold, root_count(&root, ROOT_ROLE_ROOT),
		    root.policy_threshold, root_count(&root, ROOT_ROLE_POLICY));
		for (i = 0; i < root.keys_n; i++)
			print_key(&m.e, &root.keys[i]);
		for (i = 0; i < root.revoked_n; i++)
			print_revoked(root.revoked[i]);
		rc = roots_progress(&m, &root, NULL) ? VERB_OK : VERB_FAILED;
	}
	message_free(&m);
	return rc;
}

/* The message as an agent would take it that has this root. */
static struct verified *
judge(const struct call *c, const struct message *m,
    const struct verified *root, struct trust_why *why)
{
	const struct verify ctx = {.mode = VERIFY_ALONE,
	    .root = root,
	    .group = c->audience,
	    .now_s = c->now_s};
	const uint8_t *same;
	size_t len;

	if (m->e.type != ENVELOPE_ROOT)
		return verify_message(&ctx, m->data, m->len, why);
	same = verified_message(root, &len);
	if (len == m->len && memcmp(same, m->data, len) == 0)
		return verify_root_first(m->data, m->len, why);
	return verify_root_next(root, c->now_s, m->data, m->len, why);
}

/* By the keys of a root, but for those that another one names as well. */
static void
print_signers(
    const struct envelope *e, const struct root *root, const struct root *other)
{
	const struct root_key *k;

	for (k = root->keys; k < root->keys + root->keys_n; k++) {
		if (has_signed(e, k) &&
		    (other == NULL || root_find(other, k->id, ~0u) == NULL))
			printf("  signed by %s\n", k->name);
	}
}

static int
verify_with(
    const struct call *c, const struct message *m, const struct verified *root)
{
	char title[MESSAGE_TITLE_MAX];
	struct trust_why why;
	struct verified *v = judge(c, m, root, &why);
	int rc = VERB_OK;

	if (v == NULL)
		return say("%s: refused (%s): %s", c->args[0],
		    trust_fault_word(why.fault),
		    m->e.signatures_n == 0 ? "nobody has signed it yet"
					   : why.text);
	/* A root that has expired is good for the step to the next one, which
	 * is not what somebody asks who asks us. */
	if (m->e.expires_s <= c->now_s)
		rc = say("%s: refused (expired): it has expired", c->args[0]);
	else {
		printf("%s: good\n", message_title(&m->e, title));
		print_times(&m->e, c->now_s);
		print_signers(&m->e, verified_root(root), verified_root(v));
		if (verified_root(v) != NULL)
			print_signers(&m->e, verified_root(v), NULL);
	}
	verified_free(v);
	return rc;
}

int
verify_run(const struct call *c)
{
	struct verified *root = message_root(c->root);
	struct message m;
	int rc = VERB_FAILED;

	if (root == NULL)
		return VERB_FAILED;
	if (message_read(&m, c->args[0])) {
		rc = verify_with(c, &m, root);
		message_free(&m);
	}
	verified_free(root);
	return rc;
}
