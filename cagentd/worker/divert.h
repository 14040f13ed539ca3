#ifndef CAGENTD_DIVERT_H
#define CAGENTD_DIVERT_H

#include "conf/settings.h"
#include "wire/intake.h"

/*
 * Where a connection was on its way to that the kernel has handed to us
 * instead: by nftables' redirect (SO_ORIGINAL_DST) or tproxy (its own
 * address).  0 with *out; -ELOOP when that is a listener of ours, since
 * somebody has connected to it by its own address; or another -errno.
 */
int divert_destination(const struct settings *, int fd,
    enum settings_listener kind, struct wire_host *out);

enum wire_protocol divert_protocol(enum settings_listener);

#endif
