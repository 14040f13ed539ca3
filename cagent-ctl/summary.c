/* Owns what `cagent-ctl` alone says: the status in short, and the tiers. */
#include <errno.h>
#include <stdio.h>

#include "cagent-ctl/ask.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/status.h"
#include "cagent-ctl/tiers.h"
#include "cagent-ctl/verb.h"
#include "wire/ctl.h"

static const struct field fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of this text: names are added within a schema, never changed"},
    {"ok", NULL, NULL, FIELD_BOOL, false, NULL,
	"false when there is no answer; then \"code\" and \"error\" say why"},
    {"status", NULL, NULL, FIELD_OTHER, false, NULL,
	"what \"cagent-ctl status --json\" prints; null when the control "
	"process does not answer"},
    {"tiers", NULL, NULL, FIELD_OTHER, false, NULL,
	"what \"cagent-ctl tiers --json\" prints"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};
static const struct field_list list = {"the answer", "", fields};

const struct field_list *const summary_fields[] = {&list, NULL};

static void
show(const struct call *call, json_t *status, json_t *tiers)
{
	json_t *doc;

	if (call->json) {
		doc = json_pack("{s:i, s:b, s:O?, s:O}", "schema", CTL_SCHEMA,
		    "ok", 1, "status", status, "tiers", tiers);
		render_json(call, doc);
		json_decref(doc);
		return;
	}
	if (status != NULL) {
		status_brief(call, status);
		fputc('\n', call->out);
	}
	tiers_render(call, tiers);
}

int
summary_run(const struct call *call)
{
	json_t *status, *tiers;
	int error, rc;

	error = ask_quietly(call, "status", CLIENT_TIMEOUT_US, &status);
	if (error != 0 && error != -ETIMEDOUT)
		return ask_explain(call, error);
	rc = tiers_get(call, &tiers);
	if (tiers == NULL) {
		json_decref(status);
		return rc;
	}
	show(call, status, tiers);
	/* The status knows more, when there is one. */
	if (status != NULL)
		rc = status_degraded(call, status);
	else
		tiers_notes(call, tiers);
	json_decref(status);
	json_decref(tiers);
	return rc;
}
