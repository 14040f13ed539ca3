/* Owns `cagent-ctl policy server` and `policy key`: whom the agent reports to,
 * and by what they know it. */
#include <stdio.h>
#include <string.h>

#include "base/mono.h"
#include "cagent-ctl/ask.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/policy/policy.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/verb.h"

static void
name_cell(const json_t *row, int64_t now_us, char *out, size_t size)
{
	const char *name = field_string(row, "name");

	(void)now_us;
	snprintf(
	    out, size, "%s", *name != '\0' ? name : field_string(row, "role"));
	format_clean(out);
}

static void
interval_cell(const json_t *row, int64_t now_us, char *out, size_t size)
{
	char text[FORMAT_LEN];

	(void)now_us;
	snprintf(out, size, "%s",
	    format_span(field_number(row, "interval_ms") * 1000, text));
}

static void
next_cell(const json_t *row, int64_t now_us, char *out, size_t size)
{
	int64_t us = field_number(row, "next_us");
	bool up = strcmp(field_string(row, "state"), "up") == 0;
	char text[FORMAT_LEN];

	if (us == 0)
		snprintf(out, size, "-");
	else
		snprintf(out, size, "%s in %s", up ? "report" : "tried",
		    format_between(now_us, us, text));
}

static const struct field fields[] = {
    {"name", NULL, "this agent", FIELD_TEXT, false, NULL,
	"server, key: by what name managers know it"},
    {"group", NULL, "of group", FIELD_TEXT, false, NULL, "its group"},
    {"public_key", NULL, "its key", FIELD_TEXT, false, NULL,
	"server, key: its public sealing key in BASE64, as \"cagent-policyd "
	"agent add --key\" takes it; \"\": it has none"},
    {"now_us", NULL, NULL, FIELD_TIME, false, NULL,
	"server: when it was asked"},
    {"links", NULL, NULL, FIELD_OTHER, false, NULL, "server: see below"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field link_fields[] = {
    {"role", NULL, NULL, FIELD_TEXT, false, NULL,
	"policy-server or subscriber"},
    {"name", "MANAGER", NULL, FIELD_TEXT, false, name_cell,
	"the subscriber's; \"\" of the policy server"},
    {"address", "ADDRESS", NULL, FIELD_TEXT, false, NULL,
	"where it is, or is tried now"},
    {"state", "STATE", NULL, FIELD_STATE, false, NULL,
	"up, waiting (until it is tried again), resolving, connecting, "
	"registering, leaving or off"},
    {"since_us", "SINCE", NULL, FIELD_TIME, false, NULL, "since when"},
    {"next_us", "NEXT", NULL, FIELD_TEXT, false, next_cell,
	"when it is tried again, or told next; 0: neither is planned"},
    {"interval_ms", "EVERY", NULL, FIELD_TEXT, true, interval_cell,
	"how often it is told, in milliseconds"},
    {"reports", NULL, NULL, FIELD_COUNT, false, NULL, "reports sent"},
    {"report_us", "LAST REPORT", NULL, FIELD_TIME, false, NULL,
	"when it was told last; 0: never"},
    {"acks", NULL, NULL, FIELD_COUNT, false, NULL,
	"what it has acknowledged: registers and reports"},
    {"ack_us", "LAST ACK", NULL, FIELD_TIME, false, NULL, "when last"},
    {"taken", "TAKEN", NULL, FIELD_COUNT, true, NULL,
	"signed messages that were taken from it"},
    {"nacks", NULL, NULL, FIELD_COUNT, false, NULL, "what it has refused"},
    {"nack_us", NULL, NULL, FIELD_TIME, false, NULL, "when last"},
    {"nack", "LAST NACK", NULL, FIELD_TEXT, true, NULL,
	"why, in a stable word"},
    {"nack_text", NULL, NULL, FIELD_TEXT, false, NULL, "in its own words"},
    {"why", "WHY", NULL, FIELD_TEXT, false, NULL,
	"why it is not up; \"\": it is"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

const struct field_list policy_server_list = {"of this agent", "", fields};
const struct field_list policy_links_list = {"a manager", "links", link_fields};

int
policy_server(const struct call *call)
{
	const json_t *links;
	json_t *doc;
	int status = ask(call, &doc, "links");

	if (doc == NULL)
		return status;
	links = json_object_get(doc, "links");
	if (call->json) {
		render_json(call, doc);
	} else {
		render_pairs(call, fields, doc, mono_wall_us());
		fputs(json_array_size(links) > 0
			  ? "\n"
			  : "\nIt reports to nobody: [policy] has no server, "
			    "and there is no [subscriber].\n",
		    call->out);
		render_table(call, link_fields, links, mono_wall_us());
	}
	json_decref(doc);
	return status;
}

/* The key alone, for a command line. */
int
policy_key(const struct call *call)
{
	char text[128];
	json_t *doc;
	int status = ask(call, &doc, "policy-key");

	if (doc == NULL)
		return status;
	if (call->json)
		render_json(call, doc);
	else
		fprintf(call->out, "%s\n",
		    format_quote(
			field_string(doc, "public_key"), text, sizeof(text)));
	json_decref(doc);
	return status;
}
