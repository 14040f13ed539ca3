#ifndef CAGENT_CTL_SAY_H
#define CAGENT_CTL_SAY_H

#include <jansson.h>

struct call;

/* A note beside the data, "cagent-ctl: ...": on stderr, so that stdout stays
 * data. */
void say(const struct call *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * What went wrong, as a note, and with --json also as an object with "ok"
 * false, "code" (a stable word) and "error".  Returns status.
 */
int say_failure(const struct call *, int status, const char *code,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* The same for a command line that makes no sense: VERB_USAGE. */
int say_usage(const struct call *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
