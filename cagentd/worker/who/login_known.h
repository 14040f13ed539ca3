#ifndef CAGENTD_LOGIN_KNOWN_H
#define CAGENTD_LOGIN_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What was right lately: of user, password and users file a keyed hash, whose
 * key no other process has and which ends with this one.  Bounded: what is
 * over soonest gives way.
 */
#define LOGIN_MARK_LEN 32
#define LOGIN_SETS     256
#define LOGIN_WAYS     4

struct login_known_one {
	uint8_t mark[LOGIN_MARK_LEN];
	int64_t until_us; /* 0: empty */
};

struct login_known {
	uint8_t key[32];
	struct login_known_one ones[LOGIN_SETS][LOGIN_WAYS];
};

void login_known_init(struct login_known *);
void login_known_mark(const struct login_known *, uint64_t users_mark,
    const char *user, const char *password, uint8_t mark[LOGIN_MARK_LEN]);
bool login_known_has(const struct login_known *,
    const uint8_t mark[LOGIN_MARK_LEN], int64_t now_us);
void login_known_put(
    struct login_known *, const uint8_t mark[LOGIN_MARK_LEN], int64_t until_us);
void login_known_forget(struct login_known *);

#endif
