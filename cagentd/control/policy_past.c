/* Puts into words what the history is told of a message; decides nothing. */
#include "cagentd/control/policy_past.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/conf_text.h"
#include "base/log.h"
#include "trust/root.h"
#include "trust/verify.h"
#include "trust/when.h"

void
policy_remember(struct policy *p, int fd)
{
	int error;

	if (fd == -1)
		return;
	error = policy_history_open(&p->history, fd);
	if (error != 0)
		log_errx("policy.history: %s: what is taken and refused is not "
			 "remembered",
		    strerror(-error));
}

/* Cut where a character ends. */
static void
fit(char *out, size_t size, const char *text)
{
	size_t len = strlen(text);

	if (len >= size)
		len = (size_t)conf_text_fit(text, len, size - 1);
	memcpy(out, text, len);
	out[len] = '\0';
}

/* By the names of the root that it came under. */
static void
say_taken(const struct verified *v, const struct verified *root, char *out,
    size_t size)
{
	const struct envelope *e = verified_envelope(v);
	const struct root_key *key;
	char when[WHEN_STRLEN], text[2048];
	size_t used;
	uint32_t i;

	used = (size_t)snprintf(text, sizeof(text), "for %s, until %s",
	    e->audience, when_format(e->expires_s, when));
	for (i = 0; i < e->signatures_n; i++) {
		key = root_find(verified_root(root), e->signatures[i].key_id,
		    ROOT_ROLE_ROOT | ROOT_ROLE_POLICY);
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		    "%s %s", i == 0 ? ", signed by" : ",",
		    key != NULL ? key->name : "a key that is gone");
	}
	fit(out, size, text);
}

void
policy_past_note(struct policy *p, enum policy_outcome outcome,
    const struct envelope *e, int64_t now_s, const struct policy_answer *a)
{
	struct policy_past past = {.kind = POLICY_PAST_TAKEN,
	    .type = (uint8_t)e->type,
	    .when_s = now_s,
	    .epoch = e->epoch,
	    .serial = e->serial};
	const struct verified *v =
	    e->type == ENVELOPE_ROOT ? p->held.root : p->held.policy;
	const uint8_t *message = NULL;
	int error;

	if (p->history == NULL || outcome == POLICY_ALREADY ||
	    (outcome != POLICY_REFUSED && e->type == ENVELOPE_RANK))
		return; /* a rank comes every minute */
	if (outcome == POLICY_REFUSED) {
		past.kind = POLICY_PAST_REFUSED;
		fit(past.code, sizeof(past.code), a->code);
		fit(past.text, sizeof(past.text), a->text);
	} else {
		say_taken(v, p->held.root, past.text, sizeof(past.text));
		if (e->type == ENVELOPE_POLICY)
			message = verified_message(v, &past.message_len);
	}
	error = policy_history_add(p->history, &past, message);
	if (error != 0)
		log_errx("policy.history: %s", strerror(-error));
}
