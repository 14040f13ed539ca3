#ifndef CAGENT_CTL_ENV_H
#define CAGENT_CTL_ENV_H

#include <sys/types.h>

#include <stdint.h>
#include <stdio.h>

#include "base/net.h"
#include "conf/settings.h"

/* What there is to know of a daemon for those that are to use it. */
#define ENV_UIDS_MAX 8
struct env {
	union net_addr listeners[SETTINGS_LISTENERS_MAX];
	enum settings_listener kinds[SETTINGS_LISTENERS_MAX];
	uint32_t listeners_n;
	uid_t uids[ENV_UIDS_MAX]; /* as whom it makes connections */
	uint32_t uids_n;
};

/* The first listener of that kind and family (AF_UNSPEC: of either of TCP),
 * whose port is known, or NULL. */
const union net_addr *env_listener(
    const struct env *, enum settings_listener, int family);

/*
 * The rules that hand outgoing TCP connections of this host to the daemon,
 * for `nft -f`, with those of routing that tproxy needs as comments that begin
 * with "# ip ".  There must be a listener of such a kind.
 */
void env_rules(const struct env *, FILE *out);

#endif
