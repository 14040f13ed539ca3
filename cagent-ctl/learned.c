/* Owns `cagent-ctl learned`: destinations that answer without an
 * intermediary, as the workers have found out. */
#include <stdio.h>
#include <string.h>

#include "base/mono.h"
#include "cagent-ctl/ask.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"

static void
until_cell(const json_t *row, int64_t now_us, char *out, size_t size)
{
	char left[FORMAT_LEN];

	snprintf(out, size, "%s in %s",
	    strcmp(field_string(row, "state"), "direct") == 0 ? "forgotten"
							      : "tried again",
	    format_between(now_us, field_number(row, "until_us"), left));
}

static const struct field answer_fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of this text: names are added within a schema, never changed"},
    {"ok", NULL, NULL, FIELD_BOOL, false, NULL,
	"false when there is no answer; then \"code\" and \"error\" say why"},
    {"now_us", NULL, NULL, FIELD_TIME, false, NULL,
	"when it was asked; all times are wall-clock microseconds"},
    {"learn", NULL, "inside", FIELD_LIST, false, NULL,
	"the networks where it may be learned; none: it never is"},
    {"age_us", NULL, "believed for", FIELD_SPAN, false, NULL,
	"how long without being used, in microseconds"},
    {"workers", NULL, "workers", FIELD_COUNT, false, NULL,
	"how many there are: each learns by itself"},
    {"tried", NULL, "tried", FIELD_COUNT, false, NULL,
	"connections made in the background to find it out"},
    {"found", NULL, "found direct", FIELD_COUNT, false, NULL,
	"of these, those that stood"},
    {"used", NULL, "used", FIELD_COUNT, false, NULL,
	"tunnels that went directly for that reason, and answered"},
    {"forgotten", NULL, "forgotten", FIELD_COUNT, false, NULL,
	"how often one was forgotten because it failed"},
    {"left_out", NULL, NULL, FIELD_COUNT, false, NULL,
	"what was too much for the answer"},
    {"destinations", NULL, NULL, FIELD_OTHER, false, NULL, "see below"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field destination_fields[] = {
    {"destination", "DESTINATION", NULL, FIELD_TEXT, false, NULL,
	"host and port, as clients ask for it"},
    {"state", "STATE", NULL, FIELD_TEXT, false, NULL,
	"direct: it is tried without an intermediary first; failed: it was "
	"found not to answer so, and is left alone for a while"},
    {"since_us", "SINCE", NULL, FIELD_TIME, false, NULL,
	"when that was found out"},
    {"used_us", "USED", NULL, FIELD_TIME, false, NULL,
	"direct: when it last answered so; 0: failed"},
    {"until_us", "NEXT", NULL, FIELD_TEXT, false, until_cell,
	"direct: when it is forgotten if it is not used before; failed: from "
	"when on it may be tried again"},
    {"failures", "FAILED", NULL, FIELD_COUNT, true, NULL,
	"how often it has failed in a row; each time it is left alone for "
	"longer"},
    {"workers", "WORKERS", NULL, FIELD_COUNT, false, NULL,
	"how many workers go by that"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field_list answer_list = {"the answer", "", answer_fields};
static const struct field_list destination_list = {
    "a destination", "destinations", destination_fields};

const struct field_list *const learned_fields[] = {
    &answer_list, &destination_list, NULL};

static void
render(const struct call *call, const json_t *doc)
{
	const json_t *rows = json_object_get(doc, "destinations");
	int64_t now_us = mono_wall_us();

	if (json_array_size(json_object_get(doc, "learn")) == 0) {
		fputs(
		    "Nothing is learned: [direct] has no learn.\n", call->out);
		return;
	}
	render_pairs(call, answer_fields, doc, now_us);
	fputs(json_array_size(rows) > 0 ? "\n" : "\nNothing yet.\n", call->out);
	render_table(call, destination_fields, rows, now_us);
}

int
learned_run(const struct call *call)
{
	json_t *doc;
	int status = ask(call, &doc, "learned");
	int64_t left_out;

	if (doc == NULL)
		return status;
	if (call->json)
		render_json(call, doc);
	else
		render(call, doc);
	left_out = field_number(doc, "left_out");
	if (left_out > 0)
		say(call, "%lld more are left out", (long long)left_out);
	json_decref(doc);
	return status;
}
