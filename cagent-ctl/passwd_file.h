#ifndef CAGENT_CTL_PASSWD_FILE_H
#define CAGENT_CTL_PASSWD_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "conf/users.h"

/*
 * The users file, to be changed: its other lines stay as they are.  All that
 * can fail says why, with the path; 0 or -errno.
 */
#define PASSWD_WHY_MAX (PATH_MAX + 256)

/* What [access] users-file of a configuration names, which need not be right
 * otherwise; else SYSCONFDIR/cagent/users.  false: it names none. */
bool passwd_path(const char *conf, char out[PATH_MAX]);

/* The caller frees; -ENOENT: there is no such file. */
int passwd_read(
    const char *path, struct users **users, char why[PASSWD_WHY_MAX]);

/*
 * That user's line, new or in the place of the one before; hash NULL: away
 * with it, -ESRCH when there is none.  The file is replaced as a whole, with
 * owner and mode as before, the mode 0640 at most and 0600 for a new one;
 * others who do the same meanwhile wait.  *was: there was one.
 */
int passwd_change(const char *path, const char *user, const char *hash,
    bool *was, char why[PASSWD_WHY_MAX]);

#endif
