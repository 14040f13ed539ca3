/* Owns `cagent-ctl drain`, `enable`, `pin` and `unpin`: an administrator's
 * orders about one intermediary. */
#include <stdio.h>
#include <string.h>

#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/name.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"

#define MESSAGE_MAX 512

static const struct field fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of this text: names are added within a schema, never changed"},
    {"ok", NULL, NULL, FIELD_BOOL, false, NULL,
	"false when it was not done; then \"code\" and \"error\" say why; "
	"\"already\" is no failure"},
    {"message", NULL, "the line", FIELD_TEXT, false, NULL,
	"what has changed, and what that means for requests in flight"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};
static const struct field_list list = {"the answer", "", fields};

const struct field_list *const order_fields[] = {&list, NULL};

int
order_run(const struct call *call)
{
	char text[MESSAGE_MAX];
	json_t *doc;
	int status;

	/* Only pin has a second argument. */
	if (call->args[1] != NULL && !name_valid(call->args[1]))
		return say_usage(call,
		    "\"%s\" is no tier: expected a rank from 1 to 1000, or a "
		    "tier's name",
		    format_quote(call->args[1], text, 72));
	status = name_ask(call, &doc, call->verb->name, call->args[1]);
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
