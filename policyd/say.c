/* What goes wrong, to a person; decides nothing. */
#include "policyd/say.h"

#include <stdarg.h>
#include <stdio.h>

#include <jansson.h>

#include "policyd/common/pdctl.h"
#include "policyd/human.h"
#include "policyd/verb.h"

#define SAY_MAX 2048

static void __attribute__((format(printf, 1, 0)))
line(const char *fmt, va_list ap)
{
	/* In the order in which it happened, where both go to one place. */
	fflush(stdout);
	fputs("cagent-policyd: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int
say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(fmt, ap);
	va_end(ap);
	return VERB_FAILED;
}

int
say_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(fmt, ap);
	va_end(ap);
	fputs("try: cagent-policyd --help\n", stderr);
	return VERB_USAGE;
}

int
say_failure(
    const struct call *call, int status, const char *code, const char *fmt, ...)
{
	char text[SAY_MAX];
	json_t *doc;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say("%s", human_clean(text));
	if (!call->json)
		return status;
	doc = json_pack("{s:i, s:b, s:s, s:o*}", "schema", PDCTL_SCHEMA, "ok",
	    0, "code", code, "error", json_string(text));
	if (doc != NULL && json_dumpf(doc, stdout, JSON_COMPACT) == 0)
		fputc('\n', stdout);
	json_decref(doc);
	return status;
}
