/* Owns `cagent-ctl config check`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cagent-ctl/check.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"
#include "wire/ctl.h"

static const struct field fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of this text: names are added within a schema, never changed"},
    {"ok", NULL, "\"FILE: ok\"", FIELD_BOOL, false, NULL,
	"whether cagentd would take the file"},
    {"file", NULL, "FILE", FIELD_TEXT, false, NULL, "the file"},
    {"code", NULL, NULL, FIELD_TEXT, false, NULL,
	"bad-config, when it would not"},
    {"errors", NULL, "a line each", FIELD_LIST, false, NULL,
	"what is wrong, each as \"file:line: text\""},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};
static const struct field_list list = {"the answer", "", fields};

const struct field_list *const config_fields[] = {&list, NULL};

static void
render_answer(const struct call *call, const char *file, int rc, char *text)
{
	json_t *doc, *errors = json_array();
	char *line, *rest = NULL;

	for (line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		json_array_append_new(errors, field_json_string(line));
	doc = json_pack("{s:i, s:b, s:o, s:o}", "schema", CTL_SCHEMA, "ok",
	    rc == 0, "file", field_json_string(file), "errors", errors);
	if (rc != 0)
		json_object_set_new(doc, "code", json_string("bad-config"));
	render_json(call, doc);
	json_decref(doc);
}

int
config_run(const struct call *call)
{
	const char *file =
	    call->args[1] != NULL ? call->args[1] : CHECK_DEFAULT;
	static char text[CHECK_TEXT_MAX];
	char quoted[256];
	int rc;

	if (strcmp(call->args[0], "check") != 0)
		return say_usage(call,
		    "config \"%s\": expected: config check [FILE]",
		    format_quote(call->args[0], quoted, 72));
	rc = check_file(file, text);
	if (rc == -ENOENT)
		return say_failure(call, VERB_FAILED, "no-cagentd",
		    "cagentd is neither beside cagent-ctl nor in PATH: "
		    "nothing else can check its configuration");
	if (rc < 0)
		return say_failure(
		    call, VERB_FAILED, "internal", "%s", strerror(-rc));
	if (call->json)
		render_answer(call, file, rc, text);
	else if (rc == 0)
		fprintf(call->out, "%s: ok\n",
		    format_quote(file, quoted, sizeof(quoted)));
	else
		fputs(text, call->err);
	return rc == 0 ? VERB_OK : VERB_FAILED;
}
