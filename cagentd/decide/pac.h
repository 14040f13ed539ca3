#ifndef CAGENTD_PAC_H
#define CAGENTD_PAC_H

#include <stddef.h>

#include "conf/settings.h"

/*
 * The script by which browsers find out whom to ask ("proxy auto-config"):
 * this host and plain names directly, likewise what [direct] lists as long as
 * no rule may have another word on it; all else is sent to us, and to nobody
 * if we are away, unless no-path = direct.  It looks up no names: networks
 * match address literals only, as they do in classify().
 *
 * at       our "host:port", of characters that need no quoting.
 * returns  the script's length without the NUL that follows it; as with
 *          snprintf(), what does not fit into cap bytes is cut.
 */
size_t pac_encode(
    const struct settings *, const char *at, char *out, size_t cap);

#endif
