#ifndef CAGENTD_MASTER_POLICY_H
#define CAGENTD_MASTER_POLICY_H

#include <stdbool.h>

#include "base/chan.h"
#include "conf/settings.h"

/*
 * What the master has to do with policy: it opens the file in which the
 * control process keeps what it has accepted, and takes the body that this
 * one has verified.  That goes by memory which both have, since a master takes
 * no fd from a child.
 */

/* policy.state in the state directory, the memory, and policy.history; files
 * and directory are made where missing, for this agent alone.  All -1 where no
 * policy may be.  fatal() with what is wrong.  Waits for the control process of
 * a master that was killed to be gone. */
#define MASTER_POLICY_FDS 3
void master_policy_open(const struct settings *, int fds[MASTER_POLICY_FDS]);

struct master_policy {
	struct settings_body body; /* points into text */
	char *text;		   /* owned; NULL: there is none */
};

/* What a MSG_POLICY is about, out of the memory: 0, -ESTALE when another one is
 * there by now, -EPROTO, -ENOMEM, -errno. */
int master_policy_read(
    const struct chan_msg *, int memory, struct master_policy *);
bool master_policy_same(
    const struct master_policy *, const struct master_policy *);

#endif
