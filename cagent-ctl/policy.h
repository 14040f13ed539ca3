#ifndef CAGENT_CTL_POLICY_H
#define CAGENT_CTL_POLICY_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct call;

/* What the files of `cagent-ctl policy` share. */

/* The whole of a file that can be a message; what goes wrong is said.  Returns
 * enum verb_exit; the caller frees. */
int policy_read(
    const struct call *, const char *path, uint8_t **data, size_t *len);

int policy_verify(const struct call *, const char *path);
int policy_diff(const struct call *, const char *path);

#endif
