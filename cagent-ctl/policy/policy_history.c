/* Owns `cagent-ctl policy history`, and getting earlier policies out of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/mono.h"
#include "cagent-ctl/ask.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/policy/policy.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/say.h"
#include "cagent-ctl/verb.h"

#define TEXT_MAX 320

static void
print(const struct call *call, const json_t *m)
{
	char when[FORMAT_LEN], type[16], text[TEXT_MAX], fault[48];
	bool refused = strcmp(field_string(m, "outcome"), "refused") == 0;

	format_quote(field_string(m, "type"), type, sizeof(type));
	fprintf(
	    call->out, "%s  ", format_date(field_number(m, "time_us"), when));
	if (strcmp(type, "root") == 0)
		fprintf(call->out, "root %lld",
		    (long long)field_number(m, "epoch"));
	else if (*type == '?')
		fputs("no message", call->out);
	else
		fprintf(call->out, "%s %lld of root %lld", type,
		    (long long)field_number(m, "serial"),
		    (long long)field_number(m, "epoch"));
	format_quote(field_string(m, "text"), text, sizeof(text));
	format_quote(field_string(m, "fault"), fault, sizeof(fault));
	if (refused)
		fprintf(call->out, " refused: %s [%s]\n", text, fault);
	else
		fprintf(call->out, " accepted %s%s\n", text,
		    strcmp(field_string(m, "outcome"), "held") == 0
			? "; held now"
			: "");
}

int
policy_history(const struct call *call)
{
	const json_t *list, *m;
	json_t *doc;
	size_t i;
	int status = ask(call, &doc, "policy-history");

	if (doc == NULL)
		return status;
	list = json_object_get(doc, "messages");
	if (call->json) {
		render_json(call, doc);
	} else if (!field_true(doc, "remembered")) {
		fputs("Nothing is remembered: the configuration has no "
		      "[policy], or the file cannot be used.\n",
		    call->out);
	} else {
		for (i = 0; i < json_array_size(list); i++) {
			m = json_array_get(list, i);
			print(call, m);
		}
	}
	json_decref(doc);
	return status;
}

int
policy_past(const struct call *call, const char *serial, json_t **doc)
{
	char quoted[40];

	*doc = NULL;
	if (*serial == '\0' || serial[strspn(serial, "0123456789")] != '\0')
		return say_usage(call, "expected a serial, found \"%s\"",
		    format_quote(serial, quoted, sizeof(quoted)));
	return ask(call, doc, "policy-past %s", serial);
}

uint8_t *
policy_message(const json_t *doc, size_t *len)
{
	const char *text = field_string(doc, "message");
	size_t room = strlen(text) / 4 * 3 + 3;
	uint8_t *data = malloc(room);

	if (data == NULL ||
	    sodium_base642bin(data, room, text, strlen(text), NULL, len, NULL,
		sodium_base64_VARIANT_ORIGINAL) != 0) {
		free(data);
		return NULL;
	}
	return data;
}
