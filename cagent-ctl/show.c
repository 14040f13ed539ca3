/* Owns `cagent-ctl show`: all that is known of one intermediary. */
#include <stdio.h>

#include "base/mono.h"
#include "cagent-ctl/name.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/row.h"
#include "cagent-ctl/verb.h"

static const struct field answer_fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of this text: names are added within a schema, never changed"},
    {"ok", NULL, NULL, FIELD_BOOL, false, NULL,
	"false when there is no answer; then \"code\" and \"error\" say why"},
    {"intermediary", NULL, NULL, FIELD_OTHER, false, NULL, "see below"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field worker_fields[] = {
    {"worker", "WORKER", NULL, FIELD_COUNT, false, NULL,
	"which of the workers, from 0"},
    {"in_flight", "OPEN", NULL, FIELD_COUNT, false, NULL,
	"its tunnels and attempts through the intermediary now"},
    {"attempts", "TRIED", NULL, FIELD_COUNT, false, NULL, "its attempts"},
    {"successes", "MADE", NULL, FIELD_COUNT, false, NULL,
	"of these, those that made a tunnel"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field_list answer_list = {"the answer", "", answer_fields};
static const struct field_list show_list = {
    "the intermediary", "intermediary", row_fields};
static const struct field_list worker_list = {
    "a worker's part", "intermediary.workers", worker_fields};

const struct field_list *const show_fields[] = {
    &answer_list, &show_list, &worker_list, NULL};

int
show_run(const struct call *call)
{
	const json_t *row;
	json_t *doc;
	int64_t now_us = mono_wall_us();
	int status = name_ask(call, &doc, "show", NULL);

	if (doc == NULL)
		return status;
	row = json_object_get(doc, "intermediary");
	if (call->json) {
		render_json(call, doc);
	} else {
		render_pairs(call, row_fields, row, now_us);
		fputc('\n', call->out);
		render_table(call, worker_fields,
		    json_object_get(row, "workers"), now_us);
	}
	json_decref(doc);
	return status;
}
