/* Owns `cagent-ctl events`: what has changed, and what changes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cagent-ctl/ask.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"
#include "cagent-ctl/watch.h"

#define LINES_DEFAULT 100
#define TEXT_MAX      512

static const struct field head_fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of these lines: names are added within a schema, never changed"},
    {"ok", NULL, NULL, FIELD_BOOL, false, NULL,
	"false when there is no answer; then \"code\" and \"error\" say why"},
    {"oldest_id", NULL, NULL, FIELD_COUNT, false, NULL,
	"of the oldest event that is still known"},
    {"last_id", NULL, NULL, FIELD_COUNT, false, NULL, "of the newest"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field event_fields[] = {
    {"id", NULL, NULL, FIELD_COUNT, false, NULL,
	"rising by one; a gap is what was overwritten"},
    {"time_us", NULL, "first", FIELD_TIME, false, NULL,
	"when, in wall-clock microseconds"},
    {"kind", NULL, "then", FIELD_TEXT, false, NULL,
	"state (what was seen of an intermediary), tier (its tier in force), "
	"admin (an administrator's order), config (a reload), uplink (the "
	"host's own way out: suspected dead, or back), policy (a signed "
	"message was taken or refused, or is stale), link (to the policy "
	"server or a subscriber: made, lost, refused), note (of the master: "
	"starts, deaths)"},
    {"code", NULL, "last", FIELD_TEXT, false, NULL,
	"why, in a stable word, see cagent-ctl(8); \"\": a note"},
    {"name", NULL, "then", FIELD_TEXT, false, NULL,
	"the intermediary, or \"\""},
    {"text", NULL, "then", FIELD_TEXT, false, NULL, "what, and why"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field_list head_list = {
    "the first line of JSON", "", head_fields};
static const struct field_list event_list = {
    "every other line", "", event_fields};

const struct field_list *const events_fields[] = {
    &head_list, &event_list, NULL};

static void
print(const struct call *call, const json_t *event)
{
	char when[FORMAT_LEN], kind[16], code[32], name[72], text[TEXT_MAX];

	if (call->json) {
		render_json(call, event);
		return;
	}
	format_quote(field_string(event, "name"), name, sizeof(name));
	format_quote(field_string(event, "code"), code, sizeof(code));
	fprintf(call->out, "%s  %-6s  %s%s%s%s%s%s\n",
	    format_date(field_number(event, "time_us"), when),
	    format_quote(field_string(event, "kind"), kind, sizeof(kind)), name,
	    *name != '\0' ? ": " : "",
	    format_quote(field_string(event, "text"), text, sizeof(text)),
	    *code != '\0' ? " [" : "", code, *code != '\0' ? "]" : "");
}

/* Why there is no further event. */
static int
ended(const struct call *call, int error)
{
	if (error == -EPIPE)
		return VERB_OK;
	if (error == 0 && !call->follow)
		return VERB_OK;
	if (error == 0)
		return say_failure(call, VERB_FAILED, "ended",
		    "cagentd has ended the list: it is stopping, its control "
		    "process was started again, or this reader was too slow");
	return ask_explain(call, error);
}

static int
follow(const struct call *call, struct client *c)
{
	int64_t deadline_us = call->follow ? INT64_MAX : client_deadline_us(c);
	json_t *event;
	int rc;

	while ((rc = client_next(c, deadline_us, &event)) == 1) {
		print(call, event);
		json_decref(event);
		if (call->follow && fflush(call->out) != 0)
			return VERB_OK;
	}
	return ended(call, rc);
}

int
events_run(const struct call *call)
{
	struct call plain = *call;
	struct client *c;
	json_t *head;
	char line[64];
	int status;

	/* One event a line, also for eyes. */
	plain.pretty = false;
	snprintf(line, sizeof(line), "events %s%lld", call->follow ? "-f " : "",
	    (long long)(call->lines >= 0 ? call->lines : LINES_DEFAULT));
	status = ask_open(&plain, &c, &head, line);
	if (head == NULL)
		return status;
	if (call->follow)
		watch_end_on_interrupt();
	if (call->json)
		render_json(&plain, head);
	json_decref(head);
	status = fflush(call->out) == 0 ? follow(&plain, c) : VERB_OK;
	client_free(c);
	return status;
}
