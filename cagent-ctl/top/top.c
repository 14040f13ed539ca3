/* Owns `cagent-ctl top`: who moves how much now; live is top_live.c. */
#include "cagent-ctl/top/top.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mono.h"
#include "cagent-ctl/ask.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/top/top_live.h"
#include "cagent-ctl/verb.h"

static const struct field answer_fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of this text: names are added within a schema, never changed"},
    {"ok", NULL, NULL, FIELD_BOOL, false, NULL,
	"false when there is no answer; then \"code\" and \"error\" say why"},
    {"now_us", NULL, NULL, FIELD_TIME, false, NULL,
	"when it was asked for the second time; all times are wall-clock "
	"microseconds"},
    {"interval_us", NULL, NULL, FIELD_SPAN, false, NULL,
	"between the two looks, over which rates are"},
    {"version", NULL, NULL, FIELD_TEXT, false, NULL, "of cagentd"},
    {"started_us", NULL, NULL, FIELD_TIME, false, NULL,
	"when its control process started"},
    {"left_out", NULL, NULL, FIELD_COUNT, false, NULL,
	"tunnels that were too many for the answer"},
    {"totals", NULL, NULL, FIELD_OTHER, false, NULL, "see below"},
    {"tunnels", NULL, NULL, FIELD_OTHER, false, NULL, "see below"},
    {"users", NULL, NULL, FIELD_OTHER, false, NULL, "see below"},
    {"classes", NULL, NULL, FIELD_OTHER, false, NULL, "see below"},
    {"intermediaries", NULL, NULL, FIELD_OTHER, false, NULL, "see below"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field totals_fields[] = {
    {"clients", NULL, NULL, FIELD_COUNT, false, NULL,
	"connections of clients at this moment"},
    {"tunnels", NULL, NULL, FIELD_COUNT, false, NULL,
	"of these, those that relay"},
    {"waiting", NULL, NULL, FIELD_COUNT, false, NULL,
	"requests that wait for intermediaries at their connection limits"},
    {"link_up", NULL, NULL, FIELD_COUNT, false, NULL,
	"what the host's own link carries by [link] bandwidth, bit/s; 0: it is "
	"not said"},
    {"link_down", NULL, NULL, FIELD_COUNT, false, NULL,
	"the same, towards clients"},
    {"rate_up", NULL, NULL, FIELD_RATE, false, NULL,
	"bit/s from clients, of all classes together"},
    {"rate_down", NULL, NULL, FIELD_RATE, false, NULL, "bit/s to clients"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field_list answer_list = {"the answer", "", answer_fields};
static const struct field_list totals_list = {
    "all together", "totals", totals_fields};
static const struct field_list tunnel_list = {
    "a tunnel", "tunnels", top_view_tunnels};
static const struct field_list user_list = {"a user", "users", top_view_users};
static const struct field_list class_list = {
    "a class", "classes", top_view_classes};
static const struct field_list intermediary_list = {
    "an intermediary", "intermediaries", top_view_intermediaries};

const struct field_list *const top_fields[] = {&answer_list, &totals_list,
    &tunnel_list, &user_list, &class_list, &intermediary_list, NULL};

static void
print(const struct call *call, const json_t *doc, enum top_view view)
{
	const json_t *totals = json_object_get(doc, "totals");
	const json_t *rows = json_object_get(doc, top_view_name(view));
	char span[FORMAT_LEN], up[TOP_RATE_MAX], down[TOP_RATE_MAX];

	fprintf(call->out,
	    "%lld clients, %lld tunnels, %lld waiting; up %s, down %s, over "
	    "%s\n\n",
	    (long long)field_number(totals, "clients"),
	    (long long)field_number(totals, "tunnels"),
	    (long long)field_number(totals, "waiting"),
	    top_view_rate(totals, true, up), top_view_rate(totals, false, down),
	    format_span(field_number(doc, "interval_us"), span));
	if (json_array_size(rows) == 0)
		fprintf(call->out, "No such %s.\n", top_view_name(view));
	render_table(call, top_view_fields(view), rows, mono_wall_us());
}

static void
wait_until(int64_t at_us)
{
	int64_t left_us;

	while ((left_us = at_us - mono_us()) > 0)
		poll(NULL, 0, (int)((left_us + 999) / 1000));
}

/* Two looks, an interval apart. */
static int
look_twice(const struct call *call, const struct top_wish *w, json_t **doc)
{
	struct top_look before, now;
	int error;

	*doc = NULL;
	error = top_look(call, CLIENT_TIMEOUT_US, &before);
	if (error != 0)
		return ask_explain(call, error);
	wait_until(before.at_us + w->interval_us);
	error = top_look(call, CLIENT_TIMEOUT_US, &now);
	if (error == 0) {
		*doc = top_model(&before, &now, &w->filter);
		if (*doc == NULL || top_apply(*doc, w) != 0)
			error = -ENOMEM;
		top_look_fini(&now);
	}
	top_look_fini(&before);
	if (error == 0)
		return VERB_OK;
	json_decref(*doc);
	*doc = NULL;
	return ask_explain(call, error);
}

int
top_run(const struct call *call)
{
	struct top_wish w;
	int64_t left_out;
	json_t *doc;
	int status = top_wish_read(call, &w);

	if (status != VERB_OK)
		return status;
	if (call->pretty && !call->json && isatty(STDIN_FILENO) == 1)
		return top_live(call, &w);
	status = look_twice(call, &w, &doc);
	if (doc == NULL)
		return status;
	if (call->json)
		render_json(call, doc);
	else
		print(call, doc, w.view);
	left_out = field_number(doc, "left_out");
	if (left_out > 0)
		say(call, "%lld more tunnels are left out",
		    (long long)left_out);
	json_decref(doc);
	return VERB_OK;
}
