#ifndef BASE_SYSFILES_H
#define BASE_SYSFILES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The system's files that children use once, before they may not open any
 * more: what the resolver reads, and syslog's socket.  Networks come and go
 * and services are restarted, so others make them anew.  A stat now and then
 * sees every way of doing so; inotify would have to follow links and
 * directories that are replaced.
 */
enum sysfiles_name {
	SYSFILES_RESOLV,
	SYSFILES_HOSTS,
	SYSFILES_LOG,
	SYSFILES_N
};

struct sysfiles_one {
	uint64_t dev, ino, size;
	int64_t sec, nsec; /* all 0: not there */
};

struct sysfiles {
	bool looked;
	struct sysfiles_one seen[SYSFILES_N];
};

const char *sysfiles_path(enum sysfiles_name);
/* A bit, 1 << name, for each that is there and not as it was at the last
 * call.  Of a zeroed struct the first call says nothing. */
unsigned int sysfiles_changed(struct sysfiles *);

#endif
