/* Owns how a policy's body becomes settings.  Believes only what was
 * verified. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/ranker/ranker.h"

static struct settings *
read_body(const struct envelope *e, struct conf_errors *errors,
    struct ranker_why *why)
{
	const struct settings_body body = {.text = (const char *)e->body,
	    .len = e->body_len,
	    .epoch = e->epoch,
	    .serial = e->serial};
	struct settings *s = NULL;

	if (settings_read_policy("policy", &body, &s, errors) == 0) {
		/* Caches and services are in no tier that could be another,
		 * and many make no tunnel that could be probed. */
		settings_keep_ranked(s);
		return s;
	}
	snprintf(why->code, sizeof(why->code), "bad-body");
	snprintf(why->text, sizeof(why->text), "%.*s",
	    (int)strcspn(errors->text, "\n"), errors->text);
	return NULL;
}

struct settings *
ranker_policy_read(const struct verified *v, struct ranker_why *why)
{
	struct conf_errors *errors = malloc(sizeof(*errors));
	struct settings *s = NULL;

	snprintf(why->code, sizeof(why->code), "internal");
	snprintf(why->text, sizeof(why->text), "out of memory");
	if (errors != NULL)
		s = read_body(verified_envelope(v), errors, why);
	free(errors);
	return s;
}
