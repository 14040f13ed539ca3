/* Answers which policies there were, and gives one of them out again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "cagentd/control/control.h"
#include "cagentd/control/ctl_answer.h"
#include "trust/verify.h"

static const char *
type_word(uint8_t type)
{
	switch (type) {
	case ENVELOPE_ROOT:
		return "root";
	case ENVELOPE_POLICY:
		return "policy";
	case ENVELOPE_RANK:
		return "rank";
	default: /* it could not be decoded */
		return "?";
	}
}

/* Of a policy that was taken, the serial alone says which. */
static bool
is_held(const struct policy *p, const struct policy_past *past)
{
	struct trust_mark held;

	if (past->kind != POLICY_PAST_TAKEN || past->type != ENVELOPE_POLICY ||
	    p->held.policy == NULL)
		return false;
	held = verified_mark(p->held.policy);
	return held.epoch == past->epoch && held.serial == past->serial;
}

static json_t *
entry(const struct policy *p, const struct policy_past *past)
{
	json_t *o = json_object();

	ctl_set_int(o, "time_us", past->when_s * 1000000);
	ctl_set_text(o, "type", type_word(past->type));
	ctl_set_int(o, "serial", (int64_t)past->serial);
	ctl_set_int(o, "epoch", past->epoch);
	ctl_set_text(o, "outcome",
	    past->kind == POLICY_PAST_REFUSED ? "refused"
	    : is_held(p, past)		      ? "held"
					      : "accepted");
	ctl_set_text(o, "fault", past->code);
	ctl_set_text(o, "text", past->text);
	ctl_set(o, "kept", json_boolean(past->message_len > 0));
	return o;
}

void
ctl_policy_history(struct ctl_query *q)
{
	const struct policy *p = &q->control->policy;
	uint32_t i, n = policy_history_n(p->history);
	json_t *answer = ctl_head(), *list = json_array();

	for (i = 0; i < n; i++)
		json_array_append_new(
		    list, entry(p, policy_history_at(p->history, i)));
	ctl_set(answer, "remembered", json_boolean(p->history != NULL));
	ctl_set(answer, "messages", list);
	ctl_say(q, answer);
}

/* All of it, so that who gets it can verify it. */
static json_t *
base64(const uint8_t *data, size_t len)
{
	size_t size =
	    sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(size);
	json_t *j = NULL;

	if (text != NULL)
		j = json_string(sodium_bin2base64(
		    text, size, data, len, sodium_base64_VARIANT_ORIGINAL));
	free(text);
	return j;
}

static void
say_past(
    struct ctl_query *q, const struct policy_past *past, const uint8_t *message)
{
	const struct policy *p = &q->control->policy;
	json_t *answer = ctl_head();
	enum envelope_fault fault;
	struct envelope e;

	if (envelope_decode(message, past->message_len, &e, &fault) <= 0) {
		json_decref(answer);
		ctl_refuse(q, CTL_INTERNAL, "policy.history is damaged");
		return;
	}
	ctl_set_text(answer, "state", is_held(p, past) ? "held" : "past");
	if (p->held.root != NULL)
		ctl_set_int(
		    answer, "root_version", verified_mark(p->held.root).epoch);
	ctl_set_int(answer, "accepted_us", past->when_s * 1000000);
	ctl_policy_fields(answer, &e, p->held.root);
	ctl_set(answer, "message", base64(message, past->message_len));
	ctl_say(q, answer);
}

void
ctl_policy_past(struct ctl_query *q)
{
	const struct policy *p = &q->control->policy;
	const struct policy_past *past;
	uint8_t *message;
	const char *bad = NULL;
	long long serial = strtonum(q->args[0], 0, INT64_MAX, &bad);
	int error;

	if (bad != NULL) {
		ctl_refuse(
		    q, CTL_USAGE, "expected a serial, found %.20s", q->args[0]);
		return;
	}
	past = policy_history_find(p->history, (uint64_t)serial);
	if (past == NULL) {
		ctl_refuse(q, CTL_NOT_FOUND,
		    "no policy %lld is remembered: see policy history", serial);
		return;
	}
	error = policy_history_message(p->history, past, &message);
	if (error != 0) {
		ctl_refuse(q, CTL_INTERNAL, "policy.history: %s",
		    error == -EBADMSG ? "it is damaged" : strerror(-error));
		return;
	}
	say_past(q, past, message);
	free(message);
}
