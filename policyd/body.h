#ifndef POLICYD_BODY_H
#define POLICYD_BODY_H

#include <stdbool.h>

struct envelope;

/*
 * Is the body of a policy or a rank in its grammar?  Says what is wrong, line
 * by line of the file that it came from.  What an agent's own configuration
 * does not allow is not known here.
 */
bool body_check(const char *path, const struct envelope *);

#endif
