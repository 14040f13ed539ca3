/* Answers which policy is in force, and takes another one from a file that
 * cagent-ctl has read. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "cagentd/control/control.h"
#include "cagentd/control/ctl_answer.h"
#include "trust/root.h"
#include "trust/verify.h"
#include "wire/ctl.h"

/* Who has signed it, by the names that the root gives them. */
static json_t *
signers(const struct envelope *e, const struct root *root)
{
	const struct root_key *key;
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < e->signatures_n && root != NULL; i++) {
		key = root_find(root, e->signatures[i].key_id,
		    ROOT_ROLE_ROOT | ROOT_ROLE_POLICY | ROOT_ROLE_RANK);
		json_array_append_new(
		    list, ctl_text(key != NULL ? key->name : "?"));
	}
	return list;
}

static json_t *
key_ids(const struct envelope *e)
{
	char id[ENVELOPE_KEY_ID_LEN * 2 + 1];
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < e->signatures_n; i++)
		json_array_append_new(
		    list, json_string(sodium_bin2hex(id, sizeof(id),
			      e->signatures[i].key_id, ENVELOPE_KEY_ID_LEN)));
	return list;
}

static const char *
state_word(const struct policy *p)
{
	if (p->held.policy == NULL)
		return "none";
	if (!policy_in_force(p))
		return "not-in-force";
	return p->stale ? "stale" : "in-force";
}

void
ctl_policy_fields(
    json_t *answer, const struct envelope *e, const struct verified *root)
{
	json_t *body = json_stringn((const char *)e->body, e->body_len);

	ctl_set_int(answer, "epoch", e->epoch);
	ctl_set_int(answer, "serial", (int64_t)e->serial);
	ctl_set_int(answer, "issued_us", e->issued_s * 1000000);
	ctl_set_int(answer, "expires_us", e->expires_s * 1000000);
	ctl_set_text(answer, "audience", e->audience);
	ctl_set(answer, "signed_by",
	    signers(e, root != NULL ? verified_root(root) : NULL));
	ctl_set(answer, "key_ids", key_ids(e));
	ctl_set(answer, "body", body);
}

void
ctl_policy(struct ctl_query *q)
{
	const struct policy *p = &q->control->policy;
	json_t *answer = ctl_head();

	ctl_set_text(answer, "state", state_word(p));
	ctl_set(answer, "stale", json_boolean(p->stale));
	ctl_set_text(answer, "group", q->control->settings->group);
	ctl_set_text(answer, "fault", p->fault);
	if (p->held.root != NULL)
		ctl_set_int(
		    answer, "root_version", verified_mark(p->held.root).epoch);
	if (p->held.policy != NULL)
		ctl_policy_fields(answer, verified_envelope(p->held.policy),
		    p->held.policy_root != NULL ? p->held.policy_root
						: p->held.root);
	if (p->ranks != NULL)
		ctl_set_int(
		    answer, "rank_serial", (int64_t)p->held.rank_mark.serial);
	ctl_say(q, answer);
}

static void
say_refusal(struct ctl_query *q, const struct policy_answer *a)
{
	json_t *answer = json_object();

	ctl_set_int(answer, "schema", CTL_SCHEMA);
	ctl_set(answer, "ok", json_false());
	ctl_set_text(answer, "error", a->text);
	ctl_set_text(answer, "code", "refused");
	ctl_set_text(answer, "fault", a->code);
	ctl_say(q, answer);
}

static void
say_done(struct ctl_query *q, const char *message)
{
	json_t *answer = ctl_head();

	ctl_set_text(answer, "message", message);
	ctl_say(q, answer);
}

/* It may take ENVELOPE_MAX bytes, and no byte more is read. */
static size_t
wanted(const char *word)
{
	const char *bad = NULL;
	long long n = strtonum(word, 1, ENVELOPE_MAX, &bad);

	return bad == NULL ? (size_t)n : 0;
}

void
ctl_policy_load(struct ctl_query *q)
{
	struct control *c = q->control;
	struct policy_answer a;

	q->body_want = wanted(q->args[0]);
	if (q->body_want == 0)
		ctl_refuse(q, CTL_USAGE,
		    "expected a message of at most %d bytes, found one of "
		    "%.20s",
		    ENVELOPE_MAX, q->args[0]);
	if (q->body_want == 0 || q->body == NULL)
		return;
	q->body_want = 0;
	switch (policy_take(
	    &c->policy, q->body, q->body_len, q->now_us / 1000000, &a)) {
	case POLICY_REFUSED:
		say_refusal(q, &a);
		break;
	case POLICY_ALREADY:
		ctl_refuse(q, CTL_ALREADY, "%s", a.text);
		break;
	case POLICY_TAKEN:
		c->apply_ranks(c);
		say_done(q, a.text);
		break;
	case POLICY_TO_APPLY:
		q->waits = true;
		c->apply_policy(c);
		break;
	}
}

void
ctl_policy_settled(struct ctl_query *q)
{
	const struct policy_held *held = &q->control->policy.held;
	const struct envelope *e;
	char message[128];

	if (held->policy == NULL) {
		say_done(q, "the root is trusted from now on; by it the policy "
			    "is revoked, and there is none");
		return;
	}
	e = verified_envelope(held->policy);
	snprintf(message, sizeof(message),
	    "policy %" PRIu64 " (root %" PRIu32 ") is in force", e->serial,
	    e->epoch);
	say_done(q, message);
}
