#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <sys/resource.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A system call that is let through only for some values of an argument. */
struct sandbox_arg {
	const char *syscall;
	unsigned int arg;  /* which, from 0 */
	const int *values; /* -1-terminated */
	bool pairs; /* of it, and of the next: an option's level and name */
};

/* What a role may still do once it has started. */
struct sandbox_spec {
	uid_t uid; /* (uid_t)-1: stay who we are */
	gid_t gid;
	uint64_t keep_caps;	     /* bit set of 1ull << CAP_*; others go, in
				    every set and the bounding set */
	const char *chroot_dir;	     /* NULL: no chroot; only tried as root */
	const char *const *syscalls; /* names, NULL-terminated: all that the
				    filter lets through; NULL: no filter */
	const char *also;	     /* one name more; NULL: none */
	const int *families;	     /* -1-terminated: what socket(2) may make;
				    NULL: not limited */
	const struct sandbox_arg *args; /* limits on some of syscalls, ended
				    by a row of zeros; NULL: none */
	bool no_files;	       /* Landlock: no path may be opened, made or
				    executed, no TCP port bound */
	bool listens;	       /* no_files, but for ports of the kernel's
				    choice (port 0) */
	const char *files_dir; /* no_files, but for regular files beneath
				    this; NULL: none */
	bool files_read_only;  /* and those only to read */
	bool scoped;	       /* Landlock: no signal to and no abstract
				    unix socket of a process outside */
	rlim_t nofile;	       /* soft and hard, capped by what we have; 0:
				    unchanged */
	bool no_fork;	       /* RLIMIT_NPROC 0; binds only who is not root */
};

/* What was asked for and reached, a bit each. */
enum sandbox_bit {
	SANDBOX_UID = 1 << 0,
	SANDBOX_CAPS = 1 << 1,
	SANDBOX_CHROOT = 1 << 2,
	SANDBOX_NO_NEW_PRIVS = 1 << 3,
	SANDBOX_RLIMITS = 1 << 4,
	SANDBOX_SECCOMP = 1 << 5,
	SANDBOX_LANDLOCK = 1 << 6, /* no_files, as to paths */
	SANDBOX_NO_BIND = 1 << 7,  /* no_files, as to ports that are chosen:
				      Linux 6.7 */
	SANDBOX_SCOPED = 1 << 8,   /* Linux 6.12 */
};

/*
 * Apply all that can be had, in the one order that works; what the kernel or
 * a missing privilege refuses is left out of *reached.  As root a uid or
 * capability that cannot be dropped is an error.  A forbidden system call
 * fails with EPERM, one of a foreign architecture kills.  No core dumps, not
 * dumpable.  Capabilities and Landlock are a thread's: call this before the
 * second thread.  0 or -errno; after an error only leaving is safe.
 */
int sandbox_apply(const struct sandbox_spec *, uint32_t *reached);

/* "uid caps seccomp ..." or "none" into out; returns out. */
#define SANDBOX_STRLEN 80
const char *sandbox_format(uint32_t reached, char out[SANDBOX_STRLEN]);

#endif
