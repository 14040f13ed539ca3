#ifndef CAGENT_CTL_NAME_H
#define CAGENT_CTL_NAME_H

#include <jansson.h>
#include <stdbool.h>

struct call;

/* Can s be a name: lower-case letters, digits, '-', '_', '.', 1 to 63? */
bool name_valid(const char *s);
/*
 * Ask "VERB NAME[ MORE]" about the call's first argument, like ask(); for a
 * name that there is not, the nearest one of the table is told.
 */
int name_ask(
    const struct call *, json_t **doc, const char *verb, const char *more);

#endif
