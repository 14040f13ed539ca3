/* Owns `cagent-ctl tiers`: the table as it stands in shared memory. */
#include "cagent-ctl/tiers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mono.h"
#include "cagent-ctl/ask.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/peek.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/row.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"
#include "wire/ctl.h"

/* The table needs no answer, so waiting for one must not be felt. */
#define PROBE_US 500000

static const struct field table_fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of this text: names are added within a schema, never changed"},
    {"ok", NULL, NULL, FIELD_BOOL, false, NULL,
	"false when there is no answer; then \"code\" and \"error\" say why"},
    {"now_us", NULL, NULL, FIELD_TIME, false, NULL,
	"when the table was read; all times are wall-clock microseconds"},
    {"published_us", NULL, NULL, FIELD_TIME, false, NULL,
	"when it was written: it is when something has changed"},
    {"generation", NULL, NULL, FIELD_COUNT, false, NULL,
	"of the table, rising by one with each publication"},
    {"config_serial", NULL, NULL, FIELD_COUNT, false, NULL,
	"of the configuration it was made from, rising with each reload"},
    {"uplink_us", NULL, NULL, FIELD_TIME, false, NULL,
	"since when no intermediary answers, so that the host's own uplink is "
	"suspected and ranks are held; 0: it is not"},
    {"control_pid", NULL, NULL, FIELD_COUNT, false, NULL,
	"the process that wrote it"},
    {"control_answers", NULL, NULL, FIELD_BOOL, false, NULL,
	"whether that process is alive and answers now"},
    {"degraded", NULL, NULL, FIELD_LIST, false, NULL,
	"what is wrong, in words; the command then exits with 4"},
    {"tiers", NULL, NULL, FIELD_OTHER, false, NULL,
	"the tiers: \"rank\", \"name\", and in \"reserved_for\" the classes "
	"of traffic that alone may use it"},
    {"rows", NULL, NULL, FIELD_OTHER, false, NULL,
	"the intermediaries, those to be used first at the top, and then the "
	"caches and services"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};
static const struct field_list table_list = {"the answer", "", table_fields};

const struct field_list *const tiers_fields[] = {&row_list, &table_list, NULL};

static int
explain(const struct call *call, const char *path, int error)
{
	switch (-error) {
	case ENOENT:
	case ENOTDIR:
	case EACCES:
		/* The socket beside it knows more. */
		return ask_explain(call, error);
	case ENODATA:
		return say_failure(call, VERB_DEGRADED, "empty",
		    "%s: nothing was published yet: cagentd is starting, or "
		    "its control process does not come up (see its log)",
		    path);
	case EPROTO:
		return say_failure(call, VERB_FAILED, "layout",
		    "%s: not a tier table of layout %d: cagentd is of another "
		    "version, or the file is damaged; restart cagentd",
		    path, TABLE_LAYOUT);
	default:
		return say_failure(call, VERB_FAILED, "internal", "%s: %s",
		    path, strerror(-error));
	}
}

static void
degrade(json_t *doc, const char *what)
{
	json_array_append_new(
	    json_object_get(doc, "degraded"), json_string(what));
}

static void
check_rows(json_t *doc)
{
	const json_t *rows = json_object_get(doc, "rows");
	size_t i, n = 0, usable = 0;

	for (i = 0; i < json_array_size(rows); i++) {
		if (!row_ranked(json_array_get(rows, i)))
			continue;
		n++;
		usable += row_usable(json_array_get(rows, i));
	}
	if (n > 0 && usable == 0)
		degrade(doc, "no usable intermediary");
	if (field_number(doc, "uplink_us") != 0)
		degrade(doc, "no intermediary answers: our own uplink is "
			     "suspected, ranks are held");
}

/* Is there somebody who keeps the table up to date? */
static int
check_writer(const struct call *call, json_t *doc, const struct table *t)
{
	char age[FORMAT_LEN], text[160];
	json_t *status;
	int error;

	format_between(t->published_us, mono_wall_us(), age);
	error = ask_quietly(call, "status", PROBE_US, &status);
	json_decref(status);
	json_object_set_new(doc, "control_answers", json_boolean(error == 0));
	if (error == 0 || error == -EACCES)
		return VERB_OK;
	if (error == -ECONNREFUSED || error == -ENOENT) {
		snprintf(text, sizeof(text),
		    "cagentd is not running; it left this table %s ago", age);
		degrade(doc, text);
		return VERB_NOT_RUNNING;
	}
	snprintf(text, sizeof(text),
	    "the control process (pid %u) does not answer; this table is %s "
	    "old",
	    t->control_pid, age);
	degrade(doc, text);
	return VERB_OK;
}

int
tiers_get(const struct call *call, json_t **doc)
{
	char path[ASK_PATH_MAX];
	struct table *t;
	int status;

	*doc = NULL;
	ask_path(call, CTL_TABLE_NAME, path);
	status = peek_table(path, &t);
	if (status != 0)
		return explain(call, path, status);
	*doc = peek_json(t, mono_wall_us());
	if (*doc == NULL) {
		free(t);
		return explain(call, path, -ENOMEM);
	}
	json_object_set_new(*doc, "degraded", json_array());
	check_rows(*doc);
	status = check_writer(call, *doc, t);
	free(t);
	if (status == VERB_OK &&
	    json_array_size(json_object_get(*doc, "degraded")) > 0)
		return VERB_DEGRADED;
	return status;
}

static void
render_reserved(const struct call *call, const json_t *tier)
{
	static const struct field reserved = {
	    "reserved_for", NULL, NULL, FIELD_LIST, false, NULL, NULL};
	char text[128];

	if (json_array_size(json_object_get(tier, "reserved_for")) == 0)
		return;
	fprintf(call->out, "Tier %lld is reserved for: %s.\n",
	    (long long)field_number(tier, "rank"),
	    field_text(&reserved, tier, 0, text, sizeof(text)));
}

void
tiers_render(const struct call *call, const json_t *doc)
{
	const json_t *tiers = json_object_get(doc, "tiers");
	const json_t *rows = json_object_get(doc, "rows");
	size_t i;

	if (json_array_size(rows) == 0)
		fputs("No intermediary is configured.\n", call->out);
	render_table(call, row_fields, rows, field_number(doc, "now_us"));
	for (i = 0; i < json_array_size(tiers); i++)
		render_reserved(call, json_array_get(tiers, i));
}

void
tiers_notes(const struct call *call, const json_t *doc)
{
	const json_t *list = json_object_get(doc, "degraded");
	size_t i;

	for (i = 0; i < json_array_size(list); i++)
		say(call, "%s", json_string_value(json_array_get(list, i)));
}

int
tiers_run(const struct call *call)
{
	json_t *doc;
	int status = tiers_get(call, &doc);

	if (doc == NULL)
		return status;
	if (call->json)
		render_json(call, doc);
	else
		tiers_render(call, doc);
	tiers_notes(call, doc);
	json_decref(doc);
	return status;
}
