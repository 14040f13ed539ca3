#ifndef CAGENT_CTL_TARGET_H
#define CAGENT_CTL_TARGET_H

#include <stdbool.h>

#include "wire/wire.h"

/*
 * A destination as people give it: a URL, HOST:PORT, [V6]:PORT, or a bare
 * HOST or V6 address.  Query and login of a URL are dropped.
 * guessed  the port is not in the text but follows from the scheme, or is
 *          443 where there is none either.
 * path     of a URL with http, path_len bytes of text, perhaps none; NULL:
 *          it has another scheme or none.
 * why      what is wrong with it, on failure; a string constant.
 * returns  0 or -EINVAL.
 */
struct target {
	struct wire_host host;
	bool guessed;
	const char *path;
	size_t path_len;
	const char *why;
};
int target_parse(const char *text, struct target *);

#endif
