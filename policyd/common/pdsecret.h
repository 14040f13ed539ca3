#ifndef POLICYD_PDSECRET_H
#define POLICYD_PDSECRET_H

#include <stddef.h>
#include <stdint.h>

#include "trust/keyfile.h"

struct pdconf;
struct pdchild_login;

/*
 * What the configuration names: keys, passwords, the root.  All say what is
 * wrong in why, with the path; 0 or -errno.
 */
#define PDSECRET_WHY_MAX KEYFILE_WHY_MAX
#define PDSECRET_KEY_LEN 64

/* sodium_malloc()ed: the secret of a key and its public half. */
int pdsecret_key(const char *path, enum keyfile_kind, uint8_t **out,
    char why[PDSECRET_WHY_MAX]);
/* sodium_malloc()ed, one each of conf's logins; NULL when there are none. */
int pdsecret_logins(const struct pdconf *, struct pdchild_login **out,
    char why[PDSECRET_WHY_MAX]);
/* malloc()ed; that it is a root that its own keys have signed is checked. */
int pdsecret_root(
    const char *path, uint8_t **out, size_t *len, char why[PDSECRET_WHY_MAX]);

#endif
