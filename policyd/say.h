#ifndef POLICYD_SAY_H
#define POLICYD_SAY_H

/* "cagent-policyd: ..." on stderr; returns VERB_FAILED. */
int say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same for a command line that makes no sense: VERB_USAGE. */
int say_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
