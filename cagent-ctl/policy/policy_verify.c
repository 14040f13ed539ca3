/* Owns `cagent-ctl policy verify`: whether a signed message is good, by a root
 * that is at hand, without any daemon. */
#include <stdlib.h>
#include <string.h>

#include "base/mono.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/policy/policy.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"
#include "trust/root.h"
#include "trust/verify.h"
#include "wire/ctl.h"

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

static json_t *
signers(const struct envelope *e, const struct verified *v,
    const struct verified *root)
{
	const unsigned int any =
	    ROOT_ROLE_ROOT | ROOT_ROLE_POLICY | ROOT_ROLE_RANK;
	const struct root_key *key;
	json_t *names = json_array();
	uint32_t i;

	for (i = 0; i < e->signatures_n; i++) {
		key = root_find(
		    verified_root(root), e->signatures[i].key_id, any);
		if (key == NULL && verified_root(v) != NULL)
			key = root_find(
			    verified_root(v), e->signatures[i].key_id, any);
		json_array_append_new(
		    names, field_json_string(key != NULL ? key->name : "?"));
	}
	return names;
}

static void
render(const struct call *call, const struct verified *v,
    const struct verified *root)
{
	const struct envelope *e = verified_envelope(v);
	json_t *doc = json_pack("{s:i, s:b, s:s, s:I, s:I, s:o, s:s, s:I, s:I}",
	    "schema", CTL_SCHEMA, "ok", 1, "type", type_word(e->type), "serial",
	    (json_int_t)e->serial, "epoch", (json_int_t)e->epoch, "signed_by",
	    signers(e, v, root), "audience", e->audience, "issued_us",
	    (json_int_t)e->issued_s * 1000000, "expires_us",
	    (json_int_t)e->expires_s * 1000000);

	if (call->json)
		render_json(call, doc);
	else
		render_pairs(
		    call, policy_fields[0]->fields, doc, mono_wall_us());
	json_decref(doc);
}

struct message {
	uint8_t *data; /* owned */
	size_t len;
};

/* The root itself, its successor, or what its keys have signed. */
static struct verified *
check(
    const struct verified *root, const struct message *m, struct trust_why *why)
{
	const struct verify ctx = {.mode = VERIFY_ALONE,
	    .root = root,
	    .now_s = mono_wall_us() / 1000000};
	enum envelope_fault fault;
	const uint8_t *own;
	struct envelope e;
	size_t len;

	own = verified_message(root, &len);
	if (len == m->len && memcmp(own, m->data, len) == 0)
		return verify_root_first(m->data, m->len, why);
	if (envelope_decode(m->data, m->len, &e, &fault) > 0 &&
	    e.type == ENVELOPE_ROOT)
		return verify_root_next(root, ctx.now_s, m->data, m->len, why);
	return verify_message(&ctx, m->data, m->len, why);
}

static int
bad(const struct call *call, const char *path, const struct trust_why *why)
{
	char quoted[256], text[TRUST_WHY_MAX];

	return say_failure(call, VERB_FAILED, trust_fault_word(why->fault),
	    "%s: %s", format_quote(path, quoted, sizeof(quoted)),
	    format_quote(why->text, text, sizeof(text)));
}

static int
verify(const struct call *call, const char *path, const struct message *m,
    const struct message *first)
{
	struct verified *root, *v;
	struct trust_why why;
	int status = VERB_OK;

	root = verify_root_first(first->data, first->len, &why);
	if (root == NULL)
		return bad(call, call->root, &why);
	v = check(root, m, &why);
	if (v == NULL)
		status = bad(call, path, &why);
	else
		render(call, v, root);
	verified_free(v);
	verified_free(root);
	return status;
}

int
policy_verify(const struct call *call, const char *path)
{
	struct message m = {NULL, 0}, first = {NULL, 0};
	int status = policy_read(call, call->root, &first.data, &first.len);

	if (status == VERB_OK)
		status = policy_read(call, path, &m.data, &m.len);
	if (status == VERB_OK)
		status = verify(call, path, &m, &first);
	free(m.data);
	free(first.data);
	return status;
}
