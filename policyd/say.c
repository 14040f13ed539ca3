/* What goes wrong, to a person; decides nothing. */
#include "policyd/say.h"

#include <stdarg.h>
#include <stdio.h>

#include "policyd/verb.h"

static void __attribute__((format(printf, 1, 0)))
line(const char *fmt, va_list ap)
{
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
