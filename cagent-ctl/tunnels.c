/* Owns `cagent-ctl tunnels`: those that are open now, and whose they are. */
#include "cagent-ctl/tunnels.h"

#include <stdio.h>
#include <string.h>

#include "base/mono.h"
#include "cagent-ctl/ask.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"
#include "wire/ctl.h"

static void
age_cell(const json_t *row, int64_t now_us, char *out, size_t size)
{
	char text[FORMAT_LEN];

	snprintf(out, size, "%s",
	    format_between(field_number(row, "began_us"), now_us, text));
}

static void
why_cell(const json_t *row, int64_t now_us, char *out, size_t size)
{
	const char *what = field_string(row, "behaviour");

	(void)now_us; /* a reason has none */
	snprintf(out, size, "%s", *what ? what : field_string(row, "why"));
}

static const struct field answer_fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of this text: names are added within a schema, never changed"},
    {"ok", NULL, NULL, FIELD_BOOL, false, NULL,
	"false when there is no answer; then \"code\" and \"error\" say why"},
    {"now_us", NULL, NULL, FIELD_TIME, false, NULL,
	"when it was asked; all times are wall-clock microseconds"},
    {"left_out", NULL, NULL, FIELD_COUNT, false, NULL,
	"what was too much for the answer"},
    {"tunnels", NULL, NULL, FIELD_OTHER, false, NULL, "see below"},
    {"users", NULL, NULL, FIELD_OTHER, false, NULL, "see below"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field tunnel_fields[] = {
    {"id", NULL, NULL, FIELD_TEXT, false, NULL,
	"the same at each look, and no other tunnel's"},
    {"destination", "DESTINATION", NULL, FIELD_TEXT, false, NULL,
	"host and port, as the client asked for it; of a long one its end"},
    {"user", "USER", NULL, FIELD_TEXT, false, NULL,
	"whose it is: by login, local user or address"},
    {"class", "CLASS", NULL, FIELD_TEXT, false, NULL, "of which it is now"},
    {"why", "WHY", NULL, FIELD_TEXT, false, why_cell,
	"why: default, rule, history or behaviour"},
    {"behaviour", NULL, NULL, FIELD_TEXT, false, NULL,
	"what it did, when that is why"},
    {"via", "VIA", NULL, FIELD_TEXT, false, NULL,
	"the intermediary, or direct; empty when that is configured no more"},
    {"began_us", "AGE", NULL, FIELD_COUNT, false, age_cell, "when it stood"},
    {"setup_us", NULL, NULL, FIELD_SPAN, false, NULL,
	"from the request to its path, in microseconds and at most 12.5 % off; "
	"0: not known"},
    {"bytes_up", "UP", NULL, FIELD_BYTES, false, NULL, "from the client"},
    {"bytes_down", "DOWN", NULL, FIELD_BYTES, false, NULL, "to it"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field user_fields[] = {
    {"user", "USER", NULL, FIELD_TEXT, false, NULL, "as above"},
    {"tunnels", "TUNNELS", NULL, FIELD_COUNT, false, NULL,
	"that user's among these"},
    {"bytes_up", "UP", NULL, FIELD_BYTES, false, NULL, "their sum"},
    {"bytes_down", "DOWN", NULL, FIELD_BYTES, false, NULL, "their sum"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field_list answer_list = {"the answer", "", answer_fields};
static const struct field_list tunnel_list = {
    "a tunnel", "tunnels", tunnel_fields};
static const struct field_list user_list = {"a user", "users", user_fields};

const struct field_list *const tunnels_fields[] = {
    &answer_list, &tunnel_list, &user_list, NULL};

int
tunnels_get(const struct call *call, json_t **doc)
{
	char line[CTL_LINE_MAX] = "tunnels", text[64];
	size_t i, len = strlen(line);

	*doc = NULL;
	for (i = 0; i < CALL_ARGS_MAX && call->args[i] != NULL; i++) {
		if (strpbrk(call->args[i], " \n") != NULL ||
		    strlen(call->args[i]) >= sizeof(line) - len - 1)
			return say_usage(call,
			    "%s: no blanks: of \"login alice\" say alice",
			    format_quote(call->args[i], text, sizeof(text)));
		len += (size_t)snprintf(
		    line + len, sizeof(line) - len, " %s", call->args[i]);
	}
	return ask(call, doc, "%s", line);
}

static void
render(const struct call *call, const json_t *doc)
{
	const json_t *rows = json_object_get(doc, "tunnels");
	const json_t *users = json_object_get(doc, "users");
	int64_t now_us = mono_wall_us();

	if (json_array_size(rows) == 0) {
		fputs("No such tunnel is open.\n", call->out);
		return;
	}
	render_table(call, tunnel_fields, rows, now_us);
	if (json_array_size(users) < 2)
		return;
	fputc('\n', call->out);
	render_table(call, user_fields, users, now_us);
}

int
tunnels_run(const struct call *call)
{
	json_t *doc;
	int status = tunnels_get(call, &doc);
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
