#ifndef POLICYD_SAY_H
#define POLICYD_SAY_H

struct call;

/* "cagent-policyd: ..." on stderr; returns VERB_FAILED. */
int say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same for a command line that makes no sense: VERB_USAGE. */
int say_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same of a verb of the server; with --json also as an object on stdout.
 * code: a stable word.  Returns status. */
int say_failure(const struct call *, int status, const char *code,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
