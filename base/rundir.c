/* Knows where a daemon's run directory is by default; makes and opens none. */
#include "base/rundir.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *
rundir_default(const char *name, char *out, size_t size)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	int n;

	if (geteuid() == 0) {
		snprintf(out, size, "/run/%s", name);
		return out;
	}
	if (xdg != NULL && xdg[0] == '/') {
		n = snprintf(out, size, "%s/%s", xdg, name);
		if (n > 0 && (size_t)n < size)
			return out;
	}
	snprintf(out, size, "/tmp/%s-%lu", name, (unsigned long)geteuid());
	return out;
}
