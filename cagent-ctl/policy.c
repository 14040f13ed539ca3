/* Owns `cagent-ctl policy`: show, load and history; verify and diff are in
 * files of their own. */
#include "cagent-ctl/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/mono.h"
#include "cagent-ctl/ask.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"
#include "wire/envelope.h"

#define TEXT_MAX    1024
#define HISTORY_MAX 1024

static const struct field fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of this text: names are added within a schema, never changed"},
    {"ok", NULL, NULL, FIELD_BOOL, false, NULL,
	"false when it failed or was refused; then \"code\" and \"error\" say "
	"why"},
    {"message", NULL, NULL, FIELD_TEXT, false, NULL,
	"load: what it has come to"},
    {"state", NULL, "state", FIELD_TEXT, false, NULL,
	"show: none, in-force, stale (expired, and in force all the same) or "
	"not-in-force (accepted, but the configuration does not allow it)"},
    {"type", NULL, "type", FIELD_TEXT, false, NULL,
	"verify: root, policy or rank"},
    {"fault", NULL, "none is taken", FIELD_TEXT, false, NULL,
	"show: why no message can be taken; \"\": one can"},
    {"group", NULL, NULL, FIELD_TEXT, false, NULL,
	"show: the group of this agent"},
    {"root_version", NULL, "root", FIELD_COUNT, false, NULL,
	"show: of the root that is trusted"},
    {"stale", NULL, NULL, FIELD_BOOL, false, NULL,
	"show: the policy has expired"},
    {"serial", NULL, "serial", FIELD_COUNT, false, NULL,
	"the policy's, rising within an epoch"},
    {"rank_serial", NULL, "rank", FIELD_COUNT, false, NULL,
	"show: of the ranking in force, which has serials of its own; not "
	"there without one"},
    {"epoch", NULL, "under root", FIELD_COUNT, false, NULL,
	"the version of the root that names its keys"},
    {"signed_by", NULL, "signed by", FIELD_LIST, false, NULL,
	"the names of the keys that have signed it"},
    {"audience", NULL, "for", FIELD_TEXT, false, NULL,
	"the group that it is for, or \"*\""},
    {"issued_us", NULL, "issued", FIELD_TIME, false, NULL,
	"when, by its issuer's clock"},
    {"expires_us", NULL, "expires", FIELD_TIME, false, NULL,
	"until when it is not stale"},
    {"body", NULL, NULL, FIELD_TEXT, false, NULL,
	"its text, as cagentd.ini(5) describes it"},
    {"same", NULL, NULL, FIELD_BOOL, false, NULL,
	"diff: the texts do not differ"},
    {"diff", NULL, NULL, FIELD_TEXT, false, NULL,
	"diff: from the one in force to the file, in the unified format"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};
static const struct field_list list = {
    "the answer; history answers as events does", "", fields};

const struct field_list *const policy_fields[] = {&list, NULL};

int
policy_read(
    const struct call *call, const char *path, uint8_t **data, size_t *len)
{
	char quoted[256], *text;
	const char *why;
	int error;

	error = conf_read_file(path, ENVELOPE_MAX, false, &text, len);
	*data = (uint8_t *)text;
	if (error == 0)
		return VERB_OK;
	*data = NULL;
	why = error == -EFBIG	 ? "larger than a message can be"
	      : error == -EINVAL ? "not a regular file"
				 : strerror(-error);
	return say_failure(call, VERB_FAILED, "bad-file", "%s: %s",
	    format_quote(path, quoted, sizeof(quoted)), why);
}

/* It was checked, but this is a terminal. */
static void
print_body(const struct call *call, const char *body)
{
	char *copy = strdup(body), *line, *rest = copy;

	fputc('\n', call->out);
	while (copy != NULL && (line = strsep(&rest, "\n")) != NULL) {
		if (rest != NULL || *line != '\0')
			fprintf(call->out, "%s\n", format_clean(line));
	}
	free(copy);
}

static int
show(const struct call *call)
{
	const char *body;
	json_t *doc;
	int status = ask(call, &doc, "policy");

	if (doc == NULL)
		return status;
	body = field_string(doc, "body");
	if (call->json) {
		render_json(call, doc);
	} else {
		render_pairs(call, fields, doc, mono_wall_us());
		if (*body != '\0')
			print_body(call, body);
	}
	json_decref(doc);
	return status;
}

static int
load(const struct call *call, const char *path)
{
	char line[64], text[TEXT_MAX];
	json_t *doc = NULL;
	uint8_t *data;
	size_t len;
	int status = policy_read(call, path, &data, &len);

	if (status != VERB_OK)
		return status;
	snprintf(line, sizeof(line), "policy-load %zu", len);
	status = ask_with(call, &doc, line, data, len);
	free(data);
	if (doc == NULL)
		return status;
	if (call->json)
		render_json(call, doc);
	else
		fprintf(call->out, "%s\n",
		    format_quote(
			field_string(doc, "message"), text, sizeof(text)));
	json_decref(doc);
	return status;
}

static int
history(const struct call *call)
{
	struct call events = *call;

	events.kind = "policy";
	events.lines = HISTORY_MAX;
	return events_run(&events);
}

int
policy_run(const struct call *call)
{
	const char *what = call->args[0], *file = call->args[1];
	char quoted[72];

	if (strcmp(what, "show") == 0 && file == NULL)
		return show(call);
	if (strcmp(what, "history") == 0 && file == NULL)
		return history(call);
	if (strcmp(what, "load") == 0 && file != NULL)
		return load(call, file);
	if (strcmp(what, "verify") == 0 && file != NULL && call->root != NULL)
		return policy_verify(call, file);
	if (strcmp(what, "diff") == 0 && file != NULL)
		return policy_diff(call, file);
	return say_usage(call, "policy \"%s\": expected: policy %s",
	    format_quote(what, quoted, sizeof(quoted)), call->verb->args);
}
