#ifndef NAMES_NAMES_HOSTS_H
#define NAMES_NAMES_HOSTS_H

#include <stdbool.h>

#include "names/answer.h"

/* hosts(5), read once; and localhost (RFC 6761 section 6.3). */
struct names_hosts;

#define NAMES_HOSTS_MAX 65536 /* names taken from the file */

/* A file that is not there or cannot be read is an empty one; NULL when out
 * of memory, which the other calls take too. */
struct names_hosts *names_hosts_load(const char *path);
void names_hosts_free(struct names_hosts *);
/* name: lower case.  true with *out NAMES_OK. */
bool names_hosts_find(
    const struct names_hosts *, const char *name, struct names_answer *out);

#endif
