/* Owns `cagent-ctl policy`: show and load; the others are in files of their
 * own. */
#include "cagent-ctl/policy/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/mono.h"
#include "cagent-ctl/ask.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"
#include "wire/envelope.h"

#define TEXT_MAX 1024

static const struct field fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of this text: names are added within a schema, never changed"},
    {"ok", NULL, NULL, FIELD_BOOL, false, NULL,
	"false when it failed or was refused; then \"code\" and \"error\" say "
	"why"},
    {"message", NULL, NULL, FIELD_TEXT, false, NULL,
	"load, rollback: what it has come to; show --serial: the signed "
	"message in base64"},
    {"state", NULL, "state", FIELD_TEXT, false, NULL,
	"show: none, in-force, stale (expired, and in force all the same) or "
	"not-in-force (accepted, but the configuration does not allow it); "
	"show --serial: held or past"},
    {"type", NULL, "type", FIELD_TEXT, false, NULL,
	"verify: root, policy or rank"},
    {"fault", NULL, "none is taken", FIELD_TEXT, false, NULL,
	"show: why no message can be taken; \"\": one can"},
    {"group", NULL, NULL, FIELD_TEXT, false, NULL,
	"show: the group of this agent"},
    {"root_version", NULL, "root", FIELD_COUNT, false, NULL,
	"show: of the root that is trusted"},
    {"stale", NULL, NULL, FIELD_BOOL, false, NULL,
	"show: the policy has expired"},
    {"serial", NULL, "serial", FIELD_COUNT, false, NULL,
	"the policy's, rising within an epoch"},
    {"rank_serial", NULL, "rank", FIELD_COUNT, false, NULL,
	"show: of the ranking in force, which has serials of its own; not "
	"there without one"},
    {"epoch", NULL, "under root", FIELD_COUNT, false, NULL,
	"the version of the root that names its keys"},
    {"signed_by", NULL, "signed by", FIELD_LIST, false, NULL,
	"the names of the keys that have signed it"},
    {"key_ids", NULL, NULL, FIELD_LIST, false, NULL,
	"the ids of these keys, in hexadecimal digits"},
    {"accepted_us", NULL, "accepted", FIELD_TIME, false, NULL,
	"show --serial: when, by this agent's clock"},
    {"audience", NULL, "for", FIELD_TEXT, false, NULL,
	"the group that it is for, or \"*\""},
    {"issued_us", NULL, "issued", FIELD_TIME, false, NULL,
	"when, by its issuer's clock"},
    {"expires_us", NULL, "expires", FIELD_TIME, false, NULL,
	"until when it is not stale"},
    {"body", NULL, NULL, FIELD_TEXT, false, NULL,
	"its text, as cagentd.ini(5) describes it"},
    {"same", NULL, NULL, FIELD_BOOL, false, NULL,
	"diff: the texts do not differ"},
    {"diff", NULL, NULL, FIELD_TEXT, false, NULL,
	"diff, rollback: what would change, in the unified format"},
    {"remembered", NULL, NULL, FIELD_BOOL, false, NULL,
	"history: there is one"},
    {"messages", NULL, NULL, FIELD_OTHER, false, NULL, "history: see below"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field past_fields[] = {
    {"time_us", NULL, "first", FIELD_TIME, false, NULL,
	"when, by this agent's clock"},
    {"type", NULL, "then", FIELD_TEXT, false, NULL,
	"root, policy or rank; \"?\": it was no message"},
    {"serial", NULL, "then", FIELD_COUNT, false, NULL, "its serial"},
    {"epoch", NULL, "then", FIELD_COUNT, false, NULL, "under which root"},
    {"outcome", NULL, "then", FIELD_TEXT, false, NULL,
	"accepted, held (accepted, and the last one) or refused"},
    {"fault", NULL, "then", FIELD_TEXT, false, NULL,
	"why refused, in a stable word"},
    {"text", NULL, "then", FIELD_TEXT, false, NULL,
	"why, in words; or for whom it is, until when, and who has signed "
	"it"},
    {"kept", NULL, NULL, FIELD_BOOL, false, NULL,
	"its text is there, for show, diff and rollback"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field_list list = {"the answer", "", fields};
static const struct field_list past_list = {
    "what was accepted or refused", "messages", past_fields};

const struct field_list *const policy_fields[] = {
    &list, &past_list, &policy_server_list, &policy_links_list, NULL};

int
policy_read(
    const struct call *call, const char *path, uint8_t **data, size_t *len)
{
	char quoted[256], *text;
	const char *why;
	int error;

	error = conf_read_file(path, ENVELOPE_MAX, false, &text, len);
	*data = (uint8_t *)text;
	if (error == 0)
		return VERB_OK;
	*data = NULL;
	why = error == -EFBIG	 ? "larger than a message can be"
	      : error == -EINVAL ? "not a regular file"
				 : strerror(-error);
	return say_failure(call, VERB_FAILED, "bad-file", "%s: %s",
	    format_quote(path, quoted, sizeof(quoted)), why);
}

/* It was checked, but this is a terminal. */
static void
print_body(const struct call *call, const char *body)
{
	char *copy = strdup(body);

	fputc('\n', call->out);
	if (copy != NULL)
		policy_print(call, copy);
	free(copy);
}

static int
show(const struct call *call)
{
	const char *body;
	json_t *doc;
	int status = call->serial != NULL
			 ? policy_past(call, call->serial, &doc)
			 : ask(call, &doc, "policy");

	if (doc == NULL)
		return status;
	body = field_string(doc, "body");
	if (call->json) {
		render_json(call, doc);
	} else {
		render_pairs(call, fields, doc, mono_wall_us());
		if (*body != '\0')
			print_body(call, body);
	}
	json_decref(doc);
	return status;
}

int
policy_give(
    const struct call *call, const uint8_t *message, size_t len, json_t **doc)
{
	char line[64];

	*doc = NULL;
	snprintf(line, sizeof(line), "policy-load %zu", len);
	return ask_with(call, doc, line, message, len);
}

static int
load(const struct call *call, const char *path)
{
	char text[TEXT_MAX];
	json_t *doc = NULL;
	uint8_t *data;
	size_t len;
	int status = policy_read(call, path, &data, &len);

	if (status != VERB_OK)
		return status;
	status = policy_give(call, data, len, &doc);
	free(data);
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

static int
run_load(const struct call *call)
{
	return load(call, call->args[1]);
}

static int
run_verify(const struct call *call)
{
	return policy_verify(call, call->args[1]);
}

static int
run_diff(const struct call *call)
{
	return call->args[2] == NULL
		   ? policy_diff(call, NULL, call->args[1])
		   : policy_diff(call, call->args[1], call->args[2]);
}

static int
run_rollback(const struct call *call)
{
	return policy_rollback(call, call->args[1]);
}

enum takes {
	ROOT = 1,
	SERIAL = 2,
	SIGN = 4 /* --key, --expires, -o */
};

struct sub {
	const char *name, *usage;
	int min, max; /* arguments after it */
	unsigned int takes, needs;
	int (*run)(const struct call *);
};

static const struct sub subs[] = {
    {"show", "show [--serial SERIAL]", 0, 0, SERIAL, 0, show},
    {"history", "history", 0, 0, 0, 0, policy_history},
    {"load", "load FILE", 1, 1, 0, 0, run_load},
    {"verify", "verify FILE --root ROOT", 1, 1, ROOT, ROOT, run_verify},
    {"diff", "diff [SERIAL|FILE] SERIAL|FILE", 1, 2, 0, 0, run_diff},
    {"rollback",
	"rollback SERIAL --key KEY --root ROOT [--expires TIME] [-o FILE], or "
	"rollback SERIAL -o FILE",
	1, 1, ROOT | SIGN, 0, run_rollback},
    {"server", "server", 0, 0, 0, 0, policy_server},
    {"key", "key", 0, 0, 0, 0, policy_key},
};

#define SUBS_N (sizeof(subs) / sizeof(*subs))

static const struct sub *
sub_find(const char *name)
{
	size_t i;

	for (i = 0; i < SUBS_N; i++) {
		if (strcmp(subs[i].name, name) == 0)
			return &subs[i];
	}
	return NULL;
}

/* Do its arguments and options suit it? */
static bool
suits(const struct call *call, const struct sub *sub)
{
	unsigned int given = call->root != NULL ? ROOT : 0;
	int n = 0;

	while (n + 1 < CALL_ARGS_MAX && call->args[n + 1] != NULL)
		n++;
	if (call->serial != NULL)
		given |= SERIAL;
	if (call->key != NULL || call->expires != NULL || call->output != NULL)
		given |= SIGN;
	return n >= sub->min && n <= sub->max && (given & ~sub->takes) == 0 &&
	       (sub->needs & ~given) == 0;
}

int
policy_run(const struct call *call)
{
	const struct sub *sub = sub_find(call->args[0]);
	char quoted[72];

	if (sub == NULL)
		return say_usage(call,
		    "policy \"%s\": expected show, history, load, verify, "
		    "diff, rollback, server or key",
		    format_quote(call->args[0], quoted, sizeof(quoted)));
	if (suits(call, sub))
		return sub->run(call);
	return say_usage(call, "policy %s: usage: cagent-ctl policy %s",
	    sub->name, sub->usage);
}
