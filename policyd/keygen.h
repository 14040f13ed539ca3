#ifndef POLICYD_KEYGEN_H
#define POLICYD_KEYGEN_H

#include <stdbool.h>

#include "trust/keyfile.h"

/* A fresh pair as NAME.key and NAME.pub, neither of which may be there.  Says
 * what is wrong. */
bool keygen_make(
    const char *name, enum keyfile_kind, struct keyfile_public *out);

#endif
