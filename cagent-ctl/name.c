/* Owns questions about an intermediary by its name. */
#include "cagent-ctl/name.h"

#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "cagent-ctl/ask.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/peek.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"
#include "wire/ctl.h"

bool
name_valid(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len <= TABLE_NAME_MAX &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len;
}

static const char *
nearest_row(const struct table *t, const char *name)
{
	const char *names[TABLE_ROWS_MAX + 1];
	uint32_t i;

	for (i = 0; i < t->rows_n; i++)
		names[i] = t->rows[i].name;
	names[i] = NULL;
	return conf_nearest(name, names);
}

/* Before the daemon is asked: the table knows all names, and more of them
 * than an error message could list. */
static int
check_known(const struct call *call, const char *name)
{
	char path[ASK_PATH_MAX], text[72];
	struct table *t;
	const char *near;
	int status = VERB_OK;

	/* What the table cannot tell, the daemon will. */
	if (peek_table(ask_path(call, CTL_TABLE_NAME, path), &t) != 0)
		return VERB_OK;
	if (table_find(t, name) == NULL) {
		near = nearest_row(t, name);
		status = say_failure(call, VERB_FAILED, "not-found",
		    "no intermediary is named \"%s\"%s%s%s",
		    format_quote(name, text, sizeof(text)),
		    near != NULL ? ": did you mean \"" : "",
		    near != NULL ? near : "",
		    near != NULL ? "\"?" : " (cagent-ctl tiers lists them)");
	}
	free(t);
	return status;
}

int
name_ask(
    const struct call *call, json_t **doc, const char *verb, const char *more)
{
	const char *name = call->args[0];
	char text[72];
	int status;

	*doc = NULL;
	if (!name_valid(name))
		return say_usage(call,
		    "\"%s\" cannot be an intermediary's name: expected 1 to "
		    "%d lower-case letters, digits, '-', '_' and '.'",
		    format_quote(name, text, sizeof(text)), TABLE_NAME_MAX);
	status = check_known(call, name);
	if (status != VERB_OK)
		return status;
	if (more == NULL)
		return ask(call, doc, "%s %s", verb, name);
	return ask(call, doc, "%s %s %s", verb, name, more);
}
