#ifndef CAGENTD_SYSFILES_H
#define CAGENTD_SYSFILES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The system's files that the resolver reads once, before it may not open any
 * more: resolv.conf and hosts.  Networks come and go, and others rewrite
 * them.  A stat now and then sees every way of doing so; inotify would have
 * to follow links and directories that are replaced.
 */
struct sysfiles_one {
	uint64_t dev, ino, size;
	int64_t sec, nsec; /* all 0: not there */
};

#define SYSFILES_N 2
struct sysfiles {
	bool looked;
	struct sysfiles_one seen[SYSFILES_N];
};

/* The first that is not as it was at the last call, NULL if none is.  Of a
 * zeroed struct the first call says nothing. */
const char *sysfiles_changed(struct sysfiles *);

#endif
