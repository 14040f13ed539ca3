/* Reads a body before it is signed; what agents would do by it is not asked. */
#include "policyd/body.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/policy_rank.h"
#include "conf/settings.h"
#include "policyd/say.h"
#include "wire/envelope.h"

static bool
policy_ok(
    const char *path, const struct envelope *e, struct conf_errors *errors)
{
	const struct settings_body body = {
	    (const char *)e->body, e->body_len, e->epoch, e->serial};
	struct settings *s;
	int rc = settings_read_policy(path, &body, &s, errors);

	settings_unref(s);
	return rc == 0;
}

static bool
rank_ok(const char *path, const struct envelope *e, struct conf_errors *errors)
{
	struct policy_rank *r = policy_rank_parse(
	    path, (const char *)e->body, e->body_len, NULL, errors);
	bool ok = r != NULL;

	free(r);
	return ok;
}

bool
body_check(const char *path, const struct envelope *e)
{
	struct conf_errors errors = {0};

	if (e->type == ENVELOPE_RANK ? rank_ok(path, e, &errors)
				     : policy_ok(path, e, &errors))
		return true;
	fputs(errors.text, stderr);
	say("%s: no agent would take it, so it is not signed", path);
	return false;
}
