#ifndef CAGENTD_ASKS_H
#define CAGENTD_ASKS_H

#include "cagentd/decide/classify.h"

/*
 * Pure: does what a rule says of who asks, and how, hold for this request?
 * Of each kind of key that the rule has one must match: user, login, service,
 * source, protocol, method, path.  asked NULL: a tunnel, which has no method
 * and no path.  What is not known of a client matches no key.
 */
bool asks_match(const struct settings *, uint32_t rule, const struct client *,
    const struct asked *);

/*
 * Is it such a service?  An asterisk in the pattern is any run of characters.
 * Without a '/' it is about the first part alone, what the system's manager
 * has started; with one about the whole of it.
 */
bool asks_service(const char *pattern, const char *service);

#endif
