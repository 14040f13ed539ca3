#ifndef POLICYD_ROOTS_H
#define POLICYD_ROOTS_H

#include <stdbool.h>

#include "trust/root.h"

struct call;
struct message;

/* All of these say what is wrong. */

/* What the body of a root says that nobody may have signed yet. */
bool roots_body(const struct message *, const char *path, struct root *out);
/* The unsigned message of a root. */
bool roots_message(const struct call *, const struct root *, int64_t expires_s,
    struct message *out);
/* Give a key one role more, and add it if it is not there yet. */
bool roots_add(struct root *, const char *name, const struct keyfile_public *,
    enum root_role);

/* Who has signed m and who has not, on stdout.  before: the root's before, or
 * NULL.  false: a signature is wrong. */
bool roots_progress(
    const struct message *m, const struct root *own, const struct root *before);

#endif
