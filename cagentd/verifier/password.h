#ifndef CAGENTD_PASSWORD_H
#define CAGENTD_PASSWORD_H

#include <stdint.h>

#include "cagentd/common/msg.h"
#include "conf/users.h"

/*
 * Is it that user's password?  Takes as long for a user who is not there: the
 * password is then held against another's hash, always the same one's for the
 * same name (which one hangs on key), and is wrong whatever comes of it.
 * BUSY: there is no memory to look with.
 */
#define PASSWORD_KEY_LEN 16
enum msg_verdict password_verify(const struct users *,
    const uint8_t key[PASSWORD_KEY_LEN], const char *user,
    const char *password);

#endif
