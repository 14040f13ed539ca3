#ifndef BASE_RUNDIR_H
#define BASE_RUNDIR_H

#include <stddef.h>

/*
 * Where a daemon keeps what lives as long as it runs, when it is not told:
 * /run/NAME for root, $XDG_RUNTIME_DIR/NAME for others, and /tmp/NAME-UID
 * where that variable is not set or no absolute path that fits.
 */
const char *rundir_default(const char *name, char *out, size_t size);

#endif
