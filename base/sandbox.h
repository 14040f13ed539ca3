#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <sys/resource.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a role may still do once it has started. */
struct sandbox_spec {
	uid_t uid; /* (uid_t)-1: stay who we are */
	gid_t gid;
	uint64_t keep_caps;	     /* bit set of 1ull << CAP_*; others go, in
				    every set and the bounding set */
	const char *chroot_dir;	     /* NULL: no chroot; only tried as root */
	const char *const *syscalls; /* names, NULL-terminated: all that the
				    filter lets through; NULL: no filter */
	const int *families;	     /* -1-terminated: what socket(2) may make;
				    NULL: not limited */
	bool no_files;		     /* Landlock: no path may be opened, made or
				    executed */
	rlim_t nofile; /* soft and hard, capped by what we have; 0:
				    unchanged */
	bool no_fork;  /* RLIMIT_NPROC 0 */
};

/* What was reached, a bit each. */
enum sandbox_bit {
	SANDBOX_UID = 1 << 0,
	SANDBOX_CAPS = 1 << 1,
	SANDBOX_CHROOT = 1 << 2,
	SANDBOX_NO_NEW_PRIVS = 1 << 3,
	SANDBOX_RLIMITS = 1 << 4,
	SANDBOX_SECCOMP = 1 << 5,
	SANDBOX_LANDLOCK = 1 << 6,
};

/*
 * Apply all that can be had, in the one order that works; what the kernel or
 * a missing privilege refuses is left out of *reached.  As root a uid or
 * capability that cannot be dropped is an error.  A forbidden system call
 * fails with EPERM.  No core dumps, not dumpable.  0 or -errno.
 */
int sandbox_apply(const struct sandbox_spec *, uint32_t *reached);

/* "uid caps seccomp ..." into out; returns out. */
#define SANDBOX_STRLEN 80
const char *sandbox_format(uint32_t reached, char out[SANDBOX_STRLEN]);

#endif
