/* Owns notes and failures; answers are render.c's. */
#include "cagent-ctl/say.h"

#include <stdarg.h>
#include <stdio.h>

#include "cagent-ctl/field.h"
#include "cagent-ctl/format.h"
#include "cagent-ctl/render.h"
#include "cagent-ctl/verb.h"
#include "wire/ctl.h"

#define SAY_MAX 1024

static void
note(const struct call *call, char *text)
{
	/* In the order in which it happened, where both go to one place. */
	fflush(call->out);
	fprintf(call->err, "cagent-ctl: %s\n", format_clean(text));
}

void
say(const struct call *call, const char *fmt, ...)
{
	char text[SAY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	note(call, text);
}

static int
failure(const struct call *call, int status, const char *code, char *text)
{
	json_t *doc;

	note(call, text);
	if (!call->json)
		return status;
	doc = json_pack("{s:i, s:b, s:s, s:o}", "schema", CTL_SCHEMA, "ok", 0,
	    "code", code, "error", field_json_string(text));
	if (doc != NULL)
		render_json(call, doc);
	json_decref(doc);
	return status;
}

int
say_failure(
    const struct call *call, int status, const char *code, const char *fmt, ...)
{
	char text[SAY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return failure(call, status, code, text);
}

int
say_usage(const struct call *call, const char *fmt, ...)
{
	char text[SAY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return failure(call, VERB_USAGE, "usage", text);
}
