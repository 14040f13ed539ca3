#ifndef CAGENTD_LOGIN_SOURCE_H
#define CAGENTD_LOGIN_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "cagentd/decide/classify.h"

/*
 * Whom a failed login is held against: the uid that the kernel tells, else
 * the address, of IPv6 its /64, which is one customer's.
 */
struct login_source {
	uint8_t bytes[1 + 16];
};
void login_source_of(const struct client *, struct login_source *out);
bool login_source_same(
    const struct login_source *, const struct login_source *);

/* "uid 1000", "192.0.2.7", for the log; returns out. */
#define LOGIN_SOURCE_STRLEN (NET_IP_STRLEN + 16)
const char *login_source_format(
    const struct client *, char out[LOGIN_SOURCE_STRLEN]);

#endif
