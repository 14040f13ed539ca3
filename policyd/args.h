#ifndef POLICYD_ARGS_H
#define POLICYD_ARGS_H

#include <stdbool.h>
#include <stdint.h>

struct call;
struct verb;

/* Read a command line into *call, in which now_s is set.  What is wrong is
 * said.  returns VERB_OK or VERB_USAGE. */
int args_parse(int argc, char **argv, struct call *call);
/* How the command is used, or (NULL) all of them, on stdout. */
void args_help(const struct verb *);

/* Decimal digits and nothing else, up to max. */
bool args_number(const char *, uint64_t max, uint64_t *out);

#endif
