/* Owns `cagent-ctl doctor`: runs the checks and prints what they found. */
#include "cagent-ctl/doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mono.h"
#include "cagent-ctl/ask.h"
#include "cagent-ctl/check.h"
#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/verb.h"
#include "wire/ctl.h"

#define TEXT_MAX 1024

static const struct field answer_fields[] = {
    {"schema", NULL, NULL, FIELD_COUNT, false, NULL,
	"of this text: names are added within a schema, never changed"},
    {"ok", NULL, NULL, FIELD_BOOL, false, NULL,
	"whether the checks could be made"},
    {"worst", NULL, NULL, FIELD_STATE, false, NULL,
	"the worst result: the command exits with 0 for ok, else with 4"},
    {"checks", NULL, NULL, FIELD_OTHER, false, NULL, "see below"},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field check_fields[] = {
    {"result", NULL, "first", FIELD_STATE, false, NULL,
	"ok, warn (works, but not as it should), fail (does not work), skip "
	"(could not be found out here, which says nothing)"},
    {"name", NULL, "then", FIELD_TEXT, false, NULL, "what was looked at"},
    {"text", NULL, "then", FIELD_TEXT, false, NULL, "what was found"},
    {"fix", NULL, "below", FIELD_TEXT, false, NULL,
	"what to do about it, or \"\""},
    {NULL, NULL, NULL, FIELD_TEXT, false, NULL, NULL}};

static const struct field_list answer_list = {"the answer", "", answer_fields};
static const struct field_list check_list = {"a check", "checks", check_fields};

const struct field_list *const doctor_fields[] = {
    &answer_list, &check_list, NULL};

static const char *
result_word(enum doctor_result r)
{
	switch (r) {
	case DOCTOR_OK:
		return "ok";
	case DOCTOR_SKIP:
		return "skip";
	case DOCTOR_WARN:
		return "warn";
	case DOCTOR_FAIL:
		return "fail";
	}
	return "?";
}

void
doctor_add(struct doctor *d, const char *name, enum doctor_result result,
    const char *fix, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	format_clean(text);
	json_array_append_new(
	    d->checks, json_pack("{s:s, s:s, s:o, s:s}", "name", name, "result",
			   result_word(result), "text", field_json_string(text),
			   "fix", result >= DOCTOR_WARN ? fix : ""));
	if (result > d->worst)
		d->worst = result;
}

static void
render_check(const struct call *call, const json_t *check)
{
	const char *result = field_string(check, "result");
	const char *fix = field_string(check, "fix");
	char text[TEXT_MAX + 64];

	snprintf(text, sizeof(text), "  %s: %s", field_string(check, "name"),
	    field_string(check, "text"));
	/* All results are words of two or four letters. */
	if (result[2] == '\0')
		fputs("  ", call->out);
	render_marked(call, result, field_state_colour(result), text);
	if (*fix != '\0')
		fprintf(call->out, "      -> %s\n", fix);
}

static void
render(const struct doctor *d)
{
	const struct call *call = d->call;
	json_t *doc;
	size_t i;

	for (i = 0; !call->json && i < json_array_size(d->checks); i++)
		render_check(call, json_array_get(d->checks, i));
	if (!call->json)
		return;
	doc = json_pack("{s:i, s:b, s:s, s:O}", "schema", CTL_SCHEMA, "ok", 1,
	    "worst", result_word(d->worst), "checks", d->checks);
	render_json(call, doc);
	json_decref(doc);
}

int
doctor_run(const struct call *call)
{
	struct doctor d = {.call = call, .checks = json_array()};
	int64_t before_us = mono_us();

	d.error = ask_quietly(call, "status", CLIENT_TIMEOUT_US, &d.status);
	d.answer_us = mono_us() - before_us;
	d.now_us = mono_wall_us();
	d.file = call->args[0] != NULL ? call->args[0] : CHECK_DEFAULT;
	doctor_daemon(&d);
	doctor_sandbox(&d);
	doctor_paths(&d);
	doctor_policy(&d);
	doctor_files(&d);
	doctor_host(&d);
	render(&d);
	json_decref(d.status);
	json_decref(d.checks);
	return d.worst >= DOCTOR_WARN ? VERB_DEGRADED : VERB_OK;
}
