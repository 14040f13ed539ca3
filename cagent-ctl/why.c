/* Owns `cagent-ctl why`: why an intermediary stands where it does, in a
 * sentence that the daemon makes. */
#include <stdio.h>

#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/name.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/verb.h"

#define SENTENCE_MAX 1024

static const struct field fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of this text: names are added within a schema, never changed"},
    {"ok", NULL, NULL, FIELD_BOOL, false, NULL,
	"false when there is no answer; then \"code\" and \"error\" say why"},
    {"name", NULL, NULL, FIELD_TEXT, false, NULL, "the intermediary"},
    {"duty", NULL, NULL, FIELD_TEXT, false, NULL,
	"what it is there for: ranked, cache or service"},
    {"sentence", NULL, "the line", FIELD_TEXT, false, NULL,
	"where it stands, since when, why, and when that is looked at again"},
    {"admin", NULL, NULL, FIELD_TEXT, false, NULL,
	"what the administrator wants: enabled or drain"},
    {"observed", NULL, NULL, FIELD_STATE, false, NULL,
	"what was seen; unknown means not used yet, not down"},
    {"tier", NULL, NULL, FIELD_RANK, false, NULL,
	"the tier in force; 0: not to be used now"},
    {"since_us", NULL, NULL, FIELD_TIME, false, NULL,
	"since when it stands there"},
    {"reconsider_us", NULL, NULL, FIELD_TIME, false, NULL,
	"when it will be looked at again; 0: with the next news"},
    {"code", NULL, NULL, FIELD_TEXT, false, NULL,
	"why, in a stable word, see cagent-ctl(8)"},
    {"reason", NULL, NULL, FIELD_TEXT, false, NULL, "why, in short"},
    {"checked_us", NULL, NULL, FIELD_TIME, false, NULL,
	"when the agent last checked it by itself; 0: never"},
    {"check", NULL, NULL, FIELD_TEXT, false, NULL,
	"ok, or how that failed; \"\": never checked"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};
static const struct field_list list = {"the answer", "", fields};

const struct field_list *const why_fields[] = {&list, NULL};

int
why_run(const struct call *call)
{
	char text[SENTENCE_MAX];
	json_t *doc;
	int status = name_ask(call, &doc, "why", NULL);

	if (doc == NULL)
		return status;
	if (call->json)
		render_json(call, doc);
	else
		fprintf(call->out, "%s\n",
		    format_quote(
			field_string(doc, "sentence"), text, sizeof(text)));
	json_decref(doc);
	return status;
}
