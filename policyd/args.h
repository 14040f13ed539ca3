#ifndef POLICYD_ARGS_H
#define POLICYD_ARGS_H

#include <stdbool.h>
#include <stdint.h>

struct call;

/* Read a command line into *call, in which now_s is set.  What is wrong is
 * said.  returns VERB_OK or VERB_USAGE. */
int args_parse(int argc, char **argv, struct call *call);
/* How the commands are used, on stdout. */
void args_help(void);

/* "365d", "12h", "30m" from now, or a point in time as trust/when.h has them;
 * later than now. */
bool args_expires(const char *, int64_t now_s, int64_t *out);
/* Decimal digits and nothing else, up to max. */
bool args_number(const char *, uint64_t max, uint64_t *out);

#endif
